package chat

import (
	"errors"
	"slices"

	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// place is where a statement stands. With it, statements are gonja control structures.
type place struct{ where *tokens.Token }

func (p place) Position() *tokens.Token { return p.where }
func (p place) String() string          { return "statement" }

// start charges for a statement and returns what it runs in.
func (p place) start(r *exec.Renderer) (*machine, *exec.Context) {
	m := machineOf(r)
	m.line = p.where.Line
	m.step(1)
	return m, r.Environment.Context
}

type (
	outputStmt struct {
		place
		value expr
	}
	ifStmt struct {
		place
		tests  []expr
		bodies []*nodes.Wrapper
		orElse *nodes.Wrapper // nil: none
	}
	forStmt struct {
		place
		target    target
		iter      expr
		test      expr // nil: none
		recursive bool
		body      *nodes.Wrapper
		orElse    *nodes.Wrapper // nil: none
	}
	setStmt struct {
		place
		target          target
		namespace, attr string // namespace.attr = …, instead of target
		value           expr   // nil: the text of body, through filter
		filter          expr
		body            *nodes.Wrapper
	}
	macroStmt struct {
		place
		def *macroDef
	}
	callStmt struct {
		place
		caller *macroDef
		call   *callExpr
	}
	filterStmt struct {
		place
		chain expr
		body  *nodes.Wrapper
	}
	withStmt struct {
		place
		targets []target
		values  []expr
		body    *nodes.Wrapper
	}
	jumpStmt struct {
		place
		flow flow
	}
)

// flow is how a statement leaves a loop's body.
type flow uint8

const (
	flowNext flow = iota
	flowBreak
	flowContinue
)

// errJump travels from break or continue through gonja to the loop.
var errJump = errors.New("break or continue")

func (st *jumpStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, _ := st.start(r)
	m.flow = st.flow
	return errJump
}

func (st *outputStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	v := st.value.eval(m, s)
	m.line = st.where.Line
	return m.write(r, m.str(v))
}

// write adds to the output of a renderer.
func (m *machine) write(r *exec.Renderer, s string) error {
	_, err := r.Output.(*sink).WriteString(s)
	return err
}

func (st *ifStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	for i, test := range st.tests {
		if truth(test.eval(m, s)) {
			return nodes.Walk(r, st.bodies[i])
		}
	}
	if st.orElse != nil {
		return nodes.Walk(r, st.orElse)
	}
	return nil
}

// assign binds a target's names in a scope.
func (m *machine) assign(t target, v any, s *exec.Context) {
	if t.parts == nil {
		s.Set(t.name, v)
		return
	}
	items := m.iterate(m.defined(v))
	if len(items) != len(t.parts) {
		m.fail("cannot unpack %d values into %d names", len(items), len(t.parts))
	}
	for i, part := range t.parts {
		m.assign(part, items[i], s)
	}
}

// loop is the variable of that name in a for statement.
type loop struct {
	st      *forStmt
	around  *exec.Renderer
	items   []any
	i       int
	depth   int
	changed *list // arguments of the last call of changed
}

func (st *forStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	v := st.iter.eval(m, s)
	m.line = st.where.Line
	return m.loop(st, r, v, 1)
}

func (m *machine) loop(st *forStmt, r *exec.Renderer, over any, depth int) error {
	items := m.iterate(over)
	if st.test != nil {
		var kept []any
		for _, item := range items {
			s := r.Environment.Context.Inherit()
			m.assign(st.target, item, s)
			if truth(st.test.eval(m, s)) {
				kept = append(kept, item)
			}
		}
		m.elems(len(kept))
		items = kept
	}
	l := &loop{st: st, around: r, items: items, depth: depth}
	for i, item := range items {
		m.step(4) // a scope costs as much as four nodes
		l.i = i
		inner := inside(r)
		inner.Environment.Context.Set("loop", l)
		m.assign(st.target, item, inner.Environment.Context)
		if err := nodes.Walk(inner, st.body); err != nil {
			f := m.flow
			if m.flow = flowNext; f == flowNext {
				return err
			}
			if f == flowBreak {
				return nil
			}
		}
	}
	if len(items) == 0 && st.orElse != nil {
		return nodes.Walk(inside(r), st.orElse)
	}
	return nil
}

// attr returns loop.name.
func (l *loop) attr(name string) any {
	n := int64(len(l.items))
	i := int64(l.i)
	switch name {
	case "index":
		return i + 1
	case "index0":
		return i
	case "revindex":
		return n - i
	case "revindex0":
		return n - i - 1
	case "first":
		return i == 0
	case "last":
		return i == n-1
	case "length":
		return n
	case "depth":
		return int64(l.depth)
	case "depth0":
		return int64(l.depth - 1)
	case "previtem":
		if i == 0 {
			return &undefined{"there is no previous item"}
		}
		return l.items[i-1]
	case "nextitem":
		if i == n-1 {
			return &undefined{"there is no next item"}
		}
		return l.items[i+1]
	case "cycle":
		return &function{"cycle", func(m *machine, a *args) any {
			if len(a.pos) == 0 {
				m.fail("no items for cycling given")
			}
			return a.pos[l.i%len(a.pos)]
		}}
	case "changed":
		return &function{"changed", func(m *machine, a *args) any {
			now := &list{v: a.pos}
			same := l.changed != nil && m.equal(l.changed, now)
			l.changed = now
			return !same
		}}
	}
	return missing(l, name)
}

func (st *setStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	var v any
	if st.value != nil {
		v = st.value.eval(m, s)
	} else {
		v = m.capture(r, st.body, nil)
		if st.filter != nil {
			inner := s.Inherit()
			inner.Set(capturedName, v)
			v = st.filter.eval(m, inner)
		}
	}
	m.line = st.where.Line
	if st.namespace == "" {
		m.assign(st.target, v, s)
		return nil
	}
	ns, _ := s.Get(st.namespace)
	n, ok := ns.(*namespace)
	if !ok {
		m.fail("cannot assign attribute on non-namespace object %q", st.namespace)
	}
	n.set(m, st.attr, v)
	return nil
}

func (n *namespace) set(m *machine, name string, v any) {
	if len(name) > 0 && name[0] == '_' {
		m.fail("a namespace cannot store %q: its name begins with an underscore", name)
	}
	if _, ok := n.d.get(name); !ok {
		m.elems(2)
	}
	n.d.set(name, v)
}

// macroDef is a macro's text.
type macroDef struct {
	name            string
	params          []string
	defaults        []expr // [params] nil: none
	body            *nodes.Wrapper
	varargs, kwargs bool // the body uses them
}

// macro is a macroDef and the renderer, with its scope, that came by it.
type macro struct {
	def    *macroDef
	around *exec.Renderer
}

func (st *macroStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	_, s := st.start(r)
	s.Set(st.def.name, &macro{st.def, r})
	return nil
}

// call runs a macro and returns its text.
func (mc *macro) call(m *machine, a *args) any {
	m.enter()
	defer m.leave()
	return m.capture(mc.around, mc.def.body, func(s *exec.Context) { mc.bind(m, a, s) })
}

// bind sets a macro's parameters. Defaults can refer to the parameters before them.
func (mc *macro) bind(m *machine, a *args, s *exec.Context) {
	d := mc.def
	if len(a.pos) > len(d.params) && !d.varargs {
		m.fail("macro %q takes not more than %d argument(s)", d.name, len(d.params))
	}
	for i, name := range d.params {
		v, named := a.named(name)
		switch {
		case i < len(a.pos):
			if named {
				m.fail("macro %q got two values for %q", d.name, name)
			}
			v = a.pos[i]
		case named:
		case d.defaults[i] != nil:
			v = d.defaults[i].eval(m, s)
		default:
			v = &undefined{"parameter '" + name + "' was not provided"}
		}
		s.Set(name, v)
	}
	if d.varargs {
		s.Set("varargs", &list{v: a.pos[min(len(d.params), len(a.pos)):], kind: kindTuple})
	}
	extra := &dict{}
	for i, name := range a.names {
		switch {
		case slices.Contains(d.params, name):
		case name == "caller":
			s.Set("caller", a.kw[i])
		case d.kwargs:
			extra.set(name, a.kw[i])
		default:
			m.fail("macro %q takes no keyword argument %q", d.name, name)
		}
	}
	if d.kwargs {
		s.Set("kwargs", extra)
	}
}

func (st *callStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	f := st.call.f.eval(m, s)
	a := m.args(&st.call.args, s)
	a.names = append(a.names, "caller")
	a.kw = append(a.kw, &macro{st.caller, r})
	m.line = st.where.Line
	return m.write(r, m.str(m.call(f, a)))
}

func (st *filterStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	inner := s.Inherit()
	inner.Set(capturedName, m.capture(r, st.body, nil))
	return m.write(r, m.str(st.chain.eval(m, inner)))
}

func (st *withStmt) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	m, s := st.start(r)
	inner := inside(r)
	for i, v := range m.evalAll(st.values, s) {
		m.assign(st.targets[i], v, inner.Environment.Context)
	}
	return nodes.Walk(inner, st.body)
}
