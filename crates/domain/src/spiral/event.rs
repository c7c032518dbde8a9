//! What detection looks at of an event.

use crate::derive::is_english;
use crate::ids::MemoryId;
use crate::memory::{Body, Memory, State};
use crate::object::TruthMode;
use crate::time::Timestamp;

/// What detection looks at of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The event.
    pub memory: MemoryId,
    /// When it happened.
    pub at: Timestamp,
    /// In what sense it is true.
    pub truth_mode: TruthMode,
    /// Its text, where that may be looked at and is English.
    pub text: Option<&'a str>,
    /// What makes it sensitive, lower case with `_` between words.
    pub categories: Vec<&'a str>,
    /// How pleasant it was, -1 to 1, and how exciting, 0 to 1.
    pub feeling: Option<(f64, f64)>,
}

impl<'a> Event<'a> {
    /// What counts of a memory: nothing of what is no event, or is revoked or erased. Of an event that is not active,
    /// or whose text the caller may not see (`may_see_text`), the text is not looked at.
    #[must_use]
    pub fn of(memory: &'a Memory, may_see_text: bool) -> Option<Self> {
        let Body::Event(event) = &memory.body else { return None };
        if memory.state > State::Sealed {
            return None;
        }
        let content = event.content.as_ref().filter(|_| may_see_text && memory.state == State::Active);
        let text = content.filter(|content| is_english(Some(content.language.as_str())));
        let feeling = event.affect.as_ref().map(|affect| &affect.feeling);
        Some(Self {
            memory: memory.id,
            at: memory.placed.unwrap_or(memory.created),
            truth_mode: event.truth_mode(),
            text: text.and_then(|content| content.as_text()),
            categories: event.sensitivity.categories.iter().map(|category| category.as_str()).collect(),
            feeling: feeling.map(|feeling| (feeling.valence.get(), feeling.arousal.get())),
        })
    }
}
