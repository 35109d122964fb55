#!/usr/bin/env python3
"""Every product source has a test file of its own name."""

import fnmatch
import pathlib
import re

import source_tree

ALLOW_LIST = "tests/check/test_presence_allowed.txt"
# Folders whose tests are part of another folder's test program (tests/CMakeLists.txt).
TESTED_IN = {
    "engine/arch": "engine/model",
    "server/http": "server",
    "server/api": "server",
    "server/cli": "server",
}
# Sources that do the same for other instruction sets share the test, which runs all of them.
_VARIANT = re.compile(r"_(avx2|avx512|neon|portable|reference)$")


def expected_tests(name):
    """Where the test of a source may be: mirrored, or beside the program's other tests."""
    path = pathlib.PurePath(name)
    folders = [str(path.parent)]
    if folders[0] in TESTED_IN:
        folders.append(TESTED_IN[folders[0]])
    stems = [path.stem, _VARIANT.sub("", path.stem)]
    return [f"tests/unit/{folder}/{stem}_test.cc" for folder in folders for stem in stems]


def check(tree, report):
    """Sources have tests of their name, or an exception (a name or a pattern) says why not."""
    files = set(tree.files)
    allowed = source_tree.load_allow_list(tree.root / ALLOW_LIST)
    needed = set()
    for name in tree.product({".cc"}):
        report.checked += 1
        if any(test in files for test in expected_tests(name)):
            continue
        excuses = [entry for entry in allowed if fnmatch.fnmatchcase(name, entry)]
        needed.update(excuses)
        if not excuses:
            report.fail(name, f"no {expected_tests(name)[0]}")
    for entry in allowed.keys() - needed:
        report.warn(ALLOW_LIST, f"'{entry}' is not needed any more")


if __name__ == "__main__":
    source_tree.main("test_presence", check)
