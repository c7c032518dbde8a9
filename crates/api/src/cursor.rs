//! Where a listing goes on: opaque, and good for the query that it came from only.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Ranked, Score};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::wire::{Decode, Fault, FieldError, Path, string};

/// How many bytes bind a cursor to its query. They guard against slips; what a caller may see is decided anew.
const BINDING_BYTES: usize = 8;

/// What a query is, as far as its cursors are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; BINDING_BYTES]);

impl Binding {
    /// What these parts make, in their order. An absent part differs from an empty one.
    #[must_use]
    pub fn of(parts: &[Option<&str>]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            let text = part.unwrap_or_default();
            hasher.update([u8::from(part.is_some())]);
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        let digest = hasher.finalize();
        Self(std::array::from_fn(|at| digest[at]))
    }
}

/// A cursor that was sent: a position, and the query that it is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    position: (Timestamp, MemoryId),
    score: Option<Score>,
    bound: Binding,
}

/// The text is no cursor, or another query's.
#[derive(Debug, thiserror::Error)]
#[error("must be the next_cursor of the same query")]
pub struct NotOurs;

impl Cursor {
    /// A place in a query's answer.
    #[must_use]
    pub const fn new(position: (Timestamp, MemoryId), bound: Binding) -> Self {
        Self { position, score: None, bound }
    }

    /// The place in a query's ranking, where it has one.
    #[must_use]
    pub const fn scored(self, score: Option<Score>) -> Self {
        Self { score, ..self }
    }

    /// What a text says, whichever query it is good for.
    ///
    /// # Errors
    /// When it is no cursor.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (time, rest) = bytes.split_first_chunk::<8>()?;
            let (id, rest) = rest.split_first_chunk::<16>()?;
            let (bound, rest) = rest.split_first_chunk::<BINDING_BYTES>()?;
            let score = match rest {
                [] => None,
                score => Some(Score::new(f64::from_bits(u64::from_be_bytes(score.try_into().ok()?)))?),
            };
            let time = Timestamp::from_unix_micros(i64::from_be_bytes(*time));
            let id = MemoryId::from_uuid(uuid::Uuid::from_bytes(*id));
            Some(Self { position: (time, id), score, bound: Binding(*bound) })
        };
        read().ok_or(NotOurs)
    }

    /// As it is sent.
    #[must_use]
    pub fn text(self) -> String {
        let mut bytes = Vec::with_capacity(8 + 16 + BINDING_BYTES + 8);
        bytes.extend_from_slice(&self.position.0.unix_micros().to_be_bytes());
        bytes.extend_from_slice(self.position.1.uuid().as_bytes());
        bytes.extend_from_slice(&self.bound.0);
        if let Some(score) = self.score {
            bytes.extend_from_slice(&score.get().to_bits().to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that a query goes on at; `part` of the request holds the cursor: `body`, `query`.
    ///
    /// # Errors
    /// 422 when it is another query's. Only a request that is right as a whole is a query, so this one fault is told
    /// alone.
    pub fn position(self, query: Binding, part: &'static str) -> Result<(Timestamp, MemoryId), Problem> {
        if self.bound == query { Ok(self.position) } else { Err(not_ours(part)) }
    }

    /// The place in a ranking that a query by words goes on behind.
    ///
    /// # Errors
    /// As [`Cursor::position`].
    pub fn ranked(self, query: Binding, part: &'static str) -> Result<Ranked, Problem> {
        let (placed, id) = self.position(query, part)?;
        let score = self.score.ok_or_else(|| not_ours(part))?;
        Ok(Ranked { score: Reverse(score), placed: Reverse(placed), id })
    }
}

fn not_ours(part: &'static str) -> Problem {
    let root = Path::Root(part);
    let at = Path::Key(&root, "cursor");
    Problem::invalid(vec![FieldError::new(&at, Fault::Invalid, NotOurs.to_string())])
}

/// The field of a request.
pub fn cursor() -> impl Decode<Out = Cursor> {
    string().bytes(1..=limits::CURSOR_BYTES_MAX).parsed(|text: &String| Cursor::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_query_only() {
        let parts = [Some("t_a"), Some("x"), None, Some("")];
        let position = (Timestamp::from_unix_micros(-7), MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
        let cursor = Cursor::new(position, Binding::of(&parts));
        let sent = Cursor::parse(&cursor.text()).expect("a cursor");
        assert_eq!(sent, cursor);
        assert_eq!(sent.position(Binding::of(&parts), "query").ok(), Some(position));
        for other in [
            [Some("t_b"), Some("x"), None, Some("")],
            [Some("t_ax"), Some(""), None, Some("")],
            [Some("t_a"), Some("x"), Some(""), Some("")],
            [Some("t_a"), Some("x"), None, None],
        ] {
            let problem = sent.position(Binding::of(&other), "query").expect_err("another query's");
            assert_eq!(problem.fields()[0].field(), "query.cursor");
            assert_eq!(problem.status().as_u16(), 422);
        }
    }

    #[test]
    fn a_place_in_a_ranking_has_a_score() {
        let position = (Timestamp::from_unix_micros(5), MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
        let (bound, score) = (Binding::of(&[Some("x")]), Score::new(0.1));
        let plain = Cursor::new(position, bound);
        let sent = Cursor::parse(&plain.scored(score).text()).expect("a cursor");
        let place = sent.ranked(bound, "body").expect("this query's");
        assert_eq!((Some(place.score.0), place.placed.0, place.id), (score, position.0, position.1));
        assert!(sent.ranked(Binding::of(&[Some("y")]), "body").is_err());
        assert!(plain.ranked(bound, "body").is_err());
        for bits in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            let mut bytes = URL_SAFE_NO_PAD.decode(plain.text()).expect("base64");
            bytes.extend_from_slice(&bits.to_bits().to_be_bytes());
            assert!(Cursor::parse(&URL_SAFE_NO_PAD.encode(bytes)).is_err(), "{bits}");
        }
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let text = Cursor::new(
            (Timestamp::from_unix_micros(0), MemoryId::from_uuid(uuid::Uuid::nil())),
            Binding::of(&[]),
        );
        let text = text.text();
        for wrong in ["", "a", &text[1..], &format!("{text}AA"), &format!("{text}="), "é", &"A".repeat(44)] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}
