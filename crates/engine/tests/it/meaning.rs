//! Queries by meaning: what is found that shares no word with the question, and what stays unseen.

use std::sync::Arc;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::limits;
use memoryscope_domain::memory::MemoryType;
use memoryscope_domain::object::{Distinct, Handling, Name, Object, Temporal, Visibility};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{Context as Told, Format};
use memoryscope_domain::retrieval::Why;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::vector::{KeptVector, ModelKey, TextKey, Vector};
use memoryscope_domain::words::QueryText;
use memoryscope_engine::embed::{Embedder as _, Readiness};
use memoryscope_engine::embedding::{Embedded, MODEL_ABSENT, WordsOnly};
use memoryscope_engine::op::embed::Embed;
use memoryscope_engine::op::query::{Answer, Filters, Query};
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::replay::{Comparison, NotReplayable, Override};

use super::objects::{event, event_with};
use super::support::{World, user};

const SEAL: Step = Step::Seal { reason: None };
const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

async fn asked(world: &World, text: &str, limit: usize) -> Query {
    let filters = Filters { types: vec![MemoryType::Event], ..Filters::default() };
    let meaning = world.engine.meaning(text).await;
    let search = Some(Search::new(QueryText::parse(text).unwrap(), meaning));
    let (scope, purpose) = (Scope::of_user(&user("ann")), Purpose::ChatResponse);
    Query { scope, purpose, filters, after: None, search, limit, max_tokens: None }
}

async fn page(world: &World, text: &str) -> Answer {
    let query = asked(world, text, 100).await;
    world.run(world.core("ann"), query).await.unwrap().output
}

async fn finds(world: &World, text: &str) -> Vec<MemoryId> {
    page(world, text).await.items.iter().map(|item| item.memory.id).collect()
}

async fn says(world: &World, text: &str) -> MemoryId {
    world.ingest("ann", event("ann", text)).await.id
}

/// Somebody else's, in the same scope.
fn hidden(text: &str, change: impl FnOnce(&mut Object)) -> memoryscope_engine::op::ingest::NewObject {
    event_with("ann", text, |object| {
        object.ownership.owners = Distinct::new(vec![user("bob")]).unwrap();
        object.ownership.visibility = Visibility::RestrictedReview;
        change(object);
    })
}

#[tokio::test]
async fn what_shares_no_word_is_found() {
    let (world, _) = World::embedding();
    let kitten = says(&world, "kitten").await;
    let dog = says(&world, "dog").await;
    assert_eq!(finds(&world, "kite").await, [], "no vectors yet");
    assert_eq!(finds(&world, "dog").await, [dog], "found by its word at once");
    assert_eq!(world.engine.embeddings_pending(), Some(3), "two, and what may have been there before");
    let done = world.engine.embed_waiting().await.unwrap();
    assert_eq!(done, Embedded { kept: 2, ..Embedded::default() });
    assert_eq!(world.said().await, "MEMORY_EMBED allowed - 2");
    assert_eq!(world.engine.embeddings_pending(), Some(0));
    let answer = page(&world, "kite").await;
    assert_eq!(answer.items[0].memory.id, kitten);
    let Some(Why { words, meaning, lent, .. }) = answer.items[0].why else { panic!("there is a reason") };
    assert_eq!((words, meaning.map(|arm| arm.rank), lent), (None, Some(1), 0.0));
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn what_may_not_be_searched_for_is_not_embedded() {
    let (world, embedder) = World::embedding();
    let kitten = event_with("ann", "kitten", |object| object.sensitivity.handling = Handling::NoSearch);
    world.ingest("ann", kitten).await;
    let sealed = says(&world, "kangaroo").await;
    world.step(world.core("ann"), sealed, SEAL).await.unwrap();
    assert_eq!(world.engine.embed_waiting().await.unwrap().kept, 0);
    assert_eq!((embedder.asked(), finds(&world, "kite").await), (0, vec![]));
}

#[tokio::test]
async fn what_is_sealed_leaves_the_index() {
    let (world, _) = World::embedding();
    let (kitten, koala) = (says(&world, "kitten").await, says(&world, "koala bear").await);
    world.engine.embed_waiting().await.unwrap();
    assert_eq!(finds(&world, "kite").await, [kitten, koala]);
    world.step(world.core("ann"), kitten, SEAL).await.unwrap();
    assert_eq!(finds(&world, "kite").await, [koala]);
}

/// However many there are of what may not be seen, and however near: the same are found, in the same order, for the same reasons.
#[tokio::test]
async fn what_is_hidden_takes_nobodys_place() {
    let mut told = Vec::new();
    for count in [0, 3 * limits::NEAREST_ITEMS] {
        let (world, _) = World::embedding();
        for at in 0..limits::NEAREST_ITEMS + 20 {
            let text = format!("k{at} {}", "z".repeat(at % 7 + 1));
            let item =
                event_with("ann", &text, |object| object.temporal = Temporal::observed(NOW.plus_days(-1)));
            world.ingest("ann", item).await;
        }
        for at in 0..count {
            world.ingest("ann", hidden(&format!("kk{at}"), |_| {})).await;
        }
        world.engine.embed_waiting().await.unwrap();
        let query = asked(&world, "kite", 100).await;
        let answer = world.run(world.core("ann"), query).await.unwrap().output;
        let told_of = |item: &memoryscope_engine::op::query::Item| {
            format!("{:?} {:?} {:?}", item.memory.object().unwrap().content, item.score, item.why)
        };
        told.push(answer.items.iter().map(told_of).collect::<Vec<_>>());
    }
    assert_eq!(told[0].len(), limits::NEAREST_ITEMS);
    assert_eq!(told[0], told[1]);
}

/// Who stands beside whom in a conversation is told among those that are seen.
#[tokio::test]
async fn what_is_hidden_stands_beside_nobody() {
    let mut told = Vec::new();
    for count in [0, 1, 3, 20] {
        let (world, _) = World::embedding();
        let turn = |minutes: i64| {
            move |object: &mut Object| {
                object.temporal = Temporal::observed(Timestamp::from_unix_micros(
                    NOW.unix_micros() - 86_400_000_000 + minutes * 60_000_000,
                ));
                object.provenance.conversation_id = Name::parse("talk").ok();
            }
        };
        for (text, minutes) in
            [("harbour", 100), ("fish", 200), ("anchor", 300), ("bell", 400), ("crew", 500)]
        {
            world.ingest("ann", event_with("ann", text, turn(minutes))).await;
        }
        for at in 0..count {
            for minutes in [150, 250, 350] {
                world.ingest("ann", hidden("hush", turn(minutes + at))).await;
            }
        }
        let answer = page(&world, "fish").await;
        let told_of = |item: &memoryscope_engine::op::query::Item| {
            let lent = item.why.unwrap().lent;
            format!("{:?} {:.3}", item.memory.object().unwrap().content, lent / item.score.unwrap().get())
        };
        told.push(answer.items.iter().map(told_of).collect::<Vec<_>>());
    }
    assert_eq!(told[0].len(), 4, "{:?}", told[0]);
    assert!(told.iter().all(|told_of| *told_of == told[0]), "{told:#?}");
}

#[tokio::test]
async fn a_search_by_meaning_is_replayed_as_long_as_its_vectors_are_there() {
    let (world, _) = World::embedding();
    let (kitten, koala) = (says(&world, "kitten").await, says(&world, "koala bear").await);
    world.engine.embed_waiting().await.unwrap();
    let query = asked(&world, "kite", 9).await;
    let done = world.run(world.core("ann"), query).await.unwrap();
    let replayed = async || {
        let cx = world.core("ann");
        world.engine.replay(&cx, done.access_log, Override::default()).await.unwrap().output.comparison
    };
    assert_eq!(replayed().await, Comparison::Identical);
    says(&world, "kingfisher").await;
    world.engine.embed_waiting().await.unwrap();
    assert_eq!(replayed().await, Comparison::Identical, "what came later was not there");
    world.step(world.core("ann"), koala, SEAL).await.unwrap();
    let gone = Comparison::NotReplayable(NotReplayable::IndexChanged);
    assert_eq!(replayed().await, gone);
    assert!(finds(&world, "kite").await.contains(&kitten));
}

#[tokio::test]
async fn without_a_model_words_find_and_nothing_is_lost() {
    let (world, embedder) = World::embedding();
    embedder.be(Readiness::Absent);
    let kitten = says(&world, "kitten").await;
    assert_eq!(world.engine.embed_waiting().await.unwrap().ended_by.as_deref(), Some(MODEL_ABSENT));
    assert_eq!((finds(&world, "kite").await, finds(&world, "kitten").await), (vec![], vec![kitten]));
    assert_eq!(world.engine.embeddings_pending(), Some(1), "it has to be looked for");
    embedder.be(Readiness::Ready);
    assert_eq!(world.engine.embed_waiting().await.unwrap().kept, 1);
    assert_eq!(finds(&world, "kite").await, [kitten]);
    embedder.be(Readiness::Failing);
    let koala = says(&world, "koala").await;
    assert_eq!(world.engine.embed_waiting().await.unwrap().ended_by.as_deref(), Some("away"));
    assert_eq!(finds(&world, "koala").await, [koala], "by its words");
    embedder.be(Readiness::Ready);
    assert_eq!(world.engine.embed_waiting().await.unwrap().kept, 1);
    assert_eq!(finds(&world, "kite").await.len(), 2);
}

#[tokio::test]
async fn a_text_that_cannot_be_embedded_keeps_no_other_from_it() {
    let (world, _) = World::embedding();
    let kitten = says(&world, "kitten").await;
    says(&world, "an unreadable text").await;
    let done = world.engine.embed_waiting().await.unwrap();
    assert_eq!((done.kept, done.ended_by), (1, None));
    assert!(done.failed > 0);
    assert_eq!(finds(&world, "kite").await, [kitten]);
}

/// A vector is of a text. One that comes late, for what says something else by now, is not kept.
#[tokio::test]
async fn a_vector_of_another_text_is_not_kept() {
    let (world, embedder) = World::embedding();
    let kitten = says(&world, "kitten").await;
    let kept = |text: &str| KeptVector {
        memory: kitten,
        text: TextKey::of(text),
        model: ModelKey::of(embedder.id()),
        vector: Vector::quantise(&[1.0; 26]).unwrap(),
    };
    for (text, expected) in [("puppy", 0), ("kitten", 1)] {
        let op = Embed { vectors: vec![kept(text)] };
        assert_eq!(world.run(world.system(), op).await.unwrap().output, expected, "{text}");
    }
    let forged = world.run(world.core("ann"), Embed { vectors: vec![kept("kitten")] }).await;
    assert!(forged.is_err(), "nobody but the server keeps vectors");
}

/// Another server looks for what this one had not done when it ended.
#[tokio::test]
async fn what_waited_when_a_server_ended_is_looked_for() {
    let (world, _) = World::embedding();
    for at in 0..limits::EMBED_BATCH_ITEMS + 3 {
        says(&world, &format!("k{at}")).await;
    }
    let (next, ..) = memoryscope_engine::fakes::embedding_engine(Arc::clone(&world.store) as _);
    assert_eq!(next.embed_waiting().await.unwrap().kept, limits::EMBED_BATCH_ITEMS + 3);
    let mut done = Embedded::default();
    next.embed_all(&mut done, &mut |_| {}).await.unwrap();
    assert_eq!(done, Embedded::default(), "all of it is done");
}

/// A context refers to the events that answer, the best first; what it asks for is there whatever is asked.
#[tokio::test]
async fn a_context_refers_to_what_answers() {
    let (world, _) = World::embedding();
    let mut made = Vec::new();
    for text in ["kitten kitten", "dog", "kite flies", "koala eats grass here"] {
        made.push(says(&world, text).await);
    }
    world.engine.embed_waiting().await.unwrap();
    let referred = async |text: Option<&str>| {
        let search = match text {
            Some(text) => {
                Some(Search::new(QueryText::parse(text).unwrap(), world.engine.meaning(text).await))
            }
            None => None,
        };
        let op = Reconstruct {
            scope: Scope::of_user(&user("ann")),
            purpose: Purpose::ChatResponse,
            format: Format::Json,
            max_tokens: None,
            include_events: true,
            cues: Vec::new(),
            search,
        };
        let done = world.run(world.core("ann"), op).await.unwrap();
        let cx = world.core("ann");
        let again = world.engine.replay(&cx, done.access_log, Override::default()).await.unwrap();
        assert_eq!(again.output.comparison, Comparison::Identical);
        let Told::Json(told) = done.output.reconstruction.context else { panic!("it is JSON") };
        let events = told["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(referred(None).await.len(), 4);
    let ids = |all: &[MemoryId]| all.iter().map(|id| id.prefixed()).collect::<Vec<_>>();
    assert_eq!(referred(Some("kite")).await[..2], ids(&[made[2], made[0]]));
    assert_eq!(referred(Some("zzz")).await.len(), 0, "nothing answers");
}

/// One that fails at a question is asked again though nothing is written: else nobody would learn that it can again.
#[tokio::test]
async fn one_that_failed_is_asked_until_it_can_again() {
    let (world, embedder) = World::embedding();
    world.engine.embed_waiting().await.unwrap();
    assert_eq!(world.engine.embeddings_pending(), Some(0));
    embedder.fail_next();
    assert_eq!(world.engine.meaning_or_why_not("kite").await.err(), Some(WordsOnly::ModelFailed));
    assert_eq!(world.engine.embeddings_pending(), Some(1), "it has to be asked");
    let asked = embedder.asked();
    assert_eq!(world.engine.embed_waiting().await.unwrap().ended_by.as_deref(), Some("away"));
    assert_eq!((embedder.asked(), world.engine.embeddings_pending()), (asked + 1, Some(1)));
    embedder.be(Readiness::Ready);
    assert_eq!(world.engine.embed_waiting().await.unwrap(), Embedded::default());
    assert_eq!(world.engine.embeddings_pending(), Some(0));
    assert!(world.engine.meaning("kite").await.is_some());
}
