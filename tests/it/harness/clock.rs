//! A gateway's time of day, which a test lets jump: a small library before those of the program (`clock.c`).

use std::os::unix::fs::FileExt as _;
use std::process::Command;

use super::process::{output, workspace};

/// See the module. Goes with its files when it is dropped, so it must outlive the gateway's starts.
pub struct Clock {
    folder: tempfile::TempDir,
    ahead: std::fs::File,
}

impl Clock {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = workspace().join("tests/it/harness/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(folder.path().join("clock.so"));
        output(compiler.arg(source));
        let ahead = std::fs::File::create(folder.path().join("ahead")).unwrap();
        let clock = Self { folder, ahead };
        clock.set(0);
        clock
    }

    /// The program that runs another one with this clock.
    pub fn wrapper(&self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let variables = [format!("LD_PRELOAD={}", path("clock.so")), format!("SPANDREL_TEST_CLOCK={}", path("ahead"))];
        ["env".to_owned()].into_iter().chain(variables).collect()
    }

    /// It is ahead of the true time by so many seconds from now on.
    pub fn set(&self, ahead_s: i64) {
        self.ahead.write_all_at(&ahead_s.to_ne_bytes(), 0).unwrap();
    }
}
