//! A private libvirt host, and `virsh` as an independent reader of it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::process::{Helper, lab_command, output};

pub struct Lab {
    helper: Helper,
}

impl Lab {
    /// Starts one with so many small guests; `flags` go to `tests/lab/kvm.py up`.
    pub fn start(guests: u32, flags: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("spandrel-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut command = lab_command("kvm.py");
        command.args(["up", "--name", &name, "--guests", &guests.to_string(), "--exit-with-stdin"]).args(flags);
        Self { helper: Helper::start(command) }
    }

    pub fn uri(&self) -> String {
        self.helper.text("uri")
    }

    /// The body that adds it as a provider.
    pub fn provider(&self, name: &str) -> Value {
        json!({"name": name, "kind": "kvm", "endpoints": [self.uri()]})
    }

    /// Runs `virsh` against it.
    pub fn virsh(&self, arguments: &[&str]) -> String {
        output(Command::new("virsh").args(["-q", "-c", &self.uri()]).args(arguments))
    }

    /// The lines that `virsh` prints, trimmed, without empty ones.
    pub fn virsh_lines(&self, arguments: &[&str]) -> Vec<String> {
        let text = self.virsh(arguments);
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Defines something from XML.
    pub fn define(&self, verb: &str, xml: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), xml).unwrap();
        self.virsh(&[verb, file.path().to_str().unwrap()]);
    }

    /// Sends libvirtd a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.helper.report["pid"].as_u64().expect("the report has libvirtd's pid");
        output(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()));
    }
}
