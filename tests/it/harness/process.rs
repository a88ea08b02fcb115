//! Child processes that say when they are ready and end with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A process that prints one JSON line when it is ready and ends when its standard input closes.
pub struct Helper {
    pub child: Child,
    stdin: Option<ChildStdin>,
    pub report: Value,
}

impl Helper {
    /// Starts it and waits for its line.
    pub fn start(mut command: Command) -> Self {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let stdin = child.stdin.take();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        let mut reader = BufReader::new(stdout);
        reader.read_line(&mut line).unwrap();
        // What it prints later must find a reader.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        let report = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{shown} printed {line:?}: {error}"));
        Self { child, stdin, report }
    }

    /// A text of its report.
    pub fn text(&self, name: &str) -> String {
        let text = self.report[name].as_str();
        text.unwrap_or_else(|| panic!("the report has no {name}: {}", self.report)).to_owned()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Finds a program that `./dev` builds: by its environment variable, or where `./dev` puts it.
pub fn built(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| workspace().join(".local/bin").join(name), PathBuf::from);
    assert!(path.exists(), "{} is missing: `./dev test` builds it, or {variable} names it", path.display());
    path
}

/// Runs a command to its end and gives what it printed; fails when it failed.
pub fn output(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let done = command.output().unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{shown} failed: {text}{}", String::from_utf8_lossy(&done.stderr));
    text
}

/// A Python program of `tests/lab`.
pub fn lab_command(program: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(&workspace()).join("tests/lab").join(program));
    command
}
