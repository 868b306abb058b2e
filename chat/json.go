package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fromJSON reads one JSON value; objects keep the order of their keys.
func fromJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return readJSON(d)
}

// readJSON reads the next value of d. The decoder bounds nesting at 10,000 levels.
func readJSON(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		s := t.String()
		if strings.ContainsAny(s, ".eE") {
			return t.Float64()
		}
		return t.Int64()
	case json.Delim:
		if t == '[' {
			l := &list{}
			for d.More() {
				v, err := readJSON(d)
				if err != nil {
					return nil, err
				}
				l.v = append(l.v, v)
			}
			_, err = d.Token()
			return l, err
		}
		o := &dict{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			o.set(k, v)
		}
		_, err = d.Token()
		return o, err
	}
	return t, nil // string, bool or nil
}

// jsonWriter writes as Python's json.dumps does.
type jsonWriter struct {
	m           *machine
	b           strings.Builder
	item, colon string // separators
	indent      string
	lines       bool // one element a line
	ascii, sort bool
}

// toJSON is the tojson filter as transformers defines it: Python's separators, no HTML escapes, non-ASCII text as it is.
func toJSON(m *machine, v any, a *args) any {
	p := a.bind(m, "tojson", "ensure_ascii", "indent", "separators", "sort_keys")
	w := &jsonWriter{m: m, item: ", ", colon: ": ", ascii: flag(p[0]), sort: flag(p[3])}
	if given(p[1]) {
		w.item, w.lines = ",", true
		if s, ok := p[1].(string); ok {
			w.indent = s
		} else {
			w.indent = m.repeat(" ", int64(m.intArg(p[1], 0)))
		}
	}
	if given(p[2]) {
		sep := m.iterate(p[2])
		if len(sep) != 2 {
			m.fail("tojson: separators must be two texts")
		}
		w.item, w.colon = m.textArg(sep[0], ""), m.textArg(sep[1], "")
	}
	w.value(v, 0)
	return w.b.String()
}

func (w *jsonWriter) put(s string) { w.m.put(&w.b, s) }

func (w *jsonWriter) newline(level int) {
	if w.lines {
		w.put("\n")
		w.put(w.m.repeat(w.indent, int64(level)))
	}
}

func (w *jsonWriter) value(v any, level int) {
	w.m.enter()
	defer w.m.leave()
	switch v := v.(type) {
	case nil:
		w.put("null")
	case bool:
		w.put(strconv.FormatBool(v))
	case int64:
		w.put(strconv.FormatInt(v, 10))
	case float64:
		w.put(jsonFloat(v))
	case string:
		w.quote(v)
	case *list:
		if v.kind > kindTuple {
			w.m.fail("Object of type %s is not JSON serializable", typeName(v))
		}
		w.sequence("[", "]", len(v.v), level, func(i int) { w.value(v.v[i], level+1) })
	case *dict:
		w.dict(v, level)
	default:
		w.m.fail("Object of type %s is not JSON serializable", typeName(v))
	}
}

func (w *jsonWriter) dict(d *dict, level int) {
	pairs := w.m.pairs(d)
	if w.sort {
		w.m.sort(pairs, pairs, false)
	}
	w.sequence("{", "}", len(pairs), level, func(i int) {
		pair := pairs[i].(*list).v
		switch k := pair[0].(type) {
		case string:
			w.quote(k)
		case nil, bool, int64, float64:
			w.put(`"`)
			w.value(k, level)
			w.put(`"`)
		default:
			w.m.fail("keys must be str, int, float, bool or None, not %s", typeName(k))
		}
		w.put(w.colon)
		w.value(pair[1], level+1)
	})
}

func (w *jsonWriter) sequence(open, end string, n, level int, element func(i int)) {
	w.put(open)
	for i := range n {
		if i > 0 {
			w.put(w.item)
		}
		w.newline(level + 1)
		element(i)
	}
	if n > 0 {
		w.newline(level)
	}
	w.put(end)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.ReplaceAll(fmt.Sprintf("%+f", f), "Inf", "Infinity")[number(f > 0):]
	}
	return floatText(f)
}

func (w *jsonWriter) quote(s string) {
	w.m.alloc(2 * len(s)) // most often; the rest is charged piece by piece
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteByte(byte(r))
		case r >= ' ' && (r <= '~' || !w.ascii):
			w.b.WriteRune(r)
		default:
			w.put(jsonEscape(r))
		}
	}
	w.b.WriteByte('"')
}

func jsonEscape(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\f':
		return `\f`
	case '\b':
		return `\b`
	}
	if r >= utf8.RuneSelf && r > 0xffff {
		r -= 0x10000
		return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
