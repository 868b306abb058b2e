package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// someBases are of layers with so many heads.
func someBases(layers, heads, dim, vdim int) *attention.Bases {
	b := &attention.Bases{Layers: make([]attention.LayerBases, layers)}
	n := float32(0)
	fill := func(n0 int) (x []float32) {
		for range n0 {
			n++
			x = append(x, n)
		}
		return x
	}
	falling := func(dim int) (x []float32) {
		for i := range dim {
			x = append(x, 1/float32(1+i))
		}
		return x
	}
	for l := range b.Layers {
		for range heads {
			b.Layers[l].Key = append(b.Layers[l].Key, attention.Basis{In: fill(dim * dim), Out: fill(dim * dim), Var: falling(dim)})
			b.Layers[l].Value = append(b.Layers[l].Value, attention.Basis{In: fill(vdim * vdim), Out: fill(vdim * vdim), Var: falling(vdim)})
		}
	}
	return b
}

func basesFile(t testing.TB, b *attention.Bases) []byte {
	t.Helper()
	var data bytes.Buffer
	if _, err := WriteBases(&data, b, "model", 100); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// TestBases: bases are read as they were written, and for no other model.
func TestBases(t *testing.T) {
	want := someBases(3, 2, 4, 6)
	data := basesFile(t, want)
	got, err := ParseBases(data, "model")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := ParseBases(data, "another"); !errors.Is(err, ErrOtherModel) {
		t.Error(err)
	}
}

// TestBadBases: files that are none, or have other tensors, are refused.
func TestBadBases(t *testing.T) {
	part := func(skip string, change func(name string, dims []int, data []byte) (quant.Type, []int, []byte)) []byte {
		f, err := gguf.Parse(basesFile(t, someBases(2, 2, 4, 4)))
		if err != nil {
			t.Fatal(err)
		}
		w := &gguf.Writer{}
		for key := range f.Meta.Keys() {
			if key != skip {
				w.Copy(f.Meta, key)
			}
		}
		for i := range f.Tensors {
			x := &f.Tensors[i]
			if x.Name == skip {
				continue
			}
			typ, dims, data := x.Type, x.Dims, bytes.Clone(x.Data)
			if change != nil {
				typ, dims, data = change(x.Name, dims, data)
			}
			if err := w.Add(x.Name, typ, dims, gguf.Bytes(data)); err != nil {
				t.Fatal(err)
			}
		}
		if skip == "more" {
			w.Add("more", quant.F32, []int{1}, gguf.Bytes(make([]byte, 4)))
		}
		var b bytes.Buffer
		if _, err := w.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	shape := func(of string, dims ...int) []byte {
		return part("", func(name string, d []int, data []byte) (quant.Type, []int, []byte) {
			if name == of {
				n := 4
				for _, x := range dims {
					n *= x
				}
				return quant.F32, dims, make([]byte, n)
			}
			return quant.F32, d, data
		})
	}
	number := func(of string, x float32) []byte {
		return part("", func(name string, d []int, data []byte) (quant.Type, []int, []byte) {
			if name == of {
				binary.LittleEndian.PutUint32(data[4:], math.Float32bits(x))
			}
			return quant.F32, d, data
		})
	}
	for what, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":         {nil, gguf.ErrFormat},
		"no type":         {part("general.type", nil), attention.ErrBases},
		"no tensor":       {part("value.var", nil), ErrMissing},
		"one more":        {part("more", nil), ErrUnclaimed},
		"layers":          {shape("value.in", 4, 4, 2, 3), ErrShape},
		"heads":           {shape("key.out", 4, 4, 3, 2), ErrShape},
		"not square":      {shape("key.in", 4, 5, 2, 2), ErrShape},
		"dims":            {shape("key.var", 4, 2), ErrShape},
		"another width":   {shape("key.var", 5, 2, 2), attention.ErrBases},
		"not finite":      {number("key.in", float32(math.Inf(1))), attention.ErrBases},
		"rising variance": {number("value.var", 2), attention.ErrBases},
		"of halves": {part("", func(_ string, d []int, data []byte) (quant.Type, []int, []byte) {
			return quant.F16, d, data[:len(data)/2]
		}), ErrType},
	} {
		if b, err := ParseBases(c.data, "model"); !errors.Is(err, c.want) || b != nil {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	if _, err := ParseBases(part("bases.model", nil), "model"); err == nil {
		t.Error("no fingerprint, and no error")
	}
}

// TestFingerprint: another byte, shape or name of a tensor makes another model.
func TestFingerprint(t *testing.T) {
	file := func(name string, dims []int, at int) string {
		data := make([]byte, 4*6)
		data[at] = 1
		w := &gguf.Writer{}
		if err := w.Add(name, quant.F32, dims, gguf.Bytes(data)); err != nil {
			t.Fatal(err)
		}
		return Fingerprint(parsed(t, w))
	}
	seen := map[string]bool{}
	for _, p := range []string{file("a", []int{6}, 0), file("b", []int{6}, 0), file("a", []int{2, 3}, 0), file("a", []int{6}, 3)} {
		seen[p] = true
	}
	if len(seen) != 4 || !seen[file("a", []int{6}, 3)] {
		t.Errorf("%d fingerprints of 4 files", len(seen))
	}
}

// FuzzBases: whatever the file, bases that are read can be used.
func FuzzBases(f *testing.F) {
	f.Add(basesFile(f, someBases(2, 1, 4, 3)))
	f.Add(basesFile(f, someBases(1, 2, 2, 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBases(data, "model")
		if err != nil {
			if b != nil {
				t.Fatal("bases with an error")
			}
			return
		}
		for _, l := range b.Layers {
			if len(l.Key) == 0 || len(l.Value) == 0 {
				t.Fatal("a layer without heads")
			}
			sh := attention.Shape{Heads: len(l.Key), KVHeads: len(l.Key), Dim: len(l.Key[0].Var), VDim: len(l.Value[0].Var)}
			if _, err := (attention.Layer{Key: attention.PCA{Bits: 2}, Value: attention.PCA{Rank: 1}, Bases: &l}).Core(sh); err != nil && !errors.Is(err, attention.ErrCompose) {
				t.Fatal(err)
			}
		}
	})
}
