//! What runs by itself, besides the synchronization: today, what keeps the database small.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::store::{LogRetention, Store};

/// How often old entries are dropped.
const EVERY: Duration = Duration::from_secs(600);

/// Drops change-log entries and tokens that nobody needs any more, until it is cancelled.
pub async fn retention(store: Store, log: LogRetention, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = cancel.cancelled() => return,
        }
        let system = store.system("retention");
        match system.compact(log).await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "old entries of the change log were dropped"),
            Err(error) => tracing::warn!(%error, "the change log was not compacted; the next round tries again"),
        }
        if let Err(error) = system.tokens_sweep().await {
            tracing::warn!(%error, "expired tokens were not dropped; the next round tries again");
        }
    }
}
