"""./dev run: the gateway with its embedded default and, where nothing is configured, a demonstration.

The demonstration is a simulated vCenter and a private KVM host; both are processes of ours, on loopback and in
namespaces, and end with us: on Ctrl-C in order, and when we are killed by the kernel's parent-death signal and their
closing stdin. The data folder stays, so that what an administrator adds is there the next time.
"""

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

from tools import install, project
from tools.project import DevError, paint, say

import labkit

# One for each folder, so that a trial can run beside a demonstration.
LAB_NAME = "spandrel-demo" + (f"-{zlib.crc32(project.RUN.encode()):08x}" if "SPANDREL_RUN_DIRECTORY" in os.environ else "")
PREFERRED = "127.0.0.1:8480"
# Providers that earlier demonstrations added. Their simulator is gone, so they are removed and added anew.
DEMO_PROVIDERS = ("demo-vcenter", "demo-kvm")
READY_WITHIN_S = 60
LIVE_WITHIN_S = 45


class Child:
    """A process of the demonstration that prints one JSON line when it is ready and ends with its stdin."""

    def __init__(self, name, command, **env):
        self.name = name
        self.log_path = os.path.join(project.RUN, f"{name}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=project.ROOT,
                env=project.environment(**env), start_new_session=True,
                preexec_fn=labkit.die_with_parent(signal.SIGTERM))

    def report(self, timeout_s=120):
        """The one line; raises with the log's tail when there is none."""
        deadline = time.monotonic() + timeout_s
        buffer = b""
        while b"\n" not in buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                self.stop()
                raise DevError(f"{self.name} did not start:\n{labkit.tail(self.log_path, 12)}")
            buffer += chunk
        return json.loads(buffer.split(b"\n", 1)[0])

    def stop(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        end(self.process, 20)


def end(process, patience_s):
    """Waits for a process, asks it by SIGTERM, and at last does not ask."""
    for act in (lambda: None, process.terminate, process.kill):
        act()
        try:
            process.wait(patience_s if act is not process.kill else 5)
            return
        except subprocess.TimeoutExpired:
            continue


class Gateway:
    """The running gateway and its API."""

    def __init__(self, program, address, password):
        self.url = f"http://{address}"
        self.password = password
        self.token = None
        self.log_path = os.path.join(project.RUN, "gateway.log")
        env = project.environment(SPANDREL_ADMIN_PASSWORD=password, NO_COLOR="1")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--data-directory", os.path.join(project.RUN, "data"), "--listen", address],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=project.ROOT, env=env, start_new_session=True,
                preexec_fn=labkit.die_with_parent(signal.SIGTERM))

    def call(self, method, path, body=None, timeout_s=30):
        """(status, JSON) of one call. A problem answer is an answer."""
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("content-type", "application/json")
        if self.token:
            request.add_header("authorization", f"Bearer {self.token}")
        # Never by a proxy: it is our own process on loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_s) as response:
                return response.status, _json(response.read())
        except urllib.error.HTTPError as error:
            return error.code, _json(error.read())
        except (urllib.error.URLError, OSError) as error:
            return 0, {"detail": str(error)}

    def must(self, method, path, body=None):
        status, value = self.call(method, path, body)
        if not 200 <= status < 300:
            detail = value.get("detail") or value.get("title") if isinstance(value, dict) else value
            raise DevError(f"{method} {path} answered {status}: {detail}")
        return value

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while self.call("GET", "/readyz", timeout_s=5)[0] != 200:
            if self.process.poll() is not None:
                raise DevError(f"the gateway ended:\n{labkit.tail(self.log_path)}")
            if time.monotonic() > deadline:
                raise DevError(f"the gateway is not ready after {READY_WITHIN_S} s:\n{labkit.tail(self.log_path)}")
            time.sleep(0.1)

    def log_in(self):
        """False when the password is not the one of the first start any more."""
        status, value = self.call("POST", "/v1/login", {"username": "admin", "password": self.password})
        if status == 200 or status == 201:
            self.token = value["token"]
            return True
        if status in (401, 403):
            return False
        raise DevError(f"the login answered {status}: {value}")

    def providers(self):
        value = self.must("GET", "/v1/providers")
        return value["items"] if isinstance(value, dict) else value

    def remove(self, provider):
        self.must("DELETE", f"/v1/providers/{provider['id']}")
        deadline = time.monotonic() + 60
        while any(other["id"] == provider["id"] for other in self.providers()):
            if time.monotonic() > deadline:
                raise DevError(f"{provider['name']} of an earlier demonstration cannot be removed")
            time.sleep(0.2)


def _json(data):
    try:
        return json.loads(data) if data else {}
    except ValueError:
        return {"detail": data[:200].decode(errors="replace")}


def choose_address(asked):
    """The asked address, or the usual one, or a free port when another program has that."""
    host, _, port = (asked or PREFERRED).rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
            return f"{host}:{probe.getsockname()[1]}"
        except OSError as error:
            if asked:
                raise DevError(f"{asked} cannot be listened on: {error}") from error
            probe.bind(("127.0.0.1", 0))
            free = f"127.0.0.1:{probe.getsockname()[1]}"
            say(f"  {PREFERRED} is in use by another program: {free} instead")
            return free


def admin_password():
    """(password, is it new?). Made at the first start and kept beside the data, readable by its owner only, so that
    the next start can add the demonstration's providers."""
    path = os.path.join(project.RUN, "admin-password")
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip(), False
    except FileNotFoundError:
        password = secrets.token_urlsafe(12)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(password + "\n")
        return password, True


def build(release):
    """Builds the gateway with cargo's own progress on the terminal; returns the program."""
    say("Build the gateway" + (" (optimized)" if release else ""))
    command = ["cargo", "build", "--locked", "--bin", "spandrel"] + (["--release"] if release else [])
    if subprocess.run(command, cwd=project.ROOT, env=project.environment(), check=False).returncode != 0:
        raise DevError("the build failed")
    program = os.path.join(project.target_dir(), "release" if release else "debug", "spandrel")
    link = project.local("bin", "spandrel")
    labkit.remove_file(link)
    os.symlink(program, link)
    return program


def install_all(with_demo):
    """What the run needs. What only the demonstration's KVM host needs may be left out, and is then said."""
    say("Install what is missing")
    install.rust()
    install.system_packages({"build"})
    install.portal()
    if not with_demo:
        return None, None
    try:
        install.system_packages({"lab"})
        lab_fault = None
    except DevError as error:
        lab_fault = str(error)
    return install.simulator()[0], lab_fault


def start_simulator(program, arguments):
    scratch = os.path.join(project.RUN, "tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    return Child("vcenter", [
        program, "serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--username", "administrator@vsphere.local",
        "--password", secrets.token_urlsafe(12), "--vms", str(arguments.vms), "--scenario", "lifelike",
        "--churn", str(arguments.churn), "--seed", "1", "--exit-with-stdin"], TMPDIR=scratch)


def start_lab(guests):
    return Child("kvm", [sys.executable, os.path.join(project.LAB, "kvm.py"), "up", "--name", LAB_NAME,
                         "--guests", str(guests), "--exit-with-stdin"])


class Demonstration:
    """The two platforms of the demonstration, and what had to be left out of them."""

    def __init__(self):
        self.children = []
        self.left_out = []
        self.hints = []
        # Commands that change something outside the gateway.
        self.outside = []

    def start(self, gateway, simulator, lab_fault, arguments):
        """Both start at once; each is added as soon as it is ready."""
        vcenter = start_simulator(simulator, arguments)
        self.children.append(vcenter)
        lab = None
        if lab_fault:
            self.left_out.append(f"the private KVM host ({lab_fault}); libvirt's own test driver stands in for it")
        else:
            lab = start_lab(arguments.guests)
            self.children.append(lab)
        report = vcenter.report()
        gateway.must("POST", "/v1/providers", {
            "name": "demo-vcenter", "kind": "vsphere", "endpoints": [report["url"]], "username": report["username"],
            "password": report["password"], "trust": {"thumbprint_sha256": report["thumbprint_sha256"]}})
        self.hints.append(f"vCenter   {report['url']}  (simulated; {arguments.vms} machines)")
        user = urllib.parse.quote(report["username"], safe="")
        url = report["url"].replace("https://", f"https://{user}:{report['password']}@")
        govc = os.path.join(".local", "bin", "govc")
        self.outside.append(f"export GOVC_INSECURE=1 GOVC_URL='{url}'")
        self.outside.append(f"{govc} vm.power -off \"$({govc} find / -type m -runtime.powerState poweredOn | head -1)\"")
        self._add_kvm(gateway, lab)

    def _add_kvm(self, gateway, lab):
        uri = "test:///default"
        if lab:
            try:
                report = lab.report()
                uri = report["uri"]
                self.left_out += report["left_out"]
                self.outside += [f"virsh -c '{uri}' destroy {guest['name']}" for guest in report["guests"][:1]]
            except DevError as error:
                self.left_out.append(f"the private KVM host ({error}); libvirt's own test driver stands in for it")
        gateway.must("POST", "/v1/providers", {"name": "demo-kvm", "kind": "kvm", "endpoints": [uri]})
        self.hints.append(f"KVM       {uri}")

    def stop(self):
        for child in self.children:
            child.stop()


def wait_until_live(gateway):
    """Shows how the providers load; ends when all are live, or after a while: they go on by themselves."""
    deadline = time.monotonic() + LIVE_WITHIN_S
    shown = {}
    while time.monotonic() < deadline:
        states = {}
        for provider in gateway.providers():
            for source in provider.get("sources", []):
                states[(provider["name"], source["endpoint"])] = source["sync"]
        for (name, _), sync in states.items():
            text = sync["state"]
            if text == "loading" and sync.get("expected"):
                text += f" {sync.get('loaded') or 0} of {sync['expected']}"
            if sync.get("message"):
                text += f": {sync['message']}"
            if shown.get(name) != text:
                shown[name] = text
                say(f"  {name}: {text}")
        if states and all(sync["state"] == "live" for sync in states.values()):
            return
        time.sleep(0.5)
    say("  not every provider is live yet; they go on by themselves")


def welcome(gateway, password_line, demonstration):
    say()
    say(paint("Spandrel is running", "1") + f" at {paint(gateway.url, '36;1')}")
    say(f"  portal    {paint(gateway.url + '/', '36;1')}")
    say(f"  user      admin, password {password_line}")
    for hint in demonstration.hints:
        say(f"  {hint}")
    for thing in demonstration.left_out:
        say(f"  left out  {thing}")
    say(f"  API       {gateway.url}/docs")
    say("  log       .local/run/gateway.log")
    say()
    program = os.path.join(".local", "bin", "spandrel")
    say("Try, in another terminal:")
    for command, meaning in ((f"login --server {gateway.url} --username admin", "asks for the password"),
                             ("vm list", "the machines of both platforms"),
                             ("tree", "provider, cluster, host, machine"),
                             ("watch", "every change, as it happens")):
        say(f"  {program} {command:<52} # {meaning}")
    say()
    say("Change something outside, and see it in watch:")
    for command in demonstration.outside:
        say(f"  {command}")
    say()
    say("Ctrl-C ends all of it.")


def watch_children(gateway, demonstration):
    """Until Ctrl-C. A platform that dies is said once and left to the gateway to notice; the gateway's end is ours."""
    gone = set()
    while True:
        if gateway.process.poll() is not None:
            raise DevError(f"the gateway ended (code {gateway.process.returncode}):\n{labkit.tail(gateway.log_path)}")
        for child in demonstration.children:
            if child.process.poll() is not None and child.name not in gone:
                gone.add(child.name)
                say(f"  {child.name} of the demonstration ended:\n{labkit.tail(child.log_path, 8)}")
        time.sleep(0.5)


def run(arguments):
    os.makedirs(project.RUN, mode=0o700, exist_ok=True)
    lock = labkit.Lock(project.RUN + ".lock")
    if not lock.try_take():
        raise DevError(f"./dev run is running already (process {lock.holder()})")
    gateway, demonstration = None, Demonstration()
    try:
        if arguments.fresh:
            shutil.rmtree(project.RUN)
            os.makedirs(project.RUN, mode=0o700)
        simulator, lab_fault = install_all(not arguments.no_demo)
        program = build(arguments.release)
        labkit.stop_on_signals()
        say("Start")
        password, is_new = admin_password()
        gateway = Gateway(program, choose_address(arguments.listen), password)
        gateway.wait_until_ready()
        knows_password = gateway.log_in()
        if not knows_password:
            demonstration.left_out.append("the demonstration: the administrator's password was changed, so it cannot be added")
        elif not arguments.no_demo:
            existing = gateway.providers()
            for provider in existing:
                if provider["name"] in DEMO_PROVIDERS:
                    gateway.remove(provider)
            if all(provider["name"] in DEMO_PROVIDERS for provider in existing):
                demonstration.start(gateway, simulator, lab_fault, arguments)
                wait_until_live(gateway)
            else:
                say("  no demonstration: there are providers already")
        welcome(gateway, _password_line(password, is_new, knows_password), demonstration)
        watch_children(gateway, demonstration)
    except labkit.Stop:
        say("\nEnding …")
    finally:
        if gateway:
            gateway.process.terminate()
            end(gateway.process, 15)
        demonstration.stop()
        lock.release()
    say("Everything is ended.")


def _password_line(password, is_new, known):
    if not known:
        return "as you set it"
    if is_new:
        return paint(password, "36;1") + "  (shown this once; kept in .local/run/admin-password)"
    return "as shown at the first start; it is in .local/run/admin-password"
