//! What is found out of a memory's body to search it, kept beside the memory: working it out costs more than all that is done with
//! it, and a body that is searched is searched again.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::analyse::{Side, each_term};
use super::{each_text, hash_of};
use crate::memory::Body;
use crate::retrieval::ConversationKey;
use crate::vector::TextKey;

/// The different terms of a body, each with how often it stands there, and how many terms there are in all.
///
/// A term is kept as its 64-bit hash. Whoever makes two terms with one hash finds a memory by the one that holds the other,
/// which it could have held itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    hashes: Box<[u64]>,
    counts: Box<[u32]>,
    pub(super) length: u64,
}

impl Terms {
    fn of(body: &Body) -> Self {
        let mut all = Vec::new();
        each_text(body, &mut |text| each_term(text, Side::Kept, &mut |term| all.push(hash_of(term))));
        all.sort_unstable();
        let length = all.len() as u64;
        let (mut hashes, mut counts) = (Vec::new(), Vec::new());
        for same in all.chunk_by(|a, b| a == b) {
            hashes.extend(same.first());
            counts.push(u32::try_from(same.len()).unwrap_or(u32::MAX));
        }
        Self { hashes: hashes.into(), counts: counts.into(), length }
    }

    /// How often a term of this hash stands there.
    pub(super) fn count(&self, hash: u64) -> u32 {
        self.hashes.binary_search(&hash).map_or(0, |at| self.counts.get(at).copied().unwrap_or(0))
    }
}

/// What was found out of a body, each thing when it was first asked for.
///
/// It is a copy of what the body says, and no part of the memory: it is not compared, not written, and a memory that is cloned, to
/// become another version or to be redacted, begins without it. It is filled by searches alone, which see memories behind a
/// shared reference.
#[derive(Default)]
pub struct Said {
    was_ranked: AtomicBool,
    terms: OnceLock<Terms>,
    text: OnceLock<Option<TextKey>>,
    conversation: OnceLock<Option<ConversationKey>>,
}

impl Said {
    /// The terms of the body that this stands beside, from the second time on that it is asked: to find all stems costs several times
    /// what it costs to count those of one question, and most of what is read of a large scope is forgotten before it is
    /// read again.
    pub(super) fn terms(&self, body: &Body) -> Option<&Terms> {
        self.was_ranked.swap(true, Ordering::Relaxed).then(|| once(&self.terms, || Terms::of(body)))
    }

    /// The key of its text, which is found so.
    pub(crate) fn text(&self, find: impl Fn() -> Option<TextKey>) -> Option<TextKey> {
        *once(&self.text, find)
    }

    /// Its conversation, which is found so.
    pub(crate) fn conversation(&self, find: impl Fn() -> Option<ConversationKey>) -> Option<ConversationKey> {
        *once(&self.conversation, find)
    }
}

/// What is kept, or is now. A body that was changed under what is kept of it would be found by what it no longer says.
fn once<T: PartialEq>(kept: &OnceLock<T>, find: impl Fn() -> T) -> &T {
    if let Some(kept) = kept.get() {
        debug_assert!(*kept == find(), "a memory was changed after it was searched");
        return kept;
    }
    kept.get_or_init(find)
}

impl Clone for Said {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Said {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Said {}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said")
    }
}
