"""The libvirt definitions of the laboratory's objects."""

from xml.sax.saxutils import escape


def mac(host_index, number):
    """Addresses of QEMU's own range; unique over the laboratory's hosts."""
    return f"52:54:00:5a:{host_index & 0xff:02x}:{number & 0xff:02x}"


def network(name, identity, host_index, number):
    """A NAT network with DHCP. Host and number make its subnet, so that no two are the same."""
    subnet = f"192.168.{100 + (host_index * 10 + number) % 150}"
    return f"""<network>
  <name>{escape(name)}</name>
  <uuid>{identity}</uuid>
  <forward mode='nat'/>
  <bridge name='lab{host_index}br{number}' stp='off' delay='0'/>
  <domain name='{escape(name)}'/>
  <ip address='{subnet}.1' netmask='255.255.255.0'>
    <dhcp><range start='{subnet}.10' end='{subnet}.250'/></dhcp>
  </ip>
</network>
"""


def pool(name, identity, folder):
    return f"""<pool type='dir'>
  <name>{escape(name)}</name>
  <uuid>{identity}</uuid>
  <target><path>{escape(folder)}</path></target>
</pool>
"""


def domain(name, identity, memory_mib, *, kernel, initramfs, disk, network, mac):
    """A guest under software emulation, booted from kernel and initramfs, with one disk, one NIC, a serial console."""
    if network:
        nic = f"<interface type='network'><mac address='{mac}'/><source network='{escape(network)}'/>"
    else:
        nic = f"<interface type='user'><mac address='{mac}'/>"
    return f"""<domain type='qemu'>
  <name>{escape(name)}</name>
  <uuid>{identity}</uuid>
  <title>Laboratory guest {escape(name)}</title>
  <description>A small Linux that tests/lab/kvm.py made; gone when the laboratory ends.</description>
  <memory unit='MiB'>{memory_mib}</memory>
  <currentMemory unit='MiB'>{memory_mib}</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{escape(kernel)}</kernel>
    <initrd>{escape(initramfs)}</initrd>
    <cmdline>console=ttyS0 quiet mitigations=off panic=5 lab.name={escape(name)}</cmdline>
  </os>
  <features><acpi/></features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='unsafe' discard='unmap'/>
      <source file='{escape(disk)}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    {nic}<model type='virtio'/></interface>
    <serial type='pty'><target type='isa-serial' port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""
