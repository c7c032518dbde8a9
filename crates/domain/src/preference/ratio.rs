//! How alike two texts are: Ratcliff and Obershelp's pattern matching, as Python's
//! `difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()` defines it, in integers.
//!
//! The ratio is `2·M / (len(a) + len(b))`, where `M` counts the characters in matching blocks: the longest common
//! run (the earliest in `a`, then the earliest in `b`), and the same again left and right of it. It is not
//! symmetric. Where only a threshold matters, [`common_subsequence`] bounds `M` from above at a 64th of the cost.
//!
//! Source: <https://docs.python.org/3/library/difflib.html>; the test corpus is computed by CPython.

use std::ops::Range;

/// How alike two texts must be to count as one, in hundredths.
pub const ALIKE_PERCENT: usize = 85;

/// Whether `matched` characters of two texts with `total` characters together make a ratio of at least
/// [`ALIKE_PERCENT`]. Two empty texts are alike.
#[must_use]
pub const fn reaches(matched: usize, total: usize) -> bool {
    200 * matched >= ALIKE_PERCENT * total
}

/// Whether `ratio(a, b)` is at least 0.85.
#[must_use]
pub fn alike(a: &[char], b: &[char]) -> bool {
    reaches(matched(a, b), a.len() + b.len())
}

/// The characters in matching blocks. Its cost grows with `len(a)·len(b)` for each level of blocks.
#[must_use]
pub fn matched(a: &[char], b: &[char]) -> usize {
    matched_with_cost(a, b).0
}

/// The characters in matching blocks, and how many cells were looked at to find them.
pub(super) fn matched_with_cost(a: &[char], b: &[char]) -> (usize, usize) {
    let (mut total, mut cells) = (0, 0);
    let mut rows = Rows { above: vec![0; b.len() + 1], current: vec![0; b.len() + 1] };
    let mut open = vec![(0..a.len(), 0..b.len())];
    while let Some((in_a, in_b)) = open.pop() {
        cells += in_a.len() * in_b.len();
        let block = longest_run(a, b, &in_a, &in_b, &mut rows);
        if block.length == 0 {
            continue;
        }
        total += block.length;
        open.push((in_a.start..block.start_a, in_b.start..block.start_b));
        open.push((block.start_a + block.length..in_a.end, block.start_b + block.length..in_b.end));
    }
    (total, cells)
}

/// Scratch space: `row[j + 1]` is the length of the common run that ends at `b[j]`.
struct Rows {
    above: Vec<usize>,
    current: Vec<usize>,
}

struct Block {
    start_a: usize,
    start_b: usize,
    length: usize,
}

/// The longest run that both ranges have; of equally long ones the earliest in `a`, then the earliest in `b`.
fn longest_run(a: &[char], b: &[char], in_a: &Range<usize>, in_b: &Range<usize>, rows: &mut Rows) -> Block {
    let mut best = Block { start_a: in_a.start, start_b: in_b.start, length: 0 };
    rows.above[in_b.start..=in_b.end].fill(0);
    rows.current[in_b.start] = 0;
    for i in in_a.clone() {
        for j in in_b.clone() {
            let length = if a[i] == b[j] { rows.above[j] + 1 } else { 0 };
            rows.current[j + 1] = length;
            if length > best.length {
                best = Block { start_a: i + 1 - length, start_b: j + 1 - length, length };
            }
        }
        std::mem::swap(&mut rows.above, &mut rows.current);
        rows.current[in_b.start] = 0;
    }
    best
}

/// The longest pattern that [`Pattern`] takes, in characters.
pub const PATTERN_CHARS_MAX: usize = 256;
const WORDS: usize = PATTERN_CHARS_MAX / 64;

/// A text prepared for [`common_subsequence`]: for each of its characters, a bit per place where it stands.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Of ASCII characters, by their code: the lookup is the table's inner loop.
    ascii: Vec<[u64; WORDS]>,
    /// Of the others, sorted.
    places: Vec<(char, [u64; WORDS])>,
    chars: usize,
}

impl Pattern {
    /// Prepares a text; `None` when it is over [`PATTERN_CHARS_MAX`] characters.
    #[must_use]
    pub fn new(text: &[char]) -> Option<Self> {
        if text.len() > PATTERN_CHARS_MAX {
            return None;
        }
        let mut alphabet: Vec<char> = text.iter().copied().filter(|c| !c.is_ascii()).collect();
        alphabet.sort_unstable();
        alphabet.dedup();
        let places = alphabet.into_iter().map(|c| (c, [0u64; WORDS])).collect();
        let mut pattern = Self { ascii: vec![[0; WORDS]; 128], places, chars: text.len() };
        for (place, c) in text.iter().enumerate() {
            let found = pattern.places.binary_search_by_key(c, |(known, _)| *known);
            let words = match (pattern.ascii.get_mut(*c as usize), found) {
                (Some(words), _) => words,
                (None, Ok(found)) => &mut pattern.places[found].1,
                (None, Err(_)) => continue,
            };
            words[place / 64] |= 1 << (place % 64);
        }
        Some(pattern)
    }

    fn places_of(&self, c: char) -> Option<&[u64; WORDS]> {
        self.ascii.get(c as usize).or_else(|| {
            let found = self.places.binary_search_by_key(&c, |(known, _)| *known).ok()?;
            Some(&self.places[found].1)
        })
    }

    /// How many words a row of its table takes.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.chars.div_ceil(64)
    }
}

/// The length of the longest common subsequence: never less than [`matched`] in either direction, since matching
/// blocks stand in the same order in both texts.
///
/// Bit-parallel (Hyyrö 2004): a row of 64 columns takes a few instructions.
#[must_use]
pub fn common_subsequence(pattern: &Pattern, text: &[char]) -> usize {
    let words = pattern.words();
    let mut open = [u64::MAX; WORDS];
    for c in text {
        let Some(places) = pattern.places_of(*c) else { continue };
        let mut carry = false;
        for (word, places) in open.iter_mut().zip(places).take(words) {
            let (sum, over) = word.overflowing_add(*word & places);
            let (sum, over_by_carry) = sum.overflowing_add(u64::from(carry));
            carry = over || over_by_carry;
            *word = sum | (*word & !places);
        }
    }
    let closed = |(index, word): (usize, &u64)| {
        let columns = pattern.chars.saturating_sub(index * 64).min(64);
        let mask = if columns == 64 { u64::MAX } else { (1u64 << columns) - 1 };
        (!word & mask).count_ones() as usize
    };
    open.iter().enumerate().map(closed).sum()
}
