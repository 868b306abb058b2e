package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/eval"
)

// perplexityJSON is the object of `perplexity --json`.
type perplexityJSON struct {
	Model     string  `json:"model"`
	PPL       float64 `json:"ppl"`
	NLL       float64 `json:"nll"`
	Tokens    int     `json:"tokens"`
	Ctx       int     `json:"ctx"`
	Protocol  string  `json:"protocol"`
	Stride    int     `json:"stride"`
	Plan      string  `json:"plan"`
	Exact     bool    `json:"exact"`
	ReadShare float64 `json:"read_share"`
	Choices   float64 `json:"choice_share"`
	AnonPeak  int64   `json:"anon_peak_bytes"`
	Spilled   int64   `json:"spill_written_bytes"`

	Quarters []quarterJSON `json:"quarters,omitempty"` // of long windows
}

// quarterJSON is a quarter of the positions of long windows.
type quarterJSON struct {
	TPS    float64 `json:"tps"`
	Tokens int     `json:"tokens"`
	NLL    float64 `json:"nll"` // 0 when none is scored
}

// defaultWindow is the tokens of a window when --ctx does not say: what most published figures are of.
const defaultWindow = 512

func (a *app) perplexityCommand() *cobra.Command {
	var file, protocol string
	var stride, limit int
	c := &cobra.Command{
		Use:   "perplexity MODEL -f FILE",
		Short: "Measure how well a model predicts a text",
		Long: `Measure the perplexity of a model on a text.

Protocols: "chunks" cuts windows of --ctx tokens that do not overlap, starts each with BOS where the model adds one, and
scores the second half (llama.cpp's). "sliding" moves the window by --stride tokens and scores every token once.

Of windows of 4,096 tokens and more it tells speed and perplexity by quarters, and the memory that it took.`,
		Example: `  godwit perplexity smollm2:135m -f book.txt --ctx 512
  godwit perplexity smollm2:135m -f book.txt --ctx 2048 --protocol sliding --stride 512
  godwit perplexity smollm2:135m -f books.txt --ctx 100000 --protocol sliding --plan 'streaming; kv=q8_0'`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if stride < 0 || limit < 0 {
				return usage("--stride and --bytes are numbers from 0 on")
			}
			if protocol != string(eval.Chunks) && protocol != string(eval.Sliding) {
				return usage("--protocol %q is neither %s nor %s", protocol, eval.Chunks, eval.Sliding)
			}
			if file == "" {
				return usage("perplexity needs -f FILE (- reads standard input)")
			}
			p := eval.Perplexity{Protocol: eval.Protocol(protocol), Context: a.ctx, Stride: stride, Exact: a.exact}
			if p.Context == 0 {
				p.Context = defaultWindow
			}
			if stride > 0 && !cmd.Flags().Changed("protocol") {
				p.Protocol = eval.Sliding
			}
			switch {
			case p.Context < eval.MinContext:
				return usage("--ctx %d is too small a window: %d tokens are the least", p.Context, eval.MinContext)
			case p.Protocol == eval.Chunks && stride > 0:
				return usage("--stride is for --protocol sliding: chunks do not overlap")
			case stride >= p.Context:
				return usage("--stride %d is not less than the %d tokens of a window (--ctx)", stride, p.Context)
			case p.Protocol == eval.Chunks:
				p.Stride = p.Context
			case stride == 0:
				p.Stride = p.Context / 2
			}
			text, err := a.read(file)
			if err != nil {
				return err
			}
			if limit > 0 && limit < len(text) {
				text = text[:wholeRunes(text, limit)]
			}
			m, err := a.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			ids, err := m.Tokenize(text, false)
			if err != nil {
				return err
			}
			a.beyond(m, min(p.Context, len(ids)))
			b := a.bar("windows", false)
			b.unit = "windows"
			r, err := p.Run(cmd.Context(), m, ids, b.tokens)
			b.done()
			if err != nil {
				return err
			}
			if math.IsNaN(r.PPL) || math.IsInf(r.PPL, 0) { // which JSON has no number for
				return fmt.Errorf("the perplexity is %v: the model's scores are no numbers, or give a token of the text no probability", r.PPL)
			}
			j := &perplexityJSON{Model: args[0], PPL: r.PPL, NLL: r.NLL, Tokens: r.Tokens, Ctx: p.Context, Protocol: string(p.Protocol), Stride: p.Stride,
				Plan: m.Plan(), Exact: a.exact, ReadShare: r.ReadShare, Choices: r.ChoiceShare, AnonPeak: r.AnonPeak, Spilled: r.SpillWritten}
			for _, q := range r.Quarters {
				j.Quarters = append(j.Quarters, quarterJSON{TPS: q.TPS(), Tokens: q.Tokens, NLL: q.NLL})
			}
			if a.json {
				return a.print(j)
			}
			return a.printf("%s", j)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the text of `FILE`; - is standard input")
	c.Flags().StringVar(&protocol, "protocol", string(eval.Chunks), "`NAME`: chunks or sliding")
	c.Flags().IntVar(&stride, "stride", 0, "move a sliding window by `N` tokens; 0: half of --ctx")
	c.Flags().IntVar(&limit, "bytes", 0, "read only `N` bytes of the text; 0: all")
	a.modelFlags(c)
	c.Flags().Lookup("ctx").Usage = fmt.Sprintf("windows of `N` tokens; 0: %d", defaultWindow)
	c.RegisterFlagCompletionFunc("protocol", cobra.FixedCompletions([]string{string(eval.Chunks), string(eval.Sliding)}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// String is what people read.
func (j *perplexityJSON) String() string {
	var t strings.Builder
	fmt.Fprintf(&t, "perplexity %.4f  (nll %.5f, %d tokens scored, windows of %d, %s)\n", j.PPL, j.NLL, j.Tokens, j.Ctx, j.Protocol)
	for i, q := range j.Quarters {
		fmt.Fprintf(&t, "quarter %d of the windows: read at %s tok/s", i+1, short(q.TPS))
		if q.Tokens > 0 {
			fmt.Fprintf(&t, ", perplexity %.4f", math.Exp(q.NLL))
		}
		t.WriteString("\n")
	}
	if len(j.Quarters) > 0 && j.AnonPeak > 0 {
		fmt.Fprintf(&t, "anonymous memory at most %s%s\n", size(j.AnonPeak), spilled(j.Spilled))
	}
	return t.String()
}

// wholeRunes returns the largest n ≤ limit that does not cut a character of text.
func wholeRunes(text string, limit int) int {
	for limit > 0 && text[limit]&0xc0 == 0x80 {
		limit--
	}
	return limit
}
