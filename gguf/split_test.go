package gguf_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

func TestSplitPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"m.gguf":                      {"m.gguf"},
		"":                            {""},
		"m-00001-of-00001.gguf":       {"m-00001-of-00001.gguf"},
		"d/m-00002-of-00003.gguf":     {"d/m-00001-of-00003.gguf", "d/m-00002-of-00003.gguf", "d/m-00003-of-00003.gguf"},
		`C:\d\m-00002-of-00002.gguf`:  {`C:\d\m-00001-of-00002.gguf`, `C:\d\m-00002-of-00002.gguf`},
		"-00001-of-00002.gguf":        {"-00001-of-00002.gguf", "-00002-of-00002.gguf"},
		"a\nb-00001-of-00002.gguf":    {"a\nb-00001-of-00002.gguf", "a\nb-00002-of-00002.gguf"},
		"%s%d-00002-of-00002.gguf":    {"%s%d-00001-of-00002.gguf", "%s%d-00002-of-00002.gguf"},
		"../../m-00001-of-00002.gguf": {"../../m-00001-of-00002.gguf", "../../m-00002-of-00002.gguf"},
		// Not names of parts: only the end of the path counts, and there are five digits.
		"m-00001-of-00002.gguf/x":                     {"m-00001-of-00002.gguf/x"},
		"m-00001-of-00002.gguf.bak":                   {"m-00001-of-00002.gguf.bak"},
		"m-1-of-2.gguf":                               {"m-1-of-2.gguf"},
		"m-000001-of-000002.gguf":                     {"m-000001-of-000002.gguf"},
		"m-00001-of-00002.GGUF":                       {"m-00001-of-00002.GGUF"},
		"m-٠٠٠٠١-of-00002.gguf":                       {"m-٠٠٠٠١-of-00002.gguf"},
		"m-+0001-of-00002.gguf":                       {"m-+0001-of-00002.gguf"},
		"m-00001-of-00009.gguf-00001-of-00001.gguf":   {"m-00001-of-00009.gguf-00001-of-00001.gguf"},
		"m-00001-of-00002.gguf-00002-of-00002.gguf\n": {"m-00001-of-00002.gguf-00002-of-00002.gguf\n"},
	} {
		if got, err := gguf.SplitPaths(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-00001-of-00000.gguf", "m-00000-of-00000.gguf", "m-99999-of-00001.gguf"} {
		if got, err := gguf.SplitPaths(path); !errors.Is(err, gguf.ErrSplit) || got != nil {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	if got, err := gguf.SplitPaths("m-00001-of-99999.gguf"); err != nil || len(got) != 99999 || got[99998] != "m-99999-of-99999.gguf" {
		t.Errorf("%d paths, %v", len(got), err)
	}
}

// part makes part i of n with one tensor; the keys come after those of the split.
func part(t *testing.T, i, n, tensors int, keys ...raw) *gguf.File {
	t.Helper()
	split := []raw{key("split.no", gguf.Uint16, le(2, uint64(i))), key("split.count", gguf.Uint16, le(2, uint64(n))),
		key("split.tensors.count", gguf.Int32, le(4, uint64(tensors)))}
	return accept(t, parts{keys: append(split, keys...), tensors: []raw{tensor(fmt.Sprint("t", i), quant.F32, 0, uint64(i+1))}, data: 4 * (i + 1)}.bytes())
}

func TestJoin(t *testing.T) {
	name := key("general.architecture", gguf.String, texts("made-up"))
	f, err := gguf.Join([]*gguf.File{part(t, 0, 3, 3, name), part(t, 1, 3, 3), part(t, 2, 3, 3, name)})
	if err != nil {
		t.Fatal(err)
	}
	use(f)
	for i := range 3 {
		x, ok := f.Tensor(fmt.Sprint("t", i))
		if !ok || x.Elems() != i+1 || &f.Tensors[i] != x {
			t.Errorf("tensor %d: %+v", i, x)
		}
	}
	if s, err := f.Meta.String("general.architecture"); s != "made-up" || err != nil {
		t.Error(s, err)
	}
	// Whole files, with and without the keys.
	for _, whole := range []*gguf.File{accept(t, valid().bytes()), part(t, 0, 1, 1), part(t, 0, 0, 1)} {
		if f, err := gguf.Join([]*gguf.File{whole}); err != nil || f != whole {
			t.Errorf("%v, %v", f, err)
		}
	}
}

// TestHostileSplit gives Join parts that do not belong together.
func TestHostileSplit(t *testing.T) {
	name := func(s string) raw { return key("general.architecture", gguf.String, texts(s)) }
	p := func(i, n, tensors int, keys ...raw) *gguf.File { return part(t, i, n, tensors, keys...) }
	odd := func(keys ...raw) *gguf.File { return accept(t, parts{keys: keys}.bytes()) }
	for what, c := range map[string]struct {
		parts []*gguf.File
		want  error
		text  string
	}{
		"no parts":              {nil, gguf.ErrSplit, "no parts"},
		"one of three":          {[]*gguf.File{p(0, 3, 3)}, gguf.ErrSplit, "part 1 of 1"},
		"the second alone":      {[]*gguf.File{p(1, 2, 2)}, gguf.ErrSplit, "part 1 of 1"},
		"missing part":          {[]*gguf.File{p(0, 3, 3), p(2, 3, 3)}, gguf.ErrSplit, "part 1 of 2"},
		"too many":              {[]*gguf.File{p(0, 1, 1), p(1, 1, 1)}, gguf.ErrSplit, "split.count is 1"},
		"wrong order":           {[]*gguf.File{p(1, 2, 2), p(0, 2, 2)}, gguf.ErrSplit, "split.no is 1"},
		"the same twice":        {[]*gguf.File{p(0, 2, 2), p(0, 2, 2)}, gguf.ErrSplit, "split.no is 0"},
		"other count":           {[]*gguf.File{p(0, 2, 2), p(1, 3, 2)}, gguf.ErrSplit, "split.count is 3"},
		"more tensors promised": {[]*gguf.File{p(0, 2, 9), p(1, 2, 9)}, gguf.ErrSplit, "split.tensors.count is 9"},
		"fewer promised":        {[]*gguf.File{p(0, 2, 1), p(1, 2, 1)}, gguf.ErrSplit, "split.tensors.count is 1"},
		"promises differ":       {[]*gguf.File{p(0, 2, 2), p(1, 2, 3)}, gguf.ErrSplit, "split.tensors.count is 3"},
		"two models":            {[]*gguf.File{p(0, 2, 2, name("a")), p(1, 2, 2, name("b"))}, gguf.ErrSplit, "general.architecture"},
		"other kind of key":     {[]*gguf.File{p(0, 2, 2, name("a")), p(1, 2, 2, key("general.architecture", gguf.Bool, raw{1}))}, gguf.ErrSplit, "general.architecture"},
		"not a split":           {[]*gguf.File{odd(name("a")), odd(name("a"))}, gguf.ErrSplit, "split.count is 1"},
		"count is text":         {[]*gguf.File{odd(key("split.count", gguf.String, texts("2"))), p(1, 2, 2)}, gguf.ErrType, "split.count"},
		"count is negative":     {[]*gguf.File{odd(key("split.count", gguf.Int32, le(4, 1<<32-1))), p(1, 2, 2)}, gguf.ErrRange, "split.count"},
		"count is huge":         {[]*gguf.File{odd(key("split.count", gguf.Uint64, le(8, 1<<63))), p(1, 2, 2)}, gguf.ErrSplit, "split.count"},
		"number is negative":    {[]*gguf.File{odd(key("split.count", gguf.Int32, le(4, 2)), key("split.no", gguf.Int16, le(2, 0xffff))), p(1, 2, 2)}, gguf.ErrRange, "split.no"},
		"tensors is text": {[]*gguf.File{p(0, 2, 1), odd(key("split.no", gguf.Uint16, le(2, 1)), key("split.count", gguf.Uint16, le(2, 2)),
			key("split.tensors.count", gguf.String, texts("1")))}, gguf.ErrType, "split.tensors.count"},
	} {
		f, err := gguf.Join(c.parts)
		if f != nil || !errors.Is(err, c.want) || !errors.Is(err, gguf.ErrFormat) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, %v, want %v and %q", what, f, err, c.want, c.text)
		}
	}
	twice := parts{keys: []raw{key("split.no", gguf.Uint16, le(2, 1)), key("split.count", gguf.Uint16, le(2, 2))}, tensors: []raw{tensor("t0", quant.F32, 0, 1)}, data: 4}
	if _, err := gguf.Join([]*gguf.File{p(0, 2, 2), accept(t, twice.bytes())}); !errors.Is(err, gguf.ErrDuplicate) || !errors.Is(err, gguf.ErrFormat) {
		t.Errorf("a tensor in two parts: %v", err)
	}
}
