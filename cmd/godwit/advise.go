package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/eval"
)

// adviseJSON is the object of `advise`.
type adviseJSON struct {
	Model   string          `json:"model"`
	Ctx     int             `json:"ctx"`
	Rows    []adviseRow     `json:"rows"`
	Refused []adviseRefused `json:"refused"`
	Holds   bool            `json:"holds"`  // one of the plans does
	Advice  string          `json:"advice"` // which; "": the model's own
	Books   []string        `json:"books"`
	Windows int             `json:"windows"`
	Score   int             `json:"score"`
	Seed    uint64          `json:"seed"`
	Took    float64         `json:"took_s"`
}

// adviseRow is one plan; the first one is the model's own with a context that it was trained for.
type adviseRow struct {
	Ctx    int          `json:"ctx"`
	Edits  string       `json:"edits"`
	Plan   string       `json:"plan"`
	KV     int64        `json:"kv_bytes"`
	NLL    float64      `json:"nll"`
	Loss   float64      `json:"loss_percent"` // at most mostLoss
	LossSE float64      `json:"loss_se_percent"`
	Tasks  []adviseTask `json:"tasks,omitempty"` // none: it was not asked
}

type adviseTask struct {
	Task      string  `json:"task"`
	Questions int     `json:"questions"`
	Exact     float64 `json:"exact_percent"`
	LogProb   float64 `json:"logprob"`
}

type adviseRefused struct {
	Edits string `json:"edits"`
	Error string `json:"error"`
}

// adviseFlags are the flags of `advise`.
type adviseFlags struct {
	files []string
	eval.Advice
}

func (a *app) adviseCommand() *cobra.Command {
	o := &adviseFlags{}
	c := &cobra.Command{
		Use:   "advise MODEL -f FILE --ctx N",
		Short: "Find out how a model can read texts that are longer than those it was trained with",
		Long: `Find out how a model can read texts that are longer than those it was trained with.

The ends of --windows contexts from the books of -f are scored, once with as many tokens before them as the model was trained for
and once with N, by every way that there is to give the model such positions: scalings of RoPE, groups of neighbours at one position
(Self-Extend), a cap on distances (LM-Infinite), sharper attention, and a bounded past. A plan holds if N tokens cost no more than 1%
of perplexity against the trained length, and if sentences, a pass key and numbers that are hidden in a document of N tokens are
found as often as in one of the trained length, but 10 of 100. The one of the least loss is advised, or none.`,
		Example: `  godwit advise smollm2:135m -f book.txt --ctx 16384
  godwit advise smollm2:135m -f book.txt --ctx 16384 --plan 'far=group(4)' --plan 'pos=yarn(factor=2,orig=8192)'`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.files) == 0 {
				return usage("advise needs -f FILE: a text that is longer than the context")
			}
			return a.advise(cmd.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "file", "f", nil, "take contexts from the text of `FILE`; may be repeated")
	f.IntVarP(&o.Length, "ctx", "c", 0, "texts of `N` tokens")
	f.StringArrayVar(&o.Edits, "plan", nil, "try `EDITS` of the model's own plan; may be repeated; none: what may help a model of its kind")
	f.IntVar(&o.Windows, "windows", 2, "score the ends of `N` contexts")
	f.IntVar(&o.Score, "score", 1024, "score `N` tokens of each")
	f.IntVar(&o.Documents, "documents", 1, "hide things in `N` documents")
	f.IntVar(&o.Needles, "needles", 5, "hide `N` sentences in each")
	f.IntVar(&o.Pairs, "pairs", 16, "hide `N` pairs of names and numbers in each")
	f.Uint64Var(&o.Seed, "seed", 1, "`N` from which all choices follow")
	_ = c.MarkFlagRequired("ctx")
	a.engineFlags(c)
	return c
}

// advise measures, then prints.
func (a *app) advise(ctx context.Context, name string, o *adviseFlags) error {
	r := adviseJSON{Model: name, Ctx: o.Length, Seed: o.Seed, Refused: []adviseRefused{}}
	var err error
	if o.Books, err = a.books(o.files); err != nil {
		return err
	}
	for _, b := range o.Books {
		r.Books = append(r.Books, b.Name)
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	own, err := a.openPlan(path, "")
	if err != nil {
		return err
	}
	trained, plan := own.Info().Context, own.Info().Plan
	if err := own.Close(); err != nil {
		return err
	}
	if o.Length <= trained {
		return usage("%s was trained for %d tokens: its own plan serves %d", name, trained, o.Length)
	}
	if len(o.Edits) == 0 {
		o.Edits = eval.Stretches(plan, trained, o.Length)
	}
	o.Decode, o.Exact = 8, a.exact
	b := a.bar("trying plans", false)
	start := time.Now()
	found, err := o.Run(ctx, func(edits string) (*godwit.Model, error) { return a.openPlan(path, edits) }, b.tokens)
	b.done()
	switch {
	case errors.Is(err, eval.ErrPlans):
		return usageError{err}
	case err != nil:
		return err
	}
	r.Took, r.Score = time.Since(start).Seconds(), min(o.Score, trained/2)
	r.Windows = len(found.Trained.Windows)
	for _, t := range append([]eval.PlanResult{found.Trained}, found.Tried...) {
		r.Rows = append(r.Rows, newAdviseRow(&t))
	}
	for _, f := range found.Refused {
		r.Refused = append(r.Refused, adviseRefused{f.Edits, f.Err.Error()})
	}
	if found.Best >= 0 {
		r.Holds, r.Advice = true, found.Tried[found.Best].Edits
	}
	if a.json {
		return a.print(&r)
	}
	return a.printf("%s", r.text())
}

// mostLoss stands for all losses, in percent, that are larger.
const mostLoss = 1e6

func newAdviseRow(t *eval.PlanResult) adviseRow {
	r := adviseRow{Ctx: t.Context, Edits: t.Edits, Plan: t.Plan, KV: t.KVBytes, NLL: t.NLL, Loss: t.Loss, LossSE: t.LossSE}
	if !(r.Loss < mostLoss && r.LossSE < mostLoss) { // or no numbers, which JSON has not
		r.NLL, r.Loss, r.LossSE = math.MaxFloat64, mostLoss, mostLoss
	}
	for _, k := range t.Tasks {
		r.Tasks = append(r.Tasks, adviseTask{string(k.Task), k.Questions, k.Exact, k.LogProb})
	}
	return r
}

// text is a table, and the advice.
func (r *adviseJSON) text() string {
	var b strings.Builder
	table := [][]string{{"plan", "tokens", "KV", "perplexity", "loss", "needle", "passkey", "pairs"}}
	for _, t := range r.Rows {
		c := []string{planName(t.Edits), fmt.Sprint(t.Ctx), size(t.KV), "lost", "–"}
		if t.Loss < mostLoss {
			c[3], c[4] = fmt.Sprintf("%.2f", math.Exp(t.NLL)), fmt.Sprintf("%+.1f%% ± %.1f", t.Loss, t.LossSE)
		}
		for i := range eval.Tasks() {
			if i < len(t.Tasks) {
				c = append(c, fmt.Sprintf("%.0f%%", t.Tasks[i].Exact))
			} else {
				c = append(c, "–")
			}
		}
		table = append(table, c)
	}
	b.WriteString(aligned(table))
	for _, f := range r.Refused {
		fmt.Fprintf(&b, "not possible: %s: %s\n", f.Edits, printable(f.Error))
	}
	fmt.Fprintf(&b, "loss: perplexity of the same %d tokens against contexts of %d. Questions were asked in the order of the loss, until a plan held.\n",
		r.Windows*r.Score, r.Rows[0].Ctx)
	switch {
	case !r.Holds:
		fmt.Fprintf(&b, "None of these holds at %d tokens: keep to %d.\n", r.Ctx, r.Rows[0].Ctx)
	case r.Advice == "":
		fmt.Fprintf(&b, "The model's own plan holds at %d tokens.\n", r.Ctx)
	default:
		fmt.Fprintf(&b, "Use --plan '%s'\n", r.Advice)
	}
	return b.String()
}
