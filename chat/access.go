package chat

import (
	"fmt"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// args are evaluated arguments.
type args struct {
	pos   []any
	names []string
	kw    []any // [names]
}

func (a *args) named(name string) (any, bool) {
	for i, n := range a.names {
		if n == name {
			return a.kw[i], true
		}
	}
	return nil, false
}

// absent stands for a parameter without an argument.
type absent struct{}

// bind returns one value per parameter, in the manner of a Python signature; those not given are absent{}.
func (a *args) bind(m *machine, what string, params ...string) []any {
	if len(a.pos) > len(params) {
		m.fail("%s takes at most %d argument(s), %d given", what, len(params), len(a.pos))
	}
	v := make([]any, len(params))
	used := 0
	for i, p := range params {
		named, ok := a.named(p)
		switch {
		case ok && i < len(a.pos):
			m.fail("%s got two values for %q", what, p)
		case ok:
			v[i] = named
			used++
		case i < len(a.pos):
			v[i] = a.pos[i]
		default:
			v[i] = absent{}
		}
	}
	if used < len(a.names) {
		m.fail("%s got an unexpected keyword argument", what)
	}
	return v
}

// required fails for a parameter without an argument.
func (m *machine) required(v any, what, param string) any {
	if _, ok := v.(absent); ok {
		m.fail("%s: argument %q is missing", what, param)
	}
	return v
}

// requiredText is required for an argument that must be text.
func (m *machine) requiredText(v any, what, param string) string {
	s, ok := m.defined(m.required(v, what, param)).(string)
	if !ok {
		m.fail("%s: argument %q must be a string, not %s", what, param, typeName(v))
	}
	return s
}

// requiredInt is required for an argument that must be an integer, cut off as by intArg.
func (m *machine) requiredInt(v any, what, param string) int {
	if m.required(v, what, param) == nil {
		m.fail("%s: argument %q must be an integer, not None", what, param)
	}
	return m.intArg(v, 0)
}

// given tells whether there was an argument other than None.
func given(v any) bool {
	_, none := v.(absent)
	return !none && v != nil
}

// textArg returns an argument that must be text; without one, def.
func (m *machine) textArg(v any, def string) string {
	if !given(v) {
		return def
	}
	s, ok := m.defined(v).(string)
	if !ok {
		m.fail("expected a string, got %s", typeName(v))
	}
	return s
}

// intArg returns an argument that must be an integer; without one, def. It is cut off at ±2³¹, beyond which all that we count
// ends anyhow.
func (m *machine) intArg(v any, def int) int {
	if !given(v) {
		return def
	}
	i, ok := asInt(m.defined(v))
	if !ok {
		m.fail("expected an integer, got %s", typeName(v))
	}
	return int(max(min(i, 1<<31-1), -1<<31+1))
}

func flag(v any) bool { return given(v) && truth(v) }

// args evaluates the arguments of a call.
func (m *machine) args(e *argExprs, s *exec.Context) *args {
	a := &args{pos: m.evalAll(e.pos, s), names: e.names[:len(e.names):len(e.names)], kw: m.evalAll(e.named, s)}
	if e.star != nil {
		more := m.iterate(m.defined(e.star.eval(m, s)))
		m.elems(len(more))
		a.pos = append(a.pos, more...)
	}
	if e.starStar != nil {
		d, ok := e.starStar.eval(m, s).(*dict)
		if !ok {
			m.fail("the argument after ** must be a mapping")
		}
		m.elems(2 * len(d.keys))
		for i, k := range d.keys {
			name, ok := k.(string)
			if _, twice := a.named(name); !ok || twice {
				m.fail("bad keyword argument %s", m.str(k))
			}
			a.names, a.kw = append(a.names, name), append(a.kw, d.vals[i])
		}
	}
	return a
}

func (e *callExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	f := e.f.eval(m, s)
	a := m.args(&e.args, s)
	m.line = int(e.line)
	return m.call(f, a)
}

// call is Python's f(…).
func (m *machine) call(f any, a *args) any {
	switch f := f.(type) {
	case *function:
		return f.call(m, a)
	case *macro:
		return f.call(m, a)
	case *loop:
		return f.again(m, a)
	}
	m.defined(f)
	m.fail("'%s' object is not callable", typeName(f))
	return nil
}

// again is loop(items) in a recursive loop.
func (l *loop) again(m *machine, a *args) any {
	if !l.st.recursive {
		m.fail("the loop must have the 'recursive' marker to be called recursively")
	}
	over := m.required(a.bind(m, "loop", "iterable")[0], "loop", "iterable")
	m.enter()
	defer m.leave()
	r := inside(l.around)
	out := &sink{m: m}
	r.Output = out
	if err := m.loop(l.st, r, over, l.depth+1); err != nil {
		m.fail("%v", err)
	}
	return out.text.String()
}

// objectName names a value as Jinja's messages about undefined ones do.
func objectName(v any) string {
	if v == nil {
		return "None"
	}
	return typeName(v) + " object"
}

// missing is what x.name and x[key] give where there is no such thing.
func missing(of any, key any) any {
	if name, ok := key.(string); ok {
		return &undefined{fmt.Sprintf("'%s' has no attribute '%s'", objectName(of), name)}
	}
	return &undefined{fmt.Sprintf("%s has no such element", objectName(of))}
}

// attr is of.name: what Python's object has, else the dict's item.
func (m *machine) attr(of any, name string) any {
	if f := m.method(of, name); f != nil {
		return f
	}
	switch of := m.defined(of).(type) {
	case *dict:
		if v, ok := of.get(name); ok {
			return v
		}
	case *namespace:
		if v, ok := of.d.get(name); ok {
			return v
		}
	case *loop:
		return of.attr(name)
	case *list:
		for i, n := range of.named {
			if n == name {
				return of.v[i]
			}
		}
	case *macro:
		if name == "name" {
			return of.def.name
		}
	}
	return missing(of, name)
}

// item is of[key]: the element, else Python's attribute.
func (m *machine) item(of, key any) any {
	switch of := m.defined(of).(type) {
	case *dict:
		m.keyCost(key)
		if v, ok := of.get(key); ok {
			return v
		}
	case *list:
		if i, ok := asInt(key); ok && of.kind <= kindRange {
			if i < 0 {
				i += int64(len(of.v))
			}
			if i >= 0 && i < int64(len(of.v)) {
				return of.v[i]
			}
			return missing(of, key)
		}
	case string:
		if i, ok := asInt(key); ok {
			return m.char(of, i)
		}
	case *namespace, *loop, *macro:
		if name, ok := key.(string); ok {
			return m.attr(of, name)
		}
	}
	if name, ok := key.(string); ok {
		if f := m.method(of, name); f != nil {
			return f
		}
	}
	return missing(of, key)
}

// char is s[i], counted in characters.
func (m *machine) char(s string, i int64) any {
	n := int64(m.length(s))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return missing(s, i)
	}
	if int(n) == len(s) {
		return s[i : i+1]
	}
	for _, r := range s {
		if i == 0 {
			return string(r)
		}
		i--
	}
	return missing(s, i)
}

// method returns a bound method, or nil. Methods that would change their object give an undefined value, as in
// transformers' immutable sandbox.
func (m *machine) method(of any, name string) any {
	switch of := of.(type) {
	case string:
		if f, ok := stringMethods[name]; ok {
			return &function{name, func(m *machine, a *args) any {
				m.scan(len(of))
				return f(m, of, a)
			}}
		}
	case *dict:
		if f, ok := dictMethods[name]; ok {
			return &function{name, func(m *machine, a *args) any { return f(m, of, a) }}
		}
	case *list:
		if f, ok := listMethods[name]; ok && of.kind <= kindRange {
			return &function{name, func(m *machine, a *args) any { return f(m, of, a) }}
		}
		if of.kind != kindList {
			return nil
		}
	default:
		return nil
	}
	switch name {
	case "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update":
		if _, text := of.(string); !text {
			return &undefined{fmt.Sprintf("access to attribute '%s' of '%s' object is unsafe", name, typeName(of))}
		}
	}
	return nil
}
