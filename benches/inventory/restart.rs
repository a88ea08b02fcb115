//! A large inventory: its memory, and how soon a restarted gateway answers from it.

use std::time::Instant;

use super::Plan;
use super::gateway::{Database, Gateway};
use super::report::{Report, mebibytes, seconds};
use super::simulator::Simulator;

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let machines = plan.many_machines;
    for database in [Database::Sqlite, Database::Postgres] {
        let name = database.name();
        let simulator = Simulator::start(machines, 2)?;
        let mut gateway = Gateway::start(database).await?;
        let provider = gateway.add_provider(simulator.provider("vc")).await?;
        gateway.wait_until_live(&provider).await?;
        let (_, revision) = gateway.count("vms").await?;
        let live = gateway.usage()?;
        report.note(
            &format!("memory, {machines} VMs live, {name}"),
            format!("{}, peak {}", mebibytes(live.resident_kib), mebibytes(live.peak_kib)),
        );
        gateway.stop()?;

        let begun = Instant::now();
        gateway.restart()?;
        let (found, _) = gateway.count("vms").await?;
        let took = begun.elapsed().as_secs_f64();
        anyhow::ensure!(found == machines as u64, "{found} VMs after a restart, there were {machines}");
        let filled = gateway.usage()?;
        report.row(
            &format!("restart with {machines} stored VMs until reads are served, {name}"),
            format!("{}, {} CPU", seconds(took), seconds(filled.cpu.as_secs_f64())),
            "< 2 s",
            took < 2.0,
            LIMIT_START,
        );
        report.row(
            &format!("memory, {machines} VMs in the read model, {name}"),
            mebibytes(filled.resident_kib),
            "< 1 GiB",
            filled.resident_kib < 1 << 20,
            LIMIT_MEMORY,
        );
        gateway.wait_until_live(&provider).await?;
        let (_, after) = gateway.count("vms").await?;
        report.row(
            &format!("rows written after a restart when nothing changed, {name}"),
            format!("{}", after - revision),
            "0",
            after == revision,
            "",
        );
    }
    Ok(())
}

const LIMIT_START: &str = "reading the rows, parsing their JSON and sorting the indexes";
const LIMIT_MEMORY: &str = "the JSON text of every object, kept ready to be sent";
