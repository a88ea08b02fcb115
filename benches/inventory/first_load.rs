//! The first load of a large vCenter: how long, at what cost, in how much memory.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};
use spandrel::provider::asked_of_vcenter;

use super::Plan;
use super::gateway::{Database, Gateway};
use super::process::{Usage, answer, ourselves, usage, workspace};
use super::report::{Report, mebibytes, seconds};
use super::simulator::Simulator;

/// What a client that is compared with came to.
#[derive(Clone, Copy)]
struct Baseline {
    wall_s: f64,
    cpu_s: f64,
    objects: f64,
    bytes: f64,
}

impl Baseline {
    fn of(answer: &Value) -> anyhow::Result<Self> {
        let number = |name: &str| answer[name].as_f64().with_context(|| format!("no {name} in {answer}"));
        Ok(Self {
            wall_s: number("wall_s")?,
            cpu_s: number("cpu_s")?,
            objects: number("objects")?,
            bytes: number("bytes")?,
        })
    }
}

async fn baseline(simulator: &Simulator, part: &str) -> anyhow::Result<Baseline> {
    let mut command = ourselves(part)?;
    simulator.name_to(&mut command);
    Baseline::of(&answer(command).await?)
}

/// The best of several runs: what else runs on the machine only ever makes it worse.
async fn best_baseline(simulator: &Simulator, part: &str) -> anyhow::Result<Baseline> {
    let mut best = baseline(simulator, part).await?;
    for _ in 0..2 {
        let other = baseline(simulator, part).await?;
        best.wall_s = best.wall_s.min(other.wall_s);
        best.cpu_s = best.cpu_s.min(other.cpu_s);
    }
    Ok(best)
}

/// As many machines as pyvmomi is given: it needs a hundred times as long.
const FOR_PYVMOMI: usize = 1_000;

/// pyvmomi, from where `./dev bench` put it.
async fn pyvmomi() -> anyhow::Result<Option<Baseline>> {
    let Some(folder) = std::env::var_os("SPANDREL_BENCH_PYVMOMI") else { return Ok(None) };
    let simulator = Simulator::start(FOR_PYVMOMI, 1)?;
    let mut command = std::process::Command::new("python3");
    command.arg(workspace().join("tools/pyvmomi_read.py")).env("PYTHONPATH", folder);
    command.env("BENCH_ASKED", json!(asked_of_vcenter()).to_string());
    simulator.name_to(&mut command);
    Baseline::of(&answer(command).await?).map(Some)
}

/// What a first load of the gateway came to.
struct Load {
    wall_s: f64,
    cpu_s: f64,
    simulator_cpu_s: f64,
    usage: Usage,
    rows: u64,
}

async fn load(simulator: &Simulator, database: Database) -> anyhow::Result<Load> {
    let gateway = Gateway::start(database).await?;
    let (before, simulator_before) = (gateway.usage()?.cpu, usage(simulator.pid())?.cpu);
    let begun = Instant::now();
    let provider = gateway.add_provider(simulator.provider("vc")).await?;
    gateway.wait_until_live(&provider).await?;
    let wall_s = begun.elapsed().as_secs_f64();
    let usage_now = gateway.usage()?;
    let (_, rows) = gateway.count("vms").await?;
    Ok(Load {
        wall_s,
        cpu_s: (usage_now.cpu - before).as_secs_f64(),
        simulator_cpu_s: (usage(simulator.pid())?.cpu - simulator_before).as_secs_f64(),
        usage: usage_now,
        rows,
    })
}

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let simulator = Simulator::start(plan.machines, 1)?;
    let per_10k = |seconds: f64| seconds * 10_000.0 / plan.machines as f64;
    let raw = best_baseline(&simulator, "raw-client").await?;
    let decoding = best_baseline(&simulator, "decoding-client").await?;
    let machines = plan.machines;
    report.note(
        &format!("raw client: {machines} VMs"),
        format!(
            "{}, {} CPU, {:.0} MB in {:.0} objects",
            seconds(raw.wall_s),
            seconds(raw.cpu_s),
            raw.bytes / 1e6,
            raw.objects
        ),
    );
    for database in [Database::Sqlite, Database::Postgres] {
        let loaded = load(&simulator, database).await?;
        let name = database.name();
        let ratio = loaded.wall_s / raw.wall_s;
        report.row(
            &format!("first load of {machines} VMs, {name}"),
            format!(
                "{}, {ratio:.2} × raw ({} rows; the simulator used {} CPU)",
                seconds(loaded.wall_s),
                loaded.rows,
                seconds(loaded.simulator_cpu_s)
            ),
            "≤ 1.15 × raw",
            ratio <= 1.15,
            LIMIT_WALL,
        );
        let cpu = per_10k(loaded.cpu_s);
        report.row(
            &format!("CPU of the first load, {name}"),
            format!("{} a 10,000 VMs", seconds(cpu)),
            "≤ 1.5 s",
            cpu <= 1.5,
            LIMIT_CPU,
        );
        report.row(
            &format!("memory of the first load, {name}"),
            format!("peak {}, afterwards {}", mebibytes(loaded.usage.peak_kib), mebibytes(loaded.usage.resident_kib)),
            "< 512 MiB",
            loaded.usage.peak_kib < 512 << 10,
            LIMIT_MEMORY,
        );
    }
    let decode = per_10k(decoding.cpu_s - raw.cpu_s);
    report.row(
        "of it decoding SOAP (our client less the raw one)",
        format!("{} a 10,000 VMs", seconds(decode)),
        "≤ 0.5 s",
        decode <= 0.5,
        LIMIT_DECODE,
    );
    match pyvmomi().await? {
        Some(python) => report.note(
            &format!("pyvmomi reading {FOR_PYVMOMI} of such VMs"),
            format!("{} CPU a 10,000 VMs", seconds(python.cpu_s * 10_000.0 / FOR_PYVMOMI as f64)),
        ),
        None => report.note("pyvmomi reading the same", "not installed here".to_owned()),
    }
    Ok(())
}

const LIMIT_WALL: &str = "the server's own CPU; on two cores the gateway and the simulator share them";
const LIMIT_CPU: &str = "decoding, the database's rows and indexes, translating: see the shares below";
const LIMIT_MEMORY: &str = "entries of the read model and the provider's packed properties";
const LIMIT_DECODE: &str = "the walk over the XML and one allocation a text";
