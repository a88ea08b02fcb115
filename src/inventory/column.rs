//! What the full-text search looks through, side by side, so that looking through all of it is quick.

use std::sync::Arc;

use imbl::Vector;
use memchr::memmem::Finder;

use super::bits::Bits;

/// Places whose texts are kept in one piece. A changed text copies its piece.
const PIECE: usize = 64;
/// Ends every text. No text in UTF-8 has this byte, so nothing is found across an end.
const END: u8 = 0xff;

/// The folded texts of the places of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchColumn(Vector<Arc<Piece>>);

#[derive(Clone, Debug)]
struct Piece {
    texts: Vec<u8>,
    /// Where the text of each place ends, after its end mark.
    ends: [u32; PIECE],
}

impl Default for Piece {
    fn default() -> Self {
        Self { texts: Vec::new(), ends: [0; PIECE] }
    }
}

impl SearchColumn {
    /// Sets the text of a place; none empties it.
    pub(super) fn set(&mut self, slot: u32, text: &str) {
        let (piece, at) = (slot as usize / PIECE, slot as usize % PIECE);
        while self.0.len() <= piece {
            self.0.push_back(Arc::default());
        }
        let Some(shared) = self.0.get(piece) else { return };
        let (from, to) = shared.range(at);
        let is_same = match shared.texts[from..to].split_last() {
            Some((_, old)) => old == text.as_bytes(),
            None => text.is_empty(),
        };
        if is_same {
            return;
        }
        let Some(piece) = self.0.get_mut(piece).map(Arc::make_mut) else { return };
        let end = (!text.is_empty()).then_some(END);
        piece.texts.splice(from..to, text.bytes().chain(end));
        let len = text.len() + usize::from(end.is_some());
        for end in &mut piece.ends[at..] {
            *end = u32::try_from(*end as usize - (to - from) + len).unwrap_or(u32::MAX);
        }
    }

    /// Adds the places whose text contains what the finder looks for.
    pub(super) fn find(&self, finder: &Finder<'_>, found: &mut Bits) {
        for (piece, first) in self.0.iter().zip((0u32..).step_by(PIECE)) {
            let mut from = 0;
            while let Some(at) = finder.find(&piece.texts[from..]) {
                let place = piece.ends.partition_point(|end| *end as usize <= from + at);
                found.insert(first + u32::try_from(place).unwrap_or(0));
                from = piece.ends.get(place).map_or(piece.texts.len(), |end| *end as usize);
            }
        }
    }

    /// How many bytes it takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.0.iter().map(|piece| size_of::<Piece>() + piece.texts.capacity()).sum()
    }

    /// Gives back what the pieces have taken in reserve.
    pub(super) fn shrink(&mut self) {
        self.0.iter_mut().for_each(|piece| Arc::make_mut(piece).texts.shrink_to_fit());
    }
}

impl Piece {
    fn range(&self, at: usize) -> (usize, usize) {
        let from = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        (from, self.ends[at] as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_list_finds(
            changes in proptest::collection::vec((0..200u32, "[ab]{0,4}"), 0..300),
            needle in "[ab]{1,3}",
        ) {
            let mut column = SearchColumn::default();
            let mut list = vec![String::new(); 200];
            for (slot, text) in changes {
                column.set(slot, &text);
                list[slot as usize] = text;
            }
            let mut found = Bits::none(200);
            column.find(&Finder::new(&needle), &mut found);
            let expected: Vec<u32> = (0..200).filter(|slot| list[*slot as usize].contains(&needle)).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
    }
}
