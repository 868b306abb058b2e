package runtime

import (
	"fmt"
	"math/bits"
	"os"
	"sort"
	"strings"

	"github.com/godwit-ai/godwit/seq"
)

// Memory is the anonymous memory that a model with one session takes at most, by part, before there is a session. Sizes are in
// bytes. It is what AutoChunk (arXiv 2401.10652) plans for any graph of operations, for the few that godwit has: rows are the
// dimension that is cut, since no operation mixes those of a step but attention, which takes them from the cache.
type Memory struct {
	Context int // most tokens of the session
	Chunk   int // rows of a step
	Rows    int // logits held at once, in rows of the vocabulary: what Each has in a step, and drafts of a step and one

	Mapped    int64      // the model's files: pages that the system may drop, not in the total
	Spill     int64      // the session's file, see Options.Spill: likewise; 0: none
	KV        []KVMemory // keys and values, by groups of layers that are alike
	Scratch   int64      // activations of a step, of which WorkersPart is the workers' own
	Logits    int64
	Stream    int64 // tokens, the index of drafts, the text of a prompt, the caches' tables
	Model     int64 // parsed metadata, small tensors; the files, when they are not mapped
	Text      int64 // a tokenizer's index and a sampler
	Workers   int64 // stacks of the workers' threads
	Collector int64 // garbage of the Go heap: as much as is in use, and the least that the collector lets grow

	WorkersPart int64 // of Scratch: what all workers but the first add
}

// KVMemory is the cache of some layers.
type KVMemory struct {
	Layers   []int // indices of attention layers
	PerToken int64 // bytes of a token, in all of them
	Bytes    int64 // of the whole session, in memory
	Spill    int64 // in its file
}

// MemoryPart is a part of the total.
type MemoryPart struct {
	Name  string
	Bytes int64
}

// Parts are the parts of the total, in a fixed order.
func (p Memory) Parts() []MemoryPart {
	return []MemoryPart{{"keys and values", p.kv()}, {"scratch", p.Scratch}, {"logits", p.Logits}, {"stream", p.Stream},
		{"model", p.Model}, {"tokenizer and sampler", p.Text}, {"workers", p.Workers}, {"collector", p.Collector}}
}

// Total is what all parts take together.
func (p Memory) Total() (sum int64) {
	for _, part := range p.Parts() {
		sum += part.Bytes
	}
	return sum
}

func (p Memory) kv() (sum int64) {
	for _, g := range p.KV {
		sum += g.Bytes
	}
	return sum
}

// session is what a session adds to the total: its own parts, and their garbage.
func (p Memory) session() int64 { return p.kv() + p.Scratch + 2*(p.Logits+p.Stream) }

// MemoryError says that a session does not fit into the budget.
type MemoryError struct {
	Budget     int64
	Taken      int64  // by the model's other sessions
	Least      Memory // what the session takes with steps of one row
	MaxContext int    // tokens of the longest session that fits; 0: none does
}

func (e *MemoryError) Error() string {
	var parts []string
	for _, p := range e.Least.Parts() {
		parts = append(parts, fmt.Sprintf("%s %s", p.Name, mega(p.Bytes)))
	}
	text := fmt.Sprintf("the memory budget is too small: %d tokens need %s at least, of %s", e.Least.Context, mega(e.Least.Total()), mega(e.Budget))
	if e.Taken > 0 {
		text += fmt.Sprintf(", of which other sessions have %s", mega(e.Taken))
	}
	text += " (" + strings.Join(parts, ", ") + "); "
	if e.MaxContext == 0 {
		return text + "no context fits"
	}
	return text + fmt.Sprintf("a context of %d tokens fits", e.MaxContext)
}

// Is makes errors.Is(err, ErrMemory) true.
func (e *MemoryError) Is(target error) bool { return target == ErrMemory }

func mega(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// Memory plans a session without making it. With a budget, the chunk and the rows are the most that fit, beside the sessions that are
// open; what does not fit in steps of one row is a *MemoryError.
func (m *Model) Memory(o SessionOptions) (Memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.plan(o, m.taken, false)
}

// MaxContext returns the most tokens of a session in steps of at most chunk rows (0: one) that fits into the budget; without one, that is
// MaxContext.
func (m *Model) MaxContext(chunk int, exact bool) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.longest(max(1, chunk), exact, m.taken, false)
}

// plan chooses a session's chunk and rows. Of what is left beside steps of one row, rows of logits get a quarter, or what the largest
// chunk leaves, and the chunk the rest; so with more memory neither becomes smaller.
func (m *Model) plan(o SessionOptions, taken int64, file bool) (Memory, error) {
	env, err := m.env(o)
	if err != nil {
		return Memory{}, err
	}
	rows := max(1, min(env.MaxChunk, eachFloats/m.Info.Vocab))
	z := m.sizer(env.MaxLen, o.Exact)
	z.file = file
	if m.budget == 0 {
		held, pass := m.rows(env.MaxLen, env.MaxChunk)
		if _, err := m.net.Bytes(&seq.Env{MaxLen: held, MaxChunk: pass}); err != nil {
			return Memory{}, err
		}
		return z.memory(env.MaxChunk, rows), nil
	}
	least := z.memory(1, 1)
	spare := m.budget - taken - least.Total()
	if spare < 0 {
		return Memory{}, &MemoryError{Budget: m.budget, Taken: taken, Least: least, MaxContext: m.longest(1, o.Exact, taken, file)}
	}
	row, whole := 2*z.logits(1), z.memory(env.MaxChunk, 1)
	share := min(int64(rows-1)*row, max(spare/4, spare-(whole.Total()-least.Total())))
	left := least.session() + spare - share
	chunk := sort.Search(env.MaxChunk-1, func(i int) bool { // the first that does not fit is i+2
		p := z.memory(i+2, 1)
		return p.session() > left
	}) + 1
	return z.memory(chunk, 1+int(share/row)), nil
}

// longest returns the most tokens that fit in steps of chunk rows.
func (m *Model) longest(chunk int, exact bool, taken int64, file bool) int {
	if m.budget == 0 {
		return MaxContext
	}
	return sort.Search(MaxContext, func(i int) bool {
		z := m.sizer(i+1, exact)
		z.file = file
		p := z.memory(min(chunk, i+1), 1)
		return p.Total() > m.budget-taken
	})
}

// sizer computes the parts of sessions of one length.
type sizer struct {
	m      *Model
	tokens int  // the session's length
	file   bool // all caches are in its file
	at     seq.StepSize
	small  [slim + 1]int64 // scratch of steps of up to so many rows; 0: not computed
}

func (m *Model) sizer(context int, exact bool) *sizer {
	held, _ := m.rows(context, 1)
	return &sizer{m: m, tokens: context, at: seq.StepSize{MaxLen: held, Workers: m.pool.Workers(), Exact: exact}}
}

// slim is the most rows of steps that may take more scratch than longer ones: attention shares out blocks then, whose results are held.
const slim = 32

// scratch is the most that steps of up to n rows take. From slim rows on it rises with the rows.
func (z *sizer) scratch(n int) int64 {
	k := min(n, slim)
	if z.small[k] == 0 {
		for i := 1; i <= k; i++ {
			z.at.N = i
			z.small[i] = max(z.small[i-1], z.m.net.Scratch(&z.at))
		}
	}
	z.at.N = n
	return max(z.small[k], z.m.net.Scratch(&z.at))
}

// logits is what rows of logits take: with a plan that judges tokens, those of a pass are held beside those that are asked for.
func (z *sizer) logits(rows int) int64 {
	n := int64(z.m.Info.Vocab) * int64(rows) * 4
	if z.m.net.NeedsSurprise() {
		n *= 2
	}
	return n
}

const (
	perToken  = 32       // bytes of a token in the stream, as ids and as a prompt's text, with slices that grow
	perThread = 96 << 10 // a worker's stacks, of the goroutine and of its thread
	leastHeap = 6 << 20  // that the collector lets grow, 4 MiB, and its own tables
)

// memory is the plan of a session in steps of chunk rows.
func (z *sizer) memory(chunk, rows int) Memory {
	_, pass := z.m.rows(z.tokens, chunk)
	p := Memory{Context: z.tokens, Chunk: chunk, Rows: rows, Mapped: z.m.FileBytes(), Logits: z.logits(rows + 1), Text: z.m.textBytes(),
		Scratch: paged(z.scratch(pass)), Workers: int64(z.at.Workers) * perThread}
	p.KV = z.m.kv(z.at.MaxLen, pass)
	for i := range p.KV {
		g := &p.KV[i]
		if z.file {
			g.Spill, g.Bytes = g.Spill+g.Bytes, 0
		}
		p.Spill += g.Spill
	}
	z.at.N = pass
	p.Stream = int64(z.tokens)*perToken + lookupBytes(z.tokens) + int64(chunk)*16 + z.m.net.Heap(&z.at) + z.m.foldBytes(z.tokens, chunk) + z.m.coordBytes(z.tokens)
	if z.m.net.NeedsSurprise() {
		p.Stream += int64(z.tokens)*4 + int64(chunk)*8
	}
	p.Model = z.m.heap - p.Text
	p.Collector = p.Model + p.Text + p.Logits + p.Stream + leastHeap
	if workers := z.at.Workers; workers > 1 {
		one := sizer{m: z.m, tokens: z.tokens, at: z.at}
		one.at.Workers = 1
		p.WorkersPart = p.Scratch - paged(one.scratch(pass))
	}
	return p
}

// paged is the memory that a map of n bytes takes.
func paged(n int64) int64 {
	page := int64(os.Getpagesize())
	return (n + page - 1) / page * page
}

// kv groups the caches of a session of so many rows by layers that are alike.
func (m *Model) kv(rows, pass int) (groups []KVMemory) {
	env := seq.Env{MaxLen: rows, MaxChunk: pass}
	whole, file := m.net.StateBytes(&env), []int64(nil)
	if m.spill != "" {
		file = m.net.Spilled(&env)
	}
	some := tileRows
	if m.fold != nil || m.Info.Plan.Grouped() {
		some = 1 // which takes a tile as well, and has no others of added rows or of groups beside it
	}
	tile := m.net.StateBytes(&seq.Env{MaxLen: some, MaxChunk: 1})
	at := map[string]int{}
	for i, b := range whole {
		key := fmt.Sprint(b, tile[i])
		if len(m.Info.Plan.Layers) == len(whole) {
			key = m.Info.Plan.Layers[i].String()
		}
		g, ok := at[key]
		if !ok {
			g = len(groups)
			at[key] = g
			groups = append(groups, KVMemory{})
		}
		groups[g].Layers = append(groups[g].Layers, i)
		groups[g].PerToken += tile[i] / tileRows
		if b < 0 {
			b = impossible
		} else if m.spill != "" {
			groups[g].Spill += paged(file[i])
			b -= file[i]
		}
		groups[g].Bytes += paged(b)
	}
	return groups
}

// impossible stands for a cache that no machine has.
const impossible = 1 << 50

// tileRows is the rows of a tile of attention, of which a cache has whole ones.
const tileRows = 64

// lookupBytes is what an index of drafts takes for streams of up to length tokens.
func lookupBytes(length int) int64 {
	slots := int64(1) << min(16, max(8, bits.Len(uint(length-1))))
	return slots * (4*(maxGram-minGram+1) + 1)
}

// netBytes is what the parsed file and the network hold: entries of tensors and metadata, and the vectors, which are decoded.
func (m *Model) netBytes() int64 {
	n := int64(256 << 10)
	for i := range m.file.Tensors {
		t := &m.file.Tensors[i]
		n += 1 << 10
		if len(t.Dims) == 1 {
			n += 4 * int64(t.Elems())
		}
	}
	for key := range m.file.Meta.Keys() {
		_, entries, _ := m.file.Meta.Array(key)
		n += 256 + 4*int64(entries) // of strings, where each ends
	}
	return n
}

// textBytes is what a tokenizer and a sampler of the vocabulary hold: an index of tokens and one of merges, of 32-bit slots, of which
// there are a power of two and half as many more at least; five numbers for a token of the sampler's.
func (m *Model) textBytes() int64 {
	slots := func(key string) int64 {
		_, n, _ := m.file.Meta.Array(key)
		return 4 << bits.Len(uint(n+n/2)|7)
	}
	n := slots("tokenizer.ggml.tokens") + slots("tokenizer.ggml.merges")
	return n + 20*int64(m.Info.Vocab) + 256<<10
}
