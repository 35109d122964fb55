#!/usr/bin/env python3
"""Writes flags.md, the table of every flag, from what the built program says of itself.

    make_flags.py build/host/moira > deploy/docs/flags.md
"""
import re
import subprocess
import sys

COMMANDS = ("serve", "chat", "bench", "perplexity", "inspect", "plan")
# CLI11 prints "  FLAG  MEANING"; a flag that is too long for its column has its meaning on the next line.
FLAG = re.compile(r"^  (-\S.*?)(?:\s{2,}(.*))?$")
MEANING = re.compile(r"^ {8,}(\S.*)$")
HEAD = """\
# Every flag

Made from the help texts by `deploy/docs/make_flags.py`; the tests compare it with the built program.
Each flag is also an environment variable (`MOIRA_CTX_SIZE` for `--ctx-size`) and a line `ctx-size = 4096` of the file
that `--config` names. A flag on the command line wins over the environment, the environment over the file.
"""


def help_of(binary, command):
    return subprocess.run([binary, command, "--help"], check=True, capture_output=True, text=True).stdout


def flags_of(help_text):
    """The (flag, meaning) pairs of one help text, in its order."""
    flags = []
    for line in help_text.splitlines():
        if match := FLAG.match(line):
            flags.append([match[1], match[2] or ""])
        elif flags and (match := MEANING.match(line)):
            flags[-1][1] = f"{flags[-1][1]} {match[1]}".strip()
    return [(flag, meaning) for flag, meaning in flags if not flag.startswith("-h,")]


def page(binary):
    """The whole page: flags that several commands share first, then those of one command each."""
    commands_of = {}
    for command in COMMANDS:
        for entry in flags_of(help_of(binary, command)):
            commands_of.setdefault(entry, []).append(command)
    lines = [HEAD]
    groups = {}
    for (flag, meaning), commands in commands_of.items():
        groups.setdefault(tuple(commands), []).append((flag, meaning))
    for commands, flags in sorted(groups.items(), key=lambda group: -len(group[0])):
        lines += ["## " + ", ".join(f"`{command}`" for command in commands), "", "| flag | meaning |", "| --- | --- |"]
        for flag, meaning in flags:
            escaped = [text.replace("|", "\\|") for text in (flag, meaning)]
            lines.append(f"| `{escaped[0]}` | {escaped[1]} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(page(sys.argv[1]))
