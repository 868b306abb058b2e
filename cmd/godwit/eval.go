package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/eval"
)

func (a *app) evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "eval",
		Short:   "Measure what a change of a model costs",
		Long:    "Measure what a change of a model costs.",
		Example: `  godwit eval plans smollm2:135m -f book.txt --quick`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usage("there is no command %q of eval: `godwit eval --help` lists them", args[0])
		},
	}
	c.AddCommand(a.evalPlansCommand(), a.evalStreamCommand())
	return c
}

// evalPlans are the flags of `eval plans`.
type evalPlans struct {
	files    []string
	plans    []string
	contexts []int
	eval.Plans
	quick bool
	given bool // --ctx was
	out   string
}

// The lengths that are measured when --ctx does not say, as far as the model was trained for them.
var evalContexts = []int{2048, 8192, 32768}

func (a *app) evalPlansCommand() *cobra.Command {
	o := &evalPlans{}
	c := &cobra.Command{
		Use:   "plans MODEL -f FILE",
		Short: "Compare attention plans: bytes kept against what is lost",
		Long: `Compare attention plans of a model on long texts: how many bytes each keeps of keys and values, and what it loses against the
model's own plan. All plans see the same tokens.

Of the ends of --windows contexts from the books of -f: perplexity, with the difference to the own plan in percent and the
standard error of that; how far the predictions are from the own plan's (Kullback–Leibler divergence), and how often the most
probable token is the same. Of --documents, pages of the books with facts hidden in them: how often the model finds a sentence
at some depth (needle), a number of seven digits (passkey), and one of many pairs of names and numbers (pairs). An answer counts
as found when each of its tokens is the most probable one after those before it. And memory, and tokens per second.

A --plan is a change of the model's own plan, as elsewhere; ctx/4 in it stands for a quarter of the context's length.`,
		Example: `  godwit eval plans smollm2:135m -f book.txt --quick
  godwit eval plans smollm2:135m -f book.txt --ctx 2048,8192 --plan kv=q4 --plan 'kv=q8_0 span=sinks(4)+window(ctx/2)'
  godwit eval plans gemma3:270m -f book.txt -f other.txt --out report`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = o.quick || cmd.Flags().Changed("ctx")
			if o.quick {
				o.hurry(cmd)
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.evalPlans(cmd.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "file", "f", nil, "take contexts from the text of `FILE`; may be repeated")
	f.StringArrayVar(&o.plans, "plan", nil, "compare `EDITS` of the model's own plan; may be repeated; none: a few usual ones")
	f.IntSliceVarP(&o.contexts, "ctx", "c", evalContexts, "a `LIST` of lengths in tokens; without it, those that the model was trained for")
	f.IntVar(&o.Windows, "windows", 16, "score the ends of `N` contexts of each length")
	f.IntVar(&o.Score, "score", 1024, "score `N` tokens of each, at most half of it")
	f.IntVar(&o.Documents, "documents", 4, "hide things in `N` documents of each length")
	f.IntVar(&o.Needles, "needles", 5, "hide `N` sentences in each")
	f.IntVar(&o.Pairs, "pairs", 16, "hide `N` pairs of names and numbers in each")
	f.IntVar(&o.Decode, "decode", 32, "feed `N` tokens one by one after each, for their speed")
	f.BoolVar(&o.Chat, "chat", false, "ask by the model's chat template; without it, the model continues the document")
	f.Uint64Var(&o.Seed, "seed", 1, "`N` from which all choices follow")
	f.BoolVar(&o.quick, "quick", false, "about a minute: 1,024 tokens, few windows, one document, unless other flags say otherwise")
	f.StringVar(&o.out, "out", "", "write plans.html, plans.md, plans.json and charts to a folder `DIR`")
	a.engineFlags(c)
	return c
}

// hurry sets what the command line does not.
func (o *evalPlans) hurry(cmd *cobra.Command) {
	set := func(name string, to func()) {
		if !cmd.Flags().Changed(name) {
			to()
		}
	}
	set("ctx", func() { o.contexts = []int{1024} })
	set("windows", func() { o.Windows = 3 })
	set("score", func() { o.Score = 256 })
	set("documents", func() { o.Documents = 1 })
	set("pairs", func() { o.Pairs = 8 })
	set("decode", func() { o.Decode = 8 })
	set("plan", func() { o.plans = []string{"kv=q8_0", "kv=q4"} })
}

// check looks at the flags before any work.
func (o *evalPlans) check() error {
	if len(o.files) == 0 {
		return usage("eval plans needs -f FILE: a text that is longer than the contexts")
	}
	for _, n := range o.contexts {
		if n < 2 {
			return usage("--ctx %d is not a length in tokens", n)
		}
	}
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return canWrite(filepath.Join(o.out, "plans.html"), "plans.html")
}

// evalPlans measures, then prints.
func (a *app) evalPlans(ctx context.Context, name string, o *evalPlans) error {
	var err error
	if o.Books, err = a.books(o.files); err != nil {
		return err
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	own, err := a.openPlan(path, "")
	if err != nil {
		return err
	}
	o.Contexts, o.Edits, o.Exact = o.contexts, o.plans, a.exact
	if !o.given {
		o.Contexts = slices.DeleteFunc(slices.Clone(o.contexts), func(n int) bool { return n > own.Info().Context })
		if len(o.Contexts) == 0 {
			o.Contexts = []int{own.Info().Context}
		}
	}
	if len(o.Edits) == 0 {
		o.Edits = usualPlans(own.Info().Plan)
	}
	o.Score = min(o.Score, slices.Min(o.Contexts)/2)
	report := &planReport{Model: name, Threads: own.Threads(), ThreadsBy: string(own.ThreadsBy()), Machine: godwit.Machine(), Exact: a.exact}
	_, noTemplate := own.Template()
	if err := own.Close(); err != nil {
		return err
	}
	if o.Chat && noTemplate != nil {
		return usage("--chat: %v", noTemplate)
	}
	b := a.bar("comparing plans", false)
	start := time.Now()
	rows, err := o.Run(ctx, func(edits string) (*godwit.Model, error) { return a.openPlan(path, edits) }, b.tokens)
	b.done()
	switch {
	case errors.Is(err, eval.ErrPlans):
		return usageError{err}
	case errors.Is(err, attention.ErrCompose):
		return usage("--plan: %w", err)
	case err != nil:
		return err
	}
	report.fill(o, rows, time.Since(start))
	if err := report.finite(); err != nil {
		return err
	}
	if a.json {
		err = a.print(report)
	} else {
		err = a.printf("%s", report.text())
	}
	if err == nil && o.out != "" {
		err = report.write(o.out)
	}
	return err
}

// books reads texts, and names them.
func (a *app) books(files []string) (books []eval.Book, err error) {
	for _, f := range files {
		text, err := a.read(f)
		if err != nil {
			return nil, err
		}
		books = append(books, eval.Book{Name: bookName(f), Text: text})
	}
	return books, nil
}

// bookName is what a report calls a text.
func bookName(file string) string {
	if file == "-" {
		return "standard input"
	}
	base := filepath.Base(file)
	return printable(strings.TrimSuffix(base, filepath.Ext(base)))
}

// usualPlans are what is compared when nothing is named: caches with fewer bits, and a bounded past for the layers that see
// everything, so that a model's own windows stay.
func usualPlans(own attention.Plan) []string {
	where := own.Wide()
	return []string{
		"kv=q8_0",
		"key=q8_0 value=q4",
		"kv=q4",
		where + "span=sinks(4)+window(ctx/2)",
		where + "span=sinks(4)+window(ctx/4)",
		where + "span=sinks(4)+window(ctx/2); kv=q8_0",
	}
}
