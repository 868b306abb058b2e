package chat

import (
	"math"
	"math/bits"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

type (
	constExpr struct {
		at
		v any
	}
	nameExpr struct {
		at
		name string
	}
	listExpr struct {
		at
		items []expr
		kind  kind
	}
	dictExpr struct {
		at
		keys, values []expr
	}
	attrExpr struct {
		at
		of   expr
		name string
	}
	itemExpr struct {
		at
		of, key expr
	}
	sliceExpr struct {
		at
		lo, hi, step expr
	}
	callExpr struct {
		at
		f    expr
		args argExprs
	}
	filterExpr struct {
		at
		of   expr
		name string
		args argExprs
	}
	testExpr struct {
		at
		of   expr
		name string
		args argExprs
	}
	condExpr struct {
		at
		test, then, orElse expr // orElse may be nil
	}
	logicExpr struct {
		at
		left, right expr
		or          bool
	}
	notExpr struct {
		at
		of expr
	}
	compareExpr struct {
		at
		first expr
		ops   []string
		rest  []expr
	}
	binaryExpr struct {
		at
		op          string
		left, right expr
	}
	concatExpr struct {
		at
		items []expr
	}
	signExpr struct {
		at
		minus bool
		of    expr
	}
	captured struct{ at } // what a filter block captured
)

// argExprs are the arguments of a call, filter or test.
type argExprs struct {
	pos            []expr
	names          []string
	named          []expr
	star, starStar expr
}

// visit charges for a node.
func (m *machine) visit(a at) {
	m.line = int(a.line)
	m.step(1)
}

func (e *constExpr) eval(m *machine, _ *exec.Context) any {
	m.visit(e.at)
	return e.v
}

func (e *nameExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	if v, ok := s.Get(e.name); ok {
		return v
	}
	if f, ok := globals[e.name]; ok {
		return &function{e.name, f}
	}
	return &undefined{"'" + e.name + "' is undefined"}
}

// capturedName is where a filter block's text is in its scope; no template can spell it.
const capturedName = "\x00captured"

func (e *captured) eval(m *machine, s *exec.Context) any {
	v, _ := s.Get(capturedName)
	return v
}

func (m *machine) evalAll(exprs []expr, s *exec.Context) []any {
	m.elems(len(exprs))
	v := make([]any, len(exprs))
	for i, e := range exprs {
		v[i] = e.eval(m, s)
	}
	return v
}

func (e *listExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	return &list{v: m.evalAll(e.items, s), kind: e.kind}
}

func (e *dictExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	m.elems(2 * len(e.keys))
	d := &dict{}
	for i := range e.keys {
		k := e.keys[i].eval(m, s)
		m.hashable(k)
		d.set(k, e.values[i].eval(m, s))
	}
	return d
}

// hashable fails for a value that cannot be a key.
func (m *machine) hashable(k any) {
	m.keyCost(k)
	if _, ok := normal(k); !ok {
		m.fail("unhashable type: '%s'", typeName(k))
	}
}

// keyCost charges for the normal form of a key.
func (m *machine) keyCost(k any) {
	switch k := k.(type) {
	case string:
		m.scan(len(k))
	case *list:
		m.enter()
		defer m.leave()
		for _, e := range k.v {
			if s, ok := e.(string); ok {
				m.alloc(len(s))
			}
			m.alloc(32)
			m.keyCost(e)
		}
	}
}

func (e *attrExpr) eval(m *machine, s *exec.Context) any {
	of := e.of.eval(m, s)
	m.visit(e.at)
	return m.attr(of, e.name)
}

func (e *itemExpr) eval(m *machine, s *exec.Context) any {
	of := e.of.eval(m, s)
	m.visit(e.at)
	if sl, ok := e.key.(*sliceExpr); ok {
		return m.slice(of, sl, s)
	}
	key := e.key.eval(m, s)
	m.line = int(e.line)
	return m.item(of, key)
}

func (e *sliceExpr) eval(m *machine, _ *exec.Context) any {
	m.fail("a slice is only possible as a subscript of its own")
	return nil
}

func (m *machine) slice(of any, e *sliceExpr, s *exec.Context) any {
	m.defined(of)
	bound := func(b expr) any {
		if b == nil {
			return nil
		}
		return b.eval(m, s)
	}
	lo, hi, step := bound(e.lo), bound(e.hi), bound(e.step)
	switch of := of.(type) {
	case string:
		return m.sliceText(of, lo, hi, step)
	case *list:
		if of.kind <= kindRange {
			first, n, d := m.bounds(len(of.v), lo, hi, step)
			m.elems(n)
			v := make([]any, n)
			for i := range v {
				v[i] = of.v[first+i*d]
			}
			return &list{v: v, kind: of.kind}
		}
	}
	m.fail("'%s' object cannot be sliced", typeName(of))
	return nil
}

func (e *condExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	if truth(e.test.eval(m, s)) {
		return e.then.eval(m, s)
	}
	if e.orElse == nil {
		return &undefined{"the inline if-expression evaluated to false and no else section was defined"}
	}
	return e.orElse.eval(m, s)
}

func (e *logicExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	if left := e.left.eval(m, s); truth(left) == e.or {
		return left
	}
	return e.right.eval(m, s)
}

func (e *notExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	return !truth(e.of.eval(m, s))
}

func (e *compareExpr) eval(m *machine, s *exec.Context) any {
	m.visit(e.at)
	left := e.first.eval(m, s)
	for i, op := range e.ops {
		right := e.rest[i].eval(m, s)
		m.line = int(e.line)
		if !m.holds(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

// holds evaluates one comparison.
func (m *machine) holds(op string, a, b any) bool {
	switch op {
	case "==":
		return m.equal(a, b)
	case "!=":
		return !m.equal(a, b)
	case "in":
		return m.contains(b, a)
	case "not in":
		return !m.contains(b, a)
	}
	c := m.compare(a, b, op)
	if c == notOrdered {
		return false
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// contains is Python's v in c.
func (m *machine) contains(c, v any) bool {
	switch c := c.(type) {
	case string:
		sub, ok := v.(string)
		if !ok {
			m.defined(v)
			m.fail("'in <string>' requires string as left operand, not %s", typeName(v))
		}
		m.scan(len(c))
		return strings.Contains(c, sub)
	case *dict:
		m.hashable(v)
		_, ok := c.get(v)
		return ok
	case *list, *iterator, *undefined:
		for _, e := range m.iterate(c) {
			if m.equal(e, v) {
				return true
			}
		}
		return false
	}
	m.fail("argument of type '%s' is not iterable", typeName(c))
	return false
}

func (e *concatExpr) eval(m *machine, s *exec.Context) any {
	parts := make([]string, len(e.items))
	for i, item := range e.items {
		parts[i] = m.str(item.eval(m, s))
	}
	m.visit(e.at)
	return m.join(parts, "")
}

func (e *signExpr) eval(m *machine, s *exec.Context) any {
	v := e.of.eval(m, s)
	m.visit(e.at)
	if f, ok := v.(float64); ok {
		if e.minus {
			f = -f
		}
		return f
	}
	i, ok := asInt(m.defined(v))
	if !ok {
		m.fail("bad operand type for a sign: '%s'", typeName(v))
	}
	if e.minus {
		if i == math.MinInt64 {
			m.fail("integer too large")
		}
		i = -i
	}
	return i
}

func (e *binaryExpr) eval(m *machine, s *exec.Context) any {
	a := e.left.eval(m, s)
	b := e.right.eval(m, s)
	m.visit(e.at)
	return m.binary(e.op, a, b)
}

func (m *machine) binary(op string, a, b any) any {
	if s, ok := a.(string); ok {
		switch op {
		case "+":
			if t, ok := b.(string); ok {
				m.alloc(len(s) + len(t))
				return s + t
			}
			m.defined(b)
			m.fail(`can only concatenate str (not "%s") to str`, typeName(b))
		case "%":
			return m.printf(s, b)
		case "*":
			if n, ok := asInt(b); ok {
				return m.repeat(s, n)
			}
		}
	}
	if s, ok := b.(string); ok && op == "*" {
		if n, ok := asInt(a); ok {
			return m.repeat(s, n)
		}
	}
	if l, ok := a.(*list); ok && l.kind <= kindTuple {
		if v := m.lists(op, l, b); v != nil {
			return v
		}
	}
	if l, ok := b.(*list); ok && l.kind <= kindTuple && op == "*" {
		if v := m.lists(op, l, a); v != nil {
			return v
		}
	}
	x, isInt := asInt(a)
	y, both := asInt(b)
	if isInt && both && op != "/" {
		return m.integers(op, x, y)
	}
	f, ok1 := asFloat(a)
	g, ok2 := asFloat(b)
	if !ok1 || !ok2 {
		m.defined(a)
		m.defined(b)
		m.fail("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
	}
	return m.floats(op, f, g)
}

// lists evaluates list + list and list × n; nil: neither.
func (m *machine) lists(op string, l *list, b any) any {
	switch op {
	case "+":
		if r, ok := b.(*list); ok && r.kind == l.kind {
			m.elems(len(l.v) + len(r.v))
			return &list{v: append(append(make([]any, 0, len(l.v)+len(r.v)), l.v...), r.v...), kind: l.kind}
		}
	case "*":
		if n, ok := asInt(b); ok {
			if n <= 0 || len(l.v) == 0 {
				return &list{kind: l.kind}
			}
			if n > int64(m.limits.Memory/len(l.v)) {
				m.exceed("memory", int64(m.limits.Memory))
			}
			m.elems(int(n) * len(l.v))
			v := make([]any, 0, int(n)*len(l.v))
			for range n {
				v = append(v, l.v...)
			}
			return &list{v: v, kind: l.kind}
		}
	}
	return nil
}

// integers evaluates an operation on integers. Python's have no bounds, ours fail beyond 64 bits.
func (m *machine) integers(op string, x, y int64) any {
	var z int64
	ok := true
	switch op {
	case "+":
		z = x + y
		ok = (z > x) == (y > 0)
	case "-":
		z = x - y
		ok = (z < x) == (y > 0)
	case "*":
		hi, lo := bits.Mul64(magnitude(x), magnitude(y))
		z = x * y
		ok = hi == 0 && (lo <= math.MaxInt64 || lo == 1<<63 && z < 0)
	case "//", "%":
		if y == 0 {
			m.fail("integer division or modulo by zero")
		}
		if ok = y != -1 || x != math.MinInt64; !ok {
			break
		}
		q, r := x/y, x%y
		if r != 0 && (r < 0) != (y < 0) { // Python rounds down
			q, r = q-1, r+y
		}
		if z = q; op == "%" {
			z = r
		}
	case "**":
		if y < 0 {
			return m.floats(op, float64(x), float64(y))
		}
		z = 1
		for range y {
			if z == 0 || x == 1 {
				break
			}
			if x == -1 {
				z = 1 - 2*(y&1)
				break
			}
			z = m.integers("*", z, x).(int64)
		}
	}
	if !ok {
		m.fail("integer too large")
	}
	return z
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func (m *machine) floats(op string, x, y float64) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "**":
		return math.Pow(x, y)
	}
	if y == 0 {
		m.fail("division by zero")
	}
	switch op {
	case "/":
		return x / y
	case "//":
		return math.Floor(x / y)
	}
	r := math.Mod(x, y)
	if r != 0 && (r < 0) != (y < 0) {
		r += y
	}
	return r
}
