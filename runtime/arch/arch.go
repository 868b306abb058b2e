// Package arch holds the model architectures, one file each: how a GGUF file's metadata and tensors become a layer.Net,
// and how a Hugging Face directory becomes such a file. Nothing outside an architecture's file names it.
package arch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// Arch is one architecture, registered by its file's init.
type Arch struct {
	Names  []string // values of general.architecture
	Import Import   // from a Hugging Face directory
	// build claims every tensor. Its errors stay in the decoder.
	build func(d *decoder) *layer.Net
}

// Info describes a model.
type Info struct {
	Arch        string // general.architecture
	Name        string // general.name
	Context     int    // tokens that the model was trained for
	Layers      int
	Width       int
	Heads       int
	KVHeads     int
	HeadDim     int
	Vocab       int
	Plan        attention.Plan
	WeightBytes int64 // weights that one decoded token reads
}

// ErrUnknown says that no architecture of that name is registered.
var ErrUnknown = errors.New("unknown architecture")

// Build makes the network of a file. edit may change the attention plan that the model was trained with. Every tensor
// of the file must be used and of the shape that the hyper-parameters give; the errors wrap ErrUnknown, gguf's errors of
// metadata, quant's and layer's errors of tensors, or attention.ErrCompose, or are those of edit.
func Build(f *gguf.File, edit func(attention.Plan) (attention.Plan, error)) (*layer.Net, Info, error) {
	name, err := f.Meta.String("general.architecture")
	if err != nil {
		return nil, Info{}, err
	}
	a, ok := Lookup(name)
	if !ok {
		return nil, Info{}, fmt.Errorf("general.architecture: %w: %q (known: %s)", ErrUnknown, name, strings.Join(known(), ", "))
	}
	d := &decoder{hyper: hyper{meta: f.Meta, arch: name}, w: layer.NewWeights(f), edit: edit}
	if d.read(); d.err != nil {
		return nil, Info{}, d.err
	}
	net := a.build(d)
	if d.err != nil {
		return nil, Info{}, d.err
	}
	if err := d.w.Done(); err != nil {
		return nil, Info{}, err
	}
	if err := d.compose(); err != nil {
		return nil, Info{}, err
	}
	if err := d.fold(net); err != nil {
		return nil, Info{}, err
	}
	title, err := f.Meta.StringOr("general.name", "")
	if err != nil {
		return nil, Info{}, err
	}
	return net, Info{Arch: name, Name: title, Context: d.context, Layers: d.layers, Width: d.width, Heads: d.heads,
		KVHeads: d.kvHeads, HeadDim: d.dim, Vocab: net.Vocab(), Plan: d.plan, WeightBytes: net.WeightBytes()}, nil
}

var registry []*Arch

// register adds an architecture; names must be new.
func register(a Arch) {
	for _, n := range a.Names {
		if _, ok := Lookup(n); ok {
			panic(fmt.Sprintf("arch: %q registered twice", n))
		}
	}
	registry = append(registry, &a)
	slices.SortFunc(registry, func(x, y *Arch) int { return strings.Compare(x.Names[0], y.Names[0]) })
}

// All returns the architectures in the order of their names.
func All() []*Arch { return registry }

// Lookup finds the architecture that reads general.architecture = name.
func Lookup(name string) (*Arch, bool) {
	for _, a := range registry {
		if slices.Contains(a.Names, name) {
			return a, true
		}
	}
	return nil, false
}

func known() (names []string) {
	for _, a := range registry {
		names = append(names, a.Names...)
	}
	return names
}
