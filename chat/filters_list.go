package chat

import (
	"slices"
	"strconv"
	"strings"
)

// elements returns the elements of what filters accept where they test "if value" first: None has none.
func (m *machine) elements(v any) []any {
	if !truth(v) {
		return nil
	}
	items := m.iterate(v)
	m.elems(len(items))
	return items
}

// getter returns what takes an attribute such as "function.name" or 0 from an element; without one, the element.
func (m *machine) getter(attribute, def any) func(v any) any {
	if !given(attribute) {
		return func(v any) any { return v }
	}
	var path []any
	if i, ok := asInt(attribute); ok {
		path = []any{i}
	} else {
		text := m.textArg(attribute, "")
		m.elems(strings.Count(text, ".") + 1)
		for part := range strings.SplitSeq(text, ".") {
			if i, err := strconv.ParseInt(part, 10, 64); err == nil && part[0] >= '0' && part[0] <= '9' {
				path = append(path, i)
			} else {
				path = append(path, part)
			}
		}
	}
	return func(v any) any {
		for _, key := range path {
			m.step(1)
			if v = m.item(v, key); given(def) && is[*undefined](v) {
				v = def
			}
		}
		return v
	}
}

// folded returns a getter whose texts compare without case, unless caseSensitive.
func (m *machine) folded(get func(v any) any, caseSensitive any) func(v any) any {
	if flag(caseSensitive) {
		return get
	}
	return func(v any) any {
		v = get(v)
		if s, ok := v.(string); ok {
			m.alloc(len(s))
			return strings.ToLower(s)
		}
		return v
	}
}

// mapped applies f to each element.
func (m *machine) mapped(items []any, f func(v any) any) []any {
	m.elems(len(items))
	out := make([]any, len(items))
	for i, v := range items {
		m.step(1)
		out[i] = f(v)
	}
	return out
}

// sort sorts items, stably, by keys [items], which it sorts too.
func (m *machine) sort(items, keys []any, descending bool) {
	m.elems(2 * len(items))
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if descending {
			i, j = j, i
		}
		c := m.compare(keys[i], keys[j], "<")
		if c == notOrdered {
			return 0
		}
		return c
	})
	sorted := make([]any, len(items))
	for i, from := range order {
		sorted[i] = items[from]
	}
	copy(items, sorted)
}

func listFilter(m *machine, v any, a *args) any {
	a.bind(m, "list")
	items := m.iterate(v)
	m.elems(len(items))
	return &list{v: slices.Clone(items)}
}

func firstFilter(m *machine, v any, a *args) any {
	a.bind(m, "first")
	if it, ok := v.(*iterator); ok && len(it.v) > 0 {
		first := it.v[0]
		it.v = it.v[1:]
		return first
	}
	if items := m.iterate(v); len(items) > 0 {
		return items[0]
	}
	return &undefined{"No first item, sequence was empty."}
}

func lastFilter(m *machine, v any, a *args) any {
	a.bind(m, "last")
	if is[*iterator](v) {
		m.fail("'generator' object is not reversible")
	}
	if items := m.iterate(v); len(items) > 0 {
		return items[len(items)-1]
	}
	return &undefined{"No last item, sequence was empty."}
}

func joinFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "join", "d", "attribute")
	get := m.getter(p[1], nil)
	items := m.iterate(v)
	m.elems(len(items))
	parts := make([]string, len(items))
	for i, item := range items {
		m.step(1)
		parts[i] = m.str(get(item))
	}
	sep := ""
	if !is[absent](p[0]) {
		sep = m.str(p[0])
	}
	return m.join(parts, sep)
}

func mapFilter(m *machine, v any, a *args) any {
	if len(a.pos) == 0 {
		p := a.bind(m, "map", "attribute", "default")
		m.required(p[0], "map", "attribute")
		return &iterator{m.mapped(m.elements(v), m.getter(p[0], none(p[1])))}
	}
	name, rest := m.textArg(a.pos[0], ""), &args{a.pos[1:], a.names, a.kw}
	return &iterator{m.mapped(m.elements(v), func(v any) any { return m.filter(name, v, rest) })}
}

// selector is one of select, reject, selectattr and rejectattr.
func selector(name string) func(m *machine, v any, a *args) any {
	return func(m *machine, v any, a *args) any {
		get := m.getter(nil, nil)
		rest := &args{a.pos, a.names, a.kw}
		if strings.HasSuffix(name, "attr") {
			if len(a.pos) == 0 {
				m.fail("%s: missing parameter for attribute name", name)
			}
			get = m.getter(a.pos[0], nil)
			rest.pos = rest.pos[1:]
		}
		test := truth
		if len(rest.pos) > 0 {
			testName := m.textArg(rest.pos[0], "")
			rest.pos = rest.pos[1:]
			test = func(v any) bool { return m.test(testName, v, rest) }
		}
		var kept []any
		for _, item := range m.elements(v) {
			m.step(1)
			if test(get(item)) == (name[0] == 's') {
				kept = append(kept, item)
			}
		}
		return &iterator{kept}
	}
}

func itemsFilter(m *machine, v any, a *args) any {
	a.bind(m, "items")
	if is[*undefined](v) {
		return &iterator{}
	}
	d, ok := v.(*dict)
	if !ok {
		m.fail("Can only get item pairs from a mapping.")
	}
	return &iterator{m.pairs(d)}
}

func dictsortFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "dictsort", "case_sensitive", "by", "reverse")
	by := m.textArg(p[1], "key")
	if by != "key" && by != "value" {
		m.fail(`You can only sort by either "key" or "value"`)
	}
	d, ok := m.defined(v).(*dict)
	if !ok {
		m.fail("'%s' object has no attribute 'items'", typeName(v))
	}
	pairs := m.pairs(d)
	keys := m.mapped(pairs, m.folded(m.getter(number(by == "value"), nil), p[0]))
	m.sort(pairs, keys, flag(p[2]))
	return &list{v: pairs}
}

func sortFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "sort", "reverse", "case_sensitive", "attribute")
	items := slices.Clone(m.copied(v))
	get := m.folded(m.getter(p[2], nil), p[1])
	if text, ok := p[2].(string); ok && strings.Contains(text, ",") {
		var gets []func(v any) any
		for name := range strings.SplitSeq(text, ",") {
			m.step(1)
			gets = append(gets, m.folded(m.getter(name, nil), p[1]))
		}
		get = func(v any) any {
			m.elems(len(gets))
			key := make([]any, len(gets))
			for i, get := range gets {
				key[i] = get(v)
			}
			return &list{v: key}
		}
	}
	m.sort(items, m.mapped(items, get), flag(p[0]))
	return &list{v: items}
}

// copied returns the elements of v and charges for a copy of them.
func (m *machine) copied(v any) []any {
	items := m.iterate(v)
	m.elems(len(items))
	return items
}

func uniqueFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "unique", "case_sensitive", "attribute")
	get := m.folded(m.getter(p[1], nil), p[0])
	seen := &dict{}
	var kept []any
	for _, item := range m.copied(v) {
		key := get(item)
		m.hashable(key)
		m.elems(2)
		if _, ok := seen.get(key); !ok {
			seen.set(key, nil)
			kept = append(kept, item)
		}
	}
	return &iterator{kept}
}

// extreme is min or max.
func extreme(name string) func(m *machine, v any, a *args) any {
	return func(m *machine, v any, a *args) any {
		p := a.bind(m, name, "case_sensitive", "attribute")
		items := m.iterate(v)
		if len(items) == 0 {
			return &undefined{"No aggregated item, sequence was empty."}
		}
		keys := m.mapped(items, m.folded(m.getter(p[1], nil), p[0]))
		best := 0
		for i := range keys {
			if i > 0 && m.holds(map[string]string{"min": "<", "max": ">"}[name], keys[i], keys[best]) {
				best = i
			}
		}
		return items[best]
	}
}

func reverseFilter(m *machine, v any, a *args) any {
	a.bind(m, "reverse")
	if s, ok := v.(string); ok {
		return m.sliceText(s, nil, nil, int64(-1))
	}
	items := slices.Clone(m.copied(v))
	slices.Reverse(items)
	if is[*iterator](v) {
		return &list{v: items}
	}
	return &iterator{items}
}

func sumFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "sum", "attribute", "start")
	get := m.getter(p[0], nil)
	var total any = int64(0)
	if !is[absent](p[1]) {
		total = p[1]
	}
	if is[string](total) {
		m.fail("sum() can't sum strings")
	}
	for _, item := range m.iterate(v) {
		m.step(1)
		total = m.binary("+", total, get(item))
	}
	return total
}

func batchFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "batch", "linecount", "fill_with")
	n := max(1, m.requiredInt(p[0], "batch", "linecount"))
	var rows []any
	for row := range slices.Chunk(m.copied(v), n) {
		m.elems(1)
		rows = append(rows, &list{v: m.filled(row, n, p[1])})
	}
	return &iterator{rows}
}

// filled brings a row to n elements, if there is something to fill it with.
func (m *machine) filled(row []any, n int, with any) []any {
	row = slices.Clone(row)
	if !given(with) {
		return row
	}
	m.elems(n)
	for len(row) < n {
		row = append(row, with)
	}
	return row
}

func sliceFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "slice", "slices", "fill_with")
	items := m.copied(v)
	n := m.requiredInt(p[0], "slice", "slices")
	if n <= 0 {
		m.fail("slice: the number of slices must be positive")
	}
	m.elems(2 * n)
	var rows []any
	at := 0
	for i := range n {
		size := len(items) / n
		extra := i < len(items)%n
		if extra {
			size++
		}
		row := slices.Clone(items[at : at+size])
		if at += size; !extra && given(p[1]) {
			row = append(row, p[1])
		}
		rows = append(rows, &list{v: row})
	}
	return &iterator{rows}
}

func groupbyFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "groupby", "attribute", "default", "case_sensitive")
	m.required(p[0], "groupby", "attribute")
	items := slices.Clone(m.copied(v))
	get := m.getter(p[0], none(p[1]))
	key := m.folded(get, p[2])
	m.sort(items, m.mapped(items, key), false)
	var groups []any
	for len(items) > 0 {
		n := 1
		for n < len(items) && m.equal(key(items[0]), key(items[n])) {
			n++
		}
		m.elems(4)
		group := []any{get(items[0]), &list{v: items[:n]}}
		groups = append(groups, &list{v: group, kind: kindTuple, named: []string{"grouper", "list"}})
		items = items[n:]
	}
	return &list{v: groups}
}
