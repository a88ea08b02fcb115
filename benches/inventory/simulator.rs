//! The simulated vCenter.

use std::process::Command;

use serde_json::{Value, json};

use super::process::{Helper, built};

const PASSWORD: &str = "s1mulat0r-Secret-9f2c";

pub struct Simulator {
    helper: Helper,
    http: reqwest::Client,
}

impl Simulator {
    /// Starts one with so many machines, each with a card, a disk, and every tenth with a snapshot.
    pub fn start(machines: usize, seed: usize) -> anyhow::Result<Self> {
        let mut command = Command::new(built("SPANDREL_SIMULATOR", "simulator")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--exit-with-stdin"]);
        command.args(["--username", "sync@vsphere.local", "--password", PASSWORD, "--scenario", "flat"]);
        command.args(["--vms", &machines.to_string(), "--seed", &seed.to_string(), "--max-updates", "500"]);
        Ok(Self { helper: Helper::start(command)?, http: reqwest::Client::builder().no_proxy().build()? })
    }

    pub fn url(&self) -> &str {
        self.helper.text("url")
    }

    pub fn pid(&self) -> u32 {
        self.helper.pid()
    }

    /// Tells a program of ours how to reach it.
    pub fn name_to(&self, command: &mut Command) {
        command
            .env("BENCH_URL", self.url())
            .env("BENCH_USERNAME", self.helper.text("username"))
            .env("BENCH_PASSWORD", PASSWORD)
            .env("BENCH_THUMBPRINT", self.helper.text("thumbprint_sha256"));
    }

    /// The body that adds it as a provider.
    pub fn provider(&self, name: &str) -> Value {
        json!({
            "name": name, "kind": "vsphere", "endpoints": [self.url()], "username": self.helper.text("username"),
            "password": PASSWORD, "trust": {"thumbprint_sha256": self.helper.text("thumbprint_sha256")},
        })
    }

    /// Posts to the control address.
    pub async fn control(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.helper.text("control"));
        let answer = self.http.post(url).json(&body).send().await?.error_for_status()?;
        Ok(answer.json().await.unwrap_or(Value::Null))
    }
}
