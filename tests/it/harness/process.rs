//! Child processes that say when they are ready and end with the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, mpsc};

use serde_json::Value;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A process that prints one JSON line when it is ready and ends when its standard input closes.
pub struct Helper {
    pub child: Child,
    /// Where it takes commands, and the lines that it answers with.
    control: Option<Mutex<(ChildStdin, mpsc::Receiver<String>)>>,
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
        let stdin = child.stdin.take().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        let mut reader = BufReader::new(stdout);
        reader.read_line(&mut line).unwrap();
        // What it prints later must find a reader, also when nobody asked for it.
        let (printed, lines) = mpsc::channel();
        std::thread::spawn(move || reader.lines().map_while(Result::ok).for_each(|line| drop(printed.send(line))));
        let report = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{shown} printed {line:?}: {error}"));
        Self { child, control: Some(Mutex::new((stdin, lines))), report }
    }

    /// Gives it a command on its standard input, and waits for the line that answers it.
    pub fn command(&self, command: &str) -> Value {
        let mut control = self.control.as_ref().unwrap().lock().unwrap();
        writeln!(control.0, "{command}").unwrap();
        let line = control.1.recv_timeout(super::PATIENCE).unwrap_or_else(|error| panic!("{command}: {error}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command} was answered by {line:?}: {error}"))
    }

    /// A text of its report.
    pub fn text(&self, name: &str) -> String {
        let text = self.report[name].as_str();
        text.unwrap_or_else(|| panic!("the report has no {name}: {}", self.report)).to_owned()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.control.take());
        // One that a test has stopped would not notice.
        let _ = Command::new("kill").arg("-CONT").arg(self.child.id().to_string()).output();
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
