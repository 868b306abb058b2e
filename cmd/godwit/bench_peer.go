package main

import (
	"bufio"
	"context"
	_ "embed" // bench_peer.py
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/godwit-ai/godwit"
)

// peerName is the one peer that --peer takes.
const peerName = "llama.cpp"

// peerScript runs the peer; its first lines are the protocol's description.
//
//go:embed bench_peer.py
var peerScript string

// errPeer is wrapped by every error that comes from the peer.
var errPeer = errors.New("--peer " + peerName)

// peerConfig is the first line that a peer reads.
type peerConfig struct {
	Model   string `json:"model"`
	Threads int    `json:"threads"`
	Ctx     int    `json:"ctx"`
	Key     string `json:"key"` // what the cache holds
	Value   string `json:"value"`
	Vocab   int    `json:"vocab"`
}

// peerJob is every further line.
type peerJob struct {
	Op    string `json:"op"` // fill, prefill, decode
	N     int    `json:"n"`
	Depth int    `json:"depth"`
}

// peerAnswer is a line that it writes.
type peerAnswer struct {
	Ready   bool     `json:"ready"`
	Version string   `json:"version"`
	MS      *float64 `json:"ms"`
	CPU     float64  `json:"cpu_ms"` // of all threads
	Error   string   `json:"error"`
	Missing bool     `json:"missing"`
	Done    int      `json:"done"`
	Total   int      `json:"total"`
}

// peer is a process that holds the model and answers jobs.
type peer struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	errs    tail
	version string
}

// startPeer starts Python on the script and waits until the model is loaded. The end of ctx ends the process.
func startPeer(ctx context.Context, python string, config peerConfig, progress godwit.Progress) (*peer, error) {
	p := &peer{cmd: exec.CommandContext(ctx, python, "-c", peerScript)}
	p.cmd.Stderr = &p.errs
	p.cmd.WaitDelay = time.Second
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%w: %w", errPeer, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPeer, err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w needs Python, which does not start: %w; --peer-python PATH names another", errPeer, err)
	}
	a, err := p.ask(ctx, config, progress)
	switch {
	case err == nil && !a.Ready:
		err = fmt.Errorf("%w: it answered before it was ready", errPeer)
	case err == nil:
		p.version = a.Version
		return p, nil
	case a.Missing:
		err = fmt.Errorf("%w: %s has no package llama-cpp-python; `%s -m pip install llama-cpp-python` builds it, and --peer-python PATH names another Python",
			errPeer, python, python)
	}
	p.close()
	return nil, err
}

// run does a job and returns how long its tokens took, on the clock and in CPU time of all threads.
func (p *peer) run(ctx context.Context, job peerJob, progress godwit.Progress) (took, cpu time.Duration, err error) {
	a, err := p.ask(ctx, job, progress)
	if err == nil && (a.MS == nil || job.Op != "fill" && *a.MS <= 0) {
		err = fmt.Errorf("%w: its answer has no time", errPeer)
	}
	if err != nil {
		return 0, 0, err
	}
	return time.Duration(*a.MS * float64(time.Millisecond)), time.Duration(a.CPU * float64(time.Millisecond)), nil
}

// ask writes a line and reads up to the answer. An answer that is an error is returned with it.
func (p *peer) ask(ctx context.Context, question any, progress godwit.Progress) (a peerAnswer, err error) {
	line, err := json.Marshal(question)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	for err == nil {
		if line, err = p.out.ReadBytes('\n'); err != nil {
			break
		}
		a = peerAnswer{}
		if err := json.Unmarshal(line, &a); err != nil {
			return a, fmt.Errorf("%w: %q is no answer: %w", errPeer, line, err)
		}
		switch {
		case a.Error != "":
			p.close() // then all that it had to say has come
			return a, fmt.Errorf("%w: %s", errPeer, strings.TrimSpace(a.Error+" "+p.errs.String()))
		case a.Total == 0:
			return a, nil
		}
		progress(a.Done, a.Total)
	}
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	p.close()
	return a, fmt.Errorf("%w ended before it answered (%v) %s", errPeer, p.cmd.ProcessState, p.errs.String())
}

// close ends the process, if it has not ended: its input ends, and if that does not help within a second, it is killed.
func (p *peer) close() {
	p.in.Close()
	timer := time.AfterFunc(time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
}

// tail keeps the last that was written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-1000):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }

// startPeers starts a peer for each plan, which it must be able to follow: only the types of keys and values may differ from the
// model's own.
func (b *benchRun) startPeers(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	own, err := godwit.Open(path, godwit.Options{})
	if err != nil {
		return err
	}
	plan := own.Info().Plan
	own.Close()
	for _, m := range b.models {
		config := peerConfig{Model: path, Threads: m.Threads(), Ctx: max(b.a.ctx, b.o.need(), peerWarm), Vocab: m.Info().Vocab}
		config.Key, config.Value = "f16", "f16"
		for i, l := range m.Info().Plan.Layers {
			key, value := "f16", "f16"
			if l.Key != nil {
				key = l.Key.String()
			}
			if l.Value != nil {
				value = l.Value.String()
			}
			if i > 0 && (key != config.Key || value != config.Value) {
				return usage("--peer: its layers cannot have different caches, as those of plan %s have", m.edits)
			}
			config.Key, config.Value = key, value
		}
		same, err := plan.Edit("key=" + config.Key + " value=" + config.Value)
		if err != nil {
			return err
		}
		if have := m.Plan(); same.String() != have {
			return usage("--peer: it has the model's own attention; of a plan, only kv=, key= and value= can be compared, and %s changes more", planName(m.edits))
		}
		label := "starting " + peerName
		if b.o.plans != "" {
			label += ", " + planName(m.edits)
		}
		bar := b.a.bar(label, false)
		bar.unit = "%"
		m.peer, err = startPeer(ctx, b.o.python, config, bar.tokens)
		bar.done()
		if err != nil {
			return err
		}
	}
	return nil
}

// peerWarm is the tokens that the script feeds before the first job.
const peerWarm = 18

// pair measures a cell with godwit and with the peer, one right after the other; who is first changes from one repetition to the
// next, so that a machine that becomes slower or faster favours neither.
func (b *benchRun) pair(ctx context.Context, i, rep int, label string) error {
	c := b.cells[i]
	m, job := b.models[c.plan], peerJob{Op: "prefill", N: b.o.prompt, Depth: b.o.depths[c.depth]}
	if c.gen {
		job.Op, job.N = "decode", b.o.gen
	}
	if _, err := b.session(ctx, c, label); err != nil { // both are filled before either is measured
		return err
	}
	bar := b.a.bar(label+": filling the cache of "+peerName, false)
	_, _, err := m.peer.run(ctx, peerJob{Op: "fill", Depth: job.Depth}, bar.tokens)
	bar.done()
	if err != nil {
		return err
	}
	ours := func() error { return b.measure(ctx, i, label) }
	theirs := func() error {
		bar := b.a.bar(label+": "+peerName, false)
		bar.show(job.N) // which tells nothing while it measures
		took, cpu, err := m.peer.run(ctx, job, func(int, int) {})
		bar.done()
		if err == nil {
			b.peerTPS[i] = append(b.peerTPS[i], float64(job.N)/took.Seconds())
			b.peerCPU[i] = append(b.peerCPU[i], 100*cpu.Seconds()/took.Seconds()/float64(m.Threads()))
		}
		return err
	}
	return inTurns(rep, ours, theirs)
}

// inTurns calls both, one after the other; who is first changes with rep.
func inTurns(rep int, a, b func() error) error {
	if rep%2 == 1 {
		a, b = b, a
	}
	if err := a(); err != nil {
		return err
	}
	return b()
}

// benchPeer is what a row tells of the pairs.
type benchPeer struct {
	TPS         float64   `json:"tps"` // of the peer's fastest repetition
	TPSMedian   float64   `json:"tps_median"`
	TPSMin      float64   `json:"tps_min"`
	Ratios      []float64 `json:"ratios"` // godwit's speed divided by the peer's in each pair
	RatioMedian float64   `json:"ratio_median"`
	RatioMin    float64   `json:"ratio_min"`
	RatioMax    float64   `json:"ratio_max"`
	CPU         float64   `json:"cpu_percent"` // of its threads' time, that they ran; the median
}

// starved is the part of its threads' time, in percent, below which a peer's figures say more about what else the machine does than
// about the peer: two threads of llama.cpp on two CPUs with a load of 9 ran 22% of the time, and were slower than one thread alone.
const starved = 80

func newBenchPeer(ours, theirs, cpu []float64) *benchPeer {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	s, r := spreadOf(theirs), spreadOf(ratios)
	return &benchPeer{TPS: s.max, TPSMedian: s.median, TPSMin: s.min, Ratios: ratios, RatioMedian: r.median, RatioMin: r.min, RatioMax: r.max,
		CPU: spreadOf(cpu).median}
}
