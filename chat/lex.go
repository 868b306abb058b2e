package chat

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is what the parser looks at first; operators and keywords are told apart by their text.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokData
	tokBlockBegin
	tokBlockEnd
	tokVarBegin
	tokVarEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

type token struct {
	kind tokenKind
	text string // data, name, operator, or the value of a string
	line int
}

// lexer cuts a template into tokens, by the rules of Jinja with trim_blocks and lstrip_blocks: the first newline after a block
// or comment goes, and so does white space between the start of a line and a block or comment.
type lexer struct {
	src       string
	pos, line int
	lineStart bool // the last match ended with a newline
	open      []byte
	tokens    []token
	err       error
}

func lex(source string) ([]token, error) {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	source = strings.TrimSuffix(source, "\n")
	l := &lexer{src: source, line: 1, lineStart: true}
	for l.err == nil && l.pos < len(l.src) {
		l.root()
	}
	l.emit(tokEOF, "")
	return l.tokens, l.err
}

func (l *lexer) emit(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text, l.line})
}

func (l *lexer) fail(msg string) { l.err = &SyntaxError{l.line, msg} }

// take moves past the next n bytes.
func (l *lexer) take(n int) string {
	text := l.src[l.pos : l.pos+n]
	l.pos += n
	l.line += strings.Count(text, "\n")
	l.lineStart = strings.HasSuffix(text, "\n")
	return text
}

// root takes data up to the next tag, and the tag.
func (l *lexer) root() {
	rest := l.src[l.pos:]
	at := 0
	for {
		i := strings.IndexByte(rest[at:], '{')
		if i < 0 || at+i+1 >= len(rest) {
			l.emit(tokData, rest)
			l.take(len(rest))
			return
		}
		at += i
		if c := rest[at+1]; c == '%' || c == '{' || c == '#' {
			break
		}
		at++
	}
	kind := rest[at+1]
	l.data(rest[:at], rest[at+2:], kind == '{')
	if l.take(at); kind == '%' {
		if n := rawTag(l.src[l.pos:], "raw"); n > 0 {
			l.raw(n)
			return
		}
	}
	l.take(2)
	if l.sign() != 0 {
		l.take(1)
	}
	l.lineStart = false
	switch kind {
	case '#':
		l.comment()
	case '%':
		l.emit(tokBlockBegin, "")
		l.inside(tokBlockEnd, "%}")
	case '{':
		l.emit(tokVarBegin, "")
		l.inside(tokVarEnd, "}}")
	}
}

// sign returns the + or - at the position, or 0.
func (l *lexer) sign() byte {
	if l.pos < len(l.src) && (l.src[l.pos] == '-' || l.src[l.pos] == '+') {
		return l.src[l.pos]
	}
	return 0
}

// data emits the text before a tag; after is what follows the tag's two characters.
func (l *lexer) data(text, after string, variable bool) {
	switch {
	case strings.HasPrefix(after, "-"):
		text = strings.TrimRightFunc(text, isSpace)
	case strings.HasPrefix(after, "+") || variable:
	default:
		start := strings.LastIndexByte(text, '\n') + 1
		if (start > 0 || l.lineStart) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
			text = text[:start]
		}
	}
	if text != "" {
		l.emit(tokData, text)
	}
}

// end takes the end of a tag if it is here: with - the white space after it goes too, and with trim a newline, unless there
// is a +.
func (l *lexer) end(mark string, plus, trim bool) bool {
	rest := l.src[l.pos:]
	switch {
	case strings.HasPrefix(rest, "-"+mark):
		n := 1 + len(mark)
		l.take(n + len(rest[n:]) - len(strings.TrimLeftFunc(rest[n:], isSpace)))
	case plus && strings.HasPrefix(rest, "+"+mark):
		l.take(1 + len(mark))
	case strings.HasPrefix(rest, mark+"\n") && trim:
		l.take(len(mark) + 1)
	case strings.HasPrefix(rest, mark):
		l.take(len(mark))
	default:
		return false
	}
	return true
}

func (l *lexer) comment() {
	i := strings.Index(l.src[l.pos:], "#}")
	if i < 0 {
		l.fail("missing end of comment")
		return
	}
	if i > 0 && (l.src[l.pos+i-1] == '-' || l.src[l.pos+i-1] == '+') {
		i--
	}
	l.take(i)
	l.end("#}", true, true)
}

// rawTag returns the length of {% name %} at the start of s, up to its end mark, or 0.
func rawTag(s, name string) int {
	t := strings.TrimPrefix(s, "{%")
	if t = strings.TrimPrefix(t, "-"); len(t) == len(s)-2 {
		t = strings.TrimPrefix(t, "+")
	}
	t, ok := strings.CutPrefix(strings.TrimLeftFunc(t, isSpace), name)
	t = strings.TrimLeftFunc(t, isSpace)
	if !ok || !strings.HasPrefix(t, "%}") && !strings.HasPrefix(t, "-%}") && !(strings.HasPrefix(t, "+%}") && name == "endraw") {
		return 0
	}
	return len(s) - len(t)
}

// raw takes {% raw %} … {% endraw %}; n is the length of the opening tag up to its end mark.
func (l *lexer) raw(n int) {
	l.take(n)
	l.end("%}", false, false)
	rest := l.src[l.pos:]
	for at := 0; ; at += 2 {
		i := strings.Index(rest[at:], "{%")
		if i < 0 {
			l.fail("missing end of raw block")
			return
		}
		at += i
		if n := rawTag(rest[at:], "endraw"); n > 0 {
			l.data(rest[:at], rest[at+2:], false)
			l.take(at + n)
			l.end("%}", true, true)
			return
		}
	}
}

const operators2 = "// ** == != >= <="

// inside takes the tokens of a tag up to its end.
func (l *lexer) inside(end tokenKind, mark string) {
	for l.err == nil {
		rest := l.src[l.pos:]
		if rest == "" {
			l.fail("unexpected end of template inside a tag")
			return
		}
		if len(l.open) == 0 {
			line := l.line
			if l.end(mark, end == tokBlockEnd, end == tokBlockEnd) {
				l.tokens = append(l.tokens, token{end, "", line})
				return
			}
		}
		c, size := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(c):
			l.take(size)
		case c >= '0' && c <= '9':
			l.number(rest)
		case c == '_' || unicode.IsLetter(c):
			n := strings.IndexFunc(rest, func(r rune) bool {
				return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
			})
			if n < 0 {
				n = len(rest)
			}
			l.emit(tokName, rest[:n])
			l.take(n)
		case c == '"' || c == '\'':
			l.string(rest)
		default:
			l.operator(rest)
		}
	}
}

func (l *lexer) operator(rest string) {
	if len(rest) >= 2 && rest[0] > ' ' && rest[1] > ' ' && strings.Contains(operators2, rest[:2]) {
		l.emit(tokOp, l.take(2))
		return
	}
	c := rest[0]
	switch c {
	case '(':
		l.open = append(l.open, ')')
	case '[':
		l.open = append(l.open, ']')
	case '{':
		l.open = append(l.open, '}')
	case ')', ']', '}':
		if len(l.open) == 0 || l.open[len(l.open)-1] != c {
			l.fail("unexpected '" + string(c) + "'")
			return
		}
		l.open = l.open[:len(l.open)-1]
	case '+', '-', '/', '*', '%', '~', '>', '<', '=', '.', ':', '|', ',', ';':
	default:
		r, _ := utf8.DecodeRuneInString(rest)
		l.fail("unexpected character " + strconv.QuoteRune(r))
		return
	}
	l.emit(tokOp, l.take(1))
}

// digits returns how many bytes at the start of s are digits of the kind, with single underscores between them.
func digits(s string, ok func(c byte) bool) int {
	n := 0
	for n < len(s) && (ok(s[n]) || s[n] == '_' && n > 0 && s[n-1] != '_' && n+1 < len(s) && ok(s[n+1])) {
		n++
	}
	return n
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) number(rest string) {
	if len(rest) > 2 && rest[0] == '0' {
		bases := map[byte]func(c byte) bool{
			'b': func(c byte) bool { return c == '0' || c == '1' },
			'o': func(c byte) bool { return c >= '0' && c <= '7' },
			'x': func(c byte) bool { return decimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' },
		}
		if ok := bases[rest[1]|0x20]; ok != nil {
			if n := digits(rest[2:], ok); n > 0 {
				l.emit(tokInt, l.take(2+n))
				return
			}
		}
	}
	n := digits(rest, decimal)
	kind := tokInt
	afterDot := l.pos > 0 && l.src[l.pos-1] == '.' // x.0.1 is two subscripts
	if !afterDot {
		if n+1 < len(rest) && rest[n] == '.' && decimal(rest[n+1]) {
			n += 1 + digits(rest[n+1:], decimal)
			kind = tokFloat
		}
		if n+1 < len(rest) && rest[n]|0x20 == 'e' {
			sign := 0
			if rest[n+1] == '+' || rest[n+1] == '-' {
				sign = 1
			}
			if e := digits(rest[n+1+sign:], decimal); e > 0 {
				n += 1 + sign + e
				kind = tokFloat
			}
		}
	}
	if kind == tokInt && rest[0] == '0' && strings.Trim(rest[:n], "0_") != "" {
		l.fail("a number with a leading zero")
		return
	}
	l.emit(kind, l.take(n))
}

// string takes a literal and resolves its escapes as Python does.
func (l *lexer) string(rest string) {
	quote := rest[0]
	var b strings.Builder
	for i := 1; i < len(rest); {
		c := rest[i]
		switch {
		case c == quote:
			l.emit(tokString, b.String())
			l.take(i + 1)
			return
		case c != '\\':
			b.WriteByte(c)
			i++
		case i+1 < len(rest):
			n := escape(&b, rest[i+1:])
			if n == 0 {
				l.fail("bad escape in a string")
				return
			}
			i += 1 + n
		default:
			i++
		}
	}
	l.fail("a string without an end")
}

var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v'}

// escape resolves the escape that begins s, after its backslash, and returns its length, or 0.
func escape(b *strings.Builder, s string) int {
	if c, ok := simpleEscapes[s[0]]; ok {
		b.WriteByte(c)
		return 1
	}
	width, base, skip := 0, 16, 1
	switch c := s[0]; {
	case c == '\n':
		return 1
	case c == 'x':
		width = 2
	case c == 'u':
		width = 4
	case c == 'U':
		width = 8
	case c >= '0' && c <= '7':
		base, skip = 8, 0
		for width < 3 && width < len(s) && s[width] >= '0' && s[width] <= '7' {
			width++
		}
	case c == 'N':
		return 0
	default: // Python keeps unknown escapes
		b.WriteByte('\\')
		b.WriteByte(c)
		return 1
	}
	if len(s) < skip+width {
		return 0
	}
	r, err := strconv.ParseUint(s[skip:skip+width], base, 32)
	if err != nil || r > unicode.MaxRune {
		return 0
	}
	b.WriteRune(rune(r))
	return skip + width
}

// isSpace is Python's str.isspace.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
