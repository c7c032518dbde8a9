//! Where a listing goes on: opaque, and good for the query that it came from only.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::place::{Place, SealedPlace};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Ranked, Score};
use memoryscope_engine::context::Context;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::page::Next;
use memoryscope_engine::refusal::Refusal;
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

/// Where in a listing a cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Behind a memory that the caller saw.
    Shown(Place),
    /// Behind a place in a ranking that the caller saw.
    Ranked(Ranked),
    /// Behind a place that only the engine can read.
    Sealed(SealedPlace),
    /// Behind a version of one memory.
    Version(u64),
}

/// A cursor that was sent: a position, and the query that it is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    mark: Mark,
    bound: Binding,
}

/// The text is no cursor, or another query's.
#[derive(Debug, thiserror::Error)]
#[error("must be the next_cursor of the same query")]
pub struct NotOurs;

const PLACE_BYTES: usize = 8 + 16;
const RANKED_BYTES: usize = PLACE_BYTES + 8;
const VERSION_BYTES: usize = 8;

impl Cursor {
    /// Where a listing goes on.
    #[must_use]
    pub const fn new(next: Next, bound: Binding) -> Self {
        let mark = match next {
            Next::Shown(place) => Mark::Shown(place),
            Next::Sealed(place) => Mark::Sealed(place),
        };
        Self { mark, bound }
    }

    /// The same place in a query's ranking, where it has one.
    #[must_use]
    pub const fn scored(self, score: Option<Score>) -> Self {
        match (self.mark, score) {
            (Mark::Shown((placed, id)), Some(score)) => {
                let ranked = Ranked { score: Reverse(score), placed: Reverse(placed), id };
                Self { mark: Mark::Ranked(ranked), bound: self.bound }
            }
            _ => self,
        }
    }

    /// Where a memory's versions go on: behind that one.
    #[must_use]
    pub const fn of_version(version: u64, bound: Binding) -> Self {
        Self { mark: Mark::Version(version), bound }
    }

    /// What a text says, whichever query it is good for. Its length says what kind of position it is.
    ///
    /// # Errors
    /// When it is no cursor.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (mark, bound) = bytes.split_last_chunk::<BINDING_BYTES>()?;
            let mark = match mark.len() {
                PLACE_BYTES => Mark::Shown(read_place(mark)?),
                RANKED_BYTES => {
                    let (place, score) = mark.split_last_chunk::<8>()?;
                    let score = Score::new(f64::from_bits(u64::from_be_bytes(*score)))?;
                    let (placed, id) = read_place(place)?;
                    Mark::Ranked(Ranked { score: Reverse(score), placed: Reverse(placed), id })
                }
                SealedPlace::BYTES => Mark::Sealed(SealedPlace::from_bytes(mark.try_into().ok()?)),
                VERSION_BYTES => Mark::Version(u64::from_be_bytes(mark.try_into().ok()?)),
                _ => return None,
            };
            Some(Self { mark, bound: Binding(*bound) })
        };
        read().ok_or(NotOurs)
    }

    /// As it is sent.
    #[must_use]
    pub fn text(self) -> String {
        let mut bytes = Vec::with_capacity(SealedPlace::BYTES + BINDING_BYTES);
        match self.mark {
            Mark::Shown(place) => write_place(&mut bytes, place),
            Mark::Ranked(Ranked { score, placed, id }) => {
                write_place(&mut bytes, (placed.0, id));
                bytes.extend_from_slice(&score.0.get().to_bits().to_be_bytes());
            }
            Mark::Sealed(place) => bytes.extend_from_slice(place.bytes()),
            Mark::Version(version) => bytes.extend_from_slice(&version.to_be_bytes()),
        }
        bytes.extend_from_slice(&self.bound.0);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the listing goes on, if it is the one that the cursor is good for; `part` of the request holds the cursor:
    /// `body`, `query`.
    ///
    /// # Errors
    /// 422 when it is another query's. Only a request that is right as a whole is a query, so this one fault is told
    /// alone.
    pub fn of(self, query: Binding, part: &'static str) -> Result<Mark, Problem> {
        if self.bound == query { Ok(self.mark) } else { Err(not_ours(part)) }
    }
}

fn read_place(bytes: &[u8]) -> Option<Place> {
    let (time, id) = bytes.split_first_chunk::<8>()?;
    let time = Timestamp::from_unix_micros(i64::from_be_bytes(*time));
    Some((time, MemoryId::from_uuid(uuid::Uuid::from_slice(id).ok()?)))
}

fn write_place(bytes: &mut Vec<u8>, (time, id): Place) {
    bytes.extend_from_slice(&time.unix_micros().to_be_bytes());
    bytes.extend_from_slice(id.uuid().as_bytes());
}

impl Mark {
    /// The place that a listing goes on behind.
    ///
    /// # Errors
    /// 422 when it is sealed for another caller or is no place; what `refused` makes of a store that cannot be read.
    pub async fn place(
        self,
        part: &'static str,
        (engine, cx): (&Engine, &Context),
        refused: impl FnOnce(Refusal) -> Problem,
    ) -> Result<Place, Problem> {
        let place = match self {
            Self::Shown(place) => Some(place),
            Self::Sealed(place) => engine.open(cx, &place).await.map_err(refused)?,
            Self::Version(_) | Self::Ranked(_) => None,
        };
        place.ok_or_else(|| not_ours(part))
    }

    /// The place in a ranking that a query by words goes on behind.
    ///
    /// # Errors
    /// 422 when it is none.
    pub fn ranked(self, part: &'static str) -> Result<Ranked, Problem> {
        if let Self::Ranked(place) = self { Ok(place) } else { Err(not_ours(part)) }
    }

    /// The version that a memory's versions go on behind.
    ///
    /// # Errors
    /// 422 when it is none.
    pub fn version(self, part: &'static str) -> Result<u64, Problem> {
        if let Self::Version(version) = self { Ok(version) } else { Err(not_ours(part)) }
    }
}

/// The cursor in a part of the request is none of the query's.
pub(crate) fn not_ours(part: &'static str) -> Problem {
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
    use std::sync::Arc;

    use memoryscope_engine::fakes;
    use memoryscope_engine::memory_store::MemoryStore;

    use super::*;
    use crate::problem::Code;

    fn marks() -> [Mark; 3] {
        let place = (Timestamp::from_unix_micros(-7), MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
        [Mark::Shown(place), Mark::Sealed(SealedPlace::from_bytes([3; SealedPlace::BYTES])), Mark::Version(7)]
    }

    #[tokio::test]
    async fn a_cursor_is_good_for_its_query_only() {
        let (engine, _) = fakes::engine(Arc::new(MemoryStore::new()));
        let cx = fakes::context(&engine, Some("ada"));
        let parts = [Some("t_a"), Some("x"), None, Some("")];
        let mut queries = vec![parts];
        queries.extend([
            [Some("t_b"), Some("x"), None, Some("")],
            [Some("t_ax"), Some(""), None, Some("")],
            [Some("t_a"), Some("x"), Some(""), Some("")],
            [Some("t_a"), Some("x"), None, None],
        ]);
        for mark in marks() {
            let cursor = Cursor { mark, bound: Binding::of(&parts) };
            let sent = Cursor::parse(&cursor.text()).expect("a cursor");
            assert_eq!(sent, cursor);
            for query in &queries {
                let refused = |_| Problem::new(Code::InternalError, "gone");
                let mark = sent.of(Binding::of(query), "query");
                assert_eq!(mark.is_ok(), *query == parts);
                let Ok(mark) = mark else { continue };
                let place = mark.place("query", (&engine, &cx), refused).await;
                let version = mark.version("query");
                assert_eq!(place.is_ok(), matches!(mark, Mark::Shown(_)), "{mark:?}");
                assert_eq!(version.is_ok(), matches!(mark, Mark::Version(_)), "{mark:?}");
                for problem in place.err().into_iter().chain(version.err()) {
                    assert_eq!(problem.fields()[0].field(), "query.cursor");
                    assert_eq!(problem.status().as_u16(), 422);
                }
            }
        }
    }

    #[test]
    fn a_place_in_a_ranking_has_a_score() {
        let position = (Timestamp::from_unix_micros(5), MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
        let (bound, score) = (Binding::of(&[Some("x")]), Score::new(0.1));
        let plain = Cursor::new(Next::Shown(position), bound);
        let sent = Cursor::parse(&plain.scored(score).text()).expect("a cursor");
        let place = sent.of(bound, "body").expect("this query's").ranked("body").expect("ranked");
        assert_eq!((Some(place.score.0), place.placed.0, place.id), (score, position.0, position.1));
        assert!(sent.of(Binding::of(&[Some("y")]), "body").is_err());
        assert!(plain.of(bound, "body").expect("this query's").ranked("body").is_err());
        for bits in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            let mut bytes = Vec::new();
            write_place(&mut bytes, position);
            bytes.extend_from_slice(&bits.to_bits().to_be_bytes());
            bytes.extend_from_slice(&bound.0);
            assert!(Cursor::parse(&URL_SAFE_NO_PAD.encode(bytes)).is_err(), "{bits}");
        }
    }

    #[test]
    fn other_texts_are_no_cursors() {
        for mark in marks() {
            let text = Cursor { mark, bound: Binding::of(&[]) }.text();
            for wrong in
                ["", "a", &text[1..], &format!("{text}AA"), &format!("{text}="), "é", &"A".repeat(45)]
            {
                assert!(Cursor::parse(wrong).is_err(), "{wrong}");
            }
        }
    }
}
