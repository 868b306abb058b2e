package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/eval"
)

// mixJSON is the object of `mix`.
type mixJSON struct {
	Model   string      `json:"model"`
	Ctx     int         `json:"ctx"`
	Windows int         `json:"windows"`
	Score   int         `json:"score"`
	Own     int64       `json:"own_kv_bytes"`
	Layers  []mixLayer  `json:"layers"`
	Picks   []mixResult `json:"picks"` // by --share
	Took    float64     `json:"took_s"`
}

type mixLayer struct {
	Layer   int         `json:"layer"`
	Choices []mixChoice `json:"choices"`
}

type mixChoice struct {
	Edits string  `json:"edits"`
	KL    float64 `json:"kl"`
	Bytes int64   `json:"bytes"` // more than the own plan takes
}

type mixResult struct {
	Share   float64 `json:"share"`
	Bytes   int64   `json:"kv_bytes"`
	Percent float64 `json:"kv_percent"`
	KL      float64 `json:"kl"`
	Edits   string  `json:"edits"`
}

// mixFlags are the flags of `mix`.
type mixFlags struct {
	files  []string
	shares []float64
	out    string
	eval.Mix
}

func (a *app) mixCommand() *cobra.Command {
	o := &mixFlags{}
	c := &cobra.Command{
		Use:   "mix MODEL -f FILE --each EDITS",
		Short: "Find out which layers can do with fewer bytes, and write a plan of so many bytes in all",
		Long: `Find out which layers can do with fewer bytes of keys and values, and write a plan of so many bytes in all.

Each layer alone is given each of --each, and how far that moves the model's predictions is measured (Kullback–Leibler divergence, on the
ends of --windows contexts from the texts of -f). The plan has for each layer one of these, or what it had, so that all together take
--share of the bytes and the sum of what they move is the least. It is printed, or written to the file --out, from which --plan @FILE takes
it. What it loses tells godwit eval plans, on another text.`,
		Example: `  godwit mix smollm2:135m -f book.txt --each 'kv=kivi(bits=4,rot)' --each 'kv=kivi(bits=3,rot)' --each 'kv=kivi(bits=2,rot)' --share 0.2
  godwit mix gemma3:270m -f book.txt --ctx 8192 --each kv=q8_0 --each kv=q4 --share 0.3,0.4 --out gemma.plan`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(o.files) == 0:
				return usage("mix needs -f FILE: a text that is longer than the contexts")
			case len(o.Edits) == 0:
				return usage("mix needs --each EDITS: what a layer may have instead of its own plan")
			case o.out != "" && len(o.shares) > 1:
				return usage("--out is for one --share")
			}
			for _, s := range o.shares {
				if !(s > 0 && s <= 1) {
					return usage("--share %g is not a part of the bytes, between 0 and 1", s)
				}
			}
			return a.mix(cmd.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "file", "f", nil, "take contexts from the text of `FILE`; may be repeated")
	f.StringArrayVar(&o.Edits, "each", nil, "let a layer have `EDITS` of its plan; may be repeated")
	f.Float64SliceVar(&o.shares, "share", []float64{0.25}, "keep a `PART` of the bytes of the model's own plan, or a list of parts")
	f.IntVarP(&o.Context, "ctx", "c", 4096, "read contexts of `N` tokens; bytes are those of such a context")
	f.IntVar(&o.Windows, "windows", 2, "score the ends of `N` contexts")
	f.IntVar(&o.Score, "score", 1024, "score `N` tokens of each")
	f.Uint64Var(&o.Seed, "seed", 1, "`N` from which all choices follow")
	f.StringVar(&o.out, "out", "", "write the plan to `FILE`")
	a.engineFlags(c)
	return c
}

// mix measures, then prints.
func (a *app) mix(ctx context.Context, name string, o *mixFlags) error {
	var err error
	if o.Books, err = a.books(o.files); err != nil {
		return err
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	o.Exact = a.exact
	b := a.bar("comparing layers", false)
	start := time.Now()
	mixed, err := o.Run(ctx, func(edits string) (*godwit.Model, error) { return a.openPlan(path, edits) }, b.tokens)
	b.done()
	switch {
	case errors.Is(err, eval.ErrPlans), errors.Is(err, eval.ErrShort):
		return usageError{err}
	case err != nil:
		return err
	}
	r := mixJSON{Model: name, Ctx: o.Context, Windows: o.Windows, Score: o.Score, Own: mixed.Own, Took: time.Since(start).Seconds()}
	for l, of := range mixed.Layers {
		layer := mixLayer{Layer: l, Choices: []mixChoice{}}
		for _, c := range of {
			layer.Choices = append(layer.Choices, mixChoice{c.Edits, c.KL, c.Bytes})
		}
		r.Layers = append(r.Layers, layer)
	}
	for _, s := range o.shares {
		picks, sum := mixed.Pick(int64(s * float64(mixed.Own)))
		r.Picks = append(r.Picks, mixResult{s, sum.Bytes, 100 * float64(sum.Bytes) / float64(mixed.Own), sum.KL, eval.MixEdits(picks)})
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(r.Picks[0].Edits+"\n"), 0o644); err != nil {
			return err
		}
	}
	if a.json {
		return a.print(&r)
	}
	return a.printf("%s", r.text(o.Edits, o.out))
}

// text is a table of layers, and the plans.
func (r *mixJSON) text(each []string, out string) string {
	var b strings.Builder
	head := []string{"layer"}
	for i, e := range each {
		fmt.Fprintf(&b, "(%d) %s\n", i+1, e)
		head = append(head, fmt.Sprintf("(%d)", i+1))
	}
	table := [][]string{head}
	for _, l := range r.Layers {
		row := append(make([]string, 0, len(head)), fmt.Sprint(l.Layer))
		for _, e := range each {
			cell := "–"
			for _, c := range l.Choices {
				if c.Edits == e {
					cell = fmt.Sprintf("%.5f", c.KL)
				}
			}
			row = append(row, cell)
		}
		table = append(table, row)
	}
	b.WriteString(aligned(table))
	fmt.Fprintf(&b, "KL divergence of the predictions, in nats, with that layer changed.\n")
	for _, p := range r.Picks {
		fmt.Fprintf(&b, "%.1f%% of the bytes (%s at %d tokens), KL about %.4f\n", p.Percent, size(p.Bytes), r.Ctx, p.KL)
		switch {
		case p.Edits == "":
			fmt.Fprintf(&b, "No layer changes.\n")
		case out != "":
			fmt.Fprintf(&b, "Use --plan @%s\n", out)
		default:
			fmt.Fprintf(&b, "%s\n", p.Edits)
		}
	}
	return b.String()
}
