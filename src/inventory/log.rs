//! The newest changes, kept for watchers.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use imbl::Vector;

use super::entry::Entry;
use super::snapshot::Snapshot;
use super::status::SourceStatus;
use crate::model::{Kind, ObjectId, Owner, ProviderId, Revision};

/// One change.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) revision: Revision,
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) provider_id: ProviderId,
    /// Whose it is, or was last.
    pub(super) owner: Owner,
    /// Whose it was before, where that is known and another.
    pub(super) from_owner: Option<Owner>,
    pub(super) op: LoggedOp,
}

/// What happened.
#[derive(Debug)]
pub(super) enum LoggedOp {
    /// It became this version.
    Version(Arc<Entry>, Rendered),
    /// It changed; the version is no longer kept. The object as it is now stands for it, if that is no newer.
    Changed,
    /// It is gone.
    Deleted(Rendered),
}

/// An event as it is sent, made by the first watcher that needs it and shared by all others.
#[derive(Debug, Default)]
pub(super) struct Rendered(ArcSwapOption<RenderedFor>);

#[derive(Debug)]
struct RenderedFor {
    source: Option<Arc<SourceStatus>>,
    frame: Frame,
}

impl Rendered {
    /// The event, made by `render` if it was not yet made for this state of the object's source.
    pub(super) fn get(&self, source: Option<&Arc<SourceStatus>>, render: impl FnOnce() -> Frame) -> Frame {
        let same = |made: &RenderedFor| match (&made.source, source) {
            (Some(made), Some(now)) => Arc::ptr_eq(made, now),
            (None, None) => true,
            _ => false,
        };
        if let Some(made) = &*self.0.load()
            && same(made)
        {
            return made.frame.clone();
        }
        let frame = render();
        self.0.store(Some(Arc::new(RenderedFor { source: source.cloned(), frame: frame.clone() })));
        frame
    }

    /// Forgets it; one that needs it still makes it again.
    fn forget(&self) {
        self.0.store(None);
    }
}

/// So many of the newest changes keep their events as they are sent: nearly all watchers are told of them at once.
const RENDERED_MAX: usize = 1_000;

/// An event in the form of a server-sent event, with its JSON within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// `event: …`, `id: …`, `data: …` and the empty line.
    pub(super) frame: Bytes,
    /// The JSON alone.
    pub(super) data: Bytes,
}

impl Frame {
    /// Puts an event together. `write` writes its JSON, which must be on one line.
    pub(super) fn new(event: &str, revision: Option<Revision>, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = format!("event: {event}\n").into_bytes();
        if let Some(revision) = revision {
            out.extend_from_slice(format!("id: {revision}\n").as_bytes());
        }
        out.extend_from_slice(b"data: ");
        let from = out.len();
        write(&mut out);
        let to = out.len();
        out.extend_from_slice(b"\n\n");
        let frame = Bytes::from(out);
        Self { data: frame.slice(from..to), frame }
    }
}

/// The newest changes in the order of their revisions. A persistent structure like all of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Log {
    changes: Vector<Arc<Logged>>,
    /// The number of the oldest change that is kept, counted from the start of the process.
    base: u64,
    /// The newest revision that is no longer kept.
    compacted_through: Revision,
    /// Up to here not every revision is kept: before the restart, only objects' newest versions and deletions.
    restored_through: Revision,
    max: usize,
    version_max: usize,
}

impl Log {
    pub(super) fn new(max: usize, version_max: usize) -> Self {
        let none = Revision(0);
        Self { changes: Vector::new(), base: 0, compacted_through: none, restored_through: none, max, version_max }
    }

    /// Begins anew after a restart, with changes in the order of their revisions.
    pub(super) fn restore(&mut self, changes: Vec<Logged>, compacted_through: Revision, through: Revision) {
        self.base += self.changes.len() as u64;
        let too_many = changes.len().saturating_sub(self.max);
        let last_dropped = too_many.checked_sub(1).and_then(|at| changes.get(at)).map(|change| change.revision);
        self.compacted_through = last_dropped.unwrap_or(compacted_through);
        self.changes = changes.into_iter().skip(too_many).map(Arc::new).collect();
        self.restored_through = through;
    }

    pub(super) fn push(&mut self, change: Logged) {
        self.changes.push_back(Arc::new(change));
        if self.changes.len() > self.max
            && let Some(oldest) = self.changes.pop_front()
        {
            self.base += 1;
            self.compacted_through = oldest.revision;
        }
        let place = |changes: &Vector<_>, max: usize| changes.len().checked_sub(max + 1);
        if let Some(at) = place(&self.changes, RENDERED_MAX)
            && let Some(aged) = self.changes.get(at)
            && let LoggedOp::Version(_, rendered) | LoggedOp::Deleted(rendered) = &aged.op
        {
            rendered.forget();
        }
        // The change that has just become too old to keep its version.
        if let Some(at) = place(&self.changes, self.version_max)
            && let Some(aged) = self.changes.get(at)
            && let LoggedOp::Version(..) = aged.op
        {
            let slim = Logged { op: LoggedOp::Changed, ..**aged };
            self.changes.set(at, Arc::new(slim));
        }
    }

    /// The number after that of the newest change.
    pub(super) fn end(&self) -> u64 {
        self.base + self.changes.len() as u64
    }

    /// The change of a number; absent when it is no longer, or not yet, there.
    pub(super) fn get(&self, number: u64) -> Option<&Arc<Logged>> {
        number.checked_sub(self.base).and_then(|at| self.changes.get(usize::try_from(at).ok()?))
    }

    /// The number of the first change after a revision. `None` when changes after it are no longer kept.
    pub(super) fn after(&self, revision: Revision) -> Option<u64> {
        if revision < self.compacted_through {
            return None;
        }
        let at = match self.changes.binary_search_by(|change| change.revision.cmp(&revision)) {
            Ok(at) => at + 1,
            Err(at) => at,
        };
        Some(self.base + at as u64)
    }

    /// The oldest revision from which nothing is missing.
    pub(super) fn oldest(&self) -> Revision {
        self.compacted_through
    }

    /// Whether a change of this revision was taken in.
    pub(super) fn knows(&self, revision: Revision) -> bool {
        revision <= self.restored_through.max(self.compacted_through)
            || self.changes.binary_search_by(|change| change.revision.cmp(&revision)).is_ok()
    }
}

/// The version that a change brought, if it still is the newest or is kept.
pub(super) fn version<'a>(change: &'a Logged, snapshot: &'a Snapshot) -> Option<&'a Arc<Entry>> {
    match &change.op {
        LoggedOp::Version(entry, _) => Some(entry),
        LoggedOp::Changed => {
            snapshot.table(change.kind).get(change.id).filter(|entry| entry.revision() == change.revision)
        }
        LoggedOp::Deleted(_) => None,
    }
}
