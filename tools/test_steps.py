"""Tests of what ./dev itself decides: sums of test runners, versions, pins, the choice of an address."""

import contextlib
import io
import json
import os
import socket
import sys
import tempfile
import types
import unittest
from unittest import mock

from tools import bench, demo, install, project, steps


class Counting(unittest.TestCase):
    def check(self, text, passed, failed):
        self.assertEqual(steps.count_tests(text), (passed, failed))

    def test_cargo(self):
        self.check("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n"
                   "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n", 15, 2)

    def test_go(self):
        self.check("=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/part (0.00s)\n--- FAIL: TestB (0.01s)\n", 1, 1)

    def test_unittest(self):
        self.check("Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n", 4, 3)
        self.check("Ran 1 test in 0.1s\n\nOK\n", 1, 0)

    def test_vitest(self):
        self.check(" Test Files  2 passed (2)\n      Tests  41 passed (41)\n", 41, 0)
        self.check("      Tests  1 failed | 40 passed (41)\n", 40, 1)
        self.check("      Tests  2 failed (2)\n", 0, 2)

    def test_playwright(self):
        self.check("  1 failed\n    live.spec.ts:3:1 > a test\n  2 did not run\n  12 passed (1.2m)\n", 12, 3)
        self.check("  7 passed (5.1s)\n", 7, 0)

    def test_a_text_without_a_runner(self):
        self.check("Compiling spandrel\nwarning: 3 passed\n", 0, 0)


class Running(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.object(project, "LOGS", folder))
        self.out = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.out))
        self.steps = steps.Steps("selftest")

    def test_a_failing_step_raises_and_shows_its_tail(self):
        with self.assertRaises(project.DevError):
            self.steps.run("bad", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"])
        self.assertIn("the reason", self.out.getvalue())
        self.assertEqual((self.steps.passed, self.steps.failed), (0, 1))

    def test_a_failed_cargo_test_is_shown_whatever_ran_after_it(self):
        log = ("failures:\n\n---- a::one stdout ----\nthe reason\n\n---- b::two stdout ----\nanother\n\n\nfailures:\n    a::one\n"
               + "test c::fine ... ok\n" * 500 + "error: 1 target failed\n")
        with self.assertRaises(project.DevError):
            self.steps.run("suites", [sys.executable, "-c", f"print({log!r}); raise SystemExit(101)"])
        shown = self.out.getvalue()
        self.assertIn("✗ a::one\n    | the reason\n    ✗ b::two\n    | another\n", shown)
        self.assertNotIn("c::fine", shown)

    def test_output_that_a_check_refuses_fails(self):
        with self.assertRaises(project.DevError):
            self.steps.run("lists files", [sys.executable, "-c", "print('x.go')"], check=lambda text: "not formatted")

    def test_the_closing_line_stands_alone(self):
        self.steps.run("good", [sys.executable, "-c", "print('Ran 4 tests in 0.1s')"])
        self.steps.close()
        self.assertEqual(self.out.getvalue().splitlines()[-1], "4 passed, 0 failed")


class Choosing(unittest.TestCase):
    def test_versions(self):
        self.assertEqual(project.version_of("go version go1.26.8 linux/amd64"), (1, 26, 8))
        self.assertEqual(project.version_of("v20.20.2"), (20, 20, 2))
        self.assertEqual(project.version_of("none"), ())
        self.assertGreater(project.version_of("1.100"), project.version_of("1.25"))

    def test_every_wheel_is_pinned_with_hashes(self):
        for package in (install.GO_WHEEL, install.NODE_WHEEL):
            version, lines = install.pinned(package)
            self.assertRegex(version, r"^\d+\.\d+\.\d+$")
            self.assertEqual(lines.count("--hash=sha256:"), 2, package)
            self.assertTrue(lines.startswith(f"{package}=={version}"))

    def test_an_old_program_is_replaced_by_the_wheel(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "go"), "w", encoding="ascii") as file:
                file.write("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
            os.chmod(file.name, 0o755)
            with mock.patch.dict(os.environ, PATH=folder + ":" + os.environ["PATH"]), \
                    mock.patch.object(install, "wheel", return_value="/wheel") as wheel:
                self.assertEqual(install.go(), "/wheel")
            self.assertIn("1.19.8, too old", wheel.call_args.args[2])

    def test_without_root_the_command_for_an_administrator_is_said(self):
        lacks = [("build", "no-such-package", lambda: False, "it is needed here")]
        said = io.StringIO()
        with mock.patch.object(install, "PACKAGES", lacks), mock.patch.object(os, "getuid", return_value=1000), \
                contextlib.redirect_stdout(said), self.assertRaises(project.DevError) as raised:
            install.system_packages({"build"})
        self.assertIn("apt-get install --no-install-recommends no-such-package", str(raised.exception))
        self.assertIn("it is needed here", said.getvalue())

    def test_what_is_there_is_left_alone(self):
        there = [("build", "anything", lambda: True, "why"), ("lab", "other", lambda: False, "not asked for")]
        with mock.patch.object(install, "PACKAGES", there), mock.patch.object(install, "_apt") as apt:
            install.system_packages({"build"})
        apt.assert_not_called()

    def test_services_are_held_back_and_an_own_policy_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "policy-rc.d")
            with mock.patch.object(install._NoServices, "path", path):
                with install._NoServices():
                    self.assertTrue(os.access(path, os.X_OK))
                self.assertFalse(os.path.exists(path))
                with open(path, "w", encoding="ascii") as file:
                    file.write("the administrator's")
                with install._NoServices():
                    pass
                with open(path, encoding="ascii") as file:
                    self.assertEqual(file.read(), "the administrator's")

    def test_a_changed_source_changes_the_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.go")
            with open(path, "w", encoding="ascii") as file:
                file.write("package a\n")
            before = install.tree_key(folder, "go1.26")
            self.assertEqual(before, install.tree_key(folder, "go1.26"))
            self.assertNotEqual(before, install.tree_key(folder, "go1.27"))
            os.rename(path, os.path.join(folder, "b.go"))
            self.assertNotEqual(before, install.tree_key(folder, "go1.26"))

    def test_no_script_of_the_portal_calls_npm(self):
        # The wheel's Node has no npm on the path that works: npm is run by its own file (install.npm).
        with open(os.path.join(project.PORTAL, "package.json"), encoding="utf-8") as file:
            scripts = json.load(file)["scripts"]
        self.assertEqual([name for name, text in scripts.items() if {"npm", "npx"} & set(text.split())], [])

    def test_the_portals_figures_are_written_between_their_marks(self):
        rows = [{"what": "script", "measured": "1 kB", "bound": "< 2 kB", "met": True},
                {"what": "a press", "measured": "9 s", "bound": "< 1 s", "met": False},
                {"what": "changes", "measured": "3", "bound": "", "met": None}]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"before\n{bench.BEGIN}\nold\n{bench.END}\nafter\n")
            for _ in range(2):
                bench.write_portal(rows, 0.5, path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
        self.assertNotIn("old", text)
        self.assertTrue(text.startswith("before\n") and text.endswith(f"{bench.END}\nafter\n"), text)
        self.assertIn("| a press | 9 s | < 1 s | **no** |\n| changes | 3 |  |  |\n", text)

    def test_a_taken_address_is_refused_when_asked_for(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            with self.assertRaises(project.DevError):
                demo.choose_address(address)
            with mock.patch.object(demo, "PREFERRED", address), contextlib.redirect_stdout(io.StringIO()):
                self.assertNotEqual(demo.choose_address(None), address)

    def test_the_demonstration_says_where_the_portal_is_and_what_is_in_it(self):
        gateway = types.SimpleNamespace(url="http://127.0.0.1:8480")
        demonstration = demo.Demonstration()
        demonstration.hints = ["vCenter   https://127.0.0.1:1/sdk  (simulated; 500 machines)", "KVM       qemu:///system"]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            demo.welcome(gateway, "as it was shown", demonstration)
        for line in ("portal    http://127.0.0.1:8480/", *demonstration.hints):
            self.assertIn(line, out.getvalue())


if __name__ == "__main__":
    unittest.main()
