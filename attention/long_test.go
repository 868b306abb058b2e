//go:build long

package attention

import "testing"

// TestLongCompositions takes every composition of parts.
func TestLongCompositions(t *testing.T) { compositions(t, 1) }
