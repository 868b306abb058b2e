"""Writes the goldens of package chat with jinja2, set up as in transformers' chat_template_utils.py.

    python3 chat/testdata/make.py        # jinja2 3.1.6, Python 3.11

table.json: small templates, and what they give or which error. renders.json: the templates in templates/ and those of names.go,
with the conversations in conversations.json. Further arguments are template files, whose results go to standard output instead.
"""

import datetime
import json
import pathlib
import re
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2025, 3, 7, 14, 5, 9, 12345)


class Generation(Extension):
    """{% generation %}, which marks what to train on; the text comes out as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("text"), [], [], body).set_lineno(line)

    def text(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENV = environment()


def run(source, variables):
    try:
        template = ENV.from_string(source)
    except jinja2.exceptions.TemplateAssertionError:  # an unknown filter or test
        return {"error": "render"}
    except (jinja2.exceptions.TemplateSyntaxError, SyntaxError):
        return {"error": "syntax"}
    try:
        return {"text": template.render(**variables)}
    except RecursionError:
        return {"error": "limit"}
    except Exception as e:
        if type(e) is jinja2.exceptions.TemplateError:  # raise_exception
            return {"error": "raised", "text": str(e)}
        return {"error": "render"}


VARS = {
    "s": "Hello, World",
    "u": "Grüße, Ωmega 你好 🙂",
    "empty": "",
    "lines": "one\n  two\n\nthree\n",
    "n": 7,
    "neg": -3,
    "f": 2.5,
    "big": 1e20,
    "yes": True,
    "no": False,
    "nothing": None,
    "l": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "mixed": [1, "a", None, True, 2.0, [1, 2], {"k": "v"}],
    "d": {"b": 1, "a": [1, 2], "C": None, "keys": "shadow"},
    "people": [
        {"name": "Ann", "age": 31, "tags": ["x"], "address": {"city": "Oslo"}},
        {"name": "bob", "age": 25, "tags": [], "address": {"city": "rome"}},
        {"name": "Cid", "age": 31, "tags": ["y", "z"]},
    ],
    "tools": [{"type": "function", "function": {"name": "get", "parameters": {"type": "object", "properties": {"q": {"type": "string", "description": "\"é<&>'\n"}}}}}],
}

# One template a line. {{ }} is put around lines without a brace.
TABLE = r"""
s
u
nothing
yes
no
n
f
big
1e16
1e15
1e-4
1e-5
1.0
-0.0
1_000
0x1F + 0b11 + 0o17
123456789012345678
l
mixed
d
tools
[]
{}
()
(1,)
(1, 2)
1, 2
'a' 'b'
"it's"
["it's", 'say "x"', 'both \' and "']
['a\nb\t\\', '\x00\x7f\xe9\u4f60', 'é\u00ad\u2028']
'\u00e9\x41\101\q'
missing
missing.x
missing['x']
missing | string
missing ~ 'x'
missing + 1
missing == missing
missing == none
missing is defined
missing.x is defined
d.nope
d.nope is undefined
d.nope.x is undefined
d.b
d['b']
d['keys']
d.get('b')
d.get('zz')
d.get('zz', 5)
d.items()
d.items() | list
d.values()
d.keys() | list
dict(d).b
people[0].name
people[-1].address
people[3]
people[0]['address']['city']
l[0]
l[-1]
l[5]
l['x']
l.0
people.0.name
l[1:]
l[::-1]
l[:2]
l[-2:]
l[::2]
l[5:1]
l[::0]
s[0]
s[-1]
s[99]
s[1:4]
s[::-1]
s[-5:]
s[:-1]
u[::2]
u[7:12]
u[0]
u[-1]
d[1:2]
n[0]
none[0]
(1,2,3)[1:]
range(5)[1:3]
range(3)
range(1, 4)
range(0)
range(3) | list
range(1, 20, 4) | list
range()
range('a')
range(3)[1]
1 + 2 * 3
(1 + 2) * 3
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7 / 2
6 / 2
7.5 // 2
-7.5 % 2
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
1 / 0
1 // 0
1 % 0
1.0 / 0
0.1 + 0.2
1e308 * 10
'a' + 'b'
'a' + 1
1 + 'a'
'ab' * 3
3 * 'ab'
'ab' * -1
[1] + [2]
[1, 2] * 2
(1,) + (2,)
[1] + (2,)
'%s is %d' % ('x', 5)
'%5.1f|%-6s|%06d|%+d|%x|%%' % (3.14159, 'ab', 42, 5, 255)
'%s' % 5
'%s' % [1, 2]
'%(a)s-%(b)03d' % {'a': 1, 'b': 2}
'%d' % 'x'
'%s %s' % 'x'
'%s' % (1, 2)
'%d' % 3.9
'%r' % 'x'
'%e' % 12345.678
'%g %g %g' % (0.0001, 1e10, 100000)
'%c%c' % ('a', 98)
'%5s|%-5s|%.2s' % ('a', 'b', 'cde')
'%*d' % (5, 42)
'%#x %#o %X' % (255, 8, 255)
'%i %u' % (1, 2)
'% d' % 5
'%a' % 'é'
'%z' % 5
'%' % ()
'{} {}'.format(1, 'a')
'{1} {0}'.format('a', 'b')
'{x:>5}|{x:<5}|{x:^5}|{x:*^7}'.format(x='ab')
'{:05d} {:+d} {:,} {:x} {:#x} {:b}'.format(42, 42, 1234567, 255, 255, 5)
'{:.2f} {:10.3e} {:g} {:.0%}'.format(3.14159, 12345.6789, 0.5, 0.25)
'{0.name} {0[age]}'.format(people[0])
'{{}} {}'.format(1)
'{} {0}'.format(1)
'{}'.format()
'{x}'.format(y=1)
'{'.format()
'}'.format()
'{!r} {!s}'.format('a', 'b')
'{:{w}}|'.format('a', w=5)
'{:.3}'.format('abcdef')
'{:.3}'.format(3.14159)
'{:d}'.format('a')
'{:5}|{:<5}|{:^5}'.format(1, 1, 1)
'{:>8.2f}|{:08.2f}|{:+.1f}'.format(1.5, -1.5, 2)
'{:,.2f} {:_}'.format(1234567.891, 1234567)
'{:012,}'.format(1234567)
'{:s}'.format(5)
'{}'.format(none)
'{:5}'.format(none)
'{0[0]} {0[1]}'.format([1,2])
'%s' | format('x')
'%s %s' | format('x', 1)
'%(a)s' | format(a=1)
1 < 2
1 < 2 < 3
1 < 3 < 2
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
[1] == [1]
[1] == (1,)
1 == 1.0
1 == true
'1' == 1
none == none
none < 1
{'a': 1} == {'a': 1.0}
range(2) == range(2)
1 in [1, 2]
3 not in l
'ell' in s
'b' in d
1 in 'a'
1 in 5
'x' in missing
not true
not ''
not 1 in [1]
1 and 2
0 or 'x'
none or false
'' and 1
true and not false
1 if yes else 2
1 if no else 2
1 if no
(1 if no) is defined
'a' if no else 'b' if yes else 'c'
n is odd
n is even
neg is odd
f is odd
n is divisibleby 7
n is divisibleby(3)
n is not divisibleby 2
n is number
yes is number
f is float
n is float
n is integer
yes is integer
yes is boolean
n is boolean
yes is true
no is false
1 is true
s is string
n is string
none is none
missing is none
l is sequence
s is sequence
d is sequence
(1,) is sequence
range(2) is sequence
d.items() is sequence
missing is sequence
n is sequence
(l|map('string')) is sequence
l is iterable
s is iterable
d.items() is iterable
(l|map('string')) is iterable
n is iterable
none is iterable
missing is iterable
d is mapping
l is mapping
namespace() is mapping
range is callable
s.upper is callable
s is callable
missing is callable
s is lower
'abc' is lower
'ABC' is upper
'123' is upper
missing is lower
n is in [7]
'a' is in 'abc'
n is eq 7
n is equalto(7)
n is ne 7
n is gt 5
n is greaterthan 9
n is ge 7
n is lt 5
n is lessthan 9
n is le 7
n is sameas n
none is sameas none
s is sameas 'x'
1 is sameas 1.0
true is sameas 1
n is escaped
'upper' is filter
'nofilter' is filter
'odd' is test
'nope' is test
n is nosuchtest
n | nosuchfilter
none is not none
not n is odd
n is odd and n is gt 3
s is string and s is not mapping
[1] is sequence and [1] is not string
s | upper
s | lower
u | lower
'hello wORLD' | title
"it's a-b (c d) [e] <f> {g} h_i" | title
'hELLO' | capitalize
empty | capitalize
'éCOLE' | capitalize
n | upper
none | upper
missing | upper
'  x ' | trim
'xxaxx' | trim('x')
'  x ' | trim | length
missing | trim
none | trim
5 | trim
s | length
l | length
d | length
u | length
n | length
missing | length
none | length
l | count
(l | map('string')) | length
s | replace('o', '0')
s | replace('o', '0', 1)
s | replace('', '-')
n | replace('7', '8')
s | replace('l', none)
s | first
s | last
l | first
l | last
[] | first
[] | last
d | first
missing | first
(l | map('string')) | first
(l | map('string')) | last
l | join
l | join(', ')
l | join('-', attribute='x')
people | join(', ', attribute='name')
mixed | join('|')
s | join('.')
missing | join
none | join
d | join
s | list
l | list
d | list
(1, 2) | list
missing | list
none | list
l | map('string') | list
l | map('string') | join('+')
words | map('upper') | list
words | map('replace', 'p', 'q') | list
people | map(attribute='name') | list
people | map(attribute='address.city') | list
people | map(attribute='address.city', default='?') | list
people | map(attribute='tags.0', default='-') | list
people | map(attribute='address', default={}) | map(attribute='city', default='?') | list
l | map('nosuch') | list
none | map('upper') | list
missing | map('upper') | list
l | select | list
mixed | select | list
mixed | select('string') | list
l | select('odd') | list
l | select('gt', 1) | list
l | select('==', 2) | list
l | select('in', [1, 3]) | list
l | reject('odd') | list
mixed | reject | list
people | selectattr('tags') | map(attribute='name') | list
people | selectattr('age', 'equalto', 31) | map(attribute='name') | list
people | selectattr('address', 'defined') | map(attribute='name') | list
people | rejectattr('address.city', 'eq', 'Oslo') | map(attribute='name') | list
people | selectattr('address') | list | length
people | rejectattr('tags') | map(attribute='name') | list
people | selectattr('name', 'in', ['Ann', 'Cid']) | map(attribute='age') | sum
none | select | list
d | items | list
missing | items | list
l | items | list
d | dictsort
d | dictsort(true)
{'b': 2, 'a': 3} | dictsort(by='value')
{'b': 2, 'a': 3} | dictsort(reverse=true)
{'b': 2, 'a': 3} | dictsort(by='x')
{1: 'a', 'b': 2} | dictsort
l | sort
l | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
people | sort(attribute='age') | map(attribute='name') | list
people | sort(attribute='age,name') | map(attribute='name') | list
people | sort(attribute='age', reverse=true) | map(attribute='name') | list
mixed | sort
s | sort
d | sort
words | unique | list
words | unique(case_sensitive=true) | list
people | unique(attribute='age') | map(attribute='name') | list
[1, 1.0, true, 2] | unique | list
[[1], [1]] | unique | list
[(1, 2), (1, 2), (1, 3)] | unique | list
l | reverse | list
s | reverse
d | reverse | list
'42' | int
' 42 ' | int
'4.7' | int
'x' | int
'x' | int(5)
'x' | int(default=none)
'0x1f' | int(base=16)
'1f' | int(0, 16)
'0b11' | int(base=0)
'012' | int
'1_000' | int
'__1' | int
f | int
-2.7 | int
none | int
yes | int
missing | int
l | int
'inf' | int
'1e3' | int
'2.5' | float
'x' | float
'x' | float(1.5)
n | float
' 1e3 ' | float
'nan' | float
'-inf' | float
'1_0.5' | float
'infinity' | float
none | float
missing | float
2.5 | round
3.5 | round
42.55 | round(1)
42.55 | round(1, 'floor')
42.55 | round(1, 'ceil')
42.55 | round(precision=0, method='ceil')
n | round
n | round(2)
12345 | round(-2)
12350 | round(-2)
1234.5 | round(-2)
2.675 | round(2)
0.5 | round
1.5 | round | int
n | round(1, 'x')
'x' | round
-5 | abs
-2.5 | abs
'x' | abs
l | sum
[0.1, 0.2] | sum
[] | sum
people | sum(attribute='age')
l | sum(start=10)
[[1], [2]] | sum(start=[])
words | sum
l | min
l | max
words | min
words | max
words | max(case_sensitive=true)
people | max(attribute='age')
[] | min
mixed | max
range(7) | batch(3) | list
range(7) | batch(3, 'x') | list
range(7) | slice(3) | list
range(7) | slice(3, 'x') | list
people | groupby('age')
{% for g in people | groupby('age') %}{{ g.grouper }}:{{ g.list | length }} {% endfor %}
{% for k, v in people | groupby('address.city', default='none') %}{{ k }}:{{ v | map(attribute='name') | join(',') }} {% endfor %}
words | groupby(0)
lines | indent
lines | indent(2)
lines | indent(2, true)
lines | indent(2, first=true, blank=true)
lines | indent('> ')
'one' | indent
empty | indent(2, true)
n | indent
s | safe
s | string
n | string + 'x'
none | string
l | string
'<a href="x">\'&' | e
'<a>' | escape
'<a>' | forceescape
'a b  c-d e_f' | wordcount
u | wordcount
'hello world foo' | truncate(9)
'hello world foo' | truncate(9, true)
'hello world foo' | truncate(9, leeway=0)
'hello world foo' | truncate(11, false, '..', 0)
'hello world' | truncate(11)
'ab' | center(6)
'abc' | center(6)
'ab' | center(7)
missing | default('x')
missing | default
missing | d('y')
none | default('x')
none | default('x', true)
'' | default('x', boolean=true)
'' | default('x')
d.nope | default('z')
missing.x | default('z')
d | attr('b')
none | tojson
yes | tojson
n | tojson
f | tojson
big | tojson
s | tojson
u | tojson
u | tojson(ensure_ascii=true)
lines | tojson
'\x00\x1f\x7f\u2028<>&\'"\\/' | tojson
'\x7f\U0001f642' | tojson(true)
d | tojson
mixed | tojson
tools | tojson
tools | tojson(indent=2)
tools | tojson(indent=4)
[] | tojson(indent=2)
{} | tojson(indent=2)
{'a': []} | tojson(indent=0)
d | tojson(indent='--')
d | tojson(separators=(',', ':'))
d | tojson(indent=2, separators=(',', ': '))
{'b': 1, 'a': 2} | tojson(sort_keys=true)
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
(1, 2) | tojson
missing | tojson
range(3) | tojson
range | tojson
('inf' | float) | tojson
('-inf' | float) | tojson
('nan' | float) | tojson
'inf' | float | string
s.upper()
s.lower()
'hello wORLD o\'x' .title()
'hELLO'.capitalize()
'aBc'.swapcase()
s.casefold()
'  x '.strip()
'  x '.lstrip()
'  x '.rstrip()
'xxaxx'.strip('x')
'abcba'.lstrip('ab')
'a,b,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.rsplit(none, 1)
'a,b'.split('')
'a'.split(',')
''.split()
''.split(',')
'a<x>b<x>c'.split('<x>')[-1]
'a<x>b<x>c'.split('<x>')|last
lines.splitlines()
lines.splitlines(true)
s.startswith('He')
s.startswith(('X', 'H'))
s.startswith('lo', 3)
s.endswith('ld')
s.endswith('x')
s.startswith(none)
s.find('o')
s.find('zz')
s.find('o', 5)
s.rfind('o')
s.index('W')
s.index('zz')
s.count('o')
s.count('')
u.find('你')
s.replace('l', 'L')
s.replace('l', 'L', 1)
s.replace('x', none)
'-'.join(['a', 'b'])
'-'.join([1])
','.join('abc')
'42'.isdigit()
''.isdigit()
'a1'.isalnum()
'ab'.isalpha()
' \t'.isspace()
'AB'.isupper()
'ab'.islower()
'Ab Cd'.istitle()
'ab'.isascii()
u.isascii()
'ab'.center(7, '*')
'ab'.ljust(5) ~ '|'
'ab'.rjust(5)
'42'.zfill(5)
'-42'.zfill(5)
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('x')
'abc'.removeprefix('a')
'abc'.removesuffix('c')
s.nosuch()
s.nosuch
l.append(4)
l.append
d.update({'x': 1})
d.pop('b')
l.index(1)
l.index(9)
l.count(1)
l.copy()
d.copy() == d
s.__class__
''.__class__.__mro__
d.__class__
l.__len__
range.__globals__
s()
n()
d.b()
missing()
{% set j = joiner(', ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
namespace(a=1).a
namespace(a=1).b
namespace({'a': 2}, b=3).a
{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}
{% set ns = {'x': 1} %}{% set ns.x = 2 %}{{ ns.x }}
{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a, b = [1, 2, 3] %}{{ a }}
{% set x %}a{{ n }}b{% endset %}{{ x | upper }}
{% set x | upper | trim %} a {% endset %}[{{ x }}]
{% set none = 1 %}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}
{% for x in l %}{{ loop.previtem }}|{{ x }}|{{ loop.nextitem }};{% endfor %}
{% for x in l %}{{ loop.previtem is defined }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}
{% for x in [1, 1, 2, 2] %}{{ loop.changed(x) }} {% endfor %}
{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }} {% endfor %}
{% for x in [] %}a{% else %}empty{% endfor %}
{% for x in l if x > 9 %}a{% else %}none{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}
{% for c in s %}{{ c }}.{% endfor %}
{% for x in missing %}a{% else %}e{% endfor %}
{% for x in none %}a{% endfor %}
{% for x in 5 %}a{% endfor %}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }} {% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in l %}{% endfor %}
{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% break %}
{% for x in l %}{{ x }}{% endfor %}{{ x }}
{{ loop }}
{% for x in l %}{{ loop }}{% endfor %}
{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}
{% for x in [1, [2, [3, 4]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}d{{ loop.depth }}{% endif %}{% endfor %}
{% for x in l %}{{ loop(l) }}{% endfor %}
{% for x in l recursive if x %}{% endfor %}
{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}
{% if n > 9 %}a{% elif n > 3 %}b{% else %}c{% endif %}
{% if no %}a{% elif nothing %}b{% else %}c{% endif %}
{% if missing %}a{% else %}b{% endif %}
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=3) }} {{ m(1, 2, 3) }} {{ m() }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(5) }}
{% macro m() %}{{ caller() }}!{% endmacro %}{% call m() %}hi{% endcall %}
{% macro m() %}{{ caller(1, 2) }}!{% endmacro %}{% call(a, b) m() %}{{ a + b }}{% endcall %}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}
{% macro m() %}{% set y = 1 %}{{ y }}{% endmacro %}{{ m() }}{{ y }}
{% macro m(x) %}{{ x }}{% endmacro %}{{ m }}{{ m.name }}
{% macro m() %} a {% endmacro %}{{ m() | trim }}|{{ m() | length }}
{% filter upper %}a{{ s }}b{% endfilter %}
{% filter replace('l', 'L') | upper %}hello{% endfilter %}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}
{% generation %}a{{ n }}{% endgeneration %}
{% raw %}{{ n }}{% if %}{% endraw %}
{# comment {{ n }} #}x
{% print n %}
{% nosuch %}
{% if %}{% endif %}
{% if n %}
{% endif %}
{% for %}{% endfor %}
{{ n
{% if n
{{ n }
{{ }}
{{ 1 + }}
{{ (1 }}
{{ [1 }}
{{ 'abc }}
{{ n m }}
{{ 1.2.3 }}
{{ a.1b }}
{{ 01 }}
{{ f(a=1, 2) }}
{{ x | }}
{{ x is }}
{{ n is odd is even }}
{{ '\x' }}
{{ @ }}
{{ ) }}
{# open
{% raw %}x
{{ n -}} x
{{- n }}
a {{- n -}} b
a {{ n }} b
raise_exception('no ' ~ n)
{% if yes %}{{ raise_exception('stop') }}{% endif %}
raise_exception()
strftime_now('%d %b %Y')
strftime_now('%Y-%m-%d %H:%M:%S')
strftime_now('%A %a %B %p %I %j %y %U %W %V %u %w %f %% %e %-d %-m %F %T %D %R %c %x %X %Z%z %G %C %h %n%t|%s' | replace('%s', ''))
strftime_now('plain')
strftime_now('%Q %')
dict(a=1, b=2)
dict([('a', 1)])
dict({'a': 1}, b=2)
dict([1])
{'a': 1, 'a': 2}
{1: 'x', 1.0: 'y', true: 'z'}
{[1]: 2}
{(1, 2): 3}[(1, 2)]
[1, 2,]
{'a': 1,}
s ~ n ~ f ~ none ~ yes ~ l
1 ~ 2 + 3
1 + 2 ~ 3
-n
+n
-f
- -n
-s
--1
not not n
s|upper|lower|title
-5|abs
(-5)|abs
n.__add__(1)
'a' 'b'|upper
'x'.join(['a','b'])|upper
s.split(', ')|map('lower')|join(' ')
(s, n)|join(':')
[s.upper, n]|length
l|tojson|length
people|map(attribute='tags')|sum(start=[])
d|length > 2 and s
n in [7] and 'yes' or 'no'
l is not none and l|length > 0
d['a'][1] + d.a[0]
{'x': {'y': [1, {'z': 5}]}}.x.y[1].z
{'role': 'user'}['role'] == 'user'
{'items': 3}['items']
({'items': 3} | items | list)[0]
"a" if "b" in "abc" else "c"
'\n' ~ '\\n'
(l|select('gt', 1)|list)[0]
(people|selectattr('age','gt',30)|first).name
(people|map(attribute='name')|list)[::-1]
[1,2,3][1:][0]
"%.2f"|format(3.14159)
"%s"|format(none)
"{:>3}".format(5)
'́e' | length
'🙂🙂' | length
'éa' | upper
d.get('zz', 5) is number
range(10, 1, -3)
range(10, 0, -3) | list
range(5, 5) | list
s | attr('upper') is callable
' a b '.rsplit(none, 0)
' a b '.split(none, 0)
'1__0' | float
'1_0' | float
'_1' | float
d[1:]
n[1:]
missing[1:]
nothing[:1]
'{:{}}|'.format('a', 4)
'{:{:{}}}'.format(1, 2, 3)
s.strip(none)
s.split(none)
s.find(none)
s.startswith('h')
'a' | replace(none, 'b')
s.removeprefix(none)
s.partition(none)
people | map(attribute=none) | list | length
l | join(none)
s | trim(none)
s.count(none)
joiner(none) is callable
strftime_now(none)
'ab'.center(none)
l | map(none) | list
range(none)
l | select('nosuch') | list
"""

BLOCKS = [
    "a\n{% if yes %}\n  b\n{% endif %}\nc\n",
    "a\n    {% if yes %}\n  b\n    {% endif %}\nc\n\n",
    "  {%- if yes -%}  \n x  \n {%- endif -%}  \ny",
    "  {%+ if yes %}x{% endif +%}\ny",
    "  {# c #}\nx  {# d #}\n  {#- e -#}  y",
    "{{ n }}\n{{ n }}\n",
    "x {{ n }}  \n  {% set a = 1 %}  \n{{ a }}",
    "x{% set a = 1 %}\n\n{{ a }}",
    "\n\n{% for x in l %}\n  - {{ x }}\n{% endfor %}\n\n",
    "{% for x in l -%}\n  {{ x }}\n{%- endfor %}",
    "{% raw %}\n  {{ n }}\n{% endraw %}\nx",
    "  {% raw -%}  \n x {%- endraw %}  y",
    "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc\r",
    "{% if yes %}\n{% if no %}\n{% endif %}\n  {% endif %}  z",
    "{{ 'a' -}}\n\n{{- 'b' }}",
    "{%- macro m(x) -%}\n  <{{ x }}>\n{%- endmacro -%}\n{{ m(1) }}\n{{ m(2) }}",
    "{%- set x -%}\n  text\n{%- endset -%}\n[{{ x }}]",
    "\t{% if yes %}\tx{% endif %}\t\n",
    "a {% if yes %} b {% endif %} c",
    "{{ '{{' }} {{ '%}' }} {{ \"}}\" }}",
    "{% set x = {'a': {'b': 1}} %}{{ x.a.b }}{{ {'a': {'b': 2}}['a']['b'] }}",
    "{ {% if yes %} } {% endif %} {",
    "{%if yes%}x{%endif%}{{n}}",
    "{% for x in l %}{% set y = loop.index %}{% if loop.last %}{{ y }}{% endif %}{% endfor %}{{ y }}",
    "{% for a in l %}{% for b in l %}{% if b == 1 %}{% break %}{% endif %}{{ a }}{{ b }} {% endfor %}{% endfor %}",
    "{% for m in people %}{% if m.tags %}{% for t in m.tags %}{{ t }}{% endfor %}{% else %}-{% endif %}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for p in people %}{% if p.age == 25 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% set loop_messages = people[1:] %}{% for p in loop_messages %}{{ loop.index0 }}{{ p.name }}{% endfor %}",
    "{% macro a() %}{% for i in l %}{{ b(i) }}{% endfor %}{% endmacro %}{% macro b(i) %}<{{ i }}>{% endmacro %}{{ a() }}",
    "{% for i in l %}{% macro inner() %}{{ i }}{% endmacro %}{{ inner() }}{% endfor %}",
    "{% macro outer() %}{{ caller('q') }}{% endmacro %}{% for i in l %}{% call(x) outer() %}{{ x }}{{ i }}{% endcall %}{% endfor %}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}",
    "{% set x = 1 %}{% for i in l %}{{ x }}{% set x = x + 1 %}{{ x }} {% endfor %}{{ x }}",
    "{% if yes %}{% macro m() %}in{% endmacro %}{% endif %}{{ m() }}",
    "{% with a = 1 %}{% with b = a + 1 %}{{ b }}{% endwith %}{% endwith %}",
    "{% set messages = l %}{% for m in messages %}{{ m }}{% endfor %}{{ messages }}",
    "{% set x %}{% for i in l %}{{ i }},{% endfor %}{% endset %}{{ x }}{{ x | length }}",
    "{{ 'a\\\nb' }}",
    "{{ (people | map(attribute='name')) is string }}",
    "{% for x in l | map('string') %}{{ x }}{{ loop.length }}{% endfor %}",
    "{% set it = l | map('string') %}{{ it | list }}{{ it | list }}",
    "{% for p in people if p.tags %}{{ p.name }}{{ loop.index }}{% else %}x{% endfor %}",
    "{% for x in l recursive %}{{ x }}{% endfor %}",
    "line1\n{{ missing.x.y }}",
    "{{ 'a\nb' }}",
    "{% set a = 'x' if no %}{{ a is defined }}{{ a }}",
    "{{ 'é' | upper }}{{ 'ß' | lower }}",
    "",
    "\n",
    "\n\n",
    "{",
    "{{ '' }}",
    "{%- -%}",
    "a{% if yes -%}\n\n  b{% endif %}",
    "{% if (n > 5) %}y{% endif %}{% if(n > 5) %}z{% endif %}",
    "{% for message in people %}{{'<' + message['name'] + '>' + '\n'}}{% endfor %}",
    "{{ l\n  | map('string')\n  | join(\n ', ') }}",
]


def table():
    out = []
    for line in TABLE.strip("\n").split("\n"):
        source = line if "{{" in line or "{%" in line or "{#" in line else "{{ " + line + " }}"
        out.append({"source": source, **run(source, VARS)})
    for source in BLOCKS:
        out.append({"source": source, **run(source, VARS)})
    return {"vars": VARS, "cases": out}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def sources():
    for path in sorted((HERE / "templates").glob("*.jinja")):
        yield path.name, path.read_text(encoding="utf-8")
    text = (HERE.parent / "names.go").read_text(encoding="utf-8")
    for name, source in re.findall(r'\t"([^"]+)":\s+`([^`]*)`', text):
        yield name, source


def renders(templates):
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    return [
        {"template": name, "conversation": label, **run(source, variables)}
        for name, source in templates
        for label, variables in conversations.items()
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        files = [(p, pathlib.Path(p).read_text(encoding="utf-8")) for p in sys.argv[1:]]
        json.dump(renders(files), sys.stdout, ensure_ascii=False, indent=1)
    else:
        write("table.json", table())
        write("renders.json", renders(sources()))
