//go:build long

package runtime_test

import (
	"context"
	"testing"

	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/runtime"
)

// TestLongRings: over 12,000 tokens the caches of Gemma's local layers stop growing when their windows are full, and end in
// the same bits as caches that keep everything.
func TestLongRings(t *testing.T) {
	const (
		half, n = 6000, 12000
		decoded = 200 // of each half, one by one; TestSameBits has that the others could be as well
		layers  = 18
		global  = 3 // of them
	)
	ids := tokens(n, 200000, 4)
	ctx := context.Background()
	type mark struct{ kv, anon int64 }
	run := func(plan string) (hash string, middle, end mark) {
		m := open(t, "gemma3:270m", runtime.Options{Plan: plan})
		s := session(t, m, runtime.SessionOptions{Context: n})
		measure := func(upTo int) mark {
			if err := s.Feed(ctx, ids[s.Len():upTo-decoded], nil); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids[s.Len():upTo] {
				if err := s.Feed(ctx, []int32{id}, nil); err != nil {
					t.Fatal(err)
				}
			}
			return mark{s.Stats().KVBytes, mmap.MemoryUsage().Anon}
		}
		middle, end = measure(half), measure(n)
		t.Logf("%s: caches %d bytes after %d tokens, %d after %d; anonymous %d and %d", m.Info.Plan, middle.kv, half, end.kv, n, middle.anon, end.anon)
		hash = s.Stats().LogitsHash
		s.Close() // before the other run's memory is measured
		return hash, middle, end
	}
	ringHash, ringMiddle, ringEnd := run("")
	hash, middle, end := run("layout=grow")
	if ringHash != hash {
		t.Errorf("with rings the logits are %s, without %s", ringHash, hash)
	}
	layer := (end.kv - middle.kv) / layers // what one layer that keeps everything grows by
	if got := ringEnd.kv - ringMiddle.kv; got != global*layer {
		t.Errorf("with rings the caches grew by %d bytes in the second half, want the global layers' %d", got, global*layer)
	}
	const slack = 4 << 20 // token list, collector
	if got := ringEnd.anon - ringMiddle.anon; got > global*layer+slack {
		t.Errorf("with rings anonymous memory grew by %d bytes in the second half, want %d at most", got, global*layer+slack)
	}
}

// TestLongSameBits has histories of five tiles of keys.
func TestLongSameBits(t *testing.T) { sameBits(t, 300, 4) }

// TestLongDraftsReal has greedy and random sampling on both models.
func TestLongDraftsReal(t *testing.T) { lookupReal(t, models) }
