package attention

import (
	"cmp"
	"fmt"
	"slices"
)

// NamedPlan is an edit of a plan that has a name, so that it can stand wherever a plan's text is taken: alone, or followed by
// further edits, as in "streaming(window=512); kv=q8_0".
type NamedPlan struct {
	Name  string
	About string // what it does, and what to know before using it: two lines
	Paper string // where it comes from, with its arXiv number; "": nowhere

	// text is the edit for a model with the plan p. Arguments come from a, and have usual values.
	text func(a *args, p Plan) string
}

// named are the plans that have names. Files add to it in init.
var named []NamedPlan

// addNamed is called from init functions only; it panics on a name that is taken, here or by a key.
func addNamed(n NamedPlan) {
	if _, ok := findNamed(n.Name); ok || edits[n.Name] != nil || n.About == "" {
		panic("attention: bad registration of the plan " + n.Name) // a programming error, seen by every test
	}
	named = append(named, n)
	slices.SortFunc(named, func(a, b NamedPlan) int { return cmp.Compare(a.Name, b.Name) })
}

func findNamed(name string) (NamedPlan, bool) {
	for _, n := range named {
		if n.Name == name {
			return n, true
		}
	}
	return NamedPlan{}, false
}

func namedNames() []string {
	names := make([]string, len(named))
	for i, n := range named {
		names[i] = n.Name
	}
	return names
}

// NamedPlans returns the plans that have names, in the order of these.
func NamedPlans() []NamedPlan { return slices.Clone(named) }

// Arguments returns the arguments that may stand in brackets after the name, as "window=".
func (n NamedPlan) Arguments() []string {
	a := &args{name: n.Name}
	n.text(a, Plan{Layers: make([]Layer, 1)})
	return a.asked
}

// Expand returns the edit that a text beginning with a name stands for in a model with plan p: the name's edit and what follows it. A text
// without names comes back as it is. Errors are *PlanError.
func (p Plan) Expand(text string) (string, error) {
	r := &planReader{text: text}
	edit, _, err := p.named(r)
	if err != nil || edit == "" {
		return text, err
	}
	return edit + text[r.i:], nil
}

// named reads a named plan, name or name(argument, …), if one stands there as a whole group.
func (p Plan) named(r *planReader) (edit string, at int, err error) {
	start := r.i
	r.space()
	at = r.i
	n, ok := findNamed(r.word())
	if !ok {
		r.i = start
		return "", at, nil
	}
	r.i = at
	a, err := r.term()
	if err != nil {
		return "", at, err
	}
	if r.space(); r.i < len(r.text) && r.text[r.i] != ';' {
		return "", at, r.errorf(r.i, "%q does not belong here: edits after %s follow a ;", rest(r.text[r.i:]), n.Name)
	}
	f := a.fresh()
	edit = n.text(f, p)
	return edit, at, f.done()
}

func init() {
	fixed := func(text string) func(*args, Plan) string { return func(*args, Plan) string { return text } }
	addNamed(NamedPlan{Name: "dense", Paper: "Vaswani et al. 2017, arXiv 1706.03762",
		About: "Every layer sees the whole past.\nModels that were trained with windows get more than they know, and caches as large as the text.",
		text:  fixed("span=full")})
	addNamed(NamedPlan{Name: "q8", Paper: "FlexGen, arXiv 2303.06865, has caches of integers with scales",
		About: "Keys and values as 8-bit integers with scales: half the memory of f16, and faster in long texts.\ndocs/PERFORMANCE.md has what it costs in perplexity.",
		text:  fixed("kv=q8_0")})
	addNamed(NamedPlan{Name: "q4", Paper: "QuaRot, arXiv 2404.00456, rotates heads so that four bits are enough",
		About: "Keys and values as 4-bit integers of rotated heads: a quarter of the memory of f16.\nLook at the perplexity of your model first: small ones lose the most.",
		text:  fixed("kv=q4")})
	addNamed(NamedPlan{Name: "streaming", Paper: "StreamingLLM, arXiv 2309.17453",
		About: "The first tokens and the last ones: the memory stays the same however long the text is.\nWhat lies between is forgotten. The first tokens are as far away as the window reaches, as in the paper.",
		text: func(a *args, _ Plan) string {
			return capped(atLeast1(a, "sinks", 4), atLeast1(a, "window", 1024))
		}})
	addNamed(NamedPlan{Name: "lminfinite", Paper: "LM-Infinite, arXiv 2308.16137",
		About: "The paper's mask in the shape of a lambda: a few first tokens, and as many last ones as the model was trained with.\nThe first tokens are as far away as the window reaches.",
		text: func(a *args, _ Plan) string {
			return capped(atLeast1(a, "first", 16), atLeast1(a, "window", 2048))
		}})
	addNamed(NamedPlan{Name: "selfextend", Paper: "Self-Extend, arXiv 2401.01325",
		About: "Texts that are longer than those the model was trained with: far neighbours share a position, so that no distance is new to it.\nA group of 4 is for some three times the trained length; godwit advise finds out what holds.",
		text: func(a *args, p Plan) string {
			return fmt.Sprintf("%sfar=group(%d) near=sinks(%d)+window(%d)", p.Wide(), atLeast1(a, "group", 4), Tile, atLeast1(a, "window", 1024))
		}})
	addNamed(NamedPlan{Name: "shortformer", Paper: "Shortformer, arXiv 2012.15832",
		About: "Text in segments, each of which also sees the one before; positions begin anew and are added inside attention, so that texts may be of any length.\nThe paper trains models so: others make little sense of it.",
		text: func(a *args, _ Plan) string {
			n := min(atLeast1(a, "segment", 512), maxPlaces/2)
			return fmt.Sprintf("pos=pia(segment=%d,cache=%d)", n, n)
		}})
	addNamed(NamedPlan{Name: "masformer", Paper: "MASFormer, arXiv 2310.12442",
		About: "Few layers see everything, the last of every four; the others their own block of tokens and the one before.\nThe paper trains models so: others lose by it.",
		text: func(a *args, p Plan) string {
			local := fmt.Sprintf("span=blocks(%d)", atLeast1(a, "block", 1024))
			return everyNth(p, atLeast1(a, "every", 4), local, "span=full")
		}})
	addNamed(NamedPlan{Name: "interleaved", Paper: "Gemma 3, arXiv 2503.19786",
		About: "Five layers see a window, the sixth everything, and so on.\nGemma 3 is trained so, and has it without this name; others lose by it.",
		text: func(a *args, p Plan) string {
			local := fmt.Sprintf("span=window(%d)", atLeast1(a, "window", 512))
			return everyNth(p, atLeast1(a, "every", 6), local, "span=full")
		}})
	addNamed(NamedPlan{Name: "longformer", Paper: "Longformer, arXiv 2004.05150",
		About: "A window, and the first token as the one that all see.\nMore such tokens: a sum with globals(…) or sinks(n).",
		text: func(a *args, _ Plan) string {
			return fmt.Sprintf("span=window(%d)+globals(0)", atLeast1(a, "window", 512))
		}})
	addNamed(NamedPlan{Name: "pegasusx", Paper: "PEGASUS-X, arXiv 2208.04347",
		About: "Blocks that are shifted by half a block in every other layer, so that what one knows moves on, and first tokens that all see.\nThe paper's are an encoder's, which look ahead within the block.",
		text: func(a *args, p Plan) string {
			n, first := atLeast1(a, "block", 512), atLeast1(a, "first", 32)
			straight := fmt.Sprintf("span=blocks(%d,back=0)+sinks(%d)", n, first)
			if n == 1 {
				return straight
			}
			return everyNth(p, 2, straight, fmt.Sprintf("span=blocks(%d,shift=%d,back=0)+sinks(%d)", n, n/2, first))
		}})
	addNamed(NamedPlan{Name: "longnet", Paper: "LongNet, arXiv 2307.02486",
		About: "Near tokens all, farther ones ever more thinned out, in segments of 2,048 to 32,768 tokens.\nA key counts once, where the paper's mixture counts it for every pair that sees it.",
		text:  fixed("span=dilated(2048,1)+dilated(4096,2)+dilated(8192,4)+dilated(16384,6)+dilated(32768,12)")})
	addNamed(NamedPlan{Name: "sparse", Paper: "Sparse Transformers, arXiv 1904.10509",
		About: "A window, and every so many tokens one: any two tokens are two layers apart.\nThe cache holds the whole text; what is saved is time.",
		text: func(a *args, _ Plan) string {
			n := atLeast1(a, "stride", 128)
			return fmt.Sprintf("span=window(%d)+strided(%d)", n, n)
		}})
}

// capped sees the first tokens, from a distance of at most the window, and the window.
func capped(first, window int) string {
	near := fmt.Sprintf("sinks(%d)+window(%d)", first, window)
	return fmt.Sprintf("span=%s near=%s far=cap", near, near)
}

// atLeast1 reads key=n, n from 1 on.
func atLeast1(a *args, key string, usual int) int {
	it := len(a.items)
	for i := range a.items {
		if a.items[i].hasValue && a.items[i].key == key {
			it = i
		}
	}
	n := a.whole(key, usual)
	if n < 1 {
		if it < len(a.items) {
			a.fail(a.items[it].at, "%s: %s=0 is not a number from 1 on", a.name, key)
		}
		return 1
	}
	return n
}

// everyNth is a text that gives the last of every n layers of p one edit, and the others another.
func everyNth(p Plan, n int, others, last string) string {
	var some, nth []int
	for i := range p.Layers {
		if i%n == n-1 {
			nth = append(nth, i)
		} else {
			some = append(some, i)
		}
	}
	switch {
	case len(nth) == 0:
		return others
	case len(some) == 0:
		return last
	}
	return LayerRanges(some) + ": " + others + "; " + LayerRanges(nth) + ": " + last
}
