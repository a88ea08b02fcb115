"""Runs the steps of a command one after the other, with their times, their logs, and the sum of the tests.

A step's whole output is in its log under .local/log/; the terminal sees one line a step, the log's tail when it fails,
and at the very end `N passed, N failed`, added up from what the test runners themselves said.
"""

import os
import re
import subprocess
import time

from tools import progress, project
from tools.project import DevError, paint, say

TAIL_LINES = 120
# Of each failed test this much is shown: its end, where the reason is.
FAILURE_LINES = 60

# The runners' own closing lines: cargo test, go test -v, vitest, Playwright, Python's unittest.
_CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.M)
_GO = re.compile(r"^--- (PASS|FAIL): ", re.M)
_VITEST = re.compile(r"^ +Tests +(?:(\d+) failed\b)?(?: \| )?(?:(\d+) passed)?.*\(\d+\)$", re.M)
_PLAYWRIGHT = re.compile(r"^  (\d+) (passed|failed|interrupted|did not run)(?: \(.*\))?$", re.M)
_UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in ", re.M)
_UNITTEST_BAD = re.compile(r"^FAILED \((.*)\)$", re.M)
# What cargo's runner says of one failed test, up to the next one or the list of names.
_CARGO_FAILURE = re.compile(r"^---- (\S+) stdout ----\n(.*?)(?=^---- \S+ stdout ----$|^failures:$|\Z)", re.M | re.S)
# Why a test of cargo's failed, up to what the harness adds.
_PANIC = re.compile(r"^thread '[^\n]* panicked at [^\n]*\n(?:(?!note: run with|thread ')[^\n]*\n?){0,12}", re.M)


def count_tests(text):
    """(passed, failed) that a log's runners report."""
    passed = failed = 0
    for good, bad in _CARGO.findall(text):
        passed, failed = passed + int(good), failed + int(bad)
    for verdict in _GO.findall(text):
        passed, failed = passed + (verdict == "PASS"), failed + (verdict == "FAIL")
    for bad, good in _VITEST.findall(text):
        passed, failed = passed + int(good or 0), failed + int(bad or 0)
    for number, verdict in _PLAYWRIGHT.findall(text):
        passed, failed = passed + int(number) * (verdict == "passed"), failed + int(number) * (verdict != "passed")
    ran = sum(int(number) for number in _UNITTEST_RAN.findall(text))
    bad = sum(int(number) for line in _UNITTEST_BAD.findall(text)
              for number in re.findall(r"(?:failures|errors|unexpected successes)=(\d+)", line))
    return passed + ran - bad, failed + bad


class Steps:
    """The steps of one command. `run` raises at the first failure; `close` prints the sum either way."""

    def __init__(self, command):
        self.command = command
        self.passed = self.failed = self.count = 0
        self.began = time.monotonic()

    def run(self, name, command, cwd=project.ROOT, env=None, check=None):
        """Runs one command to its end. `check(log text)` may find a fault in output that exited with 0."""
        self.count += 1
        os.makedirs(project.LOGS, exist_ok=True)
        log_path = os.path.join(project.LOGS, f"{self.command}-{self.count:02}-{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log")
        began = time.monotonic()
        progress.line(f"    {name} …")
        with open(log_path, "wb") as log:
            try:
                process = subprocess.Popen(command, cwd=cwd, env=env or project.environment(), stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=subprocess.STDOUT)
            except OSError as error:
                raise DevError(f"{command[0]} cannot be started: {error}") from error
            progress.wait(process, name, log_path)
        with open(log_path, encoding="utf-8", errors="replace") as log:
            text = log.read()
        passed, failed = count_tests(text)
        self.passed += passed
        self.failed += failed
        fault = f"ended with code {process.returncode}" if process.returncode else (check(text) if check else None)
        tests = f"  {passed} passed, {failed} failed" if passed or failed else ""
        self._finish(name, began, fault, tests)
        if fault:
            self.failed += failed == 0
            say(_failures(text) or _tail(text))
            raise DevError(f"{name} {fault}; all of its output is in {os.path.relpath(log_path, project.ROOT)}")

    def do(self, name, act):
        """A step in Python: `act()` returns a fault in words, or None."""
        began = time.monotonic()
        self.count += 1
        fault = act()
        self._finish(name, began, fault.splitlines()[0] if fault else None, "")
        if fault:
            self.failed += 1
            raise DevError(fault)

    def skip(self, name, reason):
        """Says aloud what was not done; only for extras, never for a suite."""
        say(f"  {paint('–', '33')} {name}: {reason}")

    def close(self):
        """The plain line that other programs read, alone on its line."""
        elapsed = time.monotonic() - self.began
        say(f"./dev {self.command} took {int(elapsed // 60)} min {elapsed % 60:.0f} s")
        say(f"{self.passed} passed, {self.failed} failed")

    def _finish(self, name, began, fault, tests):
        mark = paint("✗", "31;1") if fault else paint("✓", "32")
        progress.line("")
        say(f"  {mark} {name}  {time.monotonic() - began:.1f} s{tests}" + (f"  {fault}" if fault else ""))


def _failures(text):
    """Each failed test of cargo's runners with what it said, and at the end the reason of each; empty where no such runner
    failed. A tail alone would show the suites that ran after the failing one."""
    failures = _CARGO_FAILURE.findall(text)
    whole = [f"    ✗ {name}\n{_tail(said, FAILURE_LINES)}" for name, said in failures]
    reasons = [f"    ✗ {name}\n{_tail(panic)}" for name, said in failures for panic in _PANIC.findall(said)[:3]]
    return "\n".join(whole + reasons)


def _tail(text, limit=TAIL_LINES):
    lines = text.rstrip().split("\n")
    cut = [f"    … {len(lines) - limit} lines before"] if len(lines) > limit else []
    return "\n".join(cut + ["    | " + line for line in lines[-limit:]])
