package gguf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Describe returns the value of key as one line of at most limit characters for people: a scalar as it is, an array as
// its type, length and first entries ("int32[5]: 1, 2, 3, …"). Control characters and bytes that are no UTF-8 are escaped, so
// that a hostile file cannot write to a terminal. A missing key gives "".
func (m *Meta) Describe(key string, limit int) string {
	p := m.find(key)
	limit = min(limit, 1<<20)
	if p == nil || limit < 1 {
		return ""
	}
	if p.kind != Array {
		return clip(scalar(p.kind, p.raw, limit), limit)
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%v[%d]", p.elem, p.count)
	used := b.Len()
	for i := range p.count {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		room := limit - used - len(sep)
		if i < p.count-1 {
			room -= len(", ") + 1 // for ", …"
		}
		s := p.describe(i, max(0, room+1))
		n := utf8.RuneCountInString(s)
		if n > room {
			if used+len(sep)+1 <= limit {
				b.WriteString(sep + "…")
			}
			break
		}
		b.WriteString(sep + s)
		used += len(sep) + n
	}
	return clip(b.String(), limit)
}

// describe shows entry i of an array; one of more than limit characters may be cut to limit.
func (p *pair) describe(i, limit int) string {
	if p.elem == String {
		return quote(StringArray{p.raw, p.ends}.At(i), limit)
	}
	n := p.elem.size()
	return scalar(p.elem, p.raw[i*n:i*n+n], limit)
}

// scalar shows a value that is no array.
func scalar(k Kind, raw []byte, limit int) string {
	switch k {
	case String:
		s := quote(raw, limit)
		return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	case Bool:
		return strconv.FormatBool(raw[0] != 0)
	case Float32, Float64:
		v, bits := number(k, raw), k.size()*8
		if a := math.Abs(v); a == 0 || 1e-4 <= a && a < 1e15 {
			return strconv.FormatFloat(v, 'f', -1, bits)
		}
		return strconv.FormatFloat(v, 'g', -1, bits)
	}
	v, big := integer(k, raw)
	if big {
		return strconv.FormatUint(uint64(v), 10)
	}
	return strconv.FormatInt(v, 10)
}

// quote puts b into quotes and escapes what is no printable text. It looks at no more of b than limit characters can
// take, and one more.
func quote(b []byte, limit int) string {
	if n := utf8.UTFMax * (limit + 1); len(b) > n {
		b = b[:n]
	}
	return strconv.Quote(string(b))
}

// clip cuts s to limit characters, the last of which is then "…".
func clip(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	i := 0
	for range limit - 1 {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return s[:i] + "…"
}
