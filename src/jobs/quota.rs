//! Counts what tenants hold, whenever it changes, and looks again and again whether the counters are right.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::FutureExt as _;
use opentelemetry::metrics::Gauge;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Counted};
use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::model::Revision;

/// Changes are gathered for so long.
const GATHER: Duration = Duration::from_millis(200);
/// After a round it rests for so many times as long as the round took.
const REST: u32 = 3;
/// After a round that failed it rests for so long.
const AGAIN: Duration = Duration::from_secs(2);
/// The counters are added up anew, and the ledger is put together, so often.
const RECOUNT_EVERY: Duration = Duration::from_secs(600);
/// Lines of the ledger that are older are put together.
const KEEP_LINES: TimeDelta = TimeDelta::days(7);

/// See the module. Goes on until it is cancelled.
pub async fn quota(app: App, inventory: Arc<Inventory>, clock: Clock, cancel: CancellationToken) {
    let differences = opentelemetry::global::meter("spandrel.quota")
        .u64_gauge("spandrel.quota.differences")
        .with_description("Counters of quotas that are not what the ledger and the objects come to.")
        .build();
    differences.record(0, &[]);
    let mut published = inventory.published();
    let mut known: Option<(Counted, Revision)> = None;
    let mut recounted = Instant::now();
    loop {
        published.mark_unchanged();
        let began = Instant::now();
        let rest = match AssertUnwindSafe(round(&app, known.take())).catch_unwind().await {
            Ok(Ok(settled)) => {
                known = Some(settled);
                GATHER.max(began.elapsed() * REST)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "what tenants hold is not counted yet; the next round tries again");
                AGAIN
            }
            Err(_) => {
                // The panic itself is in the log.
                tracing::error!("counting what tenants hold ended by a panic; the next round tries again");
                AGAIN
            }
        };
        if known.is_some() && recounted.elapsed() > RECOUNT_EVERY {
            recounted = Instant::now();
            recount(&app, &clock, &differences).await;
        }
        let is_settled = known.is_some();
        let woken = async {
            tokio::time::sleep(rest).await;
            if is_settled {
                let _ = tokio::time::timeout(RECOUNT_EVERY, published.changed()).await;
            }
        };
        tokio::select! {
            () = woken => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// Counts what changed; everything, when nothing is known.
async fn round(app: &App, known: Option<(Counted, Revision)>) -> crate::app::Result<(Counted, Revision)> {
    let (mut counted, after) = match known {
        Some((counted, revision)) => (counted, Some(revision)),
        None => (app.quota_counted().await?, None),
    };
    let (revision, _) = app.quota_settle(&mut counted, after).await?;
    Ok((counted, revision))
}

async fn recount(app: &App, clock: &Clock, metric: &Gauge<u64>) {
    match app.quota_recount().await {
        Ok(differences) => {
            metric.record(differences.len() as u64, &[]);
            for one in differences {
                tracing::error!(
                    project = %one.project, resource = %one.resource, counted = ?one.counted, ledger = ?one.ledger,
                    held = ?one.held, "a counter of a quota is wrong; nothing is corrected by itself"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the counters of quotas were not added up anew"),
    }
    if let Err(error) = app.quota_ledger_fold(clock.now() - KEEP_LINES).await {
        tracing::warn!(%error, "old lines of the ledger of quotas were not put together");
    }
}
