"""Writes the goldens of package chat with jinja2, set up as in transformers' chat_template_utils.py.

    python3 chat/testdata/make.py        # jinja2 3.1.6, Python 3.11

table.json: small templates, and what they give or which error: those of table.txt, one a line, with {{ }} put around a line
without a brace, and BLOCKS. renders.json: the templates in templates/ and those of names.go,
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
    for line in (HERE / "table.txt").read_text(encoding="utf-8").strip("\n").split("\n"):
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
