// Package cpu tells what vector instructions may be used. GODWIT_CPU caps them by name, so that every level that a machine
// has can be tested on it.
package cpu

import (
	"errors"
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

// ErrLevel is wrapped by what Err returns.
var ErrLevel = errors.New("this machine has no such instructions")

var capErr error

// Err reports that GODWIT_CPU names a level that this machine does not have, or none at all; then nothing is capped.
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
	i := slices.IndexFunc(levels, func(l *Level) bool { return l.Have && l.Name == name })
	if i < 0 && name != "generic" {
		have := []string{"generic"}
		for _, l := range levels {
			if l.Have {
				have = append(have, l.Name)
			}
		}
		capErr = fmt.Errorf("GODWIT_CPU=%s: %w (it has %s)", name, ErrLevel, strings.Join(have, ", "))
		return
	}
	for _, l := range levels[i+1:] {
		l.Have = false
	}
}

func init() { limit(os.Getenv("GODWIT_CPU")) }
