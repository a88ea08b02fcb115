//! How objects leave: a group or a source lets go of them, and nobody else holds them.
//!
//! Invariants:
//! - an object that another source of the provider may still tell of, once it has loaded, is kept until then;
//! - a machine that left a source is gone when every other source said so since then: before, it may have moved there. While
//!   one of them does not answer, the machine is shown as that one's, which makes it `unknown`.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    ContentHash, Effects, Family, GroupIndex, Kind, Known, Object, ObjectId, Outcome, ReadObject, SourceId, View, merge,
};
use crate::provider::Group;

/// An object that nobody holds.
pub(super) enum Orphan {
    /// It waits for the first load of other sources.
    Loads,
    /// A part of a machine that left a source.
    Machine(Left),
}

/// A machine that left a source.
#[derive(Clone)]
pub(super) struct Left {
    source: SourceId,
    family: Family,
    group_key: Arc<str>,
    at: Instant,
    /// Sources that were asked for it since, and do not have it.
    denied_by: Vec<SourceId>,
}

impl View {
    /// A source cannot be reached: machines that may be there are shown as its own, and nothing else waits for it.
    ///
    /// # Errors
    /// As [`View::observed`].
    pub(in crate::sync) fn source_failed(
        &mut self,
        source: SourceId,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        if self.sources.contains(&source) && self.failed.insert(source) {
            self.settle_orphans(effects);
            self.presume_at(source, read, effects)?;
        }
        Ok(())
    }

    /// What the source had at `since` of these groups, or of all, it told.
    pub(in crate::sync) fn answered(
        &mut self,
        source: SourceId,
        since: Instant,
        group_keys: Option<&[String]>,
        effects: &mut Effects,
    ) {
        match group_keys {
            None => drop(self.answered.insert(source, since)),
            Some(keys) => {
                for orphan in self.orphans.values_mut() {
                    if let Orphan::Machine(left) = orphan
                        && since > left.at
                        && keys.iter().any(|key| **key == *left.group_key)
                    {
                        left.denied_by.push(source);
                    }
                }
            }
        }
        self.settle_orphans(effects);
    }

    /// An administrator took a source out of the provider: what only it told is gone.
    ///
    /// # Errors
    /// As [`View::observed`].
    pub(in crate::sync) fn source_removed(
        &mut self,
        source: SourceId,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        self.sources.remove(&source);
        self.awaited.remove(&source);
        self.failed.remove(&source);
        let of_source: Vec<GroupIndex> = self
            .index
            .iter()
            .filter(|((of, _), _)| *of == source)
            .flat_map(|(_, groups)| groups.values().copied())
            .collect();
        for group in of_source {
            self.drop_group(group, false, read, effects)?;
        }
        self.retract_unheld(source, read, effects)?;
        self.settle_orphans(effects);
        Ok(())
    }

    /// A group is gone from its source; `may_move` says whether a machine can be at another one now.
    pub(super) fn drop_group(
        &mut self,
        index: GroupIndex,
        may_move: bool,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let left = self.leaves(index).filter(|_| may_move);
        let group = &mut self.groups[index as usize];
        group.shadow = None;
        if std::mem::take(&mut group.quarantined) {
            effects.released.push((group.family, group.key.to_string()));
        }
        for id in std::mem::take(&mut group.members) {
            self.let_go(index, id, left.as_ref(), read, effects)?;
        }
        if let Some(left) = left {
            effects.left.push((left.source, left.group_key));
            if let Some(silent) = self.failed.iter().copied().find(|failed| *failed != left.source) {
                self.presume_at(silent, read, effects)?;
            }
        }
        let group = &mut self.groups[index as usize];
        if let Some(groups) = self.index.get_mut(&(group.source, group.family)) {
            groups.remove(&group.key);
        }
        self.free.push(index);
        Ok(())
    }

    /// `index` no longer holds the object; `left` when it is of a machine that left.
    pub(super) fn let_go(
        &mut self,
        index: GroupIndex,
        id: ObjectId,
        left: Option<&Left>,
        read: ReadObject<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let group = &self.groups[index as usize];
        let contributor = group.contributor.or_else(|| self.hosts.get(&group.source).copied());
        let Some(known) = self.objects.get_mut(&id) else { return Ok(()) };
        let kind = known.kind;
        let owned = known.holders.first() == Some(&index);
        known.holders.retain(|holder| *holder != index);
        let next = known.holders.first().copied();
        // What the host still has in another group (a disk that its pool lists now), it has not let go of.
        let source = group.source;
        let here = known.holders.iter().any(|holder| self.groups[*holder as usize].source == source);
        let several = self.hosts.len() > 1 && merge::is_shareable(kind) && !here;
        let rest = contributor
            .filter(|_| several)
            .and_then(|contributor| merge::retract(&self.stored(kind, id, read)?, contributor));
        match (rest, next) {
            (Some(rest), Some(next)) => self.rewrite(id, rest, true, next, effects)?,
            (Some(rest), None) if self.awaits_other(index, true) => {
                self.rewrite(id, rest, true, index, effects)?;
                self.orphans.insert(id, Orphan::Loads);
            }
            (None, Some(next)) if owned => {
                let shadow = &mut self.groups[next as usize].shadow;
                match shadow.take_if(|group| group.members.first().is_some_and(|root| root.id == id)) {
                    Some(group) => {
                        // Also when it reads the same as what is stored, its row goes over.
                        if let Some(known) = self.objects.get_mut(&id) {
                            known.hash = ContentHash::default();
                        }
                        self.replace(next, group, read, effects)?;
                    }
                    // The machine itself is still owned here: what only the other's view of it has is not there.
                    None if shadow.is_some() => self.delete(id, effects),
                    // The row must not stay with a source that no longer has it.
                    None => {
                        if let Some(object) = self.stored(kind, id, read) {
                            let shared = self.objects.get(&id).is_some_and(|known| known.shared.is_some());
                            self.rewrite(id, object, shared, next, effects)?;
                        }
                    }
                }
            }
            (None, Some(_)) => {}
            (None, None) => match left {
                Some(left) => drop(self.orphans.insert(id, Orphan::Machine(left.clone()))),
                None if self.awaits_other(index, false) => drop(self.orphans.insert(id, Orphan::Loads)),
                None => self.delete(id, effects),
            },
            (Some(_), None) => self.delete(id, effects),
        }
        Ok(())
    }

    /// Whether another source of the provider may still tell of what this one let go of.
    fn awaits_other(&self, index: GroupIndex, also_failed: bool) -> bool {
        let source = self.groups[index as usize].source;
        self.awaited.iter().any(|awaited| *awaited != source && (also_failed || !self.failed.contains(awaited)))
    }

    /// The leaving of a group's machine, if the group alone holds one, and others may have it.
    fn leaves(&self, index: GroupIndex) -> Option<Left> {
        let group = &self.groups[index as usize];
        let is_machine = |known: &Known| known.kind == Kind::Vm && known.holders == [index];
        let is_machine = |id: &ObjectId| self.objects.get(id).is_some_and(is_machine);
        let others = self.sources.iter().any(|source| *source != group.source);
        (others && group.members.iter().any(is_machine)).then(|| Left {
            source: group.source,
            family: group.family,
            group_key: Arc::clone(&group.key),
            at: Instant::now(),
            denied_by: Vec::new(),
        })
    }

    /// Whether a machine that left can be at a source: it did not say since then that it does not have it, or has something
    /// under its key that cannot be read.
    fn may_be_at(&self, source: SourceId, left: &Left) -> bool {
        let denied =
            || left.denied_by.contains(&source) || self.answered.get(&source).is_some_and(|since| *since > left.at);
        let unread = || {
            let group = self.existing(source, left.family, &left.group_key);
            group.is_some_and(|group| self.groups[group as usize].quarantined)
        };
        source != left.source && (!denied() || unread())
    }

    /// Shows machines that left as those of a source that does not answer: they may be there.
    fn presume_at(&mut self, source: SourceId, read: ReadObject<'_>, effects: &mut Effects) -> Outcome {
        let machines: Vec<(ObjectId, Left)> = self
            .orphans
            .iter()
            .filter_map(|(id, orphan)| match orphan {
                Orphan::Machine(left) if self.may_be_at(source, left) => Some((*id, left.clone())),
                _ => None,
            })
            .collect();
        for (id, left) in machines {
            let Some(known) = self.objects.get(&id) else { continue };
            let (kind, shared) = (known.kind, known.shared.is_some());
            let Some(mut object) = self.stored(kind, id, read) else { continue };
            if let Object::Vm(vm) = &mut object {
                vm.host_id = None;
            }
            let index = self.group_index(source, left.family, &left.group_key)?;
            let group = &mut self.groups[index as usize];
            group.presumed = true;
            group.members.push(id);
            if let Some(known) = self.objects.get_mut(&id) {
                known.holders.push(index);
            }
            self.orphans.remove(&id);
            self.rewrite(id, object, shared, index, effects)?;
        }
        Ok(())
    }

    /// The group of another source under which a machine is kept that nobody told of, until somebody did.
    pub(super) fn presumed_elsewhere(&self, group: &Group) -> Option<GroupIndex> {
        let root = self.objects.get(&group.members.first()?.id)?;
        root.holders.iter().copied().find(|holder| self.groups[*holder as usize].presumed)
    }

    pub(super) fn settle_orphans(&mut self, effects: &mut Effects) {
        let waiting = self.awaited.iter().any(|awaited| !self.failed.contains(awaited));
        let none_awaited = self.awaited.is_empty();
        let is_due = |id: &ObjectId, orphan: &Orphan| match orphan {
            Orphan::Machine(left) => !self.sources.iter().any(|source| self.may_be_at(*source, left)),
            Orphan::Loads => {
                self.objects.get(id).is_some_and(|known| if known.shared.is_some() { none_awaited } else { !waiting })
            }
        };
        let due: Vec<ObjectId> =
            self.orphans.iter().filter(|(id, orphan)| is_due(id, orphan)).map(|(id, _)| *id).collect();
        for id in due {
            self.orphans.remove(&id);
            if self.objects.get(&id).is_some_and(|known| known.holders.is_empty()) {
                self.delete(id, effects);
            }
        }
    }
}
