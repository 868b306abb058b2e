package chat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// parsing is what the parsers of one template share. gonja reads the document and builds its tree; the statements that it
// finds are read here, with expressions whose evaluation is bounded.
type parsing struct {
	limits Limits
	line   int
	depth  int
	loops  int      // enclosing for loops of the present macro
	names  []string // every name read so far
}

// outputName is the statement that stands for {{ … }}: gonja would read the expression there with its own parser, which
// knows no conditional expressions inside others. No template can spell it.
const outputName = "\x00output"

// parse returns the tree of a template.
func parse(source string, l Limits) (root *nodes.Template, err error) {
	defer recoverTo(&err)
	list, err := lex(source)
	if err != nil {
		return nil, err
	}
	ps := &parsing{limits: l}
	root, err = parser.NewParser("template", tokens.NewStream(gonjaTokens(list)), config.New(), nil, ps.statements()).Parse()
	if err != nil {
		e := &SyntaxError{ps.line, err.Error()}
		var at *parser.SyntaxError
		if errors.As(err, &at) {
			e.Line, e.Msg = at.Line, at.Message
		}
		return nil, e
	}
	return root, nil
}

var gonjaKinds = map[tokenKind]tokens.Type{
	tokEOF: tokens.EOF, tokData: tokens.Data, tokBlockBegin: tokens.BlockBegin, tokBlockEnd: tokens.BlockEnd,
	tokVarBegin: tokens.BlockBegin, tokVarEnd: tokens.BlockEnd, tokName: tokens.Name, tokString: tokens.String,
	tokInt: tokens.Integer, tokFloat: tokens.Float, tokOp: tokens.Operator,
}

// gonjaTokens turns a template's tokens into gonja's. White space has been dealt with, so tags carry no marks for it.
func gonjaTokens(list []token) []*tokens.Token {
	slab := make([]tokens.Token, 0, len(list)+len(list)/2)
	for _, t := range list {
		slab = append(slab, tokens.Token{Type: gonjaKinds[t.kind], Val: t.text, Line: t.line})
		if t.kind == tokVarBegin {
			slab = append(slab, tokens.Token{Type: tokens.Name, Val: outputName, Line: t.line})
		}
	}
	out := make([]*tokens.Token, len(slab))
	for i := range slab {
		out[i] = &slab[i]
	}
	return out
}

// statements is the registry that gonja's parser looks statements up in. What would read other templates is not there:
// include, import, from, extends and block.
func (ps *parsing) statements() *exec.ControlStructureSet {
	readers := map[string]func(p *exprParser, doc *parser.Parser) nodes.ControlStructure{
		outputName: (*exprParser).output, "print": (*exprParser).output,
		"if": (*exprParser).ifStatement, "for": (*exprParser).forStatement, "set": (*exprParser).setStatement,
		"macro": (*exprParser).macroStatement, "call": (*exprParser).callStatement, "filter": (*exprParser).filterStatement,
		"with": (*exprParser).withStatement, "generation": (*exprParser).generation,
		"break": (*exprParser).jump, "continue": (*exprParser).jump,
	}
	set := map[string]parser.ControlStructureParser{}
	for name, read := range readers {
		set[name] = func(doc, args *parser.Parser) (nodes.ControlStructure, error) {
			p := ps.expressions(args, doc.Current())
			p.name = name
			defer p.enter()()
			return read(p, doc), nil
		}
	}
	return exec.NewControlStructureSet(set)
}

// expressions returns a parser for the tokens inside one tag; after is the token that follows it.
func (ps *parsing) expressions(args *parser.Parser, after *tokens.Token) *exprParser {
	p := &exprParser{parsing: ps}
	line := ps.line
	for !args.End() {
		t := args.Next()
		kind := tokOp
		switch t.Type {
		case tokens.Name:
			kind = tokName
		case tokens.String:
			kind = tokString
		case tokens.Integer:
			kind = tokInt
		case tokens.Float:
			kind = tokFloat
		}
		p.tokens = append(p.tokens, token{kind, t.Val, t.Line})
	}
	switch {
	case len(p.tokens) > 0:
		line = p.tokens[len(p.tokens)-1].line
	case after != nil && after.Line > 0:
		line = after.Line
	}
	ps.line = line
	p.tokens = append(p.tokens, token{tokBlockEnd, "", line})
	p.where = &tokens.Token{Line: p.tokens[0].line}
	return p
}

// close checks that the tag ends here.
func (p *exprParser) close() {
	p.skipOp(":") // as in Python
	if p.cur().kind != tokBlockEnd {
		p.fail("expected the end of the statement, got %s", p.cur())
	}
}

// body reads the statements up to one of the end tags, and returns what is in that tag.
func (p *exprParser) body(doc *parser.Parser, ends ...string) (*nodes.Wrapper, *exprParser) {
	p.close()
	w, args, err := doc.WrapUntil(ends...)
	if err != nil {
		e := &SyntaxError{p.line, err.Error()}
		var at *SyntaxError
		var gonja *parser.SyntaxError
		if errors.As(err, &at) {
			e = at
		} else if errors.As(err, &gonja) {
			e = &SyntaxError{max(gonja.Line, p.line), gonja.Message}
		}
		p.stop(e)
	}
	return w, p.expressions(args, doc.Current())
}

// last is body for the last part of a statement.
func (p *exprParser) last(doc *parser.Parser, end string) *nodes.Wrapper {
	w, rest := p.body(doc, end)
	rest.close()
	return w
}

// apart is last for a body whose output is captured: no loop reaches into it.
func (p *exprParser) apart(doc *parser.Parser, end string) *nodes.Wrapper {
	loops := p.loops
	p.loops = 0
	w := p.last(doc, end)
	p.loops = loops
	return w
}

func (p *exprParser) output(*parser.Parser) nodes.ControlStructure {
	s := &outputStmt{place{p.where}, p.tuple(true, true, "")}
	p.close()
	return s
}

func (p *exprParser) ifStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &ifStmt{place: place{p.where}}
	q := p
	for {
		s.tests = append(s.tests, q.tuple(false, true, ""))
		w, rest := q.body(doc, "elif", "else", "endif")
		s.bodies = append(s.bodies, w)
		switch w.EndTag {
		case "elif":
			q = rest
			continue
		case "else":
			s.orElse = rest.last(doc, "endif")
		default:
			rest.close()
		}
		return s
	}
}

func (p *exprParser) forStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &forStmt{place: place{p.where}}
	s.target = p.target("in")
	p.expect(tokName, "in")
	s.iter = p.tuple(false, true, "recursive")
	if p.skipName("if") {
		s.test = p.expression()
	}
	s.recursive = p.skipName("recursive")
	p.loops++
	w, rest := p.body(doc, "endfor", "else")
	p.loops--
	s.body = w
	if w.EndTag == "else" {
		s.orElse = rest.last(doc, "endfor")
	} else {
		rest.close()
	}
	return s
}

func (p *exprParser) setStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &setStmt{place: place{p.where}}
	if p.cur().kind == tokName && p.peek().op(".") {
		s.namespace = p.next().text
		p.names = append(p.names, s.namespace)
		p.next()
		s.attr = p.expect(tokName, "").text
	} else {
		s.target = p.target("")
	}
	if p.skipOp("=") {
		s.value = p.tuple(true, true, "")
		p.close()
		return s
	}
	if p.cur().op("|") {
		s.filter = p.filterChain(&captured{p.node(p.line)}, false)
	}
	s.body = p.apart(doc, "endset")
	return s
}

func (p *exprParser) macroStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &macroStmt{place: place{p.where}, def: &macroDef{name: p.expect(tokName, "").text}}
	p.signature(s.def)
	p.macroBody(doc, s.def, "endmacro")
	return s
}

func (p *exprParser) callStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &callStmt{place: place{p.where}, caller: &macroDef{name: "caller"}}
	if p.cur().op("(") {
		p.signature(s.caller)
	}
	call, ok := p.expression().(*callExpr)
	if !ok {
		p.fail("expected a call")
	}
	s.call = call
	p.macroBody(doc, s.caller, "endcall")
	return s
}

func (p *exprParser) filterStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &filterStmt{place: place{p.where}}
	s.chain = p.filterChain(&captured{p.node(p.line)}, true)
	s.body = p.apart(doc, "endfilter")
	return s
}

func (p *exprParser) withStatement(doc *parser.Parser) nodes.ControlStructure {
	s := &withStmt{place: place{p.where}}
	for p.cur().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			p.expect(tokOp, ",")
		}
		s.targets = append(s.targets, p.target(""))
		p.expect(tokOp, "=")
		s.values = append(s.values, p.expression())
	}
	s.body = p.last(doc, "endwith")
	return s
}

// generation marks what an assistant said, for training; its text is output as it is.
func (p *exprParser) generation(doc *parser.Parser) nodes.ControlStructure {
	return &withStmt{place: place{p.where}, body: p.last(doc, "endgeneration")}
}

func (p *exprParser) jump(*parser.Parser) nodes.ControlStructure {
	p.close()
	if p.loops == 0 {
		p.fail("%s outside of a loop", p.name)
	}
	if p.name == "break" {
		return &jumpStmt{place{p.where}, flowBreak}
	}
	return &jumpStmt{place{p.where}, flowContinue}
}

func (p *exprParser) macroBody(doc *parser.Parser, d *macroDef, end string) {
	names := len(p.names)
	d.body = p.apart(doc, end)
	d.varargs = slices.Contains(p.names[names:], "varargs")
	d.kwargs = slices.Contains(p.names[names:], "kwargs")
}

func (p *exprParser) signature(d *macroDef) {
	p.expect(tokOp, "(")
	for !p.cur().op(")") {
		if len(d.params) > 0 {
			p.expect(tokOp, ",")
		}
		d.params = append(d.params, p.expect(tokName, "").text)
		var def expr
		if p.skipOp("=") {
			def = p.expression()
		} else if n := len(d.defaults); n > 0 && d.defaults[n-1] != nil {
			p.fail("a parameter without a default after one with a default")
		}
		d.defaults = append(d.defaults, def)
	}
	p.next()
}

// target is what a value is assigned to: a name, or a tuple of targets.
type target struct {
	name  string
	parts []target // not nil: a tuple
}

// target reads the left side of an assignment up to the name end, if that is not "".
func (p *exprParser) target(end string) target {
	defer p.enter()()
	var parts []target
	isTuple := false
	for {
		switch t := p.cur(); {
		case end != "" && t.name(end), len(parts) > 0 && (t.op("=") || t.op(")") || t.kind == tokBlockEnd):
		case p.skipOp("("):
			parts = append(parts, p.target(""))
			p.expect(tokOp, ")")
		default:
			name := p.expect(tokName, "")
			if slices.Contains([]string{"true", "false", "none", "True", "False", "None"}, name.text) {
				p.fail("cannot assign to %s", name.text)
			}
			parts = append(parts, target{name: name.text})
		}
		if !p.skipOp(",") {
			break
		}
		isTuple = true
	}
	if !isTuple && len(parts) == 1 {
		return parts[0]
	}
	if len(parts) == 0 {
		p.fail("expected a name to assign to, got %s", p.cur())
	}
	return target{parts: parts}
}

// stop ends the parsing: it panics with the error that parse returns.
func (ps *parsing) stop(err error) { panic(err) }

// tooDeep ends the parsing with a *LimitError.
func (ps *parsing) tooDeep() {
	ps.stop(&LimitError{What: "depth", Max: int64(ps.limits.Depth), Line: ps.line})
}

// enter counts a level of recursion until the function that it returns is called.
func (ps *parsing) enter() func() {
	if ps.depth++; ps.depth > ps.limits.Depth {
		ps.tooDeep()
	}
	return func() { ps.depth-- }
}

// node places a node above its operands.
func (ps *parsing) node(line int, below ...expr) at {
	h := int32(0)
	for _, e := range below {
		if e != nil {
			h = max(h, e.pos().height)
		}
	}
	if int(h) >= ps.limits.Depth {
		ps.tooDeep()
	}
	return at{int32(line), h + 1}
}

// fail ends the parsing with a *SyntaxError.
func (p *exprParser) fail(format string, args ...any) {
	p.stop(&SyntaxError{p.cur().line, fmt.Sprintf(format, args...)})
}
