//! Which texts are new, and which are a kept one in another spelling.

use std::collections::BTreeMap;

use super::ratio::{self, Pattern};
use crate::limits;

/// How many bins count a text's characters. Different characters may share one: a bound stays a bound.
const CHAR_BINS: usize = 32;

/// How many bins count a text's pairs of neighbours.
const PAIR_BINS: usize = 128;

/// How many steps a list's comparisons may take before the rest is compared exactly only, so that no set of memories
/// can occupy a server: one for each pair of texts that is looked at, one for each word of a subsequence's table, one
/// for each cell of a full comparison. Counted, not timed: every machine stops at the same place.
const STEPS_MAX: u64 = 200_000_000;

/// The texts kept so far, by length: only those of a similar length can be alike.
pub(super) struct Kept {
    by_length: BTreeMap<usize, Shelf>,
    steps_left: u64,
}

/// The kept texts of one length. The counts of characters lie side by side, since nearly every pair ends at them.
#[derive(Default)]
struct Shelf {
    chars: Vec<[u8; CHAR_BINS]>,
    texts: Vec<Text>,
}

struct Text {
    pairs: [u8; PAIR_BINS],
    text: Vec<char>,
}

impl Kept {
    pub(super) fn new() -> Self {
        Self::with_steps(STEPS_MAX)
    }

    fn with_steps(steps_left: u64) -> Self {
        Self { by_length: BTreeMap::new(), steps_left }
    }

    /// Keeps a text unless one that is alike is kept. The caller knows that no equal one is; a text over
    /// [`limits::FUZZY_CHARS_MAX`] characters is like no other.
    pub(super) fn keeps(&mut self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        if text.len() > limits::FUZZY_CHARS_MAX {
            return true;
        }
        let chars = char_bins(&text);
        let new = Text { pairs: pair_bins(&text), text };
        if self.has_alike(&chars, &new) {
            return false;
        }
        let shelf = self.by_length.entry(new.text.len()).or_default();
        shelf.chars.push(chars);
        shelf.texts.push(new);
        true
    }

    fn has_alike(&mut self, chars: &[u8; CHAR_BINS], new: &Text) -> bool {
        // Nearly no text needs one: few are kept that have most of its characters.
        let mut pattern = None;
        for (&length, shelf) in &self.by_length {
            let total = length + new.text.len();
            if !ratio::reaches(length.min(new.text.len()), total) {
                continue;
            }
            for (kept_chars, kept) in shelf.chars.iter().zip(&shelf.texts) {
                if self.steps_left == 0 {
                    return false;
                }
                self.steps_left -= 1;
                if !ratio::reaches(shared(kept_chars, chars), total) {
                    continue;
                }
                let Some(pattern) = pattern.get_or_insert_with(|| Pattern::new(&new.text)) else {
                    return false;
                };
                if compare(kept, new, pattern, &mut self.steps_left) {
                    return true;
                }
            }
        }
        false
    }
}

/// Whether two texts are alike, by bounds of growing cost before the comparison itself.
fn compare(kept: &Text, new: &Text, pattern: &Pattern, steps_left: &mut u64) -> bool {
    let total = kept.text.len() + new.text.len();
    if shared(&kept.pairs, &new.pairs) < pairs_shared_min(total) {
        return false;
    }
    *steps_left = steps_left.saturating_sub((kept.text.len() * pattern.words()) as u64);
    if !ratio::reaches(ratio::common_subsequence(pattern, &kept.text), total) {
        return false;
    }
    let (matched, cells) = ratio::matched_with_cost(&kept.text, &new.text);
    *steps_left = steps_left.saturating_sub(cells as u64);
    ratio::reaches(matched, total)
}

/// How many pairs of neighbours two alike texts of `total` characters have in common, at least.
///
/// `M` characters in `k` blocks hold `M - k` pairs. Between two blocks, one of the texts has a character that matches
/// nothing (else they were one block), so `k - 1` is at most `total - 2·M`.
const fn pairs_shared_min(total: usize) -> usize {
    let matched_min = (ratio::ALIKE_PERCENT * total).div_ceil(200);
    (3 * matched_min).saturating_sub(total + 1)
}

fn char_bins(text: &[char]) -> [u8; CHAR_BINS] {
    const { assert!(limits::FUZZY_CHARS_MAX <= u8::MAX as usize, "a bin must not overflow") };
    const { assert!(limits::FUZZY_CHARS_MAX <= ratio::PATTERN_CHARS_MAX, "every text must fit a pattern") };
    let mut bins = [0u8; CHAR_BINS];
    for c in text {
        let bin = &mut bins[hash(*c as u32) as usize % CHAR_BINS];
        *bin = bin.saturating_add(1);
    }
    bins
}

fn pair_bins(text: &[char]) -> [u8; PAIR_BINS] {
    let mut bins = [0u8; PAIR_BINS];
    for (left, right) in text.iter().zip(text.iter().skip(1)) {
        let bin = &mut bins[hash(hash(*left as u32) ^ *right as u32) as usize % PAIR_BINS];
        *bin = bin.saturating_add(1);
    }
    bins
}

/// Fibonacci hashing; the product's high bits, which depend on every bit of `x`, come down.
const fn hash(x: u32) -> u32 {
    x.wrapping_mul(0x9E37_79B1) >> 16
}

/// What two texts' bins have in common: at least what the texts have.
fn shared<const N: usize>(a: &[u8; N], b: &[u8; N]) -> usize {
    a.iter().zip(b).map(|(x, y)| u16::from(*x.min(y))).sum::<u16>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of five texts, of which two are like the first, are kept.
    fn kept_with(steps: u64) -> usize {
        let mut kept = Kept::with_steps(steps);
        let texts = ["green tea", "green teas", "black coffee", "green  tea", "a long walk"];
        texts.into_iter().filter(|text| kept.keeps(text)).count()
    }

    #[test]
    fn past_its_steps_a_list_tells_texts_apart_exactly() {
        assert_eq!(kept_with(STEPS_MAX), 3);
        assert_eq!(kept_with(100), 4);
        assert_eq!(kept_with(0), 5);
    }
}
