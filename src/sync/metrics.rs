//! What the synchronization counts.

use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};

/// The instruments of the synchronization.
pub(super) struct Metrics {
    /// Rows written.
    changes: Counter<u64>,
    /// Changes that only a comparison found. Stays 0 while notices are complete.
    missed: Counter<u64>,
    /// Connections that failed or ended, by reason.
    failures: Counter<u64>,
    /// Duration of a complete first read, seconds.
    load: Histogram<f64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = Self::meter();
        Self {
            changes: meter.u64_counter("spandrel_sync_changes").with_description("Rows written.").build(),
            missed: meter
                .u64_counter("spandrel_sync_missed_changes")
                .with_description("Changes that only a comparison found.")
                .build(),
            failures: meter
                .u64_counter("spandrel_sync_failures")
                .with_description("Connections that failed or ended.")
                .build(),
            load: meter
                .f64_histogram("spandrel_sync_load")
                .with_unit("s")
                .with_description("Duration of a complete read after connecting.")
                .build(),
        }
    }

    pub(super) fn meter() -> Meter {
        global::meter("spandrel.sync")
    }

    pub(super) fn changes(&self, provider: &str, rows: usize) {
        self.changes.add(rows as u64, &[KeyValue::new("provider", provider.to_owned())]);
    }

    pub(super) fn missed(&self, provider: &str, groups: usize) {
        // Also when it is 0, so that the counter is there to be watched.
        self.missed.add(groups as u64, &[KeyValue::new("provider", provider.to_owned())]);
    }

    pub(super) fn failure(&self, provider: &str, reason: &'static str) {
        let labels = [KeyValue::new("provider", provider.to_owned()), KeyValue::new("reason", reason)];
        self.failures.add(1, &labels);
    }

    pub(super) fn load(&self, provider: &str, took: Duration) {
        self.load.record(took.as_secs_f64(), &[KeyValue::new("provider", provider.to_owned())]);
    }
}
