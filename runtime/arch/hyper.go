package arch

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/gguf"
)

// Bounds of hyper-parameters. They are far above real models and keep products of two of them small.
const (
	maxLayers  = 1024
	maxWidth   = 1 << 20
	maxHeads   = 1 << 12
	maxDim     = 1 << 12
	maxHidden  = 1 << 22
	maxExperts = 1 << 12
	maxContext = 1 << 28
)

// hyper reads a file's hyper-parameters, keys after "general.architecture." and its value. Every value is checked
// against bounds. The first error stays, and what cannot be had comes back as the lower bound, so that builders read
// straight through.
type hyper struct {
	meta *gguf.Meta
	arch string
	err  error
}

func (h *hyper) fail(err error) {
	if h.err == nil {
		h.err = err
	}
}

// has reports whether the key is there.
func (h *hyper) has(key string) bool { return h.meta.Has(h.arch + "." + key) }

// whole reads a whole number in [lo, hi].
func (h *hyper) whole(key string, lo, hi int) int {
	v, err := h.meta.Int(h.arch + "." + key)
	if err == nil && (v < int64(lo) || v > int64(hi)) {
		err = fmt.Errorf("%s.%s: %w: %d is not between %d and %d", h.arch, key, gguf.ErrRange, v, lo, hi)
	}
	if err != nil {
		h.fail(err)
		return lo
	}
	return int(v)
}

// wholeOr is whole with a default for a missing key.
func (h *hyper) wholeOr(key string, def, lo, hi int) int {
	if !h.has(key) {
		return def
	}
	return h.whole(key, lo, hi)
}

// number reads a number in [lo, hi].
func (h *hyper) number(key string, lo, hi float64) float64 {
	v, err := h.meta.Float(h.arch + "." + key)
	if err == nil && !(v >= lo && v <= hi) {
		err = fmt.Errorf("%s.%s: %w: %v is not between %v and %v", h.arch, key, gguf.ErrRange, v, lo, hi)
	}
	if err != nil {
		h.fail(err)
		return lo
	}
	return v
}

// numberOr is number with a default for a missing key.
func (h *hyper) numberOr(key string, def, lo, hi float64) float64 {
	if !h.has(key) {
		return def
	}
	return h.number(key, lo, hi)
}

// factorOr reads a factor: finite, positive and not extreme.
func (h *hyper) factorOr(key string, def float64) float32 {
	return float32(h.numberOr(key, def, 1e-6, 1e6))
}

// zeroOr reads a number in [lo, hi], or 0, which stands for a missing key.
func (h *hyper) zeroOr(key string, lo, hi float64) float64 {
	if v, err := h.meta.Float(h.arch + "." + key); err == nil && v == 0 {
		return 0
	}
	return h.numberOr(key, 0, lo, hi)
}

// capOr reads a soft cap, 0 when there is none. Far below 1e-3 its reciprocal would overflow.
func (h *hyper) capOr(key string) float32 { return float32(h.zeroOr(key, 1e-3, 1e6)) }

// text reads a string, def when the key is missing.
func (h *hyper) text(key, def string) string {
	s, err := h.meta.StringOr(h.arch+"."+key, def)
	if err != nil {
		h.fail(err)
	}
	return s
}

// truth reads a truth value, def when the key is missing.
func (h *hyper) truth(key string, def bool) bool {
	b, err := h.meta.BoolOr(h.arch+"."+key, def)
	if err != nil {
		h.fail(err)
	}
	return b
}

// windows returns each layer's sliding window, 0 for none. attention.sliding_window is its size, def when that is
// missing, 0 for none at all; attention.sliding_window_pattern says which layers have it: all but every n-th, or a list
// of truth values. Without it all but every period-th have; period 0: all.
func (h *hyper) windows(layers, def, period int) []int {
	out := make([]int, layers)
	size := h.wholeOr("attention.sliding_window", def, 0, maxContext)
	if size == 0 {
		return out
	}
	const key = "attention.sliding_window_pattern"
	local := func(i int) bool { return period == 0 || i%period < period-1 }
	if _, n, ok := h.meta.Array(h.arch + "." + key); ok {
		list, err := h.meta.Ints(h.arch + "." + key)
		if err == nil && n != layers {
			err = fmt.Errorf("%s.%s: %w: %d entries for %d layers", h.arch, key, gguf.ErrRange, n, layers)
		}
		if err != nil {
			h.fail(err)
			return out
		}
		local = func(i int) bool { return list.At(i) != 0 }
	} else {
		period = h.wholeOr(key, period, 0, maxLayers)
	}
	for i := range out {
		if local(i) {
			out[i] = size
		}
	}
	return out
}

// rsqrt returns 1/√n.
func rsqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }
