//! Why a search found what it found, for whoever asks with `explain`. Both dialects say it in the same words.

use memoryscope_domain::retrieval::{Arm, Why};
use memoryscope_engine::embedding::WordsOnly;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::query::Item;
use memoryscope_engine::op::search::Meaning;
use serde::Serialize;
use serde_json::{Value, json};

use crate::openapi::schema::{about, maybe, names, object, or_null, text};

/// What `explain` says in the document.
pub const EXPLAIN: &str = "Whether each hit says why it is there, and the answer by what was searched.";

/// What `boost` says in the document.
pub const BOOST: &str = "How far what is beside the query moves scores: each factor is 1 + weight * (x - 0.5), x from 0 to 1. \
                         It moves nothing where nothing is searched for.";
/// What its `strength` does.
pub const BOOST_STRENGTH: &str = "The weight of the memory's strength.";
/// What its `recency` does.
pub const BOOST_RECENCY: &str = "The weight of how recent it is: half after 30 days, and so on.";

/// What its `feedback` does.
pub const BOOST_FEEDBACK: &str =
    "The weight of what whoever asks said of earlier answers with it: half where they said nothing.";

/// By what was searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Searched {
    keyword: bool,
    semantic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What a question means, where that can be told, and what is said of that.
pub async fn understood(engine: &Engine, question: &str) -> (Option<Meaning>, Searched) {
    let by_words = Searched { keyword: true, semantic: false, model: None, reason: None };
    match engine.meaning_or_why_not(question).await {
        Ok(meaning) => {
            let model = engine.embedder().map(|embedder| embedder.id().to_owned());
            (Some(meaning), Searched { semantic: true, model, ..by_words })
        }
        Err(why) => (None, Searched { reason: Some(why.name()), ..by_words }),
    }
}

/// Why one memory was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Explanation {
    score: f64,
    keyword: Option<Keyword>,
    semantic: Option<Semantic>,
    graph: Option<Graph>,
    lent: f64,
    boost: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Keyword {
    rank: usize,
    bm25: f64,
    adds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Semantic {
    rank: usize,
    cosine: f64,
    adds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Graph {
    rank: usize,
    nearness: f64,
    adds: f64,
}

/// Why an item was found; nothing of one that is only listed.
#[must_use]
pub fn explanation(item: &Item) -> Option<Explanation> {
    let (score, Why { words, meaning, graph, lent, boost }) = (item.score?, item.why?);
    Some(Explanation {
        score: score.get(),
        keyword: words.map(|Arm { rank, score, adds }| Keyword { rank, bm25: score, adds }),
        semantic: meaning.map(|Arm { rank, score, adds }| Semantic { rank, cosine: score, adds }),
        graph: graph.map(|Arm { rank, score, adds }| Graph { rank, nearness: score, adds }),
        lent,
        boost,
    })
}

/// How near an item's meaning is to the question's, from 0 to 1, where that is known.
#[must_use]
pub fn similarity(item: &Item) -> Option<f64> {
    Some(item.why?.meaning?.score.clamp(0.0, 1.0))
}

/// The schema of [`Explanation`].
#[must_use]
pub fn explanation_schema() -> Value {
    let rank = || about(json!({"type": "integer", "minimum": 1}), "Its rank among all that is found so.");
    let number = || json!({"type": "number", "minimum": 0});
    let adds = || ("adds", about(number(), "What that adds to the score."));
    let nearness = "1 where it says something of a node whose name the query holds whole, less for a part of the name, and half \
                    of that a step away.";
    let keyword = object("KeywordMatch", [("rank", rank()), ("bm25", number()), adds()]);
    let semantic = object("SemanticMatch", [("rank", rank()), ("cosine", number()), adds()]);
    let graph = object("GraphMatch", [("rank", rank()), ("nearness", about(number(), nearness)), adds()]);
    let explanation = object(
        "HitExplanation",
        [
            (
                "score",
                about(
                    number(),
                    "What it is ordered by: what words, meaning, the graph and neighbours add, times boost.",
                ),
            ),
            ("keyword", about(or_null(keyword), "By its words; null where it holds none of the query's.")),
            ("semantic", about(or_null(semantic), "By its meaning; null where it was not found so.")),
            ("graph", about(or_null(graph), "By the graph; null where it was not found so.")),
            ("lent", about(number(), "How much of the score its neighbours in the conversation lent it.")),
            ("boost", about(number(), "By how much all of that was multiplied, as `boost` asks.")),
        ],
    );
    about(explanation, "Why it was found, where `explain` asks for it.")
}

/// The schema of [`Searched`].
#[must_use]
pub fn searched_schema() -> Value {
    let truth = || json!({"type": "boolean"});
    let searched = object(
        "SearchExplanation",
        [
            ("keyword", about(truth(), "Whether words were searched for.")),
            ("semantic", about(truth(), "Whether meaning was.")),
        ],
    );
    let reason = names(WordsOnly::ALL.map(WordsOnly::name));
    let searched = maybe(
        searched,
        [
            ("model", about(text(), "The model that made the query's vector.")),
            ("reason", about(reason, "Why meaning was not searched for.")),
        ],
    );
    about(searched, "By what was searched, where `explain` asks for it.")
}
