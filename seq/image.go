package seq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"unsafe"
)

// ErrImage says that what was read is not the image of a state, or not whole.
var ErrImage = errors.New("not the image of a session")

// Imager is a State that can be written down and set from what was written.
type Imager interface {
	State
	// Image hands all that the state remembers to m, in an order and in lengths that follow from the operation, the Env and what m had
	// before. One method serves both directions: writing takes the numbers, reading sets them, into a state without rows. Whatever is
	// read, the state must be one that can be used without harm, or m must have an error.
	Image(m *Image)
}

// Image is a way to write or to read numbers, little end first, with a checksum of all so far. After an error it does nothing.
//
// An outline is the image of a state whose memory stays, in a file that is mapped again: of what lies there and is not changed any more it
// has the checksum, and of all else the numbers. Reading one says whether the memory is that of the state.
type Image struct {
	w       io.Writer // nil: it reads
	r       io.Reader
	outline bool
	whole   bool
	sum     hash.Hash32
	err     error
	buf     [8]byte
}

// castagnoli is the polynomial that CPUs have instructions for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ImageTo writes to w.
func ImageTo(w io.Writer) *Image { return &Image{w: w, sum: crc32.New(castagnoli)} }

// ImageFrom reads from r.
func ImageFrom(r io.Reader) *Image { return &Image{r: r, sum: crc32.New(castagnoli)} }

// OutlineTo writes an outline to w.
func OutlineTo(w io.Writer) *Image { return &Image{w: w, sum: crc32.New(castagnoli), outline: true} }

// OutlineFrom reads an outline from r.
func OutlineFrom(r io.Reader) *Image {
	return &Image{r: r, sum: crc32.New(castagnoli), outline: true}
}

// Outline reports whether the image is an outline.
func (m *Image) Outline() bool { return m.outline }

// Whole makes an outline have the contents of memory that the next step will move about.
func (m *Image) Whole(whole bool) { m.whole = whole }

// IsWhole reports whether it has.
func (m *Image) IsWhole() bool { return m.whole }

// Sum is the checksum of the front of a piece of memory that stays: of as many bytes as do not change any more.
type Sum struct {
	n   int
	sum uint32
}

// Cut takes note that from byte n on the memory may change.
func (s *Sum) Cut(n int) {
	if n < s.n {
		*s = Sum{}
	}
}

// Add makes s the checksum of what it was and of b behind it.
func (s *Sum) Add(b []byte) { s.n, s.sum = s.n+len(b), crc32.Update(s.sum, castagnoli, b) }

// Stays is, in an outline, memory that has in it what the state needs: its checksum, for which s knows the one of its front.
func (m *Image) Stays(s *Sum, b []byte) {
	if m.err != nil {
		return
	}
	if m.Reads() {
		*s = Sum{}
	}
	s.Cut(len(b))
	s.Add(b[s.n:])
	m.sumIs(s)
}

// Value is the checksum.
func (s *Sum) Value() uint32 { return s.sum }

// sumIs is a checksum that must be what it was.
func (m *Image) sumIs(s *Sum) {
	n := int64(s.sum)
	if m.Int64(&n); m.err == nil && n != int64(s.sum) {
		m.Bad("memory of it is damaged")
	}
}

// StaysIn is Stays for memory in pieces, which gives them to add one by one.
func (m *Image) StaysIn(pieces func(add func(b []byte))) {
	if m.err != nil {
		return
	}
	var s Sum
	pieces(s.Add)
	m.sumIs(&s)
}

// MayStay is StaysIn for memory that the state can do without, and tells whether it is what it was.
func (m *Image) MayStay(pieces func(add func(b []byte))) bool {
	if m.err != nil {
		return false
	}
	var s Sum
	pieces(s.Add)
	n := int64(s.sum)
	m.Int64(&n)
	return m.err == nil && n == int64(s.sum)
}

// Reads reports whether the image is read.
func (m *Image) Reads() bool { return m.r != nil }

// Err returns the first error.
func (m *Image) Err() error { return m.err }

// Fail ends the image with an error, unless it has one.
func (m *Image) Fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// Bad is Fail for contents that no state has.
func (m *Image) Bad(format string, args ...any) {
	m.Fail(fmt.Errorf("%w: %s", ErrImage, fmt.Sprintf(format, args...)))
}

// raw writes or reads b.
func (m *Image) raw(b []byte) {
	if m.err != nil || len(b) == 0 {
		return
	}
	if m.Reads() {
		if _, err := io.ReadFull(m.r, b); err != nil {
			clear(b)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				m.Bad("it ends early")
				return
			}
			m.Fail(err)
			return
		}
	} else if _, err := m.w.Write(b); err != nil {
		m.Fail(err)
		return
	}
	m.sum.Write(b)
}

// Int is a number from lo to hi. What is read and is outside becomes lo, with an error.
func (m *Image) Int(p *int, lo, hi int) {
	n := int64(*p)
	m.Int64(&n)
	if m.Reads() {
		if m.err == nil && (n < int64(lo) || n > int64(hi)) {
			m.Bad("%d is not between %d and %d", n, lo, hi)
		}
		if *p = int(n); m.err != nil {
			*p = lo
		}
	}
}

// Int64 is any number.
func (m *Image) Int64(p *int64) {
	binary.LittleEndian.PutUint64(m.buf[:], uint64(*p))
	m.raw(m.buf[:])
	if m.Reads() && m.err == nil {
		*p = int64(binary.LittleEndian.Uint64(m.buf[:]))
	}
}

// Bool is true or false.
func (m *Image) Bool(p *bool) {
	n := 0
	if *p {
		n = 1
	}
	m.Int(&n, 0, 1)
	*p = n == 1
}

// Text is a string of at most so many bytes.
func (m *Image) Text(p *string, most int) {
	n := len(*p)
	m.Int(&n, 0, most)
	b := make([]byte, n)
	copy(b, *p)
	m.raw(b)
	if m.Reads() {
		*p = string(b)
	}
}

// imagePiece is the bytes of numbers that are written or read at once.
const imagePiece = 1 << 16

// Numbers are as many numbers as x has.
func Numbers[T Scalar](m *Image, x []T) {
	var t T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(t)))
	if !littleEndian {
		m.Fail(errors.New("images of sessions are for machines whose numbers begin with the little end"))
		return
	}
	for ; len(b) > 0 && m.err == nil; b = b[min(len(b), imagePiece):] {
		m.raw(b[:min(len(b), imagePiece)])
	}
}

// littleEndian tells the order of this machine's bytes.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// Check is the checksum of all before it.
func (m *Image) Check() {
	want := m.sum.Sum32()
	n := int64(want)
	if m.Int64(&n); m.err == nil && n != int64(want) {
		m.Bad("its checksum is wrong")
	}
}
