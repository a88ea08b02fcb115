"""The laboratories keep their promises: what they start is real, private, and gone with them."""

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import guest
import kvm
import kvm_init
import labkit
import postgres

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = f"labtest-{os.getpid()}"


def start(*arguments):
    """A laboratory program and its JSON line."""
    process = subprocess.Popen([sys.executable, os.path.join(HERE, arguments[0]), *arguments[1:]], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise AssertionError(f"{arguments} did not start")
    return process, json.loads(line)


def finish(process):
    process.stdin.close()
    process.stdout.close()
    return process.wait(60)


def command(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def wait_for(what, holds, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(0.2)


def processes_of(folder):
    return [pid for pid, _, words in labkit.processes() if any(folder in word for word in words)]


def machine_state():
    """What a private host must not change: the machine's links, mounts and libvirt folders."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = file.read()
    links = sorted(os.listdir("/sys/class/net"))
    return mounts, links, os.path.exists("/run/libvirt/libvirt-sock"), sorted(os.listdir("/var/lib/libvirt"))


class Postgres(unittest.TestCase):
    def query(self, url, statement):
        return subprocess.run([os.path.join(postgres.bin_dir(), "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", statement],
                              capture_output=True, text=True, check=False)

    def test_the_role_is_ordinary_and_all_is_gone_at_the_end(self):
        process, report = start("postgres.py", "up", "--exit-with-stdin")
        try:
            flags = "select rolsuper, rolbypassrls, rolcreatedb from pg_roles where rolname = current_user"
            self.assertEqual(self.query(report["url"], flags).stdout.strip(), "f|f|t")
            self.assertEqual(self.query(report["admin_url"], flags).stdout.strip(), "t|t|t")
            made = self.query(report["url"], "create database another")
            self.assertEqual(made.returncode, 0, made.stderr)
            wrong = report["url"].replace("spandrel:", "spandrel:x", 1)
            self.assertNotEqual(self.query(wrong, "select 1").returncode, 0)
        finally:
            self.assertEqual(finish(process), 0)
        self.assertFalse(os.path.exists(report["dir"]))
        self.assertEqual(processes_of(report["dir"]), [])

    def test_a_killed_run_is_swept_by_the_next(self):
        process, report = start("postgres.py", "up", "--exit-with-stdin")
        process.kill()
        finish(process)
        wait_for("the server ends with its parent", lambda: not processes_of(report["dir"]))
        self.assertTrue(os.path.exists(report["dir"]))
        process, _ = start("postgres.py", "up", "--exit-with-stdin")
        self.assertFalse(os.path.exists(report["dir"]))
        finish(process)


class Guest(unittest.TestCase):
    def test_modules_come_after_what_they_need(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "modules.dep"), "w", encoding="ascii") as file:
                file.write("k/virtio.ko.xz: k/virtio_ring.ko.xz\nk/virtio_ring.ko.xz:\n"
                           "k/net-failover.ko.xz: k/failover.ko.xz\nk/failover.ko.xz:\n"
                           "k/virtio_net.ko.xz: k/net-failover.ko.xz k/failover.ko.xz k/virtio.ko.xz k/virtio_ring.ko.xz\n")
            with open(os.path.join(folder, "modules.builtin"), "w", encoding="ascii") as file:
                file.write("kernel/drivers/input/evdev.ko\n")
            order = [guest.module_name(path) for path in guest.module_order(folder, ["virtio_net", "evdev"])]
            self.assertEqual(sorted(order), ["failover", "net_failover", "virtio", "virtio_net", "virtio_ring"])
            for first, second in (("failover", "net_failover"), ("virtio_ring", "virtio"), ("virtio", "virtio_net"),
                                  ("net_failover", "virtio_net")):
                self.assertLess(order.index(first), order.index(second))
            with self.assertRaises(labkit.LabError):
                guest.module_order(folder, ["no_such_module"])

    def test_the_same_initramfs_each_time(self):
        with tempfile.TemporaryDirectory() as folder:
            images = []
            for name in ("one", "two"):
                path = os.path.join(folder, name)
                guest.make_initramfs(guest.find_kernel()[1], path)
                with open(path, "rb") as file:
                    images.append(file.read())
            self.assertEqual(images[0], images[1])
            archive = gzip.decompress(images[0])
            self.assertTrue(archive.startswith(b"070701"))
            for name in (b"init\0", b"bin/busybox\0", b"modules/virtio_net.ko\0", b"TRAILER!!!\0"):
                self.assertIn(name, archive)


class Kvm(unittest.TestCase):
    def virsh(self, report, *arguments):
        return labkit.run(["virsh", "-q", "-c", report["uri"], *arguments]).strip()

    def test_nothing_is_missing(self):
        self.assertEqual(kvm.missing(), [])

    def test_names_that_cannot_be_paths_are_refused(self):
        for name in ("", "Upper", "a/b", "../x", "1st", "a" * 40):
            with self.assertRaises(labkit.LabError):
                labkit.check_name(name)

    def test_two_hosts_live_and_leave_nothing(self):
        before = machine_state()
        process, first = start("kvm.py", "up", "--name", NAME, "--guests", "2", "--hosts", "2", "--exit-with-stdin")
        try:
            second = first["hosts"][1]
            self.assertEqual(first["left_out"] if os.getuid() == 0 else [], [])
            self.assertNotEqual(first["host_uuid"], second["host_uuid"])
            self.assertIn(first["host_uuid"], self.virsh(first, "capabilities"))
            self.assertEqual(sorted(self.virsh(first, "list", "--name").split()), [f"{NAME}-1", f"{NAME}-2"])
            self.assertEqual(self.virsh(first, "domuuid", f"{NAME}-1"), first["guests"][0]["uuid"])
            self.check_guests_boot(first)
            self.check_libvirtd_restarts(process, first)
            self.check_power_button(first)
            taken = subprocess.run([sys.executable, os.path.join(HERE, "kvm.py"), "up", "--name", NAME], text=True,
                                   stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self.assertEqual(taken.returncode, 1)
            self.assertIn("is up", taken.stderr)
            self.assertFalse(command(process, "nonsense")["ok"])
        finally:
            self.assertEqual(finish(process), 0)
        self.assertEqual(processes_of(first["dir"]), [])
        self.assertFalse(os.path.exists(os.path.dirname(first["dir"])))
        self.assertEqual(machine_state(), before)

    def check_guests_boot(self, report):
        if report["network"]:
            wait_for("both guests have an address",
                     lambda: self.virsh(report, "net-dhcp-leases", report["network"]).count("ipv4") == 2)

    def check_libvirtd_restarts(self, process, report):
        """The guests outlive libvirtd, as on a real host."""
        before = command(process, "pids")
        self.assertEqual(before["libvirtd"], report["pid"])
        self.assertEqual(command(process, "libvirtd stop"), {"ok": True, "pid": None})
        with self.assertRaises(labkit.LabError):
            self.virsh(report, "uri")
        after = command(process, "libvirtd start")
        self.assertTrue(after["ok"])
        self.assertNotEqual(after["pid"], before["libvirtd"])
        self.assertEqual(command(process, "pids")["qemu"], before["qemu"])
        self.assertEqual(len(self.virsh(report, "list", "--name").split()), 2)

    def check_power_button(self, report):
        domain = report["guests"][0]["name"]

        def pressed_and_off():
            if self.virsh(report, "domstate", domain) == "shut off":
                return True
            try:
                self.virsh(report, "shutdown", domain)
            except labkit.LabError:
                # It went off between the two calls.
                pass
            time.sleep(1)
            return False

        wait_for("the guest obeys its power button", pressed_and_off, 60)

    def test_a_killed_run_is_swept(self):
        process, report = start("kvm.py", "up", "--name", NAME + "k", "--guests", "1", "--exit-with-stdin")
        pids = [report["pid"], *command(process, "pids")["qemu"].values()]
        self.assertEqual(len(pids), 2)
        process.send_signal(signal.SIGKILL)
        finish(process)
        for pid in pids:
            wait_for(f"process {pid} ends with the laboratory", lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 20)
        self.assertTrue(os.path.exists(report["dir"]))
        swept = subprocess.run([sys.executable, os.path.join(HERE, "kvm.py"), "sweep", "--name", NAME + "k"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(swept.returncode, 0, swept.stderr)
        self.assertFalse(os.path.exists(os.path.dirname(report["dir"])))


class Init(unittest.TestCase):
    def test_a_daemon_that_was_just_killed_is_started_again(self):
        with tempfile.TemporaryDirectory() as folder:
            daemon = kvm_init.Daemon("sleep", "", os.path.join(folder, "log"))
            daemon.command = ["sleep", "60"]
            daemon.start()
            for _ in range(20):
                killed = daemon.pid
                os.kill(killed, signal.SIGKILL)
                kvm_init.start_again(daemon)
                self.assertNotEqual(daemon.pid, killed)
                os.kill(daemon.pid, 0)
            daemon.stop()
            self.assertIsNone(daemon.pid)


class Doors(unittest.TestCase):
    @unittest.skipIf(os.getuid() != 0, "they need root")
    def test_a_host_by_tcp_tls_and_ssh(self):
        process, report = start("kvm.py", "up", "--name", NAME + "d", "--guests", "0", "--listen", "--exit-with-stdin")

        def virsh(uri, **changes):
            env = dict(os.environ, PATH=report["ssh_path"] + ":" + os.environ["PATH"])
            env.update(changes)
            return subprocess.run(["virsh", "-q", "-c", uri, "pool-list", "--name"], capture_output=True, text=True, env=env,
                                  stdin=subprocess.DEVNULL, timeout=60, check=False)

        try:
            for uri in (report["tcp_uri"], report["tls_uri"], report["ssh_uri"] + "&no_tty=1"):
                done = virsh(uri)
                self.assertEqual(done.stdout.strip(), report["pool"], f"{uri}: {done.stderr}")
            # Not without its certificates, not with another ssh than the one that knows the host.
            self.assertNotEqual(virsh(report["tls_uri"].split("?")[0]).returncode, 0)
            self.assertNotEqual(virsh(report["ssh_uri"] + "&no_tty=1", PATH="/usr/bin:/bin").returncode, 0)
        finally:
            self.assertEqual(finish(process), 0)
        self.assertFalse(os.path.exists(report["dir"]))
        self.assertEqual(processes_of(report["dir"]), [])


if __name__ == "__main__":
    unittest.main()
