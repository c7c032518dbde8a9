//! Which texts are new, and which are a kept one in another spelling.

use super::ratio::{self, Pattern};
use crate::limits;

/// How many characters' bins a profile has. Different characters may share one: a bound stays a bound.
const BINS: usize = 32;

/// How many steps a list's comparisons may take before the rest is compared exactly only, so that no set of memories
/// can occupy a server: one for each pair that is looked at, one for each character of a subsequence, one for each
/// cell of a full comparison. Counted, not timed: every machine stops at the same place.
const STEPS_MAX: u64 = 400_000_000;

/// The texts kept so far, by length: only those of a similar length can be alike.
pub(super) struct Kept {
    by_length: Vec<Shelf>,
    steps_left: u64,
}

/// The kept texts of one length. The profiles lie side by side, since nearly every pair ends at them.
#[derive(Default, Clone)]
struct Shelf {
    profiles: Vec<[u8; BINS]>,
    texts: Vec<Vec<char>>,
}

impl Kept {
    pub(super) fn new() -> Self {
        Self { by_length: vec![Shelf::default(); limits::FUZZY_CHARS_MAX + 1], steps_left: STEPS_MAX }
    }

    /// Keeps a text unless one that is alike is kept. The caller knows that no equal one is; a text over
    /// [`limits::FUZZY_CHARS_MAX`] characters is like no other.
    pub(super) fn keeps(&mut self, text: &str) -> bool {
        let new: Vec<char> = text.chars().collect();
        if new.len() > limits::FUZZY_CHARS_MAX {
            return true;
        }
        if self.has_alike(&new) {
            return false;
        }
        let shelf = &mut self.by_length[new.len()];
        shelf.profiles.push(profile(&new));
        shelf.texts.push(new);
        true
    }

    fn has_alike(&mut self, new: &[char]) -> bool {
        let Some(pattern) = Pattern::new(new) else { return false };
        let new_profile = profile(new);
        for (length, shelf) in self.by_length.iter().enumerate() {
            let total = length + new.len();
            if !ratio::reaches(length.min(new.len()), total) {
                continue;
            }
            for (kept_profile, kept) in shelf.profiles.iter().zip(&shelf.texts) {
                if self.steps_left == 0 {
                    return false;
                }
                self.steps_left -= 1;
                if !ratio::reaches(shared(kept_profile, &new_profile), total) {
                    continue;
                }
                self.steps_left = self.steps_left.saturating_sub(length as u64);
                if !ratio::reaches(ratio::common_subsequence(&pattern, kept), total) {
                    continue;
                }
                self.steps_left = self.steps_left.saturating_sub((length * new.len()) as u64);
                if ratio::alike(kept, new) {
                    return true;
                }
            }
        }
        false
    }
}

/// How often each bin's characters occur: at most [`limits::FUZZY_CHARS_MAX`] times, which a byte holds.
fn profile(text: &[char]) -> [u8; BINS] {
    const {
        assert!(
            limits::FUZZY_CHARS_MAX <= u8::MAX as usize
                && limits::FUZZY_CHARS_MAX <= ratio::PATTERN_CHARS_MAX
        )
    };
    let mut bins = [0u8; BINS];
    for c in text {
        // Fibonacci hashing: the five high bits of the product depend on all of the character's.
        let bin = (*c as u32).wrapping_mul(0x9E37_79B1) >> 27;
        bins[bin as usize] = bins[bin as usize].saturating_add(1);
    }
    bins
}

/// How many characters two texts can have in common: at least as many as they match.
fn shared(a: &[u8; BINS], b: &[u8; BINS]) -> usize {
    a.iter().zip(b).map(|(x, y)| u16::from(*x.min(y))).sum::<u16>() as usize
}
