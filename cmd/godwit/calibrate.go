package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/compress"
)

// calibrateJSON is the object of `calibrate --json`.
type calibrateJSON struct {
	Model        string    `json:"model"`
	Out          string    `json:"out"`
	Architecture string    `json:"architecture"`
	Tokens       int       `json:"calibration_tokens"`
	Bytes        int64     `json:"bytes"`
	Layers       int       `json:"layers"`
	KVHeads      int       `json:"kv_heads"`
	KeyBits      []float64 `json:"key_gain_bits"`   // [layers]
	ValueBits    []float64 `json:"value_gain_bits"` // [layers]
}

func (a *app) calibrateCommand() *cobra.Command {
	var file, out string
	var tokens, window, threads int
	c := &cobra.Command{
		Use:   "calibrate MODEL -f TEXT -o BASES.gguf",
		Short: "Fit bases for the keys and values of a model to a text",
		Long: `Run a text through a model and write a small file of bases in which its keys and values need fewer bits: those of the principal components
of each head, of keys weighted by what queries ask for. With --bases FILE other commands take plans that store rows in them, as
'key=pca(bits=2.5) value=kivi(bits=2)' (docs/PLANS.md). The file goes with this model file only.`,
		Example: `  godwit calibrate smollm2:135m -f book.txt -o smollm2.bases.gguf
  godwit calibrate gemma3:270m -f book.txt -o gemma.bases.gguf --tokens 8192`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" || out == "" {
				return usage("calibrate needs -f TEXT and -o FILE")
			}
			if err := canWrite(out, "bases.gguf"); err != nil {
				return err
			}
			if tokens < 0 || window < 128 {
				return usage("--tokens is a number of tokens, and --ctx one from 128 on")
			}
			if err := checkThreads(threads); err != nil {
				return err
			}
			return a.calibrate(cmd.Context(), args[0], file, out, tokens, window, threads)
		},
	}
	c.ValidArgsFunction = completeModel
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&file, "file", "f", "", "calibrate on the text of `FILE`; - is standard input")
	f.StringVarP(&out, "output", "o", "", "write the bases to `FILE`")
	f.IntVar(&tokens, "tokens", defaultCalibration, "read at most `N` tokens of the text; 0: all")
	f.IntVarP(&window, "ctx", "c", 2048, "in windows of `N` tokens")
	f.IntVarP(&threads, "threads", "t", 0, "use `N` threads; 0: one per CPU")
	return c
}

func (a *app) calibrate(ctx context.Context, name, file, out string, tokens, window, threads int) error {
	text, err := a.read(file)
	if err != nil {
		return err
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	o := compress.BasesOptions{Threads: threads}
	if o.Calibration, err = windows(path, text, window, tokens); err != nil {
		return err
	}
	var done func()
	o.Progress, done = a.stages(map[compress.Stage]string{compress.Fitting: "layers"})
	r, err := compress.Bases(ctx, path, out, o)
	done()
	if errors.Is(err, compress.ErrOptions) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.print(calibrateJSON{Model: name, Out: out, Architecture: r.Arch, Tokens: r.Tokens, Bytes: r.Bytes, Layers: r.Layers,
			KVHeads: r.Heads, KeyBits: r.Keys, ValueBits: r.Values})
	}
	mean := func(x []float64) (m float64) {
		for _, v := range x {
			m += v / float64(len(x))
		}
		return m
	}
	a.note("%s: %s, bases of %s in %d layers from %d tokens, which save %.2f bits a number of keys and %.2f of values; %s", out, r.Arch,
		fmt.Sprintf("%d KV heads", r.Heads), r.Layers, r.Tokens, mean(r.Keys), mean(r.Values), size(r.Bytes))
	return nil
}
