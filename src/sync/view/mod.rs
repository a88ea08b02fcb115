//! What is stored of one provider, and what has to be written so that it equals what was observed.
//!
//! Kept in memory: for every object its content hash and the groups that hold it, no bodies. Pure: no input or output;
//! the caller commits the [`Effects`] and, when the commit fails, throws the view away and loads it from the store again.
//!
//! Identity across the sources of a provider is settled here and nowhere else:
//! - an object that several groups hold is deleted when the last of them lets go of it;
//! - views of a shared object are put together ([`super::merge`]);
//! - of a machine that two hosts report (a migration), the host where it runs owns the row; what the other says is kept
//!   aside and used when the owner lets go;
//! - a machine that left its host is gone when every other source said since then that it does not have it ([`leave`]).

mod leave;
mod shared;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use self::leave::Orphan;
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

/// A group that cannot be read, the kind of what it is, and why.
pub(super) type Unread = (Family, String, Kind, String);

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) puts: Vec<Put>,
    pub(super) deletes: Vec<(ObjectId, Kind)>,
    pub(super) quarantined: Vec<Unread>,
    pub(super) released: Vec<(Family, String)>,
    /// Hosts that other providers know too: set before the effects are made.
    pub(super) known_as: KnownAs,
    /// Groups in which a comparison found a difference.
    pub(super) differing: Vec<(Family, Arc<str>)>,
    /// A load came to an end.
    pub(super) loaded: Vec<(Family, LoadReason)>,
    /// Groups that left a source and may be at another one: all others are to be asked for them.
    pub(super) left: Vec<(SourceId, Arc<str>)>,
}

impl Effects {
    /// Whether nothing has to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.quarantined.is_empty() && self.released.is_empty()
    }
}

/// Why events cannot be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ViewError {
    /// A complete read gave nothing where there was an inventory.
    #[error("the platform answered with an empty inventory where {known} objects were known")]
    EmptyAnswer { known: usize },
    /// More groups than their numbers can tell apart.
    #[error("a provider has more than {} groups of objects", GroupIndex::MAX)]
    TooManyGroups,
    /// An object has no text.
    #[error("the {kind} {id} cannot be written as JSON")]
    NoText {
        kind: Kind,
        id: ObjectId,
        #[source]
        source: serde_json::Error,
    },
    /// An object is to be written of which the platform's key is not known.
    #[error("the {kind} {id} is to be written, but no key of the platform leads to it")]
    NoKey { kind: Kind, id: ObjectId },
}

/// What a step of the view comes to.
type Outcome<T = ()> = Result<T, ViewError>;

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
    /// Nobody told it: a machine left another source, and this one, which does not answer, may have it.
    presumed: bool,
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
    /// The sources of the provider.
    sources: HashSet<SourceId>,
    /// Sources whose first load since the start is still awaited: they may hold what another source let go of.
    awaited: HashSet<SourceId>,
    /// Those that cannot be reached, until they have loaded.
    failed: HashSet<SourceId>,
    /// When each source was last asked for everything: what it had then, it told.
    answered: HashMap<SourceId, Instant>,
    /// Objects that nobody holds, kept until it is certain that nobody has them.
    orphans: HashMap<ObjectId, Orphan>,
    /// The host of each source, where the provider has several sources: a source's views of shared objects bear its id.
    hosts: HashMap<SourceId, ObjectId>,
}

impl View {
    /// A view of what the store has. `sources` are those of the provider that will load.
    ///
    /// # Errors
    /// [`ViewError::TooManyGroups`].
    pub(super) fn new(
        sources: impl IntoIterator<Item = SourceId>,
        rows: impl IntoIterator<Item = StoredRow>,
    ) -> Outcome<Self> {
        let sources: HashSet<SourceId> = sources.into_iter().collect();
        let mut view = Self {
            objects: HashMap::new(),
            groups: Vec::new(),
            index: HashMap::new(),
            loads: HashMap::new(),
            free: Vec::new(),
            failed: HashSet::new(),
            awaited: sources.clone(),
            sources,
            answered: HashMap::new(),
            orphans: HashMap::new(),
            hosts: HashMap::new(),
        };
        for row in rows {
            let group = view.group_index(row.source_id, row.family, &row.group_key)?;
            if row.kind == Kind::Host {
                view.hosts.insert(row.source_id, row.id);
            }
            view.groups[group as usize].members.push(row.id);
            let known = Known { kind: row.kind, hash: row.hash, holders: vec![group], shared: None };
            view.objects.insert(row.id, known);
        }
        Ok(view)
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
    ) -> Outcome {
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
            self.drop_group(group, true, read, effects)?;
        }
        if family == Family::Core {
            if self.awaited.remove(&source) {
                self.retract_unheld(source, read, effects)?;
            }
            self.failed.remove(&source);
            self.settle_orphans(effects);
        }
        effects.loaded.push((family, reason));
        Ok(())
    }

    /// A group is in quarantine, as the store has it.
    ///
    /// # Errors
    /// [`ViewError::TooManyGroups`].
    pub(super) fn hold_quarantine(&mut self, source: SourceId, family: Family, key: &str) -> Outcome {
        let index = self.group_index(source, family, key)?;
        self.groups[index as usize].quarantined = true;
        Ok(())
    }

    /// The platform says that a group is gone.
    ///
    /// # Errors
    /// As [`View::observed`].
    pub(super) fn gone(
        &mut self,
        source: SourceId,
        family: Family,
        key: &str,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        match self.existing(source, family, key) {
            Some(group) => self.drop_group(group, true, read, effects),
            None => Ok(()),
        }
    }

    /// A group could not be read: what is known of it stays, but for its states, which are not known any more.
    ///
    /// # Errors
    /// [`ViewError::TooManyGroups`].
    pub(super) fn quarantined(
        &mut self,
        source: SourceId,
        unread: Unread,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let (family, key, ..) = &unread;
        let (family, key) = (*family, key.as_str());
        let epoch = self.epoch(source, family);
        let index = self.group_index(source, family, key)?;
        let group = &mut self.groups[index as usize];
        group.epoch = epoch;
        group.quarantined = true;
        group.presumed = false;
        self.forget_states(index, read, effects)?;
        // The last word of a batch counts.
        effects.released.retain(|(of, released)| !(*of == family && released == key));
        effects.quarantined.retain(|(of, other, _, _)| !(*of == family && other == key));
        effects.quarantined.push(unread);
        Ok(())
    }

    /// What only this group tells of does not read `running` for ever because nobody can read it.
    fn forget_states(&mut self, index: GroupIndex, read: ReadObject<'_>, effects: &mut Effects) -> Outcome {
        for id in self.groups[index as usize].members.clone() {
            let Some(known) = self.objects.get(&id).filter(|known| *known.holders == [index]) else { continue };
            let (kind, shared) = (known.kind, known.shared.is_some());
            if let Some(mut object) = self.stored(kind, id, read)
                && object.forget_state()
            {
                self.rewrite(id, object, shared, index, effects)?;
            }
        }
        Ok(())
    }

    /// A group as a comparison found it: a difference is a change without notice.
    ///
    /// # Errors
    /// As [`View::observed`].
    pub(super) fn compared(
        &mut self,
        source: SourceId,
        group: Group,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let (family, key) = (group.family, group.key.clone());
        let before = effects.puts.len() + effects.deletes.len();
        // That it can be read again is no change of the platform's.
        let index = self.group_index(source, family, &key)?;
        let was_quarantined = self.groups[index as usize].quarantined;
        self.observed(source, group, read, effects)?;
        if !was_quarantined && effects.puts.len() + effects.deletes.len() > before {
            effects.differing.push((family, key.into()));
        }
        Ok(())
    }

    /// A group as it is now.
    ///
    /// # Errors
    /// [`ViewError::TooManyGroups`] and [`ViewError::NoText`]. The view is half changed then, and of no more use.
    pub(super) fn observed(
        &mut self,
        source: SourceId,
        group: Group,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let family = group.family;
        let epoch = self.epoch(source, family);
        let index = self.group_index(source, family, &group.key)?;
        let state = &mut self.groups[index as usize];
        state.epoch = epoch;
        state.shadow = None;
        state.presumed = false;
        state.contributor = group.members.iter().find_map(|member| member.shared_by);
        if std::mem::take(&mut state.quarantined) {
            effects.quarantined.retain(|(of, key, _, _)| !(*of == family && *key == group.key));
            effects.released.push((family, group.key.clone()));
        }
        if self.belongs_elsewhere(index, &group) {
            return self.keep_aside(index, group, read, effects);
        }
        let presumed = self.presumed_elsewhere(&group);
        self.replace(index, group, read, effects)?;
        match presumed {
            Some(presumed) => self.drop_group(presumed, false, read, effects),
            None => Ok(()),
        }
    }

    /// Whether another source owns the machine that this group is about, and this one's claim is weaker.
    fn belongs_elsewhere(&self, index: GroupIndex, group: &Group) -> bool {
        let Some(root) = group.members.first().filter(|root| root.shared_by.is_none()) else { return false };
        let Some(owner) = self.objects.get(&root.id).and_then(|known| known.holders.first().copied()) else {
            return false;
        };
        owner != index
            && !self.groups[owner as usize].presumed
            && self.groups[owner as usize].source != self.groups[index as usize].source
            && !runs(&root.object)
    }

    /// Holds the objects without writing them.
    fn keep_aside(&mut self, index: GroupIndex, group: Group, read: ReadObject<'_>, effects: &mut Effects) -> Outcome {
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
        self.set_members(index, members, &unread, read, effects)
    }

    /// Notes the members of a group and lets go of those that it no longer has.
    fn set_members(
        &mut self,
        index: GroupIndex,
        members: Vec<ObjectId>,
        unread: &[Kind],
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
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
                self.let_go(index, id, None, read, effects)?;
            }
        }
        Ok(())
    }

    /// Writes what differs, and lets go of what is no longer in the group.
    fn replace(&mut self, index: GroupIndex, group: Group, read: ReadObject<'_>, effects: &mut Effects) -> Outcome {
        let members: Vec<ObjectId> = group.members.iter().map(|member| member.id).collect();
        for mut member in group.members {
            let is_outline = group.outlines.contains(&member.id);
            if is_outline && self.objects.contains_key(&member.id) {
                let known = self.stored(member.object.kind(), member.id, read);
                member.object = merge::outline(known, member.object);
            }
            self.put(index, member, is_outline, read, effects)?;
        }
        self.set_members(index, members, &group.unread, read, effects)
    }

    fn put(
        &mut self,
        index: GroupIndex,
        member: Observed,
        is_outline: bool,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let kind = member.object.kind();
        let known = self.objects.get(&member.id);
        // Who tells only an outline does not own it: the row stays its owner's, or a restart would forget who that is.
        let owner = known.filter(|_| is_outline).and_then(|known| known.holders.first().copied());
        let group = &self.groups[owner.unwrap_or(index) as usize];
        let (source_id, family, group_key) = (group.source, group.family, Arc::clone(&group.key));
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
        let (body, hash) = stored_text(kind, member.id, &object)?;
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
            // Of a shared object the first to tell stays the owner as long as nothing of it changes; who sees only the outline
            // never takes it over.
            let place = if is_outline || (shared && same) { entry.holders.len() } else { 0 };
            entry.holders.insert(place, index);
        }
        self.orphans.remove(&member.id);
        if !same {
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
        Ok(())
    }

    /// The database would not take an object: its group is in quarantine, and it is written again when it is next observed.
    ///
    /// # Errors
    /// [`ViewError::TooManyGroups`].
    pub(super) fn refused(&mut self, source: SourceId, family: Family, group_key: &str, id: ObjectId) -> Outcome {
        self.hold_quarantine(source, family, group_key)?;
        if let Some(known) = self.objects.get_mut(&id) {
            known.hash = ContentHash::default();
        }
        Ok(())
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

    fn epoch(&self, source: SourceId, family: Family) -> u32 {
        self.loads.get(&(source, family)).map_or(0, |load| load.epoch)
    }

    fn existing(&self, source: SourceId, family: Family, key: &str) -> Option<GroupIndex> {
        self.index.get(&(source, family)).and_then(|groups| groups.get(key)).copied()
    }

    fn group_index(&mut self, source: SourceId, family: Family, key: &str) -> Outcome<GroupIndex> {
        if let Some(index) = self.existing(source, family, key) {
            return Ok(index);
        }
        let key: Arc<str> = key.into();
        let state = GroupState {
            source,
            family,
            key: Arc::clone(&key),
            members: Vec::new(),
            epoch: 0,
            quarantined: false,
            presumed: false,
            contributor: None,
            shadow: None,
        };
        let index = if let Some(index) = self.free.pop() {
            self.groups[index as usize] = state;
            index
        } else {
            let index = GroupIndex::try_from(self.groups.len()).map_err(|_| ViewError::TooManyGroups)?;
            self.groups.push(state);
            index
        };
        self.index.entry((source, family)).or_default().insert(key, index);
        Ok(index)
    }
}

/// Whether an observed machine uses CPU or memory where it was observed.
fn runs(object: &Object) -> bool {
    match object {
        Object::Vm(vm) => matches!(vm.power_state, PowerState::Running | PowerState::Paused),
        _ => true,
    }
}

/// The text of an object as it is stored, with its hash.
fn stored_text(kind: Kind, id: ObjectId, object: &Object) -> Outcome<(Arc<str>, ContentHash)> {
    let text = object.to_json().and_then(|text| String::from_utf8(text).map_err(serde::ser::Error::custom));
    let text = text.map_err(|source| ViewError::NoText { kind, id, source })?;
    let mut hash = ContentHash::default();
    hash.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    Ok((text.into(), hash))
}

#[cfg(test)]
mod tests;
