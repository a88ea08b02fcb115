//! Child processes, and what they cost.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// What a process has cost until now, as the kernel counts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Of all its threads, also those that ended.
    pub cpu: Duration,
    /// Memory that it holds now, KiB.
    pub resident_kib: u64,
    /// The most that it ever held, KiB.
    pub peak_kib: u64,
}

/// What a process has cost until now.
pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The name, in brackets, may hold blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    // Linux counts in hundredths of a second, whatever its own clock does.
    Ok(Usage { cpu: Duration::from_millis(ticks * 10), resident_kib: kib("VmRSS"), peak_kib: kib("VmHWM") })
}

/// A process that prints one JSON line when it is ready and ends when its standard input closes.
pub struct Helper {
    child: Child,
    stdin: Option<ChildStdin>,
    report: Value,
}

impl Helper {
    /// Starts it and waits for its line.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        let stdin = child.stdin.take();
        let mut reader = BufReader::new(child.stdout.take().context("its output is not ours")?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        // What it prints later must find a reader.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        let report = serde_json::from_str(&line).with_context(|| format!("{shown} printed {line:?}"))?;
        Ok(Self { child, stdin, report })
    }

    /// A text of its report.
    pub fn text(&self, name: &str) -> &str {
        self.report[name].as_str().unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Who does not end by itself is ended.
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program that `./dev` builds: by its environment variable, or where `./dev` puts it.
pub fn built(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| workspace().join(".local/bin").join(name), PathBuf::from);
    ensure!(path.exists(), "{} is missing: ./dev bench builds it, or {variable} names it", path.display());
    Ok(path)
}

/// This program again, as one of its parts.
pub fn ourselves(part: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(part);
    Ok(command)
}

/// Runs a command to its end; what it printed is JSON.
pub async fn answer(mut command: Command) -> anyhow::Result<Value> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    let done = command.kill_on_drop(true).output().await.with_context(|| format!("cannot run {shown}"))?;
    ensure!(done.status.success(), "{shown} failed: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).with_context(|| format!("{shown} printed no JSON"))
}
