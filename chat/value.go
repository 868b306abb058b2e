package chat

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// undefined is a name or attribute that is not there. It can be printed and tested; other uses fail with its reason.
type undefined struct{ reason string }

// kind tells Python's sequence types apart.
type kind uint8

const (
	kindList kind = iota
	kindTuple
	kindRange
	kindItems // views of a dict
	kindKeys
	kindValues
)

var kindNames = [...]string{"list", "tuple", "range", "dict_items", "dict_keys", "dict_values"}

// list is any sequence but text. Templates cannot change one (the reference is transformers' immutable sandbox), so lists
// never contain themselves.
type list struct {
	v     []any
	kind  kind
	named []string // names of a tuple's elements, of groupby's
}

// iterator can be read once, like Python's generators.
type iterator struct{ v []any }

func (it *iterator) rest() []any {
	v := it.v
	it.v = nil
	return v
}

// namespace is the one thing that templates can change.
type namespace struct{ d *dict }

// function is a global, a method bound to its value, or a caller.
type function struct {
	name string
	call func(m *machine, a *args) any
}

// dict keeps insertion order.
type dict struct {
	keys, vals []any
	normals    []any       // normal forms of keys
	index      map[any]int // from normal forms; nil while there are few
}

const fewKeys = 8

func newDict(pairs ...any) *dict {
	d := &dict{}
	for i := 0; i < len(pairs); i += 2 {
		d.set(pairs[i].(string), pairs[i+1])
	}
	return d
}

// tupleKey is the normal form of a tuple: an encoding of its elements' forms.
type tupleKey string

// normal returns the normal form of a dict key: equal numbers are one key, whatever their type. Lists and dicts have none.
// The form of a tuple is made anew each time, so hashable comes before.
func normal(k any) (any, bool) {
	switch k := k.(type) {
	case bool:
		return number(k), true
	case float64:
		if i := int64(k); float64(i) == k {
			return i, true
		}
	case *list:
		if k.kind != kindTuple {
			return nil, false
		}
		var b strings.Builder
		for _, e := range k.v {
			n, ok := normal(e)
			if !ok {
				return nil, false
			}
			text := fmt.Sprint(n) // pointers in place of what has an identity
			fmt.Fprintf(&b, "%T %d %s", n, len(text), text)
		}
		return tupleKey(b.String()), true
	case *dict:
		return nil, false
	}
	return k, true
}

// find returns the place of a normal form, or -1.
func (d *dict) find(n any) int {
	if d.index != nil {
		if i, ok := d.index[n]; ok {
			return i
		}
		return -1
	}
	return slices.Index(d.normals, n)
}

func (d *dict) get(k any) (any, bool) {
	if n, ok := normal(k); ok {
		if i := d.find(n); i >= 0 {
			return d.vals[i], true
		}
	}
	return nil, false
}

// set adds or replaces; the key must be hashable.
func (d *dict) set(k, v any) {
	n, _ := normal(k)
	i := d.find(n)
	if i >= 0 {
		d.vals[i] = v
		return
	}
	d.keys, d.vals, d.normals = append(d.keys, k), append(d.vals, v), append(d.normals, n)
	switch {
	case d.index != nil:
		d.index[n] = len(d.keys) - 1
	case len(d.keys) > fewKeys:
		d.index = make(map[any]int, 2*fewKeys)
		for i, n := range d.normals {
			d.index[n] = i
		}
	}
}

// weight is about how many bytes the input has.
func (d *dict) weight(depth int) int {
	w := 0
	for i := range d.keys {
		w += 64 + weight(d.keys[i], depth) + weight(d.vals[i], depth)
	}
	return w
}

func weight(v any, depth int) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case *list:
		w := 0
		for _, e := range v.v {
			if depth > 0 {
				w += 32 + weight(e, depth-1)
			}
		}
		return w
	case *dict:
		if depth > 0 {
			return v.weight(depth - 1)
		}
	}
	return 16
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// typeName is Python's name of a value's type.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *list:
		return kindNames[v.kind]
	case *dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *iterator:
		return "generator"
	case *namespace:
		return "Namespace"
	case *macro:
		return "Macro"
	case *loop:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *list:
		return len(v.v) > 0
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// number is the integer that a bool stands for.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// asInt returns integers and bools.
func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		return number(v), true
	case int64:
		return v, true
	}
	return 0, false
}

// asFloat returns any number.
func asFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

// equal is Python's ==.
func (m *machine) equal(a, b any) bool {
	m.step(1)
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		if ok && len(a) == len(b) {
			m.scan(len(a))
		}
		return ok && a == b
	case bool, int64, float64:
		if x, ok := asInt(a); ok {
			if y, ok := asInt(b); ok {
				return x == y
			}
		}
		x, _ := asFloat(a)
		y, ok := asFloat(b)
		return ok && x == y
	case nil:
		return b == nil
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *list:
		b, ok := b.(*list)
		if !ok || a.kind != b.kind || len(a.v) != len(b.v) {
			return false
		}
		m.enter()
		defer m.leave()
		for i := range a.v {
			if !m.equal(a.v[i], b.v[i]) {
				return false
			}
		}
		return true
	case *dict:
		b, ok := b.(*dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		m.enter()
		defer m.leave()
		for i, k := range a.keys {
			m.keyCost(k)
			v, ok := b.get(k)
			if !ok || !m.equal(a.vals[i], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

// compare is negative, 0 or positive as a < b, a = b, a > b. It fails for values without an order.
func (m *machine) compare(a, b any, op string) int {
	m.step(1)
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			m.scan(min(len(x), len(y)))
			return strings.Compare(x, y)
		}
	}
	if x, ok := asInt(a); ok {
		if y, ok := asInt(b); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	if x, ok := asFloat(a); ok {
		if y, ok := asFloat(b); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			case x == y:
				return 0
			}
			return notOrdered
		}
	}
	if x, ok := a.(*list); ok {
		if y, ok := b.(*list); ok && x.kind == y.kind && x.kind <= kindTuple {
			m.enter()
			defer m.leave()
			for i := range min(len(x.v), len(y.v)) {
				if !m.equal(x.v[i], y.v[i]) {
					return m.compare(x.v[i], y.v[i], op)
				}
			}
			return len(x.v) - len(y.v)
		}
	}
	m.defined(a)
	m.defined(b)
	m.fail("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return 0
}

// notOrdered is the comparison with NaN: every operator gives false.
const notOrdered = math.MinInt

// defined fails with the reason of an undefined value.
func (m *machine) defined(v any) any {
	if u, ok := v.(*undefined); ok {
		m.fail("%s", u.reason)
	}
	return v
}

// iterate returns the elements of v; those of an iterator are used up.
func (m *machine) iterate(v any) []any {
	switch v := v.(type) {
	case *list:
		return v.v
	case *dict:
		return v.keys
	case *iterator:
		return v.rest()
	case *undefined:
		return nil
	case string:
		m.elems(len(v))
		items := make([]any, 0, len(v))
		for _, r := range v {
			items = append(items, string(r))
		}
		return items
	}
	m.fail("'%s' object is not iterable", typeName(v))
	return nil
}
