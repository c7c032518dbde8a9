//! How alike two texts are, and which of very many texts are alike to one.

use crate::graph::assertion::lookup_value;
use serde_json::Value;

/// Texts longer than this are compared as if they ended here: names are short, and the work grows with the square.
const COMPARED_CHARS_MAX: usize = 256;

/// A text as it is compared: in lower case, with single spaces, and once more with its words in order, so that who is called
/// `Lee, Ann` is `Ann Lee`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    plain: String,
    ordered: String,
    chars: usize,
    letters: u64,
    bag: Bag,
}

/// How often each letter stands in a text; letters share places.
type Bag = [u8; 32];

impl Text {
    /// Of a value, if it is one that can be compared.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let normal: String = lookup_value(value)?
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .take(COMPARED_CHARS_MAX)
            .collect();
        let mut words: Vec<&str> = normal.split_whitespace().collect();
        let plain = words.join(" ");
        words.sort_unstable();
        let ordered = words.join(" ");
        let letters = plain.chars().fold(0, |letters, c| letters | 1 << (u32::from(c) % 64));
        let mut bag = Bag::default();
        for c in plain.chars() {
            let place = &mut bag[u32::from(c) as usize % bag.len()];
            *place = place.saturating_add(1);
        }
        (!plain.is_empty()).then(|| Self { chars: plain.chars().count(), plain, ordered, letters, bag })
    }

    /// How alike two are, from 0 to 1: 1 less the number of changed characters by that of the longer text.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let plain = strsim::normalized_levenshtein(&self.plain, &other.plain);
        if self.plain == self.ordered && other.plain == other.ordered {
            return plain;
        }
        let ordered = strsim::normalized_levenshtein(&self.ordered, &other.ordered);
        if plain >= ordered { plain } else { ordered }
    }

    /// Whether they may be so alike, by bounds that cost next to nothing: a changed character changes the length by one at
    /// most, and at most two of the letters that occur.
    const fn may_reach(&self, chars: usize, letters: u64, changes_max: usize) -> bool {
        self.chars.abs_diff(chars) <= changes_max
            && ((self.letters ^ letters).count_ones() as usize) <= 2 * changes_max
    }

    /// The same by how often letters occur: a changed character takes one away and adds another at most. It costs more, and
    /// passes less (Bartolini, Ciaccia and Patella: String Matching with Metric Trees Using an Approximate Distance, 2002).
    fn may_reach_bag(&self, bag: &Bag, changes_max: usize) -> bool {
        let (mut gone, mut added) = (0_u32, 0_u32);
        for (one, other) in self.bag.iter().zip(bag) {
            gone += u32::from(one.saturating_sub(*other));
            added += u32::from(other.saturating_sub(*one));
        }
        gone.max(added) as usize <= changes_max
    }
}

/// Very many texts, each with a number, of which those are found that are alike to one.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    // What the bounds need lies side by side.
    bounds: Vec<(usize, u64)>,
    bags: Vec<Bag>,
    texts: Vec<Text>,
    numbers: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: Text, number: usize) {
        self.bounds.push((text.chars, text.letters));
        self.bags.push(text.bag);
        self.texts.push(text);
        self.numbers.push(number);
    }

    /// Those that are so alike at least, with how much: the most alike first, and of equals the one with the lowest number.
    pub(super) fn alike(&self, wanted: &Text, threshold: f64) -> Vec<(f64, usize)> {
        let mut found = Vec::new();
        // By the length of the longer text.
        let allowed: Vec<usize> =
            (0..=COMPARED_CHARS_MAX).map(|chars| changes_max(chars, threshold)).collect();
        for (at, &(chars, letters)) in self.bounds.iter().enumerate() {
            let longer = wanted.chars.max(chars);
            let changes = allowed.get(longer).copied().unwrap_or(usize::MAX);
            if !wanted.may_reach(chars, letters, changes) || !wanted.may_reach_bag(&self.bags[at], changes) {
                continue;
            }
            let similarity = wanted.similarity(&self.texts[at]);
            if similarity >= threshold {
                found.push((similarity, self.numbers[at]));
            }
        }
        found.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        found
    }
}

/// How many characters of so many may differ, at most, in texts that are so alike. One more than that, so that no rounding
/// loses a text.
fn changes_max(chars: usize, threshold: f64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a few hundred characters, and a threshold from 0 to 1"
    )]
    let changes = ((1.0 - threshold) * chars as f64) as usize;
    changes + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Text {
        Text::of(&json!(text)).expect("a text")
    }

    #[test]
    fn names_are_alike_by_their_letters() {
        let check = |one: &str, other: &str, expect: &str| {
            let found = text(one).similarity(&text(other));
            assert_eq!(format!("{found:.3}"), expect, "{one} / {other}");
            assert_eq!(found.to_bits(), text(other).similarity(&text(one)).to_bits());
        };
        check("Ann Lee", "ann  lee", "1.000");
        check("Lee, Ann", "Ann Lee", "1.000");
        check("Jon Smith", "John Smith", "0.900");
        check("Ann", "Bob", "0.000");
        check("Müller", "Muller", "0.833");
        assert_eq!(Text::of(&json!("…")), None);
        assert_eq!(Text::of(&json!([1])), None);
    }

    proptest! {
        /// The bounds lose nothing.
        #[test]
        fn whoever_is_alike_is_found(
            kept in prop::collection::vec("[a-e ]{1,10}", 0..20), wanted in "[a-e ]{1,10}", percent in 0..=100_u8,
        ) {
            let threshold = f64::from(percent) / 100.0;
            let Some(wanted) = Text::of(&json!(wanted)) else { return Ok(()) };
            let mut texts = Texts::default();
            let mut expect = Vec::new();
            for (number, kept) in kept.iter().enumerate() {
                let Some(kept) = Text::of(&json!(kept)) else { continue };
                let similarity = wanted.similarity(&kept);
                if similarity >= threshold {
                    expect.push((similarity, number));
                }
                texts.push(kept, number);
            }
            expect.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
            prop_assert_eq!(texts.alike(&wanted, threshold), expect);
        }
    }
}
