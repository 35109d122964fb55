#!/usr/bin/env python3
"""Nothing in the tree is unfinished or speaks of the machine that it was written on."""

import re

import source_tree

# The brackets keep this file from finding itself.
PATTERNS = [
    (re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HAC[K])\b"), "unfinished work belongs into the issue list"),
    (re.compile(r"(?<![\w./-])/wor[k]/"), "a path of one machine"),
    (re.compile(r"/tm[p]/bash_jobs"), "a path of one machine"),
    (re.compile(r"(?<![\w./-])/(hom[e]|Use[r]s)/[a-z]+/"), "a path of one machine"),
]


def check(tree, report):
    """No word or path of the table in any text file."""
    for name in tree.files:
        text = (tree.root / name).read_bytes()
        if b"\0" in text[:8192]:
            continue
        report.checked += 1
        text = text.decode("utf-8", errors="replace")
        for pattern, reason in PATTERNS:
            for match in pattern.finditer(text):
                report.fail(f"{name}:{source_tree.line_of(text, match.start())}",
                            f"'{match.group(0)}': {reason}")


if __name__ == "__main__":
    source_tree.main("wording", check)
