// Package cpu tells what vector instructions may be used. GODWIT_CPU caps them by name, so that every level that a machine
// has can be tested on it.
package cpu

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Level is one step of instruction sets; a higher one includes the lower ones of its architecture, but that avx512 and
// avx512vnni do not include avxvnni.
type Level struct {
	Name string
	Have bool // the machine has it and GODWIT_CPU allows it
}

var capErr error

// Err reports that GODWIT_CPU names a level that this machine does not have, or none at all.
func Err() error { return capErr }

// levels are the machine's, lowest first; "generic" is always there and not listed.
var levels []*Level

// Best returns the name of the highest level in use.
func Best() string {
	best := "generic"
	for _, l := range levels {
		if l.Have {
			best = l.Name
		}
	}
	return best
}

func limit(name string) {
	if name == "" {
		return
	}
	i := slices.IndexFunc(levels, func(l *Level) bool { return l.Name == name })
	switch {
	case name == "generic":
		i = -1
	case i < 0:
		var known []string
		for _, l := range levels {
			known = append(known, l.Name)
		}
		capErr = fmt.Errorf("GODWIT_CPU=%s: unknown here (known: generic %s)", name, strings.Join(known, " "))
		return
	case !levels[i].Have:
		capErr = fmt.Errorf("GODWIT_CPU=%s: this machine does not have it", name)
		return
	}
	for _, l := range levels[i+1:] {
		l.Have = false
	}
}

func init() { limit(os.Getenv("GODWIT_CPU")) }
