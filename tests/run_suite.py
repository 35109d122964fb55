#!/usr/bin/env python3
"""Runs the built tests and counts them.

    run_suite.py --build build/host --preset host

GoogleTest programs are those that ctest lists; for the host preset the source checks (tests/check) and
the black-box tests (tests/server) follow. The last line is "N passed, N failed, N skipped"; the exit
status is 1 when something failed or nothing ran.
"""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")
# One thread per report line, no leak of the test's own environment into what is measured.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


# Far above what any program needs, under sanitizers too: one that takes longer hangs, and says where.
PROGRAM_SECONDS = 20 * 60


class Tally:
    """Counts of all that ran, and what is to be said of it. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def add(self, name, counts, notes, output, seconds):
        passed, failed, skipped = counts
        with self.lock:
            if failed:
                print(output)
            print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped ({seconds:.0f} s)", flush=True)
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            self.notes += notes


def test_programs(build):
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True,
                             capture_output=True, text=True).stdout
    return [(test["name"], test["command"]) for test in json.loads(listing)["tests"]]


def run_bounded(command):
    """The output and exit status of a command; one that hangs is ended so that a sanitizer tells where."""
    process = subprocess.Popen(command, cwd=ROOT, env={**SANITIZER_OPTIONS, **os.environ}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        output, _ = process.communicate(timeout=PROGRAM_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        output, _ = process.communicate()
        output += f"\n{command[0]} did not end within {PROGRAM_SECONDS} s\n"
    return output, process.returncode


def read_report(name, report):
    """The counts of a GoogleTest report, and why tests were skipped."""
    passed = failed = skipped = 0
    notes = []
    for suite in json.loads(report.read_text())["testsuites"] if report.exists() else []:
        for test in suite["testsuite"]:
            if "failures" in test:
                failed += 1
            elif test.get("result") == "SKIPPED":
                skipped += 1
                reason = test.get("skipped", [{}])[0].get("message", "").splitlines()
                notes.append(f"skipped {name} {suite['name']}.{test['name']}: "
                             f"{reason[-1] if reason else 'no reason given'}")
            else:
                passed += 1
    return passed, failed, skipped, notes


def run_program(name, command, tally):
    """Runs one GoogleTest program and takes the counts from its JSON report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        begin = time.monotonic()
        output, status = run_bounded([*command, "--gtest_brief=1", f"--gtest_output=json:{report}"])
        passed, failed, skipped, notes = read_report(name, report)
        if status != 0 and failed == 0:
            failed = 1  # it crashed, hung, or a sanitizer spoke after the tests
        tally.add(name, (passed, failed, skipped), notes, output, time.monotonic() - begin)


def run_script(name, command, tally):
    """Runs a script that prints its own counting line at the end."""
    begin = time.monotonic()
    output, status = run_bounded(command)
    lines = [line for line in output.splitlines() if line.strip()]
    counts = COUNTS.match(lines[-1]) if lines else None
    passed, failed, skipped = map(int, counts.groups()) if counts else (0, 0, 0)
    if status != 0 and failed == 0:
        failed = 1
    notes = [f"{name}: {line}" for line in lines if line.startswith("skipped")]
    tally.add(name, (passed, failed, skipped), notes, output, time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--preset", required=True)
    arguments = parser.parse_args()
    tally = Tally()
    if arguments.preset == "host":
        run_script("check", ["bash", "tests/check/run.sh"], tally)
    # One program per core; the longest ones come last in the listing, so they start first.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as runners:
        runs = [runners.submit(run_program, name, command, tally)
                for name, command in reversed(test_programs(arguments.build))]
    for run in runs:
        run.result()
    if arguments.preset == "host":
        run_script("server", [sys.executable, "tests/server/run.py", "--binary",
                              str(ROOT / arguments.build / "moira")], tally)
    for note in tally.notes:
        print(note)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
