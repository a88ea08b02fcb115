"""A trial of ./dev run, as a new user runs it: both platforms come alive, and nothing is left when it ends, however it ends.

`python3 -m unittest tools.trial` runs it; `./dev test` does at its end, when everything is built.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

from tools import project

import labkit

COMMAND = [os.path.join(project.ROOT, "dev"), "run", "--listen", "127.0.0.1:0", "--vms", "20", "--guests", "1"]
ENDED_WITHIN_S = 60


def machine_state():
    """What the run must not change: the machine's links and mounts, and who uses libvirt on it."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = file.read()
    return mounts, sorted(os.listdir("/sys/class/net")), os.path.exists("/run/libvirt/libvirt-sock")


class Run:
    """A run, from its start until it has said how to go on."""

    def __init__(self, folder):
        self.process = subprocess.Popen(COMMAND, cwd=project.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True,
                                        env=project.environment(SPANDREL_RUN_DIRECTORY=folder, NO_COLOR="1"))
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C ends all of it." in line:
                break
        found = re.search(r"Spandrel is running at (http://\S+)", self.said)
        assert found, self.said
        self.url = found[1]

    def call(self, path, token=None, body=None):
        request = urllib.request.Request(self.url + path, data=body and json.dumps(body).encode())
        request.add_header("content-type", "application/json")
        if token:
            request.add_header("authorization", f"Bearer {token}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)

    def end(self, number):
        self.process.send_signal(number)
        with self.process.stdout as out:
            rest = out.read()
        return self.process.wait(ENDED_WITHIN_S), rest


class Trial(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="spandrel-trial-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = os.path.join(self.scratch.name, "run")

    def nothing_is_left(self, before):
        deadline = time.monotonic() + ENDED_WITHIN_S
        left = ["?"]
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            left = [words for _, _, words in labkit.processes() if any(self.folder in word for word in words)]
        self.assertEqual(left, [])
        self.assertEqual(machine_state(), before)

    def test_both_platforms_live_and_nothing_is_left(self):
        before = machine_state()
        run = Run(self.folder)
        password = re.search(r"user      admin, password (\S+)", run.said)[1]
        token = run.call("/v1/login", body={"username": "admin", "password": password})["token"]
        providers = run.call("/v1/providers", token)["items"]
        states = {provider["name"]: provider["sources"][0]["sync"]["state"] for provider in providers}
        self.assertEqual(states, {"demo-vcenter": "live", "demo-kvm": "live"}, run.said)
        kinds = {vm["provider_id"] for vm in run.call("/v1/vms?limit=100", token)["items"]}
        self.assertEqual(len(kinds), 2, "machines of both")
        code, rest = run.end(signal.SIGINT)
        self.assertEqual(code, 0, rest)
        self.assertIn("Everything is ended.", rest)
        self.nothing_is_left(before)
        # Killed, it leaves nothing either; and the next one finds what was there.
        run = Run(self.folder)
        self.assertNotIn(password, run.said, "the password is shown once")
        run.end(signal.SIGKILL)
        self.nothing_is_left(before)
        run = Run(self.folder)
        self.assertTrue(run.call("/v1/login", body={"username": "admin", "password": password})["token"])
        self.assertEqual(run.end(signal.SIGTERM)[0], 0)
        self.nothing_is_left(before)


if __name__ == "__main__":
    unittest.main()
