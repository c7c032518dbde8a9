//! What some migrations give the rows that were there before them: their words and tags, as this program's analyser finds them, and
//! the conversations that they are of.

use memoryscope_domain::memory::{Memory, StoredMemory};

/// The migrations behind whose SQL the rows are filled: the one that made the columns, and each that came with another version
/// of the analyser ([`memoryscope_domain::words::ANALYSER_VERSION`]).
pub(crate) const FILLED_BEHIND: [u32; 2] = [3, 11];

/// The first of them that finds a column for conversations.
pub(crate) const WITH_CONVERSATIONS: u32 = 11;

/// Rows that are read and filled at a time.
pub(crate) const PAGE_ROWS: usize = 500;

/// What a row of `memories` is found by.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) words: Option<Vec<u8>>,
    pub(crate) tags: Option<Vec<u8>>,
    pub(crate) conversation: Option<Vec<u8>>,
}

impl Keys {
    /// A memory's.
    pub(crate) fn of(memory: &Memory) -> Self {
        Self {
            words: memory.words().map(|words| words.as_bytes().to_vec()),
            tags: memory.tags().map(|tags| tags.as_bytes().to_vec()),
            conversation: memory.anchor().map(|anchor| anchor.conversation.0.to_vec()),
        }
    }

    /// A row's. One that cannot be read has none: whoever asks for it is told, and nobody else.
    pub(crate) fn of_stored(document: &str, body: &[u8]) -> Self {
        StoredMemory::read(document, body).map_or_else(|_| Self::default(), |memory| Self::of(&memory))
    }
}
