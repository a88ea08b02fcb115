//! A thousand watchers at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::Plan;
use super::fleet::{Fleet, change_and_see};
use super::gateway::{Database, Gateway};
use super::report::{Report, mebibytes};
use super::simulator::Simulator;
use super::stream::{Spread, Stream};

/// Which revisions a watcher was told, and when.
type Told = Vec<(u64, Instant)>;

async fn watch(mut stream: Stream, stop: Arc<AtomicBool>) -> anyhow::Result<Told> {
    let mut told = Told::new();
    while !stop.load(Ordering::Relaxed) {
        let mut revisions = Vec::new();
        let next = stream.read(|event| {
            if event.is("put") {
                revisions.extend(event.revision);
            }
        });
        let Ok(read) = tokio::time::timeout(Duration::from_millis(200), next).await else { continue };
        let Some(now) = read? else { anyhow::bail!("the stream ended") };
        told.extend(revisions.into_iter().map(|revision| (revision, now)));
    }
    Ok(told)
}

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let watchers = if plan.quick { 50 } else { 1000 };
    let simulator = Simulator::start(plan.machines, 5)?;
    let gateway = Arc::new(Gateway::start(Database::Sqlite).await?);
    let provider = gateway.add_provider(simulator.provider("vc")).await?;
    gateway.wait_until_live(&provider).await?;
    let mut fleet = Fleet::of(&gateway, &provider).await?;
    let (_, revision) = gateway.count("vms").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..watchers {
        let stream = Stream::open(&gateway, &format!("types=vm&from_revision={revision}"), false).await?;
        tasks.spawn(watch(stream, Arc::clone(&stop)));
    }
    let before = gateway.usage()?;
    let first_half = change_and_see(&gateway, &simulator, &mut fleet, 100.0, plan.seconds(20)).await?;
    let middle = gateway.usage()?;
    let second_half = change_and_see(&gateway, &simulator, &mut fleet, 100.0, plan.seconds(20)).await?;
    let after = gateway.usage()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    let mut all: Vec<Told> = Vec::with_capacity(watchers);
    while let Some(told) = tasks.join_next().await {
        all.push(told??);
    }

    // The first that was told of a revision stands for the moment from which on the others wait.
    let mut first: HashMap<u64, Instant> = HashMap::new();
    for (revision, at) in all.iter().flatten() {
        let known = first.entry(*revision).or_insert(*at);
        *known = (*known).min(*at);
    }
    let complete =
        all.iter().filter(|told| told.len() == first.len() && told.is_sorted_by_key(|(revision, _)| *revision));
    let complete = complete.count();
    let mut behind = Spread::default();
    for (revision, at) in all.iter().flatten() {
        behind.add(*at - first[revision]);
    }
    let mut one = first_half.watch.clone();
    one.extend(second_half.watch);
    // From the change to the watcher that stands for all, and from there to the last of them.
    let p99 = one.percentile(99) + behind.percentile(99);
    report.row(
        &format!("{watchers} watchers, 100 changes/s over {} VMs", plan.machines),
        format!(
            "{complete} of {watchers} complete ({} changes each); change → watcher {}; first → other watchers {}",
            first.len(),
            one.text(),
            behind.text()
        ),
        "all complete, p99 < 500 ms",
        complete == watchers && p99 < Duration::from_millis(500) && first_half.lost + second_half.lost == 0,
        LIMIT_WATCHERS,
    );
    let grown = after.resident_kib.saturating_sub(middle.resident_kib);
    report.row(
        "memory with these watchers",
        format!(
            "{} before, {} halfway, {} at the end",
            mebibytes(before.resident_kib),
            mebibytes(middle.resident_kib),
            mebibytes(after.resident_kib)
        ),
        "flat",
        grown < 16 << 10,
        "",
    );
    slow(plan, report, &gateway, &simulator, &mut fleet).await
}

/// One watcher takes what it gets drop by drop, while more comes than it will ever take.
async fn slow(
    plan: &Plan,
    report: &mut Report,
    gateway: &Arc<Gateway>,
    simulator: &Simulator,
    fleet: &mut Fleet,
) -> anyhow::Result<()> {
    fleet.among_others(simulator, 2000.0, plan.seconds(80)).await?;
    let mut without = change_and_see(gateway, simulator, fleet, 5.0, plan.seconds(20)).await?;
    let mut stream = Stream::open(gateway, "types=vm", true).await?;
    let begun = Instant::now();
    let slow = tokio::spawn(async move {
        // More than 50,000 changes behind, it is let go; what was on its way comes still.
        while stream.sip(4096).await.unwrap_or(false) && begun.elapsed() < Duration::from_secs(180) {
            let ended = memchr::memmem::find(stream.tail(), b"slow_consumer").is_some();
            if ended {
                return Some(begun.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(if begun.elapsed().as_secs() < 60 { 50 } else { 0 })).await;
        }
        None
    });
    let mut beside = change_and_see(gateway, simulator, fleet, 5.0, plan.seconds(60)).await?;
    simulator.control("/churn", json!({"rate": 0})).await?;
    ensure!(beside.lost == 0 || plan.quick, "{} changes were lost beside a slow watcher", beside.lost);
    let dropped = slow.await?;
    report.row(
        "a slow watcher among them, 2,000 changes/s",
        match dropped {
            Some(after) => format!(
                "ended with `slow_consumer` after {:.0} s; beside it {}, without it {}",
                after.as_secs_f64(),
                beside.watch.text(),
                without.watch.text()
            ),
            None => format!("never ended; beside it {}", beside.watch.text()),
        },
        "dropped with a reason, slows nobody",
        dropped.is_some() && beside.watch.percentile(99) < without.watch.percentile(99) * 5 / 4,
        LIMIT_SLOW,
    );
    Ok(())
}

const LIMIT_SLOW: &str =
    "more changes than the gateway writes: what is shown is behind, with the slow watcher and without";

const LIMIT_WATCHERS: &str = "one write to the kernel for each watcher and change; client and gateway share two cores";
