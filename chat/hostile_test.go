package chat

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// hostile templates try to take time, memory or the stack, or to reach what they must not. What they must end with: the What of
// a *LimitError, "syntax" or "render".
var hostile = map[string]struct{ source, want string }{
	"steps":                {loops(4, "{% set x = a %}"), "steps"},
	"nested loops":         {loops(8, ""), "steps"},
	"empty loops":          {"{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps"},
	"filtered loops":       {"{% for a in range(100000) %}{% for b in range(100000) if b < 0 %}{% endfor %}{% endfor %}", "steps"},
	"deep scope":           {strings.Repeat("{% with %}", 90) + "{% for a in range(100000) %}{% for b in range(100000) %}{{ missing }}{% endfor %}{% endfor %}" + strings.Repeat("{% endwith %}", 90), "steps"},
	"concatenation":        {double("@ ~ @"), "memory"},
	"addition":             {double("@ + @"), "memory"},
	"repetition":           {double("@ * 10"), "memory"},
	"repetition at once":   {"{{ 'abcdefgh' * 9223372036854775807 }}", "memory"},
	"join":                 {double("[@, @] | join(@)"), "memory"},
	"join method":          {double("@.join([@, @, @])"), "memory"},
	"replace":              {double("@ | replace('x', 'xx')"), "memory"},
	"replace method":       {double("@.replace('', @)"), "memory"},
	"printf":               {double("'%s%s' % (@, @)"), "memory"},
	"printf width":         {"{{ '%1000000000s' % 'x' }}", "memory"},
	"printf star":          {"{{ '%*d' % (2000000000, 1) }}", "memory"},
	"printf precision":     {"{{ '%.1000000000f' % 1.5 }}", "memory"},
	"printf zeros":         {"{{ '%.1000000000d' % 1 }}", "memory"},
	"format":               {double("'{}{}'.format(@, @)"), "memory"},
	"format width":         {"{{ '{:>1000000000}'.format('x') }}", "memory"},
	"format nested width":  {"{{ '{:>{w}}'.format('x', w=1000000000) }}", "memory"},
	"format zeros":         {"{{ '{:01000000000,}'.format(1) }}", "memory"},
	"format precision":     {"{{ '{:.1000000000f}'.format(1.5) }}", "memory"},
	"center":               {"{{ 'x'.center(1000000000) }}", "memory"},
	"zfill":                {"{{ 'x'.zfill(1000000000) }}", "memory"},
	"indent width":         {"{{ 'a\nb' | indent(1000000000) }}", "memory"},
	"indent":               {double("@ | indent(@, true) ~ '\n'"), "memory"},
	"upper":                {"{% set s = 'x' * 1000000 %}{% for i in range(1000) %}{% set t = s | upper %}{% endfor %}", "memory"},
	"escape":               {double("@ | replace('x', '<') | escape ~ 'x' | replace('x', @)"), "memory"},
	"tojson indent":        {"{{ [1] | tojson(indent=1000000000) }}", "memory"},
	"tojson separators":    {"{% set s = 'x' * 1000000 %}{{ range(1000) | list | tojson(separators=(s, s)) }}", "memory"},
	"split":                {"{% set s = ' x' * 15000000 %}{{ s.split() | length }}", "memory"},
	"split at":             {"{% set s = ',' * 30000000 %}{{ s.split(',') | length }}", "memory"},
	"splitlines":           {"{% set s = '\n' * 30000000 %}{{ s.splitlines() | length }}", "memory"},
	"list of text":         {"{% set s = 'x' * 30000000 %}{{ s | list | length }}", "memory"},
	"slices":               {"{% set s = 'x' * 30000000 %}{% for i in range(1000) %}{% set t = s[1:] %}{% endfor %}", "memory"},
	"list doubling":        {"{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "memory"},
	"list repetition":      {"{{ [1, 2] * 9223372036854775807 }}", "memory"},
	"batch":                {"{{ [1] | batch(2000000000, 'x') | list }}", "memory"},
	"slice":                {"{{ [1] | slice(2000000000) | list }}", "memory"},
	"range":                {"{{ range(100001) }}", "range elements"},
	"huge range":           {"{{ range(-9223372036854775807, 9223372036854775807) }}", "range elements"},
	"ranges":               {"{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = ns.s + [range(100000)] %}{% endfor %}", "memory"},
	"power":                {"{{ 10 ** 1000000000000 }}", "render"},
	"powers":               {"{{ 2 ** 62 ** 62 ** 62 ** 62 }}", "render"},
	"power of one":         {"{{ 1 ** 9223372036854775807 + (-1) ** 9223372036854775807 + 0 ** 9223372036854775807 + 2 ** 64 }}", "render"},
	"digits":               {"{{ " + strings.Repeat("9", 100_000) + " }}", "syntax"},
	"float digits":         {"{{ " + strings.Repeat("9", 100_000) + "e999999999 }}", "syntax"},
	"parentheses":          {"{{ " + strings.Repeat("(", 50_000) + "1" + strings.Repeat(")", 50_000) + " }}", "depth"},
	"brackets":             {"{{ " + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + " }}", "depth"},
	"braces":               {"{{ " + strings.Repeat("{1:", 50_000) + strings.Repeat("}", 50_000) + " }}", "depth"},
	"nots":                 {"{{ " + strings.Repeat("not ", 50_000) + "x }}", "depth"},
	"signs":                {"{{ " + strings.Repeat("-", 100_000) + "1 }}", "depth"},
	"filters in a row":     {"{{ x" + strings.Repeat("|e", 100_000) + " }}", "depth"},
	"attributes in a row":  {"{{ x" + strings.Repeat(".e", 100_000) + " }}", "depth"},
	"subscripts":           {"{{ " + strings.Repeat("x[", 50_000) + "0" + strings.Repeat("]", 50_000) + " }}", "depth"},
	"calls":                {"{{ x" + strings.Repeat("()", 100_000) + " }}", "depth"},
	"conditions":           {"{{ 1" + strings.Repeat(" if 1 else 1", 20_000) + " }}", "depth"},
	"sums":                 {"{{ 1" + strings.Repeat("+1", 100_000) + " }}", "depth"},
	"tuple targets":        {"{% for " + strings.Repeat("(", 50_000) + "a" + strings.Repeat(")", 50_000) + " in x %}{% endfor %}", "depth"},
	"statements":           {strings.Repeat("{% if 1 %}", 20_000) + strings.Repeat("{% endif %}", 5_000), "depth"},
	"macros in macros":     {strings.Repeat("{% macro m() %}", 10_000), "depth"},
	"source":               {strings.Repeat("x", 256<<10+1), "source"},
	"recursive macro":      {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "depth"},
	"mutual macros":        {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "depth"},
	"macro tree":           {"{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}", "steps"},
	"recursive default":    {"{% macro m(a=m()) %}{{ a }}{% endmacro %}{{ m() }}", "depth"},
	"recursive caller":     {"{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}", "depth"},
	"recursive loop":       {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "depth"},
	"map of map":           {"{{ 'a' | map(*(['map'] * 500000)) | list }}", "depth"},
	"namespace cycle":      {"{% set n = namespace() %}{% set n.n = n %}{{ n }}", "depth"},
	"cycle through a list": {"{% set n = namespace() %}{% set n.l = [n] %}{{ n.l }}", "depth"},
	"cycle to JSON":        {"{% set n = namespace() %}{% set n.l = [n] %}{{ n.l | tojson }}", "render"},
	"shared list":          {double("[@, @]") + "{{ ns.s }}", "steps"},
	"shared list to JSON":  {shared + "{{ ns.s | tojson }}", "steps"},
	"shared list printed":  {shared + "{{ ns.s }}", "steps"},
	"shared list compared": {shared + "{% set a = ns.s %}" + shared + "{{ a == ns.s }}", "steps"},
	"shared list sorted":   {shared + "{% set a = ns.s %}" + shared + "{{ [a, ns.s] | sort }}", "steps"},
	"shared tuple as key":  {strings.ReplaceAll(shared, "[ns.s, ns.s]", "(ns.s, ns.s)") + "{{ {ns.s: 1} }}", "memory"},
	"shared tuple found":   {strings.ReplaceAll(shared, "[ns.s, ns.s]", "(ns.s, ns.s)") + "{{ {1: 1}[ns.s] }}", "memory"},
	"deep list":            {"{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s | tojson }}", "depth"},
	"output":               {"{% set s = 'x' * 1000000 %}{% for i in range(1000) %}{{ s }}{% endfor %}", "output"},
	"captured output":      {"{% set x %}{% for i in range(100000) %}{% for j in range(1000) %}xxxxxxxx{% endfor %}{% endfor %}{% endset %}", "steps"},
	"search":               {"{% set s = 'a' * 20000000 %}{% set t = 'a' * 1000 ~ 'b' %}{% for i in range(10000) %}{{ t in s }}{% endfor %}", "steps"},
	"strip":                {"{% set s = 'a' * 1000000 %}{% set t = 'b' * 1000000 ~ 'a' %}{% for i in range(10000) %}{{ s.strip(t) }}{% endfor %}", "steps"},
	"long keys":            {"{% set s = 'a' * 20000000 %}{% set d = {s: 1} %}{% for i in range(10000) %}{{ d[s] }}{% endfor %}", "steps"},
	"sorting":              {"{% for i in range(1000) %}{% set x = range(100000) | sort(reverse=true) %}{% endfor %}", "steps"},
	"unique":               {"{% for i in range(1000) %}{% set x = range(100000) | unique | list %}{% endfor %}", "memory"},
	"include":              {"{% include '/etc/passwd' %}", "syntax"},
	"import":               {"{% import 'x' as x %}", "syntax"},
	"from":                 {"{% from 'x' import y %}", "syntax"},
	"extends":              {"{% extends 'x' %}", "syntax"},
	"class":                {"{{ ''.__class__.__mro__ }}", "render"},
	"globals":              {"{{ range.__globals__['os'] }}", "render"},
	"gonja's name":         {"{% \x00output x %}", "syntax"},
	"unclosed":             {strings.Repeat("{{ ", 50_000), "syntax"},
	"unclosed raw":         {"{% raw %}" + strings.Repeat("{% ", 50_000), "syntax"},
	"unclosed comments":    {strings.Repeat("{# ", 50_000), "syntax"},
}

// loops are n nested ones around body.
func loops(n int, body string) string {
	return strings.Repeat("{% for a in range(100) %}", n) + body + strings.Repeat("{% endfor %}", n)
}

// double sets ns.s, which @ stands for, to the expression 99 times.
func double(expr string) string {
	return "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = " + strings.ReplaceAll(expr, "@", "ns.s") + " %}{% endfor %}"
}

// shared makes a list of 2⁶⁰ elements out of 60.
const shared = "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}"

// TestHostile gives steps, whose number is the time that these tests take, a fifth of the usual limit; TestLongHostile has the usual one.
func TestHostile(t *testing.T) { refuses(t, 1_000_000) }

// refuses takes all hostile templates, those that must end by their steps with so many; 0: the usual limit.
func refuses(t *testing.T, steps int) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			peak := watchHeap(t)
			start := time.Now()
			limits := Limits{Time: 5 * time.Minute}
			if c.want == "steps" {
				limits.Steps = steps
			}
			tmpl, err := Parse(c.source, limits)
			if err == nil {
				_, err = tmpl.Render([]Message{{"user", "hi"}}, Options{})
			}
			took := time.Since(start)
			var le *LimitError
			got := fmt.Sprint(err)
			switch {
			case errors.As(err, &le) && errors.Is(err, ErrLimit):
				got = le.What
			case errors.Is(err, ErrSyntax):
				got = "syntax"
			case errors.Is(err, ErrRender) && errors.As(err, new(*RenderError)):
				got = "render"
			}
			if got != c.want {
				t.Errorf("%.200v, want %s", err, c.want)
			}
			if took > patience {
				t.Errorf("took %v", took)
			}
			if mib := peak() >> 20; mib > 300 {
				t.Errorf("%d MiB in use", mib)
			}
		})
	}
}

// patience is for emulators and the race detector; on an idle machine of 2025 no hostile template takes a second.
const patience = 2 * time.Minute

// watchHeap samples the heap until the function that it returns is called, which gives the most bytes above those at the start.
func watchHeap(t *testing.T) (peak func() int64) {
	t.Helper()
	runtime.GC()
	read := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	before := read()
	most := before
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for tick := time.NewTicker(time.Millisecond); ; {
			most = max(most, read())
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return most - before
	}
}

// TestTimeLimit: steps are no bound for long when the machine is slow.
func TestTimeLimit(t *testing.T) {
	tmpl, err := Parse(loops(8, ""), Limits{Steps: 1 << 40, Memory: 1 << 40, Time: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = tmpl.Render(nil, Options{})
	var le *LimitError
	if !errors.As(err, &le) || le.What != "time" {
		t.Errorf("%v, want the limit of time", err)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("took %v", took)
	}
}
