package lint

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var (
	textRE = regexp.MustCompile(`^TEXT\s+[^·]*·(\w+)`)
	wordRE = regexp.MustCompile(`^\s*(?:WORD|LONG|BYTE)\s`)
)

// Assembly lists faults of the *.s files: a TEXT symbol without a Go declaration whose comment names its Go twin
// ("twin: name"), a twin that does not exist, and WORD, LONG or BYTE lines without the instruction as a comment.
func (t *Tree) Assembly() (bad []string, err error) {
	type decl struct {
		doc  string
		body bool
	}
	funcs := map[string]decl{} // "dir.name"
	for _, f := range t.Files {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				key := f.Dir() + "." + fn.Name.Name
				if old, ok := funcs[key]; !ok || !old.body {
					funcs[key] = decl{fn.Doc.Text(), fn.Body != nil}
				}
			}
		}
	}
	twinRE := regexp.MustCompile(`[Tt]win:? (\w+)`)
	err = fs.WalkDir(t.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".s" {
			return err
		}
		src, err := fs.ReadFile(t.FS, p)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(src), "\n") {
			if wordRE.MatchString(line) && !strings.Contains(line, "//") {
				bad = append(bad, fmt.Sprintf("%s:%d: encoded instruction without its name as a comment", p, i+1))
			}
			m := textRE.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			dir := path.Dir(p)
			fn, ok := funcs[dir+"."+m[1]]
			if !ok {
				bad = append(bad, fmt.Sprintf("%s:%d: %s has no Go declaration", p, i+1, m[1]))
				continue
			}
			twin := twinRE.FindStringSubmatch(fn.doc)
			if twin == nil {
				bad = append(bad, fmt.Sprintf("%s:%d: the declaration of %s does not name its Go twin", p, i+1, m[1]))
			} else if _, ok := funcs[dir+"."+twin[1]]; !ok {
				bad = append(bad, fmt.Sprintf("%s:%d: the twin %s of %s does not exist", p, i+1, twin[1], m[1]))
			}
		}
		return nil
	})
	return bad, err
}
