package layer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// ErrOtherModel says that bases were fitted to another model.
var ErrOtherModel = errors.New("the bases are of another model")

// Names in a file of bases. Tensors are float32, the numbers of a head's [Dim, Dim] row by row.
const (
	basesType  = "bases"
	basesModel = "bases.model"
)

// basesMost bounds the numbers of a head.
const basesMost = 1 << 12

// sampled is how much of each tensor goes into a fingerprint.
const sampled = 1 << 10

// Fingerprint tells models apart: by the names, types, shapes and some bytes of their tensors. Metadata may be edited.
func Fingerprint(f *gguf.File) string {
	h := sha256.New()
	for i := range f.Tensors {
		t := &f.Tensors[i]
		fmt.Fprintf(h, "%q %d %d\n", t.Name, t.Type, t.Dims)
		at := max(0, len(t.Data)-sampled) / 2
		h.Write(t.Data[at:min(at+sampled, len(t.Data))])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// WriteBases writes a GGUF file of bases that were fitted to the model of that fingerprint with so many tokens.
func WriteBases(dst io.Writer, b *attention.Bases, model string, tokens int) (int64, error) {
	w := &gguf.Writer{}
	err := errors.Join(w.Set("general.type", basesType), w.Set(basesModel, model), w.Set("bases.tokens", uint32(tokens)))
	if err != nil {
		return 0, err
	}
	for _, part := range basesParts {
		var all []float32
		var heads, dim int
		for _, l := range b.Layers {
			heads = len(part.of(l))
			for h := range part.of(l) {
				head := &part.of(l)[h]
				dim = len(head.Var)
				all = append(all, *part.numbers(head)...)
			}
		}
		dims := []int{dim, dim, heads, len(b.Layers)}
		if !part.square {
			dims = dims[1:]
		}
		data := make([]byte, 0, 4*len(all))
		for _, x := range all {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		if err := w.Add(part.name, quant.F32, dims, gguf.Bytes(data)); err != nil {
			return 0, err
		}
	}
	return w.WriteTo(dst)
}

// basesParts are the tensors of a file of bases.
var basesParts = []struct {
	name    string
	square  bool
	of      func(attention.LayerBases) []attention.Basis
	numbers func(*attention.Basis) *[]float32
}{
	{"key.in", true, keyBases, basisIn},
	{"key.out", true, keyBases, basisOut},
	{"key.var", false, keyBases, basisVar},
	{"value.in", true, valueBases, basisIn},
	{"value.out", true, valueBases, basisOut},
	{"value.var", false, valueBases, basisVar},
}

func keyBases(l attention.LayerBases) []attention.Basis   { return l.Key }
func valueBases(l attention.LayerBases) []attention.Basis { return l.Value }
func basisIn(b *attention.Basis) *[]float32               { return &b.In }
func basisOut(b *attention.Basis) *[]float32              { return &b.Out }
func basisVar(b *attention.Basis) *[]float32              { return &b.Var }

// ParseBases reads the bases of a file for the model of that fingerprint. Errors wrap gguf's, ErrShape, ErrType, ErrMissing,
// ErrUnclaimed, ErrOtherModel, or attention.ErrBases where numbers are none.
func ParseBases(data []byte, model string) (*attention.Bases, error) {
	f, err := gguf.Parse(data)
	if err != nil {
		return nil, err
	}
	kind, err := f.Meta.StringOr("general.type", "")
	if err != nil {
		return nil, err
	}
	if kind != basesType {
		return nil, fmt.Errorf("%w: a file of type %.20q", attention.ErrBases, kind)
	}
	of, err := f.Meta.String(basesModel)
	if err != nil {
		return nil, err
	}
	if of != model {
		return nil, fmt.Errorf("%w: of the fingerprint %.12s…, this is %.12s…", ErrOtherModel, of, model)
	}
	if len(f.Tensors) > len(basesParts) {
		return nil, fmt.Errorf("%w: %d tensors", ErrUnclaimed, len(f.Tensors))
	}
	b := &attention.Bases{}
	for _, part := range basesParts {
		t, ok := f.Tensor(part.name)
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrMissing, part.name)
		}
		if t.Type != quant.F32 {
			return nil, fmt.Errorf("%w: %s", ErrType, part.name)
		}
		d := t.Dims
		if part.square && len(d) > 0 {
			d = d[1:]
		}
		if len(d) != 3 || part.square && d[0] != t.Dims[0] || d[0] > basesMost || d[2] > basesMost {
			return nil, fmt.Errorf("%w: %s %v", ErrShape, part.name, t.Dims)
		}
		if b.Layers == nil {
			b.Layers = make([]attention.LayerBases, d[2])
		}
		if len(b.Layers) != d[2] {
			return nil, fmt.Errorf("%w: %s has %d layers, another tensor %d", ErrShape, part.name, d[2], len(b.Layers))
		}
		n := t.Elems() / d[1] / d[2]
		at := t.Data
		for l := range b.Layers {
			heads := part.of(b.Layers[l])
			if heads == nil {
				heads = make([]attention.Basis, d[1])
				if part.name == "key.in" {
					b.Layers[l].Key = heads
				} else {
					b.Layers[l].Value = heads
				}
			}
			if len(heads) != d[1] {
				return nil, fmt.Errorf("%w: %s has %d heads, another tensor %d", ErrShape, part.name, d[1], len(heads))
			}
			for h := range heads {
				x := make([]float32, n)
				for i := range x {
					x[i] = math.Float32frombits(binary.LittleEndian.Uint32(at[4*i:]))
				}
				*part.numbers(&heads[h]), at = x, at[4*n:]
			}
		}
	}
	for _, l := range b.Layers {
		for _, heads := range [][]attention.Basis{l.Key, l.Value} {
			for h := range heads {
				if err := heads[h].Check(); err != nil {
					return nil, err
				}
			}
		}
	}
	return b, nil
}
