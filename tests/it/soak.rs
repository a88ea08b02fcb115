//! The long run: churn and random faults for as long as asked, everything compared once a minute, and the process watched
//! for growth. `./dev soak MINUTES` runs it; it is no part of the suite.
//!
//! Both platforms are disturbed as their operators' bad days disturb them. Every minute the disturbance pauses, the gateway
//! must find back by itself, and is compared object by object with govc and virsh. At the end its memory, tasks,
//! threads and file handles must be where they were after the first quarter.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::comparison;
use crate::harness::{Database, Gateway, Lab, Simulator, Watcher, eventually};

const CHANGES_PER_S: u32 = 20;
const BETWEEN_FAULTS: Duration = Duration::from_secs(6);
const MINUTE: Duration = Duration::from_secs(60);
/// What memory may grow by, as a part of what it was, and whatever it was: the allocator's own breathing.
const GROWTH_PART: f64 = 0.15;
const GROWTH_KIB: f64 = 24.0 * 1024.0;
/// Connections come and go; a leak of one a fault would be far beyond these.
const GROWTH_TASKS: f64 = 24.0;
const GROWTH_HANDLES: f64 = 12.0;

/// The gateway's own comparisons, and the changes that only they found.
const COMPARISONS: &str = "spandrel_sync_comparisons_total";
const MISSED: &str = "spandrel_sync_missed_changes_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "./dev soak runs it: it takes as long as it is told to"]
async fn soak() {
    let minutes = number("SPANDREL_SOAK_MINUTES").expect("SPANDREL_SOAK_MINUTES says how long").max(4);
    let seed = number("SPANDREL_SOAK_SEED").unwrap_or(1);
    let database = match std::env::var("SPANDREL_SOAK_DATABASE").as_deref() {
        Ok("postgres") => Database::Postgres,
        _ => Database::Sqlite,
    };
    let soak = Soak::start(database).await;
    eprintln!("soak: {minutes} minutes, seed {seed}, {database:?}");
    let watched = tokio::spawn(follow(Watcher::begin(&soak.gateway, "types=vm").await.unwrap()));
    let mut faults = Faults { state: seed, by_name: std::collections::BTreeMap::new() };
    let mut samples = Vec::new();
    for minute in 1..=minutes {
        soak.simulator.control("/churn", json!({"rate": CHANGES_PER_S})).await;
        let until = Instant::now() + MINUTE;
        while Instant::now() + BETWEEN_FAULTS < until {
            soak.strike(faults.next()).await;
            soak.read_something().await;
            tokio::time::sleep(BETWEEN_FAULTS).await;
        }
        let recovered = soak.calm_down().await;
        let compared = soak.gateway.metric(COMPARISONS).await;
        soak.compare().await;
        // The gateway compares by itself what it has heard since the last fault.
        soak.gateway.metric_rises(COMPARISONS, compared).await;
        let sample = soak.sample(recovered).await;
        eprintln!("soak: minute {minute}: {sample:?}");
        samples.push(sample);
    }
    watched.abort();
    let report = Report::of(&samples, &soak.gateway, &faults, seed, database).await;
    // The one line that ./dev soak reads.
    println!("soak-report {}", report.0);
    assert_eq!(soak.gateway.metric(MISSED).await, 0.0, "notices told of every change");
    flat("resident memory, KiB", &samples, |sample| sample.resident_kib, GROWTH_PART, GROWTH_KIB);
    flat("tasks", &samples, |sample| sample.tasks, 0.0, GROWTH_TASKS);
    flat("threads", &samples, |sample| sample.threads, 0.0, GROWTH_HANDLES);
    flat("file handles", &samples, |sample| sample.handles, 0.0, GROWTH_HANDLES);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    SessionsEnd,
    SessionsEmpty,
    VersionsForgotten,
    AnswersCut,
    AnswersMalformed,
    Busy503,
    VcenterStands,
    VcenterRestarts,
    VcenterRefuses,
    ManyDeleted,
    ManyMade,
    LibvirtdStands,
    GuestPower,
    DomainComesAndGoes,
}

const FAULTS: [Fault; 14] = [
    Fault::SessionsEnd,
    Fault::SessionsEmpty,
    Fault::VersionsForgotten,
    Fault::AnswersCut,
    Fault::AnswersMalformed,
    Fault::Busy503,
    Fault::VcenterStands,
    Fault::VcenterRestarts,
    Fault::VcenterRefuses,
    Fault::ManyDeleted,
    Fault::ManyMade,
    Fault::LibvirtdStands,
    Fault::GuestPower,
    Fault::DomainComesAndGoes,
];

/// The order of the faults: random, and the same for the same seed.
struct Faults {
    state: u64,
    by_name: std::collections::BTreeMap<Fault, u32>,
}

impl Faults {
    fn next(&mut self) -> Fault {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let fault = FAULTS[((mixed ^ (mixed >> 31)) % FAULTS.len() as u64) as usize];
        *self.by_name.entry(fault).or_default() += 1;
        fault
    }
}

struct Soak {
    gateway: Gateway,
    simulator: Simulator,
    lab: Lab,
    vcenter: String,
    kvm: String,
}

impl Soak {
    async fn start(database: Database) -> Self {
        let simulator = Simulator::start(&["--vms", "600", "--scenario", "lifelike"]);
        let lab = Lab::start(2, &[]);
        let gateway = Gateway::start_configured(database, "[sync]\ncompare_every_s = 10\npoll_every_s = 5\n").await;
        let vcenter = gateway.join(simulator.provider("vc")).await;
        let kvm = gateway.join(lab.provider("kvm")).await;
        Self { gateway, simulator, lab, vcenter, kvm }
    }

    async fn strike(&self, fault: Fault) {
        let control = |path: &'static str, body: Value| self.simulator.control(path, body);
        match fault {
            Fault::SessionsEnd => drop(control("/sessions/expire", json!({"mode": "fault"})).await),
            Fault::SessionsEmpty => drop(control("/sessions/expire", json!({"mode": "empty"})).await),
            Fault::VersionsForgotten => drop(control("/versions", json!({"mode": "forget"})).await),
            Fault::AnswersCut => drop(control("/wire", json!({"mode": "half", "count": 3})).await),
            Fault::AnswersMalformed => drop(control("/wire", json!({"mode": "malformed", "count": 2})).await),
            Fault::Busy503 => drop(control("/wire", json!({"mode": "503", "count": 5})).await),
            Fault::VcenterStands => {
                self.simulator.signal("STOP");
                tokio::time::sleep(Duration::from_secs(4)).await;
                self.simulator.signal("CONT");
            }
            Fault::VcenterRestarts => drop(control("/restart", json!({"down_ms": 2000})).await),
            Fault::VcenterRefuses => {
                control("/stop-accepting", json!({"close": true})).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                control("/start-accepting", json!({})).await;
            }
            Fault::ManyDeleted => drop(control("/vm/delete", json!({"count": 50})).await),
            Fault::ManyMade => drop(control("/vm/create", json!({"count": 50, "on": true})).await),
            Fault::LibvirtdStands => {
                self.lab.signal("STOP");
                tokio::time::sleep(Duration::from_secs(4)).await;
                self.lab.signal("CONT");
            }
            Fault::GuestPower => {
                let running = self.lab.virsh_lines(&["list", "--name"]);
                let Some(name) = running.first() else { return };
                self.lab.virsh(&["destroy", name]);
                self.lab.virsh(&["start", name]);
            }
            Fault::DomainComesAndGoes => {
                let xml =
                    "<domain type='qemu'><name>soak</name><memory>65536</memory><os><type>hvm</type></os></domain>";
                self.lab.define("define", xml);
                self.lab.virsh(&["undefine", "soak"]);
            }
        }
    }

    /// What users do meanwhile: it must be answered whatever the platforms do.
    async fn read_something(&self) {
        for path in ["/v1/vms?sort=-memory_mib&limit=100", "/v1/vms/summary?group_by=power_state", "/v1/search?q=web"] {
            self.gateway.get(path).await.ok();
        }
    }

    /// Ends the disturbance; how long until everything is live and stands still.
    async fn calm_down(&self) -> Duration {
        self.simulator.control("/churn", json!({"rate": 0})).await;
        self.simulator.control("/wire", json!({"mode": "ok"})).await;
        let begun = Instant::now();
        eventually("everything is live and stands still", || async {
            let mut before = None;
            // Live and unchanged over some seconds: one look could fall between a fault and its discovery.
            for _ in 0..4 {
                let body = self.gateway.get("/v1/providers").await.ok();
                let live = body["items"].as_array().unwrap().iter().all(|provider| {
                    let sources = provider["sources"].as_array().unwrap();
                    sources.iter().all(|source| source["sync"]["state"] == "live")
                });
                let revision = self.gateway.get("/v1/vms?limit=1").await.ok()["revision"].clone();
                if !live || before.as_ref().is_some_and(|before| *before != revision) {
                    return None;
                }
                before = Some(revision);
                tokio::time::sleep(Duration::from_millis(1500)).await;
            }
            Some(())
        })
        .await;
        begun.elapsed()
    }

    async fn compare(&self) {
        comparison::vsphere::compare(&self.gateway, &self.simulator, &self.vcenter).await;
        comparison::vsphere::compare_polled(&self.gateway, &self.simulator, &self.vcenter).await;
        comparison::kvm::compare(&self.gateway, &self.lab, &self.kvm).await;
    }

    async fn sample(&self, recovered: Duration) -> Sample {
        let tasks = self.gateway.metric("spandrel_tasks").await;
        let folder = format!("/proc/{}", self.gateway.pid());
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let field = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let handles = std::fs::read_dir(format!("{folder}/fd")).unwrap().count() as f64;
        Sample {
            resident_kib: field("VmRSS:"),
            tasks,
            threads: field("Threads:"),
            handles,
            recovered_s: recovered.as_secs_f64(),
        }
    }
}

/// A client that follows for the whole time, and takes up again when it is dropped.
async fn follow(mut watcher: Watcher) {
    while watcher.next().await.is_some() {}
}

/// The gateway's process at the end of a minute.
#[derive(Clone, Debug)]
struct Sample {
    resident_kib: f64,
    tasks: f64,
    threads: f64,
    handles: f64,
    recovered_s: f64,
}

/// The middle one of a part of the samples.
fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Whether the last quarter is where the second one was.
fn flat(what: &str, samples: &[Sample], of: impl Fn(&Sample) -> f64 + Copy, part: f64, more: f64) {
    let quarter = samples.len() / 4;
    let early = median(&samples[quarter..2 * quarter], of);
    let late = median(&samples[samples.len() - quarter..], of);
    assert!(late <= early * (1.0 + part) + more, "{what} grew from {early} to {late}: {samples:?}");
}

/// What `./dev soak` writes down.
struct Report(Value);

impl Report {
    async fn of(samples: &[Sample], gateway: &Gateway, faults: &Faults, seed: u64, database: Database) -> Self {
        let quarter = samples.len() / 4;
        let early = &samples[quarter..2 * quarter];
        let late = &samples[samples.len() - quarter..];
        let pair = |of: fn(&Sample) -> f64| json!([median(early, of), median(late, of)]);
        let longest = samples.iter().map(|sample| sample.recovered_s).fold(0.0, f64::max);
        Self(json!({
            "minutes": samples.len(),
            "seed": seed,
            "database": format!("{database:?}"),
            "faults": faults.by_name.values().sum::<u32>(),
            "fault_kinds": faults.by_name.len(),
            "comparisons": samples.len(),
            "changes": gateway.metric("spandrel_sync_changes_total").await,
            "own_comparisons": gateway.metric(COMPARISONS).await,
            "missed_changes": gateway.metric(MISSED).await,
            "resident_kib": pair(|sample| sample.resident_kib),
            "tasks": pair(|sample| sample.tasks),
            "threads": pair(|sample| sample.threads),
            "handles": pair(|sample| sample.handles),
            "slowest_recovery_s": longest,
        }))
    }
}
