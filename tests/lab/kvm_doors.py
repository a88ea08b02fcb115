"""The doors of a private libvirt host besides its unix socket: TCP, TLS and ssh, each on a free port of the machine's
loopback.

libvirtd listens in its own network namespace, where nobody else gets. A small relay holds a port outside and connects
inside: a socket stays in the network namespace in which it was made. The sshd has a mount namespace of its own, in which
the host's socket is where libvirt's helper looks for it. libvirt runs `ssh` as its user does, with that user's
known_hosts: so there is a program `ssh` that takes the laboratory's files instead, to be put in front of PATH.

    kvm_doors.py PID PORT        (the relay; run by kvm.py: prints the port outside)
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import labkit

TCP_PORT, TLS_PORT = 16509, 16514
CLONE_NEWNET = 0x40000000
# gnutls takes a certificate only for what it was made for.
EXTENSIONS = {
    "ca": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n",
    "server": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
              "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n",
    "client": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
              "extendedKeyUsage=clientAuth\n",
}


class Doors:
    """Certificates, libvirtd's settings, and the relays of one host."""

    def __init__(self, folder, name, socket_folder):
        self.folder = folder
        self.name = name
        self.socket_folder = socket_folder
        self.processes = []

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self):
        """Makes an authority and two certificates by it; returns what libvirtd.conf says of them."""
        os.makedirs(self.path("client"), mode=0o700)
        self.certificate("ca", self.path("cacert.pem"), self.path("cakey.pem"))
        self.certificate("server", self.path("servercert.pem"), self.path("serverkey.pem"))
        self.certificate("client", self.path("client", "clientcert.pem"), self.path("client", "clientkey.pem"))
        os.link(self.path("cacert.pem"), self.path("client", "cacert.pem"))
        return (f'listen_tcp = 1\nlisten_tls = 1\nlisten_addr = "127.0.0.1"\nauth_tcp = "none"\nauth_tls = "none"\n'
                f'tcp_port = "{TCP_PORT}"\ntls_port = "{TLS_PORT}"\n'
                f'ca_file = "{self.path("cacert.pem")}"\ncert_file = "{self.path("servercert.pem")}"\n'
                f'key_file = "{self.path("serverkey.pem")}"\n')

    def certificate(self, role, certificate, key):
        config = self.path(f"{role}.cnf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\nCN={role} {self.name}\n"
                       f"[ext]\n{EXTENSIONS[role]}")
        signer = [] if role == "ca" else ["-CA", self.path("cacert.pem"), "-CAkey", self.path("cakey.pem")]
        labkit.run([labkit.need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7",
                    "-config", config, "-keyout", key, "-out", certificate, *signer], 60)

    def open(self, init_pid):
        """Starts the relays; returns the URIs."""
        tcp, tls = (self.relay(init_pid, port) for port in (TCP_PORT, TLS_PORT))
        return {"tcp_uri": f"qemu+tcp://127.0.0.1:{tcp}/system",
                "tls_uri": f"qemu+tls://127.0.0.1:{tls}/system?pkipath={self.path('client')}",
                "ssh_uri": f"qemu+ssh://root@127.0.0.1:{self.sshd()}/system?keyfile={self.path('ssh', 'id')}",
                "ssh_path": self.path("ssh", "bin")}

    def sshd(self):
        """Starts an sshd that takes one key; returns its port."""
        os.makedirs(self.path("ssh", "bin"), mode=0o700)
        for name in ("id", "host_key"):
            labkit.run([labkit.need("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f",
                        self.path("ssh", name)])
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with open(self.path("ssh", "host_key.pub"), encoding="ascii") as file:
            host_key = " ".join(file.read().split()[:2])
        # The last one is what a user's known_hosts is: without the line nobody is let in.
        files = {
            "sshd_config": f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.path('ssh', 'host_key')}\n"
                           f"AuthorizedKeysFile {self.path('ssh', 'id.pub')}\nPidFile none\nUsePAM no\nStrictModes no\n"
                           "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            "config": f"UserKnownHostsFile {self.path('ssh', 'known_hosts')}\nGlobalKnownHostsFile none\n",
            "bin/ssh": f'#!/bin/sh\nexec {labkit.need("ssh", "openssh-client")} -F {self.path("ssh", "config")} "$@"\n',
            "known_hosts": f"[127.0.0.1]:{port} {host_key}\n",
        }
        for name, text in files.items():
            with open(self.path("ssh", name), "w", encoding="ascii") as file:
                file.write(text)
        os.chmod(self.path("ssh", "bin", "ssh"), 0o700)
        script = (f'mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/libvirt && mount --bind "$1" /run/libvirt && '
                  f'exec "$2" -D -e -f "$3"')
        with open(self.path("ssh", "log"), "wb") as log:
            self.processes.append(subprocess.Popen(
                [labkit.need("unshare", "util-linux"), "--mount", "sh", "-c", script, "sh", self.socket_folder,
                 labkit.need("sshd", "openssh-server"), self.path("ssh", "sshd_config")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=labkit.die_with_parent(signal.SIGKILL)))
        deadline = time.monotonic() + 30
        while "listening" not in labkit.tail(self.path("ssh", "log")):
            if self.processes[-1].poll() is not None or time.monotonic() > deadline:
                raise labkit.LabError("sshd does not start: " + labkit.tail(self.path("ssh", "log")))
            time.sleep(0.05)
        return port

    def relay(self, init_pid, port):
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(init_pid), str(port)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   preexec_fn=labkit.die_with_parent(signal.SIGKILL))
        self.processes.append(process)
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise labkit.LabError("the relay to libvirtd's ports does not start")
        return int(line)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait(60)
            if process.stdout:
                process.stdout.close()


def pump(source, target):
    """Copies until one side ends, then ends both."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def relay(pid, port):
    listener = socket.create_server(("127.0.0.1", 0))
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "enter the host's network namespace")
    print(listener.getsockname()[1], flush=True)
    while True:
        outside, _ = listener.accept()
        try:
            inside = socket.create_connection(("127.0.0.1", port), 10)
            inside.settimeout(None)
        except OSError:
            outside.close()
            continue
        for source, target in ((outside, inside), (inside, outside)):
            threading.Thread(target=pump, args=(source, target), daemon=True).start()


if __name__ == "__main__":
    relay(int(sys.argv[1]), int(sys.argv[2]))
