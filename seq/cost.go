package seq

// Cost is what some tokens take at least: the bytes that must be read and the operations, two for each multiplication with
// addition. What is small beside these (norms, activations, the softmax) is left out.
type Cost struct {
	Weights  int64 // bytes of weights, each read once
	Cache    int64 // bytes of the keys and values that the tokens see, for each token anew
	IntOps   int64 // on int8
	FloatOps int64 // on float32
}

// Add adds d to c.
func (c *Cost) Add(d Cost) {
	c.Weights += d.Weights
	c.Cache += d.Cache
	c.IntOps += d.IntOps
	c.FloatOps += d.FloatOps
}
