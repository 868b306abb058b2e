package attention

func init() { schemes.add("none", plain[Scheme](None{}), "none") }

// None leaves positions out (NoPE): order enters only through causality.
type None struct{}

// Fit implements Scheme.
func (None) Fit(int) (Positioner, error) { return nil, nil }

func (None) String() string { return "none" }
