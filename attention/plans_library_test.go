package attention

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamedPlans: every named plan is an edit of any model, the same as the text it stands for, with arguments and with further edits.
func TestNamedPlans(t *testing.T) {
	if len(NamedPlans()) < 8 {
		t.Fatalf("%d named plans", len(NamedPlans()))
	}
	for _, n := range NamedPlans() {
		if lines := strings.Split(n.About, "\n"); len(lines) != 2 || n.Paper == "" {
			t.Errorf("%s: %d lines of description, from %q", n.Name, len(lines), n.Paper)
		}
		for _, layers := range []int{0, 1, 2, 3, 18, 30} {
			own := Plan{Layers: make([]Layer, layers)}
			for i := range own.Layers {
				own.Layers[i] = Layer{Pos: Rope{Base: 10000}}
			}
			texts := []string{n.Name, " " + n.Name + " ; 	key=f32", n.Name + ";"}
			for _, a := range n.Arguments() {
				texts = append(texts, n.Name+"("+a+"1)", n.Name+"( "+a+"3 ); layout=grow")
			}
			for _, text := range texts {
				p, err := own.Edit(text)
				if err != nil {
					t.Fatalf("%q of %d layers: %v", text, layers, err)
				}
				edits, err := own.Expand(text)
				if err != nil || edits == text {
					t.Fatalf("%q expands to %q, %v", text, edits, err)
				}
				q, err := own.Edit(edits)
				if err != nil || p.String() != q.String() {
					t.Errorf("%q is %s; %q, which it stands for, is %s, %v", text, p, edits, q, err)
				}
				if layers > 0 && p.String() == own.String() && n.Name != "dense" && !strings.Contains(text, "every=1") {
					t.Errorf("%q changes nothing", text)
				}
				for _, l := range p.Layers {
					sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
					l.Pos = withProjected(l.Pos, sh, nil)
					if err := l.Check(sh); err != nil {
						t.Errorf("%q: %v", text, err)
					}
				}
			}
		}
	}
	if p, err := gemma().Expand("kv=f32; 3: span=full"); err != nil || p != "kv=f32; 3: span=full" {
		t.Errorf("a text without a name expands to %q, %v", p, err)
	}
}

// TestNamedPlanErrors: an error points at the character.
func TestNamedPlanErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		at   int // 1 is the first character
		want string
	}{
		{"streaming(windw=3)", 11, `streaming does not take "windw"; it takes sinks= and window=`},
		{"kv=f32; streaming(window=0)", 19, "streaming: window=0 is not a number from 1 on"},
		{"streaming(window=-1)", 11, `streaming: window="-1" is not a whole number from 0 to 2147483647`},
		{"streaming(window=2", 10, ") is missing"},
		{"dense(3)", 7, `dense takes no arguments, but "3" stands there`},
		{"q8 kv=f32", 4, `"kv=f32" does not belong here: edits after q8 follow a ;`},
		{"0: q8", 4, "q8 is a plan of all layers: it stands by itself, between ;"},
		{"kv=f32; foo", 9, `"foo" is neither one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group nor a named plan; there are ` + list(namedNames())},
		{"foo(3)", 1, `"foo" is neither one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group nor a named plan; there are ` + list(namedNames())},
		{"foo=3", 1, `"foo" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
		{"kv=f32 q8", 8, `"q8" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
	} {
		_, err := ParsePlan(c.text, 3)
		var e *PlanError
		if !errors.As(err, &e) || e.Offset+1 != c.at || e.Err.Error() != c.want {
			t.Errorf("%q:\ngot  %v\nwant character %d: %s", c.text, err, c.at, c.want)
		}
	}
}

// TestPlanFiles: the plans of docs/plans are edits of the models that they are for, whose parts compose.
func TestPlanFiles(t *testing.T) {
	smollm2 := Plan{Layers: make([]Layer, 30)}
	for i := range smollm2.Layers {
		smollm2.Layers[i] = Layer{Pos: Rope{Base: 1e5}}
	}
	models := map[string]struct {
		own Plan
		sh  Shape
	}{
		"smollm2-135m": {smollm2, Shape{Heads: 9, KVHeads: 3, Dim: 64}},
		"gemma3-270m":  {gemma(), Shape{Heads: 4, KVHeads: 1, Dim: 256}},
	}
	files, err := filepath.Glob("../docs/plans/*/*.plan")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	doc, err := os.ReadFile("../docs/PLANS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		model, ok := models[filepath.Base(filepath.Dir(file))]
		if !ok {
			t.Errorf("%s: of a model that the test does not know", file)
			continue
		}
		if name := strings.TrimPrefix(filepath.ToSlash(file), "../docs/"); !strings.Contains(string(doc), "]("+name+")") {
			t.Errorf("docs/PLANS.md does not tell of %s", name)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := model.own.Edit(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, l := range p.Layers {
			if err := l.Check(model.sh); err != nil {
				t.Errorf("%s: %s: %v", file, l, err)
			}
		}
	}
}
