//! A set of places of a table, for one query.

/// A set of places of a table: one bit for each.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set, with room for this many places.
    pub(super) fn none(places: usize) -> Self {
        Self(vec![0; places.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, slot: u32) {
        if let Some(word) = self.0.get_mut(slot as usize / 64) {
            *word |= 1 << (slot % 64);
        }
    }

    pub(super) fn contains(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// Leaves only what is also in the other.
    pub(super) fn keep(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Takes out what is in the other.
    pub(super) fn remove(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Adds what is in the other.
    pub(super) fn add(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The places, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().zip(0u32..).flat_map(|(word, at)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (bit < 64).then(|| {
                    left &= left - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;

    fn bits(slots: &[u32]) -> Bits {
        let mut bits = Bits::none(200);
        slots.iter().for_each(|slot| bits.insert(*slot));
        bits
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let check = |change: fn(&mut Bits, &Bits), expected: &[u32]| {
            let mut left = bits(&[0, 63, 64, 127, 199]);
            change(&mut left, &bits(&[0, 64, 65, 199]));
            assert_eq!(left.iter().collect::<Vec<_>>(), expected);
            assert_eq!(left.count(), expected.len());
            (0..200).for_each(|slot| assert_eq!(left.contains(slot), expected.contains(&slot)));
        };
        check(Bits::keep, &[0, 64, 199]);
        check(Bits::remove, &[63, 127]);
        check(Bits::add, &[0, 63, 64, 65, 127, 199]);
        assert!(!bits(&[1]).contains(5000));
    }
}
