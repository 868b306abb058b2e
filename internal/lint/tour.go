package lint

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

var hopRE = regexp.MustCompile("`([\\w/]+)\\.((?:\\w+\\.)?\\w+)` in `([\\w/.]+\\.go)`")

// Tour checks docs/TOUR.md: every "`pkg.Func` in `file.go`" must be declared in that file. It returns the number of
// names resolved.
func (t *Tree) Tour(text string) (n int, bad []string) {
	for _, m := range hopRE.FindAllStringSubmatch(text, -1) {
		name, file := m[2], m[3]
		if t.declares(file, name) {
			n++
		} else {
			bad = append(bad, fmt.Sprintf("docs/TOUR.md: %s does not declare %s", file, name))
		}
	}
	return n, bad
}

func (t *Tree) declares(file, name string) bool {
	recv, fn, method := strings.Cut(name, ".")
	if !method {
		fn = name
	}
	for _, f := range t.Files {
		if f.Path != file {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == fn && (d.Recv != nil) == method && (!method || receiver(d) == recv) {
					return true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && !method && ts.Name.Name == fn {
						return true
					}
				}
			}
		}
	}
	return false
}

func receiver(d *ast.FuncDecl) string {
	x := d.Recv.List[0].Type
	if s, ok := x.(*ast.StarExpr); ok {
		x = s.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
