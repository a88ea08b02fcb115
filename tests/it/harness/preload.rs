//! A small library before those of the gateway, which lets a test change what the system says to it: `preload/*.c`.

use std::os::unix::fs::FileExt as _;
use std::process::Command;

use super::process::{output, workspace};

/// See the module. Goes with its files when it is dropped, so it must outlive the gateway's starts.
pub struct Preload {
    folder: tempfile::TempDir,
    told: std::fs::File,
}

impl Preload {
    /// A time of day that jumps: the told number is how many seconds it is ahead of the true one.
    pub fn clock() -> Self {
        Self::new("clock")
    }

    /// A file system that is read-only for the database while the told number is not 0.
    pub fn read_only() -> Self {
        Self::new("read_only")
    }

    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = workspace().join("tests/it/harness/preload").join(name).with_extension("c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(folder.path().join("preload.so"));
        output(compiler.arg(source));
        let told = std::fs::File::create(folder.path().join("told")).unwrap();
        let preload = Self { folder, told };
        preload.tell(0);
        preload
    }

    /// The program that runs another one with this library.
    pub fn wrapper(&self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let variables = [format!("LD_PRELOAD={}", path("preload.so")), format!("SPANDREL_TEST_TOLD={}", path("told"))];
        ["env".to_owned()].into_iter().chain(variables).collect()
    }

    /// What holds from now on.
    pub fn tell(&self, number: i64) {
        self.told.write_all_at(&number.to_ne_bytes(), 0).unwrap();
    }
}
