package convert

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// ErrValue is wrapped by the error for weights that are no numbers or do not fit the type.
var ErrValue = errors.New("weights that cannot be stored")

// blob is a tensor on its way from a source to the file.
type blob struct {
	name  string
	dims  []int
	typ   quant.Type
	raw   []byte // the data as it is; nil: parts are encoded
	parts []part

	importance []float32 // [columns] or [matrices, columns], nil: none
	stack      int       // rows of one matrix, for importance per matrix
}

// part is some rows of a blob.
type part struct {
	rows, cols int
	read       func(dst []float32, first int) error // values from element first on; nil: zeros
	edit       func(x []float32, rows, cols int)    // changes the whole part before it is encoded
}

// encoder writes blobs: the rows of a window of some megabytes are decoded and encoded in parallel, then written.
type encoder struct {
	team     seq.Team
	progress func(n int) // bytes written

	whole  []float32   // a part that is edited. [rows, cols]
	rows   [][]float32 // by worker. [cols] or more
	out    []byte
	format *quant.Format

	// The window in progress.
	blob  *blob
	part  *part
	first int // row of the part
	base  int // row of the blob where the part begins
	load  bool

	mu    sync.Mutex
	err   error
	errAt int
}

// window is the number of values that are encoded between two writes.
const window = 1 << 20

func newEncoder(team seq.Team, progress func(n int)) *encoder {
	return &encoder{team: team, progress: progress, rows: make([][]float32, team.Workers())}
}

// write writes b's data.
func (e *encoder) write(w io.Writer, b *blob) error {
	if b.raw != nil {
		return e.copy(w, b.raw)
	}
	f, ok := quant.Lookup(b.typ)
	if !ok {
		return fmt.Errorf("%w: %v", ErrType, b.typ)
	}
	e.blob, e.format, e.base = b, f, 0
	for i := range b.parts {
		if err := e.writePart(w, &b.parts[i]); err != nil {
			return err
		}
		e.base += b.parts[i].rows
	}
	return nil
}

// copy writes bytes of a mapping, whose pages may be gone.
func (e *encoder) copy(w io.Writer, data []byte) error {
	for len(data) > 0 {
		if err := e.team.Err(); err != nil {
			return err
		}
		n := min(len(data), 4*window)
		err := par.Guard(func() error {
			_, err := w.Write(data[:n])
			return err
		})
		if err != nil {
			return err
		}
		e.progress(n)
		data = data[n:]
	}
	return nil
}

func (e *encoder) writePart(w io.Writer, p *part) error {
	e.part = p
	if p.edit != nil && p.read != nil {
		if n := p.rows * p.cols; cap(e.whole) < n {
			e.whole = make([]float32, n)
		}
		e.load, e.first = true, 0
		err := e.run(p.rows)
		e.load = false
		if err != nil {
			return err
		}
		if err := par.Guard(func() error { p.edit(e.whole[:p.rows*p.cols], p.rows, p.cols); return nil }); err != nil {
			return err
		}
	}
	step := max(1, window/p.cols)
	rowBytes := p.cols / e.format.Elems * e.format.Size
	for e.first = 0; e.first < p.rows; e.first += step {
		n := min(step, p.rows-e.first)
		if cap(e.out) < n*rowBytes {
			e.out = make([]byte, n*rowBytes)
		}
		e.out = e.out[:n*rowBytes]
		if err := e.run(n); err != nil {
			return err
		}
		if _, err := w.Write(e.out); err != nil {
			return err
		}
		e.progress(len(e.out))
	}
	return nil
}

func (e *encoder) run(rows int) error {
	e.err = nil
	// Small grains keep the workers even; below 4096 values handing them out costs more.
	if err := e.team.Run(rows, max(1, 4096/e.part.cols), e); err != nil {
		return err
	}
	return e.err
}

// Do implements seq.Task: rows [lo, hi) of the window.
func (e *encoder) Do(worker, lo, hi int) {
	if err := e.do(worker, lo, hi); err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.err == nil || lo < e.errAt {
			e.err, e.errAt = err, lo
		}
	}
}

func (e *encoder) do(worker, lo, hi int) error {
	p, cols := e.part, e.part.cols
	if e.load {
		return p.read(e.whole[lo*cols:hi*cols], lo*cols)
	}
	x := e.buffer(worker, (hi-lo)*cols)
	switch at := (e.first + lo) * cols; {
	case p.read == nil:
		clear(x)
	case p.edit != nil:
		x = e.whole[at : at+len(x)]
	default:
		if err := p.read(x, at); err != nil {
			return err
		}
	}
	if err := e.check(x); err != nil {
		return err
	}
	rowBytes := cols / e.format.Elems * e.format.Size
	out := e.out[lo*rowBytes : hi*rowBytes]
	if e.format.Group == 0 {
		e.format.Encode(out, x, nil)
		return nil
	}
	for r := range hi - lo { // a row at a time, since its mean square counts
		e.format.Encode(out[r*rowBytes:(r+1)*rowBytes], x[r*cols:(r+1)*cols], e.blob.weights(e.base+e.first+lo+r, cols))
	}
	return nil
}

func (e *encoder) buffer(worker, n int) []float32 {
	if cap(e.rows[worker]) < n {
		e.rows[worker] = make([]float32, n)
	}
	return e.rows[worker][:n]
}

// weights returns the importance of the columns in a row.
func (b *blob) weights(row, cols int) []float32 {
	if len(b.importance) <= cols {
		return b.importance
	}
	m := row / b.stack
	return b.importance[m*cols : (m+1)*cols]
}

// check refuses what would turn into other numbers silently.
func (e *encoder) check(x []float32) error {
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("%w: %v at element %d of a row", ErrValue, v, i%e.part.cols)
		}
		if e.format.Type == quant.F16 && math.Abs(float64(v)) >= 65520 {
			return fmt.Errorf("%w: %v is beyond F16; take BF16 or F32", ErrValue, v)
		}
	}
	return nil
}
