package chat

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// filters are Jinja's, without those that only web pages or programmers need, and random.
var filters = map[string]func(m *machine, v any, a *args) any{}

func (e *filterExpr) eval(m *machine, s *exec.Context) any {
	v := e.of.eval(m, s)
	a := m.args(&e.args, s)
	m.visit(e.at)
	return m.filter(e.name, v, a)
}

// filter applies a filter by name.
func (m *machine) filter(name string, v any, a *args) any {
	f, ok := filters[name]
	if !ok {
		m.fail("no filter named %q", name)
	}
	m.enter() // map can apply map
	defer m.leave()
	return f(m, v, a)
}

func init() { // the filters refer to code that refers to the table
	for name, f := range map[string]func(m *machine, v any, a *args) any{
		"abs": absFilter, "attr": attrFilter, "batch": batchFilter, "count": lengthFilter, "d": defaultFilter, "default": defaultFilter,
		"dictsort": dictsortFilter, "e": escapeFilter, "escape": escapeFilter, "first": firstFilter, "float": floatFilter,
		"forceescape": escapeFilter, "format": formatFilter, "groupby": groupbyFilter, "indent": indentFilter, "int": intFilter,
		"items": itemsFilter, "join": joinFilter, "last": lastFilter, "length": lengthFilter, "list": listFilter, "map": mapFilter,
		"max": extreme("max"), "min": extreme("min"), "reject": selector("reject"), "rejectattr": selector("rejectattr"),
		"replace": replaceFilter, "reverse": reverseFilter, "round": roundFilter, "safe": stringFilter, "select": selector("select"),
		"selectattr": selector("selectattr"), "slice": sliceFilter, "sort": sortFilter, "string": stringFilter, "sum": sumFilter,
		"title": titleFilter, "tojson": toJSON, "truncate": truncateFilter, "unique": uniqueFilter, "wordcount": wordcountFilter,
	} {
		filters[name] = f
	}
	// Filters that are methods of str, applied to the text of any value.
	for name, method := range map[string]string{"upper": "upper", "lower": "lower", "capitalize": "capitalize", "trim": "strip"} {
		filters[name] = func(m *machine, v any, a *args) any { return stringMethods[method](m, m.str(v), a) }
	}
	filters["center"] = func(m *machine, v any, a *args) any {
		return m.pad(m.str(v), m.intArg(a.bind(m, "center", "width")[0], 80), " ", "center")
	}
}

func stringFilter(m *machine, v any, a *args) any {
	a.bind(m, "string")
	return m.str(v)
}

func defaultFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "default", "default_value", "boolean")
	if !is[*undefined](v) && (truth(v) || !flag(p[1])) {
		return v
	}
	if is[absent](p[0]) {
		return ""
	}
	return p[0]
}

// attrFilter finds what Python's getattr does, so no items of a dict.
func attrFilter(m *machine, v any, a *args) any {
	name := m.requiredText(a.bind(m, "attr", "name")[0], "attr", "name")
	if is[*dict](v) {
		if f := m.method(v, name); f != nil {
			return f
		}
		return missing(v, name)
	}
	return m.attr(v, name)
}

func lengthFilter(m *machine, v any, a *args) any {
	a.bind(m, "length")
	switch v := v.(type) {
	case string:
		return int64(m.length(v))
	case *list:
		return int64(len(v.v))
	case *dict:
		return int64(len(v.keys))
	case *undefined:
		return int64(0)
	}
	m.fail("object of type '%s' has no len()", typeName(v))
	return nil
}

func replaceFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "replace", "old", "new", "count")
	for i, name := range []string{"old", "new"} {
		m.required(p[i], "replace", name)
	}
	return m.replace(m.str(v), m.str(p[0]), m.str(p[1]), m.intArg(p[2], -1))
}

// titleFilter differs from str.title: words begin after white space and opening brackets only.
func titleFilter(m *machine, v any, a *args) any {
	a.bind(m, "title")
	s := m.str(v)
	m.alloc(2 * len(s))
	first := true
	return strings.Map(func(r rune) rune {
		upper := first
		first = isSpace(r) || strings.ContainsRune("-({[<", r)
		if upper {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

func escapeFilter(m *machine, v any, a *args) any {
	a.bind(m, "escape")
	s := m.str(v)
	m.alloc(5 * len(s)) // &#39; for each byte
	return htmlEscapes.Replace(s)
}

func formatFilter(m *machine, v any, a *args) any {
	if len(a.pos) > 0 && len(a.names) > 0 {
		m.fail("can't handle positional and keyword arguments at the same time")
	}
	if len(a.names) > 0 {
		return m.printf(m.str(v), m.dictOf("format", a))
	}
	return m.printf(m.str(v), &list{v: a.pos, kind: kindTuple})
}

func indentFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "indent", "width", "first", "blank")
	s, ok := m.defined(v).(string)
	if !ok {
		m.fail("indent needs a string, got %s", typeName(v))
	}
	by, ok := p[0].(string)
	if !ok {
		by = m.repeat(" ", int64(m.intArg(p[0], 4)))
	}
	lines := m.lines(s+"\n", false).v
	m.elems(3 * len(lines))
	var parts []string
	for i, line := range lines {
		if i > 0 {
			parts = append(parts, "\n")
		}
		if i == 0 && flag(p[1]) || i > 0 && (line != "" || flag(p[2])) {
			parts = append(parts, by)
		}
		parts = append(parts, line.(string))
	}
	return m.join(parts, "")
}

func truncateFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "truncate", "length", "killwords", "end", "leeway")
	s, end := m.requiredText(v, "truncate", "s"), m.textArg(p[2], "...")
	length, leeway := m.intArg(p[0], 255), m.intArg(p[3], 5)
	keep := length - m.length(end)
	if keep < 0 || leeway < 0 {
		m.fail("truncate: length must be at least that of end, leeway at least 0")
	}
	if m.length(s) <= length+leeway {
		return s
	}
	s = m.sliceText(s, nil, int64(keep), nil)
	if i := strings.LastIndexByte(s, ' '); i >= 0 && !flag(p[1]) {
		s = s[:i]
	}
	return m.join([]string{s, end}, "")
}

func wordcountFilter(m *machine, v any, a *args) any {
	a.bind(m, "wordcount")
	s := m.str(v)
	m.scan(len(s))
	n := int64(0)
	inWord := false
	for _, r := range s {
		was := inWord
		if inWord = r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r); inWord && !was {
			n++
		}
	}
	return n
}

func absFilter(m *machine, v any, a *args) any {
	a.bind(m, "abs")
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	i, ok := asInt(m.defined(v))
	if !ok {
		m.fail("bad operand type for abs(): '%s'", typeName(v))
	}
	if i < 0 {
		return m.integers("-", 0, i)
	}
	return i
}

// parseInt reads an integer as Python's int does.
func parseInt(s string, base int) (int64, error) {
	s = strip(s, nil, true, true)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	if s == "" || s[0] == '-' || s[0] == '+' || !underscored(s) {
		return 0, strconv.ErrSyntax
	}
	lower := strings.ToLower(s)
	if prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]; prefix != "" {
		s = strings.TrimPrefix(lower, prefix)
	}
	if base == 0 && len(lower) > 1 && lower[0] == '0' && strings.Trim(lower, "0_") != "" && strings.IndexByte("box", lower[1]) < 0 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(sign+strings.ReplaceAll(s, "_", ""), base, 64)
}

// underscored tells whether underscores are only inside of s and apart.
func underscored(s string) bool {
	return !strings.HasPrefix(s, "_") && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__")
}

// parseFloat reads a number as Python's float does.
func parseFloat(s string) (float64, error) {
	s = strip(s, nil, true, true)
	if strings.ContainsAny(s, "xXpP") || !underscored(s) {
		return 0, strconv.ErrSyntax
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if math.IsInf(f, 0) { // out of range is infinity
		err = nil
	}
	return f, err
}

// toFloat is Python's float(v).
func (m *machine) toFloat(v any) (float64, bool) {
	if s, ok := v.(string); ok {
		m.scan(len(s))
		f, err := parseFloat(s)
		return f, err == nil
	}
	return asFloat(m.defined(v))
}

// truncated is Python's int(f).
func (m *machine) truncated(f float64) int64 {
	if math.IsNaN(f) || math.Abs(f) >= 1<<63 {
		m.fail("cannot convert float %s to integer", floatText(f))
	}
	return int64(f)
}

func intFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "int", "default", "base")
	if i, ok := asInt(v); ok {
		return i
	}
	if f, ok := v.(float64); ok && !math.IsNaN(f) {
		return m.truncated(f)
	}
	if s, ok := v.(string); ok {
		m.scan(len(s))
		base := m.intArg(p[1], 10)
		if base != 0 && (base < 2 || base > 36) {
			m.fail("int() base must be >= 2 and <= 36, or 0")
		}
		i, err := parseInt(s, base)
		if err == nil {
			return i
		}
		if numErr, ok := err.(*strconv.NumError); ok && numErr.Err == strconv.ErrRange {
			m.fail("integer too large")
		}
	}
	if f, ok := m.toFloat(v); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return m.truncated(f)
	}
	if is[absent](p[0]) {
		return int64(0)
	}
	return p[0]
}

func floatFilter(m *machine, v any, a *args) any {
	def := a.bind(m, "float", "default")[0]
	if f, ok := m.toFloat(v); ok {
		return f
	}
	if is[absent](def) {
		return 0.0
	}
	return def
}

func roundFilter(m *machine, v any, a *args) any {
	p := a.bind(m, "round", "precision", "method")
	digits, method := m.intArg(p[0], 0), m.textArg(p[1], "common")
	f, ok := asFloat(m.defined(v))
	if !ok {
		m.fail("type %s doesn't define __round__ method", typeName(v))
	}
	if digits < -400 || digits > 400 {
		m.fail("round: precision out of range")
	}
	scale := math.Pow10(digits)
	switch method {
	case "ceil":
		return math.Ceil(f*scale) / scale
	case "floor":
		return math.Floor(f*scale) / scale
	case "common":
	default:
		m.fail("method must be common, ceil or floor")
	}
	if i, ok := asInt(v); ok && digits >= 0 {
		return i
	}
	rounded := roundTo(f, digits)
	if is[float64](v) {
		return rounded
	}
	return m.truncated(rounded)
}

// roundTo is Python's round(f, digits): of the exact value, halves to even.
func roundTo(f float64, digits int) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	if digits < 0 {
		scale := math.Pow10(-digits)
		return math.RoundToEven(f/scale) * scale
	}
	f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
	return f
}
