package arch

import (
	"reflect"

	"github.com/godwit-ai/godwit/attention"
)

// vectors are those of the position schemes of a model's layers that are added before projections, each made once.
type vectors []*infusing

type infusing struct {
	of attention.Infused
	x  []float32 // [places, width]
}

// project gives the scheme of layer i what it makes of its vectors, if it has any.
func (v *vectors) project(d *decoder, i int, s attention.Scheme) (attention.Scheme, error) {
	of, ok := s.(attention.Infused)
	if !ok {
		return s, nil
	}
	var have *infusing
	for _, f := range *v {
		if reflect.DeepEqual(f.of, of) {
			have = f
		}
	}
	if have == nil {
		have = &infusing{of, of.Vectors(d.width)}
		*v = append(*v, have)
	}
	p, err := d.attns[i].Project(of, have.x, d.dim)
	if err != nil {
		return nil, err
	}
	return of.With(p), nil
}
