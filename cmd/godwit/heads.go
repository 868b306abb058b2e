package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/eval"
)

// headsJSON is the object of `heads`.
type headsJSON struct {
	Model string     `json:"model"`
	Ctx   int        `json:"ctx"`
	P     float64    `json:"p"`
	Most  float64    `json:"most"`
	Lags  []int      `json:"lags"`
	Heads []headJSON `json:"heads"`
	All   int        `json:"all"` // heads that read all
	Edits string     `json:"edits"`
	Took  float64    `json:"took_s"`
}

type headJSON struct {
	Layer int       `json:"layer"`
	Head  int       `json:"head"`
	Reads float64   `json:"reads"`
	Lost  []float64 `json:"lost"`  // by choices of lags
	Every int       `json:"every"` // 1: it reads all
}

// headsFlags are the flags of `heads`.
type headsFlags struct {
	file, out string
	eval.Heads
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
written to the file --out, from which --plan @FILE takes it. What it costs tells godwit eval plans, on another text.`,
		Example: `  godwit heads smollm2:135m -f book.txt --out sparse.plan
  godwit heads gemma3:270m -f book.txt --ctx 8192 --most 0.05`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.file == "":
				return usage("heads needs -f FILE: a text that is as long as the context")
			case !(o.P > 0 && o.P <= 1) || !(o.Choose >= 0 && o.Choose <= 1):
				return usage("--p and --choose are parts of the attention, between 0 and 1")
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
	watch := &eval.HeadWatch{}
	m, err := a.openChanged(path, a.plan, watch.Plan)
	if err != nil {
		return err
	}
	defer m.Close()
	ids, err := m.Tokenize(text, false)
	if err != nil {
		return err
	}
	b := a.bar("reading", false)
	start := time.Now()
	heads, err := o.Run(ctx, m, watch, ids, b.tokens)
	b.done()
	switch {
	case errors.Is(err, eval.ErrShort), errors.Is(err, eval.ErrHeads):
		return usageError{err}
	case err != nil:
		return err
	}
	r := headsJSON{Model: name, Ctx: o.Context, P: o.P, Most: o.Most, Lags: eval.HeadLags[:], Took: time.Since(start).Seconds(), Edits: o.Edits(heads)}
	for _, h := range heads {
		r.Heads = append(r.Heads, headJSON{h.Layer, h.Head, h.Reads, h.Lost[:], h.Every})
		if h.Every == 1 {
			r.All++
		}
	}
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
		row := &table[len(table)-1]
		*row = append(*row, every)
	}
	head := []string{"layer"}
	for len(table) > 0 && len(head) < len(table[0]) {
		head = append(head, fmt.Sprintf("head %d", len(head)-1))
	}
	var b strings.Builder
	b.WriteString(aligned(append([][]string{head}, table...)))
	fmt.Fprintf(&b, "Part of the tiles that has %g of the attention, and how many rows can go by a choice; %d of %d heads have to read all.\n", r.P, r.All, len(r.Heads))
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
