package convert

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
)

// ErrAgain is wrapped when tensors are quantised already and Options.Again is not set: every further rounding adds its errors
// to those that are there.
var ErrAgain = errors.New("already quantised")

// Quantize writes the GGUF model at in (any part of a split one) to out with other types. All metadata are kept but those that
// describe the types. Options.Type is required.
func Quantize(ctx context.Context, in, out string, o Options) (r Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("quantize %s: %w", in, err)
		}
	}()
	if err := o.check(); err != nil {
		return r, err
	}
	mix, err := findMixture(o.Type)
	if err != nil {
		return r, err
	}
	m, err := Open(in, out)
	if err != nil {
		return r, err
	}
	defer func() { err = m.Close(err) }()
	src, f := m.File, &gguf.Writer{}
	if err := par.Guard(func() error { return copyMeta(f, src.Meta, &o, mix) }); err != nil {
		return r, err
	}
	r.Arch, _ = src.Meta.StringOr("general.architecture", "")
	r.Type = mix.name
	c := newChooser(&o, mix, func(yield func(string) bool) {
		for i := range src.Tensors {
			if !yield(src.Tensors[i].Name) {
				return
			}
		}
	}, src.Meta, o.Weights != nil)
	var blobs []*blob
	var again []string
	weighted := 0
	for i := range src.Tensors {
		b, rounded, err := requantized(&src.Tensors[i], c)
		if err == nil {
			err = o.Weights.apply(b)
		}
		if err != nil {
			return r, err
		}
		if rounded {
			again = append(again, b.name)
		}
		if b.importance != nil {
			weighted++
		}
		blobs = append(blobs, b)
	}
	if again != nil {
		if !o.Again {
			return r, fmt.Errorf("%w: %s", ErrAgain, listed(again))
		}
		r.warn("%d tensors were quantised already; their errors add up", len(again))
	}
	if o.Weights != nil && weighted == 0 {
		r.warn("the importance matrix names none of the tensors that were quantised")
	}
	if text := c.warning(); text != "" {
		r.warn("%s", text)
	}
	return r, write(ctx, out, &o, f, blobs, &r)
}

// copyMeta copies all metadata but what the new file is to say itself.
func copyMeta(f *gguf.Writer, m *gguf.Meta, o *Options, mix *mixture) error {
	for key := range m.Keys() {
		if strings.HasPrefix(key, "split.") {
			continue
		}
		if err := f.Copy(m, key); err != nil {
			return err
		}
	}
	if o.Name != "" {
		if err := f.Set("general.name", o.Name); err != nil {
			return err
		}
	}
	return tail(f, mix)
}

// requantized makes a tensor of the new file; rounded tells that values which were rounded before are rounded again.
func requantized(t *gguf.Tensor, c *chooser) (b *blob, rounded bool, err error) {
	b = &blob{name: t.Name, dims: t.Dims, typ: t.Type, stack: 1}
	from, ok := quant.Lookup(t.Type)
	if quantizable(t.Name, t.Dims) && !matches(c.keep, t.Name) {
		b.typ = c.choose(t.Name, t.Dims)
	}
	if b.typ == t.Type {
		b.raw = t.Data
		return b, false, nil
	}
	if !ok {
		return nil, false, fmt.Errorf("tensor %q: %w: %v cannot be read", t.Name, quant.ErrType, t.Type)
	}
	m, err := t.Matrix()
	if err != nil {
		return nil, false, err
	}
	if len(t.Dims) > 2 {
		b.stack = t.Dims[1]
	}
	to, _ := quant.Lookup(b.typ)
	b.parts = []part{{rows: m.Rows, cols: m.Cols, read: func(dst []float32, first int) error {
		for i := 0; i < len(dst); i += m.Cols {
			m.DecodeRow(dst[i:], (first+i)/m.Cols)
		}
		return nil
	}}}
	return b, from.Group > 0 && to.Group > 0, nil
}
