//! Private libvirt hosts for the tests, started by the repository's laboratory program (`tests/lab/kvm.py`).
//!
//! A missing laboratory fails the test. It ends with this process, since its standard input closes then.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use kvm::{ConnectUri, Host};
use serde_json::Value;

/// A generous limit: the machine that tests is busy and emulates its guests in software.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Some private hosts.
pub struct Lab {
    pub hosts: Vec<LabHost>,
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _child: Child,
}

/// One private host.
pub struct LabHost {
    pub uri: String,
    pub host_uuid: String,
    pub guests: Vec<(String, String)>,
    pub network: String,
    pub pool: String,
    pub dir: String,
}

impl Lab {
    /// Starts `hosts` private hosts with `guests` guests each.
    pub fn start(name: &str, hosts: usize, guests: usize) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/lab/kvm.py");
        let name = format!("{name}{}", std::process::id() % 100_000);
        let mut child = Command::new("python3")
            .args([program, "up", "--name", &name, "--exit-with-stdin"])
            .args(["--hosts", &hosts.to_string(), "--guests", &guests.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the laboratory answers");
        let report: Value = serde_json::from_str(&line).expect("the laboratory starts (its messages are above)");
        let hosts = match report.get("hosts") {
            Some(hosts) => hosts.as_array().expect("a list").iter().map(LabHost::new).collect(),
            None => vec![LabHost::new(&report)],
        };
        Self { hosts, control: Mutex::new((stdin, stdout)), _child: child }
    }

    /// Gives the laboratory a command and returns its answer.
    pub fn command(&self, command: &str) -> Value {
        let mut control: MutexGuard<'_, _> = self.control.lock().expect("not poisoned");
        writeln!(control.0, "{command}").expect("the laboratory listens");
        let mut line = String::new();
        control.1.read_line(&mut line).expect("the laboratory answers");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(answer["ok"], true, "{command}: {answer}");
        answer
    }

    /// The process of a host's libvirtd.
    pub fn libvirtd(&self, host: usize) -> i32 {
        i32::try_from(self.command(&format!("pids {host}"))["libvirtd"].as_i64().expect("it runs")).expect("a pid")
    }

    /// The process of a guest's QEMU.
    pub fn qemu(&self, host: usize, guest: &str) -> i32 {
        i32::try_from(self.command(&format!("pids {host}"))["qemu"][guest].as_i64().expect("it runs")).expect("a pid")
    }
}

impl LabHost {
    fn new(report: &Value) -> Self {
        let text = |name: &str| report[name].as_str().unwrap_or_else(|| panic!("{name} in {report}")).to_owned();
        let guests = report["guests"].as_array().expect("a list");
        Self {
            uri: text("uri"),
            host_uuid: text("host_uuid"),
            guests: guests
                .iter()
                .map(|guest| {
                    (
                        guest["name"].as_str().expect("a text").to_owned(),
                        guest["uuid"].as_str().expect("a text").to_owned(),
                    )
                })
                .collect(),
            network: text("network"),
            pool: text("pool"),
            dir: text("dir"),
        }
    }

    /// A handle on it.
    pub fn connect(&self) -> Host {
        Host::new(ConnectUri::parse(&self.uri).expect("a URI that is allowed"))
    }

    /// What virsh says: the independent reader.
    pub fn virsh(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("virsh").args(["-q", "-c", &self.uri]).args(arguments).output().expect("virsh starts");
        assert!(output.status.success(), "virsh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The words of each of virsh's lines.
    pub fn virsh_lines(&self, arguments: &[&str]) -> Vec<String> {
        let text = self.virsh(arguments);
        let mut lines: Vec<String> =
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        lines.sort();
        lines
    }
}

/// A process that stands still until this is dropped.
pub struct Frozen(i32);

impl Frozen {
    pub fn new(pid: i32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

fn signal(pid: i32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill starts");
    assert!(status.success() || name == "CONT", "kill -{name} {pid}");
}
