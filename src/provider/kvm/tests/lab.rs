//! A private libvirt host for the tests, started by `tests/lab/kvm.py`. It ends with this process, since its standard input
//! closes then. A missing laboratory fails the test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

pub(super) struct Lab {
    pub(super) uri: String,
    pub(super) host_uuid: String,
    /// Names and UUIDs.
    pub(super) guests: Vec<(String, String)>,
    pub(super) network: String,
    pub(super) pool: String,
    dir: String,
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
}

impl Lab {
    pub(super) fn start(name: &str, guests: usize) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/kvm.py");
        let name = format!("{name}{}", std::process::id() % 100_000);
        let mut child = Command::new("python3")
            .args([program, "up", "--name", &name, "--exit-with-stdin", "--guests", &guests.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the laboratory answers");
        let report: Value = serde_json::from_str(&line).expect("the laboratory starts (its messages are above)");
        let text = |name: &str| report[name].as_str().unwrap_or_else(|| panic!("{name} in {report}")).to_owned();
        let of_guest = |guest: &Value, name: &str| guest[name].as_str().expect("a text").to_owned();
        let guests = report["guests"].as_array().expect("a list");
        Self {
            uri: text("uri"),
            host_uuid: text("host_uuid"),
            guests: guests.iter().map(|guest| (of_guest(guest, "name"), of_guest(guest, "uuid"))).collect(),
            network: text("network"),
            pool: text("pool"),
            dir: text("dir"),
            control: Mutex::new((stdin, stdout)),
            child,
        }
    }

    /// The process of libvirtd.
    pub(super) fn libvirtd(&self) -> i32 {
        let mut control = self.control.lock().expect("not poisoned");
        writeln!(control.0, "pids").expect("the laboratory listens");
        let mut line = String::new();
        control.1.read_line(&mut line).expect("the laboratory answers");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        i32::try_from(answer["libvirtd"].as_i64().expect("it runs")).expect("a pid")
    }

    /// A path in the host's folder.
    pub(super) fn inside(&self, path: &str) -> PathBuf {
        Path::new(&self.dir).join(path)
    }

    /// A file in the host's folder.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.inside(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// What virsh says.
    pub(super) fn virsh(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("virsh").args(["-q", "-c", &self.uri]).args(arguments).output().expect("virsh starts");
        assert!(output.status.success(), "virsh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The lines that are not empty.
    pub(super) fn virsh_lines(&self, arguments: &[&str]) -> Vec<String> {
        let text = self.virsh(arguments);
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Ok(mut control) = self.control.lock() {
            // Whether it still listens or not, its standard input is about to close.
            let _ = control.0.flush();
        }
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A process that stands still until this is dropped.
pub(super) struct Frozen(i32);

impl Frozen {
    pub(super) fn new(pid: i32) -> Self {
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
