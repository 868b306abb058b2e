package seq_test

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/seq"
)

func TestRunLen(t *testing.T) {
	if n := (seq.Run{Lo: 3, Hi: 10}).Len(); n != 7 {
		t.Error(n)
	}
	if n := (seq.Run{Lo: 3, Hi: 3}).Len(); n != 0 {
		t.Error(n)
	}
}

// take takes n elements and checks their length and alignment.
func take[T seq.Scalar](t *testing.T, a *seq.Arena, n int) []T {
	t.Helper()
	s := seq.Take[T](a, n)
	if len(s) != max(0, n) || cap(s) != len(s) {
		t.Fatalf("%d elements: length %d, capacity %d", n, len(s), cap(s))
	}
	if n > 0 && uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
		t.Fatalf("%d elements of %d bytes: not aligned to 64 bytes", n, unsafe.Sizeof(s[0]))
	}
	return s
}

func TestArenaAlignment(t *testing.T) {
	var a seq.Arena
	for pass := range 3 { // the first one takes blocks of their own, the others a slab
		m := a.Mark()
		for n := range 40 {
			take[int8](t, &a, n)
			take[uint16](t, &a, n)
			take[float32](t, &a, n*n)
			take[float64](t, &a, n)
			take[int32](t, &a, -n)
		}
		a.Release(m)
		if a.Bytes() == 0 {
			t.Errorf("pass %d: no slab", pass)
		}
	}
}

// TestArenaDisjoint nests marks at random, fills every slice, and looks whether the others kept their contents.
func TestArenaDisjoint(t *testing.T) {
	var a seq.Arena
	rng := rand.New(rand.NewPCG(1, 2))
	var next uint8
	var nest func(depth int)
	nest = func(depth int) {
		m := a.Mark()
		var held [][]uint8
		var fill []uint8
		for range rng.IntN(5) {
			s := seq.Take[uint8](&a, rng.IntN(300))
			next++
			for i := range s {
				s[i] = next
			}
			held, fill = append(held, s), append(fill, next)
			if depth < 4 {
				nest(depth + 1)
			}
		}
		for i, s := range held {
			for j := range s {
				if s[j] != fill[i] {
					t.Fatalf("depth %d: byte %d of slice %d changed", depth, j, i)
				}
			}
		}
		a.Release(m)
	}
	for range 200 {
		nest(0)
	}
	if a.Bytes() == 0 {
		t.Error("nothing was ever kept")
	}
}

func TestArenaDoesNotAllocate(t *testing.T) {
	var a seq.Arena
	pass := func() {
		m := a.Mark()
		seq.Take[float32](&a, 1000)
		inner := a.Mark()
		seq.Take[int8](&a, 500)
		seq.Take[float64](&a, 77)
		a.Release(inner)
		seq.Take[uint16](&a, 2000)
		a.Release(m)
	}
	pass()
	held := a.Bytes()
	if n := testing.AllocsPerRun(50, pass); n != 0 {
		t.Errorf("%v allocations per pass", n)
	}
	if a.Bytes() != held || held < 4000+4000 || held > 20_000 {
		t.Errorf("%d bytes held, %d before", a.Bytes(), held)
	}
	// A larger pass grows it once.
	m := a.Mark()
	seq.Take[float32](&a, 50_000)
	a.Release(m)
	if a.Bytes() < 200_000 {
		t.Errorf("%d bytes held after a pass of 200,000", a.Bytes())
	}
	if n := testing.AllocsPerRun(50, pass); n != 0 {
		t.Errorf("%v allocations per pass after it grew", n)
	}
}

func TestArenaTrim(t *testing.T) {
	var a seq.Arena
	m := a.Mark()
	take[float32](t, &a, 1000)
	a.Release(m)
	a.Trim()
	if a.Bytes() != 0 {
		t.Errorf("%d bytes after Trim", a.Bytes())
	}
	m = a.Mark()
	take[float32](t, &a, 10)
	a.Release(m)
	if n := a.Bytes(); n == 0 || n > 1000 {
		t.Errorf("%d bytes after Trim and a small pass", n)
	}
}

// TestArenaExchanges: a slab that is too small for what comes first is exchanged for one after it that is not, and the smallest of those.
func TestArenaExchanges(t *testing.T) {
	var a seq.Arena
	pass := func(sizes ...int) {
		m := a.Mark()
		for _, n := range sizes {
			seq.Take[uint64](&a, n)
		}
		a.Release(m)
	}
	const k = 1 << 16 // no slab is larger than one slice
	pass(2*k, 5*k, 4*k, 3*k)
	held := a.Bytes()
	if n := testing.AllocsPerRun(1, func() { pass(3*k, 5*k, 4*k, 2*k) }); n != 0 || a.Bytes() != held {
		t.Errorf("%v allocations for the same slices in another order; %d bytes held, %d before", n, a.Bytes(), held)
	}
	pass(6 * k)
	if more := a.Bytes() - held; more <= 0 || more > 8*4*k {
		t.Errorf("%d bytes more held after a slice that is %d larger than any", more, 8*k)
	}
}
