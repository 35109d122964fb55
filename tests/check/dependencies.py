#!/usr/bin/env python3
"""Which folder may include which: the rule of deploy/docs/architecture.md."""

import pathlib
import re

import source_tree

# Folder -> what its files may include: folders (that folder only, not those below it) and single
# headers. A folder's own headers are always allowed. The longest matching folder counts.
FLOOR = ["cache/device"]
FORMAT = FLOOR + ["cache/format"]
CACHE = FORMAT + ["cache"]
MODEL = CACHE + ["prefetch", "quant", "engine/arch", "engine/model"]
SERVER = FORMAT + ["cache/budget.h", "engine/engine.h", "server", "server/http", "server/api",
                   "server/cli"]
ALLOWED = {
    "cache/device": [],
    "cache/format": FLOOR,
    "cache": FORMAT,
    "quant": FORMAT,
    "prefetch": CACHE,
    "engine/tokenizer": FORMAT,
    "engine/chat_template": FORMAT + ["engine/tokenizer/tokenizer.h"],
    "engine/arch": MODEL,
    "engine/model": MODEL,
    "engine": MODEL + ["engine/tokenizer", "engine/chat_template"],
    "server/http": SERVER,
    "server/api": SERVER,
    "server/cli": SERVER,
    "server": SERVER,
}

# Third-party headers: where they may be included at all, and whether our own headers may.
THIRD_PARTY = [
    # (pattern, top-level folders or None for all, allowed in headers)
    (r"boost/", ("server",), False),
    (r"httplib\.h", ("server",), False),
    (r"nlohmann/", None, False),
    (r"prometheus/", None, False),
    (r"CLI/", None, False),
    (r"spdlog/", ("cache",), False),
]
CUDA_HEADER = re.compile(r"cuda|cublas")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def folder_of(name):
    """The longest folder of ALLOWED that holds the file."""
    folder = str(pathlib.PurePath(name).parent)
    while folder not in ALLOWED and "/" in folder:
        folder = folder.rsplit("/", 1)[0]
    return folder


def check_own_include(tree, name, included):
    """Why the file may not include our header `included`; None if it may."""
    if not (tree.root / included).is_file():
        return f'"{included}" is no file of the tree (paths start at its root)'
    folder = folder_of(name)
    if folder not in ALLOWED:
        return f"folder {folder} is in no row of the dependency table"
    target = folder_of(included)
    if target == folder or target in ALLOWED[folder] or included in ALLOWED[folder]:
        return None
    return f'{folder} may not include "{included}"'


def check_third_party(name, included):
    """Why the file may not include the third-party header; None if it may."""
    suffix = pathlib.PurePath(name).suffix
    for pattern, folders, in_headers in THIRD_PARTY:
        if not re.match(pattern, included):
            continue
        if folders is not None and name.split("/")[0] not in folders:
            return f"<{included}> only in {', '.join(folders)}"
        if not in_headers and suffix in source_tree.HEADER_SUFFIXES:
            return f"<{included}> not in a header"
    if CUDA_HEADER.match(included) and suffix not in {".cu", ".cuh"}:
        return f"<{included}> only in .cu and .cuh files"
    return None


def check(tree, report):
    """Includes follow the table of folders."""
    for name in tree.product():
        report.checked += 1
        text = tree.read(name)
        for match in _INCLUDE.finditer(text):
            quote, included = match.groups()
            own = quote == '"' and not re.match("|".join(row[0] for row in THIRD_PARTY), included)
            problem = (check_own_include(tree, name, included) if own
                       else check_third_party(name, included))
            if problem:
                report.fail(f"{name}:{source_tree.line_of(text, match.start())}", problem)


if __name__ == "__main__":
    source_tree.main("dependencies", check)
