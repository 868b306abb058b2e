package lint

import (
	_ "embed"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/godwit-ai/godwit/runtime/arch"
)

//go:embed deps.txt
var deps string

// parsed is the checkout, which no check changes.
var parsed = sync.OnceValues(func() (*Tree, error) { return Parse(os.DirFS("../..")) })

func checkout(t *testing.T) *Tree {
	t.Helper()
	tree, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) < 20 {
		t.Fatalf("only %d Go files found: this is not the checkout", len(tree.Files))
	}
	return tree
}

func report(t *testing.T, bad []string) {
	t.Helper()
	for _, b := range bad {
		t.Error(b)
	}
}

func TestImportOrder(t *testing.T) {
	order, err := ParseOrder(deps)
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkout(t).Imports(order))
}

// architectures returns the registered names that are words of no other meaning.
func architectures() (names []string) {
	for _, a := range arch.All() {
		names = append(names, a.Names...)
	}
	return names
}

func TestArchitectureNames(t *testing.T) {
	names := architectures()
	if len(names) < 10 {
		t.Fatalf("only %d architectures registered", len(names))
	}
	report(t, checkout(t).Names(names, func(file, name string) bool {
		// A chat template, a tokenizer model or a pre-tokeniser may bear the name of a family: these are other things. Models of tests have one.
		switch path.Dir(file) {
		case "runtime/arch", "chat", "tokenizer", "internal/testmodel":
			return true
		case "convert":
			return strings.HasPrefix(path.Base(file), "tokenizer")
		}
		return false
	}))
}

// TestArchitectureOneFile keeps each architecture's name inside one file of runtime/arch.
func TestArchitectureOneFile(t *testing.T) {
	tree := checkout(t)
	for _, name := range architectures() {
		in := map[string]bool{}
		tree.Names([]string{name}, func(file, _ string) bool {
			if path.Dir(file) == "runtime/arch" {
				in[file] = true
			}
			return true
		})
		if len(in) != 1 {
			t.Errorf("%q is named in %d files of runtime/arch, want one: %v", name, len(in), in)
		}
	}
}

func TestFileLength(t *testing.T) {
	bad, err := checkout(t).Long(600)
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

func TestShapeComments(t *testing.T) {
	report(t, checkout(t).Shapes("runtime", "runtime/layer", "attention", "quant", "mixer"))
}

func TestInterfaces(t *testing.T) { report(t, checkout(t).Interfaces(4)) }
func TestCgo(t *testing.T)        { report(t, checkout(t).Cgo()) }
func TestQuiet(t *testing.T)      { report(t, checkout(t).Loud()) }

func TestAssembly(t *testing.T) {
	bad, err := checkout(t).Assembly()
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

func TestTour(t *testing.T) {
	text, err := os.ReadFile("../../docs/TOUR.md")
	if err != nil {
		t.Fatal(err)
	}
	n, bad := checkout(t).Tour(string(text))
	report(t, bad)
	if n < 5 {
		t.Errorf("docs/TOUR.md names %d functions, want the five hops at least", n)
	}
}

// TestRejects gives every check a tree with one fault that it must find.
func TestRejects(t *testing.T) {
	src := func(s string) fstest.MapFS {
		return fstest.MapFS{"attention/x.go": {Data: []byte("package attention\n" + s)}}
	}
	asm := func(goDecl, s string) fstest.MapFS {
		m := src(goDecl)
		m["attention/x_amd64.s"] = &fstest.MapFile{Data: []byte(s)}
		return m
	}
	must := func(bad []string, err error) []string {
		if err != nil {
			t.Fatal(err)
		}
		return bad
	}
	order, err := ParseOrder(deps)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fs    fstest.MapFS
		check func(*Tree) []string
	}{
		"import":      {src(`import _ "github.com/godwit-ai/godwit/gguf"`), func(t *Tree) []string { return t.Imports(order) }},
		"name":        {src(`var x = "gemma3"`), func(t *Tree) []string { return t.Names([]string{"gemma3"}, func(string, string) bool { return false }) }},
		"length":      {src(strings.Repeat("\n", 600)), func(t *Tree) []string { return must(t.Long(600)) }},
		"shape":       {src("type s struct {\n\tx []float32\n}"), func(t *Tree) []string { return t.Shapes("attention") }},
		"interface":   {src("type i interface { A(); B(); C(); D(); E() }"), func(t *Tree) []string { return t.Interfaces(4) }},
		"cgo":         {src(`import "C"`), (*Tree).Cgo},
		"panic":       {src("func f() { panic(1) }"), (*Tree).Loud},
		"print":       {src("import \"fmt\"\nfunc f() { fmt.Println(1) }"), (*Tree).Loud},
		"declaration": {asm("", "TEXT ·f(SB), 4, $0\n"), func(t *Tree) []string { return must(t.Assembly()) }},
		"no twin":     {asm("func f()\n", "TEXT ·f(SB), 4, $0\n"), func(t *Tree) []string { return must(t.Assembly()) }},
		"lost twin":   {asm("// f: twin: g\nfunc f()\n", "TEXT ·f(SB), 4, $0\n"), func(t *Tree) []string { return must(t.Assembly()) }},
		"word":        {asm("", "\tWORD $0x4e829420\n"), func(t *Tree) []string { return must(t.Assembly()) }},
		"tour":        {src(""), func(t *Tree) []string { _, bad := t.Tour("`a.B` in `attention/x.go`"); return bad }},
	} {
		tree, err := Parse(c.fs)
		if err != nil {
			t.Fatal(name, err)
		}
		if len(c.check(tree)) != 1 {
			t.Errorf("%s: the fault was not found: %v", name, c.check(tree))
		}
	}
}
