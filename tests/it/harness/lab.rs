//! A private libvirt host, and `virsh` as an independent reader of it.

use std::path::{Path, PathBuf};
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

    /// A text of what it said of itself when it was up.
    pub fn text(&self, name: &str) -> String {
        self.helper.text(name)
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

    /// Runs several commands of `virsh` over one connection.
    pub fn virsh_all(&self, commands: &[String]) {
        for some in commands.chunks(100) {
            self.virsh(&[&some.join("; ")]);
        }
    }

    /// A path of the host's `/var/lib/libvirt`, as this process sees it.
    pub fn inside(&self, path: &str) -> PathBuf {
        Path::new(&self.text("dir")).join("lib").join(path)
    }

    /// The process of libvirtd, also after it was started anew.
    pub fn pid(&self) -> u64 {
        self.command("pids")["libvirtd"].as_u64().expect("libvirtd runs")
    }

    /// Sends libvirtd a signal.
    pub fn signal(&self, name: &str) {
        output(Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()));
    }

    /// Ends libvirtd in order; its guests go on.
    pub fn stop(&self) {
        self.command("libvirtd stop");
    }

    /// Starts libvirtd when the one before is gone, and waits until it answers.
    pub fn start_again(&self) {
        let begun = std::time::Instant::now();
        while !self.command("pids")["libvirtd"].is_null() {
            assert!(begun.elapsed() < super::PATIENCE, "libvirtd does not end");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.command("libvirtd start");
    }

    fn command(&self, command: &str) -> Value {
        let answer = self.helper.command(command);
        assert_eq!(answer["ok"], true, "{command}: {answer}");
        answer
    }
}

/// A file system on a folder of a lab that never answers, as one on a file server that is gone. When this is dropped, what
/// waits for it fails, and the folder is as it was.
pub struct HangingFolder {
    kernel: Option<std::fs::File>,
    namespaces: [String; 4],
    target: String,
}

impl HangingFolder {
    /// On a folder of the host's `/var/lib/libvirt`.
    pub fn over(lab: &Lab, folder: &str) -> Self {
        let kernel = std::fs::File::options().read(true).write(true).open("/dev/fuse").expect("the kernel has FUSE");
        // Whoever mounts it hands over the side that would have to answer: here nobody ever reads it.
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0";
        // That of processes, too: `umount` looks into /proc.
        let namespaces = ["-m".to_owned(), "-p".to_owned(), "-t".to_owned(), lab.pid().to_string()];
        let target = format!("/var/lib/libvirt/{folder}");
        let mut mount = Command::new("nsenter");
        mount.args(&namespaces).args(["mount", "-i", "-t", "fuse", "-o", options, "hanging", &target]);
        output(mount.stdin(kernel.try_clone().unwrap()));
        Self { kernel: Some(kernel), namespaces, target }
    }
}

impl Drop for HangingFolder {
    fn drop(&mut self) {
        drop(self.kernel.take());
        // The laboratory's end takes it away otherwise.
        let _ = Command::new("nsenter").args(&self.namespaces).args(["umount", "-l", &self.target]).output();
    }
}
