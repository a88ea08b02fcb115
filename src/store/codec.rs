//! Between the values of the model and those of the columns.

use chrono::DateTime;

use super::{Error, Result};
use crate::model::{Kind, Revision, Time};

/// A time as it is stored: microseconds since 1970.
pub(super) fn micros(time: Time) -> i64 {
    time.timestamp_micros()
}

/// Reads a stored time.
pub(super) fn time(micros: i64) -> Time {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Reads a stored revision.
pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or(0))
}

/// A revision as it is stored.
pub(super) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// Reads a stored kind.
pub(super) fn kind(what: &'static str, id: impl std::fmt::Display, word: &str) -> Result<Kind> {
    Kind::parse(word).ok_or_else(|| damaged(what, id, format!("its kind is {word:?}")))
}

/// A row that no version of the gateway wrote.
pub(super) fn damaged(what: &'static str, id: impl std::fmt::Display, reason: impl Into<String>) -> Error {
    Error::Damaged { what, id: id.to_string(), reason: reason.into() }
}

/// A text for people or diagnosis, as every database takes it: without NUL, and not longer than `max_len` bytes.
pub(super) fn plain_text(text: &str, max_len: usize) -> String {
    let mut end = max_len.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}
