package chat

import "strings"

// globals are the functions that every template can call: those of Jinja without lipsum, and those that transformers adds.
var globals = map[string]func(m *machine, a *args) any{}

// maxRange is the sandbox's: no range is longer.
const maxRange = 100_000

func init() { // the functions refer to code that refers to the table
	globals["range"] = rangeOf
	globals["dict"] = func(m *machine, a *args) any { return m.dictOf("dict", a) }
	globals["namespace"] = func(m *machine, a *args) any {
		ns := &namespace{&dict{}}
		d := m.dictOf("namespace", a)
		for i, k := range d.keys {
			ns.set(m, m.str(k), d.vals[i])
		}
		return ns
	}
	globals["raise_exception"] = func(m *machine, a *args) any {
		msg := m.str(m.required(a.bind(m, "raise_exception", "message")[0], "raise_exception", "message"))
		m.raise(msg)
		return nil
	}
	globals["strftime_now"] = func(m *machine, a *args) any {
		format := m.requiredText(a.bind(m, "strftime_now", "format")[0], "strftime_now", "format")
		m.alloc(16 * len(format)) // no directive gives more per character
		return strftime(m.now(), format)
	}
	globals["joiner"] = func(m *machine, a *args) any {
		sep := m.textArg(a.bind(m, "joiner", "sep")[0], ", ")
		used := false
		return &function{"joiner", func(m *machine, a *args) any {
			a.bind(m, "joiner")
			if !used {
				used = true
				return ""
			}
			return sep
		}}
	}
	globals["cycler"] = func(m *machine, a *args) any {
		if len(a.pos) == 0 || len(a.names) > 0 {
			m.fail("cycler: at least one item has to be provided")
		}
		i := 0
		d := newDict("current", a.pos[0])
		d.set("next", &function{"next", func(m *machine, _ *args) any {
			v := a.pos[i]
			i = (i + 1) % len(a.pos)
			d.set("current", a.pos[i])
			return v
		}})
		d.set("reset", &function{"reset", func(m *machine, _ *args) any {
			i = 0
			d.set("current", a.pos[0])
			return nil
		}})
		return &namespace{d}
	}
}

// raise ends the rendering for the template: it panics with a *RenderError, which run returns.
func (m *machine) raise(msg string) {
	panic(&RenderError{Line: m.line, Msg: strings.ToValidUTF8(msg, "\uFFFD"), Raised: true})
}

func rangeOf(m *machine, a *args) any {
	v := a.bind(m, "range", "start", "stop", "step")
	lo, hi, step := int64(0), int64(m.requiredInt(v[0], "range", "stop")), int64(1)
	if _, one := v[1].(absent); !one {
		lo, hi = hi, int64(m.intArg(v[1], 0))
		step = int64(m.intArg(v[2], 1))
	}
	if step == 0 {
		m.fail("range() arg 3 must not be zero")
	}
	n := int64(0)
	if step > 0 {
		n = max(0, (hi-lo+step-1)/step)
	}
	if step < 0 {
		n = max(0, (lo-hi-step-1)/-step)
	}
	if n > maxRange {
		m.exceed("range elements", maxRange)
	}
	m.elems(int(n))
	items := make([]any, n)
	for i := range items {
		items[i] = lo + int64(i)*step
	}
	return &list{v: items, kind: kindRange}
}

// dictOf makes a dict from a mapping, or a list of pairs, and named values.
func (m *machine) dictOf(what string, a *args) *dict {
	d := &dict{}
	if len(a.pos) > 1 {
		m.fail("%s takes at most one positional argument", what)
	}
	if len(a.pos) == 1 {
		if src, ok := a.pos[0].(*dict); ok {
			m.elems(2 * len(src.keys))
			for i, k := range src.keys {
				d.set(k, src.vals[i])
			}
		} else {
			for _, e := range m.iterate(a.pos[0]) {
				pair := m.iterate(e)
				if len(pair) != 2 {
					m.fail("%s: an element is not a pair", what)
				}
				m.elems(2)
				m.hashable(pair[0])
				d.set(pair[0], pair[1])
			}
		}
	}
	m.elems(2 * len(a.names))
	for i, name := range a.names {
		d.set(name, a.kw[i])
	}
	return d
}
