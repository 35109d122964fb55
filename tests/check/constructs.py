#!/usr/bin/env python3
"""Constructs that the project does without, each with its reason."""

import re

import source_tree

ALLOW_LIST = "tests/check/constructs_allowed.txt"

# name, pattern on code without comments and strings, folders it holds for (None: all), why
CONSTRUCTS = [
    ("std::regex", r"\bstd::(w?regex|basic_regex)\b", None, "recursive and slow on hostile text"),
    ("malloc", r"\b(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup)\s*\(", None,
     "ownership is a type's: Buffer, std::vector, std::unique_ptr"),
    ("new", r"(?<![\w.>])new\b", None, "std::make_unique and containers own memory"),
    ("delete", r"(?<!=)(?<!= )\bdelete\b", None, "std::make_unique and containers own memory"),
    ("getenv", r"\b(secure_)?getenv\b", None, "settings come through server/cli/config.cc"),
    ("reinterpret_cast", r"\breinterpret_cast\b", ("cache/format",),
     "bytes of a file are read through HeaderReader"),
    ("abort", r"\b(abort|terminate|_Exit|quick_exit)\s*\(", None, "no input may end the process"),
    ("sprintf", r"\b(sprintf|vsprintf|strcpy|strcat|gets)\s*\(", None, "writes without a bound"),
    ("using namespace", r"\busing\s+namespace\s+(?!std::\w*literals)", None,
     "names say where they come from"),
]
# A private constructor or an aggregate: the object goes straight to its owner.
_OWNED_NEW = re.compile(r"((?:unique_ptr<[^;{}()]*>\s*\w*|\.reset)\(\s*)new\b")


def check(tree, report):
    """No construct of the table outside of the list of exceptions."""
    allowed = source_tree.load_allow_list(tree.root / ALLOW_LIST)
    used = set()
    for name in tree.product():
        report.checked += 1
        code = source_tree.blank_comments_and_strings(tree.read(name))
        code = _OWNED_NEW.sub(r"\1   ", code)
        for construct, pattern, folders, reason in CONSTRUCTS:
            if folders and not name.startswith(tuple(folder + "/" for folder in folders)):
                continue
            for match in re.finditer(pattern, code):
                entry = f"{name} {construct}"
                if entry in allowed:
                    used.add(entry)
                    continue
                report.fail(f"{name}:{source_tree.line_of(code, match.start())}",
                            f"{construct} ({reason})")
    for entry in allowed.keys() - used:
        report.warn(ALLOW_LIST, f"'{entry}' is not needed any more")


if __name__ == "__main__":
    source_tree.main("constructs", check)
