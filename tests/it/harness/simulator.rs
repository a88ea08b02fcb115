//! The simulated vCenter, and `govc` as an independent reader of it.

use std::process::Command;

use serde_json::{Value, json};

use super::process::{Helper, built, output};

pub struct Simulator {
    helper: Helper,
    http: reqwest::Client,
}

impl Simulator {
    /// Starts one with the given flags besides the usual ones.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(built("SPANDREL_SIMULATOR", "simulator"));
        command.args(["serve", "--control", "127.0.0.1:0", "--exit-with-stdin"]);
        command.args(["--username", "sync@vsphere.local", "--password", PASSWORD]).args(flags);
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Self { helper: Helper::start(command), http: reqwest::Client::builder().build().unwrap() }
    }

    pub fn url(&self) -> String {
        self.helper.text("url")
    }

    pub fn username(&self) -> String {
        self.helper.text("username")
    }

    pub fn thumbprint(&self) -> String {
        self.helper.text("thumbprint_sha256")
    }

    /// The body that adds it as a provider.
    pub fn provider(&self, name: &str) -> Value {
        json!({
            "name": name, "kind": "vsphere", "endpoints": [self.url()], "username": self.username(), "password": PASSWORD,
            "trust": {"thumbprint_sha256": self.thumbprint()},
        })
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.helper.child.kill().unwrap();
        self.helper.child.wait().unwrap();
    }

    /// Posts to the control address.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.helper.text("control"));
        let answer = self.http.post(&url).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Everything that it holds, straight from its registry.
    pub async fn truth(&self) -> Value {
        self.ask("/truth").await
    }

    /// How often a method was called.
    pub async fn calls(&self, method: &str) -> u64 {
        self.ask("/counts").await["calls"][method].as_u64().unwrap_or_default()
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.helper.text("control"));
        self.http.get(&url).send().await.unwrap().json().await.unwrap()
    }

    /// Runs `govc` against it.
    pub fn govc(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(built("SPANDREL_GOVC", "govc"));
        let url = self.url().replace("https://", "");
        command
            .args(arguments)
            .env("GOVC_URL", format!("https://{url}"))
            .env("GOVC_USERNAME", self.username())
            .env("GOVC_PASSWORD", PASSWORD)
            .env("GOVC_INSECURE", "1");
        output(&mut command)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        output(Command::new("kill").arg(format!("-{name}")).arg(self.helper.child.id().to_string()));
    }
}

/// The password of the simulator's user. It must never be seen in a log or an answer.
pub const PASSWORD: &str = "s1mulat0r-Secret-9f2c";
