package runtime

import (
	"context"
	"testing"

	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/mmap"
)

// TestSpill: the same logits to the bit with caches in a file, whatever the layouts and codecs, in steps of any number of rows and after
// rewinds; and as many bytes counted as rows were stored. The models take plans in turns; TestLongSpill has all with both.
func TestSpill(t *testing.T) { spills(t, 2) }

// spills takes, for each model, one plan in so many.
func spills(t *testing.T, every int) {
	ctx := context.Background()
	spilled := 0
	for k, name := range []string{"llama", "gemma3"} {
		path := tinyFile(t, name)
		for i, plan := range []string{"", "kv=q8_0 layout=grow", "kv=kivi(bits=3)", "pos=alibi kv=f32", "span=window(40)",
			"span=sinks(4)+window(100) layout=grow", "span=full keep=h2o(70,every=64)", "span=full layout=grow kv=q8_0 select=recycle(k=1,dense=0)",
			"span=full layout=grow select=bounds(k=1,local=1,dense=0)", "span=full layout=grow select=louis(k=1,tau=0.9,local=1,dense=0)"} {
			if i > 0 && (i+k)%every != 0 {
				continue
			}
			var want []string
			var held int64
			for _, o := range []Options{{}, {Spill: t.TempDir()}, {Spill: t.TempDir(), Memory: 1}, {Spill: t.TempDir(), Power: PowerPerformance}} {
				o.Plan, o.Threads = plan, 1+i%3
				budget, cold := o.Memory > 0, o.Power == PowerPerformance
				o.Memory = 0
				m := tinyModel(t, path, o)
				if budget {
					m.budget = m.sizer(700, false).memory(1, 1).Total() + 20<<10
				}
				ids := make([]int32, 680)
				for i := range ids {
					ids[i] = int32(i * i % 31 * 13 % m.Info.Vocab)
				}
				s, err := m.NewSession(SessionOptions{Context: 700, Chunk: 150})
				if err != nil {
					t.Fatalf("%s %s: %v", name, plan, err)
				}
				var hashes []string
				feed := func(ids []int32) {
					t.Helper()
					if cold && s.spill != nil { // what is read is fetched, from the disk
						if err := s.spill.block.Advise(mmap.Drop, 0, 0); err != nil {
							t.Fatal(err)
						}
						s.spill.cold = 1 << 20
					}
					if err := s.Feed(ctx, ids, nil); err != nil {
						t.Fatalf("%s %s: %v", name, plan, err)
					}
					hashes = append(hashes, s.Stats().LogitsHash)
				}
				feed(ids[:300])
				feed(ids[300:301])
				feed(ids[301:610])
				for _, n := range []int{600, 200, 0} {
					if err := s.Rewind(ctx, n, nil); err != nil {
						t.Fatal(err)
					}
					feed(ids[n:])
				}
				st := s.Stats()
				if want == nil {
					want, held = hashes, st.KVBytes
				}
				for i := range want {
					if hashes[i] != want[i] {
						t.Fatalf("%s %s, %+v: logits %d are others", name, plan, o, i)
					}
				}
				if st.KVBytes != held && !budget { // which may have made rings smaller
					t.Errorf("%s %s, %+v: %d bytes of caches, without a file %d", name, plan, o, st.KVBytes, held)
				}
				if got := s.plan.Spill > 0; got != (st.SpillWritten > 0) || o.Spill == "" && got {
					t.Errorf("%s %s, %+v: a file of %d bytes, %d written", name, plan, o, s.plan.Spill, st.SpillWritten)
				}
				if s.plan.Spill > 0 {
					spilled++
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if spilled < 40/every {
		t.Errorf("only %d sessions had a file", spilled)
	}
}

// BenchmarkCold is a token of smollm2:135m at 2,000 tokens whose caches have to be read from the disk, with what is read fetched a layer
// ahead and without; and, for comparison, one whose caches are in the system's file cache.
func BenchmarkCold(b *testing.B) {
	for _, plan := range []string{"select=recycle(k=4,dense=0)"} { // others fetch nothing
		m, err := Open(testmodel.Path(b, "smollm2:135m"), Options{Plan: plan, Threads: 2, Spill: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		s, err := m.NewSession(SessionOptions{Context: 3000})
		if err != nil {
			b.Fatal(err)
		}
		ctx := context.Background()
		ids := make([]int32, 2000)
		for i := range ids {
			ids[i] = int32(i * 7919 % m.Info.Vocab)
		}
		if err := s.Feed(ctx, ids, nil); err != nil {
			b.Fatal(err)
		}
		for _, how := range []string{"warm", "cold", "fetched"} {
			b.Run(plan+"/"+how, func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					if how != "warm" {
						if err := s.spill.block.Advise(mmap.Drop, 0, 0); err != nil {
							b.Fatal(err)
						}
					}
					s.spill.faults, s.spill.cold = 1<<60, 0 // no faults since
					if how == "fetched" {
						s.spill.cold = 2
					}
					b.StartTimer()
					if err := s.Feed(ctx, ids[:1], nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
