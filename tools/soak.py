"""./dev soak: the gateway under churn and random faults, for as long as asked; what came of it goes into docs/BENCHMARKS.md.

The run itself is tests/it/soak.rs. It fails at the first difference between the inventory and the platforms, when a
fault is not recovered from, and when memory, threads or file handles grow.
"""

import json
import os
import re
import subprocess

from tools import install, project, suites
from tools.project import DevError, say

BENCHMARKS = os.path.join(project.ROOT, "docs", "BENCHMARKS.md")
BEGIN, END = "<!-- soak: written by ./dev soak -->", "<!-- /soak -->"


def soak(arguments):
    install.rust()
    install.system_packages({"build", "lab", "postgres"})
    simulator, govc = install.simulator()
    profile = ["--release"] if arguments.release else []
    say(f"Soak for {arguments.minutes} minutes")
    with suites.postgres() as database:
        env = project.environment(
            SPANDREL_SIMULATOR=simulator, SPANDREL_GOVC=govc, SPANDREL_SOAK_MINUTES=str(arguments.minutes),
            SPANDREL_SOAK_SEED=str(arguments.seed), SPANDREL_SOAK_DATABASE=arguments.database, **database)
        process = subprocess.Popen(
            ["cargo", "test", "--locked", *profile, "--test", "it", "--", "--ignored", "--exact", "soak::soak", "--nocapture"],
            cwd=project.ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        report = None
        for line in process.stdout:
            if line.startswith("soak-report "):
                report = json.loads(line.removeprefix("soak-report "))
            elif line.strip():
                say(f"  {line.rstrip()}")
        code = process.wait()
    if report:
        text = table(report, "optimized" if arguments.release else "debug", code == 0)
        say(text)
        if arguments.write:
            write(text)
    if code != 0 or not report:
        raise DevError("the long run failed: see above")


def table(report, build, passed):
    """The report as it stands in the documentation."""
    mib = [value / 1024 for value in report["resident_kib"]]
    rows = [
        ("length, database, build, seed", f"{report['minutes']} minutes, {report['database']}, {build}, {report['seed']}"),
        ("faults", f"{report['faults']} of {report['fault_kinds']} kinds"),
        ("changes taken over", f"{report['changes']:.0f}"),
        ("comparisons with govc and virsh, object by object", f"{report['comparisons']}, all equal"),
        ("comparisons by the gateway itself", f"{report['own_comparisons']:.0f}"),
        ("changes that these found and notices had missed", f"{report['missed_changes']:.0f}"),
        ("slowest recovery to live and quiet", f"{report['slowest_recovery_s']:.1f} s (6 s of it are the proof of quiet)"),
        ("resident memory, second and last quarter", f"{mib[0]:.0f} and {mib[1]:.0f} MiB"),
        ("tasks, second and last quarter", " and ".join(f"{value:.0f}" for value in report["tasks"])),
        ("threads, second and last quarter", " and ".join(f"{value:.0f}" for value in report["threads"])),
        ("file handles, second and last quarter", " and ".join(f"{value:.0f}" for value in report["handles"])),
        ("result", "passed" if passed else "failed"),
    ]
    return "\n".join(["| what | seen |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def write(text):
    with open(BENCHMARKS, encoding="utf-8") as file:
        before = file.read()
    found = re.search(re.escape(BEGIN) + ".*?" + re.escape(END), before, re.S)
    if not found:
        raise DevError(f"docs/BENCHMARKS.md has no place for this: {BEGIN} … {END}")
    with open(BENCHMARKS, "w", encoding="utf-8") as file:
        file.write(before[:found.start()] + f"{BEGIN}\n{text}\n{END}" + before[found.end():])
    say("docs/BENCHMARKS.md has it")
