//! What waits until somebody reviews it, and why.

use serde::{Deserialize, Serialize};

use super::{Memory, State};
use crate::constraint::closed_list;
use crate::ids::UserId;
use crate::items::Risk;
use crate::object::{Derivation, Happening, HistoryEntry};
use crate::time::Timestamp;

closed_list!(
    /// Why a memory waits for a review.
    Awaited {
        /// It is flagged: until then it is its owner's alone.
        Flagged "flagged",
        /// It is restricted.
        Restricted "restricted",
    }
);

/// The job whose key memories have that wait for a review ([`Key::waiting`](super::Key::waiting)).
pub const REVIEW: &str = "review";

/// Why a memory waits, since when, and by whose doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub why: Awaited,
    /// Since when.
    pub since: Timestamp,
    /// Who flagged or restricted it, where a person is known.
    pub by: Option<UserId>,
}

impl Memory {
    /// Why it waits for a review, if it does. What is sealed or gone waits for none; what our transforms made waits with what
    /// they made it of.
    #[must_use]
    pub fn awaited(&self) -> Option<Awaited> {
        let object = self.object().filter(|_| self.state <= State::Restricted)?;
        let is_flagged = object.item.as_ref().is_some_and(|item| item.policy.risk.value == Risk::Flagged);
        let is_restricted =
            self.state == State::Restricted && object.provenance.derivation == Derivation::Asserted;
        if is_flagged { Some(Awaited::Flagged) } else { is_restricted.then_some(Awaited::Restricted) }
    }

    /// How it waits for a review, if it does.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        let why = self.awaited()?;
        let began = |entry: &&HistoryEntry| match why {
            Awaited::Flagged => matches!(entry.event, Happening::Created | Happening::Flagged),
            Awaited::Restricted => matches!(
                entry.event,
                Happening::Created | Happening::Restricted | Happening::Released | Happening::Rederived
            ),
        };
        let began = self.object().and_then(|object| object.history.iter().rev().find(began));
        let since = began.map_or(self.created, |entry| entry.at);
        Some(Waiting { why, since, by: began.and_then(|entry| entry.by.clone()) })
    }

    /// What a review came to that was the last thing that happened to it.
    #[must_use]
    pub fn reviewed(&self) -> Option<Happening> {
        let last = self.object()?.history.last()?.event;
        matches!(last, Happening::Approved | Happening::Rejected).then_some(last)
    }
}
