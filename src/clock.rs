//! The one source of the time.
//!
//! Invariant 9: time comes from an injected clock. Nothing else in the gateway may ask the operating system for the
//! time of day; `clippy.toml` forbids it. Tests hand in a clock that they move by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// An instant of civil time, always UTC, with microseconds (what both databases keep).
pub type Time = DateTime<Utc>;

/// Tells the time of day. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it. For tests.
    #[must_use]
    pub fn manual(start: Time) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.timestamp_micros()))))
    }

    /// The present instant, cut to whole microseconds so that a stored and a returned time are equal.
    #[must_use]
    pub fn now(&self) -> Time {
        let micros = match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine's clock")]
            Source::System => Utc::now().timestamp_micros(),
            Source::Manual(at) => at.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Moves a manual clock; a system clock is left alone.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Manual(at) = &self.0 {
            at.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}
