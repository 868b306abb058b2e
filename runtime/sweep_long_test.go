//go:build long

package runtime

import "testing"

// TestLongSpill has all plans with both models.
func TestLongSpill(t *testing.T) { spills(t, 1) }

// TestLongScratch has all plans with all architectures.
func TestLongScratch(t *testing.T) { scratch(t, 1) }

// TestLongFoldRewinds has all plans in steps of all sizes.
func TestLongFoldRewinds(t *testing.T) { foldRewinds(t, 1) }
