package main

import (
	"context"
	"errors"
	"fmt"
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
	Model   string     `json:"model"`
	Ctx     int        `json:"ctx"`
	P       float64    `json:"p"`
	Most    float64    `json:"most"`
	Lags    []int      `json:"lags"`
	Window  int        `json:"window"` // of heads with bounded; 0: none was measured
	Loss    float64    `json:"loss"`
	Heads   []headJSON `json:"heads"`
	Bounded int        `json:"bounded"` // heads that have a window
	All     int        `json:"all"`     // heads that read all
	Edits   string     `json:"edits"`
	Took    float64    `json:"took_s"`
}

type headJSON struct {
	Layer   int       `json:"layer"`
	Head    int       `json:"head"`
	Reads   float64   `json:"reads"`
	Lost    []float64 `json:"lost"`  // by choices of lags
	Every   int       `json:"every"` // 1: it reads all
	KL      float64   `json:"kl"`    // of the predictions when the head alone has a window
	Bounded bool      `json:"bounded"`
}

// headsFlags are the flags of `heads`.
type headsFlags struct {
	file, out string
	eval.Heads
	spans eval.HeadSpans
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

With --window N, heads that can do with the first 4 and the last N tokens get no more, and keep no more. First it is measured
what the predictions of the text's end differ by when a single head sees only these; those that differ the least get
windows, as long as the sum is no more than --loss. With --p 1 that is all.`,
		Example: `  godwit heads smollm2:135m -f book.txt --out sparse.plan
  godwit heads gemma3:270m -f book.txt --ctx 8192 --most 0.05
  godwit heads smollm2:135m -f book.txt --ctx 8192 --window 512 --p 1`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.file == "":
				return usage("heads needs -f FILE: a text that is as long as the context")
			case !(o.P > 0 && o.P <= 1) || !(o.Choose >= 0 && o.Choose <= 1):
				return usage("--p and --choose are parts of the attention, between 0 and 1")
			case o.Rows < 4 || o.Rows > 32:
				return usage("--every %d is not from 4 to 32", o.Rows)
			case o.spans.Window < 0 || o.spans.Score < 2:
				return usage("--window %d and --score %d: a window has a token at least, and two are scored", o.spans.Window, o.spans.Score)
			case o.P == 1 && o.spans.Window == 0:
				return usage("--p 1 without --window leaves nothing to measure")
			}
			o.spans.Context = o.Context
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
	f.IntVar(&o.spans.Window, "window", 0, "give heads that can do with it a window of `N` tokens; 0: none")
	f.Float64Var(&o.spans.Most, "loss", 0.005, "let predictions differ by `D` nats a token, by the sum over heads with a window")
	f.IntVar(&o.spans.Score, "score", 128, "compare the predictions of the last `N` tokens, with and without windows")
	f.StringVar(&o.out, "out", "", "write the plan to `FILE`")
	f.StringVar(&a.plan, "plan", "", "`EDITS` of the attention plan to measure with, e.g. kv=q8_0")
	a.engineFlags(c)
	return c
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
	r := headsJSON{Model: name, Ctx: o.Context, P: o.P, Most: o.Most, Lags: eval.HeadLags[:], Window: o.spans.Window, Loss: o.spans.Most}
	var edits []string
	var layers []int
	if o.spans.Window > 0 {
		spans, err := a.measureSpans(ctx, path, text, o)
		if err != nil {
			return err
		}
		for _, h := range spans {
			r.Heads = append(r.Heads, headJSON{Layer: h.Layer, Head: h.Head, Lost: []float64{}, Every: 1, KL: h.KL, Bounded: h.Bounded})
			if h.Bounded {
				r.Bounded++
			}
			if !slices.Contains(layers, h.Layer) {
				layers = append(layers, h.Layer)
			}
		}
		edits = append(edits, o.spans.Edits(spans))
	}
	if o.P < 1 {
		heads, err := a.measureChoices(ctx, path, planText(a.plan, edits...), layers, text, o)
		if err != nil {
			return err
		}
		for _, h := range heads {
			i := slices.IndexFunc(r.Heads, func(j headJSON) bool { return j.Layer == h.Layer && j.Head == h.Head })
			if i < 0 {
				i, r.Heads = len(r.Heads), append(r.Heads, headJSON{Layer: h.Layer, Head: h.Head})
			}
			j := &r.Heads[i]
			j.Reads, j.Lost, j.Every = h.Reads, h.Lost[:], h.Every
			if h.Every == 1 {
				r.All++
			}
		}
		edits = append(edits, o.Edits(heads))
	}
	r.Took, r.Edits = time.Since(start).Seconds(), planText("", edits...)
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
func planText(first string, edits ...string) string {
	parts := slices.DeleteFunc(append([]string{first}, edits...), func(s string) bool { return s == "" })
	return strings.Join(parts, "; ")
}

// measureSpans finds the heads that can do with a window.
func (a *app) measureSpans(ctx context.Context, path, text string, o *headsFlags) ([]eval.HeadSpan, error) {
	plain, err := a.openPlan(path, a.plan)
	if err != nil {
		return nil, err
	}
	watch := &eval.SpanWatch{HeadSpans: o.spans, KVHeads: plain.Info().KVHeads}
	if err := plain.Close(); err != nil {
		return nil, err
	}
	var heads []eval.HeadSpan
	err = a.measureHeads(path, a.plan, watch.Plan, text, "windows", func(m *godwit.Model, ids []int32, progress godwit.Progress) (err error) {
		heads, err = watch.Run(ctx, m, ids, progress)
		return err
	})
	return heads, err
}

// measureChoices finds out for how many rows choices hold.
func (a *app) measureChoices(ctx context.Context, path, plan string, layers []int, text string, o *headsFlags) ([]eval.Head, error) {
	watch := &eval.HeadWatch{Layers: layers}
	var heads []eval.Head
	err := a.measureHeads(path, plan, watch.Plan, text, "reading", func(m *godwit.Model, ids []int32, progress godwit.Progress) (err error) {
		heads, err = o.Run(ctx, m, watch, ids, progress)
		return err
	})
	return heads, err
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

// text is a table of layers, and the plan.
func (r *headsJSON) text(out string) string {
	var table [][]string
	for _, h := range r.Heads {
		if len(table) == 0 || table[len(table)-1][0] != fmt.Sprint(h.Layer) {
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
	head := []string{"layer"}
	for len(table) > 0 && len(head) < len(table[0]) {
		head = append(head, fmt.Sprintf("head %d", len(head)-1))
	}
	var b strings.Builder
	b.WriteString(aligned(append([][]string{head}, table...)))
	if r.Window > 0 {
		fmt.Fprintf(&b, "%d of %d heads can do with the first tokens and the last %d.\n",
			r.Bounded, len(r.Heads), r.Window)
	}
	if r.P < 1 {
		fmt.Fprintf(&b, "Part of the tiles that has %g of the attention, and how many rows can go by a choice; %d of %d heads have to read all.\n", r.P, r.All, len(r.Heads))
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
