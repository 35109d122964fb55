#!/usr/bin/env python3
"""Computes what Python's jinja2 gives for the chat template tests, as Hugging Face sets it up.

  chat_template_oracle.py golden TEMPLATES > chat_template_expected.json
      every *.jinja of the folder with every conversation of conversations.json: size and hash of
      the text (the templates are not ours to copy), or that it raises
  chat_template_oracle.py show TEMPLATE CONVERSATION
      the text itself, to compare by eye
  chat_template_oracle.py expressions CASES > expression_expected.json
      one entry for each line of CASES, a file of expressions

Needs jinja2 3.1.6.
"""

import datetime
import json
import os
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

HERE = os.path.dirname(os.path.abspath(__file__))
# What strftime_now tells in the tests, in local time.
NOW = datetime.datetime(2026, 7, 15, 12, 34, 56)
# Variables of every rendering; a conversation may override them.
DEFAULTS = {"bos_token": "<s>", "eos_token": "</s>"}
# Variables of the expression cases.
VARIABLES = json.loads("""{
  "text": "Hello, World", "empty": "", "number": 7, "fraction": 2.5, "yes": true, "no": false,
  "nothing": null, "list": [3, 1, 2], "words": ["pear", "Apple", "fig"], "accents": "Grüße, 世界 😀",
  "map": {"b": 1, "a": [1, 2], "items": "key", "nested": {"deep": {"er": "x"}}},
  "users": [{"name": "Zoë", "age": 30, "active": true}, {"name": "bob", "age": 4},
            {"name": "Ann", "age": 30, "active": false}],
  "lines": "one\\n\\n  two\\nthree\\n", "quote": "it's", "both": "it's \\"so\\""
}""")


class Generation(jinja2.ext.Extension):
    """{% generation %} of transformers: its body runs as the body of a call block."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_run"), [], [], body).set_lineno(line)

    def _run(self, caller):
        return caller()


class RaisedByTemplate(jinja2.TemplateError):
    pass


def raise_exception(message):
    raise RaisedByTemplate(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def render(env, source, variables):
    return env.from_string(source).render(**variables)


def digest(env, source, variables):
    try:
        text = render(env, source, variables)
    except RaisedByTemplate as error:
        return {"raises": fnv1a(str(error))}
    except Exception:  # whatever Python raises: the interpreter must refuse as well
        return {"raises": None}
    return {"bytes": len(text.encode("utf-8")), "hash": fnv1a(text)}


def conversations():
    with open(os.path.join(HERE, "conversations.json"), encoding="utf-8") as file:
        return {c["name"]: c["variables"] for c in json.load(file)["conversations"]}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def golden(folder):
    env = environment()
    result = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".jinja"):
            continue
        source = read(os.path.join(folder, name))
        result[name] = {
            conversation: digest(env, source, {**DEFAULTS, **variables})
            for conversation, variables in conversations().items()
        }
    json.dump(result, sys.stdout, indent=0, sort_keys=True)
    print()


def show(path, conversation):
    variables = {**DEFAULTS, **conversations()[conversation]}
    sys.stdout.write(render(environment(), read(path), variables))


def expressions(path):
    env = environment()
    cases = []
    for line in read(path).split("\n"):
        if not line or line.startswith("##"):
            continue
        source = line if "{%" in line or "{{" in line else "{{ " + line + " }}"
        try:
            cases.append({"source": source, "text": render(env, source, VARIABLES)})
        except Exception:
            cases.append({"source": source})
    json.dump({"variables": VARIABLES, "cases": cases}, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    COMMANDS = {"golden": golden, "show": show, "expressions": expressions}
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
