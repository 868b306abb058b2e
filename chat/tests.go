package chat

import (
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// tests are Jinja's, what "is" and select look up.
var tests = map[string]func(m *machine, v any, a *args) bool{}

func (e *testExpr) eval(m *machine, s *exec.Context) any {
	v := e.of.eval(m, s)
	a := m.args(&e.args, s)
	m.visit(e.at)
	return m.test(e.name, v, a)
}

// test applies a test by name.
func (m *machine) test(name string, v any, a *args) bool {
	t, ok := tests[name]
	if !ok {
		m.fail("no test named %q", name)
	}
	return t(m, v, a)
}

// comparisons are the tests that are operators, under all their names.
var comparisons = map[string]string{
	"==": "==", "eq": "==", "equalto": "==", "!=": "!=", "ne": "!=", "<": "<", "lt": "<", "lessthan": "<",
	"<=": "<=", "le": "<=", ">": ">", "gt": ">", "greaterthan": ">", ">=": ">=", "ge": ">=", "in": "in",
}

func init() { // the tests refer to code that refers to the table
	for name, op := range comparisons {
		tests[name] = func(m *machine, v any, a *args) bool {
			return m.holds(op, v, m.required(a.bind(m, name, "other")[0], name, "other"))
		}
	}
	for name, is := range map[string]func(v any) bool{
		"defined":   func(v any) bool { return !is[*undefined](v) },
		"undefined": is[*undefined],
		"none":      func(v any) bool { return v == nil },
		"boolean":   is[bool],
		"true":      func(v any) bool { return v == true },
		"false":     func(v any) bool { return v == false },
		"integer":   is[int64],
		"float":     is[float64],
		"number":    func(v any) bool { _, ok := asFloat(v); return ok },
		"string":    is[string],
		"mapping":   is[*dict],
		"escaped":   func(v any) bool { return false },
		"callable":  callable,
		"sequence":  sequence,
		"iterable":  iterable,
	} {
		tests[name] = func(m *machine, v any, a *args) bool {
			a.bind(m, name)
			return is(v)
		}
	}
	remainder := func(m *machine, v any, n int64) any { return m.binary("%", m.defined(v), n) }
	tests["odd"] = func(m *machine, v any, a *args) bool { return m.equal(remainder(m, v, 2), int64(1)) }
	tests["even"] = func(m *machine, v any, a *args) bool { return m.equal(remainder(m, v, 2), int64(0)) }
	tests["divisibleby"] = func(m *machine, v any, a *args) bool {
		num := m.required(a.bind(m, "divisibleby", "num")[0], "divisibleby", "num")
		return m.equal(m.binary("%", m.defined(v), num), int64(0))
	}
	tests["sameas"] = func(m *machine, v any, a *args) bool {
		other := m.required(a.bind(m, "sameas", "other")[0], "sameas", "other")
		return typeName(v) == typeName(other) && v == other
	}
	for name, change := range map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper} {
		tests[name] = func(m *machine, v any, a *args) bool {
			s := m.str(v)
			m.alloc(2 * len(s))
			return s == change(s) && strings.ToLower(s) != strings.ToUpper(s)
		}
	}
	tests["filter"] = func(m *machine, v any, a *args) bool { return filters[m.str(v)] != nil }
	tests["test"] = func(m *machine, v any, a *args) bool { return tests[m.str(v)] != nil }
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

// callable, sequence and iterable are true of undefined values: Python's Undefined has the methods.
func callable(v any) bool {
	return is[*function](v) || is[*macro](v) || is[*loop](v) || is[*undefined](v)
}

func sequence(v any) bool {
	if l, ok := v.(*list); ok {
		return l.kind <= kindRange
	}
	return is[string](v) || is[*dict](v) || is[*undefined](v)
}

func iterable(v any) bool { return sequence(v) || is[*list](v) || is[*iterator](v) }
