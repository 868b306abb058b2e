package attention

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestPlanRoundTrip: the text of every composition reads back as itself, and what String prints is canonical: however the
// text was written, reading it and printing it gives the same text, and reading that the same again. One in eleven is taken, which shares
// no factor with the numbers of parts; TestLongPlanRoundTrip takes all.
func TestPlanRoundTrip(t *testing.T) {
	t.Parallel()
	roundTrip(t, 11)
}

func roundTrip(t *testing.T, every int) {
	i := 0
	for _, span := range append(spanTexts(), "[full,window(3)]", "[sinks(4)+window(9),full]") {
		for _, pos := range posTexts() {
			for _, kv := range kvTexts() {
				for _, layout := range layoutTexts() {
					if i++; i%every != 0 {
						continue
					}
					text := "span=" + span + " pos=" + pos + " " + tempText(i) + kv + " layout=" + layout
					p, err := ParsePlan(text, 3)
					if err != nil {
						t.Fatal(err)
					}
					if got := p.String(); got != text {
						t.Fatalf("%s\nprints %s", text, got)
					}
				}
			}
		}
	}
}

// TestKeepRoundTrip: the text of every keeper reads back as itself, and a bounded span ends it.
func TestKeepRoundTrip(t *testing.T) {
	for _, keep := range keepTexts() {
		text := "span=full pos=none kv=f16 layout=kept keep=" + keep
		p, err := ParsePlan(text, 2)
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != text {
			t.Errorf("%s\nprints %s", text, p)
		}
		for edit, want := range map[string]string{"keep=none layout=grow": "span=full pos=none kv=f16 layout=grow",
			"span=window(9) layout=ring": "span=window(9) pos=none kv=f16 layout=ring"} {
			if q, err := p.Edit(edit); err != nil || q.String() != want {
				t.Errorf("%s, then %s: %s, %v", text, edit, q, err)
			}
		}
		if q, err := gemma().Edit("keep=" + keep); err != nil || q.Layers[5].Keep == nil || q.Layers[0].Keep != nil {
			t.Errorf("of a model with windows in some layers: %s, %v", q, err)
		}
	}
}

// TestPyramid: budgets fall over the layers that take a keeper, and are n in the mean.
func TestPyramid(t *testing.T) {
	for _, c := range []struct {
		layers int
		text   string
		want   []int
	}{
		{3, "keep=fifo(100,pyramid=10)", []int{190, 100, 10}},
		{3, "keep=fifo(pyramid=1,100)", []int{100, 100, 100}},
		{1, "keep=fifo(100,pyramid=4)", []int{100}},
		{5, "1: span=window(9); keep=fifo(100,pyramid=2)", []int{150, 0, 117, 83, 50}},
		{4, "2-3: keep=fifo(100,recent=3,pyramid=2,every=64)", []int{0, 0, 150, 50}},
	} {
		p, err := ParsePlan(c.text, c.layers)
		if err != nil {
			t.Error(err)
			continue
		}
		for i, l := range p.Layers {
			if got := l.Keep; got == nil && c.want[i] != 0 || got != nil && got.Budget().Rows != c.want[i] {
				t.Errorf("%s: layer %d has %v, want %d", c.text, i, got, c.want[i])
			}
		}
	}
}

// gemma is a plan as Gemma 3 has it: five layers with a window, then one that sees everything.
func gemma() Plan {
	p := Plan{Layers: make([]Layer, 18)}
	for i := range p.Layers {
		p.Layers[i] = Layer{Span: []Span{Window{512}}, Pos: Rope{Base: 10000}}
		if i%6 == 5 {
			p.Layers[i] = Layer{Pos: Rope{Base: 1e6}}
		}
	}
	return p
}

const gemmaText = "0-4,6-10,12-16: span=window(512) pos=rope(base=10000) kv=f16 layout=ring; 5,11,17: span=full pos=rope(base=1000000) kv=f16 layout=grow"

// TestPlanEdit: what a text does to a plan, by the text of the layers that changed.
func TestPlanEdit(t *testing.T) {
	if s := gemma().String(); s != gemmaText {
		t.Fatalf("printed as %s", s)
	}
	if p, err := ParsePlan(gemmaText, 18); err != nil || p.String() != gemmaText {
		t.Fatal(p, err)
	}
	ring, all := "span=window(512) pos=rope(base=10000) kv=f16 layout=ring", "span=full pos=rope(base=1000000) kv=f16 layout=grow"
	for _, c := range []struct {
		text     string
		of0, of5 string
	}{
		{"", ring, all},
		{" ; ;\n;\t", ring, all},
		{"kv=f32", strings.Replace(ring, "f16", "f32", 1), strings.Replace(all, "f16", "f32", 1)},
		{"0: key=f32", strings.Replace(ring, "kv=f16", "key=f32 value=f16", 1), all},
		{"0-3, 5 : value = f32", strings.Replace(ring, "kv=f16", "key=f16 value=f32", 1), strings.Replace(all, "kv=f16", "key=f16 value=f32", 1)},
		{"kv=f32; 5: kv=f16", strings.Replace(ring, "f16", "f32", 1), all},
		{"kv=f32 kv=f16", ring, all},
		{"span=full", strings.NewReplacer("window(512)", "full", "ring", "grow").Replace(ring), all},
		{"5:span=sinks( 4 )+window(100)", ring, strings.NewReplacer("full", "sinks(4)+window(100)", "grow", "ring").Replace(all)},
		{"0:span=[ full , window(9) ]", strings.NewReplacer("window(512)", "[full,window(9)]", "ring", "mixed").Replace(ring), all},
		{"0: near=window(70) nearkv=q8_0; 5: nearkv=q8_0 nearkv=f16", strings.Replace(ring, "layout", "near=window(70) nearkv=q8_0 layout", 1), all},
		{"0: layout=ring(step=64)", ring + "(step=64)", all},
		{"0: layout=grow", strings.Replace(ring, "ring", "grow", 1), all},
		{"pos=linear(factor=8)", strings.Replace(ring, "10000)", "10000)+linear(factor=8)", 1), strings.Replace(all, "1000000)", "1000000)+linear(factor=8)", 1)},
		{"0: pos=none; pos=ntk(factor=2)", strings.Replace(ring, "rope(base=10000)", "none", 1), strings.Replace(all, "1000000)", "1000000)+ntk(factor=2)", 1)},
		{"pos=ntk(factor=2); pos=rope(dims=64)", strings.Replace(ring, "10000)", "10000,dims=64)", 1), strings.Replace(all, "1000000)", "1000000,dims=64)", 1)},
		{"0: pos=rope(base=1.5e4,adjacent); 0: pos=rope(base=15000.25)", strings.Replace(ring, "10000", "15000.25,adjacent", 1), all},
		{"0: pos=rope(adjacent); 0: pos=rope(halves)", ring, all},
		{"temp=log(orig=100); 5: temp=heads(1.5,2.25)", strings.Replace(ring, " kv", " temp=log(orig=100) kv", 1), strings.Replace(all, " kv", " temp=heads(1.5,2.25) kv", 1)},
		{"0: pos=skip(from=9,by=5)", strings.Replace(ring, "10000)", "10000)+skip(from=9,by=5)", 1), all},
		{"0: pos=skip(by=5); 0: pos=ntk(factor=2); 0: pos=even(max=9,len=3)", strings.Replace(ring, "10000)", "10000)+ntk(factor=2)+even(max=9,len=3)", 1), all},
		{"0: pos=skip(by=5); 0: pos=rope", ring, all},
		{"0: pos=alibi+random(max=90,len=30)", strings.Replace(ring, "rope(base=10000)", "alibi+random(max=90,len=30)", 1), all},
		{"temp=log(orig=100); 5: temp=heads(1)", strings.Replace(ring, " kv", " temp=log(orig=100) kv", 1), all},
		{"0: pos=rope(base=0)+yarn(orig=1024,attn=1.1,factor=2.5)", strings.Replace(ring, "10000)", "10000)+yarn(factor=2.5,orig=1024,attn=1.1)", 1), all},
	} {
		p, err := gemma().Edit(c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if a, b := p.Layers[0].String(), p.Layers[5].String(); a != c.of0 || b != c.of5 {
			t.Errorf("%q gives\n%s\n%s\nwant\n%s\n%s", c.text, a, b, c.of0, c.of5)
		}
		if q, err := ParsePlan(p.String(), 18); err != nil || q.String() != p.String() {
			t.Errorf("%q gives %s, which reads as %s, %v", c.text, p, q, err)
		}
	}
	// The model's tensors stay where the text names what uses them, and the edited plan is left alone.
	p := Plan{Layers: []Layer{{Pos: Rope{Base: 500, Factors: []float32{1}, Scaling: Long{Short: []float32{2}, Long: []float32{3}}}}}}
	q, err := p.Edit("pos=rope(factors)+longrope(factor=2,orig=9)")
	if err != nil {
		t.Fatal(err)
	}
	if r := q.Layers[0].Pos.(Rope); r.Factors == nil || r.Scaling.(Long).Long == nil || r.Scaling.(Long).Orig != 9 || p.Layers[0].Pos.(Rope).Scaling.(Long).Orig != 0 {
		t.Errorf("%+v from %+v", r, p.Layers[0].Pos)
	}
	if q, err = p.Edit("pos=rope"); err != nil || q.Layers[0].Pos.(Rope).Factors != nil {
		t.Error(q, err)
	}
}

// TestPlanErrors: an error names the character, the word and what there is instead.
func TestPlanErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		at   int // 1 is the first character
		want string
	}{
		{"spam=full", 1, `"spam" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
		{"kv=f16 (", 8, `"(" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
		{"kv f16", 4, "= is missing after kv"},
		{"kv=", 4, "a name is missing"},
		{"kv=f31", 4, `"f31" is not a codec; there are f16, f32, kivi, pca, q4 and q8_0`},
		{"key=f32 value=f8", 15, `"f8" is not a codec; there are f16, f32, kivi, pca, q4 and q8_0`},
		{"layout=rings", 8, `"rings" is not a layout; there are folded, grouped, grow, kept, mixed and ring`},
		{"span=full+windw(3)", 11, `"windw" is not a span; there are blocks, dilated, full, globals, sinks, strided and window`},
		{"span=[full,x]", 12, `"x" is not a span; there are blocks, dilated, full, globals, sinks, strided and window`},
		{"span=[full;", 11, "] is missing"},
		{"span=window", 6, "window needs a number, as in window(64)"},
		{"span=window(0)", 13, "window(0): not a whole number from 1 to 2147483647"},
		{"span=window(3000000000)", 13, "window(3000000000): not a whole number from 1 to 2147483647"},
		{"span=window(3,4)", 15, `window does not take "4"; it takes one number`},
		{"span=blocks", 6, "blocks needs a number, as in blocks(64)"},
		{"span=blocks(8,shift=8)", 6, "blocks: shift=8 is not less than a block of 8"},
		{"span=blocks(1000000,back=3000)", 6, "blocks: back=3000 blocks of 1000000 reach further than any position"},
		{"span=blocks(8,9)", 15, `blocks does not take "9"; it takes one number, shift= and back=`},
		{"span=dilated(8)", 6, "dilated needs a number, as in dilated(64,4)"},
		{"span=dilated(8,9)", 6, "dilated: every 9-th position of segments of 8"},
		{"span=dilated(8,4,offset=4)", 6, "dilated: offset=4 is not less than 4"},
		{"span=globals", 6, "globals needs positions, as in globals(0,9)"},
		{"span=globals(3,x)", 16, "globals(x): not a position from 0 to 2147483646"},
		{"span=globals(3,1,3)", 6, "globals: position 3 stands there twice"},
		{"span=strided(0)", 14, "strided(0): not a whole number from 1 to 2147483647"},
		{"span=full(3)", 11, `full takes no arguments, but "3" stands there`},
		{"span=full()", 11, "full: an argument is empty"},
		{"span=window(3", 12, ") is missing"},
		{"layout=grow+ring", 13, "one term too many"},
		{"kv=[f16,f32]", 9, "one term too many"},
		{"pos=rop", 5, `"rop" is not a position scheme, a RoPE scaling or a numbering; there are alibi, fire, none, pia, rope, t5, dynamic, linear, llama3, longrope, ntk, power, truncated, yarn, even, random and skip`},
		{"pos=rope+yarm", 10, `"yarm" is not a RoPE scaling; there are dynamic, linear, llama3, longrope, ntk, power, truncated and yarn`},
		{"pos=rope+ntk(factor=2)+ntk(factor=2)", 24, "one term too many"},
		{"pos=rope+ntk(factor=2)+skip(by=1)+skip(by=1)", 35, "one term too many"},
		{"pos=rope+skip(by=1)+ntk(factor=2)", 21, "one term too many"},
		{"pos=none+skip(by=1)", 1, "numberings and far positions need a layer with positions, or a scheme before them"},
		{"pos=random(max=9,len=3)", 1, "numberings and far positions need a layer with positions, or a scheme before them"},
		{"pos=alibi+ntk(factor=2)", 1, "a scaling needs a layer with RoPE, or rope(…) before it"},
		{"pos=rope(base=x)", 10, `rope: base="x" is not a number of at least 0`},
		{"pos=rope(base=-1)", 10, `rope: base="-1" is not a number of at least 0`},
		{"pos=rope(base=nan)", 10, `rope: base="nan" is not a number of at least 0`},
		{"pos=rope(dims=1.5)", 10, `rope: dims="1.5" is not a whole number from 0 to 2147483647`},
		{"pos=rope(bas=1)", 10, `rope does not take "bas"; it takes base=, dims=, adjacent, halves and factors`},
		{"pos=rope(base=1,base=2)", 17, "rope has base twice"},
		{"pos=rope(adjacent,halves)", 5, "rope: pairs are adjacent or halves, not both"},
		{"pos=rope(factors)", 5, "rope: the model has no frequency factors"},
		{"temp=heat(2)", 6, `"heat" is not a temperature; there are affine, floor, heads and log`},
		{"temp=heads", 6, "heads needs numbers, as in heads(1.2)"},
		{"temp=heads(1,-2)", 14, `heads: "-2" is not a number of at least 0`},
		{"temp=heads(orig=2)", 6, "heads needs numbers, as in heads(1.2)"},
		{"temp=log(orig=2)+log(orig=3)", 18, "one term too many"},
		{"pos=none+yarn(factor=4,orig=20)", 1, "a scaling needs a layer with RoPE, or rope(…) before it"},
		{"pos=yarn(factor=4,orig=20)", 1, "a scaling needs a layer with RoPE, or rope(…) before it"},
		{"span=window(9) keep=snapkv(90)", 16, "a keeper needs a layer whose span is not bounded"},
		{"keep=snapkv", 6, "snapkv needs a number, as in snapkv(64)"},
		{"keep=snapkv(90,pool=2)", 6, "snapkv: pool=2 is not odd"},
		{"keep=snapkv(90,every=65)", 6, "snapkv: every=65 is not a multiple of 64"},
		{"keep=snapkv(90,recent=86)", 6, "snapkv: 4 first and 86 newest rows leave none of 90 to choose"},
		{"keep=snapkv(90,window=0)", 6, "snapkv: the queries of 0 rows are not between 1 and every=256"},
		{"keep=snapkv(90,ada=1.5)", 6, "snapkv: ada=1.5 is not from 0 to 1"},
		{"keep=entropy(90,decay=2)", 6, "entropy: decay=2 is more than 1"},
		{"keep=tova(90,ada=0.2)", 6, "tova: ada is for heads that keep different rows"},
		{"keep=fifo(90,pyramid=0.5)", 6, "pyramid=0.5 is not a number from 1 to 1e+06"},
		{"kv=f16; 3: kv=f16", 9, "there is no layer 3; the model has 3"},
		{"0-3: kv=f16", 3, "there is no layer 3; the model has 3"},
		{"2-1: kv=f16", 1, "the range 2-1 runs backwards"},
		{"1,x: kv=f16", 3, `"x:" is not the number of a layer`},
		{"1 kv=f16", 3, "a selector of layers, as in 0-4,6:, ends in a colon"},
		{"kv=f16 : kv=f32", 8, `":" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
		{"span=full] kv=f16", 10, `"]" is not one of span, pos, temp, kv, key, value, near, nearkv, far, layout, select, keep, fold and group`},
		{"kv=f16" + strings.Repeat(" ", maxText), maxText + 1, fmt.Sprintf("%d characters, more than %d", maxText+6, maxText)},
		{"pos=rope(" + strings.Repeat("a,", maxArgs) + "a)", 10 + 2*maxArgs, "rope: more than 256 arguments"},
	} {
		_, err := ParsePlan(c.text, 3)
		var e *PlanError
		if !errors.As(err, &e) {
			t.Errorf("%.40q: error %v is no *PlanError", c.text, err)
			continue
		}
		if want := fmt.Sprintf("plan: at character %d: %s", c.at, c.want); err.Error() != want {
			t.Errorf("%.40q:\ngot  %v\nwant %s", c.text, err, want)
		}
	}
	for _, layers := range []int{-1, maxLayers + 1} {
		if _, err := ParsePlan("", layers); err == nil {
			t.Errorf("%d layers were taken", layers)
		}
	}
	for _, k := range keys {
		if edits[k] == nil {
			t.Errorf("the key %s is named in errors and does not exist", k)
		}
	}
	if len(keys) != len(edits) {
		t.Errorf("%d keys are named in errors, there are %d", len(keys), len(edits))
	}
}

func FuzzParsePlan(f *testing.F) {
	for _, s := range keepTexts() {
		f.Add("keep="+s, 2)
		f.Add("keep="+s+" span=window(9)", 2)
	}
	for i, s := range append(spanTexts(), posTexts()...) {
		if key := "span="; i < len(spanTexts()) {
			f.Add(key+s, 3)
		} else {
			f.Add("pos="+s, 3)
		}
	}
	for _, n := range NamedPlans() {
		f.Add(n.Name+"; kv=f32", 7)
	}
	for _, s := range []string{gemmaText, "kv=f16 key=f32; 0-4,6: layout=ring", "span=[full,window(3)] pos=yarn(factor=4,orig=9)", "0:", "pos=rope(adjacent,factors)", "span=full(", ";;"} {
		f.Add(s, 18)
	}
	f.Fuzz(func(t *testing.T, text string, layers int) {
		layers &= 31
		p := Plan{Layers: make([]Layer, layers)}
		for i := range layers / 2 {
			p.Layers[i].Pos = Rope{Base: 5000, Factors: []float32{1}}
		}
		q, err := p.Edit(text)
		if err != nil {
			var e *PlanError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || e.Err == nil {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		if len(q.Layers) != layers {
			t.Fatalf("%q: %d layers became %d", text, layers, len(q.Layers))
		}
		for i, l := range q.Layers {
			// The layer's own text, over the same model, is the same layer.
			again, err := Plan{Layers: []Layer{{Pos: Rope{Factors: []float32{1}}}}}.Edit(l.String())
			if err != nil || again.String() != l.String() {
				t.Fatalf("%q: layer %d, %s, reads as %s, %v", text, i, l, again, err)
			}
			// Whatever it is, it is made ready or refused.
			if _, err := l.Core(Shape{Heads: 4, KVHeads: 2, Dim: 8}); err != nil && !errors.Is(err, ErrCompose) {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if again, err := q.Edit(q.String()); err != nil || again.String() != q.String() {
			t.Fatalf("%q: %s reads as %s, %v", text, q, again, err)
		}
	})
}

// TestPlansDocument: every example of docs/PLANS.md means what it stands for there, every error is as printed, and every word
// that plans know is explained.
func TestPlansDocument(t *testing.T) {
	data, err := os.ReadFile("../docs/PLANS.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	n := map[string]int{}
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 256}
	bases, factors := testBases(Shape{Heads: 4, KVHeads: 2, Dim: 256, VDim: 256}), make32(128, 1)
	for block := range strings.SplitSeq(doc, "```plan") {
		lang, rest, ok := strings.Cut(block, "\n")
		body, _, closed := strings.Cut(rest, "```")
		if !ok || !closed || strings.HasPrefix(block, "#") {
			continue
		}
		n[lang]++
		for line := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
			text, note, _ := strings.Cut(line, "#")
			p, err := gemma().Edit(text)
			switch lang {
			case "": // an edit that is taken
				if err == nil {
					for _, l := range p.Layers {
						l.Bases = bases
						l.Pos = withProjected(withBiases(withFactors(l.Pos, factors, factors), 4), sh, nil)
						err = errors.Join(err, l.Check(sh))
					}
				}
				if err != nil {
					t.Errorf("%s: %v", text, err)
				}
			case "-text": // a whole plan, as String prints it
				if err != nil || p.String() != strings.TrimSpace(text) {
					t.Errorf("%s\nreads as %s, %v", text, p, err)
				}
			case "-error":
				if err == nil {
					if _, err = p.Layers[0].Core(sh); err == nil {
						t.Errorf("%s: no error, the document has %s", text, note)
						continue
					}
				}
				if err.Error() != strings.TrimSpace(note) {
					t.Errorf("%s\nfails with %v\nthe document has %s", text, err, note)
				}
			default:
				t.Errorf("a block of kind plan%s", lang)
			}
		}
	}
	if n[""] < 1 || n["-text"] < 2 || n["-error"] < 1 {
		t.Errorf("blocks found: %v", n)
	}
	has := func(word string) {
		if !strings.Contains(doc, "| `"+word) {
			t.Errorf("no line of a table of docs/PLANS.md explains `%s`", word)
		}
	}
	for _, names := range [][]string{keys, spans.names(), schemes.names(), scalings.names(), numberings.names(), temps.names(), codecs.names(), layouts.names(), selectors.names(), keepers.names(), folds.names(), groups.names(), namedNames()} {
		for _, word := range names {
			has(word)
		}
	}
	for _, n := range NamedPlans() {
		line := doc[max(0, strings.Index(doc, "| `"+n.Name)):]
		line, _, _ = strings.Cut(line, "\n")
		for _, arg := range n.Arguments() {
			if !strings.Contains(line, arg) {
				t.Errorf("the line on the plan %s does not have its argument %s", n.Name, arg)
			}
		}
	}
	for _, k := range kindTexts(&selectors) { // which have a table of their arguments
		for _, arg := range k.asked {
			if arg != "of=" {
				has(arg)
			}
		}
	}
	for _, texts := range [][]kindText{kindTexts(&spans), kindTexts(&schemes), kindTexts(&scalings), kindTexts(&numberings), kindTexts(&temps), kindTexts(&codecs), kindTexts(&layouts), kindTexts(&keepers), kindTexts(&folds), kindTexts(&groups)} {
		for _, k := range texts {
			line := doc[max(0, strings.Index(doc, "| `"+k.name)):]
			line, _, _ = strings.Cut(line, "\n")
			for _, arg := range k.asked {
				if arg != "one number" && arg != "numbers" && !strings.Contains(line, strings.TrimSuffix(arg, "=")) {
					t.Errorf("the line on %s does not have its argument %s", k.name, arg)
				}
			}
		}
	}
}

type kindText struct {
	name  string
	asked []string
}

// kindTexts returns the arguments that each part asks for.
func kindTexts[P any](r *registry[P]) (texts []kindText) {
	for _, k := range r.kinds {
		var none P
		a := &args{name: k.name}
		k.parse(a, none)
		texts = append(texts, kindText{k.name, a.asked})
	}
	return texts
}

func make32(n int, x float32) []float32 {
	y := make([]float32, n)
	for i := range y {
		y[i] = x
	}
	return y
}

// TestPlanDistance: what is far is as far as the text is long, unless a window or capped positions make it less.
func TestPlanDistance(t *testing.T) {
	for _, c := range []struct {
		plan    string
		n       int
		bounded bool
		want    int
	}{
		{"span=full", 5000, false, 4999},
		{"span=window(100)", 5000, true, 99},
		{"span=window(100)", 50, true, 49},
		{"span=window(100); 1: span=full", 5000, false, 4999},
		{"span=sinks(4)+window(100)", 5000, true, 4999},
		{"span=sinks(4)+window(100) near=sinks(4)+window(100) far=cap", 5000, true, 104},
		{"span=sinks(4)+window(100) near=sinks(4)+window(100) far=cap", 3, true, 2},
		{"far=group(4) near=sinks(64)+window(1024)", 9000, false, 64 + (9000-1-64)/4 + 1024 - 256},
	} {
		p, err := ParsePlan("pos=rope "+c.plan, 2)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Distance(c.n); got != c.want || p.Bounded() != c.bounded {
			t.Errorf("%s, %d tokens: distance %d, bounded %v, want %d and %v", c.plan, c.n, got, p.Bounded(), c.want, c.bounded)
		}
	}
}
