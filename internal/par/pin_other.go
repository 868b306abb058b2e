//go:build !linux

package par

// affinity does not exist here.
type affinity struct{}

func (*affinity) save() bool { return false }
func (*affinity) restore()   {}
func bind([]int) bool        { return false }
func yield()                 {}
