"""./dev audit: what is known against the dependencies.

The advisories are those of RustSec, read by cargo-deny. Both come from outside Debian's archive, and compiling the tool
takes minutes, so that ./dev check uses them only where this command has brought them; it says so when it does not.
"""

import glob
import os
import subprocess

from tools import install, project
from tools.project import DevError, say

import labkit

NAME, VERSION = "cargo-deny", "0.20.2"


def _program():
    own = os.path.join(project.LOCAL, f"{NAME}-{VERSION}", "bin", NAME)
    return labkit.find_program(NAME) or (own if os.path.exists(own) else None)


def _has_advisories():
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    return any(os.listdir(folder) for folder in glob.glob(os.path.join(home, "advisory-db*")) if os.path.isdir(folder))


def installed():
    """The tool, when it and the advisories are here; else None."""
    return _program() if _has_advisories() else None


def command(program, offline):
    return [program, *(["--offline"] if offline else []), "check", "advisories", "bans", "licenses", "sources"]


def audit(_arguments):
    install.rust()
    program = install.cargo_program(NAME, VERSION, "it reads the advisories")
    say("Audit")
    if subprocess.run([program, "fetch", "db"], cwd=project.ROOT, env=project.environment(), check=False).returncode != 0:
        if not _has_advisories():
            raise DevError("the list of advisories cannot be fetched from here, and there is no earlier copy of it")
        say("  the list of advisories cannot be fetched from here: the copy of an earlier run is used")
    done = subprocess.run(command(program, offline=True), cwd=project.ROOT, env=project.environment(), check=False)
    if done.returncode != 0:
        raise DevError("something is known against a dependency: update it, or say in deny.toml why it does not concern us")
    say("nothing is known against the dependencies")
