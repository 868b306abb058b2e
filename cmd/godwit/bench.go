package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
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
	Plan      string  `json:"plan"`
	Edits     string  `json:"edits"`
	Hash      string  `json:"logits_hash"`
}

// benchFlags are the flags of `bench`.
type benchFlags struct {
	prompt, gen, reps int
	depths            []int
	plans             string
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
	return nil
}

func (a *app) benchCommand() *cobra.Command {
	var o benchFlags
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Measure tokens per second of reading and of generating",
		Long: `Measure tokens per second of reading a prompt and of generating, after each of the depths (tokens held already), with each of
--plans. All of these are measured once, then all of them again, --reps times, so that what else the machine does hits all
alike; the median counts, and the slowest and the fastest show the spread. The tokens have no meaning: no step depends on
what they are. Unless --reps is 1, the sessions of all depths and plans are held at once.`,
		Example: `  godwit bench smollm2:135m -p 512 -n 128
  godwit bench smollm2:135m -p 512 -n 64 -d 0,4096,7000 --json
  godwit bench smollm2:135m -p 0 -n 64 -d 0,2000,4000 --plans 'kv=f16|kv=q8_0' --reps 5`,
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
	rows := b.rows(name)
	if a.json {
		return a.print(map[string]any{"rows": rows})
	}
	return a.benchText(rows, o)
}

// benchText prints the rows, with their plans when there are several.
func (a *app) benchText(rows []benchRow, o *benchFlags) error {
	for _, r := range rows {
		spread := ""
		if r.Reps > 1 {
			spread = " (" + short(r.TPSMin) + "–" + short(r.TPS) + ")"
		}
		err := a.printf("prompt %5d  gen %4d  depth %6d  %9s tok/s%s  %6.2f ms/tok  %5.1f GB/s  logits %s",
			r.Prompt, r.Gen, r.Depth, short(r.TPSMedian), spread, 1e3/r.TPSMedian, r.GBps, r.Hash)
		if err == nil && o.plans != "" {
			err = a.printf("  %s", planName(r.Edits))
		}
		if err == nil {
			err = a.printf("\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// planName is what a member of --plans is called.
func planName(edits string) string {
	if edits == "" {
		return "the model's own plan"
	}
	return printable(edits)
}
