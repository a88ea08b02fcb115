//! What runs by itself, besides the synchronization: what keeps the database small, what gives machines to their owners
//! and counts them, and what forwards the audit log.

pub mod audit_forward;
mod ownership;
mod quota;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use self::ownership::ownership;
pub use self::quota::quota;
use crate::store::{AuditRetention, LogRetention, ObjectChangeRetention, Store, SyncHistoryRetention};

/// How often old entries are dropped.
const EVERY: Duration = Duration::from_secs(600);

/// How long is kept what can be configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// The change log.
    pub log: LogRetention,
    /// The audit log.
    pub audit: AuditRetention,
}

/// Drops entries of the change log and of the audit log, changes of objects, sync states, tokens and kept answers that nobody
/// needs any more, until it is cancelled.
pub async fn retention(store: Store, keep: Retention, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = cancel.cancelled() => return,
        }
        if AssertUnwindSafe(round(&store, keep)).catch_unwind().await.is_err() {
            // The panic itself is in the log.
            tracing::error!("dropping what is old ended by a panic; the next round tries again");
        }
    }
}

async fn round(store: &Store, keep: Retention) {
    let system = store.system("retention");
    match system.compact(keep.log).await {
        Ok(0) => {}
        Ok(dropped) => tracing::info!(dropped, "old entries of the change log were dropped"),
        Err(error) => tracing::warn!(%error, "the change log was not compacted; the next round tries again"),
    }
    if let Err(error) = system.object_changes_sweep(ObjectChangeRetention::default()).await {
        tracing::warn!(%error, "old changes of objects were not dropped; the next round tries again");
    }
    if let Err(error) = system.sync_history_sweep(SyncHistoryRetention::default()).await {
        tracing::warn!(%error, "old sync states were not dropped; the next round tries again");
    }
    match system.audit_sweep(keep.audit).await {
        Ok(0) => {}
        Ok(dropped) => tracing::info!(dropped, "old entries of the audit log were dropped"),
        Err(error) => {
            tracing::warn!(%error, "old entries of the audit log were not dropped; the next round tries again")
        }
    }
    if let Err(error) = system.tokens_sweep().await {
        tracing::warn!(%error, "expired tokens were not dropped; the next round tries again");
    }
    if let Err(error) = system.idempotency_sweep().await {
        tracing::warn!(%error, "kept answers were not dropped; the next round tries again");
    }
}
