package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/compress"
)

// compressJSON is the object of `compress --json`.
type compressJSON struct {
	In           string           `json:"in"`
	Out          string           `json:"out"`
	Architecture string           `json:"architecture"`
	Solver       string           `json:"solver"`
	Calibration  int              `json:"calibration_tokens"`
	Type         string           `json:"type"`
	SourceBytes  int64            `json:"source_bytes"`
	Bytes        int64            `json:"bytes"`
	Tensors      int              `json:"tensors"`
	Types        map[string]int   `json:"types"` // tensors by type
	Factorised   []compressWeight `json:"factorised"`
	Kept         int              `json:"kept"`
	Warnings     []string         `json:"warnings"`
}

type compressWeight struct {
	Name  string  `json:"name"`
	In    int     `json:"in"`
	Out   int     `json:"out"`
	Rank  int     `json:"rank"`
	Error float64 `json:"error"`
}

// compression are the flags of `compress`.
type compression struct {
	o          compress.Options
	out        string
	rank, size string
	calib      string
	tokens     int
	window     int
}

// defaultCalibration is how many tokens of a calibration text are read.
const defaultCalibration = 16384

func (a *app) compressCommand() *cobra.Command {
	k := &compression{}
	c := &cobra.Command{
		Use:   "compress MODEL -o OUT.gguf",
		Short: "Write a GGUF file with weights of low rank",
		Long: `Write a GGUF file whose matrices of weights are replaced by products of two smaller ones, by truncated singular value
decomposition. Embeddings and head stay, and so does every weight that would not become smaller.

One of --rank, --energy and --size says how much is left. With --calib a text is run through the model first, and errors are
minimised where its activations are. Without fine-tuning quality falls fast: docs/COMPRESS.md has figures.`,
		Example: `  godwit compress smollm2:135m -o small.gguf --size 90% --calib book.txt
  godwit compress model-f16.gguf -o small.gguf --energy 0.95 --calib book.txt --type F16
  godwit compress model.gguf -o small.gguf --rank 0.8 --keep '*attn_v*'`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.compress(cmd.Context(), args[0], k) },
	}
	c.ValidArgsFunction = completeModel
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&k.out, "output", "o", "", "write the model to `FILE`")
	f.StringVar(&k.rank, "rank", "", "the same rank `N` for all weights, or with a point a part of the rank at which the factors are as many numbers: 0.8")
	f.Float64Var(&k.o.Energy, "energy", 0, "for each weight the smallest rank that keeps the `PART` of its squares, e.g. 0.95")
	f.StringVar(&k.size, "size", "", "the file's `SIZE` at most: bytes, or a part of the source's as in 90%; ranks go where they matter most")
	f.StringVar(&k.calib, "calib", "", "calibrate on the text of `FILE`; - is standard input")
	f.IntVar(&k.tokens, "calib-tokens", defaultCalibration, "read at most `N` tokens of that text; 0: all")
	f.IntVarP(&k.window, "ctx", "c", defaultWindow, "in windows of `N` tokens")
	f.StringVar(&k.o.Type, "type", "Q8_0", "give the factors the type `T`: "+strings.Join(compress.Types(), ", "))
	f.StringArrayVar(&k.o.Keep, "keep", nil, "leave weights whose GGUF names fit the `PATTERN`, e.g. '*attn_v*'; may be repeated")
	f.BoolVar(&k.o.Head, "head", false, "factorise the head too, where it is a matrix of its own")
	f.IntVarP(&k.o.Threads, "threads", "t", 0, "use `N` threads; 0: one per CPU")
	c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(compress.Types(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check reads the flags.
func (k *compression) check() error {
	if k.out == "" {
		return usage("compress needs -o FILE")
	}
	if err := canWrite(k.out, "model.gguf"); err != nil {
		return err
	}
	if err := checkThreads(k.o.Threads); err != nil {
		return err
	}
	if k.tokens < 0 || k.window < 1 {
		return usage("--calib-tokens and --ctx are numbers of tokens")
	}
	rules := 0
	for _, set := range []bool{k.rank != "", k.o.Energy != 0, k.size != ""} {
		if set {
			rules++
		}
	}
	if rules != 1 {
		return usage("compress needs one of --rank, --energy and --size")
	}
	if k.rank != "" {
		n, err := strconv.Atoi(k.rank)
		part, err2 := strconv.ParseFloat(k.rank, 64)
		switch {
		case err == nil && n > 0:
			k.o.Rank = n
		case err2 == nil && part > 0 && part <= 1:
			k.o.Part = part
		default:
			return usage("--rank %q is neither a rank from 1 on nor a part of one, as in 0.8", k.rank)
		}
	}
	if e := k.o.Energy; !(e >= 0 && e <= 1) {
		return usage("--energy %v is not between 0 and 1", e)
	}
	if k.size != "" {
		percent, ok := strings.CutSuffix(k.size, "%")
		part, err := strconv.ParseFloat(percent, 64)
		n, err2 := strconv.ParseInt(k.size, 10, 64)
		switch {
		case ok && err == nil && part > 0 && part < 100:
			k.o.SizePart = part / 100
		case !ok && err2 == nil && n > 0:
			k.o.Size = n
		default:
			return usage("--size %q is neither a number of bytes nor a part of the file, as in 90%%", k.size)
		}
	}
	return nil
}

func (a *app) compress(ctx context.Context, name string, k *compression) error {
	if err := k.check(); err != nil {
		return err
	}
	text := ""
	if k.calib != "" {
		var err error
		if text, err = a.read(k.calib); err != nil {
			return err
		}
	}
	path, err := a.fetch(ctx, name)
	if err != nil {
		return err
	}
	tokens := 0
	if k.calib != "" {
		if k.o.Calibration, err = windows(path, text, k.window, k.tokens); err != nil {
			return err
		}
		for _, w := range k.o.Calibration {
			tokens += len(w)
		}
	}
	var done func()
	k.o.Progress, done = a.stages(map[compress.Stage]string{compress.Factorising: "weights"})
	r, err := compress.File(ctx, path, k.out, k.o)
	done()
	if errors.Is(err, compress.ErrOptions) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	return a.compressed(name, k.out, tokens, r)
}

// windows returns the tokens of a text, cut as perplexity's chunks are.
func windows(path, text string, size, limit int) ([][]int32, error) {
	m, err := godwit.Open(path, godwit.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	ids, err := m.Tokenize(text, false)
	if err != nil {
		return nil, err
	}
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	bos, begins := tok.BOS()
	begins = begins && tok.AddBOS()
	if limit > 0 && limit < len(ids) {
		ids = ids[:limit]
	}
	if len(ids) == 0 {
		return nil, usage("the text to calibrate on is empty")
	}
	var all [][]int32
	for len(ids) > 0 {
		w := ids[:min(size, len(ids))]
		ids = ids[len(w):]
		if begins {
			w[0] = bos
		}
		all = append(all, w)
	}
	return all, nil
}

// compressed tells what was made.
func (a *app) compressed(in, out string, tokens int, r compress.Result) error {
	for _, text := range r.Warnings {
		a.warn("%s", text)
	}
	if a.json {
		weights := []compressWeight{}
		for _, w := range r.Weights {
			weights = append(weights, compressWeight{w.Name, w.In, w.Out, w.Rank, w.Error})
		}
		return a.print(compressJSON{In: in, Out: out, Architecture: r.Arch, Solver: r.Solver, Calibration: tokens, Type: r.Type,
			SourceBytes: r.Source, Bytes: r.Bytes, Tensors: r.Tensors, Types: r.Types, Factorised: weights, Kept: r.Kept,
			Warnings: append([]string{}, r.Warnings...)})
	}
	var ranks string
	if len(r.Weights) > 0 {
		lo, hi := r.Weights[0].Rank, 0
		for _, w := range r.Weights {
			lo, hi = min(lo, w.Rank), max(hi, w.Rank)
		}
		ranks = fmt.Sprintf(" of ranks %d to %d", lo, hi)
	}
	a.note("%s: %s, %s, %d weights factorised%s in %s, %d kept, %s instead of %s", out, r.Arch, r.Solver, len(r.Weights), ranks, r.Type,
		r.Kept, size(r.Bytes), size(r.Source))
	return nil
}

// stages shows a bar for each stage of a job of package compress, which counts what units says, or tokens, and bytes when it writes; done
// ends the last one.
func (a *app) stages(units map[compress.Stage]string) (progress func(s compress.Stage, n, total int64), done func()) {
	var b *bar
	stage := compress.Stage("")
	done = func() {
		if b != nil {
			b.done()
		}
	}
	progress = func(s compress.Stage, n, total int64) {
		if s != stage {
			done()
			b, stage = a.bar(string(s), s == compress.Writing), s
			if unit := units[s]; unit != "" {
				b.unit = unit
			}
		}
		b.set(n, total)
	}
	return progress, done
}
