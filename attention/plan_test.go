package attention

import "testing"

func TestPlanQuick(t *testing.T) {
	p := Plan{Layers: make([]Layer, 18)}
	for i := range p.Layers {
		p.Layers[i] = Layer{Span: []Span{Window{512}}, Pos: Rope{Base: 10000}}
		if i%6 == 5 {
			p.Layers[i] = Layer{Pos: Rope{Base: 1e6}}
		}
	}
	t.Log(p)
	for _, s := range []string{"kv=f32", "0-4: key=f32 layout=grow; 5: span=sinks(4)+window(9)", "pos=yarn(factor=4, orig=20)", "span=[full, window(3)]", "5-2: kv=f32", "3", "kv=f31", "pos=rope(base=x)", "pos=rope(bas=1)", "span=full layout=grow+ring", "0: pos=none+yarn(factor=4,orig=20)", "span=window", "; ;kv=f16"} {
		q, err := p.Edit(s)
		t.Log(s, "→", q, err)
		if err != nil {
			continue
		}
		r, err := ParsePlan(q.String(), 18)
		if err != nil || r.String() != q.String() {
			t.Error(r, err)
		}
	}
}
