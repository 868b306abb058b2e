package attention

import (
	"unsafe"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/seq"
)

// Scratch counts what Run takes from a step's arena, in the order in which it does: TestScratch compares the two to the byte.
func (c *Core) Scratch(mem *seq.Sizer, at *seq.StepSize) {
	piece := *at
	if c.cut > 0 {
		piece.N = min(at.N, c.cut)
		if rest := at.N % c.cut; rest > 0 { // few rows may take more than many
			last := *at
			last.N = rest
			c.scratch(mem, &last)
		}
	}
	c.scratch(mem, &piece)
}

// scratch is Scratch of a step that is not cut.
func (c *Core) scratch(mem *seq.Sizer, at *seq.StepSize) {
	sh := c.shape
	mark := mem.Mark()
	c.sizeForget(mem, at)
	if c.pos != nil {
		seq.Size[float32](mem, at.N*c.turnWidth())
	}
	rows := min(c.height, at.N) * c.group
	for range at.Workers {
		c.sizeQueries(mem, rows, at.Exact)
		seq.Size[float32](mem, rows*Tile)
		if c.bias != nil {
			seq.Size[float32](mem, c.bias.Width()*Tile)
		}
		seq.Size[float32](mem, sh.Dim*Tile)
		seq.Size[float32](mem, sh.VDim*Tile)
		if c.infused != nil {
			seq.Size[float32](mem, sh.Dim)
		}
		seq.Size[float32](mem, rows*(sh.VDim+3))
		seq.Size[float32](mem, rows*(sh.VDim+3))
		if !at.Exact {
			c.sizeInts(mem, rows)
		}
		if c.sel != nil {
			c.sizePicks(mem, at)
		}
	}
	if c.sel != nil {
		seq.Size[uint64](mem, c.choosing(at.N)*choiceWords(tiles(at.MaxLen)))
		for _, s := range c.sel {
			if s != nil {
				seq.Size[int32](mem, s.choosing(at.N))
				seq.Size[int32](mem, at.N)
			}
		}
	}
	if c.near != nil && at.N > nearSlack {
		seq.Size[byte](mem, c.staging(at.N))
	}
	if rows := at.N * c.group; rows <= slimRows {
		for range c.together(at.N, at.MaxLen) {
			seq.Size[float32](mem, rows*(sh.VDim+3))
		}
		for range sh.KVHeads {
			c.sizeQueries(mem, rows, at.Exact)
			seq.Size[float32](mem, rows*(sh.VDim+3))
		}
	}
	mem.Release(mark)
}

// sizeQueries counts what takeQueries takes.
func (c *Core) sizeQueries(mem *seq.Sizer, rows int, exact bool) {
	seq.Size[float32](mem, rows*c.shape.Dim)
	if c.far != nil {
		seq.Size[float32](mem, rows*c.shape.Dim)
	}
	if c.keyInts != nil && !exact {
		seq.Size[int8](mem, rows*c.padded())
		seq.Size[uint64](mem, rows*c.padded()/i8.Group)
	}
}

// sizePicks counts what takePicks takes when the session is full; before, it takes less.
func (c *Core) sizePicks(mem *seq.Sizer, at *seq.StepSize) {
	stride := panels(tiles(at.MaxLen)) * panel
	ask := c.asking(at.N)
	seq.Size[uint64](mem, 2*choiceWords(tiles(at.MaxLen)))
	seq.Size[float32](mem, ask.rows*c.shape.Dim)
	seq.Size[float32](mem, ask.products*stride)
	seq.Size[float32](mem, stride)
	seq.Size[uint32](mem, stride)
	seq.Size[float32](mem, ask.numbers)
	seq.Size[uint16](mem, ask.numbers)
	seq.Size[float32](mem, ask.wide)
	seq.Size[float32](mem, ask.width*panel)
	if n := c.group * c.shape.Dim; c.turns() {
		seq.Size[float32](mem, 2*n)
		seq.Size[uint16](mem, n)
	}
	if c.finds() {
		sizeSeek(mem, c.group, stride)
	}
}

// sizeInts counts what takeInts takes.
func (c *Core) sizeInts(mem *seq.Sizer, rows int) {
	room := 0
	if c.keyInts != nil {
		room = c.keyInts.Room()
		dim := c.padded()
		if dim != c.shape.Dim {
			seq.Size[float32](mem, dim)
		}
		if c.keyChan != nil {
			seq.Size[int8](mem, rows*dim)
			seq.Size[uint64](mem, rows*dim/i8.Group)
			seq.Size[float32](mem, 2*dim)
		}
	}
	if c.valInts != nil {
		room = max(room, c.valInts.Room())
		seq.Size[int8](mem, rows*Tile)
		seq.Size[uint64](mem, rows*Tile/i8.Group)
		seq.Size[float32](mem, Tile)
		seq.Size[float32](mem, Tile)
		if c.shape.VDim%i8.Panel != 0 {
			seq.Size[float32](mem, rows*i8.Panel)
		}
	}
	seq.Size[int8](mem, room)
}

// Heap returns the bytes of what a session's state holds beside the cache: tables of blocks, and of what queries see. Those grow with
// the first passes.
func (c *Core) Heap(at *seq.StepSize) int64 {
	runs := 1 // what is hidden makes two of one
	for _, s := range c.spans {
		runs = max(runs, 1+runsOf(s, seq.Pos(at.MaxLen-1)))
	}
	if c.layer.Group != nil { // a run that goes through some blocks is in pieces, which stand behind it at first
		runs = 2*runs + groupBlocks(c.layer.Group, at.MaxLen)
	}
	const grown = 2 // a slice that grew, and the one before it
	stores := 1
	if c.near != nil {
		stores, runs = 2, runs+2
	}
	if c.far != nil {
		stores++
	}
	worker := int(unsafe.Sizeof(worker{})) + stores*c.height*int(unsafe.Sizeof(view{})+uintptr(grown*runs)*unsafe.Sizeof(seq.Run{}))
	table := c.blocksOf(at.MaxLen)*int(unsafe.Sizeof(item{})+unsafe.Sizeof(softmax{})) + c.shape.KVHeads*int(unsafe.Sizeof(head{}))
	for _, s := range c.sel {
		if s != nil {
			table += int(unsafe.Sizeof(choices{})) + s.kept()*int(unsafe.Sizeof(int(0)))
			if s.turns() {
				table += 2 * recentRows * int(unsafe.Sizeof(int(0)))
			}
		}
	}
	return c.keptHeap(at) + int64(int(unsafe.Sizeof(state{}))+grown*at.Workers*worker+table)
}

// sizeForget counts what forget takes, of all rows that may be held at a boundary, and lets go of it.
func (c *Core) sizeForget(mem *seq.Sizer, at *seq.StepSize) {
	if c.keptBytes(at.MaxLen) == 0 {
		return
	}
	sh, k := c.shape, c.newKept(nil, at.MaxLen)
	most := min(k.stride+k.Every, at.MaxLen)
	mark := mem.Mark()
	seq.Size[float32](mem, sh.KVHeads*most)
	if _, ok := c.layer.Keep.(Rememberer); ok {
		seq.Size[float32](mem, sh.KVHeads*most)
	}
	seq.Size[int32](mem, sh.KVHeads*k.stride)
	seq.Size[seq.Pos](mem, most)
	seq.Size[uint64](mem, most)
	seq.Size[float32](mem, most)
	seq.Size[float32](mem, sh.Dim)
	seq.Size[float32](mem, sh.Dim*Tile)
	seq.Size[float32](mem, sh.VDim*Tile)
	for range at.Workers {
		if k.Merge {
			sizeMerging(mem, most, sh.Dim, sh.VDim)
		}
	}
	if k.watch > 0 {
		seq.Size[float32](mem, k.watch*c.group*evidenceStride(most))
		seq.Size[float32](mem, at.Workers*c.watchRoom())
		if c.pos != nil {
			seq.Size[float32](mem, max(k.watch, aheadRows)*c.pos.Width())
		}
	}
	if k.Ada != 0 {
		seq.Size[uint64](mem, sh.KVHeads*most) // share; deal takes less, a number for each tile
	}
	mem.Release(mark)
}

// keptHeap is what a keeper adds to Heap.
func (c *Core) keptHeap(at *seq.StepSize) int64 {
	if c.keptBytes(at.MaxLen) == 0 {
		return 0
	}
	runs := 1
	for _, s := range c.layer.Span {
		runs = max(runs, 1+runsOf(s, seq.Pos(at.MaxLen-1)))
	}
	k := c.newKept(nil, at.MaxLen)
	run := int(unsafe.Sizeof(seq.Run{}))
	worker := int(unsafe.Sizeof([]seq.Run{})+unsafe.Sizeof(merging{})) + runs*run
	const grown = 2
	return int64(int(unsafe.Sizeof(kept{})) + c.shape.KVHeads*17 + k.watch*run + grown*at.Workers*worker)
}
