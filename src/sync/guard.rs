//! Tasks that must not end silently.
//!
//! Invariant: a task of the synchronization that panics is noticed, logged, counted, and begun again after a growing wait.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::metrics::Metrics;
use crate::model::provider::SyncReason;

/// What a panic said.
pub(super) struct Panic(pub(super) String);

/// Runs `work`; a panic in it does not go further. What `work` was changing may be half changed then.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panic> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Panic(words(&*panic)))
}

/// Begins a task again after a panic: `while guard.again(caught(work()).await).await {}`. What the work needs to go on must
/// be kept outside of it.
pub(super) struct Guard {
    task: &'static str,
    metrics: Metrics,
    cancel: CancellationToken,
    backoff: Backoff,
}

impl Guard {
    pub(super) fn new(task: &'static str, metrics: &Metrics, cancel: &CancellationToken) -> Self {
        Self { task, metrics: metrics.clone(), cancel: cancel.clone(), backoff: Backoff::default() }
    }

    /// Whether the task is to be begun again: it ended by a panic, and is still wanted after a while.
    pub(super) async fn again<T>(&mut self, ended: Result<T, Panic>) -> bool {
        let Err(Panic(panic)) = ended else { return false };
        let wait = self.backoff.next(SyncReason::Internal);
        let Self { task, metrics, cancel, .. } = self;
        tracing::error!(task, panic, wait_s = wait.as_secs_f64(), "a task ended by a panic and is begun again");
        metrics.panic(task);
        cancel.run_until_cancelled(tokio::time::sleep(wait)).await.is_some()
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
