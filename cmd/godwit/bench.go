package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
)

// benchRow is one line of `bench`: Prompt tokens read or Gen tokens generated, with Depth tokens held already.
type benchRow struct {
	Model     string  `json:"model"`
	Prompt    int     `json:"prompt"`
	Gen       int     `json:"gen"`
	Depth     int     `json:"depth"`
	TPS       float64 `json:"tps"` // of the fastest repetition
	TPSMedian float64 `json:"tps_median"`
	TPSMin    float64 `json:"tps_min"`
	Reps      int     `json:"reps"`
	GBps      float64 `json:"gbps"` // weights read, of generation
	Threads   int     `json:"threads"`
	ThreadsBy string  `json:"threads_by"`
	Plan      string  `json:"plan"`
	Edits     string  `json:"edits"`
	Hash      string  `json:"logits_hash"`

	TTFT     float64  `json:"ttft_ms"`
	Startup  float64  `json:"startup_ms"`
	PeakRSS  int64    `json:"peak_rss_bytes"`
	Anon     int64    `json:"anon_bytes"`
	KV       int64    `json:"kv_bytes"`
	Spilled  int64    `json:"spill_written_bytes"`
	Share    float64  `json:"read_share"`
	Read     float64  `json:"read_gbps"`              // weights and cache, of generation
	Ops      float64  `json:"gops"`                   //
	ReadPart *float64 `json:"read_percent,omitempty"` // of the machine's limits beside each repetition, the median; nil: not measured
	OpsPart  *float64 `json:"gops_percent,omitempty"`

	Peer *benchPeer `json:"peer,omitempty"` // nil: none is compared
}

// benchJSON is the object of `bench`.
type benchJSON struct {
	Rows    []benchRow   `json:"rows"`
	Machine string       `json:"machine"`
	Limits  *benchLimits `json:"limits,omitempty"`
	Peer    string       `json:"peer,omitempty"` // and its version
}

// benchFlags are the flags of `bench`.
type benchFlags struct {
	prompt, gen, reps int
	depths            []int
	plans             string
	noLimits          bool
	peer, python      string
	chart             string
}

// edits are the plans to compare, as edits of the model's own.
func (f *benchFlags) edits(plan string) []string {
	if f.plans == "" {
		return []string{plan}
	}
	list := strings.Split(f.plans, "|")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// need is the most tokens that a session holds.
func (f *benchFlags) need() int {
	return slices.Max(append(slices.Clone(f.depths), 0)) + max(f.prompt, f.gen)
}

// check looks at the flags before any work.
func (f *benchFlags) check(a *app) error {
	for _, n := range append([]int{f.prompt, f.gen}, f.depths...) {
		if n < 0 {
			return usage("%d is not a number of tokens", n)
		}
	}
	switch {
	case a.ctx > 0 && a.ctx < f.need():
		return usage("--ctx %d does not hold the %d tokens of the greatest depth and what is measured after it", a.ctx, f.need())
	case f.reps < 1:
		return usage("--reps %d is not a number of repetitions from 1 on", f.reps)
	case f.prompt+f.gen == 0:
		return usage("-p 0 -n 0 leaves nothing to measure")
	case len(f.depths) == 0:
		return usage("--depths names no depth")
	case f.plans != "" && a.plan != "":
		return usage("--plan and --plans exclude each other: put all plans into --plans, with | between them")
	}
	if err := f.checkChart(); err != nil {
		return err
	}
	if f.peer != "" && f.peer != peerName {
		return usage("--peer %s is not known: there is %s", f.peer, peerName)
	}
	if f.peer != "" && a.exact {
		return usage("--peer and --exact exclude each other: the peer has no float32 activations")
	}
	return nil
}

// checkChart looks at --chart: measuring is not to end in a chart that cannot be written.
func (f *benchFlags) checkChart() error {
	if f.chart == "" {
		return nil
	}
	if e := chartFormat(f.chart); e != "svg" && e != "png" {
		return usage("--chart %s is no FILE.svg or FILE.png", f.chart)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(f.depths)))) < 2 {
		return usage("--chart needs several depths: --depths 0,1000,2000")
	}
	if dir := filepath.Dir(f.chart); !isDir(dir) {
		return usage("--chart %s: there is no folder %s", f.chart, dir)
	}
	return canWrite(f.chart, "speed.svg")
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (a *app) benchCommand() *cobra.Command {
	var o benchFlags
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Measure tokens per second of reading and of generating",
		Long: `Measure tokens per second of reading a prompt and of generating, after each of the depths (tokens held already), with each of
--plans. All of these are measured once, then all of them again, --reps times, so that what else the machine does hits all
alike; the median counts, and the slowest and the fastest show the spread. The tokens have no meaning: no step depends on
what they are. Unless --reps is 1, the sessions of all depths and plans are held at once.

Beside the speed it tells how many bytes (weights, and of the cache what the tokens see) and operations per second that makes,
and what part that is of the machine's own limits, which godwit's kernels measure right before and after every run: reading
memory, and arithmetic. Each repetition is compared with the limits beside it; the median counts.

Of several depths it draws charts of the medians, and --chart writes them as a picture, with the spread.

--peer runs another program with the same file, threads, tokens, depths and types of keys and values: its caches are filled, then
both are measured one right after the other, who is first changing from pair to pair. The ratio of each pair is what counts; its
median and spread are told. The depths come one after the other then. Measure on a quiet machine, or with fewer threads than CPUs:
a program whose threads wait for each other by spinning loses much more to what else runs than one thread does.`,
		Example: `  godwit bench smollm2:135m -p 512 -n 128
  godwit bench smollm2:135m -p 512 -n 64 -d 0,4096,7000 --json
  godwit bench smollm2:135m -p 0 -n 64 -d 0,2000,4000 --plans 'kv=f16|kv=q8_0' --reps 5
  godwit bench smollm2:135m -d 0,1000,2000,4000 --chart speed.svg
  godwit bench smollm2:135m -d 0,4000 --peer llama.cpp --peer-python ~/venv/bin/python --reps 9`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(a); err != nil {
				return err
			}
			return a.bench(cmd.Context(), args[0], &o)
		},
	}
	f := c.Flags()
	f.IntVarP(&o.prompt, "prompt", "p", 512, "read a prompt of `N` tokens; 0: none")
	f.IntVarP(&o.gen, "gen", "n", 128, "generate `N` tokens; 0: none")
	f.IntSliceVarP(&o.depths, "depths", "d", []int{0}, "a `LIST` of numbers of tokens held before")
	f.IntVarP(&o.reps, "reps", "r", 3, "measure everything `N` times")
	f.IntVar(&o.reps, "repeat", 3, "the old name of --reps")
	f.Lookup("repeat").Hidden = true
	f.StringVar(&o.plans, "plans", "", "compare `PLANS`, edits as of --plan with | between them, e.g. 'kv=f16|kv=q8_0'; nothing: the model's own")
	f.BoolVar(&o.noLimits, "no-limits", false, "leave out the machine's own limits, which take 0.4 seconds beside every run")
	f.StringVar(&o.chart, "chart", "", "write the chart of speed against depth to `FILE`, .svg or .png")
	f.StringVar(&o.peer, "peer", "", "measure `PEER` in turns with godwit: llama.cpp, of the Python package llama-cpp-python")
	f.StringVar(&o.python, "peer-python", "python3", "the Python that has the package, a `PATH` or a name")
	a.modelFlags(c)
	f.Lookup("ctx").Usage = "hold at most `N` tokens; 0: as many as are measured"
	return c
}

// bench measures, then prints.
func (a *app) bench(ctx context.Context, name string, o *benchFlags) (err error) {
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	b := &benchRun{a: a, o: o}
	defer b.close()
	if err := b.open(ctx, path); err != nil {
		return err
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	result := &benchJSON{Machine: godwit.Machine()}
	if o.peer != "" {
		result.Peer = peerName + ", " + b.models[0].peer.version
	}
	if !o.noLimits {
		if result.Limits, err = b.meter.limits(ctx, slices.Concat(b.beside...)); err != nil {
			return err
		}
	}
	result.Rows = b.rows(name)
	if low := slices.IndexFunc(result.Rows, func(r benchRow) bool { return r.Peer != nil && r.Peer.CPU < starved }); low >= 0 {
		a.warn("the threads of %s ran only %.0f%% of the time at depth %d: the machine is busy, and the comparison says little", peerName,
			result.Rows[low].Peer.CPU, result.Rows[low].Depth)
	}
	drawn := charts(result.Rows)
	if a.json {
		err = a.print(result)
	} else if err = a.benchText(result, o); err == nil {
		err = a.benchCharts(drawn)
	}
	if err == nil && o.chart != "" {
		err = writeCharts(o.chart, drawn)
	}
	return err
}

// benchText prints the rows, with their plans when there are several.
func (a *app) benchText(j *benchJSON, o *benchFlags) error {
	var t strings.Builder
	for _, r := range j.Rows {
		kind, n, latency := "read", r.Prompt, fmt.Sprintf("first token after %s ms", short(r.TTFT))
		if r.Gen > 0 {
			kind, n, latency = "generate", r.Gen, fmt.Sprintf("%s ms/tok", short(1e3/r.TPSMedian))
		}
		fmt.Fprintf(&t, "%-8s %5d  depth %6d  %6s tok/s", kind, n, r.Depth, short(r.TPSMedian))
		if r.Reps > 1 {
			fmt.Fprintf(&t, " (%s–%s)", short(r.TPSMin), short(r.TPS))
		}
		fmt.Fprintf(&t, "  %s", latency)
		if r.Gen > 0 {
			fmt.Fprintf(&t, "  %s GB/s%s", short(r.Read), percent(r.ReadPart))
		}
		fmt.Fprintf(&t, "  %s GOPS%s  logits %s", short(r.Ops), percent(r.OpsPart), r.Hash)
		if o.plans != "" {
			fmt.Fprintf(&t, "  %s", planName(r.Edits))
		}
		t.WriteString("\n")
		if p := r.Peer; p != nil {
			fmt.Fprintf(&t, "  %-25s  %6s tok/s (%s–%s)  godwit is %.2f times as fast (%.2f–%.2f)\n", peerName, short(p.TPSMedian), short(p.TPSMin),
				short(p.TPS), p.RatioMedian, p.RatioMin, p.RatioMax)
		}
	}
	if j.Peer != "" {
		fmt.Fprintf(&t, "peer: %s; the ratios are those of pairs, measured one right after the other\n", printable(j.Peer))
	}
	last := j.Rows[len(j.Rows)-1]
	fmt.Fprintf(&t, "%s (%s) on %s\n", threadCount(last.Threads), threadsBy[godwit.ThreadsBy(last.ThreadsBy)], printable(j.Machine))
	fmt.Fprintf(&t, "start-up %s ms; memory: peak %s, not of files %s\n", short(j.Rows[0].Startup), size(last.PeakRSS), size(last.Anon))
	if l := j.Limits; l != nil {
		fmt.Fprintf(&t, "limits of %s (of one):\n", threadCount(l.Threads))
		fmt.Fprintf(&t, "  reading memory           %6s GB/s (beside the runs %s–%s)\n", short(l.Read), short(l.ReadMin), short(l.ReadMax))
		for _, r := range []struct {
			what     string
			all, one float64
			unit     string
		}{{"products with weights", l.Mul, l.Mul1, "GOPS"}, {"attention in int8", l.Dot, l.Dot1, "GOPS"}, {"attention in float32", l.Float, l.Float1, "GFLOPS"}} {
			fmt.Fprintf(&t, "  %-24s %6s %s (%s)\n", r.what, short(r.all), r.unit, short(r.one))
		}
	}
	return a.printf("%s", t.String())
}

// benchCharts draws the charts as wide as the terminal; what is no terminal gets 80 columns.
func (a *app) benchCharts(all []chart) error {
	width, ok := terminal(a.out)
	if !ok {
		width = 80
	}
	for _, c := range all {
		if err := a.printf("\n%s", c.text(width)); err != nil {
			return err
		}
	}
	return nil
}

// percent prints a part of a limit.
func percent(p *float64) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf(" (%.0f%%)", *p)
}

// planName is what a member of --plans is called.
func planName(edits string) string {
	if edits == "" {
		return "the model's own plan"
	}
	return printable(edits)
}
