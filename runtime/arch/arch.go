// Package arch holds the model architectures, one file each: how a GGUF file's metadata and tensors become a layer.Net,
// and how a Hugging Face directory becomes such a file. Nothing outside an architecture's file names it.
package arch

import (
	"fmt"
	"slices"
)

// Arch is one architecture, registered by its file's init.
type Arch struct {
	Names  []string // values of general.architecture
	Import Import   // from a Hugging Face directory
}

var registry []*Arch

// register adds an architecture; names must be new.
func register(a Arch) {
	for _, n := range a.Names {
		if _, ok := Lookup(n); ok {
			panic(fmt.Sprintf("arch: %q registered twice", n))
		}
	}
	registry = append(registry, &a)
	slices.SortFunc(registry, func(x, y *Arch) int {
		switch {
		case x.Names[0] < y.Names[0]:
			return -1
		case x.Names[0] > y.Names[0]:
			return 1
		}
		return 0
	})
}

// All returns the architectures in the order of their names.
func All() []*Arch { return registry }

// Lookup finds the architecture that reads general.architecture = name.
func Lookup(name string) (*Arch, bool) {
	for _, a := range registry {
		if slices.Contains(a.Names, name) {
			return a, true
		}
	}
	return nil, false
}
