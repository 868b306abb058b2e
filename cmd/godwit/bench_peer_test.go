//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakePeer writes a program that stands for Python: it keeps the lines that it reads beside itself, and answers by the shell
// commands start and job.
func fakePeer(t *testing.T, start, job string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "python")
	script := "#!/bin/sh\n[ \"$1\" = -c ] || exit 9\nread -r line; echo \"$line\" >\"$0.lines\"\n" + start +
		"\nwhile read -r line; do echo \"$line\" >>\"$0.lines\"\n" + job + "\ndone\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	fakeReady = `echo '{"done":50,"total":100}'; echo '{"ready":true,"version":"fake 1"}'`
	fakeJob   = `case "$line" in *'"fill"'*) echo '{"done":1,"total":2}'; echo '{"ms":0}';; *) echo '{"ms":2.5,"cpu_ms":4.5}';; esac`
)

// TestPeer: the peer gets the same work, both caches are filled before a pair, and the ratios are of the pairs.
func TestPeer(t *testing.T) {
	m, python := tiny(t), fakePeer(t, fakeReady, fakeJob)
	args := []string{"bench", m, "-p", "8", "-n", "4", "-d", "0,16", "-r", "3", "--plan", "kv=q8_0", "--threads", "2", "--no-limits",
		"--peer", "llama.cpp", "--peer-python", python}
	j := decode[benchJSON](t, must(t, "", append(args, "--json")...))
	if j.Peer != "llama.cpp, fake 1" || len(j.Rows) != 4 {
		t.Fatalf("peer %q, %d rows", j.Peer, len(j.Rows))
	}
	for i, r := range j.Rows {
		want := float64(r.Prompt+r.Gen) / 0.0025
		if p := r.Peer; len(p.Ratios) != 3 || p.TPS != want || p.TPSMedian != want || p.TPSMin != want ||
			p.RatioMin > p.RatioMedian || p.RatioMedian > p.RatioMax || p.RatioMin != slices.Min(p.Ratios) || p.RatioMax*want < r.TPS*0.999 || p.RatioMax*want > r.TPS*1.001 {
			t.Errorf("row %d: %+v, %+v", i, p, r)
		}
	}
	data, err := os.ReadFile(python + ".lines")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	var config peerConfig
	if err := json.Unmarshal([]byte(lines[0]), &config); err != nil {
		t.Fatal(err)
	}
	if want := (peerConfig{Model: m, Threads: 2, Ctx: 24, Key: "q8_0", Value: "q8_0", Vocab: tinyVocab}); config != want {
		t.Errorf("config %+v, want %+v", config, want)
	}
	var want, have []peerJob
	for _, d := range []int{0, 16} {
		for range 3 {
			want = append(want, peerJob{"fill", 0, d}, peerJob{"prefill", 8, d}, peerJob{"fill", 0, d}, peerJob{"decode", 4, d})
		}
	}
	for _, l := range lines[1:] {
		var job peerJob
		if err := json.Unmarshal([]byte(l), &job); err != nil {
			t.Fatal(err)
		}
		have = append(have, job)
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("jobs (-want +have):\n%s", d)
	}
	if c := j.Rows[0].Peer.CPU; c < 89.9 || c > 90.1 {
		t.Errorf("the threads ran %g%% of the time, want 90", c)
	}
	if r := must(t, "", args...); r.err != "" || !strings.Contains(r.out, "godwit is") || !strings.Contains(r.out, "peer: llama.cpp, fake 1") {
		t.Errorf("%s", r.out)
	}
	contract{section: "bench", args: args, when: []string{"--peer"}}.check(t, documented(t))
}

// TestPeerStarved: a comparison on a busy machine comes with a warning.
func TestPeerStarved(t *testing.T) {
	python := fakePeer(t, fakeReady, strings.Replace(fakeJob, "4.5", "1.25", 1))
	r := must(t, "", "bench", tiny(t), "-p", "8", "-n", "0", "-t", "2", "-q", "--no-limits", "--peer", "llama.cpp", "--peer-python", python)
	if !strings.Contains(r.err, "warning: the threads of llama.cpp ran only 25% of the time") {
		t.Errorf("%q", r.err)
	}
}

// TestPeerErrors: whatever a peer does wrong is one sentence.
func TestPeerErrors(t *testing.T) {
	m := tiny(t)
	for _, c := range []struct{ start, job, want string }{
		{`echo '{"error":"no module","missing":true}'; exit 0`, "", "-m pip install llama-cpp-python"},
		{`echo '{"error":"it cannot load the model"}'; echo "bad magic" >&2; exit 0`, "", "it cannot load the model bad magic"},
		{`echo "Segmentation fault" >&2; exit 3`, "", "ended before it answered (exit status 3) Segmentation fault"},
		{`echo hello; exit 0`, "", `"hello\n" is no answer`},
		{`echo '{"ms":3}'; exit 0`, "", "before it was ready"},
		{fakeReady, `echo '{}'`, "has no time"},
		{fakeReady, `case "$line" in *'"fill"'*) echo '{"ms":0}';; *) echo '{"ms":0}';; esac`, "has no time"},
		{fakeReady, `echo '{"error":"llama_decode returned 1"}'`, "llama_decode returned 1"},
		{fakeReady, `exit 7`, "exit status 7"},
	} {
		r := godwitWith(t, "", "bench", m, "-p", "8", "-n", "0", "--no-limits", "--peer", "llama.cpp", "--peer-python", fakePeer(t, c.start, c.job))
		if r.code != exitError || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "--peer llama.cpp") || !strings.Contains(r.err, c.want) {
			t.Errorf("%q, %q: exit %d, %q, %q; want %q", c.start, c.job, r.code, r.out, r.err, c.want)
		}
	}
}

// TestPeerCancelled: an interrupt ends a peer that does not answer.
func TestPeerCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs}
	start := time.Now()
	code := a.main(ctx, []string{"bench", tiny(t), "--peer", "llama.cpp", "--peer-python", fakePeer(t, "exec sleep 60", "")})
	if code != exitStopped || out.Len() > 0 || errs.String() != "godwit: stopped\n" || time.Since(start) > 30*time.Second {
		t.Errorf("exit %d after %v, printed %q, %q", code, time.Since(start), out.String(), errs.String())
	}
}

// TestInTurns: who is measured first changes from pair to pair, and an error ends it.
func TestInTurns(t *testing.T) {
	var order []string
	call := func(name string, err error) func() error {
		return func() error { order = append(order, name); return err }
	}
	for rep := range 3 {
		if err := inTurns(rep, call("a", nil), call("b", nil)); err != nil {
			t.Error(err)
		}
	}
	if err := inTurns(1, call("a", nil), call("b", errPeer)); err != errPeer {
		t.Errorf("error %v", err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b", "b"}; !slices.Equal(order, want) {
		t.Errorf("called %v, want %v", order, want)
	}
}
