#!/usr/bin/env python3
"""Files and functions stay small enough to be read."""

import re

import source_tree

FILE_WARNING, FILE_LIMIT = 500, 800
FUNCTION_WARNING, FUNCTION_LIMIT = 60, 120

# What stands before the brace of something that is no function.
_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b(?![^{]*\)\s*"
                    r"(const|noexcept|override|final|\s)*$)")


# `C::C(int a) : a_(a), b_` before the brace of `b_{1}`.
_MEMBER_INITIALIZER = re.compile(r"\)\s*:(?!:)(?:.*[,\s])?(?!const$|noexcept$|override$|final$)\w+$",
                                 re.DOTALL)


def opens_function(before):
    """Whether `before`, the text since the last `;`, `{` or `}`, is the head of a function."""
    head = before.strip()
    if "(" not in head or head.endswith(("=", ",", "(", "return")):
        return False
    # A variable with a brace initializer has an `=` outside of parentheses; an operator may too.
    flat = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", head))
    if re.search(r"(?<![=!<>+\-*/%&|^])=(?!=)", flat) and "operator" not in head:
        return False
    return not _SCOPE.search(head)


def functions(text):
    """(first line, last line, head) of every function body; those inside another do not count."""
    code = source_tree.blank_comments_and_strings(text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  code, flags=re.MULTILINE)
    found, scopes, statement, initializer_depth = [], [], 0, 0
    for position, character in enumerate(code):
        if character == "{":
            inside = any(start is not None for start in scopes)
            before = code[statement:position]
            if not inside and _MEMBER_INITIALIZER.search(before.rstrip()):
                initializer_depth += 1
                continue
            starts = not inside and opens_function(before)
            head = statement + len(before) - len(before.lstrip())
            scopes.append(head if starts else None)
            statement = position + 1
        elif character == "}" and initializer_depth > 0:
            initializer_depth -= 1
        elif character == "}":
            start = scopes.pop() if scopes else None
            if start is not None:
                found.append((source_tree.line_of(code, start),
                              source_tree.line_of(code, position),
                              " ".join(code[start:code.index("{", start)].split())))
            statement = position + 1
        elif character == ";":
            statement = position + 1
    return found


def judge(report, place, lines, warning, limit, what):
    if lines > limit:
        report.fail(place, f"{what} has {lines} lines, more than {limit}")
    elif lines > warning:
        report.warn(place, f"{what} has {lines} lines, more than {warning}")


def check(tree, report):
    """Lines per file and per function."""
    for name in tree.cpp((*source_tree.PRODUCT_FOLDERS, "tests")):
        report.checked += 1
        text = tree.read(name)
        judge(report, name, text.count("\n"), FILE_WARNING, FILE_LIMIT, "the file")
        # A test's table of cases may be as long as it is.
        if name.startswith("tests/"):
            continue
        for first, last, head in functions(text):
            judge(report, f"{name}:{first}", last - first + 1, FUNCTION_WARNING, FUNCTION_LIMIT,
                  f"function '{head[:60]}'")


if __name__ == "__main__":
    source_tree.main("size", check)
