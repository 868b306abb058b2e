package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
)

// inspectJSON is the object of `inspect --json`.
type inspectJSON struct {
	File         string            `json:"file"`
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
	Memory       inspectMemory     `json:"memory"`
	Metadata     map[string]string `json:"metadata"`
	Tensors      []inspectTensor   `json:"tensors"`
}

type inspectMemory struct {
	FileBytes   int64 `json:"file_bytes"`   // mapped, not copied
	WeightBytes int64 `json:"weight_bytes"` // read for each generated token
	Resident    int64 `json:"resident_bytes"`
	KVBytes     int64 `json:"kv_bytes"` // of a session as long as Ctx
	Ctx         int   `json:"ctx"`
}

type inspectTensor struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"` // GGUF's order, the fastest dimension first
	Bytes int    `json:"bytes"`
}

func (a *app) inspectCommand() *cobra.Command {
	var tensors bool
	c := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show what a model file holds and what running it takes",
		Example: `  godwit inspect smollm2:135m
  godwit inspect model.gguf --tensors --ctx 32768`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := a.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			r, err := a.inspect(m)
			if err != nil {
				return err
			}
			r.File = args[0]
			if a.json {
				return a.print(r)
			}
			return a.showInspection(r, tensors)
		},
	}
	a.modelFlags(c)
	c.Flags().BoolVar(&tensors, "tensors", false, "list every tensor")
	return c
}

func (a *app) inspect(m *godwit.Model) (*inspectJSON, error) {
	info := m.Info()
	f := m.File()
	r := &inspectJSON{Architecture: info.Arch, Name: info.Name, Context: info.Context, Layers: info.Layers, Width: info.Width,
		Heads: info.Heads, KVHeads: info.KVHeads, HeadDim: info.HeadDim, Vocabulary: info.Vocab, Plan: m.Plan(), Metadata: map[string]string{}}
	ctx := a.ctx
	if ctx == 0 {
		ctx = info.Context
	}
	kv, err := m.KVBytes(ctx)
	if err != nil {
		return nil, err
	}
	resident, err := m.Resident()
	if err != nil {
		return nil, err
	}
	r.Memory = inspectMemory{FileBytes: m.FileBytes(), WeightBytes: info.WeightBytes, Resident: resident, KVBytes: kv, Ctx: ctx}
	for key := range f.Meta.Keys() {
		r.Metadata[key] = f.Meta.Describe(key, 60)
	}
	for _, t := range f.Tensors {
		n := int64(1)
		for _, d := range t.Dims {
			n *= int64(d)
		}
		r.Parameters += n
		r.Tensors = append(r.Tensors, inspectTensor{t.Name, t.Type.String(), t.Dims, len(t.Data)})
	}
	return r, nil
}

func (a *app) showInspection(r *inspectJSON, tensors bool) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(k string, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", k, fmt.Sprintf(format, args...))
	}
	row("architecture", "%s", r.Architecture)
	row("name", "%s", r.Name)
	row("parameters", "%s", count(r.Parameters))
	row("layers", "%d of width %d", r.Layers, r.Width)
	row("heads", "%d query, %d key/value, of %d", r.Heads, r.KVHeads, r.HeadDim)
	row("vocabulary", "%d", r.Vocabulary)
	row("trained context", "%d tokens", r.Context)
	row("plan", "%s", r.Plan)
	row("file", "%s, mapped (%s in memory now)", size(r.Memory.FileBytes), size(r.Memory.Resident))
	row("read per token", "%s of weights", size(r.Memory.WeightBytes))
	row("KV cache", "%s at %d tokens", size(r.Memory.KVBytes), r.Memory.Ctx)
	types := map[string][2]int64{}
	for _, t := range r.Tensors {
		c := types[t.Type]
		types[t.Type] = [2]int64{c[0] + 1, c[1] + int64(t.Bytes)}
	}
	for _, name := range sorted(types) {
		row("tensors "+name, "%d, %s", types[name][0], size(types[name][1]))
	}
	fmt.Fprintln(w)
	for _, k := range sorted(r.Metadata) {
		row(k, "%s", r.Metadata[k])
	}
	if tensors {
		fmt.Fprintln(w)
		for _, t := range r.Tensors {
			row(t.Name, "%s\t%s\t%s", t.Type, shape(t.Shape), size(int64(t.Bytes)))
		}
	}
	return w.Flush()
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
