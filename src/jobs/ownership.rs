//! Gives machines, and what hangs on them, to the owners that rules and people say: whenever something of it changes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::inventory::Inventory;
use crate::model::Revision;

/// Changes are gathered for so long.
const GATHER: Duration = Duration::from_millis(50);
/// After a round it rests for so many times as long as the round took.
const REST: u32 = 3;
/// After a round that failed it rests for so long.
const AGAIN: Duration = Duration::from_secs(2);
/// Everything is looked at so often, should a round have missed anything.
const EVERYTHING_EVERY: Duration = Duration::from_secs(600);

/// See the module. Goes on until it is cancelled.
pub async fn ownership(app: App, inventory: Arc<Inventory>, cancel: CancellationToken) {
    let mut published = inventory.published();
    let mut access = app.access_changed();
    // The revision up to which everything is with its owner; none when everything has to be looked at.
    let mut settled: Option<Revision> = None;
    let mut looked_at_all = Instant::now();
    loop {
        published.mark_unchanged();
        if access.has_changed().unwrap_or(false) {
            access.mark_unchanged();
            settled = None;
        }
        if looked_at_all.elapsed() > EVERYTHING_EVERY {
            settled = None;
        }
        let began = Instant::now();
        if settled.is_none() {
            looked_at_all = began;
        }
        let round = AssertUnwindSafe(app.ownership_settle(settled)).catch_unwind().await;
        let rest = match round {
            Ok(Ok(Some((revision, moved)))) => {
                if moved > 0 {
                    tracing::info!(moved, "objects were given to their owners");
                }
                settled = Some(revision);
                GATHER.max(began.elapsed() * REST)
            }
            Ok(Ok(None)) => {
                // Worked out of what is not said any more: everything is worked out anew.
                settled = None;
                GATHER
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "objects are not with their owners yet; the next round tries again");
                settled = None;
                AGAIN
            }
            Err(_) => {
                // The panic itself is in the log.
                tracing::error!("giving objects to their owners ended by a panic; the next round tries again");
                settled = None;
                AGAIN
            }
        };
        let woken = async {
            tokio::time::sleep(rest).await;
            if settled.is_some() {
                tokio::select! {
                    _ = published.changed() => {}
                    _ = access.changed() => settled = None,
                    () = tokio::time::sleep(EVERYTHING_EVERY) => {}
                }
            }
        };
        tokio::select! {
            () = woken => {}
            () = cancel.cancelled() => return,
        }
    }
}
