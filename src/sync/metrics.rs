//! What the synchronization counts.
//!
//! Everything is kept here by provider and told when it is asked for: so the figures of a provider that was removed
//! disappear with it. All are sums, also what goes up and down: of a gauge the exporter would show the last value for ever.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::metrics::Meter;
use opentelemetry::{KeyValue, global};

use super::board::Board;
use crate::clock::Clock;
use crate::model::{ProviderId, SourceState};

/// The figures of every provider. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Metrics {
    providers: Arc<Mutex<HashMap<ProviderId, Figures>>>,
    /// Tasks that ended by a panic and were begun again.
    panics: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

#[derive(Default)]
struct Figures {
    name: String,
    /// Rows written.
    changes: u64,
    /// Complete comparisons with the platform.
    comparisons: u64,
    /// Changes that only a comparison found. Stays 0 while notices are complete.
    missed: u64,
    /// Connections that failed or ended, by reason.
    failures: BTreeMap<&'static str, u64>,
    /// Duration of the last complete read after connecting.
    load: Option<Duration>,
}

fn meter() -> Meter {
    global::meter("spandrel.sync")
}

impl Metrics {
    /// Instruments of the process-wide meter provider, which must be set before.
    pub(super) fn new(board: Arc<Board>, clock: Clock) -> Self {
        let metrics = Self::default();
        metrics.observe_figures();
        metrics.observe_panics();
        observe_sources(board, clock);
        metrics
    }

    fn observe_figures(&self) {
        let meter = meter();
        let providers = self.clone();
        let _ = meter
            .u64_observable_counter("spandrel_sync_changes")
            .with_description("Rows written.")
            .with_callback(move |observer| {
                for figures in providers.lock().values() {
                    observer.observe(figures.changes, &[figures.label()]);
                }
            })
            .build();
        let providers = self.clone();
        let _ = meter
            .u64_observable_counter("spandrel_sync_comparisons")
            .with_description("Complete comparisons with the platform.")
            .with_callback(move |observer| {
                for figures in providers.lock().values() {
                    observer.observe(figures.comparisons, &[figures.label()]);
                }
            })
            .build();
        let providers = self.clone();
        let _ = meter
            .u64_observable_counter("spandrel_sync_missed_changes")
            .with_description("Changes that only a comparison found.")
            .with_callback(move |observer| {
                for figures in providers.lock().values() {
                    observer.observe(figures.missed, &[figures.label()]);
                }
            })
            .build();
        let providers = self.clone();
        let _ = meter
            .u64_observable_counter("spandrel_sync_failures")
            .with_description("Connections that failed or ended, by reason.")
            .with_callback(move |observer| {
                for figures in providers.lock().values() {
                    for (reason, count) in &figures.failures {
                        observer.observe(*count, &[figures.label(), KeyValue::new("reason", *reason)]);
                    }
                }
            })
            .build();
        let providers = self.clone();
        let _ = meter
            .f64_observable_up_down_counter("spandrel_sync_load")
            .with_unit("s")
            .with_description("Duration of the last complete read after connecting.")
            .with_callback(move |observer| {
                for figures in providers.lock().values() {
                    if let Some(load) = figures.load {
                        observer.observe(load.as_secs_f64(), &[figures.label()]);
                    }
                }
            })
            .build();
    }

    fn observe_panics(&self) {
        let panics = Arc::clone(&self.panics);
        let _ = meter()
            .u64_observable_counter("spandrel_sync_panics")
            .with_description("Tasks that ended by a panic and were begun again. Stays 0.")
            .with_callback(move |observer| {
                for (task, count) in panics.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    observer.observe(*count, &[KeyValue::new("task", *task)]);
                }
            })
            .build();
    }

    pub(super) fn panic(&self, task: &'static str) {
        *self.panics.lock().unwrap_or_else(PoisonError::into_inner).entry(task).or_default() += 1;
    }

    pub(super) fn changes(&self, provider: ProviderId, name: &str, rows: usize) {
        self.note(provider, name, |figures| figures.changes += rows as u64);
    }

    pub(super) fn comparison(&self, provider: ProviderId, name: &str) {
        self.note(provider, name, |figures| figures.comparisons += 1);
    }

    pub(super) fn missed(&self, provider: ProviderId, name: &str, groups: usize) {
        self.note(provider, name, |figures| figures.missed += groups as u64);
    }

    pub(super) fn failure(&self, provider: ProviderId, name: &str, reason: &'static str) {
        self.note(provider, name, |figures| *figures.failures.entry(reason).or_default() += 1);
    }

    pub(super) fn load(&self, provider: ProviderId, name: &str, took: Duration) {
        self.note(provider, name, |figures| figures.load = Some(took));
    }

    /// A provider is gone, and with it its figures.
    pub(super) fn forget(&self, provider: ProviderId) {
        self.lock().remove(&provider);
    }

    fn note(&self, provider: ProviderId, name: &str, note: impl FnOnce(&mut Figures)) {
        let mut providers = self.lock();
        let figures = providers.entry(provider).or_default();
        if figures.name != name {
            name.clone_into(&mut figures.name);
        }
        note(figures);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Figures>> {
        // A figure is never half changed.
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figures {
    fn label(&self) -> KeyValue {
        KeyValue::new("provider", self.name.clone())
    }
}

/// What every source's state is, how old its facts are, and what it could not take over.
fn observe_sources(board: Arc<Board>, clock: Clock) {
    let meter = meter();
    let shown = Arc::clone(&board);
    let _ = meter
        .i64_observable_up_down_counter("spandrel_sync_state")
        .with_description("The state of every source: 1 for the state that it is in.")
        .with_callback(move |observer| {
            for source in shown.sources() {
                let [provider, id] = source.labels();
                for each in SourceState::ALL {
                    let labels = [provider.clone(), id.clone(), KeyValue::new("state", each.as_str())];
                    observer.observe(i64::from(*each == source.state), &labels);
                }
            }
        })
        .build();
    let shown = Arc::clone(&board);
    let _ = meter
        .f64_observable_up_down_counter("spandrel_sync_facts_age")
        .with_unit("s")
        .with_description("Since when what is shown of a source is not known to be true any more.")
        .with_callback(move |observer| {
            let now = clock.now();
            for source in shown.sources() {
                if let Some(at) = source.observed_at {
                    let age = (now - at).to_std().unwrap_or_default();
                    observer.observe(age.as_secs_f64(), &source.labels());
                }
            }
        })
        .build();
    let _ = meter
        .i64_observable_up_down_counter("spandrel_sync_quarantined")
        .with_description("Things of a source that could not be taken over.")
        .with_callback(move |observer| {
            for source in board.sources() {
                observer.observe(i64::try_from(source.quarantined).unwrap_or(i64::MAX), &source.labels());
            }
        })
        .build();
}

/// What is measured of one source.
pub(super) struct SourceFigures {
    pub(super) provider: String,
    pub(super) source: String,
    pub(super) state: SourceState,
    pub(super) observed_at: Option<crate::model::Time>,
    pub(super) quarantined: u64,
}

impl SourceFigures {
    fn labels(&self) -> [KeyValue; 2] {
        [KeyValue::new("provider", self.provider.clone()), KeyValue::new("source", self.source.clone())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_a_new_name_and_go_with_their_provider() {
        let metrics = Metrics::default();
        let (kept, gone) = (ProviderId::generate(), ProviderId::generate());
        metrics.changes(kept, "old", 2);
        metrics.failure(kept, "new", "timed_out");
        metrics.changes(kept, "new", 3);
        metrics.missed(gone, "gone", 1);
        metrics.forget(gone);
        let providers = metrics.lock();
        assert_eq!(providers.len(), 1);
        let figures = &providers[&kept];
        assert_eq!((figures.name.as_str(), figures.changes, figures.failures["timed_out"]), ("new", 5, 1));
    }
}
