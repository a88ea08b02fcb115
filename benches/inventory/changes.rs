//! Changes of a large inventory: how soon each is visible, and how many a second are followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Plan;
use super::fleet::{Fleet, change_and_see};
use super::gateway::{Database, Gateway};
use super::process::usage;
use super::report::{Report, mebibytes, seconds};
use super::simulator::Simulator;

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    for database in [Database::Sqlite, Database::Postgres] {
        let name = database.name();
        let simulator = Simulator::start(plan.machines, 3)?;
        let gateway = Arc::new(Gateway::start(database).await?);
        let provider = gateway.add_provider(simulator.provider("vc")).await?;
        gateway.wait_until_live(&provider).await?;
        let mut fleet = Fleet::of(&gateway, &provider).await?;

        let (ours, theirs) = (gateway.usage()?.cpu, usage(simulator.pid())?.cpu);
        let mut visible = change_and_see(&gateway, &simulator, &mut fleet, 100.0, plan.seconds(60)).await?;
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / plan.seconds(60).as_secs_f64();
        report.note(
            &format!("CPU while 100 changes/s come, {name}"),
            format!(
                "{:.0} % of a core; the simulator {:.0} %",
                share(gateway.usage()?.cpu - ours),
                share(usage(simulator.pid())?.cpu - theirs)
            ),
        );
        for (where_, spread) in [("on `/v1/watch`", &mut visible.watch), ("in `GET /v1/vms/{id}`", &mut visible.get)] {
            let lost = visible.lost;
            report.row(
                &format!("100 changes/s over {} VMs → visible {where_}, {name}", plan.machines),
                format!("{} of {} changes, {lost} lost", spread.text(), spread.len()),
                "p99 < 150 ms",
                spread.percentile(99) < Duration::from_millis(150) && lost == 0,
                LIMIT_CHANGE,
            );
        }
        keep_up(plan, report, &gateway, &simulator, &mut fleet, name).await?;
        let now = gateway.usage()?;
        report.row(
            &format!("memory, {} VMs live after all these changes, {name}", plan.machines),
            format!("{}, peak {}", mebibytes(now.resident_kib), mebibytes(now.peak_kib)),
            "< 512 MiB",
            now.peak_kib < 512 << 10,
            "",
        );
    }
    Ok(())
}

/// A thousand changes a second, which the simulator makes by itself; some that we make are looked for among them.
async fn keep_up(
    plan: &Plan,
    report: &mut Report,
    gateway: &Arc<Gateway>,
    simulator: &Simulator,
    fleet: &mut Fleet,
    name: &str,
) -> anyhow::Result<()> {
    const RATE: f64 = 1000.0;
    let (_, before) = gateway.count("vms").await?;
    fleet.among_others(simulator, RATE, plan.seconds(40)).await?;
    let begun = Instant::now();
    let mut early = change_and_see(gateway, simulator, fleet, 5.0, plan.seconds(20)).await?;
    let mut late = change_and_see(gateway, simulator, fleet, 5.0, plan.seconds(20)).await?;
    simulator.control("/churn", json!({"rate": 0})).await?;
    let took = begun.elapsed();
    let (_, after) = gateway.count("vms").await?;
    let lost = early.lost + late.lost;
    // A backlog would show as changes that wait longer and longer.
    let kept_up = lost == 0 && late.watch.percentile(99) < Duration::from_secs(1);
    report.row(
        &format!("1,000 changes/s for {}, {name}", seconds(took.as_secs_f64())),
        format!(
            "{:.0} rows/s written; visible at first {}, at last {}, {lost} lost",
            (after - before) as f64 / took.as_secs_f64(),
            early.watch.text(),
            late.watch.text()
        ),
        "not falling behind",
        kept_up,
        LIMIT_CHANGES,
    );
    Ok(())
}

const LIMIT_CHANGE: &str = "one transaction with its flush to disk; changes that come meanwhile wait for it";
const LIMIT_CHANGES: &str = "CPU: decoding, translating and writing each changed machine anew";
