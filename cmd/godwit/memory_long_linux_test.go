//go:build long

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// watched runs a command line in a process of its own and returns its output and the most anonymous memory that was seen.
func watched(t *testing.T, args ...string) (out string, most int64) {
	t.Helper()
	c := program(t, args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%q: %v, %s", args, err, e.String())
			}
			return o.String(), most
		case <-time.After(500 * time.Microsecond):
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
			_, rest, _ := strings.Cut(string(data), "RssAnon:")
			if f := strings.Fields(rest); len(f) > 0 {
				kib, _ := strconv.ParseInt(f[0], 10, 64)
				most = max(most, kib<<10)
			}
		}
	}
}

// TestLongMemoryHeld: what a process takes, from its start to its end, stays within what was planned, with budgets from the least that
// works to none, and the results are the same. Contexts are filled to the end, so that caches count whole.
func TestLongMemoryHeld(t *testing.T) {
	const book = "../../testdata/books/opticks.txt"
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		m := testmodel.Path(t, name)
		for _, c := range []struct {
			args  []string
			field string // of the object, that budgets leave alone
		}{
			{[]string{"perplexity", m, "-f", book, "--bytes", "4500", "--ctx", "512"}, "nll"},
			{[]string{"run", m, "-f", book, "--fit", "--raw", "Therefore", "--temp", "0", "-n", "40", "--ctx", "512"}, "token_ids"},
		} {
			plan := func(memory int64) (p planJSON) {
				t.Helper()
				r := must(t, "", "plan", m, "--ctx", "512", "--memory", fmt.Sprint(memory), "-t", "2", "--json")
				if err := json.Unmarshal([]byte(r.out), &p); err != nil {
					t.Fatal(err)
				}
				return p
			}
			least := plan(20 << 20)
			if least.Fits || least.Chunk != 1 {
				t.Fatalf("%s: 20 MiB hold %d tokens in steps of %d rows", name, least.Ctx, least.Chunk)
			}
			var want any
			// What the program takes by itself differs by a few megabytes from start to start.
			for _, budget := range []int64{least.Total + 8<<20, (least.Total + plan(0).Total) / 2, 0} {
				p := plan(budget)
				if !p.Fits || budget > 0 && p.Total > budget {
					t.Fatalf("%s: a plan of %d bytes for %d", name, p.Total, budget)
				}
				out, most := watched(t, append(c.args, "--memory", fmt.Sprint(budget), "-t", "2", "--json")...)
				t.Logf("%s %s, budget %d: steps of %d rows, planned %d bytes, took %d", name, c.args[0], budget, p.Chunk, p.Total, most)
				if most > p.Total || most < p.Parts.KV {
					t.Errorf("%s %s, budget %d: took %d bytes; %d were planned, %d of them for keys and values", name, c.args[0], budget, most, p.Total, p.Parts.KV)
				}
				var got map[string]any
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got[c.field]
				}
				if fmt.Sprint(got[c.field]) != fmt.Sprint(want) || want == nil {
					t.Errorf("%s %s, budget %d: %s is %v, want %v", name, c.args[0], budget, c.field, got[c.field], want)
				}
			}
		}
	}
}
