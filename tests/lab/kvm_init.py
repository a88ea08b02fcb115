"""The first process of one private KVM host: builds the namespaces' insides and keeps libvirtd running.

It is process 1 of a process namespace, so that its end is the end of every process in it: QEMU, dnsmasq, libvirtd.
It never touches the machine: all mounts are made in its own mount namespace, all devices in its own network namespace.

Run by kvm.py only, as `kvm_init.py DIR MODE HOST-NAME LIBVIRTD VIRTLOGD [OPTION OF LIBVIRTD…]`, in namespaces that
`unshare` made.
Modes: `system` (root: own /dev, /run, /etc/libvirt …) and `session` (not root: an unprivileged libvirtd with its folders
by environment).
SIGUSR1 stops libvirtd (its guests go on), SIGUSR2 starts it again, SIGTERM ends all.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

MS_BIND, MS_REC, MS_PRIVATE, MS_MOVE, MS_NOSUID, MS_NODEV = 0x1000, 0x4000, 0x40000, 0x2000, 2, 4
MNT_DETACH = 2
SIOCSIFFLAGS, SIOCGIFFLAGS, IFF_UP = 0x8914, 0x8913, 1
_libc = ctypes.CDLL(None, use_errno=True)

# What QEMU and libvirt use of /dev. There is no kvm: one that exists but does not work makes libvirt throw away what
# it knows of QEMU at every look-up, which costs 8 s a start.
DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"]


def mount(source, target, kind="none", flags=0, options=None):
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags),
                         options.encode() if options else None)
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount {source} on {target}: {os.strerror(code)}")


def private_dev(folder):
    """A /dev of our own with the few devices that are needed."""
    new = os.path.join(folder, "dev")
    os.makedirs(new, exist_ok=True)
    mount("tmpfs", new, "tmpfs", MS_NOSUID, "mode=0755,size=1m")
    for device in DEVICES:
        if not os.path.exists(f"/dev/{device}"):
            continue
        target = os.path.join(new, device)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb"):
            pass
        mount(f"/dev/{device}", target, flags=MS_BIND)
    for name in ("pts", "shm"):
        os.mkdir(os.path.join(new, name))
    mount("devpts", os.path.join(new, "pts"), "devpts", MS_NOSUID, "newinstance,ptmxmode=0666,mode=0620")
    mount("tmpfs", os.path.join(new, "shm"), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    os.symlink("pts/ptmx", os.path.join(new, "ptmx"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", os.path.join(new, name))
    os.symlink("/proc/self/fd", os.path.join(new, "fd"))
    mount(new, "/dev", flags=MS_MOVE)


def private_root(folder):
    """Own /dev, /sys, /run and libvirt folders. /sys must be new: it shows the network it was mounted in."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    private_dev(folder)
    # Without the old one's control groups libvirt uses none, and so leaves the machine's alone.
    _libc.umount2(b"/sys", MNT_DETACH)
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m")
    # virtlogd and libvirt lock serial devices in /var/lock, which Debian leads here.
    os.makedirs("/run/lock")
    for part, place in (("run", "/run/libvirt"), ("etc", "/etc/libvirt"), ("lib", "/var/lib/libvirt"),
                        ("log", "/var/log/libvirt"), ("cache", "/var/cache/libvirt")):
        os.makedirs(place, exist_ok=True)
        mount(os.path.join(folder, part), place, flags=MS_BIND)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(handle, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


class Daemon:
    """One of libvirt's daemons, started in the foreground as our child."""

    def __init__(self, program, config, log, *options):
        self.command = [program, "-f", config, *options]
        self.log = log
        self.pid = None

    def start(self):
        with open(self.log, "ab") as log:
            self.pid = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        start_new_session=True).pid

    def stop(self):
        """Asks, then forces. A daemon stopped by SIGSTOP takes only the second."""
        for number, patience_s in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            if self.pid is None:
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + patience_s
            while self.pid is not None and time.monotonic() < deadline:
                reap([self])
                time.sleep(0.02)


def start_again(daemon):
    """Starts a daemon that has ended. Who asks has seen that, but it may not be buried yet: its pages go before it does."""
    deadline = time.monotonic() + 5
    while daemon.pid is not None and time.monotonic() < deadline:
        reap([daemon])
        time.sleep(0.02)
    if daemon.pid is None:
        daemon.start()


def reap(daemons):
    """Buries every process that ended; as process 1 we inherit all orphans."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for daemon in daemons:
            if daemon.pid == pid:
                daemon.pid = None


def main():
    folder, mode, host_name, libvirtd_program, virtlogd_program, *options = sys.argv[1:]
    # As process 1 a signal without a handler does nothing. The handlers only note it; the pipe wakes the loop.
    noted = []
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD):
        signal.signal(number, lambda number, _frame: noted.append(number))
    if mode == "system":
        private_root(folder)
        loopback_up()
        socket.sethostname(host_name)
    os.chdir("/")
    etc = "/etc/libvirt" if mode == "system" else os.path.join(folder, "etc")
    virtlogd = Daemon(virtlogd_program, os.path.join(etc, "virtlogd.conf"), os.path.join(folder, "log", "virtlogd.out"))
    libvirtd = Daemon(libvirtd_program, os.path.join(etc, "libvirtd.conf"), os.path.join(folder, "log", "libvirtd.out"), *options)
    daemons = [virtlogd, libvirtd]
    for daemon in daemons:
        daemon.start()
    while True:
        if select.select([reader], [], [], 1)[0]:
            os.read(reader, 4096)
        reap(daemons)
        while noted:
            number = noted.pop(0)
            if number in (signal.SIGTERM, signal.SIGINT):
                return
            if number == signal.SIGUSR1:
                libvirtd.stop()
            elif number == signal.SIGUSR2:
                start_again(libvirtd)


if __name__ == "__main__":
    main()
