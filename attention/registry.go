package attention

import (
	"cmp"
	"slices"
)

// kind is a registered part: its name, how its text is read, and texts that the conformance suite and help show.
type kind[P any] struct {
	name     string
	parse    func(a *args, prev P) (P, error) // prev is the part that is being replaced; its zero value: none
	examples []string                         // small enough to be tested with 200 rows
}

// registry holds the kinds of one seam.
type registry[P any] struct {
	what  string
	kinds []kind[P]
}

var (
	spans      = registry[Span]{what: "span"}
	schemes    = registry[Scheme]{what: "position scheme"}
	scalings   = registry[Scaling]{what: "RoPE scaling"}
	numberings = registry[Numbering]{what: "numbering"}
	temps      = registry[Temperature]{what: "temperature"}
	codecs     = registry[Codec]{what: "codec"}
	layouts    = registry[Layout]{what: "layout"}
	selectors  = registry[Selector]{what: "selector"}
	keepers    = registry[Keeper]{what: "keeper"}
)

// add is called from init functions only; it panics on a name that is taken and on a part without examples.
func (r *registry[P]) add(name string, parse func(a *args, prev P) (P, error), examples ...string) {
	if _, ok := r.find(name); ok || len(examples) == 0 {
		panic("attention: bad registration of " + r.what + " " + name) // a programming error, seen by every test
	}
	r.kinds = append(r.kinds, kind[P]{name, parse, examples})
	slices.SortFunc(r.kinds, func(a, b kind[P]) int { return cmp.Compare(a.name, b.name) })
}

func (r *registry[P]) find(name string) (kind[P], bool) {
	for _, k := range r.kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind[P]{}, false
}

func (r *registry[P]) has(name string) bool {
	_, ok := r.find(name)
	return ok
}

func (r *registry[P]) names() []string {
	names := make([]string, len(r.kinds))
	for i, k := range r.kinds {
		names[i] = k.name
	}
	return names
}

// parse reads one term, name(arguments), as a part.
func (r *registry[P]) parse(a *args, prev P) (P, error) {
	var none P
	k, ok := r.find(a.name)
	if !ok {
		return none, a.errorf("%q is not a %s; there are %s", a.name, r.what, list(r.names()))
	}
	p, err := k.parse(a, prev)
	if wrong := a.done(); wrong != nil {
		return none, wrong // it says where
	}
	if err != nil {
		return none, a.errorf("%s: %w", a.name, err)
	}
	return p, nil
}

// plain registers a part without arguments.
func plain[P any](p P) func(*args, P) (P, error) {
	return func(*args, P) (P, error) { return p, nil }
}
