//! Memories by their words: one analyser for every store, the keys of a memory's terms, and their ranking.
//!
//! A store keeps a memory's distinct terms as short keys and only *matches* them; [`rank`] counts the terms of the memories that
//! the caller may see, as they are shown to it. So what it may not see moves no score, and a key that two terms share is harmless.

mod analyse;
mod choose;
mod query;
mod rank;
mod said;
mod stop;

use crate::limits;
use crate::memory::keyset::{Key, KeySet};
use crate::memory::{Body, Memory, State};
use crate::object::Handling;

pub use analyse::{Side, each_term};
pub use choose::{Match, choose};
pub use query::{InvalidWords, QueryText};
pub use rank::{Ranked, Score, rank};
pub use said::Said;

/// Which analyser the keys in a store were made by. Another one comes with a migration that makes them anew.
pub const ANALYSER_VERSION: u32 = 2;

/// A term, as a store keeps it.
pub type TermKey = Key<5>;

impl TermKey {
    /// The key of a term: the highest 35 bits of its FNV-1a hash, mixed so that they depend on all of its bytes.
    #[must_use]
    pub fn of(term: &str) -> Self {
        Self::of_bits(u128::from(hash_of(term) >> 29))
    }
}

fn hash_of(term: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in term.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The finaliser of MurmurHash3.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Visits every text of a body by whose words it is found: what it says and how it felt, what an impact's constraints are about,
/// a seed's cues. Of what is erased, and of preferences, nothing.
pub(crate) fn each_text(body: &Body, each: &mut dyn FnMut(&str)) {
    let Some(object) = body.object() else { return };
    if let Some(content) = &object.content {
        content.as_text().into_iter().for_each(&mut *each);
        content.as_json().into_iter().for_each(|json| each_string(json, each));
    }
    if let Some(affect) = &object.affect {
        affect.feeling.labels.iter().for_each(|label| each(label.as_str()));
    }
    match body {
        Body::Impact(impact) => {
            for constraint in impact.constraints.iter() {
                each(&constraint.topic.spaced());
                each_string(&serde_json::Value::Object(constraint.params.to_map()), each);
            }
        }
        Body::Seed(seed) => seed.cues.iter().for_each(|cue| each(cue.as_str())),
        _ => {}
    }
}

/// Every string in a JSON value; names of members are none.
fn each_string(json: &serde_json::Value, each: &mut dyn FnMut(&str)) {
    match json {
        serde_json::Value::String(text) => each(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| each_string(item, each)),
        serde_json::Value::Object(members) => members.values().for_each(|value| each_string(value, each)),
        _ => {}
    }
}

impl Memory {
    /// Whether it can be found by words: an event, an impact or a seed that is active or restricted, and whose writer did
    /// not ask for it to be kept out of searches.
    #[must_use]
    pub fn has_words(&self) -> bool {
        matches!(self.state, State::Active | State::Restricted)
            && self.object().is_some_and(|object| object.sensitivity.handling != Handling::NoSearch)
    }

    /// The keys of its terms, of the first [`limits::MEMORY_TERMS_MAX`] different ones; none where it cannot be found by words.
    #[must_use]
    pub fn words(&self) -> Option<KeySet<5>> {
        if !self.has_words() {
            return None;
        }
        let mut keys = std::collections::BTreeSet::new();
        each_text(&self.body, &mut |text| {
            each_term(text, Side::Kept, &mut |term| {
                if keys.len() < limits::MEMORY_TERMS_MAX {
                    keys.insert(TermKey::of(term));
                }
            });
        });
        Some(KeySet::of(keys.into_iter().collect()))
    }
}
