#!/usr/bin/env python3
"""Black-box tests of the built server, with the official `openai` client, unmodified.

    run.py --binary build/host/moira [TEST...]

Makes a virtual environment with the client beside the binary, once; where that cannot be had, the
client's tests are skipped. The last line is "N passed, N failed, N skipped".
"""
import argparse
import os
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def enter_environment(folder):
    """Runs this script again in a virtual environment that has the client, if there can be one."""
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not (folder / "ready").exists():
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True).returncode == 0 and \
            subprocess.run([python, "-m", "pip", "install", "-q", "openai"], capture_output=True).returncode == 0
        if not made:
            print("no virtual environment with the openai client can be made here")
            return
        (folder / "ready").touch()
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    binary = Path(options.binary).resolve()
    enter_environment(binary.parent / "test-venv")

    tiny_model = binary.parent / "tiny.gguf"
    subprocess.run([sys.executable, HERE.parent / "support" / "make_tiny_model.py", tiny_model], check=True)
    os.environ["MOIRA_BINARY"], os.environ["MOIRA_TINY_MODEL"] = str(binary), str(tiny_model)
    sys.path.insert(0, str(HERE))
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(options.tests) if options.tests else \
        loader.discover(str(HERE), pattern="*_test.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    for test, reason in result.skipped:
        print(f"skipped {test.id()}: {reason}")
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
