// Package lint holds the tests of the project's structure: import order, file length, shape comments, and the other
// rules of ARCHITECTURE.md that a program can check. Its checks are functions over a parsed tree, so that each has a
// test with a tree that it must reject.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is a parsed checkout.
type Tree struct {
	FS    fs.FS
	Fset  *token.FileSet
	Files []File
}

// File is one Go file.
type File struct {
	Path string // slash-separated, relative to the root
	AST  *ast.File
	Src  []byte
}

// Dir returns the file's package directory.
func (f File) Dir() string { return path.Dir(f.Path) }

// Test reports whether the file is a test.
func (f File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Parse reads every Go file below fsys, whatever its build constraints.
func Parse(fsys fs.FS) (*Tree, error) {
	t := &Tree{FS: fsys, Fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(t.Fset, p, src, parser.ParseComments)
		if err != nil {
			return err
		}
		t.Files = append(t.Files, File{Path: p, AST: f, Src: src})
		return nil
	})
	return t, err
}

// module is the import path of the root.
const module = "github.com/godwit-ai/godwit"

// relative turns an import path into a directory of the tree.
func relative(imp string) (string, bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// Order is the allowed imports: package directory to everything it may import.
type Order map[string]map[string]bool

// ParseOrder reads the text form of deps.txt.
func ParseOrder(text string) (Order, error) {
	o := Order{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		left, right, ok := strings.Cut(line, "<")
		if !ok {
			return nil, fmt.Errorf("line %d: no <", i+1)
		}
		for p := range strings.SplitSeq(right, ",") {
			p = strings.TrimSpace(p)
			if o[p] != nil {
				return nil, fmt.Errorf("line %d: %s stands on two right-hand sides", i+1, p)
			}
			may := map[string]bool{}
			for l := range strings.SplitSeq(left, ",") {
				l = strings.TrimSpace(l)
				if l == "NONE" {
					continue
				}
				may[l] = true
				for k := range o[l] {
					may[k] = true
				}
			}
			o[p] = may
		}
	}
	return o, nil
}

// Imports lists the imports that the order does not allow.
func (t *Tree) Imports(o Order) (bad []string) {
	for _, f := range t.Files {
		if f.Test() {
			continue
		}
		for _, imp := range f.AST.Imports {
			to, ours := relative(strings.Trim(imp.Path.Value, `"`))
			if ours && !o[f.Dir()][to] {
				bad = append(bad, fmt.Sprintf("%s imports %s", f.Path, to))
			}
		}
	}
	return bad
}

// Names lists string literals equal to one of names in files that are not allowed to hold it: only tests and the files
// for which owner is true may.
func (t *Tree) Names(names []string, owner func(file, name string) bool) (bad []string) {
	for _, f := range t.Files {
		if f.Test() {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s := strings.Trim(lit.Value, "`\"")
			if slices.Contains(names, s) && !owner(f.Path, s) {
				bad = append(bad, fmt.Sprintf("%s: names the architecture %q", t.Fset.Position(lit.Pos()), s))
			}
			return true
		})
	}
	return bad
}

// Long lists the hand-written files of more than limit lines, Go and assembly.
func (t *Tree) Long(limit int) (bad []string, err error) {
	err = fs.WalkDir(t.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		ext := path.Ext(p)
		if d.IsDir() || !slices.Contains([]string{".go", ".s", ".py", ".sh", ".kt", ".swift", ".c", ".h"}, ext) {
			return nil
		}
		src, err := fs.ReadFile(t.FS, p)
		if err != nil {
			return err
		}
		if strings.Contains(string(src[:min(len(src), 400)]), "Code generated") {
			return nil
		}
		if n := strings.Count(string(src), "\n"); n > limit {
			bad = append(bad, fmt.Sprintf("%s: %d lines, more than %d", p, n, limit))
		}
		return nil
	})
	return bad, err
}

// Shapes lists struct fields that hold numbers (slices of float32, int8, uint16, seq.Pos …) without a trailing comment
// that gives the shape in brackets.
func (t *Tree) Shapes(dirs ...string) (bad []string) {
	numeric := []string{"float32", "float64", "int8", "uint8", "byte", "uint16", "int16", "int32", "uint32", "Pos"}
	for _, f := range t.Files {
		if f.Test() || !slices.Contains(dirs, f.Dir()) {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			st, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range st.Fields.List {
				arr, ok := field.Type.(*ast.ArrayType)
				if !ok || arr.Len != nil || len(field.Names) == 0 {
					continue
				}
				elem := ""
				switch e := arr.Elt.(type) {
				case *ast.Ident:
					elem = e.Name
				case *ast.SelectorExpr:
					elem = e.Sel.Name
				}
				if !slices.Contains(numeric, elem) {
					continue
				}
				if text := field.Doc.Text() + field.Comment.Text(); !strings.Contains(text, "[") {
					bad = append(bad, fmt.Sprintf("%s: %s has no shape comment", t.Fset.Position(field.Pos()), field.Names[0].Name))
				}
			}
			return true
		})
	}
	return bad
}

// Interfaces lists the interfaces of more than limit methods.
func (t *Tree) Interfaces(limit int) (bad []string) {
	for _, f := range t.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			ts, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			it, ok := ts.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, m := range it.Methods.List {
				methods += len(m.Names)
			}
			if methods > limit {
				bad = append(bad, fmt.Sprintf("%s: interface %s has %d methods, more than %d", t.Fset.Position(ts.Pos()), ts.Name.Name, methods, limit))
			}
			return true
		})
	}
	return bad
}

// Cgo lists files outside ffi/ that import "C".
func (t *Tree) Cgo() (bad []string) {
	for _, f := range t.Files {
		for _, imp := range f.AST.Imports {
			if imp.Path.Value == `"C"` && !strings.HasPrefix(f.Path, "ffi/") {
				bad = append(bad, f.Path+` imports "C"`)
			}
		}
	}
	return bad
}

// Loud lists calls in libraries that print, exit or panic. A panic is allowed in a function named init, register or
// Register (a programming error at start-up) and in one whose comment says so with the word "panics".
func (t *Tree) Loud() (bad []string) {
	for _, f := range t.Files {
		if f.Test() || strings.HasPrefix(f.Path, "cmd/") || strings.HasPrefix(f.Path, "internal/testmodel") || f.AST.Name.Name == "main" {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			excused := slices.Contains([]string{"init", "register", "Register"}, fn.Name.Name) || strings.Contains(fn.Doc.Text(), "panics")
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				name := ""
				switch c := call.Fun.(type) {
				case *ast.Ident:
					name = c.Name
				case *ast.SelectorExpr:
					if x, ok := c.X.(*ast.Ident); ok {
						name = x.Name + "." + c.Sel.Name
					}
				}
				if name == "panic" && !excused || slices.Contains([]string{"println", "print", "fmt.Print", "fmt.Println", "fmt.Printf", "os.Exit", "log.Print", "log.Printf", "log.Println", "log.Fatal", "log.Fatalf"}, name) {
					bad = append(bad, fmt.Sprintf("%s: %s in a library", t.Fset.Position(call.Pos()), name))
				}
				return true
			})
		}
	}
	return bad
}
