//! Filling the inventory from the store when the process starts.

use std::sync::Arc;

use super::entry::{Draft, Entry, Facts, Origin};
use super::feed::Inventory;
use super::log::{Logged, LoggedOp, Rendered};
use super::snapshot::Snapshot;
use super::table::KindTable;
use super::text::Interner;
use super::threads;
use crate::model::{Kind, Object, ObjectId, Owner, ProviderId, Revision, SourceId, Time};

/// An object as it is stored.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// Its id.
    pub id: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
    /// The provider that it belongs to.
    pub provider_id: ProviderId,
    /// The source that tells of it.
    pub source_id: SourceId,
    /// The revision at which it last changed.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
    /// When it last changed.
    pub changed_at: Time,
    /// Its stored text: a JSON object, with the state member first where the kind has one.
    pub body: Box<str>,
}

/// A deletion, as the change log has it.
#[derive(Clone, Copy, Debug)]
pub struct LoggedDeletion {
    /// Its place in the log.
    pub revision: Revision,
    /// The object.
    pub id: ObjectId,
    /// The object's kind.
    pub kind: Kind,
    /// Whose the object was.
    pub owner: Owner,
    /// The provider that the object belonged to.
    pub provider_id: ProviderId,
}

/// A stored object that cannot be read. It is left out.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The object.
    pub id: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// The provider that it belongs to.
    pub provider_id: ProviderId,
    /// What is wrong with its text.
    pub reason: String,
}

/// What was loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Objects in the inventory now.
    pub object_count: usize,
    /// Objects left out.
    pub unreadable: Vec<Unreadable>,
}

/// Fills an inventory. Objects come in portions of any size, so that not all of the stored texts are in memory at once.
#[derive(Debug)]
pub struct Loader {
    inventory: Arc<Inventory>,
    drafts: Vec<Vec<Draft>>,
    interners: Vec<Interner>,
    unreadable: Vec<Unreadable>,
}

impl Loader {
    pub(super) fn new(inventory: Arc<Inventory>) -> Self {
        Self {
            inventory,
            drafts: Kind::ALL.iter().map(|_| Vec::new()).collect(),
            interners: (0..threads::count()).map(|_| Interner::default()).collect(),
            unreadable: Vec::new(),
        }
    }

    /// Takes a portion of the stored objects: a few thousand at once are best. Reads them on all cores; blocks.
    pub fn add(&mut self, objects: Vec<StoredObject>) {
        let share = objects.len().div_ceil(self.interners.len()).max(1);
        let tasks: Vec<_> = objects.chunks(share).zip(&mut self.interners).collect();
        let read = threads::run(tasks, |(objects, interner)| {
            objects.iter().map(|stored| read(stored, interner)).collect::<Vec<_>>()
        });
        for result in read.into_iter().flatten() {
            match result {
                Ok(draft) => self.drafts[draft.facts.kind.index()].push(draft),
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
    }

    /// Publishes what was taken. `deletions` are those of the change log in its order, `compacted_through` the last revision
    /// that the log no longer holds, `revision` the newest revision of the store. Nothing may write between the first object's
    /// reading and this. Blocks. Providers that were put before stay.
    ///
    /// The rest of the log is what the objects themselves say: their newest versions. So a watcher that resumes from before
    /// the restart is told of every object's newest version and of every deletion, and not of versions in between; nor is
    /// one with a narrower scope told that an object was given away before the restart.
    pub fn finish(self, deletions: &[LoggedDeletion], compacted_through: Revision, revision: Revision) -> LoadReport {
        let mut writer = self.inventory.write();
        let mut next = Snapshot::clone(&self.inventory.snapshot());
        next.tables = KindTable::build_all(self.drafts, &mut writer.origins);
        let newest = next.tables.iter().flat_map(|table| table.iter()).map(|entry| changed(entry));
        let mut log: Vec<Logged> = newest.chain(deletions.iter().map(deleted)).collect();
        log.retain(|change| change.revision > compacted_through);
        log.sort_unstable_by_key(|change| change.revision);
        next.revision = log.last().map_or(revision, |last| revision.max(last.revision)).max(compacted_through);
        next.log.restore(log, compacted_through, next.revision);
        let object_count = next.tables.iter().map(|table| table.len()).sum();
        self.inventory.publish(next, &writer);
        self.inventory.set_loaded();
        drop(writer);
        LoadReport { object_count, unreadable: self.unreadable }
    }
}

fn read(stored: &StoredObject, interner: &mut Interner) -> Result<Draft, Unreadable> {
    let short = without_native(&stored.body).and_then(|text| Object::from_json(stored.kind, text.as_bytes()).ok());
    let object = short.map_or_else(|| Object::from_json(stored.kind, stored.body.as_bytes()), Ok);
    let object = object.map_err(|error| Unreadable {
        id: stored.id,
        kind: stored.kind,
        provider_id: stored.provider_id,
        reason: error.to_string(),
    })?;
    let facts = Facts {
        id: stored.id,
        kind: stored.kind,
        origin: Origin { owner: stored.owner, provider_id: stored.provider_id, source_id: stored.source_id },
        revision: stored.revision,
        first_seen_at: stored.created_at,
        changed_at: stored.changed_at,
    };
    Ok(Draft::new(facts, &stored.body, &object, interner))
}

/// The text without the platform's detail, which no field shows and which takes a third of the time to read. `None` where it
/// does not stand last, or is not well-formed.
fn without_native(body: &str) -> Option<String> {
    const NATIVE: &str = ",\"native\":";
    let detail = memchr::memmem::find(body.as_bytes(), NATIVE.as_bytes())? + NATIVE.len();
    serde_json::from_str::<serde::de::IgnoredAny>(body.get(detail..)?.strip_suffix('}')?).ok()?;
    Some([&body[..detail], "{}}"].concat())
}

fn changed(entry: &Entry) -> Logged {
    Logged {
        revision: entry.revision(),
        id: entry.id(),
        kind: entry.kind(),
        provider_id: entry.provider_id(),
        owner: entry.owner(),
        from_owner: None,
        op: LoggedOp::Changed,
    }
}

fn deleted(deletion: &LoggedDeletion) -> Logged {
    Logged {
        revision: deletion.revision,
        id: deletion.id,
        kind: deletion.kind,
        provider_id: deletion.provider_id,
        owner: deletion.owner,
        from_owner: None,
        op: LoggedOp::Deleted(Rendered::default()),
    }
}
