//go:build long

package attention

import "testing"

// TestLongCompositions takes every pair of a span, a scheme and codecs of keys and values, in some 2,300 compositions of 49,000.
func TestLongCompositions(t *testing.T) { compositions(t, 1) }

// TestLongSelectors takes a third of the pairs of selectors and spans.
func TestLongSelectors(t *testing.T) { selectorsBy(t, 3) }

// TestLongSelectAll takes every selector and budget with every span.
func TestLongSelectAll(t *testing.T) { selectAll(t, 1) }

// TestLongKeepers takes all keepers with all pairs of codecs.
func TestLongKeepers(t *testing.T) { keepersBy(t, 1) }

// TestLongShapes takes all plans with all widths and groups.
func TestLongShapes(t *testing.T) { shapes(t, 3) }

// TestLongPlanRoundTrip takes every composition.
func TestLongPlanRoundTrip(t *testing.T) { roundTrip(t, 1) }
