#!/usr/bin/env python3
"""Every maximum of cache/format/limits.h is named in a test."""

import re

import source_tree

LIMITS = "cache/format/limits.h"


def check(tree, report):
    """Limits have tests."""
    tests = "\n".join(tree.read(name) for name in tree.cpp(("tests",)))
    for name in re.findall(r"\bconstexpr\s+\w+\s+(k\w+)\s*=", tree.read(LIMITS)):
        report.checked += 1
        if not re.search(rf"\b{name}\b", tests):
            report.fail(LIMITS, f"{name} is named in no test")


if __name__ == "__main__":
    source_tree.main("limits", check)
