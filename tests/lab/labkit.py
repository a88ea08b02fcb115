"""What the laboratories under tests/lab share: processes that die with us, locks, waiting for the end.

The invariant kept here: whatever a laboratory starts ends with the laboratory, however that ends. The
parent-death signal covers a kill -9; the lock tells a run that is alive from the leftovers of one that is not.
"""

import ctypes
import errno
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something that the person who started the laboratory has to know; printed without a traceback."""


def say(message):
    """A line for the person who watches; stdout is kept for the one JSON line."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


def answer(value):
    """Prints one JSON line on stdout. A reader that went away is not an error: the end is near anyway."""
    try:
        print(json.dumps(value, separators=(",", ":")), flush=True)
    except BrokenPipeError:
        pass


def die_with_parent(number):
    """A preexec_fn: the child gets this signal when the thread that started it ends."""
    parent = os.getpid()

    def arm():
        _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        # The parent may have ended between fork and prctl.
        if os.getppid() not in (parent, 0):
            os._exit(1)

    return arm


def check_name(name):
    """Names become parts of paths, of domain names and of a bridge name, so they stay short and plain."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise LabError(f"the name {name!r} must be 1-31 of a-z, 0-9 and '-', beginning with a letter")
    return name


def base_dir(kind, name):
    """Where a laboratory of this name lives: short, since a unix socket's path may have 107 bytes only."""
    owner = "" if os.getuid() == 0 else f"{os.getuid()}-"
    return os.path.join(tempfile.gettempdir(), f"spandrel-{kind}-{owner}{name}")


class Lock:
    """An exclusive lock that the kernel frees when its holder is gone."""

    def __init__(self, path):
        self.path = path
        self._file = None

    def try_take(self):
        file = open(self.path, "a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have removed the file between our open and our lock.
            if not os.path.exists(self.path) or os.fstat(file.fileno()).st_ino != os.stat(self.path).st_ino:
                file.close()
                return self.try_take()
        except OSError as error:
            file.close()
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return True

    def holder(self):
        try:
            with open(self.path, encoding="ascii") as file:
                return int(file.read().strip() or 0) or None
        except (OSError, ValueError):
            return None

    def release(self):
        if self._file:
            remove_file(self.path)
            self._file.close()
            self._file = None


def remove_file(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_tree(path):
    """Removes a folder; it is an error when something of it stays, since the next run would meet it."""
    for _ in range(20):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
        time.sleep(0.1)
    raise LabError(f"{path} could not be removed")


def processes():
    """(pid, parent, command line as a list) of each process that can be read."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().split(b"\0")
            with open(f"/proc/{entry}/stat", "rb") as file:
                # The command name is in brackets and may hold blanks: count from the last bracket.
                fields = file.read().rsplit(b")", 1)[1].split()
        except (OSError, IndexError):
            continue
        yield int(entry), int(fields[1]), [part.decode(errors="replace") for part in command if part]


def children(pid):
    return [child for child, parent, _ in processes() if parent == pid]


def kill_and_wait(pid, number=signal.SIGKILL, timeout_s=60):
    """Ends a process by its id and waits until it is gone (or a zombie that its parent has not read yet)."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                if file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X"):
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def run(command, timeout_s=180, input_text=None, env=None):
    """Runs a command to its end and returns its output; its words are in the error when it fails."""
    try:
        done = subprocess.run(command, input=input_text, text=True, capture_output=True, timeout=timeout_s, env=env,
                              stdin=subprocess.DEVNULL if input_text is None else None, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)} did not end in {timeout_s} s") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def run_binary(command, timeout_s=180):
    """Runs a command to its end and returns its output as bytes."""
    done = subprocess.run(command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def tail(path, lines=25):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return ""


def find_program(*names):
    """The first of these programs that there is; the system folders that a user's PATH lacks are looked into too."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/libexec:/usr/lib/libvirt"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def need(program, package=None):
    """Where a program is; says what to install when it is not there."""
    found = find_program(program)
    if not found:
        raise LabError(f"{program} is missing: apt-get install {package or program}")
    return found


class Stop(Exception):
    """SIGTERM, SIGINT or SIGHUP arrived: the finally blocks tear everything down."""


def stop_on_signals():
    """Turns the ending signals into one exception, once: a second Ctrl-C must not cut the tear-down short."""

    def handler(number, _frame):
        for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        raise Stop(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handler)


def wait_for_end(exit_with_stdin, watched, on_line=None):
    """Waits until stdin closes (if asked for), or one of the watched processes (name → Popen) ends unasked.

    Each line that comes on stdin is given to `on_line`: the way in which a test asks for something.
    """
    buffer = b""
    while True:
        for name, process in watched.items():
            if process.poll() is not None:
                raise LabError(f"{name} ended by itself (code {process.returncode})")
        if not exit_with_stdin:
            time.sleep(0.3)
            continue
        ready, _, _ = select.select([0], [], [], 0.3)
        if not ready:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return
        buffer += chunk
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            if on_line and line.strip():
                on_line(line.decode(errors="replace").strip())


def main(entry):
    """Runs a command's entry; errors become one line on stderr and exit code 1, signals an orderly end."""
    try:
        entry()
    except Stop:
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except LabError as error:
        say(str(error))
        sys.exit(1)
