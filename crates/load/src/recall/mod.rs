//! How well a server finds what answers a question: the turns of conversations are stored as memories, questions about
//! them are searched for, and what should have been found is counted among what was.

pub mod dataset;
mod evidence;
mod report;
mod score;
mod store;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use self::dataset::{Broken, Conversation, Question, Turn};
pub use self::evidence::TurnId;
pub use self::report::{Data, Ingest, Oddity, Report, Search, VectorsReport};
pub use self::score::{CATEGORIES, Group};
use crate::Failure;
use crate::http::{Connection, Target};
use crate::launch::Place;
use crate::progress;
use crate::stats::Latencies;
use crate::vectors::Vectors;

/// So many wrong answers are told.
const WRONG_TOLD: usize = 10;

/// What is measured, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// At how many hits recall is told: at least one number, each at least 1, the smallest first.
    pub cutoffs: Vec<usize>,
    /// Whether what pictures show is stored with the turn that showed them.
    pub captions: bool,
    /// Whether a server that is started has no model.
    pub words_only: bool,
    /// How long it is waited for vectors.
    pub patience: Duration,
    /// What the names of all users begin with; another for each run, or runs would find each other's memories.
    pub run: String,
}

impl Plan {
    /// Whose memories the turns of a conversation are.
    fn user(&self, conversation: &Conversation) -> String {
        format!("{}-{}", self.run, conversation.number)
    }
}

/// Stores these conversations and asks their questions.
///
/// # Errors
/// When the server cannot be started or reached, refuses to store a turn, or is late with its vectors. A search that is
/// answered wrongly is part of the report.
pub async fn run(plan: &Plan, conversations: &[Conversation], place: Place) -> Result<Report, Failure> {
    let server = place.open(plan.words_only).await?;
    let target = &server.target;
    let began = Instant::now();
    let memories = store::all(target, plan, conversations).await?;
    let stored = Instant::now();
    let vectors = Vectors::all_made(target, plan.patience).await?;
    let vectors = vectors.map(|made| VectorsReport { model: made.model, lag_ms: millis(stored.elapsed()) });
    let mut asked = ask_all(target, plan, conversations).await?;
    let [p50_ms, p99_ms] = asked.latencies.quantiles_ms([0.5, 0.99]);
    let seconds = (stored - began).as_secs_f64();
    let wrong_answers = asked.wrong.len();
    asked.wrong.truncate(WRONG_TOLD);
    Ok(Report {
        url: target.url().to_owned(),
        version: target.version().await,
        database: server.database(),
        database_bytes: server.database_bytes(),
        data: Data::of(conversations, plan.captions),
        ingest: Ingest { memories, seconds, per_second: memories as f64 / seconds.max(1e-9) },
        vectors,
        cutoffs: plan.cutoffs.clone(),
        groups: score::groups(&asked.recalls, plan.cutoffs.len()),
        search: Search { searches: asked.recalls.len(), p50_ms, p99_ms },
        wrong_answers,
        ok: asked.wrong.is_empty(),
        wrong: asked.wrong,
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What came of asking.
#[derive(Debug, Default)]
struct Asked {
    /// Of each question that could be scored its category, and its recall at each cutoff.
    recalls: Vec<(u8, Vec<f64>)>,
    latencies: Latencies,
    wrong: Vec<String>,
}

async fn ask_all(target: &Target, plan: &Plan, conversations: &[Conversation]) -> Result<Asked, Failure> {
    let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
    let most = plan.cutoffs.iter().max().copied().unwrap_or(1);
    let path = format!("/v1/memory/search?max_memories={most}");
    let scored = |one: &Conversation| one.questions.iter().filter(|q| !q.evidence.is_empty()).count() as u64;
    let bar = progress::bar(conversations.iter().map(scored).sum(), "questions");
    let mut connection = Connection::open(target).await.map_err(unreachable)?;
    let mut asked = Asked::default();
    for conversation in conversations {
        let user = plan.user(conversation);
        for question in conversation.questions.iter().filter(|question| !question.evidence.is_empty()) {
            let request = target.post(&path, &[], &json!({"query": question.text, "external_user_id": user}));
            let sent = Instant::now();
            let answer = connection.exchange(&request).await.map_err(unreachable)?;
            let took = sent.elapsed();
            bar.inc(1);
            match hits(answer.status, &answer.json()) {
                Some(hits) => {
                    asked.latencies.push(took);
                    let recalls = score::recalls(&question.evidence, &hits, &plan.cutoffs);
                    asked.recalls.push((question.category, recalls));
                }
                None => {
                    let said = format!("{}: {} {}", question.place, answer.status, answer.message());
                    asked.wrong.push(said);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(asked)
}

/// The turns that a search answers, the best first; none in the place of a memory that is no turn. None at all where
/// it is no answer.
fn hits(status: u16, answer: &Value) -> Option<Vec<Option<TurnId>>> {
    let memories = answer["data"]["memories"].as_array().filter(|_| status == 200)?;
    let turn = |memory: &Value| memory["customMetadata"]["dia_id"].as_str().and_then(TurnId::parse);
    Some(memories.iter().map(turn).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_the_turns_that_memories_say_they_are() {
        let memories =
            json!([{"customMetadata": {"dia_id": "D1:02"}}, {"customMetadata": {}}, {"content": "D1:3"}]);
        let answer = json!({"data": {"memories": memories}});
        assert_eq!(hits(200, &answer), Some(vec![TurnId::parse("D1:2"), None, None]));
        assert_eq!(hits(403, &answer), None);
        assert_eq!(hits(200, &json!({"data": null})), None);
        assert_eq!(hits(200, &json!({"data": {"memories": []}})), Some(Vec::new()));
    }
}
