"""Where the project's things are, and how ./dev speaks.

Everything that ./dev makes is under .local/ (and cargo's target folder): removing .local/ undoes every install but the
system's packages.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCAL = os.path.join(ROOT, ".local")
BIN = os.path.join(LOCAL, "bin")
LOGS = os.path.join(LOCAL, "log")
STAMPS = os.path.join(LOCAL, "stamps")
# What ./dev run keeps; a trial of it has a folder of its own.
RUN = os.environ.get("SPANDREL_RUN_DIRECTORY") or os.path.join(LOCAL, "run")
LAB = os.path.join(ROOT, "tests", "lab")
PORTAL = os.path.join(ROOT, "portal")
SIMULATOR = os.path.join(ROOT, "tests", "simulator")

# The laboratories' helpers serve here too: locks, processes that end with us.
sys.path.insert(0, LAB)

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
ON_TERMINAL = sys.stdout.isatty() and not IN_CI and os.environ.get("TERM", "dumb") != "dumb"
COLOUR = ON_TERMINAL and "NO_COLOR" not in os.environ


class DevError(Exception):
    """What went wrong, in words for the person at the terminal; printed without a traceback."""


def say(text=""):
    print(text, flush=True)


def paint(text, code):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def local(*parts):
    path = os.path.join(LOCAL, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def environment(**extra):
    """The environment of every child. Text that is parsed must not be translated, and CI keeps no incremental state."""
    env = dict(os.environ, LC_ALL="C.UTF-8")
    env["PATH"] = BIN + os.pathsep + env.get("PATH", "")
    if IN_CI:
        env.setdefault("CARGO_INCREMENTAL", "0")
    if not ON_TERMINAL:
        env["CARGO_TERM_PROGRESS_WHEN"] = "never"
    env.update(extra)
    return env


def target_dir():
    """Cargo's output folder, as the caller set it or as cargo would choose it."""
    return os.path.abspath(os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"))


def version_of(text):
    """The first dotted number of a text as a tuple, `()` when there is none."""
    found = re.search(r"(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()
