package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/convert"
)

// writtenJSON is the object of `convert --json` and of `quantize --json`.
type writtenJSON struct {
	In           string         `json:"in"`
	Out          string         `json:"out"`
	Architecture string         `json:"architecture"`
	Type         string         `json:"type"`
	Bytes        int64          `json:"bytes"`
	Tensors      int            `json:"tensors"`
	Types        map[string]int `json:"types"` // tensors by type
	Warnings     []string       `json:"warnings"`
}

// writing are the flags of the commands that write a model file.
type writing struct {
	o       convert.Options
	imatrix string
}

// typeList is the part of a help text that lists the types.
func typeList() string {
	all := convert.Types()
	n := (len(all) + 1) / 2
	return "Types, best quality first: " + strings.Join(all[:n], ", ") + ",\n" + strings.Join(all[n:], ", ") + "."
}

// add registers the flags; what says more about --type.
func (w *writing) add(c *cobra.Command, what string) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&w.o.Type, "type", "", "give the weights the type `T`"+what)
	f.StringVar(&w.imatrix, "imatrix", "", "an importance matrix in `FILE` (llama.cpp's imatrix, GGUF or older): smaller errors where they cost most")
	f.BoolVar(&w.o.Pure, "pure", false, "the same type everywhere, no mixture")
	f.StringArrayVar(&w.o.Keep, "keep", nil, "leave the type of tensors whose GGUF names fit the `PATTERN`, e.g. '*attn_v*'; may be repeated")
	f.StringVar(&w.o.Name, "name", "", "the model's `NAME` in the file")
	f.IntVarP(&w.o.Threads, "threads", "t", 0, "use `N` threads; 0: one per CPU")
	c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(convert.Types(), cobra.ShellCompDirectiveNoFileComp))
}

// check looks at what can be known before any work.
func (w *writing) check(in, out string) error {
	if err := checkThreads(w.o.Threads); err != nil {
		return err
	}
	if err := canWrite(out, "model.gguf"); err != nil {
		return err
	}
	if w.imatrix != "" {
		im, err := convert.ReadImportance(w.imatrix)
		if err != nil {
			return err
		}
		w.o.Weights = im
	}
	return nil
}

// canWrite refuses what a finished file, which replaces what has its name, must not replace: a folder, or a device such as
// /dev/null. An example is a good name in that folder.
func canWrite(path, example string) error {
	switch st, err := os.Stat(path); {
	case err == nil && st.IsDir():
		return usage("%s is a folder: name the file to write, such as %s", path, filepath.Join(path, example))
	case err == nil && !st.Mode().IsRegular():
		return usage("%s is no regular file, so it cannot be replaced by one", path)
	}
	return nil
}

// written tells what was made.
func (a *app) written(in, out string, r convert.Result) error {
	for _, text := range r.Warnings {
		a.warn("%s", text)
	}
	if a.json {
		return a.print(writtenJSON{In: in, Out: out, Architecture: r.Arch, Type: r.Type, Bytes: r.Bytes, Tensors: r.Tensors,
			Types: r.Types, Warnings: append([]string{}, r.Warnings...)})
	}
	var types []string
	for _, name := range sorted(r.Types) {
		types = append(types, fmt.Sprintf("%d %s", r.Types[name], name))
	}
	a.note("%s: %s, %s, %s, %d tensors (%s)", out, r.Arch, r.Type, size(r.Bytes), r.Tensors, strings.Join(types, ", "))
	return nil
}

func (a *app) convertCommand() *cobra.Command {
	w := &writing{}
	c := &cobra.Command{
		Use:   "convert DIR OUT.gguf [--type T]",
		Short: "Make a GGUF file of a Hugging Face model directory",
		Long: `Make a GGUF file of a Hugging Face model directory: config.json, safetensors (one file or an index of many) and the
tokenizer's files. Without --type the weights keep the float type that they have. A directory without a tokenizer converts
too, with a warning: such a model takes token ids only (godwit logits).

` + typeList(),
		Example: `  godwit convert ./SmolLM2-135M-Instruct smollm2.gguf
  godwit convert ./SmolLM2-135M-Instruct smollm2-q8.gguf --type Q8_0
  godwit convert ./Qwen3-0.6B qwen3-q4.gguf --type Q4_K_M --keep 'output.weight'`,
		Args: argCount(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return []string{"gguf"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in, out := args[0], args[1]
			if isFile(in) {
				return usage("%s is a file and convert takes a model directory; to give a GGUF file another type: godwit quantize %s %s --type Q8_0", in, in, out)
			}
			if err := w.check(in, out); err != nil {
				return err
			}
			b := a.bar("converting", true)
			w.o.Progress = b.set
			r, err := convert.Directory(cmd.Context(), in, out, w.o)
			b.done()
			if err != nil {
				return advise(err)
			}
			return a.written(in, out, r)
		},
	}
	w.add(c, "; without: the float type that they have")
	c.Flags().StringVar(&w.o.Pre, "pre", "", "`NAME` of the pre-tokenizer (tokenizer.ggml.pre), when tokenizer.json does not tell")
	return c
}

// advise tells mistakes on the command line from others, and adds to an error about rounding twice what allows it.
func advise(err error) error {
	switch {
	case errors.Is(err, convert.ErrType):
		return usageError{err}
	case errors.Is(err, convert.ErrAgain):
		return fmt.Errorf("%w; start from a float file, or give --again to add the errors up", err)
	}
	return err
}
