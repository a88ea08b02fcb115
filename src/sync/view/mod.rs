//! What is stored of one provider, and what has to be written so that it equals what was observed.
//!
//! Kept in memory: for every object its content hash and the groups that hold it, no bodies. Pure: no input or output;
//! the caller commits the [`Effects`] and, when the commit fails, throws the view away and loads it from the store again.
//!
//! Identity across the sources of a provider is settled here and nowhere else:
//! - an object that several groups hold is deleted when the last of them lets go of it;
//! - views of a shared object are put together ([`super::merge`]);
//! - of a machine that two hosts report (a migration), the host where it runs owns the row; what the other says is kept
//!   aside and used when the owner lets go.

mod shared;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::duplicates::KnownAs;
use super::merge;
use crate::model::vm::PowerState;
use crate::model::{Kind, Object, ObjectId, SourceId};
use crate::provider::{Family, Group, LoadReason, Observed};

/// The first 16 bytes of the BLAKE3 hash of an object's stored text.
pub(super) type ContentHash = [u8; 16];

/// An object to write.
#[derive(Clone, Debug)]
pub(super) struct Put {
    pub(super) id: ObjectId,
    pub(super) source_id: SourceId,
    pub(super) family: Family,
    pub(super) group_key: Arc<str>,
    /// The platform's key; absent when a shared object is written without having been read.
    pub(super) key: Option<String>,
    pub(super) body: Arc<str>,
    pub(super) hash: ContentHash,
    pub(super) object: Arc<Object>,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) puts: Vec<Put>,
    pub(super) deletes: Vec<(ObjectId, Kind)>,
    pub(super) quarantined: Vec<(Family, String, Kind, String)>,
    pub(super) released: Vec<(Family, String)>,
    /// Hosts that other providers know too: set before the effects are made.
    pub(super) known_as: KnownAs,
    /// Groups in which a comparison found a difference.
    pub(super) differing: Vec<(Family, Arc<str>)>,
    /// A load came to an end.
    pub(super) loaded: Vec<(Family, LoadReason)>,
}

impl Effects {
    /// Whether nothing has to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.quarantined.is_empty() && self.released.is_empty()
    }
}

/// Why events cannot be applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ViewError {
    /// A complete read gave nothing where there was an inventory.
    #[error("the platform answered with an empty inventory where {known} objects were known")]
    EmptyAnswer { known: usize },
}

type GroupIndex = u32;

struct Known {
    kind: Kind,
    hash: ContentHash,
    /// The groups that hold it; the first owns the row.
    holders: Vec<GroupIndex>,
    /// The object itself, where several hosts contribute to it.
    shared: Option<Arc<Object>>,
}

struct GroupState {
    source: SourceId,
    family: Family,
    key: Arc<str>,
    members: Vec<ObjectId>,
    epoch: u32,
    quarantined: bool,
    /// The host that contributed it, for shared objects.
    contributor: Option<ObjectId>,
    /// What was last told, while another source owns the objects.
    shadow: Option<Group>,
}

#[derive(Clone, Copy)]
struct Load {
    epoch: u32,
    reason: LoadReason,
    running: bool,
}

/// A row that the store has: what a view is built from after a restart.
pub(super) struct StoredRow {
    pub(super) source_id: SourceId,
    pub(super) kind: Kind,
    pub(super) family: Family,
    pub(super) group_key: String,
    pub(super) id: ObjectId,
    pub(super) hash: ContentHash,
}

/// Reads the stored form of a shared object that the view knows only by its hash.
pub(super) type ReadObject<'a> = &'a (dyn Fn(Kind, ObjectId) -> Option<Object> + Send + Sync);

/// See the module.
pub(super) struct View {
    objects: HashMap<ObjectId, Known>,
    groups: Vec<GroupState>,
    index: HashMap<(SourceId, Family), HashMap<Arc<str>, GroupIndex>>,
    loads: HashMap<(SourceId, Family), Load>,
    /// Slots of `groups` that can be used again.
    free: Vec<GroupIndex>,
    /// Sources whose first load since the start is still awaited: they may hold what another source let go of.
    awaited: HashSet<SourceId>,
    /// Those of the awaited that could not be reached: machines no longer wait for them, shared objects do.
    failed: HashSet<SourceId>,
    /// Objects that nobody holds, kept until the awaited sources have loaded.
    orphans: HashSet<ObjectId>,
    /// The host of each source, where the provider has several sources: a source's views of shared objects bear its id.
    hosts: HashMap<SourceId, ObjectId>,
}

impl View {
    /// A view of what the store has. `sources` are those of the provider that will load.
    pub(super) fn new(sources: impl IntoIterator<Item = SourceId>, rows: impl IntoIterator<Item = StoredRow>) -> Self {
        let mut view = Self {
            objects: HashMap::new(),
            groups: Vec::new(),
            index: HashMap::new(),
            loads: HashMap::new(),
            free: Vec::new(),
            failed: HashSet::new(),
            awaited: sources.into_iter().collect(),
            orphans: HashSet::new(),
            hosts: HashMap::new(),
        };
        for row in rows {
            let group = view.group_index(row.source_id, row.family, &row.group_key);
            if row.kind == Kind::Host {
                view.hosts.insert(row.source_id, row.id);
            }
            view.groups[group as usize].members.push(row.id);
            let known = Known { kind: row.kind, hash: row.hash, holders: vec![group], shared: None };
            view.objects.insert(row.id, known);
        }
        view
    }

    /// A complete read of a family begins.
    pub(super) fn load_began(&mut self, source: SourceId, family: Family, reason: LoadReason) {
        let load = self.loads.entry((source, family)).or_insert(Load { epoch: 0, reason, running: false });
        *load = Load { epoch: load.epoch + 1, reason, running: true };
    }

    /// A complete read ended: what was not seen in it is gone.
    ///
    /// # Errors
    /// When the whole inventory would be gone.
    pub(super) fn load_ended(
        &mut self,
        source: SourceId,
        family: Family,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Result<(), ViewError> {
        let Some(load) = self.loads.get_mut(&(source, family)).filter(|load| load.running) else { return Ok(()) };
        load.running = false;
        let Load { epoch, reason, .. } = *load;
        let of_family = self.index.get(&(source, family)).map(|groups| groups.values().copied().collect::<Vec<_>>());
        let of_family = of_family.unwrap_or_default();
        let unseen: Vec<GroupIndex> =
            of_family.iter().copied().filter(|group| self.groups[*group as usize].epoch < epoch).collect();
        if family == Family::Core && unseen.len() > 1 && unseen.len() == of_family.len() {
            return Err(ViewError::EmptyAnswer { known: self.objects.len() });
        }
        for group in unseen {
            if reason == LoadReason::Comparison {
                effects.differing.push((family, Arc::clone(&self.groups[group as usize].key)));
            }
            self.drop_group(group, read, effects);
        }
        if family == Family::Core {
            if self.awaited.remove(&source) {
                self.retract_unheld(source, read, effects);
            }
            self.failed.remove(&source);
            self.settle_orphans(effects);
        }
        effects.loaded.push((family, reason));
        Ok(())
    }

    /// A source cannot be reached: what others let go of no longer waits for it.
    pub(super) fn source_failed(&mut self, source: SourceId, effects: &mut Effects) {
        if self.awaited.contains(&source) && self.failed.insert(source) {
            self.settle_orphans(effects);
        }
    }

    /// An administrator took a source out of the provider: what only it told is gone.
    pub(super) fn source_removed(&mut self, source: SourceId, read: ReadObject<'_>, effects: &mut Effects) {
        self.awaited.remove(&source);
        self.failed.remove(&source);
        let of_source: Vec<GroupIndex> = self
            .index
            .iter()
            .filter(|((of, _), _)| *of == source)
            .flat_map(|(_, groups)| groups.values().copied())
            .collect();
        for group in of_source {
            self.drop_group(group, read, effects);
        }
        self.retract_unheld(source, read, effects);
        self.settle_orphans(effects);
    }

    /// A group is in quarantine, as the store has it.
    pub(super) fn hold_quarantine(&mut self, source: SourceId, family: Family, key: &str) {
        let index = self.group_index(source, family, key);
        self.groups[index as usize].quarantined = true;
    }

    /// The platform says that a group is gone.
    pub(super) fn gone(
        &mut self,
        source: SourceId,
        family: Family,
        key: &str,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) {
        if let Some(group) = self.existing(source, family, key) {
            self.drop_group(group, read, effects);
        }
    }

    /// A group could not be read: what is known of it stays.
    pub(super) fn quarantined(
        &mut self,
        source: SourceId,
        family: Family,
        key: &str,
        kind: Kind,
        reason: String,
        effects: &mut Effects,
    ) {
        let epoch = self.epoch(source, family);
        let index = self.group_index(source, family, key);
        let group = &mut self.groups[index as usize];
        group.epoch = epoch;
        group.quarantined = true;
        // The last word of a batch counts.
        effects.released.retain(|(of, released)| !(*of == family && released == key));
        effects.quarantined.retain(|(of, other, _, _)| !(*of == family && other == key));
        effects.quarantined.push((family, key.to_owned(), kind, reason));
    }

    /// A group as it is now.
    pub(super) fn observed(&mut self, source: SourceId, group: Group, read: ReadObject<'_>, effects: &mut Effects) {
        let family = group.family;
        let epoch = self.epoch(source, family);
        let index = self.group_index(source, family, &group.key);
        let state = &mut self.groups[index as usize];
        state.epoch = epoch;
        state.shadow = None;
        state.contributor = group.members.iter().find_map(|member| member.shared_by);
        if std::mem::take(&mut state.quarantined) {
            effects.quarantined.retain(|(of, key, _, _)| !(*of == family && *key == group.key));
            effects.released.push((family, group.key.clone()));
        }
        let comparing =
            self.loads.get(&(source, family)).is_some_and(|l| l.running && l.reason == LoadReason::Comparison);
        let written = effects.puts.len() + effects.deletes.len();
        if self.belongs_elsewhere(index, &group) {
            self.keep_aside(index, group, read, effects);
        } else {
            self.replace(index, group, read, effects);
        }
        if comparing && effects.puts.len() + effects.deletes.len() > written {
            effects.differing.push((family, Arc::clone(&self.groups[index as usize].key)));
        }
    }

    /// Whether another source owns the machine that this group is about, and this one's claim is weaker.
    fn belongs_elsewhere(&self, index: GroupIndex, group: &Group) -> bool {
        let Some(root) = group.members.first().filter(|root| root.shared_by.is_none()) else { return false };
        let Some(owner) = self.objects.get(&root.id).and_then(|known| known.holders.first().copied()) else {
            return false;
        };
        owner != index
            && self.groups[owner as usize].source != self.groups[index as usize].source
            && !runs(&root.object)
    }

    /// Holds the objects without writing them.
    fn keep_aside(&mut self, index: GroupIndex, group: Group, read: ReadObject<'_>, effects: &mut Effects) {
        for member in &group.members {
            if let Some(known) = self.objects.get_mut(&member.id)
                && !known.holders.contains(&index)
            {
                known.holders.push(index);
            }
        }
        let members: Vec<ObjectId> = group.members.iter().map(|member| member.id).collect();
        let unread = group.unread.clone();
        self.groups[index as usize].shadow = Some(group);
        self.set_members(index, members, &unread, read, effects);
    }

    /// Notes the members of a group and lets go of those that it no longer has.
    fn set_members(
        &mut self,
        index: GroupIndex,
        members: Vec<ObjectId>,
        unread: &[Kind],
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) {
        let before = std::mem::replace(&mut self.groups[index as usize].members, members);
        for id in before {
            let group = &mut self.groups[index as usize];
            if group.members.contains(&id) {
                continue;
            }
            if self.objects.get(&id).is_some_and(|known| unread.contains(&known.kind)) {
                // That it could not be read is no evidence that it is gone.
                group.members.push(id);
            } else {
                self.let_go(index, id, read, effects);
            }
        }
    }

    /// Writes what differs, and lets go of what is no longer in the group.
    fn replace(&mut self, index: GroupIndex, group: Group, read: ReadObject<'_>, effects: &mut Effects) {
        let members: Vec<ObjectId> = group.members.iter().map(|member| member.id).collect();
        for member in group.members {
            self.put(index, member, read, effects);
        }
        self.set_members(index, members, &group.unread, read, effects);
    }

    fn put(&mut self, index: GroupIndex, member: Observed, read: ReadObject<'_>, effects: &mut Effects) {
        let kind = member.object.kind();
        let group = &self.groups[index as usize];
        let (source_id, family, group_key) = (group.source, group.family, Arc::clone(&group.key));
        let known = self.objects.get(&member.id);
        let mut object = match (member.shared_by, known) {
            (Some(contributor), Some(known)) => {
                let stored = known.shared.as_ref().map(|object| object.as_ref().clone());
                merge::merge(stored.or_else(|| read(kind, member.id)).as_ref(), member.object, contributor)
            }
            _ => member.object,
        };
        if let Object::Host(host) = &mut object {
            self.hosts.insert(source_id, member.id);
            host.also_known_as = effects.known_as.get(&member.id.into()).cloned().unwrap_or_default();
        }
        // Serialization of the nouns cannot fail: they have string keys and no foreign types.
        let Ok(text) = object.to_json() else { return };
        let hash = content_hash(&text);
        let object = Arc::new(object);
        let moved = known.is_some_and(|known| {
            known.holders.first().is_none_or(|owner| self.groups[*owner as usize].source != source_id)
        });
        let shared = member.shared_by.is_some();
        let unheld = known.is_some_and(|known| known.holders.is_empty());
        let same = known.is_some_and(|known| known.hash == hash && known.kind == kind) && !unheld && (!moved || shared);
        let entry =
            self.objects.entry(member.id).or_insert_with(|| Known { kind, hash, holders: Vec::new(), shared: None });
        entry.hash = hash;
        entry.kind = kind;
        entry.shared = shared.then(|| Arc::clone(&object));
        if entry.holders.first() != Some(&index) {
            entry.holders.retain(|holder| *holder != index);
            // Of a shared object the first to tell stays the owner as long as nothing of it changes.
            let place = if shared && same { entry.holders.len() } else { 0 };
            entry.holders.insert(place, index);
        }
        self.orphans.remove(&member.id);
        if !same {
            let body: Arc<str> = String::from_utf8_lossy(&text).into();
            effects.puts.push(Put {
                id: member.id,
                source_id,
                family,
                group_key,
                key: Some(member.key),
                body,
                hash,
                object,
            });
        }
    }

    fn drop_group(&mut self, index: GroupIndex, read: ReadObject<'_>, effects: &mut Effects) {
        let group = &mut self.groups[index as usize];
        group.shadow = None;
        if std::mem::take(&mut group.quarantined) {
            effects.released.push((group.family, group.key.to_string()));
        }
        for id in std::mem::take(&mut group.members) {
            self.let_go(index, id, read, effects);
        }
        let group = &mut self.groups[index as usize];
        if let Some(groups) = self.index.get_mut(&(group.source, group.family)) {
            groups.remove(&group.key);
        }
        self.free.push(index);
    }

    /// `index` no longer holds the object.
    fn let_go(&mut self, index: GroupIndex, id: ObjectId, read: ReadObject<'_>, effects: &mut Effects) {
        let group = &self.groups[index as usize];
        let contributor = group.contributor.or_else(|| self.hosts.get(&group.source).copied());
        let Some(known) = self.objects.get_mut(&id) else { return };
        let kind = known.kind;
        let owned = known.holders.first() == Some(&index);
        known.holders.retain(|holder| *holder != index);
        let next = known.holders.first().copied();
        let several = self.hosts.len() > 1 && merge::is_shareable(kind);
        let rest = contributor
            .filter(|_| several)
            .and_then(|contributor| merge::retract(&self.stored(kind, id, read)?, contributor));
        match (rest, next) {
            (Some(rest), Some(next)) => self.rewrite(id, rest, true, next, effects),
            (Some(rest), None) if self.awaits_other(index, true) => {
                self.rewrite(id, rest, true, index, effects);
                self.orphans.insert(id);
            }
            (None, Some(next)) if owned => {
                let shadow = &mut self.groups[next as usize].shadow;
                match shadow.take_if(|group| group.members.first().is_some_and(|root| root.id == id)) {
                    Some(group) => self.replace(next, group, read, effects),
                    // The machine itself is still owned here: what only the other's view of it has is not there.
                    None if shadow.is_some() => self.delete(id, effects),
                    // The row must not stay with a source that no longer has it.
                    None => {
                        if let Some(object) = self.stored(kind, id, read) {
                            let shared = self.objects.get(&id).is_some_and(|known| known.shared.is_some());
                            self.rewrite(id, object, shared, next, effects);
                        }
                    }
                }
            }
            (None, Some(_)) => {}
            (None, None) if self.awaits_other(index, false) => {
                self.orphans.insert(id);
            }
            (_, None) => self.delete(id, effects),
        }
    }

    /// The database would not take an object: its group is in quarantine, and it is written again when it is next observed.
    pub(super) fn refused(&mut self, source: SourceId, family: Family, group_key: &str, id: ObjectId) {
        self.hold_quarantine(source, family, group_key);
        if let Some(known) = self.objects.get_mut(&id) {
            known.hash = ContentHash::default();
        }
    }

    fn delete(&mut self, id: ObjectId, effects: &mut Effects) {
        if let Some(known) = self.objects.remove(&id) {
            effects.deletes.push((id, known.kind));
        }
        self.orphans.remove(&id);
    }

    /// Of several writes of one object only the last counts, and a deletion only when the object did not come back.
    /// To be called before the effects are committed.
    pub(super) fn settle(&self, effects: &mut Effects) {
        let mut written = HashSet::with_capacity(effects.puts.len());
        effects.puts.reverse();
        effects.puts.retain(|put| self.objects.contains_key(&put.id) && written.insert(put.id));
        effects.puts.reverse();
        let mut deleted = HashSet::with_capacity(effects.deletes.len());
        effects.deletes.retain(|(id, _)| !self.objects.contains_key(id) && deleted.insert(*id));
    }

    /// Whether another source of the provider may still tell of what this one let go of.
    fn awaits_other(&self, index: GroupIndex, also_failed: bool) -> bool {
        let source = self.groups[index as usize].source;
        self.awaited.iter().any(|awaited| *awaited != source && (also_failed || !self.failed.contains(awaited)))
    }

    fn settle_orphans(&mut self, effects: &mut Effects) {
        let waiting = self.awaited.iter().any(|awaited| !self.failed.contains(awaited));
        let none_awaited = self.awaited.is_empty();
        let due: Vec<ObjectId> = self
            .orphans
            .iter()
            .copied()
            .filter(|id| self.objects.get(id).is_some_and(|k| if k.shared.is_some() { none_awaited } else { !waiting }))
            .collect();
        for id in due {
            self.orphans.remove(&id);
            if self.objects.get(&id).is_some_and(|known| known.holders.is_empty()) {
                self.delete(id, effects);
            }
        }
    }

    fn epoch(&self, source: SourceId, family: Family) -> u32 {
        self.loads.get(&(source, family)).map_or(0, |load| load.epoch)
    }

    fn existing(&self, source: SourceId, family: Family, key: &str) -> Option<GroupIndex> {
        self.index.get(&(source, family)).and_then(|groups| groups.get(key)).copied()
    }

    fn group_index(&mut self, source: SourceId, family: Family, key: &str) -> GroupIndex {
        if let Some(index) = self.existing(source, family, key) {
            return index;
        }
        let key: Arc<str> = key.into();
        let state = GroupState {
            source,
            family,
            key: Arc::clone(&key),
            members: Vec::new(),
            epoch: 0,
            quarantined: false,
            contributor: None,
            shadow: None,
        };
        let index = if let Some(index) = self.free.pop() {
            self.groups[index as usize] = state;
            index
        } else {
            self.groups.push(state);
            GroupIndex::try_from(self.groups.len() - 1).unwrap_or(GroupIndex::MAX)
        };
        self.index.entry((source, family)).or_default().insert(key, index);
        index
    }
}

/// Whether an observed machine uses CPU or memory where it was observed.
fn runs(object: &Object) -> bool {
    match object {
        Object::Vm(vm) => matches!(vm.power_state, PowerState::Running | PowerState::Paused),
        _ => true,
    }
}

fn content_hash(text: &[u8]) -> ContentHash {
    let mut hash = ContentHash::default();
    hash.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
    hash
}

#[cfg(test)]
mod tests;
