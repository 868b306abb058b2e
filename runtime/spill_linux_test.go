package runtime

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/godwit-ai/godwit/mmap"
)

// TestSpillMemory: a session of 32,768 tokens takes a few megabytes of anonymous memory when its caches are in a file, and with a
// budget not more of any.
func TestSpillMemory(t *testing.T) {
	const tokens = 32768
	path := tinyFile(t, "gemma3")
	took := func(dir string, budget bool, read int) (anon, rss, caches int64) {
		m := tinyModel(t, path, Options{Plan: "span=window(64) layout=grow kv=f32", Threads: 1, Spill: dir})
		o := SessionOptions{Context: tokens, Chunk: 64}
		if budget {
			p, err := m.Memory(o)
			if err != nil {
				t.Fatal(err)
			}
			m.budget = p.Total()
		}
		debug.FreeOSMemory()
		before := mmap.MemoryUsage()
		s, err := m.NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ids := make([]int32, read)
		for i := range ids {
			ids[i] = int32(i * 13 % m.Info.Vocab)
		}
		if err := s.Feed(context.Background(), ids, func(int, int) {
			u := mmap.MemoryUsage()
			anon, rss = max(anon, u.Anon-before.Anon), max(rss, u.RSS-before.RSS)
		}); err != nil {
			t.Fatal(err)
		}
		return anon, rss, s.Stats().KVBytes
	}
	const most = 8 << 20
	if anon, _, caches := took("", false, tokens/4); anon < caches {
		t.Fatalf("without a file: %d bytes of anonymous memory for caches of %d", anon, caches)
	}
	dir := t.TempDir()
	anon, rss, caches := took(dir, false, tokens)
	if anon > most || rss < caches || caches < 3*most {
		t.Errorf("with a file: %d bytes of anonymous memory, %d of all, for caches of %d", anon, rss, caches)
	}
	if anon, rss, _ := took(dir, true, tokens); anon > most || rss > 2*most {
		t.Errorf("with a file and a budget: %d bytes of anonymous memory, %d of all, for caches of %d", anon, rss, caches)
	}
}
