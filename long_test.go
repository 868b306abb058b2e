//go:build long && unix

package godwit_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestLongLookup measures what docs/PERFORMANCE.md says of speculation. Sessions with and without drafts generate by turns, 10
// tokens each, and the processor's time is taken, so that whatever else the machine does slows both. The tokens must be the
// same, and text that does not repeat itself must not become slower by more than a measurement's noise.
func TestLongLookup(t *testing.T) {
	book, err := os.ReadFile("testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	passage := strings.TrimSpace(string(book[4000:7000]))
	again := passage + "\n\nThe same text again, word by word:\n\n" + passage[:160]
	for _, c := range []struct {
		task, prompt string
		chat         bool
	}{
		{"repeat the passage", again, false},
		{"summarise it", passage + "\n\nSummarise this text in five sentences.", true},
		{"continue it", passage, false},
		{"continue 20 kB", strings.TrimSpace(string(book[4000:24000])), false},
		{"a story", "Write a story about a small bird that flies around the world.", true},
	} {
		t.Run(c.task, func(t *testing.T) {
			for _, name := range []string{smollm2, "gemma3:270m"} {
				m := open(t, testmodel.Path(t, name))
				ids, err := m.Tokenize(c.prompt, true)
				if c.chat && name == smollm2 { // the other one has no template
					ids, err = m.Render(nil, []godwit.Message{{Role: "user", Content: c.prompt}})
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range []godwit.Sampling{{}, {Temperature: 0.7, Seed: 1}} {
					times := lookups(t, m, ids, godwit.Generation{Sampling: p, Max: 200, IgnoreEnd: true}, 0, 15)
					var row strings.Builder
					plain := times[0]
					fmt.Fprintf(&row, "| %s | %s | %g | %.1f |", c.task, name, p.Temperature, float64(len(plain.ids))/plain.took.Seconds())
					for _, l := range times[1:] {
						fmt.Fprintf(&row, " %.2f× | %d of %d | %.2f× |", l.tps()/plain.tps(), l.accepted, l.drafted, plain.took.Seconds()/l.took.Seconds())
						if l.tps() < 0.9*times[0].tps() {
							t.Errorf("%s, %s, temperature %g: Lookup %d is slower: %.1f tokens in a second of processor time, %.1f without", c.task, name,
								p.Temperature, l.lookup, l.tps(), times[0].tps())
						}
					}
					t.Log(row.String())
				}
			}
		})
	}
}

// timed is a generation with drafts and its time.
type timed struct {
	lookup, accepted, drafted int
	ids                       []int32
	took, busy                time.Duration
	next                      func() (godwit.Token, error, bool)
}

// tps is tokens per second of processor time.
func (l *timed) tps() float64 { return float64(len(l.ids)) / l.busy.Seconds() }

// cpuTime is the processor time of this process.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// lookups generates after a prompt with several numbers of drafts, by turns.
func lookups(t *testing.T, m *godwit.Model, prompt []int32, g godwit.Generation, most ...int) (all []*timed) {
	t.Helper()
	ctx := context.Background()
	for _, k := range most {
		s, err := m.NewSession(godwit.SessionOptions{Context: 8192})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Feed(ctx, prompt, nil); err != nil {
			t.Fatal(err)
		}
		g.Lookup = k
		next, stop := iter.Pull2(s.Generate(ctx, g))
		defer stop()
		l := &timed{lookup: k, next: next}
		all = append(all, l)
		defer func() { l.accepted, l.drafted = s.Stats().AcceptedTokens, s.Stats().DraftedTokens }()
	}
	for range g.Max / 10 {
		for _, l := range all {
			start, busy := time.Now(), cpuTime(t)
			for range 10 {
				tok, err, ok := l.next()
				if err != nil || !ok {
					t.Fatal(err, ok)
				}
				l.ids = append(l.ids, tok.ID)
			}
			l.took += time.Since(start)
			l.busy += cpuTime(t) - busy
		}
	}
	for _, l := range all[1:] {
		if !slices.Equal(l.ids, all[0].ids) {
			t.Errorf("Lookup %d: %v, without %v", l.lookup, l.ids, all[0].ids)
		}
	}
	return all
}

// TestLongStop takes a stop text from every third byte.
func TestLongStop(t *testing.T) { stops(t, 3) }
