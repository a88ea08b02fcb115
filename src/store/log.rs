//! The change log: what changed, in the order in which it was committed. Without bodies: those are in `object`.

use std::time::Duration;

use super::{Result, SystemStore};
use crate::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// One entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log. Dense: no number is left out.
    pub revision: Revision,
    /// When it was committed.
    pub at: Time,
    /// The tenant that owns the object.
    pub tenant_id: TenantId,
    /// The provider that the object belongs to.
    pub provider_id: ProviderId,
    /// The source that tells of the object.
    pub source_id: SourceId,
    /// The object's kind.
    pub kind: Kind,
    /// The object.
    pub object_id: ObjectId,
    /// What happened.
    pub op: LogOp,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOp {
    /// It is new, or differs from what was known.
    Put,
    /// It is gone.
    Delete,
}

/// What the log has after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangesPage {
    /// The next entries, oldest first; fewer than asked for when these are all.
    Entries(Vec<LogEntry>),
    /// The log does not reach back that far: everything up to and with this revision was compacted.
    Compacted {
        /// The last revision that is gone.
        through: Revision,
    },
}

/// How long the log is kept. An entry goes when it is neither among the last `keep_entries` nor younger than `keep_for`,
/// and also when there are more than `max_entries` (every queue has a bound).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRetention {
    /// This many of the last entries stay, however old.
    pub keep_entries: u64,
    /// Entries younger than this stay.
    pub keep_for: Duration,
    /// Never more than this many stay.
    pub max_entries: u64,
}

impl Default for LogRetention {
    fn default() -> Self {
        Self { keep_entries: 100_000, keep_for: Duration::from_secs(24 * 3600), max_entries: 5_000_000 }
    }
}

impl SystemStore {
    /// The revision of the last committed change; 0 before the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn current_revision(&self) -> Result<Revision> {
        todo!()
    }

    /// The entries after `revision`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changes_after(&self, revision: Revision, limit: u64) -> Result<ChangesPage> {
        let _ = (revision, limit);
        todo!()
    }

    /// The last revision that was compacted away; 0 when nothing was. A watch can resume from it and from anything later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn compacted_through(&self) -> Result<Revision> {
        todo!()
    }

    /// Drops old entries, in short transactions. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written. What was dropped until then stays dropped.
    pub async fn compact(&self, retention: LogRetention) -> Result<u64> {
        let _ = retention;
        todo!()
    }
}
