#!/usr/bin/env python3
"""A PostgreSQL cluster for one test run: made by initdb, on a free loopback port, gone at the end.

    postgres.py up --exit-with-stdin [--name NAME]
    postgres.py sweep

`up` prints one JSON line when the server answers:
  url        an ordinary role's database (not a superuser: row-level security would not bind one), may CREATE DATABASE
  admin_url  the superuser
  port, dir, pid, version
The server runs without fsync: it is for tests only. It ends when stdin closes, on SIGTERM or SIGINT, and with its
parent when that is killed; what a killed run left is removed by the next `up`, or by `sweep`.
"""

import argparse
import glob
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import labkit
from labkit import LabError

PREFIX = "spandrel-pg-"


def bin_dir():
    """The newest installed server's programs. Debian keeps them out of PATH, a folder per version."""
    def version(path):
        return [int(part) for part in re.findall(r"\d+", path)]

    for candidate in sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=version, reverse=True):
        if os.access(os.path.join(candidate, "initdb"), os.X_OK):
            return candidate
    found = shutil.which("initdb")
    if found:
        return os.path.dirname(os.path.realpath(found))
    raise LabError("PostgreSQL's server programs are missing: apt-get install postgresql")


def account():
    """The server refuses to run as root: then it is the account `postgres` of the package, else ourselves."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LabError("PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`")


def as_account(owner):
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def environment(folder):
    """PG* variables of the caller would lead initdb, the server and psql astray."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    env.update(LC_ALL="C.UTF-8", HOME=folder, TZ="UTC")
    return env


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_cluster(programs, folder, owner, password):
    password_file = os.path.join(folder, "password")
    with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(password)
    if owner:
        os.chown(password_file, owner.pw_uid, owner.pw_gid)
    data = os.path.join(folder, "data")
    done = subprocess.run(
        [os.path.join(programs, "initdb"), "-D", data, "-U", "lab_admin", "--auth=scram-sha-256", "--encoding=UTF8",
         f"--pwfile={password_file}", "--no-sync", "--no-instructions", "--locale=C.UTF-8"],
        capture_output=True, text=True, cwd=folder, env=environment(folder), check=False, **as_account(owner))
    os.unlink(password_file)
    if done.returncode != 0:
        raise LabError(f"initdb failed: {(done.stderr or done.stdout).strip()}")
    with open(os.path.join(data, "postgresql.conf"), "a", encoding="ascii") as file:
        file.write(
            "\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n"
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = on\n"
            "shared_buffers = '64MB'\nmax_wal_size = '2GB'\nlog_min_duration_statement = -1\n"
            "timezone = 'UTC'\nlog_timezone = 'UTC'\njit = off\n")
    return data


def start(programs, folder, data, owner, password):
    """Another process may take a free port before the server does, so a few are tried."""
    log_path = os.path.join(folder, "server.log")
    for _ in range(5):
        port = free_port()
        with open(log_path, "ab") as log:
            # SIGQUIT is the server's immediate shutdown: its own children end with it.
            server = subprocess.Popen(
                [os.path.join(programs, "postgres"), "-D", data, "-p", str(port)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=folder, env=environment(folder), start_new_session=True,
                preexec_fn=labkit.die_with_parent(signal.SIGQUIT), **as_account(owner))
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and server.poll() is None:
            probe = query(programs, folder, port, password, "select 1")
            if probe.returncode == 0:
                return server, port
            time.sleep(0.1)
        if server.poll() is None:
            stop(server)
            raise LabError("the server did not answer in 180 s:\n" + labkit.tail(log_path))
        if "Address already in use" not in labkit.tail(log_path):
            break
    raise LabError("the server did not start:\n" + labkit.tail(log_path))


def query(programs, folder, port, password, statement, database="postgres"):
    env = environment(folder) | {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"}
    return subprocess.run(
        [os.path.join(programs, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port),
         "-U", "lab_admin", "-d", database, "-f", "-"],
        input=statement, capture_output=True, text=True, env=env, cwd=folder, check=False)


def stop(server):
    """Immediate shutdown: nothing of this cluster is kept, so nothing needs writing back."""
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(60)


def sweep():
    """Removes what killed runs left: folders whose lock nobody holds, and a server that is still in one."""
    swept = 0
    for lock_path in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "*.lock")):
        if os.stat(lock_path).st_uid != os.getuid():
            continue
        lock = labkit.Lock(lock_path)
        if not lock.try_take():
            continue
        folder = lock_path.removesuffix(".lock")
        for pid, _, command in labkit.processes():
            if "-D" in command and os.path.join(folder, "data") in command:
                labkit.kill_and_wait(pid, signal.SIGQUIT)
        labkit.remove_tree(folder)
        lock.release()
        swept += 1
    return swept


def up(arguments):
    labkit.stop_on_signals()
    programs = bin_dir()
    owner = account()
    sweep()
    label = arguments.name or f"{os.getpid()}-{secrets.token_hex(3)}"
    folder = os.path.join(tempfile.gettempdir(), PREFIX + labkit.check_name("n" + label))
    lock = labkit.Lock(folder + ".lock")
    if not lock.try_take():
        raise LabError(f"a cluster of the name {label} is up (process {lock.holder()})")
    server = None
    try:
        os.mkdir(folder, 0o700)
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        admin_password, password = secrets.token_hex(16), secrets.token_hex(16)
        data = make_cluster(programs, folder, owner, admin_password)
        server, port = start(programs, folder, data, owner, admin_password)
        made = query(programs, folder, port, admin_password,
                     f"create role spandrel login createdb nosuperuser nobypassrls password '{password}';\n"
                     "create database spandrel owner spandrel;\nshow server_version;\n")
        if made.returncode != 0:
            raise LabError(f"the role could not be made: {made.stderr.strip()}")
        labkit.answer({
            "url": f"postgres://spandrel:{password}@127.0.0.1:{port}/spandrel",
            "admin_url": f"postgres://lab_admin:{admin_password}@127.0.0.1:{port}/postgres",
            "port": port, "dir": folder, "pid": server.pid, "version": made.stdout.strip(),
        })
        labkit.wait_for_end(arguments.exit_with_stdin, {"the PostgreSQL server": server})
    finally:
        if server:
            stop(server)
        labkit.remove_tree(folder)
        lock.release()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="start a cluster and print where it is")
    up_parser.add_argument("--name", help="a name for its folder; default: one of its own")
    up_parser.add_argument("--exit-with-stdin", action="store_true", help="end when stdin closes")
    commands.add_parser("sweep", help="remove what killed runs left")
    arguments = parser.parse_args()
    if arguments.command == "up":
        up(arguments)
    else:
        labkit.say(f"removed the leftovers of {sweep()} runs")


if __name__ == "__main__":
    labkit.main(main)
