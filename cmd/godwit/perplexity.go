package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/eval"
)

// perplexityJSON is the object of `perplexity --json`.
type perplexityJSON struct {
	Model    string  `json:"model"`
	PPL      float64 `json:"ppl"`
	NLL      float64 `json:"nll"`
	Tokens   int     `json:"tokens"`
	Ctx      int     `json:"ctx"`
	Protocol string  `json:"protocol"`
	Stride   int     `json:"stride,omitempty"`
	Plan     string  `json:"plan"`
	Exact    bool    `json:"exact"`
}

func (a *app) perplexityCommand() *cobra.Command {
	var file, protocol string
	var stride, limit int
	c := &cobra.Command{
		Use:   "perplexity MODEL -f FILE",
		Short: "Measure how well a model predicts a text",
		Long: `Measure the perplexity of a model on a text.

Protocols: "chunks" cuts windows of --ctx tokens that do not overlap, starts each with BOS where the model adds one, and
scores the second half (llama.cpp's). "sliding" moves the window by --stride tokens and scores every token once.`,
		Example: `  godwit perplexity smollm2:135m -f book.txt --ctx 512
  godwit perplexity smollm2:135m -f book.txt --ctx 2048 --protocol sliding --stride 512`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usage("perplexity needs -f FILE (- reads standard input)")
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
			p := eval.Perplexity{Protocol: eval.Protocol(protocol), Context: a.ctx, Stride: stride, Exact: a.exact}
			if p.Context == 0 {
				p.Context = 512
			}
			if cmd.Flags().Changed("stride") && !cmd.Flags().Changed("protocol") {
				p.Protocol = eval.Sliding
			}
			b := a.bar("windows", false)
			b.unit = "windows"
			r, err := p.Run(cmd.Context(), m, ids, b.tokens)
			b.done()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(perplexityJSON{Model: args[0], PPL: r.PPL, NLL: r.NLL, Tokens: r.Tokens, Ctx: p.Context,
					Protocol: string(p.Protocol), Stride: p.Stride, Plan: m.Plan(), Exact: a.exact})
			}
			fmt.Fprintf(a.out, "perplexity %.4f  (nll %.5f, %d tokens scored, windows of %d, %s)\n", r.PPL, r.NLL, r.Tokens, p.Context, p.Protocol)
			return nil
		},
	}
	a.modelFlags(c)
	c.Flags().StringVarP(&file, "file", "f", "", "the text; - reads standard input")
	c.Flags().StringVar(&protocol, "protocol", string(eval.Chunks), "chunks or sliding")
	c.Flags().IntVar(&stride, "stride", 0, "tokens that a sliding window moves by; 0: half of --ctx")
	c.Flags().IntVar(&limit, "bytes", 0, "read only so many bytes of the text; 0: all")
	return c
}

// wholeRunes returns the largest n ≤ limit that does not cut a character of text.
func wholeRunes(text string, limit int) int {
	for limit > 0 && text[limit]&0xc0 == 0x80 {
		limit--
	}
	return limit
}
