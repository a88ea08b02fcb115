#!/usr/bin/env python3
"""A private KVM host, or several: libvirtd, QEMU and small Linux guests that touch nothing of the machine.

    kvm.py up --name NAME [--guests N] [--exit-with-stdin] [--hosts K] [--no-start] …
    kvm.py sweep --name NAME
    kvm.py check

Each host is a libvirtd with namespaces of its own for mounts, network, processes, IPC and host name: its bridges, its
/dev (without kvm), its /run, /etc/libvirt and /var/lib/libvirt are nobody else's. Only its unix socket is reached from
outside. `up` prints one JSON line when libvirtd answers and the guests are started (they boot after that):
  uri, socket, pid (libvirtd's, as the machine counts), host_uuid, guests [{name, uuid}], pool, pools, network, networks,
  dir, mode, left_out (what could not be had, in words); with --listen tcp_uri, tls_uri, ssh_uri
  and ssh_path (a folder to put in front of PATH for it); with --hosts > 1 also hosts: the same for each.
It ends when stdin closes (--exit-with-stdin), on SIGTERM or SIGINT, and everything in it ends with it, also when it is
killed; `up` first removes what a killed run of the same name left, and `sweep` does only that.

On stdin each line is a command, answered by one JSON line: `libvirtd stop [HOST]`, `libvirtd start [HOST]` (the guests
go on meanwhile), `pids [HOST]`.

Without root it is an unprivileged libvirtd (`qemu:///session`) with user-mode networking: no networks, no bridges.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid

import guest
import kvm_doors
import kvm_xml
import labkit
from labkit import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
# Names in a fixed namespace give the same ids each run: a demonstration that is started again shows the same machines.
ID_SPACE = uuid.UUID("6f3c2b0e-6d0b-5c1c-9f55-0d6f2f6f7a11")
PACKAGES = {
    "libvirtd": "libvirt-daemon-system", "virtlogd": "libvirt-daemon-system", "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "dnsmasq": "dnsmasq-base", "unshare": "util-linux",
    "iptables": "iptables",
}


def missing():
    """What a laboratory needs and this machine lacks: (thing, Debian package)."""
    lacks = [(program, package) for program, package in PACKAGES.items() if not labkit.find_program(program)]
    for look, thing, package in ((guest.find_kernel, "a cloud kernel", "linux-image-cloud-amd64"),
                                 (guest.find_busybox, "a static busybox", "busybox-static")):
        try:
            look()
        except LabError:
            lacks.append((thing, package))
    return lacks


class Host:
    """One private libvirtd: its folder, its processes, its objects."""

    def __init__(self, name, index, folder, options):
        self.name = name if index == 0 else f"{name}-h{index}"
        self.index = index
        self.folder = os.path.join(folder, f"h{index}")
        self.options = options
        self.mode = "system" if os.getuid() == 0 else "session"
        self.uuid = str(uuid.uuid5(ID_SPACE, f"host {self.name}"))
        self.left_out = []
        self.process = None
        self.doors = kvm_doors.Doors(self.path("doors"), self.uuid, self.path("run")) \
            if options.listen and self.mode == "system" else None
        if options.listen and not self.doors:
            self.left_out.append("TCP, TLS and ssh (they need root)")
        if self.mode == "system":
            self.socket = os.path.join(self.folder, "run", "libvirt-sock")
            self.state = "/var/lib/libvirt"
        else:
            self.socket = os.path.join(self.folder, "rt", "libvirt", "libvirt-sock")
            self.state = os.path.join(self.folder, "lib")
        if len(self.socket) > 107:
            raise LabError(f"{self.socket} is too long for a unix socket: choose a shorter --dir or --name")
        self.uri = f"qemu+unix:///{self.mode}?socket={self.socket}"

    def path(self, *parts):
        """A path of the host's folder, as the machine sees it."""
        return os.path.join(self.folder, *parts)

    def inside(self, *parts):
        """A path of /var/lib/libvirt, as libvirtd and QEMU see it."""
        return os.path.join(self.state, *parts)

    # ---- the daemon

    def write_files(self):
        for part in ("run", "etc", "lib/images", "lib/boot", "log", "cache", "rt", "home"):
            os.makedirs(self.path(part), exist_ok=True)
        os.chmod(self.path("rt"), 0o700)
        settings = {
            "libvirtd.conf": f'host_uuid = "{self.uuid}"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n'
                             'unix_sock_rw_perms = "0700"\nkeepalive_interval = 5\nlog_filters = "3:qemu 3:util"\n'
                             f'log_outputs = "2:file:{self.path("log", "libvirtd.log")}"\n'
                             + (self.doors.write() if self.doors else ""),
            "virtlogd.conf": "",
            "virtlockd.conf": "",
            # Guests run as the daemon's own account: in these namespaces there is nothing that it could reach.
            "qemu.conf": ('user = "root"\ngroup = "root"\nremember_owner = 0\n' if self.mode == "system" else "")
                         + 'namespaces = []\nsecurity_driver = "none"\nauto_dump_bypass_cache = 0\n',
            "network.conf": "",
        }
        for file_name, text in settings.items():
            with open(self.path("etc", file_name), "w", encoding="ascii") as file:
                file.write(text)
        if self.mode == "session":
            # A session daemon reads its files from its configuration home.
            os.makedirs(self.path("home", ".config"), exist_ok=True)
            os.symlink(self.path("etc"), self.path("home", ".config", "libvirt"))
        elif os.path.isdir("/etc/libvirt/nwfilter"):
            # The filters that libvirt ships; the machine's own copies are only read.
            shutil.copytree("/etc/libvirt/nwfilter", self.path("etc", "nwfilter"))

    def start_daemon(self):
        command = [labkit.need("unshare", "util-linux"), "--fork", "--kill-child", "--pid", "--mount-proc"]
        env = dict(os.environ, LC_ALL="C.UTF-8")
        env.pop("NOTIFY_SOCKET", None)
        if self.mode == "system":
            command += ["--mount", "--net", "--uts", "--ipc"]
        else:
            env.update(HOME=self.path("home"), XDG_RUNTIME_DIR=self.path("rt"),
                       XDG_CONFIG_HOME=self.path("home", ".config"), XDG_CACHE_HOME=self.path("cache"),
                       XDG_DATA_HOME=self.path("home", "data"))
            command[1:1] = ["--user", "--map-current-user", "--mount"]
            if subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
                # No user namespaces here: the sweep by folder name has to do what the process namespace does.
                command = []
                self.left_out.append("a process namespace (user namespaces are not allowed here)")
        command += [sys.executable, os.path.join(HERE, "kvm_init.py"), self.folder, self.mode, self.name,
                    labkit.need("libvirtd", PACKAGES["libvirtd"]), labkit.need("virtlogd", PACKAGES["virtlogd"]),
                    *(["--listen"] if self.doors else [])]
        with open(self.path("log", "init.out"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                            start_new_session=True,
                                            preexec_fn=labkit.die_with_parent(signal.SIGKILL))

    def init_pid(self):
        """Process 1 of the namespace, as the machine counts: the child of `unshare`, or what we started itself."""
        for pid, parent, command in labkit.processes():
            if self.is_init(command, self.folder) and self.process.pid in (pid, parent) and "--fork" not in command:
                return pid
        return None

    @staticmethod
    def is_init(command, folder):
        """Whether a command line is the first process of the host in this folder (or the `unshare` above it)."""
        return os.path.join(HERE, "kvm_init.py") in command and folder in command

    def pids(self):
        """Process ids as the machine counts them; a test stops or kills by these."""
        init = self.init_pid()
        found = {"init": init, "libvirtd": None, "qemu": {}}
        for pid, parent, command in labkit.processes():
            if parent == init and command and os.path.basename(command[0]) == "libvirtd":
                found["libvirtd"] = pid
            if command and os.path.basename(command[0]).startswith("qemu-system") and "-name" in command \
                    and self.holds(pid, init, command):
                found["qemu"][command[command.index("-name") + 1].split(",")[0].removeprefix("guest=")] = pid
        return found

    def holds(self, pid, init, command):
        """Whether a QEMU is this host's: it is in its process namespace or, without one, names its folder."""
        try:
            mine = os.readlink(f"/proc/{init}/ns/pid")
            if mine != os.readlink("/proc/self/ns/pid"):
                return os.readlink(f"/proc/{pid}/ns/pid") == mine
        except OSError:
            return False
        return any(self.folder + "/" in part for part in command)

    def virsh(self, *arguments, timeout_s=120):
        return labkit.run([labkit.need("virsh", PACKAGES["virsh"]), "-q", "-c", self.uri, *arguments], timeout_s)

    def wait_until_it_answers(self, timeout_s=180):
        deadline = time.monotonic() + timeout_s
        while True:
            if self.process.poll() is not None:
                raise LabError(f"host {self.index} ended: {labkit.tail(self.path('log', 'init.out'))}")
            if os.path.exists(self.socket):
                try:
                    self.virsh("uri", timeout_s=60)
                    return
                except LabError as error:
                    if time.monotonic() > deadline:
                        raise LabError(f"libvirtd does not answer: {error}") from error
            if time.monotonic() > deadline:
                raise LabError("libvirtd does not open its socket:\n" + labkit.tail(self.path("log", "libvirtd.out"))
                               + labkit.tail(self.path("log", "libvirtd.log")))
            time.sleep(0.05)

    # ---- what is in it

    def define(self, kind, xml):
        path = self.path(f"{kind}.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(xml)
        self.virsh(kind, path)

    def make_networks(self):
        """NAT networks with DHCP; addresses of two hosts differ, so that a mix-up would be seen."""
        made = []
        if self.mode == "session":
            self.left_out.append("libvirt networks (they need root); the guests have user-mode networking")
            return made
        for number in range(self.options.networks):
            network = f"{self.name}-net" if number == 0 else f"{self.name}-net{number}"
            identity = uuid.uuid5(ID_SPACE, f"network {network}")
            self.define("net-define", kvm_xml.network(network, identity, self.index, number))
            try:
                self.virsh("net-start", network)
                self.virsh("net-autostart", network)
            except LabError as error:
                self.left_out.append(f"network {network} does not start: {error}")
                if number == 0:
                    self.virsh("net-undefine", network)
                    return made
            made.append(network)
        return made

    def make_pools(self):
        made = []
        for number in range(self.options.pools):
            pool = f"{self.name}-pool" if number == 0 else f"{self.name}-pool{number}"
            folder = "images" if number == 0 else f"images{number}"
            os.makedirs(self.path("lib", folder), exist_ok=True)
            identity = uuid.uuid5(ID_SPACE, f"pool {pool}")
            self.define("pool-define", kvm_xml.pool(pool, identity, self.inside(folder)))
            self.virsh("pool-start", pool)
            self.virsh("pool-autostart", pool)
            made.append(pool)
        return made

    def make_disks(self, names):
        """A base image, an overlay on it for each guest: a chain, as linked clones have."""
        image_tool = labkit.need("qemu-img", PACKAGES["qemu-img"])
        base = f"{self.name}-base.qcow2"
        labkit.run([image_tool, "create", "-q", "-f", "qcow2", self.path("lib", "images", base), "1G"])
        for name in names:
            labkit.run([image_tool, "create", "-q", "-f", "qcow2", "-u", "-F", "qcow2", "-b", self.inside("images", base),
                        self.path("lib", "images", f"{name}.qcow2"), "1G"])

    def populate(self, kernel, initramfs):
        """Networks, pools, guests; returns what `up` prints about this host."""
        networks = self.make_networks()
        names = [f"{self.name}-{number}" for number in range(1, self.options.guests + 1)]
        self.make_disks(names)
        pools = self.make_pools()
        for source, target in ((kernel, "vmlinuz"), (initramfs, "initramfs")):
            shutil.copyfile(source, self.path("lib", "boot", target))
        guests = []
        for number, name in enumerate(names, 1):
            identity = uuid.uuid5(ID_SPACE, f"guest {name}")
            self.define("define", kvm_xml.domain(
                name, identity, self.options.memory_mib, kernel=self.inside("boot", "vmlinuz"),
                initramfs=self.inside("boot", "initramfs"), disk=self.inside("images", f"{name}.qcow2"),
                network=networks[0] if networks else None, mac=kvm_xml.mac(self.index, number)))
            if not self.options.no_start:
                self.virsh("start", name, timeout_s=300)
            guests.append({"name": name, "uuid": str(identity)})
        doors = self.doors.open(self.init_pid()) if self.doors else {}
        return doors | {
            "uri": self.uri, "socket": self.socket, "pid": self.pids()["libvirtd"], "host_uuid": self.uuid,
            "guests": guests, "pool": pools[0] if pools else None, "pools": pools,
            "network": networks[0] if networks else None, "networks": networks, "dir": self.folder, "mode": self.mode,
            "left_out": self.left_out,
        }

    def daemon_command(self, act):
        """Stops or starts libvirtd alone and waits until that is so."""
        init = self.init_pid()
        if init is None:
            raise LabError("the host is gone")
        if act == "stop":
            os.kill(init, signal.SIGUSR1)
            deadline = time.monotonic() + 15
            while self.pids()["libvirtd"] is not None:
                if time.monotonic() > deadline:
                    raise LabError("libvirtd does not stop")
                time.sleep(0.05)
        elif act == "start":
            os.kill(init, signal.SIGUSR2)
            self.wait_until_it_answers()
        else:
            raise LabError(f"no such command: {act}")

    def stop(self):
        if self.doors:
            self.doors.close()
        if self.process is None:
            return
        init = self.init_pid()
        if init is not None:
            # With process 1 the kernel ends everything in the namespace.
            labkit.kill_and_wait(init)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        end_processes_of(self.folder)


def end_processes_of(folder):
    """Ends what still runs in a host's folder: the first process of a killed run, and, where there was no process
    namespace, daemons and QEMUs whose command line names the folder."""
    for pid, _, command in labkit.processes():
        if pid != os.getpid() and any(part == folder or folder + "/" in part for part in command) \
                and os.path.basename(command[0]).startswith(("unshare", "python", "libvirtd", "virtlogd", "qemu-system")) \
                and "up" not in command:
            labkit.kill_and_wait(pid)


def remove_leftovers(folder):
    if not os.path.isdir(folder):
        return False
    for entry in sorted(os.listdir(folder)):
        if entry.startswith("h"):
            end_processes_of(os.path.join(folder, entry))
    labkit.remove_tree(folder)
    return True


def folder_of(arguments):
    labkit.check_name(arguments.name)
    return os.path.abspath(arguments.dir) if arguments.dir else labkit.base_dir("kvm", arguments.name)


def sweep(arguments):
    folder = folder_of(arguments)
    lock = labkit.Lock(folder + ".lock")
    if not lock.try_take():
        raise LabError(f"the laboratory {arguments.name} is in use by process {lock.holder()}")
    found = remove_leftovers(folder)
    lock.release()
    labkit.say(f"removed the leftovers of {arguments.name}" if found else f"nothing of {arguments.name} is left")


def answer_command(hosts, line):
    """Carries out one line of stdin; a bad one is answered, it does not end the laboratory."""
    try:
        words = line.split()
        host = hosts[int(words.pop())] if words[-1].isdigit() else hosts[0]
        if words[0] == "libvirtd" and len(words) == 2:
            host.daemon_command(words[1])
            labkit.answer({"ok": True, "pid": host.pids()["libvirtd"]})
        elif words == ["pids"]:
            labkit.answer({"ok": True, **host.pids()})
        else:
            raise LabError(f"no such command: {line}")
    except (LabError, IndexError, OSError) as error:
        labkit.answer({"ok": False, "error": str(error)})


def up(arguments):
    labkit.stop_on_signals()
    lacks = missing()
    if lacks:
        raise LabError("missing: " + ", ".join(thing for thing, _ in lacks) + "; apt-get install "
                       + " ".join(sorted({package for _, package in lacks})))
    folder = folder_of(arguments)
    lock = labkit.Lock(folder + ".lock")
    if not lock.try_take():
        raise LabError(f"a laboratory of the name {arguments.name} is up (process {lock.holder()})")
    hosts = []
    try:
        remove_leftovers(folder)
        os.makedirs(folder, mode=0o711)
        kernel, modules = guest.find_kernel()
        initramfs = os.path.join(folder, "initramfs")
        guest.make_initramfs(modules, initramfs)
        for index in range(arguments.host_index, arguments.host_index + arguments.hosts):
            host = Host(arguments.name, index, folder, arguments)
            hosts.append(host)
            host.write_files()
            host.start_daemon()
        reports = []
        for host in hosts:
            host.wait_until_it_answers()
            reports.append(host.populate(kernel, initramfs))
        labkit.answer(reports[0] | ({"hosts": reports} if len(reports) > 1 else {}))
        labkit.wait_for_end(arguments.exit_with_stdin, {f"host {host.index}": host.process for host in hosts},
                            lambda line: answer_command(hosts, line))
    except LabError:
        for host in hosts:
            for log in ("init.out", "libvirtd.out", "libvirtd.log"):
                text = labkit.tail(host.path("log", log), 12)
                if text:
                    labkit.say(f"{log} of host {host.index}:\n{text}")
        raise
    finally:
        for host in hosts:
            host.stop()
        labkit.remove_tree(folder)
        lock.release()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", required=True, help="prefix of everything in the laboratory, 1-31 of a-z 0-9 -")
    named.add_argument("--dir", help="its folder (default: one in the temporary folder); removed at the end")
    make = commands.add_parser("up", parents=[named], help="start it and print where it is")
    make.add_argument("--guests", type=int, default=3, help="guests per host (default 3)")
    make.add_argument("--memory-mib", type=int, default=112, help="memory of each guest (default 112)")
    make.add_argument("--hosts", type=int, default=1, help="how many private hosts (default 1)")
    make.add_argument("--host-index", type=int, default=0, help="number of the first host (default 0)")
    make.add_argument("--networks", type=int, default=1, help="networks per host (default 1)")
    make.add_argument("--pools", type=int, default=1, help="storage pools per host (default 1)")
    make.add_argument("--listen", action="store_true", help="also reached by TCP, TLS and ssh, on loopback (as root)")
    make.add_argument("--no-start", action="store_true", help="define the guests, do not start them")
    make.add_argument("--exit-with-stdin", action="store_true", help="end when stdin closes")
    commands.add_parser("sweep", parents=[named], help="remove what a killed run left")
    commands.add_parser("check", help="print as JSON what is missing for `up`")
    arguments = parser.parse_args()
    if arguments.command == "up":
        up(arguments)
    elif arguments.command == "sweep":
        sweep(arguments)
    else:
        print(json.dumps([{"thing": thing, "package": package} for thing, package in missing()]))


if __name__ == "__main__":
    labkit.main(main)
