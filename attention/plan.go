package attention

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-ai/godwit/seq"
)

// Plan is what every attention layer of a model does. docs/PLANS.md describes its text form.
type Plan struct {
	Layers []Layer
}

// Bounds of a plan, so that no text and no model file can make reading it slow.
const (
	maxLayers = 1024
	maxText   = 16 << 10
)

// ParsePlan reads the text form of a plan for a model of that many attention layers.
func ParsePlan(text string, layers int) (Plan, error) {
	if layers < 0 || layers > maxLayers {
		return Plan{}, fmt.Errorf("plan: %d layers are not between 0 and %d", layers, maxLayers)
	}
	return Plan{Layers: make([]Layer, layers)}.Edit(text)
}

// Edit returns the plan changed by a text; what the text does not name stays. Its errors are *PlanError.
func (p Plan) Edit(text string) (Plan, error) {
	if len(text) > maxText {
		return Plan{}, &PlanError{maxText, fmt.Errorf("%d characters, more than %d", len(text), maxText)}
	}
	q := Plan{Layers: slices.Clone(p.Layers)}
	r := &planReader{text: text}
	for {
		edit, at, err := q.named(r)
		switch {
		case err != nil:
		case edit == "":
			err = q.group(r)
		default:
			if q, err = q.Edit(edit); err != nil {
				err = r.errorf(at, "stands for %q: %w", edit, errors.Unwrap(err))
			}
		}
		if err != nil {
			return Plan{}, err
		}
		if r.space(); r.i == len(text) {
			return q, nil
		}
		if !r.take(';') {
			return Plan{}, r.errorf(r.i, "%q does not belong here", rest(text[r.i:]))
		}
	}
}

// Bounded reports whether every layer sees but its first rows and its last ones: then a text may be of any length.
func (p Plan) Bounded() bool {
	return !slices.ContainsFunc(p.Layers, func(l Layer) bool {
		return !l.filled().reach().Bounded && (l.Fold == nil || !l.Fold.Folding().Drops)
	})
}

// CheckSets returns an error if a layer does not take texts that do not see each other.
func (p Plan) CheckSets() error {
	for i, l := range p.Layers {
		if _, ok := l.Pos.(Infused); ok {
			return fmt.Errorf("attention layer %d: pos=%s with rows that do not see each other: %w", i, l.Pos, ErrCompose)
		}
		if l.Group != nil {
			return fmt.Errorf("attention layer %d: group=%s with rows that do not see each other: %w", i, l.Group, ErrCompose)
		}
	}
	return nil
}

// Grouped reports whether a layer has groups, which go by the coordinates of tokens.
func (p Plan) Grouped() bool {
	return slices.ContainsFunc(p.Layers, func(l Layer) bool { return l.Group != nil })
}

// Distance returns the largest distance of positions at which a query of a text of n tokens reads a key.
func (p Plan) Distance(n int) (most int) {
	for _, l := range p.Layers {
		l = l.filled()
		n := n
		if l.Fold != nil && l.Fold.Folding().Drops {
			n = l.Fold.Folding().MaxRows(n)
		}
		d, r := n-1, l.reach()
		if r.Bounded && r.First == 0 {
			d = min(d, int(r.Back)-1)
		}
		if near := reach([]Span{l.Near}); l.Far != nil && n > int(near.First) {
			d = min(d, int(near.First+l.Far.Query(seq.Pos(n)-1-near.First, int(near.Back))))
		}
		most = max(most, d)
	}
	return most
}

// group reads and applies [selector ":"] {key "=" value}.
func (p Plan) group(r *planReader) error {
	which, err := r.selector(len(p.Layers))
	if err != nil {
		return err
	}
	r.space()
	for start := r.i; r.i < len(r.text) && r.text[r.i] != ';'; r.space() {
		at := r.i
		key := r.word()
		edit := edits[key]
		if edit == nil {
			word := key
			if word == "" {
				word = rest(r.text[at:])
			} else if r.space(); at == start && (r.i == len(r.text) || r.text[r.i] != '=') {
				if _, ok := findNamed(word); ok {
					return r.errorf(at, "%s is a plan of all layers: it stands by itself, between ;", word)
				}
				return r.errorf(at, "%q is neither one of %s nor a named plan; there are %s", word, list(keys), list(namedNames()))
			}
			return r.errorf(at, "%q is not one of %s", word, list(keys))
		}
		if !r.take('=') {
			return r.errorf(r.i, "= is missing after %s", key)
		}
		heads, err := r.value()
		if err != nil {
			return err
		}
		each, err := p.pyramid(heads, which)
		if err != nil {
			return err
		}
		fits, why := false, error(nil)
		for _, l := range which {
			switch err := edit(&p.Layers[l], each(l)); {
			case err == errNoRope, err == errNoPositions, err == errBounded:
				why = err
			case err != nil:
				return err
			default:
				fits = true
			}
		}
		if !fits && len(which) > 0 {
			return r.errorf(at, "%w", why)
		}
	}
	return nil
}

// A value is a sum of terms for every KV head, or one sum for all.
type (
	sum   []args
	value []sum
)

// keys are the keys of edits, for errors.
var keys = []string{"span", "pos", "temp", "kv", "key", "value", "near", "nearkv", "far", "layout", "select", "keep", "fold", "group"}

// edits are the keys of a plan: each changes a layer by a value.
var edits = map[string]func(l *Layer, v value) error{
	"span": editSpan,
	"pos":  editPos,
	"temp": func(l *Layer, v value) error { return editPart(&temps, &l.Temp, v) },
	"kv": func(l *Layer, v value) error {
		if err := editPart(&codecs, &l.Key, v); err != nil {
			return err
		}
		return editPart(&codecs, &l.Value, v)
	},
	"key":    func(l *Layer, v value) error { return editPart(&codecs, &l.Key, v) },
	"value":  func(l *Layer, v value) error { return editPart(&codecs, &l.Value, v) },
	"near":   editNear,
	"nearkv": func(l *Layer, v value) error { return editPart(&codecs, &l.NearKV, v) },
	"far":    editFar,
	"keep":   editKeep,
	"fold":   func(l *Layer, v value) error { return editPart(&folds, &l.Fold, v) },
	"layout": func(l *Layer, v value) error { return editPart(&layouts, &l.Layout, v) },
	"select": editSelect,
	"group":  func(l *Layer, v value) error { return editPart(&groups, &l.Group, v) },
}

func editPart[P any](r *registry[P], part *P, v value) error {
	if len(v) != 1 || len(v[0]) != 1 {
		return v.single()
	}
	p, err := r.parse(v[0][0].fresh(), *part)
	if err == nil {
		*part = p
	}
	return err
}

func editSpan(l *Layer, v value) error {
	var heads []Span
	for _, sum := range v {
		var parts []Span
		for _, t := range sum {
			s, err := spans.parse(t.fresh(), nil)
			if err != nil {
				return err
			}
			parts = append(parts, s)
		}
		heads = append(heads, NewUnion(parts...))
	}
	l.Span = heads
	if l.reach().Bounded {
		l.Keep = nil // it forgets by itself
	}
	return nil
}

func editSelect(l *Layer, v value) error {
	var heads []Selector
	for _, sum := range v {
		if len(sum) != 1 {
			return sum[1].errorf("a head has one selector")
		}
		s, err := selectors.parse(sum[0].fresh(), nil)
		if err != nil {
			return err
		}
		heads = append(heads, s)
	}
	if !slices.ContainsFunc(heads, func(s Selector) bool { return s != nil }) {
		heads = nil
	}
	l.Select = heads
	return nil
}

// errBounded: a keeper changes the layers whose spans are not bounded, and leaves the others as they are.
var errBounded = errors.New("a keeper needs a layer whose span is not bounded")

func editKeep(l *Layer, v value) error {
	keep := l.Keep
	if err := editPart(&keepers, &keep, v); err != nil {
		return err
	}
	if keep != nil && l.reach().Bounded {
		return errBounded
	}
	l.Keep = keep
	return nil
}

func editFar(l *Layer, v value) error {
	if len(v) == 1 && len(v[0]) == 1 && v[0][0].name == "none" {
		a := v[0][0].fresh()
		l.Far = nil
		return a.done()
	}
	if l.Pos == nil || l.Pos == Scheme(None{}) {
		return errNoPositions
	}
	return editPart(&fars, &l.Far, v)
}

func editNear(l *Layer, v value) error {
	if len(v) != 1 {
		return v.single()
	}
	if len(v[0]) == 1 && v[0][0].name == "none" {
		a := v[0][0].fresh()
		l.Near = Nothing{}
		return a.done()
	}
	var of Layer
	if err := editSpan(&of, v); err != nil {
		return err
	}
	l.Near = of.Span[0]
	return nil
}

// A scaling alone changes the layers that have RoPE, a numbering those that have positions; the others stay as they are.
var (
	errNoRope      = errors.New("a scaling needs a layer with RoPE, or rope(…) before it")
	errNoPositions = errors.New("numberings and far positions need a layer with positions, or a scheme before them")
)

// editPos reads a scheme, a scaling of RoPE and a numbering, any of them and in this order. A scheme ends what it is not named
// with; without one the others stay.
func editPos(l *Layer, v value) error {
	if len(v) != 1 || len(v[0]) > 3 {
		return v.single()
	}
	pos, ids, terms := l.Pos, l.Ids, v[0]
	if first := terms[0]; !scalings.has(first.name) && !numberings.has(first.name) {
		if !schemes.has(first.name) {
			return first.errorf("%q is not a %s, a %s or a %s; there are %s", first.name, schemes.what, scalings.what, numberings.what,
				list(slices.Concat(schemes.names(), scalings.names(), numberings.names())))
		}
		p, err := schemes.parse(first.fresh(), l.Pos)
		if err != nil {
			return err
		}
		pos, ids, terms = p, nil, terms[1:]
	}
	if len(terms) > 0 && !numberings.has(terms[0].name) {
		s, err := scalings.parse(terms[0].fresh(), scalingOf(l.Pos))
		if err != nil {
			return err
		}
		rope, ok := pos.(Rope)
		if !ok {
			return errNoRope
		}
		rope.Scaling = s
		pos, terms = rope, terms[1:]
	}
	if len(terms) > 1 || len(terms) == 1 && scalings.has(terms[0].name) {
		return v.single()
	}
	if len(terms) == 1 {
		n, err := numberings.parse(terms[0].fresh(), ids)
		if err != nil {
			return err
		}
		if pos == nil || pos == Scheme(None{}) {
			return errNoPositions
		}
		ids = n
	}
	l.Pos, l.Ids = pos, ids
	return nil
}

// single says that there are too many terms.
func (v value) single() error {
	at := v[0][0].at
	if len(v) > 1 {
		at = v[1][0].at
	} else if len(v[0]) > 1 {
		at = v[0][len(v[0])-1].at
	}
	return &PlanError{at, errors.New("one term too many")}
}

// String is the text of the whole plan, with equal layers grouped. Read for the same model, it gives the same plan.
func (p Plan) String() string {
	var order []string
	layers := map[string][]int{}
	for i, l := range p.Layers {
		s := l.String()
		if layers[s] == nil {
			order = append(order, s)
		}
		layers[s] = append(layers[s], i)
	}
	for i, s := range order {
		if len(order) > 1 {
			order[i] = LayerRanges(layers[s]) + ": " + s
		}
	}
	return strings.Join(order, "; ")
}

// Wide selects the layers that see everything, as "5,11,17: "; "" if all do, or none.
func (p Plan) Wide() string {
	wide := p.WideLayers()
	if len(wide) == len(p.Layers) || len(wide) == 0 {
		return ""
	}
	return LayerRanges(wide) + ": "
}

// WideLayers returns the layers that see all of their past.
func (p Plan) WideLayers() (wide []int) {
	for i, l := range p.Layers {
		if !l.filled().reach().Bounded {
			wide = append(wide, i)
		}
	}
	return wide
}

// LayerRanges prints ascending numbers of layers as a plan has them: 0-4,6.
func LayerRanges(of []int) string {
	var b strings.Builder
	for i := 0; i < len(of); {
		e := i + 1
		for e < len(of) && of[e] == of[e-1]+1 {
			e++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(of[i]))
		if e-i > 1 {
			b.WriteString("-" + strconv.Itoa(of[e-1]))
		}
		i = e
	}
	return b.String()
}

// String is the layer's text with every part named, as a plan of one layer has it.
func (l Layer) String() string {
	l = l.filled()
	kv := "kv=" + l.Key.String()
	if v := l.Value.String(); v != l.Key.String() {
		kv = "key=" + l.Key.String() + " value=" + v
	}
	if none := (Nothing{}); l.Near != none || l.usualNear() != none {
		kv += " near=" + l.Near.String()
	}
	if l.NearKV != Codec(F16{}) {
		kv += " nearkv=" + l.NearKV.String()
	}
	if l.Far != nil {
		kv += " far=" + l.Far.String()
	}
	temp := ""
	if l.Temp != nil {
		temp = " temp=" + l.Temp.String()
	}
	pos := l.Pos.String()
	if l.Ids != nil {
		pos += "+" + l.Ids.String()
	}
	text := fmt.Sprintf("span=%s pos=%s%s %s layout=%s", spanText(l.Span), pos, temp, kv, l.Layout)
	if l.Select != nil {
		text += " select=" + selectText(l.Select)
	}
	if l.Keep != nil {
		text += " keep=" + l.Keep.String()
	}
	if l.Fold != nil {
		text += " fold=" + l.Fold.String()
	}
	if l.Group != nil {
		text += " group=" + l.Group.String()
	}
	return text
}

func spanText(heads []Span) string { return headsText(heads, Span.String) }

func selectText(heads []Selector) string {
	return headsText(heads, func(s Selector) string {
		if s == nil {
			return "all"
		}
		return s.String()
	})
}

// headsText prints what is the same for all heads once.
func headsText[P any](heads []P, text func(P) string) string {
	names := make([]string, len(heads))
	for i, h := range heads {
		names[i] = text(h)
	}
	if len(names) == 1 {
		return names[0]
	}
	return "[" + strings.Join(names, ",") + "]"
}
