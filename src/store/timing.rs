//! How long transactions take, and what the connections are doing: for `/metrics` and traces.

use std::sync::{Arc, Weak};
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use tracing::Instrument as _;

use super::Inner;
use super::db::{Pools, Tx, Visible};
use sea_orm::DbErr;

/// Bounds of the histograms, seconds.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Whether a transaction reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Mode::Read => "read",
            Mode::Write => "write",
        }
    }
}

/// The instruments of the database.
pub(super) struct Metrics {
    duration: Histogram<f64>,
    waited: Histogram<f64>,
}

fn meter() -> Meter {
    opentelemetry::global::meter("spandrel.store")
}

impl Metrics {
    /// Instruments of the process-wide meter provider, which must be set before.
    pub(super) fn new() -> Self {
        let histogram = |name: &'static str, description: &'static str| {
            let meter = meter();
            let builder = meter.f64_histogram(name).with_unit("s").with_description(description);
            builder.with_boundaries(BOUNDS.to_vec()).build()
        };
        Self {
            duration: histogram("spandrel_database_transaction", "From the begin of a transaction to its end."),
            waited: histogram("spandrel_database_wait", "How long a transaction waited for a connection or its turn."),
        }
    }
}

/// Tells of the connections for as long as the store lives.
pub(super) fn observe_connections(inner: Weak<Inner>) {
    // What is not observed any more disappears from sums only: a gauge would show it for ever.
    let _ = meter()
        .i64_observable_up_down_counter("spandrel_database_connections")
        .with_description("Connections to the database, by pool and by what they do.")
        .with_callback(move |observer| {
            let Some(inner) = inner.upgrade() else { return };
            for (pool, size, idle) in inner.pools.connections() {
                let idle = idle.min(size);
                for (state, count) in [("idle", idle), ("used", size - idle)] {
                    let labels = [KeyValue::new("pool", pool), KeyValue::new("state", state)];
                    observer.observe(i64::try_from(count).unwrap_or(i64::MAX), &labels);
                }
            }
        })
        .build();
}

/// The measurement of one transaction; it is noted when the transaction ends, however it does.
pub(super) struct Timing {
    /// The transaction's span; it ends with it.
    _span: tracing::Span,
    began: Instant,
    duration: Histogram<f64>,
    mode: Mode,
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.duration.record(self.began.elapsed().as_secs_f64(), &[KeyValue::new("mode", self.mode.as_str())]);
    }
}

impl Inner {
    /// Begins a transaction, measured and traced. `what` names its subject.
    pub(super) async fn begin(&self, mode: Mode, visible: Visible, what: &'static str) -> Result<Tx, DbErr> {
        let asked = Instant::now();
        // What is read is read by the thousand and quickly; what is written is what one waits for.
        let span = match mode {
            Mode::Read => tracing::debug_span!("read transaction", what, wait_us = tracing::field::Empty),
            Mode::Write => tracing::info_span!("write transaction", what, wait_us = tracing::field::Empty),
        };
        let pools: &Pools = &self.pools;
        let begun = async {
            match mode {
                Mode::Read => pools.read(visible).await,
                Mode::Write => pools.write(visible).await,
            }
        };
        let mut tx = begun.instrument(span.clone()).await?;
        tx.fence = Some(Arc::clone(&self.fence));
        let waited = asked.elapsed();
        span.record("wait_us", u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
        self.metrics.waited.record(waited.as_secs_f64(), &[KeyValue::new("mode", mode.as_str())]);
        let began = Instant::now();
        tx.measure(Timing { _span: span, began, duration: self.metrics.duration.clone(), mode });
        Ok(tx)
    }
}
