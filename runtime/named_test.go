package runtime

import (
	"context"
	"testing"

	"github.com/godwit-ai/godwit/attention"
)

// TestNamedPlansOpen: every named plan opens a model and runs; those that say only what is seen give the bits of seeing everything, as
// long as the text is short enough for that, or of the model's own plan, if they leave its windows. Codecs and other positions do not.
func TestNamedPlansOpen(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"llama", "gemma3", "qwen3moe"} {
		path := tinyFile(t, name)
		ids := make([]int32, 60)
		run := func(plan string) string {
			m := tinyModel(t, path, Options{Plan: plan, Threads: 2})
			for i := range ids {
				ids[i] = int32(i * 29 % m.Info.Vocab)
			}
			s, err := m.NewSession(SessionOptions{Context: 100})
			if err != nil {
				t.Fatalf("%s, %s: %v", name, plan, err)
			}
			defer s.Close()
			if err := s.Feed(ctx, ids, nil); err != nil {
				t.Fatalf("%s, %s: %v", name, plan, err)
			}
			return s.Stats().LogitsHash
		}
		own, dense, same := run(""), run("span=full"), 0
		for _, n := range attention.NamedPlans() {
			hash := run(n.Name)
			if hash == dense {
				same++
			}
			if other := n.Name == "q8" || n.Name == "q4" || n.Name == "shortformer"; other == (hash == dense || hash == own) {
				t.Errorf("%s, %s: the logits are %s, those of a dense plan %s, and of the model's own %s", name, n.Name, hash, dense, own)
			}
		}
		if same < 5 || run("streaming(sinks=1,window=20)") == dense {
			t.Errorf("%s: %d plans like the dense one; and a window of 20 counts for nothing", name, same)
		}
	}
}
