//! How much room what a memory says takes in a model's context, by estimate.

use super::{Body, Memory};
use crate::object::Content;

/// How many bytes of UTF-8 are counted as one token: about what tokenizers make of English, and of scripts whose letters take two
/// or three bytes they make more tokens of a letter too.
const BYTES_PER_TOKEN: usize = 4;

impl Memory {
    /// The tokens of what it says, as it is shown: the bytes of its text, or of its JSON as compact text; of an impact's
    /// constraints every text, of a seed its cues; divided by four and rounded up. The same memory has the same on every machine.
    #[must_use]
    pub fn token_estimate(&self) -> usize {
        let content = self.object().and_then(|object| object.content.as_ref());
        let said = content.map_or(0, bytes_of);
        let more: usize = match &self.body {
            Body::Impact(impact) => impact
                .constraints
                .iter()
                .flat_map(|constraint| constraint.texts())
                .map(|text| text.len())
                .sum(),
            Body::Seed(seed) => seed.cues.iter().map(|cue| cue.as_str().len()).sum(),
            _ => 0,
        };
        said.saturating_add(more).div_ceil(BYTES_PER_TOKEN)
    }
}

fn bytes_of(content: &Content) -> usize {
    let json = || content.as_json().map_or(0, |json| json.to_string().len());
    content.as_text().map_or_else(json, str::len)
}

/// How many of these, from the first, together have at most so many tokens, and how many they have. The first is always among
/// them: it may be too long for any budget, nothing is cut in its middle, and whoever asks has to get on.
#[must_use]
pub fn within_budget<'a>(
    memories: impl IntoIterator<Item = &'a Memory>,
    max_tokens: Option<usize>,
) -> (usize, usize) {
    let (mut count, mut used) = (0, 0_usize);
    for memory in memories {
        let with = used.saturating_add(memory.token_estimate());
        if count > 0 && max_tokens.is_some_and(|most| with > most) {
            break;
        }
        (count, used) = (count + 1, with);
    }
    (count, used)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::{MemoryId, TenantId, UserId};
    use crate::object::{Event, Language, Temporal, TruthMode};
    use crate::scope::Scope;
    use crate::time::Timestamp;

    fn memory(content: Option<Content>) -> Memory {
        let now = Timestamp::from_unix_micros(0);
        let mut event = Event::new(TruthMode::FactualClaim, Temporal::observed(now));
        event.content = content;
        let scope = Scope::of_user(&UserId::parse("ana").expect("a user"));
        let id = MemoryId::from_uuid(uuid::Uuid::from_u128(1));
        Memory::new(
            id,
            TenantId::parse("t_a").expect("a tenant"),
            scope,
            Body::Event(Box::new(event)),
            now,
            None,
        )
    }

    fn text(text: &str) -> Memory {
        memory(Content::text(Language::default(), text).ok())
    }

    #[test]
    fn bytes_are_counted_and_rounded_up() {
        let check = |memory: Memory, expect: usize| assert_eq!(memory.token_estimate(), expect);
        check(text("abcd"), 1);
        check(text("abcde"), 2);
        check(text("éé"), 1);
        check(text("東京都"), 3);
        check(memory(Content::json(Language::default(), json!({"a": [1, 2]})).ok()), 3);
        check(memory(None), 0);
    }

    #[test]
    fn the_budget_ends_before_what_exceeds_it() {
        let memories = [text("abcd"), text("abcdefgh"), text("abcd"), memory(None)];
        let check = |max_tokens: Option<usize>, expect: (usize, usize)| {
            assert_eq!(within_budget(&memories, max_tokens), expect, "{max_tokens:?}");
        };
        check(None, (4, 4));
        check(Some(4), (4, 4));
        check(Some(3), (2, 3));
        check(Some(2), (1, 1));
        check(Some(0), (1, 1));
        assert_eq!(within_budget(&[], Some(1)), (0, 0));
    }
}
