"""What is shown while a process runs: on a terminal one line that is overwritten, elsewhere a word once a minute."""

import os
import shutil
import threading
import time

from tools import project
from tools.project import say

STILL_RUNNING_EVERY_S = 60


def line(text):
    """The line that is overwritten; only where there is a terminal. An empty text takes it away."""
    if project.ON_TERMINAL:
        width = shutil.get_terminal_size().columns - 1
        print("\r\033[K" + text[:width], end="", flush=True)


def wait(process, name, log_path):
    """Waits for a process's end and shows how long it takes and its log's last line. Ends it when we are interrupted."""
    began = time.monotonic()
    done = threading.Event()

    def watch():
        said = began
        while not done.wait(0.5):
            now = time.monotonic()
            if project.ON_TERMINAL:
                line(f"    {name} … {now - began:.0f} s  {last_line(log_path)}")
            elif now - said >= STILL_RUNNING_EVERY_S:
                said = now
                say(f"    {name} … {now - began:.0f} s  {last_line(log_path)[:100]}")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        done.set()
        thread.join()
        line("")


def last_line(path):
    """The last line of a growing log that says anything."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 2000))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((text.strip() for text in reversed(lines) if text.strip()), "")
