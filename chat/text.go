package chat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str(v).
func (m *machine) str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case *undefined:
		return ""
	}
	var b strings.Builder
	m.repr(&b, v)
	return b.String()
}

// put writes a piece of a text under construction.
func (m *machine) put(b *strings.Builder, s string) {
	m.alloc(len(s))
	b.WriteString(s)
}

// repr writes Python's repr(v).
func (m *machine) repr(b *strings.Builder, v any) {
	m.enter()
	defer m.leave()
	switch v := v.(type) {
	case nil:
		m.put(b, "None")
	case bool:
		if v {
			m.put(b, "True")
		} else {
			m.put(b, "False")
		}
	case int64:
		m.put(b, strconv.FormatInt(v, 10))
	case float64:
		m.put(b, floatText(v))
	case string:
		m.alloc(4 * len(v)) // \x00 for each byte
		b.WriteString(quote(v))
	case *undefined:
		m.put(b, "Undefined")
	case *list:
		m.reprList(b, v)
	case *dict:
		m.put(b, "{")
		for i := range v.keys {
			if i > 0 {
				m.put(b, ", ")
			}
			m.repr(b, v.keys[i])
			m.put(b, ": ")
			m.repr(b, v.vals[i])
		}
		m.put(b, "}")
	case *namespace:
		m.put(b, "<Namespace ")
		m.repr(b, v.d)
		m.put(b, ">")
	case *macro:
		m.put(b, "<Macro "+quote(v.def.name)+">")
	case *loop:
		m.put(b, fmt.Sprintf("<LoopContext %d/%d>", v.i+1, len(v.items)))
	default:
		m.put(b, "<"+typeName(v)+">")
	}
}

func (m *machine) reprList(b *strings.Builder, l *list) {
	open, end := "[", "]"
	switch l.kind {
	case kindTuple:
		open, end = "(", ")"
		if len(l.v) == 1 {
			end = ",)"
		}
	case kindRange:
		if n := len(l.v); n == 0 {
			m.put(b, "range(0, 0)")
		} else {
			first, step := l.v[0].(int64), int64(1)
			if n > 1 {
				step = l.v[1].(int64) - first
			}
			m.put(b, fmt.Sprintf("range(%d, %d", first, first+step*int64(n)))
			if step != 1 {
				m.put(b, fmt.Sprintf(", %d", step))
			}
			m.put(b, ")")
		}
		return
	case kindItems, kindKeys, kindValues:
		open, end = kindNames[l.kind]+"([", "])"
	}
	m.put(b, open)
	for i, e := range l.v {
		if i > 0 {
			m.put(b, ", ")
		}
		m.repr(b, e)
	}
	m.put(b, end)
}

// floatText is Python's repr of a float: the shortest text that reads back the same.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64) // d.ddde±dd
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if f == 0 || exp >= -4 && exp < 16 {
		s = strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
	}
	return s
}

// quote is Python's repr of a str.
func quote(s string) string {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteByte(q)
	for _, r := range s {
		switch {
		case r == rune(q) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(q)
	return b.String()
}

// ascii tells whether bytes are characters.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// length is the number of characters.
func (m *machine) length(s string) int {
	m.scan(len(s))
	return utf8.RuneCountInString(s)
}

// bounds resolves a slice over n elements as Python does, and returns the indices it visits: from lo, count of them, step
// apart.
func (m *machine) bounds(n int, loV, hiV, stepV any) (lo, count, step int) {
	get := func(v any, zero int) int {
		if v == nil {
			return zero
		}
		i, ok := asInt(m.defined(v))
		if !ok {
			m.fail("slice indices must be integers or None")
		}
		return int(max(min(i, math.MaxInt32), math.MinInt32))
	}
	step = get(stepV, 1)
	if step == 0 {
		m.fail("slice step cannot be zero")
	}
	clip := func(i, least, most int) int {
		if i < 0 {
			i += n
		}
		return max(least, min(i, most))
	}
	if step > 0 {
		lo = clip(get(loV, 0), 0, n)
		hi := clip(get(hiV, n), 0, n)
		count = (hi - lo + step - 1) / step
	} else {
		lo, hi := n-1, -1
		if loV != nil {
			lo = clip(get(loV, 0), -1, n-1)
		}
		if hiV != nil {
			hi = clip(get(hiV, 0), -1, n-1)
		}
		return lo, max(0, (lo-hi-step-1)/-step), step
	}
	return lo, max(0, count), step
}

// sliceText is s[lo:hi:step], counted in characters.
func (m *machine) sliceText(s string, lo, hi, step any) string {
	m.scan(len(s))
	if ascii(s) {
		at, n, d := m.bounds(len(s), lo, hi, step)
		if d == 1 {
			return m.text(s[at : at+n])
		}
		m.alloc(n)
		b := make([]byte, n)
		for i := range b {
			b[i] = s[at+i*d]
		}
		return string(b)
	}
	m.alloc(8 * len(s))
	runes := []rune(s)
	at, n, d := m.bounds(len(runes), lo, hi, step)
	b := make([]rune, n)
	for i := range b {
		b[i] = runes[at+i*d]
	}
	return string(b)
}

// join concatenates pieces with a separator, charging first.
func (m *machine) join(parts []string, sep string) string {
	n := len(sep) * max(0, len(parts)-1)
	for _, p := range parts {
		n += len(p)
	}
	m.alloc(n)
	return strings.Join(parts, sep)
}

// repeat is s × n.
func (m *machine) repeat(s string, n int64) string {
	if n <= 0 || s == "" {
		return ""
	}
	if n > int64(m.limits.Memory/len(s)) {
		m.exceed("memory", int64(m.limits.Memory))
	}
	m.alloc(int(n) * len(s))
	return strings.Repeat(s, int(n))
}
