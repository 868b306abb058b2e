// Package impl keeps the implementations of kernels, so that tests can force and compare each of them.
package impl

import (
	"slices"
	"sync"
)

// Impl is one way to compute a package's kernels.
type Impl struct {
	Name      string
	Available bool   // this machine can run it
	Install   func() // points the package's kernel variables at it
}

var (
	mu       sync.Mutex
	packages = map[string][]Impl{}
)

// Register adds an implementation of a package's kernels. They are registered slowest first, and the last available one is
// installed; the first must be the generic one, which defines the others.
func Register(pkg string, i Impl) {
	mu.Lock()
	defer mu.Unlock()
	packages[pkg] = append(packages[pkg], i)
	if i.Available {
		i.Install()
	}
}

// Of returns a package's implementations, slowest first.
func Of(pkg string) []Impl {
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(packages[pkg])
}

// Each runs f once with every available implementation of pkg installed, and puts the best one back, even if f panics. It is for
// tests: nothing else may use the package meanwhile.
func Each(pkg string, f func(name string)) {
	have := slices.DeleteFunc(Of(pkg), func(i Impl) bool { return !i.Available })
	if len(have) == 0 {
		return
	}
	defer have[len(have)-1].Install()
	for _, i := range have {
		i.Install()
		f(i.Name)
	}
}
