//! Tables made at once from many objects: much quicker than taking them in one by one.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::chunks::Chunks;
use super::super::entry::{Draft, Entry, NameKey};
use super::super::index::EqualIndex;
use super::super::threads;
use super::{DECLARED, KindTable, Origins, origin_key};
use crate::model::{Kind, ObjectId};

/// A piece of a table that is made by itself.
enum Piece {
    Ids(Chunks<(ObjectId, u32)>),
    Names(Chunks<NameKey>),
    Equal(usize, EqualIndex),
}

impl KindTable {
    /// The tables of all kinds, in the order of [`Kind::ALL`], of these objects. Of several with one id the last counts.
    pub(in crate::inventory) fn build_all(drafts: Vec<Vec<Draft>>, origins: &mut Origins) -> Vec<Arc<KindTable>> {
        let filled: Vec<(KindTable, Vec<Arc<Entry>>)> =
            Kind::ALL.iter().zip(drafts).map(|(kind, drafts)| Self::fill(*kind, drafts, origins)).collect();
        let mut tasks: Vec<(usize, usize)> = Vec::new();
        for (at, (table, _)) in filled.iter().enumerate() {
            tasks.extend((0..table.equal.len() + 2).map(|part| (at, part)));
        }
        // The largest first, so that no thread is left alone with one at the end.
        tasks.sort_by_key(|(at, part)| std::cmp::Reverse((filled[*at].1.len(), usize::MAX - part)));
        let pieces = threads::run(tasks, |(at, part)| (at, filled[at].0.piece(part, &filled[at].1)));
        let mut tables: Vec<KindTable> = filled.into_iter().map(|(table, _)| table).collect();
        for (at, piece) in pieces {
            match piece {
                Piece::Ids(ids) => tables[at].by_id = ids,
                Piece::Names(names) => tables[at].by_name = names,
                Piece::Equal(place, index) => tables[at].equal[place] = index,
            }
        }
        tables.into_iter().map(Arc::new).collect()
    }

    /// A table with its objects in their places, but without indexes; and the objects once more.
    fn fill(kind: Kind, drafts: Vec<Draft>, origins: &mut Origins) -> (Self, Vec<Arc<Entry>>) {
        let mut last: HashMap<ObjectId, usize> = HashMap::with_capacity(drafts.len());
        for (at, draft) in drafts.iter().enumerate() {
            last.insert(draft.facts.id, at);
        }
        let mut table = Self::new(kind);
        let mut entries = Vec::with_capacity(last.len());
        for (at, draft) in drafts.into_iter().enumerate() {
            if last.get(&draft.facts.id) != Some(&at) {
                continue;
            }
            let slot = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            table.search.set(slot, &draft.search);
            let (anchor, origin) = (draft.anchor(slot), origins.share(draft.facts.origin));
            table.count_source(None, Some(origin.source_id));
            entries.push(Arc::new(draft.place(anchor, origin)));
        }
        table.search.shrink();
        table.slots = entries.iter().cloned().map(Some).collect();
        (table, entries)
    }

    fn piece(&self, part: usize, entries: &[Arc<Entry>]) -> Piece {
        let Some(place) = part.checked_sub(2) else {
            return match part {
                0 => Piece::Ids(ids(entries)),
                _ => Piece::Names(names(entries)),
            };
        };
        let index = match place.checked_sub(DECLARED) {
            None => EqualIndex::build(entries.iter().map(|entry| (origin_key(entry, place), entry.anchor.slot))),
            Some(declared) => {
                let field = self.schema.indexed[declared];
                EqualIndex::build(entries.iter().map(|entry| (entry.declared(field).clone(), entry.anchor.slot)))
            }
        };
        Piece::Equal(place, index)
    }
}

fn ids(entries: &[Arc<Entry>]) -> Chunks<(ObjectId, u32)> {
    let mut keys: Vec<_> = entries.iter().map(|entry| (entry.id(), entry.anchor.slot)).collect();
    keys.sort_unstable();
    Chunks::from_sorted(&keys)
}

fn names(entries: &[Arc<Entry>]) -> Chunks<NameKey> {
    // The first letters beside the key decide most comparisons.
    let first = |entry: &Entry| {
        let mut first = [0; 8];
        first.iter_mut().zip(entry.anchor.folded.bytes()).for_each(|(to, from)| *to = from);
        u64::from_be_bytes(first)
    };
    let mut keys: Vec<_> = entries.iter().map(|entry| (first(entry), NameKey::new(&entry.anchor))).collect();
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let keys: Vec<NameKey> = keys.into_iter().map(|(_, key)| key).collect();
    Chunks::from_sorted(&keys)
}
