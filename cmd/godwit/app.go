package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/catalog"
	"github.com/godwit-ai/godwit/eval"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime"
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
	power   string
	ctx     int
	exact   bool
	memory  bytesFlag // 0: no budget
	spill   string    // folder of caches; "": memory
	bases   string    // file of bases; "": none
	started int64     // bytes of the program without a model; 0: not asked for yet

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
		Example: `  godwit run smollm2:135m "What is gravity? Answer in one sentence."
  godwit run smollm2:135m -f book.txt --fit "What is this book about?"
  godwit chat smollm2:135m
  godwit inspect model.gguf`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,

		SuggestionsMinimumDistance: 2,
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
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.check() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; `%s --help` shows the flags", err, c.CommandPath())
	})
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON instead of text (docs/CLI-JSON.md)")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress bars and no summary")
	root.AddCommand(a.runCommand(), a.chatCommand(), a.sessionCommand(), a.pullCommand(), a.listCommand(), a.rmCommand(), a.inspectCommand(),
		a.planCommand(), a.plansCommand(), a.tokenizeCommand(), a.logitsCommand(), a.convertCommand(), a.quantizeCommand(), a.compressCommand(), a.calibrateCommand(),
		a.perplexityCommand(), a.benchCommand(), a.evalCommand(), a.adviseCommand(), a.headsCommand(), a.versionCommand())
	return root
}

// modelFlags adds the flags of every command that opens a model.
func (a *app) modelFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false // what is used most comes first
	f.IntVarP(&a.ctx, "ctx", "c", 0, "hold at most `N` tokens; 0: what the model was trained for")
	f.StringVar(&a.plan, "plan", "", "`EDITS` of the attention plan, e.g. 'kv=f32', or a NAME (godwit plans lists them; godwit inspect shows the model's), or @FILE")
	a.engineFlags(c)
}

// engineFlags adds those of them that are about how a model is run.
func (a *app) engineFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.IntVarP(&a.threads, "threads", "t", 0, "use `N` threads; 0: what is fastest here, which is measured once (0.1 s) and remembered")
	f.StringVar(&a.power, "power", godwit.PowerBalanced.String(), "`PROFILE`: performance, balanced, or background (little cores or few threads, 30% of the time)")
	f.BoolVar(&a.exact, "exact", false, "float32 activations throughout, and a float32 cache if there is no --plan (smollm2:135m: half as fast in reading, a quarter in generating)")
	f.Var(&a.memory, "memory", "keep to a `SIZE` of anonymous memory, e.g. 300MiB, with shorter steps; 0: no limit (godwit plan tells)")
	f.StringVar(&a.spill, "spill", "", "keep keys and values in a file in the folder `DIR`, which vanishes with the program, for texts longer than memory")
	c.MarkFlagDirname("spill")
	f.StringVar(&a.bases, "bases", "", "take the bases of plans with pca(…) from `FILE`, which godwit calibrate writes")
	c.MarkFlagFilename("bases", "gguf")
	c.ValidArgsFunction = completeModel
}

// check looks at the flags of modelFlags before any work.
func (a *app) check() error {
	if a.ctx < 0 || a.ctx > runtime.MaxContext {
		return usage("--ctx %d is not a number of tokens from 1 to %d, or 0", a.ctx, runtime.MaxContext)
	}
	if a.spill != "" && !isDir(a.spill) {
		return usage("--spill %s: there is no such folder", a.spill)
	}
	if _, err := a.powerProfile(); err != nil {
		return usage("--power %w", err)
	}
	return checkThreads(a.threads)
}

// powerProfile is that of --power; commands without a model have none.
func (a *app) powerProfile() (godwit.Power, error) {
	if a.power == "" {
		return godwit.PowerBalanced, nil
	}
	return godwit.ParsePower(a.power)
}

func checkThreads(n int) error {
	if n < 0 || n > runtime.MaxThreads {
		return usage("--threads %d is not a number of threads from 1 to %d, or 0", n, runtime.MaxThreads)
	}
	return nil
}

// completeName completes the first argument with the names of the catalogue.
func completeName(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return catalog.Names(), cobra.ShellCompDirectiveNoFileComp
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
	return a.openFile(path)
}

// openFile opens the model at path. Exact means a float32 cache too, unless a plan says what it is to be.
func (a *app) openFile(path string) (*godwit.Model, error) {
	return a.openPlan(path, a.plan)
}

// openPlan is openFile with another plan.
func (a *app) openPlan(path, plan string) (*godwit.Model, error) {
	return a.openChanged(path, plan, nil)
}

// openChanged is openPlan with a change of what the plan makes.
func (a *app) openChanged(path, plan string, change func(attention.Plan) (attention.Plan, error)) (*godwit.Model, error) {
	parts := strings.Split(plan, ";")
	for i, part := range parts {
		if file, ok := strings.CutPrefix(strings.TrimSpace(part), "@"); ok {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, usageError{fmt.Errorf("--plan: %w", err)}
			}
			parts[i] = strings.TrimSpace(string(text))
		}
	}
	plan = strings.Join(parts, ";")
	if a.exact && plan == "" {
		plan = "kv=f32"
	}
	memory, err := a.modelMemory()
	if err != nil {
		return nil, err
	}
	o := godwit.Options{Plan: plan, ChangePlan: change, Threads: a.threads, Memory: memory, Spill: a.spill, Bases: a.bases}
	if o.Threads == 0 {
		o.Threads = godwit.ThreadsMeasured
	}
	if dir, err := catalog.CacheDir(); err == nil {
		o.ThreadsFile = filepath.Join(dir, "threads.json")
	}
	o.Power, _ = a.powerProfile() // check has looked at it
	return godwit.Open(path, o)
}

func (a *app) sessionOptions() godwit.SessionOptions {
	return godwit.SessionOptions{Context: a.ctx, Exact: a.exact}
}

// print writes v as one JSON object on one line. JSON escapes the control characters below U+0020; the others, which move a
// terminal's cursor as well, are escaped here.
func (a *app) print(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(a.out, escape(b.String(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }, `\u%04x`))
	return err
}

// printf writes text that is output.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format, args...)
	return err
}

// note writes a line for the user that is not output.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.err, printable(fmt.Sprintf(format, args...)))
	}
}

// tell writes a line that --quiet does not hide.
func (a *app) tell(format string, args ...any) {
	fmt.Fprintln(a.err, printable(fmt.Sprintf(format, args...)))
}

// warn tells what the user should know of something that goes on nevertheless.
func (a *app) warn(format string, args ...any) { a.tell("godwit: warning: "+format, args...) }

// say writes a model's text to the output. A terminal gets no control characters but line ends and tabs: a model, or what
// it was told to repeat, must not move the cursor. Pipes and files get the text as it is.
func (a *app) say(text string) error {
	if _, ok := terminal(a.out); ok {
		text = escape(text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }, `\x%02x`)
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// printable returns text as one line that can be shown on any terminal: names in files and messages made of them may hold
// anything.
func printable(text string) string {
	return escape(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool { return !strconv.IsPrint(r) }, `\u%04x`)
}

// escape writes the characters that bad tells with a format of numbers.
func escape(text string, bad func(rune) bool, format string) string {
	if strings.IndexFunc(text, bad) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if bad(r) {
			fmt.Fprintf(&b, format, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

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
		if _, ok := terminal(a.in); ok {
			a.note("(type or paste the text; Ctrl-D on an empty line ends it)")
		}
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

// advised is an error with another text, which says what to do.
type advised struct {
	error
	text string
}

func (e advised) Error() string { return e.text }
func (e advised) Unwrap() error { return e.error }

// sentence turns an error into one line that ends with what to do.
func sentence(err error) string {
	text := printable(strings.Join(strings.Fields(err.Error()), " "))
	var full *godwit.ContextError
	var plan *attention.PlanError
	var memory *godwit.MemoryError
	switch {
	case errors.As(err, &full) && !errors.As(err, new(advised)):
		text += "; give --ctx more tokens, or a shorter input"
	case errors.As(err, &memory) && memory.MaxContext > 0:
		text += fmt.Sprintf("; give --memory more, or --ctx %d", memory.MaxContext)
	case errors.As(err, &memory):
		text += "; give --memory more"
	case errors.Is(err, godwit.ErrSpill) && errors.Is(err, syscall.ENOSPC):
		text += "; give --spill a folder on a disk that has room, or --ctx less"
	case errors.Is(err, eval.ErrShort):
		text += "; give --ctx less, or a longer text"
	case errors.Is(err, attention.ErrGroups):
		text += "; same(…,most=N) in the plan makes room for more"
	case errors.Is(err, attention.ErrBases):
		text += "; `godwit calibrate MODEL -f TEXT -o FILE` makes some for --bases FILE"
	case errors.As(err, &plan), errors.Is(err, attention.ErrCompose):
		text += "; `godwit inspect MODEL` shows the model's own plan"
	case errors.Is(err, gguf.ErrMagic):
		text += "; a model is a GGUF file (`godwit convert` makes one of a Hugging Face directory)"
	case errors.Is(err, godwit.ErrNoTokenizer):
		text += " (`godwit logits` takes them)"
	case errors.Is(err, godwit.ErrNoTemplate):
		text += " (--raw, or --template NAME)"
	}
	return text
}
