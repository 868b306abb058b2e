package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	fars.add("group", func(a *args, _ Far) (Far, error) {
		g := Group{a.count()}
		if g.Size > maxGroup {
			return nil, fmt.Errorf("a group has between 1 and %d rows", maxGroup)
		}
		return g, nil
	}, "group(4)", "group(7)")
}

const maxGroup = 1 << 16

// Group is Self-Extend (Jin et al. 2024, arXiv 2401.01325): Size neighbouring rows share a position, so that a context is Size times as
// long for what is not near. A window of w rows in front counts as it is: a query at q is at ⌊q/Size⌋ + w − ⌊w/Size⌋.
type Group struct{ Size int32 }

// Key implements Far.
func (g Group) Key(row seq.Pos) seq.Pos { return row / seq.Pos(g.Size) }

// Query implements Far.
func (g Group) Query(row seq.Pos, window int) seq.Pos {
	return row/seq.Pos(g.Size) + seq.Pos(window-window/int(g.Size))
}

func (g Group) String() string { return fmt.Sprintf("group(%d)", g.Size) }
