package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// ErrImportance is wrapped by errors about importance matrices.
var ErrImportance = errors.New("bad importance matrix")

// Importance is an importance matrix: for each tensor, how much an error in each column of the weights costs, as the mean square of the
// activations that the column met.
type Importance struct {
	entries map[string]importance
}

// importance is one tensor's.
type importance struct {
	values   []float32 // [matrices, columns]
	matrices int
}

// Len returns the number of tensors.
func (im *Importance) Len() int { return len(im.entries) }

// ReadImportance reads an importance matrix that llama.cpp's imatrix wrote, in its GGUF or its older binary format.
func ReadImportance(path string) (*Importance, error) {
	f, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importance matrix: %w", err)
	}
	defer f.Close()
	var im *Importance
	err = par.Guard(func() (err error) {
		im, err = ParseImportance(f.Bytes())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("importance matrix %s: %w", path, err)
	}
	return im, nil
}

// ParseImportance is ReadImportance over bytes, which are not kept.
func ParseImportance(data []byte) (*Importance, error) {
	im := &Importance{entries: map[string]importance{}}
	parse := im.older
	if len(data) >= 4 && string(data[:4]) == "GGUF" {
		parse = im.newer
	}
	if err := parse(data); err != nil {
		return nil, err
	}
	if len(im.entries) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrImportance)
	}
	return im, nil
}

// add takes sums and by how much to divide each matrix's; a count of 0 (an expert that was never used) makes all columns alike.
func (im *Importance) add(name string, sums []float32, counts []float32) error {
	if len(counts) == 0 || len(sums) == 0 || len(sums)%len(counts) != 0 {
		return fmt.Errorf("%w: %.80q: %d values for %d matrices", ErrImportance, name, len(sums), len(counts))
	}
	if _, ok := im.entries[name]; ok {
		return fmt.Errorf("%w: %.80q twice", ErrImportance, name)
	}
	cols := len(sums) / len(counts)
	for i, v := range sums {
		n := counts[i/cols]
		if n == 0 {
			sums[i] = 1
			continue
		}
		if sums[i] = v / n; !(sums[i] >= 0) || math.IsInf(float64(sums[i]), 0) {
			return fmt.Errorf("%w: %.80q: value %d is %v/%v", ErrImportance, name, i, v, n)
		}
	}
	im.entries[name] = importance{sums, len(counts)}
	return nil
}

// newer reads GGUF: tensors NAME.in_sum2 [columns, matrices] and NAME.counts [1, matrices].
func (im *Importance) newer(data []byte) error {
	f, err := gguf.Parse(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrImportance, err)
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		name, ok := strings.CutSuffix(t.Name, ".in_sum2")
		if !ok {
			continue
		}
		c, ok := f.Tensor(name + ".counts")
		if !ok {
			return fmt.Errorf("%w: %.80q has no counts", ErrImportance, name)
		}
		sums, err := floats(t)
		if err != nil {
			return err
		}
		counts, err := floats(c)
		if err != nil {
			return err
		}
		if len(counts) == 1 && len(t.Dims) > 1 { // one count for all matrices
			n := counts[0]
			for range t.Elems()/t.Dims[0] - 1 {
				counts = append(counts, n)
			}
		}
		if err := im.add(name, sums, counts); err != nil {
			return err
		}
	}
	return nil
}

func floats(t *gguf.Tensor) ([]float32, error) {
	if t.Type != quant.F32 {
		return nil, fmt.Errorf("%w: %.80q is %v, not F32", ErrImportance, t.Name, t.Type)
	}
	x := make([]float32, t.Elems())
	f, _ := quant.Lookup(quant.F32)
	f.Decode(x, t.Data)
	return x, nil
}

// older reads the binary format: a number of entries, each a name, a number of calls, and sums.
func (im *Importance) older(data []byte) error {
	whole := func(what string) (int, error) {
		if len(data) < 4 {
			return 0, fmt.Errorf("%w: ends in %s", ErrImportance, what)
		}
		v := int32(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if v < 0 {
			return 0, fmt.Errorf("%w: %s is %d", ErrImportance, what, v)
		}
		return int(v), nil
	}
	n, err := whole("the number of entries")
	if err != nil {
		return err
	}
	if n > len(data)/12 {
		return fmt.Errorf("%w: %d entries in %d bytes", ErrImportance, n, len(data))
	}
	f, _ := quant.Lookup(quant.F32)
	for range n {
		size, err := whole("a name's length")
		if err != nil {
			return err
		}
		if size > min(len(data), gguf.MaxTensor) {
			return fmt.Errorf("%w: a name of %d bytes, %d left", ErrImportance, size, len(data))
		}
		name := string(data[:size])
		data = data[size:]
		calls, err := whole("the number of calls")
		if err != nil {
			return err
		}
		values, err := whole("the number of values")
		if err != nil {
			return err
		}
		if values > len(data)/4 {
			return fmt.Errorf("%w: %.80q: %d values, %d bytes left", ErrImportance, name, values, len(data))
		}
		sums := make([]float32, values)
		f.Decode(sums, data)
		data = data[4*values:]
		if calls == 0 {
			calls = 1 // the oldest files hold means
		}
		if err := im.add(name, sums, []float32{float32(calls)}); err != nil {
			return err
		}
	}
	return nil // the number of chunks and the name of the text may follow
}

// apply gives b the importance of its columns, if its type can use it.
func (im *Importance) apply(b *blob) error {
	f, ok := quant.Lookup(b.typ)
	if im == nil || !ok || f.Group == 0 {
		return nil
	}
	e, ok := im.entries[b.name]
	if product, _, factor := layer.Factored(b.name); factor {
		if _, v := layer.FactorNames(product); b.name == v { // what goes into the product goes into V
			e, ok = im.entries[product]
		}
	}
	if !ok {
		return nil
	}
	matrices := 1
	for _, d := range b.dims[min(2, len(b.dims)):] {
		matrices *= d
	}
	if n := len(e.values); n != b.dims[0] && n != b.dims[0]*matrices {
		return fmt.Errorf("%w: %.80q: %d values for columns %d × matrices %d: it is of another model",
			ErrImportance, b.name, n, b.dims[0], matrices)
	}
	b.importance = e.values
	return nil
}
