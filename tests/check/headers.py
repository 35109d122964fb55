#!/usr/bin/env python3
"""Every header compiles alone: it includes what it uses."""

import concurrent.futures
import os
import platform
import shutil
import subprocess

import source_tree

# Instruction-set headers are compiled for their set, as CMakeLists.txt does with their sources.
FLAGS_BY_NAME = {
    "_avx2.h": ["-mavx2", "-mfma", "-mf16c", "-mbmi2"],
    "_avx512.h": ["-mavx2", "-mfma", "-mf16c", "-mbmi2", "-mavx512f", "-mavx512bw", "-mavx512dq",
                  "-mavx512vl", "-mavx512vnni", "-mavx512vbmi"],
}
ARM_COMPILER = "aarch64-linux-gnu-g++"


def compiler_for(name):
    """The command that compiles the header; None where this machine has no compiler for it."""
    if name.endswith("_neon.h") and platform.machine() != "aarch64":
        return [ARM_COMPILER] if shutil.which(ARM_COMPILER) else None
    extra = [flag for end, flags in FLAGS_BY_NAME.items() if name.endswith(end) for flag in flags]
    return [os.environ.get("CXX") or shutil.which("g++") or "c++", *extra]


def compile_alone(root, name, work):
    """The compiler's first error line, or None."""
    command = compiler_for(name)
    if command is None:
        return None
    # Included twice: a header without `#pragma once` fails too.
    source = work / (name.replace("/", "__") + ".cc")
    text = f'#include "{name}"\n#include "{name}"\n'
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    # Compiled and thrown away, not -fsyntax-only: ccache keeps the results of compilations.
    launcher = ["ccache"] if shutil.which("ccache") else []
    command = [*launcher, *command, "-std=c++20", "-O0", "-w",
               # What CMake defines for the tests.
               '-DMOIRA_SOURCE_DIR="."', '-DMOIRA_BINARY="."', "-I", str(root), "-c", str(source), "-o", str(source.with_suffix(".o"))]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    if result.returncode == 0:
        return None
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    return (errors or result.stderr.splitlines() or ["does not compile"])[0]


def check(tree, report):
    """Headers compile alone, and twice in a row."""
    names = tree.cpp((*source_tree.PRODUCT_FOLDERS, "tests"), {".h"})
    report.checked = len(names)
    work = tree.root / "build" / "check_headers"
    work.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        errors = pool.map(lambda name: compile_alone(tree.root, name, work), names)
        for name, error in zip(names, errors):
            if error:
                report.fail(name, error)
            elif compiler_for(name) is None:
                report.warn(name, "not compiled: no compiler for its instruction set")


if __name__ == "__main__":
    source_tree.main("headers", check)
