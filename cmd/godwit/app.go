package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/catalog"
)

// defaultModel is what `run` and `chat` take when no model is named.
const defaultModel = "smollm2:135m"

// app is what all commands share: the streams, which tests replace, and the flags that mean the same everywhere.
type app struct {
	in       io.Reader
	out, err io.Writer

	json    bool
	quiet   bool
	plan    string
	threads int
	ctx     int
	exact   bool

	onInterrupt atomic.Pointer[func()] // what an interrupt stops instead of the program; nil: the program
}

// interrupt handles an interrupt; false: the program is to end.
func (a *app) interrupt() bool {
	f := a.onInterrupt.Load()
	if f == nil {
		return false
	}
	(*f)()
	return true
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "godwit",
		Short: "Run language models on this computer's CPU, for inputs of book length",
		Long: `godwit maps a quantised language model from disk and runs it on CPU cores.

MODEL is a name from ` + "`godwit list`" + ` (fetched on first use) or the path of a GGUF file.`,
		Example: `  godwit run smollm2:135m "What is the capital of France?"
  godwit run smollm2:135m -f book.txt --fit "What is this book about?"
  godwit chat smollm2:135m
  godwit inspect model.gguf`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			hint := "`godwit --help` lists the commands"
			if _, known := catalog.Find(args[0]); known || isFile(args[0]) {
				hint = fmt.Sprintf("`godwit run %s` runs the model", args[0])
			} else if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("did you mean `godwit %s`?", near[0])
			}
			return usage("there is no command %q: %s", args[0], hint)
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; `%s --help` shows the flags", err, c.CommandPath())
	})
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON instead of text (docs/CLI-JSON.md)")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress bars and no summary")
	root.AddCommand(a.runCommand(), a.chatCommand(), a.pullCommand(), a.listCommand(), a.rmCommand(), a.inspectCommand(),
		a.tokenizeCommand(), a.logitsCommand(), a.convertCommand(), a.quantizeCommand(), a.perplexityCommand(), a.benchCommand(),
		a.versionCommand())
	return root
}

// modelFlags adds the flags of every command that opens a model.
func (a *app) modelFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.plan, "plan", "", "edit the attention plan, e.g. 'kv=f32' (see `godwit inspect`)")
	f.IntVarP(&a.threads, "threads", "t", 0, "threads; 0: one per CPU")
	f.IntVarP(&a.ctx, "ctx", "c", 0, "most tokens held; 0: what the model was trained for")
	f.BoolVar(&a.exact, "exact", false, "float32 activations throughout (slow)")
	c.ValidArgsFunction = completeModel
}

// completeModel completes the first argument with the names of the catalogue and files.
func completeModel(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return catalog.Names(), cobra.ShellCompDirectiveDefault
}

// open resolves a model's name, fetching it when need be, and opens it.
func (a *app) open(ctx context.Context, name string) (*godwit.Model, error) {
	path, err := a.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	return godwit.Open(path, godwit.Options{Plan: a.plan, Threads: a.threads})
}

func (a *app) sessionOptions() godwit.SessionOptions {
	return godwit.SessionOptions{Context: a.ctx, Exact: a.exact}
}

// print writes v as one JSON object.
func (a *app) print(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// note writes a line for the user that is not output.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// warn writes a line that --quiet does not hide.
func (a *app) warn(format string, args ...any) { fmt.Fprintf(a.err, "godwit: "+format+"\n", args...) }

// terminal reports whether a stream is one, and its width.
func terminal(stream any) (width int, ok bool) {
	if i, is := stream.(*interruptible); is {
		stream = i.r
	}
	f, isFile := stream.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 20 {
		width = 80
	}
	return width, true
}

// read returns the whole of a file; "-" is standard input.
func (a *app) read(path string) (string, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(a.in)
	} else {
		data, err = os.ReadFile(path)
	}
	return string(data), err
}

// errUsage is what a mistake on the command line matches.
var errUsage = errors.New("usage")

type usageError struct{ error }

func (usageError) Is(target error) bool { return target == errUsage }
func (e usageError) Unwrap() error      { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// argCount checks the number of arguments, and says what they are.
func argCount(lo, hi int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < lo:
			return usage("an argument is missing: %s; `%s --help` shows examples", c.UseLine(), c.CommandPath())
		case len(args) > hi:
			return usage("argument %q is one too many (quote a text that has spaces): %s", args[hi], c.UseLine())
		}
		return nil
	}
}

// sentence turns an error into one line that ends with what to do.
func sentence(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	var full *godwit.ContextError
	switch {
	case errors.As(err, &full):
		text += "; give --ctx more tokens, or a shorter input"
	case errors.Is(err, godwit.ErrNoTemplate):
		text += " (--raw, or --template NAME)"
	}
	return text
}
