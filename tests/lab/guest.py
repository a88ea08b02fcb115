"""The laboratory's guest: Debian's cloud kernel and an initramfs of busybox, made here, without any tool.

The guest boots from the two files alone, takes an address by DHCP, answers the power button and has a shell on its
serial console. The modules that it loads are found by the kernel's own dependency list, in the order that needs.
"""

import glob
import gzip
import lzma
import os
import re
import stat

import labkit
from labkit import LabError

# What the guest needs beyond what the kernel has built in: its devices, and the power button with its event device.
MODULES = ["virtio_pci", "virtio_net", "virtio_blk", "virtio_balloon", "button", "evdev"]

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /etc /run /tmp /root /mnt /usr/bin /usr/sbin /sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
for word in $(cat /proc/cmdline); do
  case "$word" in lab.name=*) hostname "${word#lab.name=}" ;; esac
done
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip link set lo up
echo "spandrel-lab: $(hostname) has booted" > /dev/console
exec /sbin/init
"""

# busybox init: each line runs by itself; the console's shell comes back when it is left.
INITTAB = """::once:/etc/network
::respawn:/bin/busybox acpid -d -c /etc/acpi -l /dev/null
ttyS0::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/true
"""

NETWORK = """#!/bin/sh
for device in /sys/class/net/eth*; do
  name=${device##*/}
  [ -e "$device" ] || continue
  ip link set "$name" up
  udhcpc -i "$name" -x "hostname:$(hostname)" -t 10 -T 2 -A 5 -b -S -s /etc/udhcpc
done
"""

UDHCPC = """#!/bin/sh
case "$1" in
  deconfig) ip addr flush dev "$interface" ;;
  bound|renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
    echo "spandrel-lab: $interface has $ip" > /dev/console ;;
esac
exit 0
"""


def find_kernel():
    """(kernel image, folder of its modules). The smallest kind of Debian kernel is preferred, then any other."""
    asked = os.environ.get("SPANDREL_LAB_KERNEL")
    if asked:
        images = [asked]
    else:
        def rank(path):
            return ("-cloud-" in path, [int(part) for part in re.findall(r"\d+", path)])

        images = sorted(glob.glob("/boot/vmlinuz-*"), key=rank, reverse=True)
    for image in images:
        modules = os.path.join("/lib/modules", os.path.basename(image).removeprefix("vmlinuz-"))
        if os.access(image, os.R_OK) and os.path.exists(os.path.join(modules, "modules.dep")):
            return image, modules
    raise LabError("no readable kernel with its modules in /boot: apt-get install linux-image-cloud-amd64")


def find_busybox():
    """A statically linked busybox: the guest has no libraries."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            with open(path, "rb") as file:
                # A dynamically linked program names its loader within its first bytes.
                if b"/ld-linux" not in file.read(4096):
                    return path
    raise LabError("no statically linked busybox: apt-get install busybox-static")


def module_name(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def module_order(folder, wanted):
    """The files of the wanted modules and of what they depend on, each after all that it depends on."""
    needs, paths = {}, {}
    with open(os.path.join(folder, "modules.dep"), encoding="ascii") as file:
        for line in file:
            path, _, dependencies = line.partition(":")
            paths[module_name(path)] = path
            needs[module_name(path)] = [module_name(item) for item in dependencies.split()]
    with open(os.path.join(folder, "modules.builtin"), encoding="ascii") as file:
        built_in = {module_name(line.strip()) for line in file}
    order = []

    def visit(name):
        if name in built_in or paths.get(name) in order:
            return
        if name not in paths:
            raise LabError(f"the kernel of {folder} has no module {name}")
        for dependency in needs[name]:
            visit(dependency)
        order.append(paths[name])

    for name in wanted:
        visit(name)
    return order


def read_module(path):
    """A module's plain bytes: busybox' insmod does not unpack every kind that Debian has used."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if path.endswith(".zst"):
        return labkit.run_binary([labkit.need("zstd"), "-dc", path])
    return data


def cpio(entries):
    """A cpio archive of the kind `newc` of (name, mode, bytes, device): what the kernel unpacks as its root."""
    out = bytearray()

    def add(number, name, mode, data, device):
        encoded = name.encode() + b"\0"
        major, minor = device
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(encoded), 0]
        out.extend(b"070701" + b"".join(b"%08x" % field for field in fields) + encoded)
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data)
        out.extend(b"\0" * (-len(out) % 4))

    for number, (name, mode, data, device) in enumerate(entries, 1):
        add(number, name, mode, data, device)
    add(0, "TRAILER!!!", 0, b"", (0, 0))
    out.extend(b"\0" * (-len(out) % 512))
    return bytes(out)


def make_initramfs(modules_folder, target):
    """Writes the guest's initramfs; the same inputs give the same bytes."""
    with open(find_busybox(), "rb") as file:
        busybox = file.read()
    script, text, folder = stat.S_IFREG | 0o755, stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
    entries = [(name, folder, b"", (0, 0)) for name in ("bin", "dev", "etc", "etc/acpi", "etc/acpi/PWRF", "modules")]
    entries += [
        ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)),
        ("bin/busybox", script, busybox, (0, 0)),
        ("init", script, INIT.encode(), (0, 0)),
        ("etc/inittab", text, INITTAB.encode(), (0, 0)),
        ("etc/network", script, NETWORK.encode(), (0, 0)),
        ("etc/udhcpc", script, UDHCPC.encode(), (0, 0)),
        ("etc/acpi/PWRF/00000080", script, b"#!/bin/sh\nexec poweroff\n", (0, 0)),
        ("etc/passwd", text, b"root::0:0:root:/root:/bin/sh\n", (0, 0)),
        ("etc/profile", text, b"PS1='\\h # '\n", (0, 0)),
    ]
    names = []
    for path in module_order(modules_folder, MODULES):
        name = os.path.basename(path).split(".ko")[0] + ".ko"
        entries.append((f"modules/{name}", text, read_module(os.path.join(modules_folder, path)), (0, 0)))
        names.append(name)
    entries.append(("modules/order", text, ("\n".join(names) + "\n").encode(), (0, 0)))
    with open(target, "wb") as file:
        # Level 1: unpacking speed is what counts, and it does not depend on the level.
        file.write(gzip.compress(cpio(entries), compresslevel=1, mtime=0))
