//! The machines of one or several simulators, changed one by one at a given rate, so that it is known when each change
//! was made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::gateway::Gateway;
use super::simulator::Simulator;
use super::stream::{Spread, Stream};

/// One machine.
#[derive(Clone)]
struct Machine {
    /// The gateway's id.
    id: String,
    /// The platform's reference.
    moref: String,
    runs: bool,
}

/// From one machine to the next one that is changed: far from it, and none again before its turn, since it is prime.
const STRIDE: usize = 7919;

/// The machines of one provider.
pub struct Fleet {
    machines: Vec<Machine>,
    next: usize,
}

impl Fleet {
    /// Reads which there are.
    pub async fn of(gateway: &Gateway, provider: &str) -> anyhow::Result<Self> {
        let mut machines = Vec::new();
        let mut token = String::new();
        loop {
            let page = gateway.get(&format!("/v1/vms?provider_id={provider}&limit=1000{token}")).await?;
            for item in page["items"].as_array().context("no items")? {
                let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
                let runs = item["power_state"] == "running";
                machines.push(Machine { id: text(&item["id"])?, moref: text(&item["native"]["moref"])?, runs });
            }
            match page["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
        ensure!(!machines.is_empty(), "the provider has no machines");
        Ok(Self { machines, next: 0 })
    }

    /// Lets the simulator change machines at this rate by itself, other than those whose turn comes next: what we wait for
    /// is not to be undone, and the machine not removed.
    pub async fn among_others(&self, simulator: &Simulator, rate: f64, time: Duration) -> anyhow::Result<()> {
        const AT_MOST: f64 = 20.0;
        let next = (0..).map(|turn| &self.machines[(self.next + turn * STRIDE) % self.machines.len()].moref);
        let spare: Vec<_> = next.take((AT_MOST * time.as_secs_f64()) as usize).collect();
        simulator.control("/churn", json!({"rate": rate, "spare": spare})).await.map(drop)
    }

    /// Turns the next machine on or off, and notes that this is to be told. Answers which and its state now, with the moment
    /// at which the change was asked for.
    async fn change(
        &mut self,
        simulator: &Simulator,
        told: &Mutex<Told>,
    ) -> anyhow::Result<(Machine, &'static str, Instant)> {
        let at = self.next % self.machines.len();
        self.next += STRIDE;
        let machine = &mut self.machines[at];
        machine.runs = !machine.runs;
        let (word, shown) = if machine.runs { ("on", "running") } else { ("off", "stopped") };
        let body = json!({"vm": machine.moref, "state": word});
        let asked = Instant::now();
        lock(told).waiting.insert((machine.id.clone(), shown.to_owned()), asked);
        simulator.control("/power", body).await?;
        Ok((machine.clone(), shown, asked))
    }
}

/// When changes that were made became visible.
#[derive(Clone, Default)]
pub struct Visible {
    /// On the change stream.
    pub watch: Spread,
    /// In an answer to a read of the machine.
    pub get: Spread,
    /// Changes that were never seen.
    pub lost: usize,
}

/// How long a change may take until it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// One change of so many is also looked for by reading the machine again and again.
const READ_ONE_OF: usize = 10;

/// What the stream told and has still to tell.
#[derive(Default)]
struct Told {
    /// Machine and state of the changes that are still to be told, with the moment of the change.
    waiting: HashMap<(String, String), Instant>,
    took: Spread,
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `rate` changes a second for a while, and sees when each becomes visible.
pub async fn change_and_see(
    gateway: &Arc<Gateway>,
    simulator: &Simulator,
    fleet: &mut Fleet,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Visible> {
    let told = Arc::new(Mutex::new(Told::default()));
    let stream = Stream::open(gateway, "types=vm", false).await?;
    let reader = tokio::spawn(listen(stream, Arc::clone(&told)));
    let mut reads = tokio::task::JoinSet::new();
    let begun = Instant::now();
    let mut made = 0_usize;
    while begun.elapsed() < time {
        let due = begun + Duration::from_secs_f64(made as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        let (machine, state, asked) = fleet.change(simulator, &told).await?;
        if made.is_multiple_of(READ_ONE_OF) {
            reads.spawn(read_until(Arc::clone(gateway), machine.id, state, asked));
        }
        made += 1;
    }
    let mut visible = Visible::default();
    while let Some(read) = reads.join_next().await {
        match read?? {
            Some(took) => visible.get.add(took),
            None => visible.lost += 1,
        }
    }
    let waited = Instant::now();
    while !lock(&told).waiting.is_empty() && waited.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    reader.abort();
    let told = std::mem::take(&mut *lock(&told));
    visible.lost += told.waiting.len();
    visible.watch = told.took;
    Ok(visible)
}

/// Reads the stream, and notes when it told what was waited for.
async fn listen(mut stream: Stream, told: Arc<Mutex<Told>>) -> anyhow::Result<()> {
    loop {
        let mut machines = Vec::new();
        let put = |event: super::stream::Event<'_>| {
            if event.is("put") {
                machines.extend(event.data().ok());
            }
        };
        let Some(now) = stream.read(put).await? else { return Ok(()) };
        let mut told = lock(&told);
        for data in machines {
            let text = |name: &str| data["object"][name].as_str().unwrap_or_default().to_owned();
            if let Some(asked) = told.waiting.remove(&(text("id"), text("power_state"))) {
                told.took.add(now - asked);
            }
        }
    }
}

/// Reads a machine until it has a state.
async fn read_until(
    gateway: Arc<Gateway>,
    id: String,
    state: &str,
    asked: Instant,
) -> anyhow::Result<Option<Duration>> {
    let path = format!("/v1/vms/{id}");
    while asked.elapsed() < PATIENCE {
        if gateway.get(&path).await?["power_state"] == state {
            return Ok(Some(asked.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    Ok(None)
}
