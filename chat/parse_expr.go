package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// at is where a node stands and how many levels there are below it.
type at struct {
	line   int32
	height int32
}

func (a at) pos() at { return a }

// expr is an expression; its value is nil (None), bool, int64, float64, string or one of the pointer types of value.go.
type expr interface {
	eval(m *machine, s *exec.Context) any
	pos() at
}

// exprParser reads the tokens of one tag. It mirrors jinja2/parser.py, so that precedences and oddities are the same.
type exprParser struct {
	*parsing
	tokens []token // the last one is a tokBlockEnd
	i      int
	name   string        // of the statement
	where  *tokens.Token // of the statement, for gonja
}

func (p *exprParser) cur() token { return p.tokens[p.i] }

func (p *exprParser) next() token {
	t := p.tokens[p.i]
	p.i = min(p.i+1, len(p.tokens)-1)
	return t
}

// peek returns the token after the present one.
func (p *exprParser) peek() token { return p.tokens[min(p.i+1, len(p.tokens)-1)] }

func (t token) String() string {
	if t.kind == tokBlockEnd {
		return "the end of the tag"
	}
	return fmt.Sprintf("%q", t.text)
}

func (t token) op(text string) bool   { return t.kind == tokOp && t.text == text }
func (t token) name(text string) bool { return t.kind == tokName && t.text == text }

func (p *exprParser) skipOp(text string) bool {
	ok := p.cur().op(text)
	if ok {
		p.next()
	}
	return ok
}

func (p *exprParser) skipName(text string) bool {
	ok := p.cur().name(text)
	if ok {
		p.next()
	}
	return ok
}

func (p *exprParser) expect(kind tokenKind, text string) token {
	t := p.cur()
	if t.kind != kind || text != "" && t.text != text {
		want := fmt.Sprintf("%q", text)
		if text == "" {
			want = "a name"
		}
		p.fail("expected %s, got %s", want, t)
	}
	return p.next()
}

// expression reads an expression, a conditional one too.
func (p *exprParser) expression() expr {
	defer p.enter()()
	e := p.or()
	for p.cur().name("if") {
		line := p.next().line
		test := p.or()
		var orElse expr
		if p.skipName("else") {
			orElse = p.expression()
		}
		e = &condExpr{p.node(line, e, test, orElse), test, e, orElse}
	}
	return e
}

// tuple reads one expression, or several with commas between them. It ends before the name end.
func (p *exprParser) tuple(conditional, required bool, end string) expr {
	var items []expr
	isTuple := false
	line := p.cur().line
	for {
		if t := p.cur(); t.kind == tokBlockEnd || t.op(")") || end != "" && t.name(end) {
			break
		}
		if conditional {
			items = append(items, p.expression())
		} else {
			items = append(items, p.or())
		}
		if !p.skipOp(",") {
			break
		}
		isTuple = true
	}
	if !isTuple {
		if len(items) == 1 {
			return items[0]
		}
		if required || !p.cur().op(")") {
			p.fail("expected an expression, got %s", p.cur())
		}
	}
	return &listExpr{p.node(line, items...), items, kindTuple}
}

func (p *exprParser) or() expr {
	e := p.and()
	for p.cur().name("or") {
		line := p.next().line
		right := p.and()
		e = &logicExpr{p.node(line, e, right), e, right, true}
	}
	return e
}

func (p *exprParser) and() expr {
	e := p.not()
	for p.cur().name("and") {
		line := p.next().line
		right := p.not()
		e = &logicExpr{p.node(line, e, right), e, right, false}
	}
	return e
}

func (p *exprParser) not() expr {
	if !p.cur().name("not") {
		return p.compare()
	}
	defer p.enter()()
	line := p.next().line
	e := p.not()
	return &notExpr{p.node(line, e), e}
}

func (p *exprParser) compare() expr {
	e := p.sum()
	c := &compareExpr{first: e}
	below := []expr{e}
	line := p.cur().line
	for {
		var op string
		switch t := p.cur(); {
		case t.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
			op = t.text
		case t.name("in"):
			op = "in"
		case t.name("not") && p.peek().name("in"):
			op = "not in"
			p.next()
		}
		if op == "" {
			break
		}
		p.next()
		right := p.sum()
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, right)
		below = append(below, right)
	}
	if len(c.ops) == 0 {
		return e
	}
	c.at = p.node(line, below...)
	return c
}

// binary reads operands with the given operators between them, left to right.
func (p *exprParser) binary(operand func() expr, ops ...string) expr {
	e := operand()
	for p.cur().kind == tokOp && slices.Contains(ops, p.cur().text) {
		op := p.next()
		right := operand()
		e = &binaryExpr{p.node(op.line, e, right), op.text, e, right}
	}
	return e
}

func (p *exprParser) sum() expr { return p.binary(p.concat, "+", "-") }

func (p *exprParser) concat() expr {
	items := []expr{p.product()}
	line := p.cur().line
	for p.skipOp("~") {
		items = append(items, p.product())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concatExpr{p.node(line, items...), items}
}

func (p *exprParser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }

func (p *exprParser) power() expr {
	return p.binary(func() expr { return p.unary(true) }, "**")
}

func (p *exprParser) unary(filters bool) expr {
	var e expr
	if t := p.cur(); t.op("-") || t.op("+") {
		leave := p.enter()
		p.next()
		e = p.unary(false)
		e = &signExpr{p.node(t.line, e), t.text == "-", e}
		leave()
	} else {
		e = p.primary()
	}
	e = p.postfix(e)
	for filters {
		switch t := p.cur(); {
		case t.op("|"):
			e = p.filterChain(e, false)
		case t.name("is"):
			e = p.test(e)
		case t.op("("):
			e = p.call(e)
		default:
			return e
		}
	}
	return e
}

func (p *exprParser) primary() expr {
	t := p.cur()
	here := p.node(t.line)
	switch t.kind {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constExpr{here, true}
		case "false", "False":
			return &constExpr{here, false}
		case "none", "None":
			return &constExpr{here, nil}
		}
		p.names = append(p.names, t.text)
		return &nameExpr{here, t.text}
	case tokString:
		var text strings.Builder
		for p.cur().kind == tokString {
			text.WriteString(p.next().text)
		}
		return &constExpr{here, text.String()}
	case tokInt:
		p.next()
		n, err := strconv.ParseInt(strings.ReplaceAll(t.text, "_", ""), 0, 64)
		if err != nil {
			p.fail("integer %s is too large", t.text)
		}
		return &constExpr{here, n}
	case tokFloat:
		p.next()
		f, err := strconv.ParseFloat(strings.ReplaceAll(t.text, "_", ""), 64)
		if err != nil {
			p.fail("number %s is too large", t.text)
		}
		return &constExpr{here, f}
	}
	switch {
	case p.skipOp("("):
		leave := p.enter()
		e := p.tuple(true, false, "")
		p.expect(tokOp, ")")
		leave()
		return e
	case p.skipOp("["):
		var items []expr
		for !p.cur().op("]") {
			items = append(items, p.expression())
			if !p.skipOp(",") {
				break
			}
		}
		p.expect(tokOp, "]")
		return &listExpr{p.node(t.line, items...), items, kindList}
	case p.skipOp("{"):
		d := &dictExpr{}
		for !p.cur().op("}") {
			d.keys = append(d.keys, p.expression())
			p.expect(tokOp, ":")
			d.values = append(d.values, p.expression())
			if !p.skipOp(",") {
				break
			}
		}
		p.expect(tokOp, "}")
		d.at = p.node(t.line, append(slices.Clone(d.keys), d.values...)...)
		return d
	}
	p.fail("unexpected %s", t)
	return nil
}

func (p *exprParser) postfix(e expr) expr {
	for {
		switch t := p.cur(); {
		case t.op("."):
			p.next()
			switch name := p.next(); name.kind {
			case tokName:
				e = &attrExpr{p.node(t.line, e), e, name.text}
			case tokInt:
				n, err := strconv.ParseInt(name.text, 10, 64)
				if err != nil {
					p.fail("bad index %s", name.text)
				}
				e = &itemExpr{p.node(t.line, e), e, &constExpr{p.node(t.line), n}}
			default:
				p.fail("expected a name or number after the dot")
			}
		case t.op("["):
			p.next()
			var subs []expr
			for !p.cur().op("]") {
				if len(subs) > 0 {
					p.expect(tokOp, ",")
				}
				subs = append(subs, p.subscript())
			}
			p.next()
			var key expr = &listExpr{p.node(t.line, subs...), subs, kindTuple}
			if len(subs) == 1 {
				key = subs[0]
			}
			e = &itemExpr{p.node(t.line, e, key), e, key}
		case t.op("("):
			e = p.call(e)
		default:
			return e
		}
	}
}

// subscript reads an index or a slice.
func (p *exprParser) subscript() expr {
	line := p.cur().line
	bound := func() expr {
		if t := p.cur(); t.op(":") || t.op("]") || t.op(",") {
			return nil
		}
		return p.expression()
	}
	var lo, hi, step expr
	if lo = bound(); !p.skipOp(":") {
		if lo == nil {
			p.fail("expected an index, got %s", p.cur())
		}
		return lo
	}
	if hi = bound(); p.skipOp(":") {
		step = bound()
	}
	return &sliceExpr{p.node(line, lo, hi, step), lo, hi, step}
}

// arguments reads ( … ).
func (p *exprParser) arguments() (a argExprs) {
	p.expect(tokOp, "(")
	for !p.cur().op(")") {
		switch t := p.cur(); {
		case p.skipOp("*"):
			a.star = p.expression()
		case p.skipOp("**"):
			a.starStar = p.expression()
		case t.kind == tokName && p.peek().op("="):
			p.next()
			p.next()
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.expression())
		default:
			if a.star != nil || a.starStar != nil || len(a.named) > 0 {
				p.fail("a positional argument after a named one")
			}
			a.pos = append(a.pos, p.expression())
		}
		if !p.skipOp(",") {
			break
		}
	}
	p.expect(tokOp, ")")
	return a
}

// all returns the arguments' expressions and what they are applied to, for node.
func (a *argExprs) all(e expr) []expr {
	return append(append([]expr{e, a.star, a.starStar}, a.pos...), a.named...)
}

func (p *exprParser) call(f expr) expr {
	line := p.cur().line
	args := p.arguments()
	return &callExpr{p.node(line, args.all(f)...), f, args}
}

// filterChain reads | name(…) | name(…) …; with bare, the first bar is missing.
func (p *exprParser) filterChain(e expr, bare bool) expr {
	for bare || p.skipOp("|") {
		bare = false
		name := p.dotted()
		f := &filterExpr{of: e, name: name.text}
		if p.cur().op("(") {
			f.args = p.arguments()
		}
		f.at = p.node(name.line, f.args.all(e)...)
		e = f
	}
	return e
}

// dotted reads the name of a filter or test.
func (p *exprParser) dotted() token {
	name := p.expect(tokName, "")
	for p.skipOp(".") {
		name.text += "." + p.expect(tokName, "").text
	}
	return name
}

func (p *exprParser) test(e expr) expr {
	p.next()
	negated := p.skipName("not")
	name := p.dotted()
	t := &testExpr{of: e, name: name.text}
	switch c := p.cur(); {
	case c.op("("):
		t.args = p.arguments()
	case c.name("else"), c.name("or"), c.name("and"):
	case c.name("is"):
		p.fail("tests cannot be chained with is")
	case c.kind == tokName, c.kind == tokString, c.kind == tokInt, c.kind == tokFloat, c.op("["), c.op("{"):
		t.args.pos = []expr{p.postfix(p.primary())}
	}
	t.at = p.node(name.line, t.args.all(e)...)
	if negated {
		return &notExpr{p.node(name.line, t), t}
	}
	return t
}
