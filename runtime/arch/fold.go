package arch

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// A file whose model was trained with a fold names it, as plans do, in the key ARCH.fold, and has the vectors that the rows which are added
// begin with in the tensor fold_embd.weight, [width] or [width, vectors]. They enter the network as they are, without a factor of embeddings.
const (
	foldKey    = "fold"
	foldTensor = "fold_embd.weight"
	maxVectors = 1 << 12
	maxFold    = 1 << 22 // numbers of all vectors, since a session holds some copies
)

// fold reads the fold of a Hugging Face directory: config.json has it in plan text under the same key, and the vectors' tensor has the same
// name. No public model has any, so nothing else is there to follow.
func (t *table) fold() attention.Fold {
	text, err := t.cfg.StringOr(foldKey, "none")
	if err != nil {
		t.fail(err)
		return nil
	}
	p, err := attention.ParsePlan("fold="+text, 1)
	if err != nil {
		t.fail(t.cfg.fail(foldKey, "%v", err))
		return nil
	}
	return p.Layers[0].Fold
}

// folded returns the plan with the fold that the file names.
func (d *decoder) folded(p attention.Plan) (attention.Plan, error) {
	key := d.arch + "." + foldKey
	text, err := d.meta.StringOr(key, "none")
	if err != nil {
		return p, err
	}
	q, err := p.Edit("fold=" + text)
	if err != nil {
		return p, fmt.Errorf("%s: %w: %w", key, gguf.ErrRange, err)
	}
	return q, nil
}

// foldVectors claims the vectors. [vectors, width]
func (d *decoder) foldVectors() []float32 {
	dims := d.w.Dims(foldTensor)
	switch {
	case dims == nil:
		return nil
	case len(dims) == 1:
		return d.w.Vector(foldTensor, d.width)
	case dims[1] > maxVectors || dims[1]*d.width > maxFold:
		d.fail(fmt.Errorf("%s: %w: %d vectors of %d numbers are too many", foldTensor, gguf.ErrRange, dims[1], d.width))
		return nil
	}
	m := d.w.Matrix(foldTensor, dims[1], d.width)
	if m.Format == nil {
		return nil
	}
	x := make([]float32, m.Rows*m.Cols)
	for i := range m.Rows {
		m.DecodeRow(x[i*m.Cols:][:m.Cols], i)
	}
	return x
}

// fold gives the network the vectors of the plan's fold. It is one for all layers, since they share their rows.
func (d *decoder) fold(n *layer.Net) error {
	layers := d.plan.Layers
	of := layers[0].Fold
	for i := range layers {
		if a, b := foldText(of), foldText(layers[i].Fold); a != b {
			return fmt.Errorf("attention layer %d: fold=%s with fold=%s in layer 0: %w: %w", i, b, a, attention.ErrCompose, errors.New("layers share their rows"))
		}
	}
	if of == nil {
		n.Fold = nil
		return nil
	}
	f := of.Folding()
	need, have := f.Vectors(), len(n.Fold)/d.width
	switch {
	case need*d.width > maxFold:
		return fmt.Errorf("fold=%s: %w: %d vectors of %d numbers are more than %d numbers", of, attention.ErrCompose, need, d.width, maxFold)
	case f.Token >= 0 && int(f.Token) >= n.Embed.Rows:
		return fmt.Errorf("fold=%s: %w: the model has %d tokens", of, attention.ErrCompose, n.Embed.Rows)
	case f.Token >= 0:
		n.Fold = make([]float32, need*d.width)
		for i := range need {
			row := n.Fold[i*d.width:][:d.width]
			n.Embed.DecodeRow(row, int(f.Token))
			if n.EmbedScale != 0 {
				vec.Scale(row, n.EmbedScale)
			}
		}
	case have != need:
		return fmt.Errorf("fold=%s: %w: it needs %d vectors in the tensor %s, and the model has %d; token=ID takes the embedding of a token, which no model was trained with",
			of, attention.ErrCompose, need, foldTensor, have)
	}
	return nil
}

func foldText(f attention.Fold) string {
	if f == nil {
		return "none"
	}
	return f.String()
}
