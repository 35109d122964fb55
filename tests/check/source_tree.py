"""What the checks share: which files there are, C++ text without comments and strings, reporting."""

import argparse
import pathlib
import re
import subprocess
import sys

PRODUCT_FOLDERS = ("cache", "engine", "prefetch", "quant", "server")
CPP_SUFFIXES = {".h", ".cc", ".cu", ".cuh"}
HEADER_SUFFIXES = {".h", ".cuh"}


class Tree:
    """The files of a source tree: those that git tracks or would, or all where there is no git."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = sorted(self._list())

    def _list(self):
        if (self.root / ".git").exists():
            command = ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others",
                       "--exclude-standard"]
            names = subprocess.run(command, check=True, capture_output=True).stdout
            listed = [name for name in names.decode().split("\0") if name]
            return [name for name in listed if (self.root / name).is_file()]
        return [str(path.relative_to(self.root)) for path in self.root.rglob("*")
                if path.is_file()]

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def cpp(self, folders=None, suffixes=CPP_SUFFIXES):
        """C++ files, of the given top-level folders only where there are any."""
        return [name for name in self.files if pathlib.PurePath(name).suffix in suffixes
                and (folders is None or name.split("/")[0] in folders)]

    def product(self, suffixes=CPP_SUFFIXES):
        return self.cpp(PRODUCT_FOLDERS, suffixes)


_COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def blank_comments_and_strings(text):
    """The text with comments and the insides of literals as spaces: lines and columns stay."""
    def blank(match):
        found = match.group(0)
        inner = re.sub(r"[^\n]", " ", found)
        if found[0] in "\"'" and len(found) >= 2:
            return found[0] + inner[1:-1] + found[-1]
        return inner
    return _COMMENT_OR_STRING.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Report:
    """Findings of one check: failures decide, warnings are only shown."""

    def __init__(self):
        self.failures = []
        self.warnings = []
        self.checked = 0

    def fail(self, place, message):
        self.failures.append(f"{place}: {message}")

    def warn(self, place, message):
        self.warnings.append(f"{place}: {message}")


def load_allow_list(path):
    """Lines `ENTRY  # reason`; {entry: reason}. An entry without a reason is an error."""
    allowed = {}
    if not path.exists():
        return allowed
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition("#")
        if not reason.strip():
            raise ValueError(f"{path.name}:{number}: no reason for '{entry.strip()}'")
        allowed[entry.strip()] = reason.strip()
    return allowed


def main(name, check):
    """Runs `check(tree, report)` on --root and prints one line, then what was found."""
    parser = argparse.ArgumentParser(description=check.__doc__)
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--warnings", action="store_true", help="show the warnings too")
    arguments = parser.parse_args()
    report = Report()
    try:
        check(Tree(arguments.root), report)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        report.fail("the check itself", str(error))
    if report.failures:
        more = len(report.failures) - 1
        print(f"FAIL {name}: {report.failures[0]}" + (f" (and {more} more)" if more else ""))
        for line in report.failures[1:]:
            print("     " + line)
    else:
        warned = f", {len(report.warnings)} warnings" if report.warnings else ""
        print(f"ok   {name} ({report.checked} checked{warned})")
    if arguments.warnings:
        for line in report.warnings:
            print("     warning: " + line)
    sys.exit(1 if report.failures else 0)
