package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/runtime"
)

// planJSON is the object of `plan --json`.
type planJSON struct {
	Model     string         `json:"model"`
	Plan      string         `json:"plan"`
	Threads   int            `json:"threads"`
	Ctx       int            `json:"ctx"`
	Chunk     int            `json:"chunk"`
	Rows      int            `json:"logit_rows"`
	Mapped    int64          `json:"mapped_bytes"` // not in the total
	Spill     int64          `json:"spill_bytes"`  // likewise
	KV        []planKV       `json:"kv"`
	Parts     planParts      `json:"parts"`
	Total     int64          `json:"total_bytes"`
	Budget    int64          `json:"budget_bytes"` // 0: none
	Fits      bool           `json:"fits"`
	Limits    *planLimits    `json:"limits,omitempty"` // what the budget allows
	reference *godwit.Memory // what is told of
}

type planKV struct {
	Layers   string `json:"layers"`
	Plan     string `json:"plan"`
	PerToken int64  `json:"bytes_per_token"`
	Bytes    int64  `json:"bytes"`
	Spill    int64  `json:"spill_bytes"`
}

type planParts struct {
	KV             int64 `json:"kv_bytes"`
	Scratch        int64 `json:"scratch_bytes"`
	WorkersScratch int64 `json:"workers_scratch_bytes"` // of Scratch
	Logits         int64 `json:"logits_bytes"`
	Stream         int64 `json:"stream_bytes"`
	Model          int64 `json:"model_bytes"`
	Text           int64 `json:"text_bytes"`
	Workers        int64 `json:"workers_bytes"`
	Collector      int64 `json:"collector_bytes"`
	Program        int64 `json:"program_bytes"`
}

type planLimits struct {
	Ctx        int `json:"ctx"`          // in steps of one row; 0: none fits
	CtxAtChunk int `json:"ctx_at_chunk"` // in steps of the usual number of rows
	Chunk      int `json:"chunk"`        // rows of a step, at the context that was asked for; 0: none fits
}

func (a *app) planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan MODEL [--ctx N] [--memory SIZE]",
		Short: "Tell what memory running a model takes, before it runs",
		Long: `Tell what memory a session of --ctx tokens takes, part by part, before anything is loaded: the keys and values of the layers,
the scratch of a step, logits, tokenizer, workers. Only anonymous memory counts: the model file is mapped, and the system may
drop its pages and read them again. With --spill DIR so are keys and values, of layers that keep every row, in a file there.

With --memory it tells whether that fits, in steps of how many rows a prompt is read then, and the longest context and the most
rows a step that would fit. The other commands take --memory too and keep to it; their output is the same to the bit.`,
		Example: `  godwit plan smollm2:135m --ctx 8192
  godwit plan gemma3:270m --ctx 32768 --memory 300MiB --plan 'kv=q8_0'`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.planMemory(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.print(r)
			}
			return a.showPlan(r)
		},
	}
	a.modelFlags(c)
	return c
}

// planMemory plans a session of --ctx tokens, with the budget and without.
func (a *app) planMemory(ctx context.Context, name string) (*planJSON, error) {
	path, err := a.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	budget := a.memory
	program := a.program()
	a.memory = 0
	m, err := a.openFile(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p, err := m.Memory(a.sessionOptions())
	if err != nil {
		return nil, err
	}
	r := &planJSON{Model: name, Plan: m.Plan(), Threads: m.Threads(), Budget: int64(budget), Fits: true, reference: &p}
	if budget > 0 {
		r.Limits = &planLimits{}
		if err := a.planLimits(r, path, budget, p.Chunk); err != nil {
			return nil, err
		}
	}
	r.fill(m, program)
	return r, nil
}

// planLimits asks what the budget allows. A plan that does not fit is told of as the least that there is: in steps of one row.
func (a *app) planLimits(r *planJSON, path string, budget bytesFlag, usual int) error {
	a.memory = budget
	defer func() { a.memory = 0 }()
	var e *godwit.MemoryError
	m, err := a.openFile(path)
	if errors.As(err, &e) || int64(budget) <= a.program() { // not even one token
		a.memory = 0
		if m, err = a.openFile(path); err != nil {
			return err
		}
		defer m.Close()
		o := a.sessionOptions()
		o.Chunk, r.Fits = 1, false
		p, err := m.Memory(o)
		r.reference = &p
		return err
	}
	if err != nil {
		return err
	}
	defer m.Close()
	r.Limits.Ctx, r.Limits.CtxAtChunk = m.MaxContext(0, a.exact), m.MaxContext(usual, a.exact)
	o := a.sessionOptions()
	p, err := m.Memory(o)
	if errors.As(err, &e) {
		r.Fits, r.reference = false, &e.Least
		return nil
	}
	r.reference = &p
	if err != nil {
		return err
	}
	o.Chunk = runtime.MaxChunk
	most, err := m.Memory(o)
	r.Limits.Chunk = most.Chunk
	return err
}

// fill takes over what is told of.
func (r *planJSON) fill(m *godwit.Model, program int64) {
	p, layers := r.reference, m.Info().Plan.Layers
	r.Ctx, r.Chunk, r.Rows, r.Mapped = p.Context, p.Chunk, p.Rows, p.Mapped
	r.Spill = p.Spill
	r.KV = []planKV{}
	for _, g := range p.KV {
		kv := planKV{Layers: attention.LayerRanges(g.Layers), PerToken: g.PerToken, Bytes: g.Bytes, Spill: g.Spill}
		if first := g.Layers[0]; first < len(layers) {
			kv.Plan = layers[first].String()
		}
		r.KV = append(r.KV, kv)
		r.Parts.KV += g.Bytes
	}
	r.Parts.Scratch, r.Parts.WorkersScratch, r.Parts.Logits, r.Parts.Stream = p.Scratch, p.WorkersPart, p.Logits, p.Stream
	r.Parts.Model, r.Parts.Text, r.Parts.Workers, r.Parts.Collector = p.Model, p.Text, p.Workers, p.Collector
	r.Parts.Program = program
	r.Total = p.Total() + program
}

func (a *app) showPlan(r *planJSON) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(k string, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", printable(k), printable(fmt.Sprintf(format, args...)))
	}
	row("mapped", "%s of %s, which the system may drop and read again: not counted", size(r.Mapped), r.Model)
	if r.Spill > 0 {
		row("spill file", "%s when the session is full, which the system may write out and drop: not counted", size(r.Spill))
	}
	row("session", "%d tokens, read in steps of %d rows", r.Ctx, r.Chunk)
	for _, kv := range r.KV {
		file := ""
		if kv.Spill > 0 {
			file = fmt.Sprintf(", and %s in the file", size(kv.Spill))
		}
		row("KV, layers "+kv.Layers, "%s%s: %s a token (%s)", size(kv.Bytes), file, size(kv.PerToken), kv.Plan)
	}
	scratch := ""
	if r.Threads > 1 {
		scratch = fmt.Sprintf(", %s of it because there are %d workers", size(r.Parts.WorkersScratch), r.Threads)
	}
	row("scratch of a step", "%s%s", size(r.Parts.Scratch), scratch)
	row("logits", "%s: at most %d rows at once, and one", size(r.Parts.Logits), r.Rows)
	row("stream", "%s: tokens, index of drafts, tables", size(r.Parts.Stream))
	row("model", "%s: metadata, small tensors", size(r.Parts.Model))
	row("text", "%s: tokenizer, sampler", size(r.Parts.Text))
	row("workers", "%s: stacks of %d threads", size(r.Parts.Workers), r.Threads)
	row("collector", "%s: what garbage may take", size(r.Parts.Collector))
	row("program", "%s: before it opens a model", size(r.Parts.Program))
	row("total", "%s of anonymous memory", size(r.Total))
	switch {
	case r.Limits == nil:
	case r.Fits:
		row("budget", "%s: it fits, with %s to spare", size(r.Budget), size(r.Budget-r.Total))
		row("longest context", "%d tokens in such steps as without a budget, %d in steps of one row", r.Limits.CtxAtChunk, r.Limits.Ctx)
		row("longest step", "%d rows", r.Limits.Chunk)
	case r.Limits.Ctx > 0:
		row("budget", "%s: it does not fit; steps of one row take the least and lack %s", size(r.Budget), size(r.Total-r.Budget))
		row("longest context", "%d tokens in such steps as without a budget, %d in steps of one row", r.Limits.CtxAtChunk, r.Limits.Ctx)
	default:
		row("budget", "%s: no context fits; the least, in steps of one row, lacks %s", size(r.Budget), size(r.Total-r.Budget))
	}
	return w.Flush()
}

// bytesFlag is a size on the command line: 300MiB, 1.5GB, or a number of bytes.
type bytesFlag int64

// units are in the order in which they are tried: the longer ones first.
var units = []struct {
	name string
	size float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// Set implements pflag.Value.
func (b *bytesFlag) Set(text string) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(x >= 0) || x*u.size >= 1<<53 {
			break
		}
		*b = bytesFlag(x * u.size)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 300MiB, 1.5GB or 64000000", text)
}

func (b *bytesFlag) String() string {
	if *b == 0 {
		return "0"
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type implements pflag.Value.
func (*bytesFlag) Type() string { return "SIZE" }

// leastProgram is what the program takes by itself at least, for systems that do not tell.
const leastProgram = 10 << 20

// program is the anonymous memory of the program before it opened a model. It is asked for once.
func (a *app) program() int64 {
	if a.started == 0 {
		a.started = max(mmap.MemoryUsage().Anon, leastProgram)
	}
	return a.started
}

// modelMemory is the part of --memory that is left for models.
func (a *app) modelMemory() (int64, error) {
	if a.memory == 0 {
		return 0, nil
	}
	if left := int64(a.memory) - a.program(); left > 0 {
		return left, nil
	}
	return 0, usage("--memory %d is less than the %s that the program takes without a model", int64(a.memory), size(a.program()))
}
