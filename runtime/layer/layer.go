// Package layer holds the parts that networks are made of: norms, linear maps, attention, feed-forward networks, and the
// Net, a stack of residual branches over them. Parts are immutable and shared by all sessions; what changes lives in a
// NetState or in the step's arena.
//
// Activations are rows: x[n, width]. On error a pass leaves its scratch taken; whoever started it releases the arena.
package layer

import (
	"sync"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Norm is RMSNorm: x / √(mean(x²) + Eps) · Weight. The zero value passes rows through.
type Norm struct {
	Weight []float32 // [width], or nil: no norm
	Eps    float32
}

// none reports whether n passes rows through.
func (n *Norm) none() bool { return n.Weight == nil }

// Apply sets y to the norm of the row x; they may be the same.
func (n *Norm) Apply(y, x []float32) {
	if n.none() {
		copy(y, x)
		return
	}
	vec.RMSNorm(y, x, n.Weight, n.Eps)
}

// Activation is the non-linear function of a feed-forward network.
type Activation uint8

// The activations.
const (
	SiLU Activation = iota // x·σ(x)
	GELU                   // in its tanh form
)

// gate sets y = a(gate)·up; y may be either.
func (a Activation) gate(y, gate, up []float32) {
	if a == GELU {
		vec.GELUMul(y, gate, up)
		return
	}
	vec.SiLUMul(y, gate, up)
}

// freeList keeps task records for reuse: a pass allocates nothing, and unlike sync.Pool it never loses one.
type freeList[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (l *freeList[T]) get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		t := l.free[n-1]
		l.free = l.free[:n-1]
		return t
	}
	return new(T)
}

func (l *freeList[T]) put(t *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var zero T
	*t = zero // keeps nothing alive
	l.free = append(l.free, t)
}

// grain returns how many rows of that width make a piece of work of some microseconds.
func grain(width int) int { return max(1, 1<<12/width) }

// run hands out rows of work; few of them are done at once, without waking anybody.
func run(team seq.Team, rows, width int, t seq.Task) error {
	if rows*width <= 1<<13 {
		t.Do(0, 0, rows)
		return nil
	}
	return team.Run(rows, grain(width), t)
}
