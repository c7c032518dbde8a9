//! What came out.

use serde::Serialize;

use super::dataset::Conversation;
use super::score::Group;
use crate::launch::DatabaseBytes;

/// Everything that was measured, and of what.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where the server is.
    pub url: String,
    /// What it says it is.
    pub version: Option<String>,
    /// What its database is, where it was started here: `sqlite` or `postgresql`.
    pub database: Option<String>,
    /// How large its file is after all was stored; only of SQLite, and of a server started here.
    pub database_bytes: Option<DatabaseBytes>,
    /// What was stored and asked.
    pub data: Data,
    /// How fast it was stored.
    pub ingest: Ingest,
    /// Who made vectors, and how long it took. None: it was ranked by words only.
    pub vectors: Option<VectorsReport>,
    /// At how many hits recall is told.
    pub cutoffs: Vec<usize>,
    /// Categories 1 to 4 together, then each of the five.
    pub groups: Vec<Group>,
    /// How fast it was found.
    pub search: Search,
    /// Searches that were not answered rightly, and count nowhere else.
    pub wrong_answers: usize,
    /// The first of them.
    pub wrong: Vec<String>,
    /// Whether there were none.
    pub ok: bool,
}

/// What was stored and asked.
#[derive(Debug, Clone, Serialize)]
pub struct Data {
    /// Which conversations of the file, from 1.
    pub conversations: Vec<usize>,
    /// Turns, each of which is a memory.
    pub turns: usize,
    /// Whether what pictures show was stored with them.
    pub captions: bool,
    /// Questions.
    pub questions: usize,
    /// Those of them whose evidence names no turn: they are not asked.
    pub without_evidence: usize,
    /// Turns that are named as evidence and are not there.
    pub unknown: Vec<Oddity>,
    /// Evidence that is no id of a turn.
    pub unreadable: Vec<Oddity>,
    /// Ids that several turns of a conversation have.
    pub repeated: Vec<Oddity>,
}

/// Something in the file that is odd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Oddity {
    /// Where.
    pub place: String,
    /// What.
    pub text: String,
}

/// How fast turns were stored.
#[derive(Debug, Clone, Serialize)]
pub struct Ingest {
    /// How many, in batches over one connection.
    pub memories: usize,
    /// How long that took.
    pub seconds: f64,
    /// How many in a second.
    pub per_second: f64,
}

/// Who makes vectors, and how fast.
#[derive(Debug, Clone, Serialize)]
pub struct VectorsReport {
    /// The model's id, where it is told.
    pub model: Option<String>,
    /// From the last acknowledged write until all vectors were made.
    pub lag_ms: f64,
}

/// How long searches took, one at a time.
#[derive(Debug, Clone, Serialize)]
pub struct Search {
    /// How many there were.
    pub searches: usize,
    /// The time within which half of them were answered.
    pub p50_ms: f64,
    /// The time within which 99 of 100 were.
    pub p99_ms: f64,
}

impl Data {
    pub(super) fn of(conversations: &[Conversation], captions: bool) -> Self {
        let questions = || conversations.iter().flat_map(|one| &one.questions);
        let odd = |place: &str, texts: &[String]| -> Vec<Oddity> {
            texts.iter().map(|text| Oddity { place: place.to_owned(), text: text.clone() }).collect()
        };
        Self {
            conversations: conversations.iter().map(|one| one.number).collect(),
            turns: conversations.iter().map(|one| one.turns.len()).sum(),
            captions,
            questions: questions().count(),
            without_evidence: questions().filter(|question| question.evidence.is_empty()).count(),
            unknown: questions().flat_map(|question| odd(&question.place, &question.unknown)).collect(),
            unreadable: questions().flat_map(|question| odd(&question.place, &question.unreadable)).collect(),
            repeated: conversations
                .iter()
                .flat_map(|one| odd(&format!("[{}]", one.number - 1), &one.repeated))
                .collect(),
        }
    }
}
