//go:build long

package chat

import "testing"

// TestLongHostile has the limit of steps that templates have if nothing else is said.
func TestLongHostile(t *testing.T) { refuses(t, 0) }
