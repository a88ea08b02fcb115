"""What ./dev check, test, fmt, doc and openapi do.

`check` is what is quick enough before each commit; `test` is `check` and every suite. Nothing of a suite is skipped
because something is missing: what is missing is installed, or the command fails.
"""

import contextlib
import difflib
import json
import os
import subprocess
import sys

from tools import audit, install, project
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
        npm = install.portal()
        say("Check")
        _static(steps, go)
        _portal(steps, npm)
        steps.run("unit and tidy tests", ["cargo", "test", "--locked", "--workspace", "--lib", "--bins", "--test", "tidy"])
        _documents(steps)


def test(_arguments):
    with steps_of("test") as steps:
        say("Install what is missing")
        install.rust()
        install.system_packages({"build", "lab", "doors", "postgres", "browser"})
        go = install.go()
        npm = install.portal()
        simulator, govc = install.simulator()
        say("Test")
        _static(steps, go)
        _portal(steps, npm)
        steps.run("laboratories", [sys.executable, "-m", "unittest", "discover", "-s", project.LAB, "-t", project.LAB])
        # Compiled before the database starts, so that its time is seen by itself.
        steps.run("build the tests", ["cargo", "test", "--locked", "--workspace", "--no-run"])
        with postgres() as database:
            env = project.environment(SPANDREL_SIMULATOR=simulator, SPANDREL_GOVC=govc, **database)
            steps.run("every suite, on SQLite and PostgreSQL",
                      ["cargo", "test", "--locked", "--workspace", "--no-fail-fast"], env=env)
        _documents(steps)
        _browser(steps, npm, simulator, govc)
        steps.run("./dev run, as a new user", [sys.executable, "-m", "unittest", "tools.trial"])


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


def _portal(steps, npm):
    """The portal's own checks: its types first, since a missing word of a language shows there."""
    command, env = npm
    env = dict(env, NO_COLOR="1")
    for name, script in (("portal types and languages", "typecheck"), ("portal lint", "lint"), ("portal tests", "test"),
                         ("portal licences", "licenses")):
        steps.run(name, [*command, "run", "--silent", script], cwd=project.PORTAL, env=env)


def _browser(steps, npm, simulator, govc):
    """The portal in a browser, against the gateway and the simulator that were just built, and a private KVM host."""
    command, env = npm
    env = dict(env, NO_COLOR="1", SPANDREL_BIN=gateway(), SPANDREL_SIMULATOR=simulator, SPANDREL_GOVC=govc,
               SPANDREL_CHROMIUM=labkit.find_program("chromium"))
    steps.run("portal in the browser", [*command, "run", "--silent", "e2e"], cwd=project.PORTAL, env=env)


def portal(arguments):
    """The portal's front end from its sources, reloading as they change, against a running gateway."""
    command, env = install.portal_packages()
    say(f"The portal's sources against {arguments.gateway}; Ctrl-C ends it")
    subprocess.run([*command, "run", "--silent", "dev"], cwd=project.PORTAL, check=False,
                   env=dict(env, SPANDREL_GATEWAY=arguments.gateway))


def _documents(steps):
    env = project.environment(RUSTDOCFLAGS=RUSTDOCFLAGS)
    steps.run("documentation", ["cargo", "doc", "--locked", "--workspace", "--no-deps"], env=env)
    steps.run("build the gateway", ["cargo", "build", "--locked", "--bin", "spandrel"])
    steps.do("OpenAPI is up to date", _openapi_differs)


def _advisories(steps):
    """Known holes in dependencies, where ./dev audit has brought the tool and the list of advisories. Licences, bans and
    the crypto provider are checked by tests/tidy.rs in any case."""
    program = audit.installed()
    if not program:
        steps.skip("advisories", "not checked here: ./dev audit brings cargo-deny and the list of advisories, and checks them")
    else:
        steps.run("advisories", audit.command(program, offline=True))


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
def postgres():
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
        try:
            # It removes the files of some hundred databases.
            process.wait(300)
        except subprocess.TimeoutExpired:
            process.kill()
            say(f"PostgreSQL did not end in time; {log_path} may say why")


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
