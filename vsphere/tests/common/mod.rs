//! The simulator as a test partner. It is the program of `tests/simulator/`; its path comes from `SPANDREL_SIMULATOR` or is
//! `.local/bin/simulator` in the workspace. Without it the tests fail: nothing is skipped.

#![allow(dead_code, reason = "every test binary that takes it in uses another part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;
use vsphere::{Client, Config, Credentials, Trust};

/// A running simulator. It ends when this is dropped, or when this process ends in whatever way: its standard input closes.
pub struct Simulator {
    child: Child,
    ready: Json,
}

impl Simulator {
    pub fn start(arguments: &[&str]) -> Self {
        let path = std::env::var_os("SPANDREL_SIMULATOR")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.local/bin/simulator"));
        let mut child = Command::new(&path)
            .args(["serve", "--listen", "127.0.0.1:0", "--username", "user@vsphere.local", "--password", "s3cret<&>"])
            .args(arguments)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("the simulator {} cannot be started: {error}", path.display()));
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its standard output");
        BufReader::new(stdout).read_line(&mut line).expect("the simulator's first line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("not ready: {error}: {line}"));
        Self { child, ready }
    }

    pub fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("the simulator does not say its {name}"))
    }

    pub fn untrusting(&self) -> Config {
        Config::new(self.text("url")).expect("its address")
    }

    pub fn config(&self) -> Config {
        let thumbprint = self.text("thumbprint_sha256").parse().expect("its thumbprint");
        self.untrusting().trust(Trust::Thumbprint(thumbprint))
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.text("username"), self.text("password").to_owned())
    }

    /// Posts to the control address.
    pub fn control(&self, path: &str, body: &Json) {
        self.ask("POST", path, &body.to_string());
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> u64 {
        let counts: Json = serde_json::from_str(&self.ask("GET", "/counts", "")).expect("JSON");
        counts["calls"][method].as_u64().unwrap_or_default()
    }

    /// The answer of the control address.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let address = self.text("control").trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the control address");
        // HTTP/1.0, so that the answer comes in one piece.
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}", body.len());
        write!(stream, "{head}\r\n\r\n{body}").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.0 2"), "{path} {body}: {answer}");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    pub async fn connect(&self) -> Client {
        Client::connect(&self.config(), self.credentials()).await.expect("connects")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
