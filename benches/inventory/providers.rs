//! Twenty providers at once, one of which hangs and one of which comes and goes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Plan;
use super::fleet::{Fleet, Visible, change_and_see};
use super::gateway::{Database, Gateway};
use super::report::Report;
use super::simulator::Simulator;

const PROVIDERS: usize = 20;
const MACHINES: usize = 500;

pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let gateway = Arc::new(Gateway::start(Database::Sqlite).await?);
    let mut members = Vec::new();
    for number in 0..PROVIDERS {
        let simulator = Arc::new(Simulator::start(MACHINES, 100 + number)?);
        let provider = gateway.add_provider(simulator.provider(&format!("vc-{number}"))).await?;
        members.push((simulator, provider));
    }
    let mut healthy = Vec::new();
    for (simulator, provider) in &members {
        gateway.wait_until_live(provider).await?;
        healthy.push((Arc::clone(simulator), Fleet::of(&gateway, provider).await?));
    }
    let (hanging, flapping) = (Arc::clone(&members[0].0), Arc::clone(&members[1].0));
    healthy.drain(..2);

    let time = plan.seconds(30);
    let mut before = all_change(&gateway, &mut healthy, time).await?;
    hanging.control("/wire", json!({"mode": "hang"})).await?;
    let flaps = tokio::spawn(async move {
        loop {
            let _ = flapping.control("/restart", json!({"down_ms": 500})).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    });
    // Until the one that hangs is noticed.
    tokio::time::sleep(plan.seconds(15)).await;
    let mut with = all_change(&gateway, &mut healthy, time).await?;
    flaps.abort();
    let (calm, troubled) = (before.watch.percentile(99), with.watch.percentile(99));
    let same = troubled < calm.mul_f64(1.5).max(calm + Duration::from_millis(30));
    report.row(
        &format!("{PROVIDERS} providers, one hangs, one flaps: the other {}", healthy.len()),
        format!("{}, {} lost; before {}, {} lost", with.watch.text(), with.lost, before.watch.text(), before.lost),
        "unaffected (same p99)",
        same && with.lost == 0,
        "the commits of all providers wait for each other: one writer at a time",
    );
    Ok(())
}

/// Each of them changes twice a second.
async fn all_change(
    gateway: &Arc<Gateway>,
    healthy: &mut Vec<(Arc<Simulator>, Fleet)>,
    time: Duration,
) -> anyhow::Result<Visible> {
    let mut tasks = tokio::task::JoinSet::new();
    for (simulator, mut fleet) in healthy.drain(..) {
        let gateway = Arc::clone(gateway);
        tasks.spawn(async move {
            let visible = change_and_see(&gateway, &simulator, &mut fleet, 2.0, time).await?;
            anyhow::Ok((visible, simulator, fleet))
        });
    }
    let mut all = Visible::default();
    while let Some(done) = tasks.join_next().await {
        let (visible, simulator, fleet) = done??;
        all.watch.extend(visible.watch);
        all.get.extend(visible.get);
        all.lost += visible.lost;
        healthy.push((simulator, fleet));
    }
    Ok(all)
}
