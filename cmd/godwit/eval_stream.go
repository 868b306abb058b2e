package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/eval"
)

// streamJSON is the object of `eval stream`.
type streamJSON struct {
	Model     string       `json:"model"`
	Plan      string       `json:"plan"`
	Tokens    int          `json:"tokens"`
	TPS       []float64    `json:"tps"` // of ten equal parts
	AnonPeak  int64        `json:"anon_peak_bytes"`
	KV        int64        `json:"kv_bytes"`
	Spilled   int64        `json:"spill_written_bytes"`
	ReadShare float64      `json:"read_share"`
	Facts     []streamFact `json:"facts"`
	Books     []string     `json:"books"`
	Seed      uint64       `json:"seed"`
	Took      float64      `json:"took_s"`
}

type streamFact struct {
	Depth   float64 `json:"depth"`
	Lead    string  `json:"lead"`
	Answer  string  `json:"answer"`
	Exact   bool    `json:"exact"`
	LogProb float64 `json:"logprob"`
	Rank    int     `json:"rank"`
	Of      int     `json:"of"`
	Blank   int     `json:"blank_rank"`
}

// streamFlags are the flags of `eval stream`.
type streamFlags struct {
	files []string
	eval.Stream
}

func (a *app) evalStreamCommand() *cobra.Command {
	o := &streamFlags{}
	c := &cobra.Command{
		Use:   "stream MODEL -f FILE",
		Short: "Read a text of any length: speed and memory as it goes, and what is found of its beginning",
		Long: `Read a text of any length with one attention plan, and ask at its end for facts that were hidden in it.

The text is the books of -f, one after the other and over and over, in which a sentence stands at each of --depths. It is told
how fast each tenth of the text was read, the most anonymous memory, and for each sentence whether the model completes it at
the end, and which rank the right word has among eight that could stand there. The rank that it has before anything was read
is what the model guesses.`,
		Example: `  godwit eval stream smollm2:135m -f book.txt --tokens 100000 --plan 'streaming; kv=q8_0'
  godwit eval stream smollm2:135m -f book.txt --tokens 100000 --plan 'far=cap select=mass(k=16,every=64)' --spill .`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.files) == 0 {
				return usage("eval stream needs -f FILE (- reads standard input)")
			}
			for _, d := range o.Depths {
				if !(d >= 0 && d <= 1) {
					return usage("--depths %g is not between 0, the beginning, and 1", d)
				}
			}
			return a.evalStream(cmd.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "file", "f", nil, "read the text of `FILE`; may be repeated")
	f.IntVar(&o.Tokens, "tokens", 100000, "read `N` tokens")
	f.Float64SliceVar(&o.Depths, "depths", []float64{0.002, 0.005, 0.008, 0.1, 0.5, 0.9, 0.99}, "hide sentences at `DEPTHS`, at most 8")
	f.StringVar(&a.plan, "plan", "", "`EDITS` of the attention plan, or a NAME, or @FILE")
	f.Uint64Var(&o.Seed, "seed", 1, "`N` from which all choices follow")
	a.engineFlags(c)
	return c
}

// evalStream measures, then prints.
func (a *app) evalStream(ctx context.Context, name string, o *streamFlags) error {
	r := streamJSON{Model: name, Tokens: o.Tokens, Seed: o.Seed}
	var err error
	if o.Books, err = a.books(o.files); err != nil {
		return err
	}
	for _, b := range o.Books {
		r.Books = append(r.Books, b.Name)
	}
	m, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer m.Close()
	r.Plan, o.Exact = m.Plan(), a.exact
	a.beyond(m, o.Tokens)
	b := a.bar("reading", false)
	start := time.Now()
	s, err := o.Run(ctx, m, b.tokens)
	b.done()
	switch {
	case errors.Is(err, eval.ErrPlans), errors.Is(err, eval.ErrShort):
		return usageError{err}
	case err != nil:
		return err
	}
	r.Took, r.AnonPeak, r.KV, r.Spilled, r.ReadShare = time.Since(start).Seconds(), s.AnonPeak, s.KVBytes, s.Spilled, s.ReadShare
	for _, p := range s.Parts {
		r.TPS = append(r.TPS, p.TPS())
	}
	for _, f := range s.Facts {
		r.Facts = append(r.Facts, streamFact{f.Depth, f.Lead, strings.TrimSpace(f.Answer), f.Exact, f.LogProb, f.Rank, f.Of, f.Blank})
	}
	if a.json {
		return a.print(&r)
	}
	return a.printf("%s", r.text())
}

func (r *streamJSON) text() string {
	var b strings.Builder
	b.WriteString("tok/s of each tenth:")
	for _, t := range r.TPS {
		fmt.Fprintf(&b, " %.0f", t)
	}
	fmt.Fprintf(&b, "\nanonymous memory at most %s, keys and values %s, written to disk %s\n", size(r.AnonPeak), size(r.KV), size(r.Spilled))
	if r.ReadShare < 1 {
		fmt.Fprintf(&b, "of the tiles of 64 rows that heads with a selector see, they read %.2f%%\n", 100*r.ReadShare)
	}
	table := [][]string{{"depth", "sentence", "", "found", "rank", "before reading"}}
	for _, f := range r.Facts {
		table = append(table, []string{fmt.Sprintf("%.1f%%", 100*f.Depth), f.Lead, f.Answer, map[bool]string{true: "yes", false: "no"}[f.Exact],
			fmt.Sprintf("%d of %d", f.Rank, f.Of), fmt.Sprint(f.Blank)})
	}
	b.WriteString(aligned(table))
	return b.String()
}
