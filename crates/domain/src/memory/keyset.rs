//! Sets of keys as bytes that a database can search.
//!
//! A key has a fixed number of bytes with seven bits each, of which only the first has the eighth bit set. So wherever the
//! bytes of a key stand together in a row of such keys, that key is in the row: `instr` of SQLite and `position` of PostgreSQL
//! test membership exactly, and the same bytes are kept by both.

/// A key of `N` bytes, and so of 7 `N` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<const N: usize>([u8; N]);

impl<const N: usize> Key<N> {
    /// The lowest 7 `N` bits of a number.
    #[must_use]
    pub fn of_bits(bits: u128) -> Self {
        let mut bytes = [0; N];
        for (at, byte) in bytes.iter_mut().rev().enumerate() {
            *byte = (bits >> (7 * at)) as u8 & 0x7f;
        }
        if let Some(first) = bytes.first_mut() {
            *first |= 0x80;
        }
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Keys whose bytes stand together, in their order; of bytes that are no key nothing.
    pub fn all_in(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| Self(*bytes))
    }
}

/// A set of keys, as a store keeps it: sorted, each once, without anything between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet<const N: usize>(Vec<u8>);

impl<const N: usize> KeySet<N> {
    /// The set of these.
    #[must_use]
    pub fn of(mut keys: Vec<Key<N>>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self(keys.iter().flat_map(|key| key.0).collect())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a key is in it.
    #[must_use]
    pub fn contains(&self, key: &Key<N>) -> bool {
        contains(&self.0, key)
    }
}

/// Whether a key is in a set that a store has kept. Bytes that are no set hold nothing.
#[must_use]
pub fn contains<const N: usize>(set: &[u8], key: &Key<N>) -> bool {
    let (keys, _) = set.as_chunks::<N>();
    keys.binary_search(&key.0).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_first_byte_is_marked() {
        assert_eq!(Key::<3>::of_bits(0).as_bytes(), [0x80, 0, 0]);
        assert_eq!(Key::<3>::of_bits(u128::MAX).as_bytes(), [0xff, 0x7f, 0x7f]);
        assert_eq!(Key::<3>::of_bits(0b1_0000001_0000010).as_bytes(), [0x81, 1, 2]);
    }

    proptest! {
        /// What a database does: it looks for the bytes, wherever they stand.
        #[test]
        fn a_search_for_bytes_finds_members_and_nothing_else(
            members in prop::collection::vec(0..4_096_u128, 0..24), asked in 0..4_096_u128,
        ) {
            let set = KeySet::<2>::of(members.iter().map(|bits| Key::of_bits(*bits)).collect());
            let key = Key::<2>::of_bits(asked);
            let is_member = members.contains(&asked);
            prop_assert_eq!(set.contains(&key), is_member);
            prop_assert_eq!(set.as_bytes().windows(2).any(|bytes| bytes == key.as_bytes()), is_member);
            prop_assert!(set.as_bytes().len() <= 2 * members.len());
        }
    }
}
