package runtime

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"unsafe"

	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/seq"
)

// A session's file has, at multiples of storeUnit (docs/SESSION-FORMAT.md):
//
//	head    imageHead, its checksum, where the rest begins
//	cells   how many tokens the stream has, their checksum, the caller's state: two, written in turns, and two for commits
//	notes   two, written in turns: bytes of the caller's
//	tokens  the stream
//	slots   outlines of the session: two, written in turns, and two for commits
//	memory  of the layers' states, mapped
//
// What is true is the stream; all else can be computed from it again. A cell is written when tokens have come, in one piece, into the page
// that does not hold the last one. So whenever the process ends, one of the two is whole, and tokens that it counts are in the file. An outline says
// what the layers held after so many tokens of the stream, with checksums of the memory that later rows do not touch: if these are right, the
// memory is that of then, whatever was written since, and the tokens after it are computed again. They are few, since there is a new outline
// every storeRows tokens. What a commit writes has cells and slots of its own, since the system may bring pages to the disk in any order: of those
// that are written in turns, both may be torn when power is lost.
type store struct {
	id    string // random bytes, in every checksum of the stream: a page of another session's file is none of this one's
	path  string
	named bool     // the name is on the disk
	file  *os.File // its lock is held until it is closed, with block
	block *mmap.Block
	lay   storeLayout
	mem   *spill // the parts of memory

	write   func(b []byte, off int64) (int, error) // file.WriteAt; tests have others
	turn    int64                                  // of the last cell
	slot    int64                                  // of the last outline
	cells   int64                                  // of those that are written in turns, the last one's place is this, modulo 2
	commits int64                                  // likewise
	note    int64                                  // of the last note
	at      int                                    // tokens of the last outline; −1: it is of another stream
	logged  int                                    // tokens of the session that are in the file
	counted int                                    // those that the last cell counts: more after the session went back, and with one that was handed out
	ahead   int32                                  // that one
	sealed  bool                                   // nothing is to be written any more
	again   int                                    // tokens that are being computed again: until they are, the file says what it said
	pending []int32                                // a token that was handed out and is not in the session yet. [0 or 1]
	sum     seq.Sum                                // of the tokens in the file
	state   []byte                                 // the caller's. [≤ storeState]
	buf     []byte                                 // a cell that is written. [≤ storeCell]
}

const (
	storeMagic = "godwit session file"
	storeID    = 16
	storeUnit  = 1 << 16 // a multiple of every machine's page
	storeHead  = 4 * storeUnit
	storeCell  = 4096
	storeState = 2048    // bytes of the caller's state in a cell
	storeNote  = 8 << 20 // of a note
	storeRows  = 64      // tokens after which there is a new outline
)

// castagnoli is the polynomial of the file's checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// storeLayout is where the parts of a file begin. It follows from the context and the size of the states.
type storeLayout struct{ cells, notes, tokens, slots, slot, memory, size int64 }

func layStore(context int, states int64) (l storeLayout) {
	up := func(n int64) int64 { return (n + storeUnit - 1) / storeUnit * storeUnit }
	l.cells = storeHead
	l.notes = l.cells + storeUnit
	l.tokens = l.notes + 2*(storeNote+storeUnit)
	l.slots = l.tokens + up(4*int64(context))
	l.slot = up(64<<20 + 128*int64(context)) // most of it is a hole
	l.memory = l.slots + 4*l.slot
	l.size = l.memory + up(states)
	return l
}

// storeBytes is the memory of a session's states in a file: each state has up to four pieces, each of which begins at a storeUnit.
func (m *Model) storeBytes(env *seq.Env) (n int64) {
	for _, b := range m.net.StateBytes(env) {
		n += b + 4*storeUnit
	}
	return n
}

// newStore makes the parts of a file that has the right size, or is made so.
func newStore(f *os.File, l storeLayout, id string) (*store, error) {
	b, err := mmap.Share(f, l.size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionFile, err)
	}
	t := &store{id: id, file: f, write: f.WriteAt, block: b, lay: l, at: -1, mem: &spill{block: b, cut: int(l.memory), unit: storeUnit}}
	t.sum = t.sumOf(nil)
	return t, nil
}

// alloc is seq.Env.Alloc in the file.
func (t *store) alloc(n int) ([]byte, error) {
	b, p, err := t.mem.part(n)
	if err == nil {
		err = p.Reserve(n)
	}
	return b, err
}

// storeFailed is the error of what could not be written: the file is behind the session then, until a later write succeeds.
func storeFailed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrSessionFile, what, err)
}

// log writes the tokens of the stream that are not in the file, with the pending one, and then says so in a cell, and for a commit in another one.
// sets tells which sets of texts the first n tokens have.
func (t *store) log(tokens []int32, sets func(n int) uint32, commit bool) error {
	all := append(tokens[t.logged:len(tokens):len(tokens)], t.pending...)
	if t.counted > t.logged && !(len(all) > 0 && t.counted == t.logged+1 && t.ahead == all[0]) {
		// Other tokens come in the place of those that are counted: no cell may count them while that happens.
		if err := t.cellInTurn(t.logged, t.sum, sets(t.logged)); err != nil {
			return err
		}
	}
	b := tokenBytes(all)
	if _, err := t.write(b, t.lay.tokens+4*int64(t.logged)); err != nil {
		return storeFailed("tokens", err)
	}
	t.sum.Add(tokenBytes(tokens[t.logged:]))
	t.logged = len(tokens)
	sum := t.sum
	sum.Add(tokenBytes(t.pending))
	n := len(tokens) + len(t.pending)
	if len(t.pending) > 0 {
		t.ahead = t.pending[0]
	}
	if err := t.cellInTurn(n, sum, sets(len(tokens))); err != nil || !commit {
		return err
	}
	t.commits++
	return t.cell(2+t.commits%2, n, sum, sets(len(tokens)))
}

// cut takes note that the stream became shorter, if it is shorter than what the file has: the file says what it said until the next log.
func (t *store) cut(tokens []int32) {
	if len(tokens) >= t.logged || t.again > 0 {
		return
	}
	t.logged, t.sum = len(tokens), t.sumOf(tokens)
	if t.at > len(tokens) {
		t.at = -1
	}
}

// sumOf is the checksum of a stream in this file.
func (t *store) sumOf(tokens []int32) (sum seq.Sum) {
	sum.Add([]byte(t.id))
	sum.Add(tokenBytes(tokens))
	return sum
}

// tokenBytes is the tokens as the file has them; a machine whose numbers begin with the big end has no outlines, and so no files.
func tokenBytes(tokens []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(tokens))), 4*len(tokens))
}

// cell is what the file says of the stream.
type cell struct {
	turn  int64
	place int64
	count int
	sum   uint32
	sets  uint32 // which sets of texts are among the tokens
	state []byte // [≤ storeState]
}

// cellInTurn writes one over the older of the two that are written in turns.
func (t *store) cellInTurn(count int, sum seq.Sum, sets uint32) error {
	t.cells++
	if err := t.cell(t.cells%2, count, sum, sets); err != nil {
		t.cells-- // the other one is whole
		return err
	}
	t.counted = count
	return nil
}

func (t *store) cell(place int64, count int, sum seq.Sum, sets uint32) error {
	t.turn++
	b := append(t.buf[:0], storeMagic[:8]...)
	for _, n := range []uint64{uint64(t.turn), uint64(count), uint64(sum.Value()), uint64(sets), uint64(len(t.state))} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(b, t.state...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	t.buf = b
	if _, err := t.write(b, t.lay.cells+place*storeCell); err != nil {
		return storeFailed("the count of tokens", err)
	}
	return nil
}

// readCells returns the cells that are whole, the newest first.
func (t *store) readCells(context int) (list []cell) {
	for i := range int64(4) {
		b := make([]byte, storeCell)
		if _, err := t.file.ReadAt(b, t.lay.cells+i*storeCell); err != nil || string(b[:8]) != storeMagic[:8] {
			continue
		}
		var n [5]uint64
		for k := range n {
			n[k] = binary.LittleEndian.Uint64(b[8+8*k:])
		}
		end := 48 + n[4]
		if n[4] > storeState || n[1] > uint64(context) || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
			continue
		}
		list = append(list, cell{int64(n[0]), i, int(n[1]), uint32(n[2]), uint32(n[3]), bytes.Clone(b[48:end])})
	}
	slices.SortFunc(list, func(a, b cell) int { return cmp.Compare(b.turn, a.turn) })
	return list
}

// readTokens returns the stream that the newest cell counts whose tokens are right, and how many tokens fewer that are than the newest counts.
func (t *store) readTokens(context int) (tokens []int32, by cell, lost int, err error) {
	list := t.readCells(context)
	for _, c := range list {
		tokens = make([]int32, c.count)
		if _, err := t.file.ReadAt(tokenBytes(tokens), t.lay.tokens); err != nil && c.count > 0 {
			return nil, c, 0, fmt.Errorf("%w: tokens: %w", ErrSessionFile, err)
		}
		if sum := t.sumOf(tokens); sum.Value() == c.sum {
			t.turn, t.logged, t.counted, t.state = list[0].turn, c.count, list[0].count, c.state
			for _, c := range slices.Backward(list) { // the newest last
				if c.place < 2 {
					t.cells = c.place
				} else {
					t.commits = c.place
				}
			}
			t.sum = sum
			return tokens, c, max(0, list[0].count-c.count), nil
		}
	}
	return nil, cell{}, 0, fmt.Errorf("%w: no count of its tokens is right", ErrBadSession)
}

// slotWriter writes at a place in the file, no further than a slot.
type slotWriter struct {
	t       *store
	at, end int64
}

func (w *slotWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > w.end-w.at {
		return 0, fmt.Errorf("an outline has no room: %w", io.ErrShortWrite)
	}
	n, err := w.t.write(b, w.at)
	w.at += int64(n)
	return n, err
}

// outlineHead is what an outline begins with.
type outlineHead struct {
	turn, sum int64
	tokens    int
	whole     bool // it has the contents of what the next step moves about
}

func (h *outlineHead) image(m *seq.Image, context int) {
	m.Int64(&h.turn)
	m.Int64(&h.sum)
	m.Int(&h.tokens, 0, context)
	m.Bool(&h.whole)
	m.Check()
	m.Whole(h.whole)
}

// setNote writes a note.
func (t *store) setNote(b []byte) error {
	if len(b) > storeNote {
		return fmt.Errorf("%w: a note of %d bytes is larger than %d", ErrSessionFile, len(b), storeNote)
	}
	t.note++
	head := binary.LittleEndian.AppendUint64(nil, uint64(t.note))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(b)))
	head = binary.LittleEndian.AppendUint32(head, t.noteSum(head, b))
	at := t.lay.notes + t.note%2*(storeNote+storeUnit)
	if _, err := t.write(append(head, b...), at); err != nil {
		return storeFailed("a note", err)
	}
	return nil
}

// noteSum is the checksum of a note.
func (t *store) noteSum(head, b []byte) uint32 {
	var sum seq.Sum
	for _, b := range [][]byte{[]byte(t.id), head, b} {
		sum.Add(b)
	}
	return sum.Value()
}

// readNote returns the newest note that is whole; nil: there is none.
func (t *store) readNote() (note []byte) {
	t.note = 0
	for i := range int64(2) {
		at := t.lay.notes + i*(storeNote+storeUnit)
		var head [20]byte
		if _, err := t.file.ReadAt(head[:], at); err != nil {
			continue
		}
		turn, n := int64(binary.LittleEndian.Uint64(head[:])), binary.LittleEndian.Uint64(head[8:])
		if turn <= t.note || n > storeNote {
			continue
		}
		b := make([]byte, n)
		if _, err := t.file.ReadAt(b, at+20); err != nil && n > 0 {
			continue
		}
		if t.noteSum(head[:16], b) == binary.LittleEndian.Uint32(head[16:]) {
			t.note, note = turn, b
		}
	}
	return note
}

// lockStore takes a session's file.
func lockStore(f *os.File) error {
	err := mmap.Lock(f)
	if errors.Is(err, mmap.ErrLocked) {
		return fmt.Errorf("%w: %w", ErrSessionInUse, err)
	}
	return err
}
