//! Which rows are ranked where more match than can be.

use std::borrow::Borrow;
use std::cmp::Reverse;

use super::TermKey;
use crate::memory::keyset;

/// Which of a question's keys a row holds: bit `n` stands for key `n`. There are at most
/// [`crate::limits::QUERY_TERMS_MAX`] of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match(u32);

impl Match {
    /// What a row's words hold; none where they hold no key.
    #[must_use]
    pub fn of(words: &[u8], keys: impl IntoIterator<Item = impl Borrow<TermKey>>) -> Option<Self> {
        let keys = keys.into_iter().enumerate();
        let bits = keys.filter(|(_, key)| keyset::contains(words, key.borrow()));
        Self::of_bits(bits.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// What a database has found; none where it is no key.
    #[must_use]
    pub const fn of_bits(bits: u32) -> Option<Self> {
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    /// What [`Match::of_bits`] is given.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// The places of at most `limit` of these, in their order: those with the rarest terms, where terms are counted among these;
/// of those that are equal in that the first.
#[must_use]
pub fn choose(matches: &[Match], limit: usize) -> Vec<usize> {
    if matches.len() <= limit {
        return (0..matches.len()).collect();
    }
    let mut bits: Vec<u32> = (0..u32::BITS).collect();
    bits.sort_by_cached_key(|bit| matches.iter().filter(|found| found.0 >> bit & 1 == 1).count());
    let rarity = |found: &Match| bits.iter().fold(0_u32, |rank, bit| rank << 1 | found.0 >> bit & 1);
    let mut places: Vec<usize> = (0..matches.len()).collect();
    places.sort_by_cached_key(|place| (Reverse(rarity(&matches[*place])), *place));
    places.truncate(limit);
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::keyset::KeySet;

    fn chosen(bits: &[u32], limit: usize) -> Vec<usize> {
        let matches: Vec<Match> = bits.iter().filter_map(|bits| Match::of_bits(*bits)).collect();
        choose(&matches, limit)
    }

    #[test]
    fn the_rarest_terms_come_first() {
        let bits = [0b001, 0b001, 0b010, 0b011, 0b001, 0b100];
        assert_eq!(chosen(&bits, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(chosen(&bits, 1), [5], "the only one with its term");
        assert_eq!(chosen(&bits, 2), [3, 5], "a second term counts");
        assert_eq!(chosen(&bits, 3), [2, 3, 5]);
        assert_eq!(chosen(&bits, 4), [0, 2, 3, 5], "of equal ones the first");
        assert_eq!(chosen(&bits, 0), [0_usize; 0]);
        assert_eq!(chosen(&[1 << 31, 1, 1], 1), [0]);
    }

    #[test]
    fn a_row_matches_by_its_keys() {
        let keys = ["tea", "lisbon", "rain"].map(TermKey::of);
        let words = |terms: &[&str]| KeySet::of(terms.iter().map(|term| TermKey::of(term)).collect());
        let matched = |terms: &[&str]| Match::of(words(terms).as_bytes(), keys);
        assert_eq!(matched(&["rain", "tea", "x"]), Match::of_bits(0b101));
        assert_eq!(matched(&["x"]), None);
        assert_eq!(matched(&[]), None);
        assert_eq!(Match::of(b"no set", keys), None);
    }
}
