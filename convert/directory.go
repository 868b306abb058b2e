package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/safetensors"
	"github.com/godwit-ai/godwit/seq"
)

// Directory converts the Hugging Face model in dir (config.json, safetensors, tokenizer files) to a GGUF file at out, which it
// replaces. Errors about config.json wrap arch.ErrConfig, those about the tensors' names and shapes ErrTensors.
// A directory without a tokenizer gives a file without one, and a warning.
func Directory(ctx context.Context, dir, out string, o Options) (r Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("convert %s: %w", dir, err)
		}
	}()
	if err := o.check(); err != nil {
		return r, err
	}
	if st, err := os.Stat(dir); err != nil {
		return r, err
	} else if !st.IsDir() {
		return r, fmt.Errorf("%w: it is a file", ErrDirectory)
	}
	data, err := readText(dir, "config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w: no config.json", ErrDirectory)
	}
	if err != nil {
		return r, err
	}
	cfg, err := arch.ParseConfig(data)
	if err != nil {
		return r, err
	}
	a, err := arch.LookupImport(cfg)
	if err != nil {
		return r, err
	}
	w, err := openWeights(dir)
	if err != nil {
		return r, err
	}
	defer w.close()
	pairs, err := a.Import.Meta(cfg)
	if err != nil {
		return r, err
	}
	maps, err := a.Import.Tensors(cfg, func(name string) bool { return w.byName[name] != nil })
	if err != nil {
		return r, err
	}
	if o.Type == "" {
		o.Type = w.floatType()
	}
	mix, err := findMixture(o.Type)
	if err != nil {
		return r, err
	}
	r.Arch, r.Type = a.Names[0], mix.name

	f := &gguf.Writer{}
	if err := head(f, &o, dir, pairs); err != nil {
		return r, err
	}
	meta, err := readBack(f)
	if err != nil {
		return r, err
	}
	c := newChooser(&o, mix, func(yield func(string) bool) {
		for i := range maps {
			if !yield(maps[i].Name) {
				return
			}
		}
	}, meta, o.Weights != nil)
	blobs, err := w.blobs(&o, c, maps)
	if err != nil {
		return r, err
	}
	if err := w.unread(maps, a.Import.Ignore); err != nil {
		return r, err
	}
	if err := tail(f, mix); err != nil {
		return r, err
	}
	if err := addTokenizer(f, dir, cfg, o.Pre, &r); err != nil {
		return r, err
	}
	if text := c.warning(); text != "" {
		r.warn("%s", text)
	}
	err = write(ctx, out, &o, f, blobs, &r)
	if errors.Is(err, seq.ErrFault) {
		err = w.changed(err)
	}
	return r, err
}

// head sets the general keys and the hyper-parameters.
func head(f *gguf.Writer, o *Options, dir string, pairs []arch.KV) error {
	name := o.Name
	if name == "" {
		if abs, err := filepath.Abs(dir); err == nil {
			name = filepath.Base(abs)
		}
	}
	for i, kv := range pairs {
		if err := f.Set(kv.Key, kv.Value); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := errors.Join(f.Set("general.type", "model"), f.Set("general.name", name)); err != nil {
			return err
		}
	}
	return nil
}

// tail sets what says how the tensors are stored.
func tail(f *gguf.Writer, mix *mixture) error {
	return errors.Join(f.Set("general.file_type", mix.file), f.Set("general.quantization_version", uint32(2)))
}

// readBack parses the metadata set so far.
func readBack(f *gguf.Writer) (*gguf.Meta, error) {
	var b strings.Builder
	if _, err := f.WriteTo(&b); err != nil {
		return nil, err
	}
	g, err := gguf.Parse([]byte(b.String()))
	if err != nil {
		return nil, err
	}
	return g.Meta, nil
}

// floatType is the type that most values have.
func (w *weights) floatType() string {
	sizes := map[safetensors.DType]int{}
	best := safetensors.BF16
	for _, t := range w.byName {
		if _, ok := t.DType.Quant(); ok {
			sizes[t.DType] += len(t.Data)
		}
	}
	for _, d := range []safetensors.DType{safetensors.BF16, safetensors.F16, safetensors.F32} {
		if sizes[d] > sizes[best] {
			best = d
		}
	}
	return string(best)
}

// blobs turns the tensor maps into tensors to write.
func (w *weights) blobs(o *Options, c *chooser, maps []arch.TensorMap) ([]*blob, error) {
	var out []*blob
	var missing []string
	for i := range maps {
		m := &maps[i]
		for _, name := range m.From {
			if w.byName[name] == nil {
				missing = append(missing, name)
			}
		}
		if missing != nil {
			continue
		}
		b, err := w.blob(m)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrTensors, m.Name, err)
		}
		switch b.typ = f32; {
		case m.F32 || !quantizable(m.Name, m.Dims):
		case matches(o.Keep, m.Name):
			if t, ok := w.byName[m.From[0]].DType.Quant(); ok {
				b.typ = t
			}
		default:
			b.typ = c.choose(m.Name, m.Dims)
		}
		if err := o.Weights.apply(b); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: missing: %s", ErrTensors, listed(missing))
	}
	return out, nil
}

// blob checks the sources of one tensor and says how to read them.
func (w *weights) blob(m *arch.TensorMap) (*blob, error) {
	size, err := gguf.Size(f32, m.Dims)
	if err != nil {
		return nil, err
	}
	cols, want := m.Dims[0], size/4
	flat := len(m.Dims) == 1
	if flat {
		cols = 1
	}
	b := &blob{name: m.Name, dims: m.Dims, stack: want / cols}
	if len(m.Dims) > 2 {
		b.stack = m.Dims[1]
	}
	if m.From == nil {
		if len(m.Values) != want {
			return nil, fmt.Errorf("%d values for %v", len(m.Values), m.Dims)
		}
		b.parts = []part{{rows: want / cols, cols: cols, read: func(dst []float32, first int) error {
			copy(dst, m.Values[first:])
			return nil
		}}}
		return b, nil
	}
	have := 0
	for _, name := range m.From {
		t := w.byName[name]
		n := t.Elems()
		if _, ok := t.DType.Quant(); !ok && t.DType != safetensors.F64 {
			return nil, fmt.Errorf("%s has type %s, which is no float type that can be converted", name, t.DType)
		}
		if n == 0 || n > want-have {
			return nil, fmt.Errorf("%s has shape %v, want %v in all (GGUF order)", name, t.Shape, m.Dims)
		}
		if !flat && (len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] != cols) {
			return nil, fmt.Errorf("%s has shape %v, want rows of %d", name, t.Shape, cols)
		}
		have += n
		b.parts = append(b.parts, part{rows: n / cols, cols: cols, read: t.Floats, edit: m.Apply})
	}
	if have < want && m.Pad && len(m.From) == 1 {
		b.parts = append(b.parts, part{rows: (want - have) / cols, cols: cols})
		have = want
	}
	if have != want {
		return nil, fmt.Errorf("%s: %d values, want %v (GGUF order)", listed(m.From), have, m.Dims)
	}
	return b, nil
}

// unread refuses tensors of the directory that nothing reads: a model without some of its weights would run, and be wrong.
func (w *weights) unread(maps []arch.TensorMap, ignore []string) error {
	read := map[string]bool{}
	for i := range maps {
		for _, name := range maps[i].From {
			read[name] = true
		}
	}
	var extra []string
	for _, name := range sortedKeys(w.byName) {
		if !read[name] && !matches(ignore, name) {
			extra = append(extra, name)
		}
	}
	if extra != nil {
		return fmt.Errorf("%w: not known: %s", ErrTensors, listed(extra))
	}
	return nil
}
