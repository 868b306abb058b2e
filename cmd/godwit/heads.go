package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/eval"
)

// headsJSON is the object of `heads`.
type headsJSON struct {
	Model       string     `json:"model"`
	Ctx         int        `json:"ctx"`
	P           float64    `json:"p"`
	By          string     `json:"choices_by"` // age, loss, reads; empty: choices were not measured
	Most        float64    `json:"most"`
	Lags        []int      `json:"lags"`
	Window      int        `json:"window"` // of heads with bounded; 0: none was measured
	Loss        float64    `json:"loss"`
	WindowHeads int        `json:"window_heads"` // 0: as many as Loss allows
	WindowKL    float64    `json:"window_kl"`    // the sum over heads with bounded
	ChoiceLoss  float64    `json:"choice_loss"`
	ReadsMost   float64    `json:"reads_most"`
	ChoiceKL    float64    `json:"choice_kl"` // the sum over heads that go by choices
	Reads       float64    `json:"reads"`     // of the plan's heads; 0: choices were not measured by loss
	Heads       []headJSON `json:"heads"`
	Bounded     int        `json:"bounded"` // heads that have a window
	All         int        `json:"all"`     // heads that read all
	Edits       string     `json:"edits"`
	Took        float64    `json:"took_s"`
}

type headJSON struct {
	Layer    int       `json:"layer"`
	Head     int       `json:"head"`
	Reads    float64   `json:"reads"`
	Lost     []float64 `json:"lost"`  // by choices of lags
	Every    int       `json:"every"` // 1: it reads all
	KL       float64   `json:"kl"`    // of the predictions when the head alone has a window
	Bounded  bool      `json:"bounded"`
	ChoiceKL float64   `json:"choice_kl"` // when it alone goes by choices
}

// headsFlags are the flags of `heads`.
type headsFlags struct {
	file, out string
	eval.Heads
	trials              eval.HeadTrials
	window, windowHeads int
	loss, choiceLoss    float64
	reads               float64
	by                  string
}

func (a *app) headsCommand() *cobra.Command {
	o := &headsFlags{}
	c := &cobra.Command{
		Use:   "heads MODEL -f FILE",
		Short: "Find out which heads have to read all of a long text, and write a plan by which the others do not",
		Long: `Find out which heads have to read all of a long text, and write a plan by which the others do not.

A text is read, and for each KV head it is measured which part of the tiles of 64 rows has --p of its attention, and how much less
of it a choice of tiles has that is older than the row that goes by it. As many rows go by one choice as lose no more than
--most by that; heads that look for what the present token is about, and elsewhere a token later, read all. The plan is printed, or
written to the file --out, from which --plan @FILE takes it. What it costs tells godwit eval plans, on another text.

With --choice-loss D or --reads X it is measured what the predictions of the text's end differ by when a single head goes by
choices, of which each serves --every rows. That takes some ten times as long, and tells better what a head costs. Those that lose the
least for what they save go by choices, as long as the sum of what they lose is no more than D, or until all heads together
read no more than the part X of the tiles.

With --window N, heads that can do with the first 4 and the last N tokens get no more, and keep no more. First it is measured
what the predictions differ by when a single head sees only these; those that differ the least get windows, as long as the sum
is no more than --loss, or --window-heads of them. With --p 1 that is all; else choices are measured with these windows.`,
		Example: `  godwit heads smollm2:135m -f book.txt --out sparse.plan
  godwit heads gemma3:270m -f book.txt --ctx 8192 --most 0.05
  godwit heads smollm2:135m -f book.txt --ctx 8192 --every 8 --reads 0.33
  godwit heads smollm2:135m -f book.txt --ctx 8192 --window 512 --p 1`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.heads(cmd.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.file, "file", "f", "", "read the text of `FILE`; - is standard input")
	f.IntVarP(&o.Context, "ctx", "c", 4096, "read `N` tokens")
	f.Float64Var(&o.P, "p", 0.95, "choose tiles that have the part `P` of the attention")
	f.Float64Var(&o.Choose, "choose", 0, "write choices with the part `P` of the attention into the plan; 0: as --p")
	f.Float64Var(&o.Most, "most", 0.02, "let the choices of a head lose the part `P` of its attention by their age")
	f.IntVar(&o.Rows, "every", 32, "let at most `N` rows go by one choice: 4, 8, 16 or 32")
	f.Float64Var(&o.choiceLoss, "choice-loss", 0, "let predictions differ by `D` nats a token, by the sum over heads with choices, in place of --most")
	f.Float64Var(&o.reads, "reads", 0, "give choices to so many heads that all read the part `X` of the tiles, in place of --most")
	f.IntVar(&o.window, "window", 0, "give heads that can do with it a window of `N` tokens; 0: none")
	f.Float64Var(&o.loss, "loss", 0.005, "let predictions differ by `D` nats a token, by the sum over heads with a window")
	f.IntVar(&o.windowHeads, "window-heads", 0, "give windows to `N` heads, in place of --loss")
	f.IntVar(&o.trials.Score, "score", 128, "compare the predictions of the last `N` tokens, with and without windows or choices")
	f.StringVar(&o.out, "out", "", "write the plan to `FILE`")
	f.StringVar(&a.plan, "plan", "", "`EDITS` of the attention plan to measure with, e.g. kv=q8_0")
	a.engineFlags(c)
	return c
}

// check refuses flags without sense, and finds out by what heads choose.
func (o *headsFlags) check(changed func(flag string) bool) error {
	loss, reads := changed("choice-loss"), changed("reads")
	switch {
	case o.file == "":
		return usage("heads needs -f FILE: a text that is as long as the context")
	case !(o.P > 0 && o.P <= 1) || !(o.Choose >= 0 && o.Choose <= 1):
		return usage("--p and --choose are parts of the attention, between 0 and 1")
	case o.Rows < 4 || o.Rows > 32:
		return usage("--every %d is not from 4 to 32", o.Rows)
	case o.window < 0 || o.trials.Score < 2:
		return usage("--window %d and --score %d: a window has a token at least, and two are scored", o.window, o.trials.Score)
	case o.P == 1 && o.window == 0:
		return usage("--p 1 without --window leaves nothing to measure")
	case loss && reads || (loss || reads) && changed("most") || changed("loss") && changed("window-heads"):
		return usage("--most, --choice-loss and --reads each say which heads choose, --loss and --window-heads which have windows: one of them is enough")
	case (loss || reads) && (o.P == 1 || o.Choose == 1 || attention.Tile%o.Rows != 0):
		return usage("--choice-loss and --reads need choices of less than all attention, for 4, 8, 16 or 32 rows")
	case o.choiceLoss < 0 || o.windowHeads < 0 || reads && !(o.reads > 0 && o.reads < 1):
		return usage("--choice-loss and --window-heads are not negative, and --reads is a part of the tiles, between 0 and 1")
	}
	switch {
	case loss:
		o.by = "loss"
	case reads:
		o.by, o.choiceLoss = "reads", math.Inf(1)
	case o.P < 1:
		o.by = "age"
	}
	o.trials.Context = o.Context
	return nil
}

// heads measures, then prints.
func (a *app) heads(ctx context.Context, name string, o *headsFlags) error {
	text, err := a.read(o.file)
	if err != nil {
		return err
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	start := time.Now()
	r := headsJSON{Model: name, Ctx: o.Context, P: o.P, By: o.by, Most: o.Most, Lags: eval.HeadLags[:], Window: o.window, Loss: o.loss,
		WindowHeads: o.windowHeads, ReadsMost: o.reads}
	var windows, choices string
	var layers []int
	if o.window > 0 {
		if windows, layers, err = a.tryWindows(ctx, path, text, o, &r); err != nil {
			return err
		}
	}
	switch plan := planText(a.plan, windows); o.by {
	case "age":
		choices, err = a.measureChoices(ctx, path, plan, layers, text, o, &r)
	case "loss", "reads":
		choices, err = a.tryChoices(ctx, path, plan, layers, text, o, &r)
	}
	if err != nil {
		return err
	}
	r.Took, r.Edits = time.Since(start).Seconds(), planText(windows, choices)
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(r.Edits+"\n"), 0o644); err != nil {
			return err
		}
	}
	if a.json {
		return a.print(&r)
	}
	return a.printf("%s", r.text(o.out))
}

// planText joins edits of a plan.
func planText(edits ...string) string {
	return strings.Join(slices.DeleteFunc(edits, func(s string) bool { return s == "" }), "; ")
}

// head returns what is known of a head.
func (r *headsJSON) head(layer, head int) *headJSON {
	for i := range r.Heads {
		if h := &r.Heads[i]; h.Layer == layer && h.Head == head {
			return h
		}
	}
	r.Heads = append(r.Heads, headJSON{Layer: layer, Head: head, Lost: []float64{}, Every: 1})
	return &r.Heads[len(r.Heads)-1]
}

// tryWindows finds the heads that can do with a window. It returns the plan, and the layers that had none.
func (a *app) tryWindows(ctx context.Context, path, text string, o *headsFlags, r *headsJSON) (edits string, layers []int, err error) {
	w := o.trials
	w.Less = eval.HeadWindow{N: o.window}
	heads, err := a.try(ctx, path, a.plan, text, "windows", &w)
	if err != nil {
		return "", nil, err
	}
	bound := eval.HeadBound{Loss: o.loss}
	if o.windowHeads > 0 {
		bound = eval.HeadBound{Loss: math.Inf(1), Heads: o.windowHeads}
	}
	r.WindowKL, _ = bound.Give(heads)
	for _, h := range heads {
		j := r.head(h.Layer, h.Head)
		j.KL, j.Bounded = h.KL, h.Less
		if h.Less {
			r.Bounded++
		}
		if !slices.Contains(layers, h.Layer) {
			layers = append(layers, h.Layer)
		}
	}
	return w.Edits(heads), layers, nil
}

// tryChoices finds the heads that can go by choices, by what they lose.
func (a *app) tryChoices(ctx context.Context, path, plan string, layers []int, text string, o *headsFlags, r *headsJSON) (edits string, err error) {
	w := o.trials
	w.Less, w.Layers = o.Choices(o.Rows), layers
	heads, err := a.try(ctx, path, plan, text, "choices", &w)
	if err != nil {
		return "", err
	}
	r.ChoiceKL, r.Reads = eval.HeadBound{Loss: o.choiceLoss, Reads: o.reads}.Give(heads)
	if o.by == "loss" {
		r.ChoiceLoss = o.choiceLoss
	}
	for _, h := range heads {
		j := r.head(h.Layer, h.Head)
		j.ChoiceKL, j.Reads = h.KL, h.Reads-h.Saves
		if h.Less {
			j.Every = o.Rows
		} else {
			r.All++
		}
	}
	return w.Edits(heads), nil
}

// try has a trial for each head.
func (a *app) try(ctx context.Context, path, plan, text, stage string, w *eval.HeadTrials) (heads []eval.HeadTrial, err error) {
	m, err := a.openPlan(path, plan)
	if err != nil {
		return nil, err
	}
	w.KVHeads = m.Info().KVHeads
	if err := m.Close(); err != nil {
		return nil, err
	}
	err = a.measureHeads(path, plan, w.Plan, text, stage, func(m *godwit.Model, ids []int32, progress godwit.Progress) (err error) {
		heads, err = w.Run(ctx, m, ids, progress)
		return err
	})
	return heads, err
}

// measureChoices finds out for how many rows choices hold, by the attention that is lost.
func (a *app) measureChoices(ctx context.Context, path, plan string, layers []int, text string, o *headsFlags, r *headsJSON) (edits string, err error) {
	watch := &eval.HeadWatch{Layers: layers}
	var heads []eval.Head
	err = a.measureHeads(path, plan, watch.Plan, text, "reading", func(m *godwit.Model, ids []int32, progress godwit.Progress) (err error) {
		heads, err = o.Run(ctx, m, watch, ids, progress)
		return err
	})
	for _, h := range heads {
		j := r.head(h.Layer, h.Head)
		j.Reads, j.Lost, j.Every = h.Reads, h.Lost[:], h.Every
		if h.Every == 1 {
			r.All++
		}
	}
	return o.Edits(heads), err
}

// measureHeads opens a model whose plan is watched.
func (a *app) measureHeads(path, plan string, watch func(attention.Plan) (attention.Plan, error), text, stage string,
	run func(m *godwit.Model, ids []int32, progress godwit.Progress) error) error {
	m, err := a.openChanged(path, plan, watch)
	if err != nil {
		return err
	}
	defer m.Close()
	ids, err := m.Tokenize(text, false)
	if err != nil {
		return err
	}
	b := a.bar(stage, false)
	err = run(m, ids, b.tokens)
	b.done()
	if errors.Is(err, eval.ErrShort) || errors.Is(err, eval.ErrHeads) {
		return usageError{err}
	}
	return err
}

// text is a table, and the plan.
func (r *headsJSON) text(out string) string {
	var b strings.Builder
	if r.By == "age" || r.By == "" {
		b.WriteString(aligned(r.layers()))
	} else {
		b.WriteString(aligned(r.trials()))
	}
	if r.Window > 0 {
		fmt.Fprintf(&b, "%d of %d heads can do with the first tokens and the last %d: %.4f nats a token, the sum.\n", r.Bounded, len(r.Heads), r.Window, r.WindowKL)
	}
	switch r.By {
	case "age":
		fmt.Fprintf(&b, "Part of the tiles that has %g of the attention, and how many rows can go by a choice; %d of %d heads have to read all.\n", r.P, r.All, len(r.Heads))
	case "loss", "reads":
		fmt.Fprintf(&b, "%d of %d heads go by choices: %.4f nats a token, the sum. All heads together read %.1f%% of the tiles.\n",
			len(r.Heads)-r.All, len(r.Heads), r.ChoiceKL, 100*r.Reads)
		if r.By == "reads" && r.Reads > r.ReadsMost {
			fmt.Fprintf(&b, "More than %g%% of the tiles have the attention that --p asks for.\n", 100*r.ReadsMost)
		}
	}
	switch {
	case r.Edits == "":
		fmt.Fprintf(&b, "No head can do with less.\n")
	case out != "":
		fmt.Fprintf(&b, "Use --plan @%s\n", out)
	default:
		fmt.Fprintf(&b, "%s\n", r.Edits)
	}
	return b.String()
}

// layers is a table with a row for each layer.
func (r *headsJSON) layers() [][]string {
	table := [][]string{{"layer"}}
	for _, h := range r.Heads {
		if last := table[len(table)-1]; last[0] != fmt.Sprint(h.Layer) {
			table = append(table, []string{fmt.Sprint(h.Layer)})
		}
		every := "all"
		if h.Every > 1 {
			every = fmt.Sprintf("%.0f%%/%d", 100*h.Reads, h.Every)
		}
		if h.Bounded {
			every += " window"
		}
		row := &table[len(table)-1]
		*row = append(*row, every)
	}
	for head := range len(table[len(table)-1]) - 1 {
		table[0] = append(table[0], fmt.Sprintf("head %d", head))
	}
	return table
}

// trials is a table with a row for each head: what it loses by a window and by choices, and which part of the tiles it then reads.
func (r *headsJSON) trials() [][]string {
	table := [][]string{{"layer", "head", "window KL", "choice KL", "reads", "plan"}}
	for _, h := range r.Heads {
		window, plan := "", []string{}
		if r.Window > 0 {
			window = fmt.Sprintf("%.5f", h.KL)
		}
		if h.Bounded {
			plan = append(plan, "window")
		}
		if h.Every > 1 {
			plan = append(plan, "choices")
		}
		table = append(table, []string{fmt.Sprint(h.Layer), fmt.Sprint(h.Head), window, fmt.Sprintf("%.5f", h.ChoiceKL),
			fmt.Sprintf("%.1f%%", 100*h.Reads), strings.Join(plan, ", ")})
	}
	return table
}
