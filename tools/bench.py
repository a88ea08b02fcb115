"""What ./dev bench does: an optimized build, what the benchmark needs beside it, and the run."""

import json
import os
import subprocess
import tempfile

from tools import install, project, suites
from tools.project import DevError, say

import labkit

PAGE = os.path.join(project.ROOT, "docs", "BENCHMARKS.md")
BEGIN, END = "<!-- bench portal: begin -->", "<!-- bench portal: end -->"


def bench(arguments):
    """One of the benchmarks, by its name."""
    {"inventory": inventory, "portal": portal}[arguments.name](arguments)


def inventory(arguments):
    """The figures of the inventory; docs/BENCHMARKS.md says what they mean."""
    say("Install what is missing")
    install.rust()
    install.system_packages({"build", "postgres"})
    simulator, govc = install.simulator()
    extra = {"SPANDREL_SIMULATOR": simulator, "SPANDREL_GOVC": govc}
    try:
        extra["SPANDREL_BENCH_PYVMOMI"] = install.wheel("pyvmomi", "pyVmomi", "measured beside our own client")
    except DevError as error:
        say(f"    pyvmomi is left out: {str(error).splitlines()[0]}")
    command = ["cargo", "bench", "--locked", "--bench", "inventory"]
    # Built before the database starts, and with cargo's own progress.
    if subprocess.run([*command, "--no-run"], cwd=project.ROOT, env=project.environment(), check=False).returncode != 0:
        raise DevError("the build failed")
    options = (["--quick"] if arguments.quick else []) + (["--only", arguments.only] if arguments.only else [])
    with suites.postgres() as database:
        env = project.environment(**extra, **database)
        if subprocess.run([*command, "--", *options], cwd=project.ROOT, env=env, check=False).returncode != 0:
            raise DevError("the benchmark failed")


def portal(arguments):
    """The figures of the portal in the browser of the tests, against an optimized gateway that has it built in."""
    say("Install what is missing")
    install.rust()
    install.system_packages({"build", "browser"})
    command, env = install.portal()
    simulator, _ = install.simulator()
    if subprocess.run(["cargo", "build", "--locked", "--release", "--bin", "spandrel"], cwd=project.ROOT,
                      env=project.environment(), check=False).returncode != 0:
        raise DevError("the build failed")
    load = os.getloadavg()[0]
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        env = dict(env, SPANDREL_BIN=os.path.join(project.target_dir(), "release", "spandrel"), SPANDREL_SIMULATOR=simulator,
                   SPANDREL_CHROMIUM=labkit.find_program("chromium"), SPANDREL_BENCH_OUT=out.name,
                   SPANDREL_BENCH_QUICK="1" if arguments.quick else "0")
        asked = ["--grep", arguments.only.replace(",", "|")] if arguments.only else []
        done = subprocess.run([*command, "run", "--silent", "bench", "--", *asked], cwd=project.PORTAL, env=env, check=False)
        if done.returncode != 0:
            raise DevError("the benchmark failed")
        rows = json.load(out)
    if arguments.quick or arguments.only:
        say("Only a whole run at full size is written into docs/BENCHMARKS.md")
        return
    write_portal(rows, load, PAGE)
    say("docs/BENCHMARKS.md is written")


def machine():
    """The processor, memory and system in one line, as the inventory's table says them."""
    def value_in(path, name):
        with open(path, encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), None)
    memory_kib = int((value_in("/proc/meminfo", "MemTotal") or "0").split()[0])
    cpu = value_in("/proc/cpuinfo", "model name") or "unknown processor"
    return f"{cpu}, {os.cpu_count()} cores, {-(-memory_kib // (1 << 20))} GiB, Linux {os.uname().release}"


def write_portal(rows, load, path):
    """Puts the table between its marks."""
    verdicts = {True: "yes", False: "**no**", None: ""}
    lines = [f"Measured on: {machine()}. Load average at the start: {load:.2f}.", "",
             "| what | measured | bound | met |", "|---|---|---|---|"]
    lines += [f"| {row['what']} | {row['measured']} | {row['bound']} | {verdicts[row['met']]} |" for row in rows]
    with open(path, encoding="utf-8") as file:
        page = file.read()
    if BEGIN not in page or END not in page:
        raise DevError(f"{path} has no {BEGIN}")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
