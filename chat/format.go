package chat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec says how a value becomes text, in Python's two ways of formatting.
type spec struct {
	fill      string
	align     byte // '<', '>', '^', '=' (zeros after the sign) or 0
	sign      byte // '+', ' ', '-' or 0
	alternate bool
	width     int
	comma     string // between groups of three digits
	precision int    // -1: none
	verb      byte   // 0: none
}

// leadingInt reads decimal digits at the start of s. Like all counts it is cut off at 2³¹.
func leadingInt(s string) (n, size int) {
	for size < len(s) && decimal(s[size]) {
		n = min(10*n+int(s[size]-'0'), 1<<31-1)
		size++
	}
	return n, size
}

// printf is Python's s % v.
func (m *machine) printf(s string, v any) any {
	m.scan(len(s))
	pos := []any{v}
	tuple, ok := v.(*list)
	if ok = ok && tuple.kind == kindTuple; ok {
		pos = tuple.v
	}
	used := 0
	next := func() any {
		if used == len(pos) {
			m.fail("not enough arguments for format string")
		}
		used++
		return pos[used-1]
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			break
		}
		m.put(&b, s[:i])
		s = s[i+1:]
		arg := next
		if strings.HasPrefix(s, "(") {
			end := strings.IndexByte(s, ')')
			d, ok := v.(*dict)
			if end < 0 || !ok {
				m.fail("format requires a mapping")
			}
			value, ok := d.get(s[1:end])
			if !ok {
				m.fail("no format argument %q", s[1:end])
			}
			arg = func() any { return value }
			s = s[end+1:]
		}
		f := spec{fill: " ", precision: -1}
		s = m.printfSpec(&f, s, next)
		if f.verb == '%' {
			m.put(&b, "%")
			continue
		}
		m.put(&b, m.printfValue(&f, arg()))
	}
	if used < len(pos) && !is[*dict](v) && (ok || !is[*list](v)) {
		m.fail("not all arguments converted during string formatting")
	}
	m.put(&b, s)
	return b.String()
}

// printfSpec reads what follows a % and returns the rest.
func (m *machine) printfSpec(f *spec, s string, next func() any) string {
	count := func() int {
		if strings.HasPrefix(s, "*") {
			s = s[1:]
			return m.intArg(m.defined(next()), 0)
		}
		n, size := leadingInt(s)
		s = s[size:]
		return n
	}
	zeros := false
	for ; s != ""; s = s[1:] {
		switch s[0] {
		case '-':
			f.align = '<'
		case '+':
			f.sign = '+'
		case ' ':
			f.sign = max(f.sign, ' ') // + wins
		case '0':
			zeros = true
		case '#':
			f.alternate = true
		default:
			goto flagged
		}
	}
flagged:
	if f.width = count(); f.width < 0 {
		f.width, f.align = -f.width, '<'
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		f.precision = max(0, count())
	}
	s = s[len(s)-len(strings.TrimLeft(s, "hlL")):]
	if s == "" {
		m.fail("incomplete format")
	}
	if f.verb = s[0]; zeros && f.align == 0 && strings.IndexByte("srac", f.verb) < 0 {
		f.fill, f.align = "0", '='
	}
	return s[1:]
}

// printfValue formats one value for printf.
func (m *machine) printfValue(f *spec, v any) string {
	switch f.verb {
	case 's', 'r', 'a':
		return m.aligned(f, "", m.cut(f, m.converted(v, f.verb)), '>')
	case 'c':
		text, ok := v.(string)
		if i, isInt := asInt(v); isInt && i >= 0 && i <= utf8.MaxRune {
			text, ok = string(rune(i)), true
		}
		if !ok || m.length(text) != 1 {
			m.fail("%%c requires int or char")
		}
		return m.aligned(f, "", text, '>')
	case 'd', 'i', 'u', 'x', 'X', 'o':
		i, ok := asInt(v)
		if x, isFloat := v.(float64); isFloat && strings.IndexByte("diu", f.verb) >= 0 {
			i, ok = m.truncated(x), true
		}
		if !ok {
			m.defined(v)
			m.fail("%%%c format: a number is required, not %s", f.verb, typeName(v))
		}
		if strings.IndexByte("iu", f.verb) >= 0 {
			f.verb = 'd'
		}
		sign, digits := m.intDigits(f, i)
		digits = m.repeat("0", int64(f.precision-len(digits))) + digits
		return m.aligned(f, sign, digits, '>')
	case 'e', 'E', 'f', 'F', 'g', 'G':
		x, ok := asFloat(m.defined(v))
		if !ok {
			m.fail("must be real number, not %s", typeName(v))
		}
		sign, digits := m.floatDigits(f, x)
		return m.aligned(f, sign, digits, '>')
	}
	m.fail("unsupported format character '%s'", strconv.QuoteRune(rune(f.verb)))
	return ""
}

// converted is str, repr or ascii of v.
func (m *machine) converted(v any, how byte) string {
	if how == 's' {
		return m.str(v)
	}
	var b strings.Builder
	m.repr(&b, v)
	if how == 'r' {
		return b.String()
	}
	m.alloc(10 * b.Len())
	var out strings.Builder
	for _, r := range b.String() {
		switch {
		case r < utf8.RuneSelf:
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String()
}

// cut shortens a text to the precision.
func (m *machine) cut(f *spec, s string) string {
	if f.precision < 0 || f.precision >= m.length(s) {
		return s
	}
	return m.sliceText(s, nil, int64(f.precision), nil)
}

// aligned brings sign and text to the width.
func (m *machine) aligned(f *spec, sign, text string, align byte) string {
	if f.align != 0 {
		align = f.align
	}
	switch align {
	case '=':
		return m.join([]string{sign, m.pad(text, f.width-len(sign), f.fill, "rjust")}, "")
	case '^':
		text = sign + text
		n := f.width - m.length(text)
		if n <= 0 {
			return text
		}
		return m.join([]string{m.repeat(f.fill, int64(n/2)), text, m.repeat(f.fill, int64(n-n/2))}, "")
	case '<':
		return m.pad(sign+text, f.width, f.fill, "ljust")
	}
	return m.pad(sign+text, f.width, f.fill, "rjust")
}

func (f *spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+', f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

// intDigits returns the sign, with the base's prefix, and the digits of an integer.
func (m *machine) intDigits(f *spec, i int64) (sign, digits string) {
	base := map[byte]int{'x': 16, 'X': 16, 'o': 8, 'b': 2}[f.verb]
	if base == 0 {
		base = 10
	}
	digits = strconv.FormatUint(magnitude(i), base)
	sign = f.signOf(i < 0)
	if f.alternate && base != 10 {
		sign += "0" + string(f.verb)
	}
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return sign, digits
}

// floatDigits returns the sign and the digits of a number.
func (m *machine) floatDigits(f *spec, x float64) (sign, digits string) {
	sign = f.signOf(math.Signbit(x) && !math.IsNaN(x))
	x = math.Abs(x)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		digits = floatText(x)
	} else {
		precision := f.precision
		if precision < 0 {
			precision = 6
		}
		m.alloc(precision + 320) // the largest has 309 digits
		verb := f.verb | 0x20
		if verb == 'g' {
			precision = max(1, precision)
		}
		if digits = strconv.FormatFloat(x, verb, precision, 64); f.alternate && precision <= 1000 {
			digits = fmt.Sprintf("%#.*"+string(verb), precision, x)
		}
	}
	if f.verb < 'a' {
		digits = strings.ToUpper(digits)
	}
	return sign, digits
}

// format is Python's s.format(…).
func (m *machine) format(s string, a *args) any {
	auto := 0
	return m.formatted(s, a, &auto, 2)
}

// formatted replaces the fields of s; those in the specifications of fields are nested one level below. auto counts the fields
// without a name; it is -1 once a number has been used.
func (m *machine) formatted(s string, a *args, auto *int, levels int) string {
	if levels == 0 {
		m.fail("Max string recursion exceeded")
	}
	m.scan(len(s))
	var b strings.Builder
	for {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			m.put(&b, s)
			return b.String()
		}
		m.put(&b, s[:i])
		if i+1 < len(s) && s[i+1] == s[i] {
			m.put(&b, s[i:i+1])
			s = s[i+2:]
			continue
		}
		if s[i] == '}' {
			m.fail("Single '}' encountered in format string")
		}
		s = s[i+1:]
		end, open := 0, 1
		for ; end < len(s); end++ {
			if s[end] == '{' {
				open++
			}
			if s[end] == '}' {
				if open--; open == 0 {
					break
				}
			}
		}
		m.scan(end)
		if open > 0 {
			m.fail("expected '}' before end of string")
		}
		m.put(&b, m.field(s[:end], a, auto, levels))
		s = s[end+1:]
	}
}

// field evaluates name!conversion:spec.
func (m *machine) field(text string, a *args, auto *int, levels int) string {
	name, rest := text, ""
	inKey := false
	for i := range len(text) {
		if text[i] == '[' || text[i] == ']' {
			inKey = text[i] == '['
		}
		if !inKey && (text[i] == '!' || text[i] == ':') {
			name, rest = text[:i], text[i:]
			break
		}
	}
	v := m.fieldValue(name, a, auto)
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 || strings.IndexByte("sra", rest[1]) < 0 || len(rest) > 2 && rest[2] != ':' {
			m.fail("bad conversion in a format string")
		}
		v, rest = m.converted(v, rest[1]), rest[2:]
	}
	if rest = strings.TrimPrefix(rest, ":"); strings.ContainsAny(rest, "{}") {
		rest = m.formatted(rest, a, auto, levels-1)
	}
	return m.formatValue(v, rest)
}

// fieldValue finds what name.attribute[key] stands for.
func (m *machine) fieldValue(name string, a *args, auto *int) any {
	n := strings.IndexAny(name, ".[")
	if n < 0 {
		n = len(name)
	}
	first, rest := name[:n], name[n:]
	i, size := leadingInt(first)
	if first == "" || size == len(first) {
		if first == "" {
			i = *auto
			*auto++
		} else if *auto == 0 {
			*auto = -1
		}
		if *auto < 0 && first == "" || *auto > 0 && first != "" {
			m.fail("cannot mix manual field specification and automatic field numbering")
		}
		if i < 0 || i >= len(a.pos) {
			m.fail("Replacement index %d out of range for positional args tuple", i)
		}
	}
	var v any
	if first == "" || size == len(first) {
		v = a.pos[i]
	} else if named, ok := a.named(first); ok {
		v = named
	} else {
		m.fail("no format argument %q", first)
	}
	for rest != "" {
		m.step(1)
		n := strings.IndexAny(rest[1:], ".[") + 1
		if rest[0] == '[' {
			n = strings.IndexByte(rest, ']') + 1
		} else if n == 0 {
			n = len(rest)
		}
		key := strings.Trim(rest[1:max(n, 1)], "]")
		if key == "" || rest[0] != '.' && rest[0] != '[' {
			m.fail("bad field %q in a format string", name)
		}
		if i, size := leadingInt(key); rest[0] == '[' && size == len(key) {
			v = m.item(v, int64(i))
		} else if rest[0] == '[' {
			v = m.item(v, key)
		} else {
			v = m.attr(v, key)
		}
		rest = rest[n:]
	}
	return v
}

// parseSpec reads [[fill]align][sign][#][0][width][,][.precision][type].
func (m *machine) parseSpec(s string) *spec {
	f := &spec{precision: -1}
	_, n := utf8.DecodeRuneInString(s)
	if len(s) > n && strings.IndexByte("<>^=", s[n]) >= 0 {
		f.fill, f.align, s = s[:n], s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>^=", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	skip := func(set string) (c byte) {
		if s != "" && strings.IndexByte(set, s[0]) >= 0 {
			c, s = s[0], s[1:]
		}
		return c
	}
	f.sign = skip("+- ")
	f.alternate = skip("#") != 0
	if skip("0") != 0 {
		if f.fill == "" {
			f.fill = "0"
		}
		if f.align == 0 {
			f.align = '='
		}
	}
	if f.fill == "" {
		f.fill = " "
	}
	f.width, n = leadingInt(s)
	s = s[n:]
	if c := skip(",_"); c != 0 {
		f.comma = string(c)
	}
	if skip(".") != 0 {
		if f.precision, n = leadingInt(s); n == 0 {
			m.fail("Format specifier missing precision")
		}
		s = s[n:]
	}
	if f.verb = skip("bcdeEfFgGnosxX%"); s != "" {
		m.fail("Invalid format specifier")
	}
	return f
}

// formatValue is Python's format(v, text).
func (m *machine) formatValue(v any, text string) string {
	if text == "" {
		return m.str(v)
	}
	f := m.parseSpec(text)
	bad := func(ok bool) {
		if !ok {
			m.fail("Unknown format code '%c' for object of type '%s'", f.verb, typeName(v))
		}
	}
	var sign, digits string
	switch i, isInt := asInt(v); {
	case is[string](v):
		bad((f.verb == 0 || f.verb == 's') && f.sign == 0 && !f.alternate && f.comma == "")
		if f.align == '=' && f.fill == "0" { // from a 0 before the width
			f.align = '<'
		}
		bad(f.align != '=')
		return m.aligned(f, "", m.cut(f, v.(string)), '<')
	case isInt && strings.IndexByte("\x00bdnoxX", f.verb) >= 0:
		if f.precision >= 0 {
			m.fail("Precision not allowed in integer format specifier")
		}
		if strings.IndexByte("boxXn", f.verb) >= 0 {
			bad(f.comma != "," && (f.verb != 'n' || f.comma == ""))
		}
		sign, digits = m.intDigits(f, i)
	case isInt && f.verb == 'c':
		bad(i >= 0 && i <= utf8.MaxRune && f.sign == 0 && !f.alternate && f.comma == "" && f.precision < 0)
		return m.aligned(f, "", string(rune(i)), '<')
	case isInt, is[float64](v):
		bad(strings.IndexByte("\x00eEfFgGn%", f.verb) >= 0)
		x, _ := asFloat(v)
		sign, digits = m.formatFloat(f, x)
	default:
		m.defined(v)
		m.fail("unsupported format string passed to %s.__format__", typeName(v))
	}
	if f.comma != "" {
		digits = m.grouped(f, sign, digits)
	}
	return m.aligned(f, sign, digits, '>')
}

// formatFloat returns sign and digits for the types that format has beyond those of %.
func (m *machine) formatFloat(f *spec, x float64) (sign, digits string) {
	g := *f
	switch f.verb {
	case '%':
		g.verb = 'f'
		sign, digits = m.floatDigits(&g, 100*x)
		return sign, digits + "%"
	case 'n':
		g.verb = 'g'
	case 0:
		if f.precision < 0 {
			return f.signOf(math.Signbit(x)), floatText(math.Abs(x))
		}
		return m.shortFloat(&g, x)
	}
	return m.floatDigits(&g, x)
}

// shortFloat is the form without a type: as g, but with a digit after the point, and an exponent one digit sooner.
func (m *machine) shortFloat(f *spec, x float64) (sign, digits string) {
	f.precision = max(1, f.precision)
	f.verb = 'g'
	sign, digits = m.floatDigits(f, x)
	if strings.ContainsAny(digits, ".en") || f.precision > 17 && f.alternate {
		return sign, digits
	}
	if len(digits) < f.precision {
		return sign, digits + ".0"
	}
	f.verb = 'e'
	f.precision--
	sign, digits = m.floatDigits(f, x)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	if !f.alternate && strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	return sign, mantissa + "e" + exponent
}

// grouped puts a separator between groups of three digits before the point, four in other bases, and zeros before them up to
// the width when they are padded with zeros.
func (m *machine) grouped(f *spec, sign, digits string) string {
	n, size := len(digits), 4
	if strings.IndexByte("boxX", f.verb) < 0 || f.verb == 0 {
		size = 3
		if i := strings.IndexFunc(digits, func(r rune) bool { return !decimal(byte(r)) }); i >= 0 {
			n = i
		}
	}
	whole, rest := digits[:n], digits[n:]
	if f.align == '=' && f.fill == "0" {
		want := f.width - len(sign) - len(rest)
		zeros := max(0, want*size/(size+1)-n)
		for n+zeros+(n+zeros-1)/size < want {
			zeros++
		}
		whole = m.repeat("0", int64(zeros)) + whole
	}
	m.alloc(2 * len(whole))
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%size == 0 {
			b.WriteString(f.comma)
		}
		b.WriteByte(whole[i])
	}
	return b.String() + rest
}
