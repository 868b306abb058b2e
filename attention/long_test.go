//go:build long

package attention

import "testing"

// TestLongCompositions takes one composition of parts in 13, of some 28,000.
func TestLongCompositions(t *testing.T) { compositions(t, 13) }

// TestLongSelectors takes a third of the pairs of selectors and spans.
func TestLongSelectors(t *testing.T) { selectorsBy(t, 3) }
