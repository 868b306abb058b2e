package main

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// inspectJSON is the object of `inspect --json`.
type inspectJSON struct {
	Model        string            `json:"model"`
	Problem      string            `json:"problem"` // why the model does not run; "" when it does
	Architecture string            `json:"architecture"`
	Name         string            `json:"name"`
	Context      int               `json:"context"`
	Layers       int               `json:"layers"`
	Width        int               `json:"width"`
	Heads        int               `json:"heads"`
	KVHeads      int               `json:"kv_heads"`
	HeadDim      int               `json:"head_dim"`
	Vocabulary   int               `json:"vocabulary"`
	Parameters   int64             `json:"parameters"`
	Plan         string            `json:"plan"`
	Threads      int               `json:"threads"`
	ThreadsBy    string            `json:"threads_by"`
	Machine      string            `json:"machine"`
	Memory       inspectMemory     `json:"memory"`
	Files        []inspectFile     `json:"files"`
	Metadata     map[string]string `json:"metadata"`
	Tensors      []inspectTensor   `json:"tensors"`
	Factorised   []inspectFactors  `json:"factorised,omitempty"`
}

type inspectMemory struct {
	FileBytes   int64       `json:"file_bytes"`     // mapped, not copied
	WeightBytes int64       `json:"weight_bytes"`   // read for each generated token
	Resident    int64       `json:"resident_bytes"` // -1: the system does not tell
	Ctx         int         `json:"ctx"`
	KVBytes     int64       `json:"kv_bytes"` // of a session as long as Ctx
	NeededBytes int64       `json:"needed_bytes"`
	KV          []inspectKV `json:"kv"`
}

type inspectKV struct {
	Ctx   int   `json:"ctx"`
	Bytes int64 `json:"bytes"`
}

type inspectFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

type inspectTensor struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"` // GGUF's order, the fastest dimension first
	Bytes int    `json:"bytes"`
}

// inspectFactors is a matrix that is stored as the product of two.
type inspectFactors struct {
	Name string `json:"name"` // that of the product
	In   int    `json:"in"`
	Out  int    `json:"out"`
	Rank int    `json:"rank"`
}

// factorised finds the pairs among a file's tensors.
func factorised(f *gguf.File) (all []inspectFactors) {
	for i := range f.Tensors {
		product, other, ok := layer.Factored(f.Tensors[i].Name)
		if !ok {
			continue
		}
		u, _ := layer.FactorNames(product)
		v, ok := f.Tensor(other)
		if t := &f.Tensors[i]; ok && t.Name == u && len(t.Dims) == 2 && len(v.Dims) == 2 {
			all = append(all, inspectFactors{product, v.Dims[0], t.Dims[1], t.Dims[0]})
		}
	}
	return all
}

func (a *app) inspectCommand() *cobra.Command {
	var tensors bool
	c := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show what a model file holds and what running it takes",
		Long: `Show what a model file holds and what running it takes: its architecture and attention plan, the file pages that are
mapped, the memory of a session of --ctx tokens, all metadata and, with --tensors, every tensor.

A GGUF file that godwit cannot run is shown too, with the reason.`,
		Example: `  godwit inspect smollm2:135m
  godwit inspect model.gguf --tensors --ctx 32768
  godwit inspect gemma3:270m --plan 'kv=f32'`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.fetch(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			r, err := a.inspect(path)
			if err != nil {
				return err
			}
			r.Model = args[0]
			if a.json {
				return a.print(r)
			}
			return a.showInspection(r, tensors)
		},
	}
	c.Flags().BoolVar(&tensors, "tensors", false, "list every tensor")
	a.modelFlags(c)
	c.Flags().Lookup("ctx").Usage = "show the memory of a session of `N` tokens; 0: what the model was trained for"
	return c
}

func (a *app) inspect(path string) (*inspectJSON, error) {
	c, err := openContainer(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer c.close()
	r := &inspectJSON{Machine: godwit.Machine(), Metadata: map[string]string{}, Tensors: []inspectTensor{}}
	r.Memory.KV = []inspectKV{}
	r.Files, r.Memory.FileBytes = c.sizes()
	if r.Memory.Resident, err = c.resident(); err != nil {
		return nil, err
	}
	err = par.Guard(func() error {
		for key := range c.file.Meta.Keys() {
			r.Metadata[key] = c.file.Meta.Describe(key, 60)
		}
		for _, t := range c.file.Tensors {
			r.Parameters += int64(t.Elems())
			r.Tensors = append(r.Tensors, inspectTensor{t.Name, t.Type.String(), append([]int{}, t.Dims...), len(t.Data)})
		}
		r.Factorised = factorised(c.file)
		r.Architecture, _ = c.file.Meta.StringOr("general.architecture", "") // what is wrong with them is the model's Problem
		r.Name, _ = c.file.Meta.StringOr("general.name", "")
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, err := a.openFile(path)
	if err != nil {
		if a.plan != "" || errors.Is(err, godwit.ErrCPU) || errors.Is(err, godwit.ErrBLAS) {
			return nil, err // the plan was asked about; the environment is not the model's
		}
		r.Problem = err.Error()
		return r, nil
	}
	defer m.Close()
	return r, a.measure(r, m)
}

// measure adds what the engine knows.
func (a *app) measure(r *inspectJSON, m *godwit.Model) error {
	info := m.Info()
	r.Context, r.Layers, r.Width, r.Vocabulary = info.Context, info.Layers, info.Width, info.Vocab
	r.Threads, r.ThreadsBy = m.Threads(), string(m.ThreadsBy())
	r.Heads, r.KVHeads, r.HeadDim, r.Plan = info.Heads, info.KVHeads, info.HeadDim, m.Plan()
	ctx := a.ctx
	if ctx == 0 {
		ctx = info.Context
	}
	kv, err := m.KVBytes(ctx)
	if err != nil {
		return err
	}
	r.Memory.WeightBytes, r.Memory.Ctx, r.Memory.KVBytes = info.WeightBytes, ctx, kv
	r.Memory.NeededBytes = kv + r.Memory.FileBytes
	for n := 1024; n < ctx; n *= 4 {
		kv, err := m.KVBytes(n)
		if err != nil {
			return err
		}
		r.Memory.KV = append(r.Memory.KV, inspectKV{n, kv})
	}
	r.Memory.KV = append(r.Memory.KV, inspectKV{ctx, kv})
	return nil
}

func (a *app) showInspection(r *inspectJSON, tensors bool) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(k string, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", printable(k), printable(fmt.Sprintf(format, args...)))
	}
	row("architecture", "%s", r.Architecture)
	row("name", "%s", r.Name)
	row("parameters", "%s", count(r.Parameters))
	if r.Problem != "" {
		row("file", "%s", size(r.Memory.FileBytes))
		row("does not run", "%s", r.Problem)
	} else {
		row("layers", "%d of width %d", r.Layers, r.Width)
		row("heads", "%d query, %d key/value, of %d", r.Heads, r.KVHeads, r.HeadDim)
		row("vocabulary", "%d", r.Vocabulary)
		row("trained context", "%d tokens", r.Context)
		for i, part := range strings.Split(r.Plan, "; ") {
			row(map[bool]string{true: "plan"}[i == 0], "%s", part)
		}
		mapped := size(r.Memory.FileBytes) + ", not copied"
		if r.Memory.Resident >= 0 {
			mapped += fmt.Sprintf(" (%s in memory now)", size(r.Memory.Resident))
		}
		row("mapped", "%s", mapped)
		row("read per token", "%s of weights", size(r.Memory.WeightBytes))
		var kv []string
		for i, k := range r.Memory.KV {
			kv = append(kv, fmt.Sprintf("%s at %d%s", size(k.Bytes), k.Ctx, map[bool]string{true: " tokens"}[i == 0]))
		}
		row("KV cache", "%s", strings.Join(kv, ", "))
		row("memory needed", "%s at %d tokens: the cache, and file pages that the system may drop and read again", size(r.Memory.NeededBytes), r.Memory.Ctx)
	}
	if r.Problem == "" {
		row("threads", "%d, %s; %s", r.Threads, threadsBy[godwit.ThreadsBy(r.ThreadsBy)], r.Machine)
	}
	types := map[string][2]int64{}
	for _, t := range r.Tensors {
		c := types[t.Type]
		types[t.Type] = [2]int64{c[0] + 1, c[1] + int64(t.Bytes)}
	}
	for _, name := range sorted(types) {
		row("tensors "+name, "%d, %s", types[name][0], size(types[name][1]))
	}
	if len(r.Factorised) > 0 {
		lo, hi := r.Factorised[0].Rank, 0
		for _, f := range r.Factorised {
			lo, hi = min(lo, f.Rank), max(hi, f.Rank)
		}
		row("factorised", "%d matrices, of ranks %d to %d", len(r.Factorised), lo, hi)
	}
	if len(r.Files) > 1 {
		for i, f := range r.Files {
			row(fmt.Sprintf("part %d", i+1), "%s, %s", f.Path, size(f.Bytes))
		}
	}
	fmt.Fprintln(w)
	for _, k := range sorted(r.Metadata) {
		row(k, "%s", r.Metadata[k])
	}
	if tensors {
		fmt.Fprintln(w)
		for _, t := range r.Tensors {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(t.Name), t.Type, shape(t.Shape), size(int64(t.Bytes)))
		}
	}
	return w.Flush()
}

// threadsBy says where a number of threads comes from.
var threadsBy = map[godwit.ThreadsBy]string{
	godwit.ThreadsGiven:      "by --threads",
	godwit.ThreadsCores:      "one for each big core",
	godwit.ThreadsNew:        "measured just now",
	godwit.ThreadsRemembered: "as measured before",
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func shape(dims []int) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = strconv.Itoa(d)
	}
	return strings.Join(parts, "×")
}

// size writes bytes in the unit that people read: 98.4 MB.
func size(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	x, i := float64(n), 0
	for x >= 1000 && i+1 < len(units) {
		x /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}

// count writes a number of parameters: 135M.
func count(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0fM", float64(n)/1e6)
	}
	return strconv.FormatInt(n, 10)
}
