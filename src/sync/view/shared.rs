//! Objects that several hosts contribute to, and writing objects without their having been observed.

use std::sync::Arc;

use super::{Effects, GroupIndex, Outcome, Put, ReadObject, View, stored_text};
use crate::model::{Kind, Object, ObjectId, SourceId};
use crate::sync::merge;

impl View {
    /// Takes a source's part out of shared objects that it does not hold: it let go of them while nobody listened.
    pub(super) fn retract_unheld(&mut self, source: SourceId, read: ReadObject<'_>, effects: &mut Effects) -> Outcome {
        let Some(host) = self.hosts.get(&source).copied().filter(|_| self.hosts.len() > 1) else {
            return Ok(());
        };
        let unheld = self.objects.iter().filter(|(_, known)| {
            merge::is_shareable(known.kind)
                && !known.holders.iter().any(|holder| self.groups[*holder as usize].source == source)
        });
        let unheld: Vec<(ObjectId, Kind, Option<GroupIndex>)> =
            unheld.map(|(id, known)| (*id, known.kind, known.holders.first().copied())).collect();
        for (id, kind, owner) in unheld {
            let (Some(object), Some(owner)) = (self.stored(kind, id, read), owner) else { continue };
            if merge::names(&object, host)
                && let Some(rest) = merge::retract(&object, host)
            {
                self.rewrite(id, rest, true, owner, effects)?;
            }
        }
        Ok(())
    }

    /// An object as it was last written, where several hosts contribute to it.
    pub(super) fn stored(&self, kind: Kind, id: ObjectId, read: ReadObject<'_>) -> Option<Object> {
        let shared = self.objects.get(&id).and_then(|known| known.shared.as_ref());
        shared.map(|object| object.as_ref().clone()).or_else(|| read(kind, id))
    }

    /// Writes an object with something that is known only across providers.
    ///
    /// # Errors
    /// As [`View::observed`].
    pub(in crate::sync) fn amend(&mut self, id: ObjectId, object: Object, effects: &mut Effects) -> Outcome {
        if let Some(owner) = self.objects.get(&id).and_then(|known| known.holders.first().copied()) {
            let shared = self.objects.get(&id).is_some_and(|known| known.shared.is_some());
            self.rewrite(id, object, shared, owner, effects)?;
        }
        Ok(())
    }

    /// Writes an object without its having been observed: one of its contributors left, or something else is known of it.
    pub(super) fn rewrite(
        &mut self,
        id: ObjectId,
        object: Object,
        shared: bool,
        owner: GroupIndex,
        effects: &mut Effects,
    ) -> Outcome {
        let (body, hash) = stored_text(object.kind(), id, &object)?;
        let object = Arc::new(object);
        let group = &self.groups[owner as usize];
        if let Some(known) = self.objects.get_mut(&id) {
            known.hash = hash;
            known.shared = shared.then(|| Arc::clone(&object));
        }
        effects.puts.push(Put {
            id,
            source_id: group.source,
            family: group.family,
            group_key: Arc::clone(&group.key),
            key: None,
            body,
            hash,
            object,
        });
        Ok(())
    }
}
