package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods are the methods of Python's str. What is returned has been charged for.
var stringMethods = map[string]func(m *machine, s string, a *args) any{}

func init() { // the methods refer to code that refers to the table
	each := func(names string, f func(name string) func(m *machine, s string, a *args) any) {
		for name := range strings.FieldsSeq(names) {
			stringMethods[name] = f(name)
		}
	}
	each("strip lstrip rstrip", stripMethod)
	each("upper lower title capitalize swapcase casefold", caseMethod)
	each("split rsplit", splitMethod)
	each("startswith endswith", affixMethod)
	each("find rfind index rindex count", findMethod)
	each("isdigit isdecimal isnumeric isalpha isalnum isspace isupper islower isascii istitle", isMethod)
	each("center ljust rjust zfill", padMethod)
	each("partition rpartition", partitionMethod)
	each("removeprefix removesuffix", removeMethod)
	stringMethods["replace"] = func(m *machine, s string, a *args) any {
		v := a.bind(m, "replace", "old", "new", "count")
		return m.replace(s, m.requiredText(v[0], "replace", "old"), m.requiredText(v[1], "replace", "new"), m.intArg(v[2], -1))
	}
	stringMethods["join"] = func(m *machine, s string, a *args) any {
		items := m.iterate(m.required(a.bind(m, "join", "iterable")[0], "join", "iterable"))
		parts := make([]string, len(items))
		for i, item := range items {
			part, ok := item.(string)
			if !ok {
				m.fail("sequence item %d: expected str instance, %s found", i, typeName(item))
			}
			parts[i] = part
		}
		return m.join(parts, s)
	}
	stringMethods["splitlines"] = func(m *machine, s string, a *args) any {
		return m.lines(s, flag(a.bind(m, "splitlines", "keepends")[0]))
	}
	stringMethods["format"] = func(m *machine, s string, a *args) any { return m.format(s, a) }
}

// texts makes a list of pieces of one text, which have been charged for with pieces.
func texts(parts []string) *list {
	v := make([]any, len(parts))
	for i, p := range parts {
		v[i] = p
	}
	return &list{v: v}
}

// pieces charges for a text to be cut into n.
func (m *machine) pieces(s string, n int) {
	m.alloc(len(s))
	m.elems(2 * n)
}

// count counts the characters for which f holds.
func count(s string, f func(r rune) bool) (n int) {
	for _, r := range s {
		if f(r) {
			n++
		}
	}
	return n
}

// lines is Python's s.splitlines(keep).
func (m *machine) lines(s string, keep bool) *list {
	m.pieces(s, 1+count(s, isLineEnd))
	return texts(splitLines(s, keep))
}

// replace is s.replace(old, new, n), all with n < 0. The result's size is charged before it is made.
func (m *machine) replace(s, old, new string, n int) string {
	m.scan(len(s))
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	if found == 0 {
		return s
	}
	if grow := len(new) - len(old); grow > 0 && found > m.limits.Memory/grow {
		m.exceed("memory", int64(m.limits.Memory))
	}
	m.alloc(len(s) + found*(len(new)-len(old)))
	return strings.Replace(s, old, new, n)
}

// strip takes white space, or the characters given, off the ends of s.
func strip(s string, chars any, left, right bool) string {
	cut := isSpace
	if set, ok := chars.(string); ok {
		cut = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

func stripMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		chars := a.bind(m, name, "chars")[0]
		if set := m.textArg(chars, ""); len(set) > 64 {
			m.step(len(s) * (len(set) / 64)) // each character is looked for in the set
		}
		return m.text(strip(s, chars, name != "rstrip", name != "lstrip"))
	}
}

func caseMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		a.bind(m, name)
		m.alloc(2 * len(s))
		return changeCase(s, name)
	}
}

// changeCase maps letters one to one; Python's few one to many mappings (ß to SS) are left as they are.
func changeCase(s, how string) string {
	switch how {
	case "upper":
		return strings.ToUpper(s)
	case "lower", "casefold":
		return strings.ToLower(s)
	case "capitalize":
		r, n := utf8.DecodeRuneInString(s)
		if n == 0 {
			return ""
		}
		return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
	case "swapcase":
		return strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return unicode.ToLower(r)
			}
			return unicode.ToUpper(r)
		}, s)
	}
	inWord := false
	return strings.Map(func(r rune) rune { // title
		first := !inWord
		inWord = unicode.IsLetter(r)
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func splitMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		v := a.bind(m, name, "sep", "maxsplit")
		n := m.intArg(v[1], -1)
		fromRight := name == "rsplit"
		if !given(v[0]) {
			m.pieces(s, 1+count(s, isSpace))
			return texts(splitSpace(s, n, fromRight))
		}
		sep := m.textArg(v[0], "")
		if sep == "" {
			m.fail("empty separator")
		}
		found := strings.Count(s, sep)
		if n < 0 || n > found {
			n = found
		}
		m.pieces(s, n+1)
		if !fromRight {
			return texts(strings.SplitN(s, sep, n+1))
		}
		var parts []string
		for ; n > 0; n-- {
			i := strings.LastIndex(s, sep)
			if i < 0 {
				break
			}
			parts = append(parts, s[i+len(sep):])
			s = s[:i]
		}
		parts = append(parts, s)
		slices.Reverse(parts)
		return texts(parts)
	}
}

// splitSpace splits at runs of white space, at most n times; n < 0: everywhere.
func splitSpace(s string, n int, fromRight bool) []string {
	if n < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var parts []string
	for {
		s = strip(s, nil, !fromRight, fromRight)
		if s == "" {
			break
		}
		i := strings.IndexFunc(s, isSpace)
		if fromRight {
			i = strings.LastIndexFunc(s, isSpace)
		}
		if i < 0 || n == 0 {
			parts = append(parts, s)
			break
		}
		if n--; fromRight {
			_, size := utf8.DecodeRuneInString(s[i:])
			parts = append(parts, s[i+size:])
			s = s[:i]
		} else {
			parts = append(parts, s[:i])
			s = s[i:]
		}
	}
	if fromRight {
		slices.Reverse(parts)
	}
	return parts
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

// splitLines splits after the line ends that Python knows.
func splitLines(s string, keep bool) []string {
	var lines []string
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			return append(lines, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		if keep {
			lines = append(lines, s[:i+n])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[i+n:]
	}
	return lines
}

func affixMethod(name string) func(m *machine, s string, a *args) any {
	has := strings.HasPrefix
	if name == "endswith" {
		has = strings.HasSuffix
	}
	return func(m *machine, s string, a *args) any {
		v := a.bind(m, name, "affix", "start", "end")
		if given(v[1]) || given(v[2]) {
			s = m.sliceText(s, none(v[1]), none(v[2]), nil)
		}
		affix := m.required(v[0], name, "affix")
		if l, ok := affix.(*list); ok && l.kind == kindTuple {
			for _, e := range l.v {
				m.step(1)
				if has(s, m.requiredText(e, name, "affix")) {
					return true
				}
			}
			return false
		}
		return has(s, m.requiredText(affix, name, "affix"))
	}
}

// none turns an absent argument into None.
func none(v any) any {
	if !given(v) {
		return nil
	}
	return v
}

func findMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		v := a.bind(m, name, "sub", "start", "end")
		sub := m.requiredText(v[0], name, "sub")
		first := 0
		if given(v[1]) || given(v[2]) {
			first, _, _ = m.bounds(m.length(s), none(v[1]), none(v[2]), nil)
			s = m.sliceText(s, none(v[1]), none(v[2]), nil)
		}
		var i int
		switch name {
		case "count":
			return int64(strings.Count(s, sub))
		case "find", "index":
			i = strings.Index(s, sub)
		default:
			i = strings.LastIndex(s, sub)
		}
		if i >= 0 {
			return int64(first + utf8.RuneCountInString(s[:i]))
		}
		if name == "index" || name == "rindex" {
			m.fail("substring not found")
		}
		return int64(-1)
	}
}

func isMethod(name string) func(m *machine, s string, a *args) any {
	tests := map[string]func(r rune) bool{
		"isdigit": unicode.IsDigit, "isdecimal": unicode.IsDigit, "isnumeric": unicode.IsNumber, "isalpha": unicode.IsLetter, "isspace": isSpace,
		"isalnum": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) },
	}
	return func(m *machine, s string, a *args) any {
		a.bind(m, name)
		m.alloc(2 * len(s))
		switch name {
		case "isascii":
			return ascii(s)
		case "isupper":
			return s == strings.ToUpper(s) && s != strings.ToLower(s)
		case "islower":
			return s == strings.ToLower(s) && s != strings.ToUpper(s)
		case "istitle":
			return s == changeCase(s, "title") && strings.ToLower(s) != strings.ToUpper(s)
		}
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !tests[name](r) }) < 0
	}
}

func padMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		v := a.bind(m, name, "width", "fillchar")
		width := m.requiredInt(v[0], name, "width")
		fill := m.textArg(v[1], " ")
		if utf8.RuneCountInString(fill) != 1 {
			m.fail("the fill character must be exactly one character long")
		}
		return m.pad(s, width, fill, name)
	}
}

// pad brings s to a width.
func (m *machine) pad(s string, width int, fill, how string) string {
	n := width - m.length(s)
	if n <= 0 {
		return s
	}
	left, right := 0, 0
	switch how {
	case "center":
		left = n/2 + (n & width & 1) // as Python rounds it
		right = n - left
	case "ljust":
		right = n
	case "rjust":
		left = n
	case "zfill":
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign, s = s[:1], s[1:]
		}
		return m.join([]string{sign, m.repeat("0", int64(n)), s}, "")
	}
	return m.join([]string{m.repeat(fill, int64(left)), s, m.repeat(fill, int64(right))}, "")
}

func partitionMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		sep := m.requiredText(a.bind(m, name, "sep")[0], name, "sep")
		if sep == "" {
			m.fail("empty separator")
		}
		parts := []any{s, "", ""}
		i := strings.Index(s, sep)
		if name == "rpartition" {
			i = strings.LastIndex(s, sep)
			parts = []any{"", "", s}
		}
		if i >= 0 {
			parts = []any{s[:i], sep, s[i+len(sep):]}
		}
		m.alloc(len(s))
		return &list{v: parts, kind: kindTuple}
	}
}

func removeMethod(name string) func(m *machine, s string, a *args) any {
	return func(m *machine, s string, a *args) any {
		affix := m.requiredText(a.bind(m, name, "affix")[0], name, "affix")
		if name == "removeprefix" {
			return m.text(strings.TrimPrefix(s, affix))
		}
		return m.text(strings.TrimSuffix(s, affix))
	}
}

var dictMethods = map[string]func(m *machine, d *dict, a *args) any{
	"get": func(m *machine, d *dict, a *args) any {
		v := a.bind(m, "get", "key", "default")
		key := m.required(v[0], "get", "key")
		m.hashable(key)
		if have, ok := d.get(key); ok {
			return have
		}
		return none(v[1])
	},
	"keys": func(m *machine, d *dict, a *args) any {
		a.bind(m, "keys")
		return &list{v: d.keys, kind: kindKeys}
	},
	"values": func(m *machine, d *dict, a *args) any {
		a.bind(m, "values")
		return &list{v: d.vals, kind: kindValues}
	},
	"items": func(m *machine, d *dict, a *args) any {
		a.bind(m, "items")
		return &list{v: m.pairs(d), kind: kindItems}
	},
	"copy": func(m *machine, d *dict, a *args) any {
		a.bind(m, "copy")
		return d // nothing can change it
	},
}

// pairs are the items of a dict as tuples.
func (m *machine) pairs(d *dict) []any {
	m.elems(3 * len(d.keys))
	v := make([]any, len(d.keys))
	for i, k := range d.keys {
		v[i] = &list{v: []any{k, d.vals[i]}, kind: kindTuple}
	}
	return v
}

var listMethods = map[string]func(m *machine, l *list, a *args) any{
	"index": func(m *machine, l *list, a *args) any {
		want := m.required(a.bind(m, "index", "value")[0], "index", "value")
		for i, e := range l.v {
			if m.equal(e, want) {
				return int64(i)
			}
		}
		m.fail("the value is not in the list")
		return nil
	},
	"count": func(m *machine, l *list, a *args) any {
		want := m.required(a.bind(m, "count", "value")[0], "count", "value")
		n := int64(0)
		for _, e := range l.v {
			n += number(m.equal(e, want))
		}
		return n
	},
	"copy": func(m *machine, l *list, a *args) any {
		a.bind(m, "copy")
		return l
	},
}
