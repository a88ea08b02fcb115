"""What ./dev check, test, fmt, doc, bench and openapi do.

`check` is what is quick enough before each commit; `test` is `check` and every suite. Nothing of a suite is skipped
because something is missing: what is missing is installed, or the command fails.
"""

import contextlib
import difflib
import json
import os
import subprocess
import sys

from tools import install, project
from tools.project import DevError, say
from tools.steps import Steps

import labkit

OPENAPI = os.path.join(project.ROOT, "docs", "openapi.json")
# Module headers point to private modules: who reads them has the source at hand.
RUSTDOCFLAGS = "-D warnings -A rustdoc::private-intra-doc-links"


@contextlib.contextmanager
def steps_of(command):
    """The closing line is the last one, however the steps end."""
    steps = Steps(command)
    try:
        yield steps
    except DevError as error:
        say(f"{project.paint('dev:', '31;1')} {error}")
        steps.close()
        sys.exit(1)
    steps.close()


def check(_arguments):
    with steps_of("check") as steps:
        say("Install what is missing")
        install.rust()
        install.system_packages({"build"})
        go = install.go()
        say("Check")
        _static(steps, go)
        steps.run("unit and tidy tests", ["cargo", "test", "--locked", "--workspace", "--lib", "--bins", "--test", "tidy"])
        _documents(steps)


def test(_arguments):
    with steps_of("test") as steps:
        say("Install what is missing")
        install.rust()
        install.system_packages({"build", "lab", "postgres"})
        go = install.go()
        simulator, govc = install.simulator()
        say("Test")
        _static(steps, go)
        steps.run("laboratories", [sys.executable, "-m", "unittest", "discover", "-s", project.LAB, "-t", project.LAB])
        # Compiled before the database starts, so that its time is seen by itself.
        steps.run("build the tests", ["cargo", "test", "--locked", "--workspace", "--no-run"])
        with _postgres() as database:
            env = project.environment(SPANDREL_SIMULATOR=simulator, SPANDREL_GOVC=govc, **database)
            steps.run("every suite, on SQLite and PostgreSQL",
                      ["cargo", "test", "--locked", "--workspace", "--no-fail-fast"], env=env)
        _documents(steps)


def _static(steps, go):
    """What needs no running program: formats, lints, Go's and Python's own checks."""
    steps.run("Rust format", ["cargo", "fmt", "--all", "--check"])
    steps.do("Python syntax", _python_syntax)
    steps.run("tests of ./dev", [sys.executable, "-m", "unittest", "discover", "-s", "tools", "-t", project.ROOT])
    go_env = install.go_environment(go)
    steps.run("Go format", [os.path.join(go, "gofmt"), "-l", "."], cwd=project.SIMULATOR, env=go_env,
              check=lambda text: "these files are not formatted (./dev fmt)" if text.strip() else None)
    steps.run("Go vet", [os.path.join(go, "go"), "vet", "./..."], cwd=project.SIMULATOR, env=go_env)
    steps.run("Go tests", [os.path.join(go, "go"), "test", "-v", "./..."], cwd=project.SIMULATOR, env=go_env)
    steps.run("clippy", ["cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
    _advisories(steps)


def _documents(steps):
    env = project.environment(RUSTDOCFLAGS=RUSTDOCFLAGS)
    steps.run("documentation", ["cargo", "doc", "--locked", "--workspace", "--no-deps"], env=env)
    steps.run("build the gateway", ["cargo", "build", "--locked", "--bin", "spandrel"])
    steps.do("OpenAPI is up to date", _openapi_differs)


def _advisories(steps):
    """Known holes in dependencies. Needs cargo-deny and its database, which come from outside Debian and crates.io's
    index; licences, bans and the crypto provider are checked by tests/tidy.rs in any case."""
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    databases = os.path.join(home, "advisory-dbs")
    if not labkit.find_program("cargo-deny"):
        steps.skip("advisories", "not checked here: cargo-deny is not installed (licences and bans are, by tests/tidy.rs)")
    elif not (os.path.isdir(databases) and os.listdir(databases)):
        steps.skip("advisories", "not checked here: cargo-deny has no advisory database (cargo deny fetch)")
    else:
        steps.run("advisories", ["cargo", "deny", "--offline", "check", "advisories", "bans", "licenses", "sources"])


def _python_files():
    found = [os.path.join(project.ROOT, "dev")]
    for folder in ("tools", "tests"):
        for base, _, names in os.walk(os.path.join(project.ROOT, folder)):
            found += [os.path.join(base, name) for name in names if name.endswith(".py")]
    return sorted(found)


def _python_syntax():
    """Compiles each Python file in memory: no tool beyond Python is asked for."""
    for path in _python_files():
        with open(path, "rb") as file:
            source = file.read()
        try:
            compile(source, path, "exec")
        except SyntaxError as error:
            return f"{os.path.relpath(path, project.ROOT)}:{error.lineno}: {error.msg}"
        for number, line in enumerate(source.split(b"\n"), 1):
            if line != line.rstrip() or b"\t" in line or len(line.decode(errors="replace")) > 130:
                return f"{os.path.relpath(path, project.ROOT)}:{number}: a tab, blanks at the end, or over 130 characters"
    return None


def gateway():
    """The path of the gateway as cargo builds it by default."""
    return os.path.join(project.target_dir(), "debug", "spandrel")


def _openapi_now():
    done = subprocess.run([gateway(), "openapi"], cwd=project.ROOT, env=project.environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise DevError(f"`spandrel openapi` failed: {done.stderr.strip()}")
    # Through a parser: what is not JSON is found here, and the checked-in file has one form.
    return json.dumps(json.loads(done.stdout), indent=2, ensure_ascii=False) + "\n"


def _openapi_differs():
    now = _openapi_now()
    try:
        with open(OPENAPI, encoding="utf-8") as file:
            before = file.read()
    except FileNotFoundError:
        return "docs/openapi.json is missing: ./dev openapi"
    if now == before:
        return None
    lines = list(difflib.unified_diff(before.splitlines(), now.splitlines(), "docs/openapi.json", "the code", lineterm=""))
    say("\n".join(lines[:60]))
    return "docs/openapi.json differs from the code: ./dev openapi"


def openapi(_arguments):
    """Writes docs/openapi.json from the code."""
    install.rust()
    install.system_packages({"build"})
    subprocess.run(["cargo", "build", "--locked", "--bin", "spandrel"], cwd=project.ROOT, env=project.environment(), check=True)
    os.makedirs(os.path.dirname(OPENAPI), exist_ok=True)
    with open(OPENAPI, "w", encoding="utf-8") as file:
        file.write(_openapi_now())
    say("docs/openapi.json is written")


@contextlib.contextmanager
def _postgres():
    """A PostgreSQL cluster for the suites; gone with this process."""
    log_path = project.local("log", "postgres.log")
    with open(log_path, "wb") as log:
        process = subprocess.Popen([sys.executable, os.path.join(project.LAB, "postgres.py"), "up", "--exit-with-stdin"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                   env=project.environment())
    try:
        line = process.stdout.readline()
        if not line:
            raise DevError(f"PostgreSQL did not start:\n{labkit.tail(log_path)}")
        report = json.loads(line)
        yield {"SPANDREL_TEST_POSTGRES_URL": report["url"], "SPANDREL_TEST_POSTGRES_ADMIN_URL": report["admin_url"]}
    finally:
        process.stdin.close()
        process.wait(60)


def fmt(_arguments):
    install.rust()
    go = install.go()
    subprocess.run(["cargo", "fmt", "--all"], cwd=project.ROOT, env=project.environment(), check=True)
    subprocess.run([os.path.join(go, "gofmt"), "-w", "."], cwd=project.SIMULATOR, env=project.environment(), check=True)
    say("Rust and Go are formatted")


def doc(arguments):
    """Builds the documentation of the workspace, warnings denied, and says where it is."""
    install.rust()
    install.system_packages({"build"})
    command = ["cargo", "doc", "--locked", "--workspace", "--no-deps"] + (["--open"] if arguments.open else [])
    done = subprocess.run(command, cwd=project.ROOT, env=project.environment(RUSTDOCFLAGS=RUSTDOCFLAGS), check=False)
    if done.returncode != 0:
        raise DevError("the documentation has faults")
    say(os.path.join(project.target_dir(), "doc", "spandrel", "index.html"))


def benches():
    """The names of the benchmarks that cargo knows of in the workspace."""
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=project.ROOT, capture_output=True,
        text=True, check=True, env=project.environment()).stdout)
    return sorted({target["name"] for package in metadata["packages"] for target in package["targets"]
                   if "bench" in target["kind"]})


def bench(arguments):
    install.rust()
    install.system_packages({"build"})
    names = benches()
    if not names:
        say("there are no benchmarks yet: a bench target in Cargo.toml makes one")
        return
    if arguments.name and arguments.name not in names:
        raise DevError(f"no benchmark {arguments.name}; there are: {', '.join(names)}")
    simulator, govc = install.simulator()
    command = ["cargo", "bench", "--locked", "--workspace"]
    for name in [arguments.name] if arguments.name else names:
        command += ["--bench", name]
    done = subprocess.run(command, cwd=project.ROOT, check=False,
                          env=project.environment(SPANDREL_SIMULATOR=simulator, SPANDREL_GOVC=govc))
    if done.returncode != 0:
        raise DevError("a benchmark failed")
