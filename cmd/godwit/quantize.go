package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/convert"
)

func (a *app) quantizeCommand() *cobra.Command {
	w := &writing{}
	c := &cobra.Command{
		Use:   "quantize IN OUT.gguf --type T",
		Short: "Write a GGUF file with weights of another type",
		Long: `Write a GGUF file with weights of another type. IN is a GGUF file (any part of a split one) or a name of the catalogue.

The _K_M and _K_S types are mixtures: tensors in which errors cost most get more bits; --pure turns that off. Tensors that
are quantised already are refused without --again, because the errors of each rounding add up.

` + typeList(),
		Example: `  godwit quantize smollm2-f16.gguf smollm2-q4.gguf --type Q4_K_M
  godwit quantize smollm2-f16.gguf smollm2-q4.gguf --type Q4_K_M --imatrix imatrix.gguf
  godwit quantize smollm2:135m smollm2-q8.gguf --type Q8_0 --again`,
		Args: argCount(2, 2),
		ValidArgsFunction: func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) < 2 {
				return completeModel(c, args, prefix)
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in, out := args[0], args[1]
			if w.o.Type == "" {
				return usage("quantize needs --type, one of %s", strings.Join(convert.Types(), ", "))
			}
			if err := w.check(in, out); err != nil {
				return err
			}
			path, err := a.fetch(cmd.Context(), in)
			if err != nil {
				return err
			}
			b := a.bar("quantizing", true)
			w.o.Progress = b.set
			r, err := convert.Quantize(cmd.Context(), path, out, w.o)
			b.done()
			if err != nil {
				return advise(err)
			}
			return a.written(in, out, r)
		},
	}
	w.add(c, "")
	c.Flags().BoolVar(&w.o.Again, "again", false, "take tensors that are quantised already")
	return c
}
