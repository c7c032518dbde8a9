//! The job that has graphs made: whom it asks, for what, when, and what it does where that fails.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_domain::graph::{Extraction, ExtractionStatus, Schema};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::limits;
use memoryscope_engine::extract::{
    BuiltIn, Extractor, Failure, Pace, Round, extract_all, extract_round, make_given,
};
use serde_json::json;

use super::items::revised;
use super::support::{World, tenant};

/// An extractor that does what a test says, and remembers what it was asked.
struct Scripted<'a> {
    fails: Option<Failure>,
    closed: Option<&'static str>,
    sends_away: bool,
    asked: Mutex<Vec<String>>,
    /// What happens in the world while it is asked for the first time.
    meanwhile: Option<(&'a World, MemoryId, Step)>,
}

impl fmt::Debug for Scripted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted<'_> {
    const fn new() -> Self {
        Self { fails: None, closed: None, sends_away: true, asked: Mutex::new(Vec::new()), meanwhile: None }
    }

    fn failing(failure: Failure) -> Self {
        Self { fails: Some(failure), ..Self::new() }
    }

    /// What it was asked since this was asked last.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("no panic"))
    }
}

#[async_trait]
impl Extractor for Scripted<'_> {
    fn name(&self) -> &str {
        "scripted"
    }

    fn sends_away(&self) -> bool {
        self.sends_away
    }

    fn closed(&self) -> Option<&'static str> {
        self.closed
    }

    async fn extract(&self, text: &str, _schema: Option<&Schema>) -> Result<Candidates, Failure> {
        let is_first = {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(text.to_owned());
            asked.len() == 1
        };
        if let Some((world, id, step)) = self.meanwhile.as_ref().filter(|_| is_first) {
            world.changes(Some("ann"), *id, step.clone()).await.expect("changed");
        }
        self.fails.clone().map_or(Ok(Candidates::default()), Err)
    }
}

impl World {
    async fn extraction(&self, id: MemoryId) -> Extraction {
        let memory = self.current(id).await;
        memory.item().and_then(|item| item.extraction.clone()).expect("an extraction")
    }

    async fn round(&self, extractor: &Scripted<'_>, at_all: bool) -> Round {
        extract_round(&self.engine, extractor, at_all).await.expect("a round")
    }

    fn later(&self, seconds: i64) {
        self.clock.advance_micros(seconds * 1_000_000);
    }
}

const MINUTE: i64 = limits::EXTRACTION_BACKOFF_SECONDS as i64;

#[tokio::test]
async fn nobody_is_asked_about_what_may_not_be_used() {
    let world = World::new();
    let silent = world.item("ann", json!({"content": "Silent.", "consent": "none"})).await;
    let off = world.item("ann", json!({"content": "Off.", "policy": {"graph": {"mode": "none"}}})).await;
    let sealed = world.item("ann", json!({"content": "Sealed."})).await;
    world.changes(Some("ann"), sealed, Step::Seal { reason: None }).await.expect("sealed");
    let erased = world.item("ann", json!({"content": "Erased."})).await;
    world.changes(Some("ann"), erased, Step::Erase).await.expect("erased");
    let given = json!({"content": "Given.", "memory_policy": {"mode": "manual", "nodes": [
        {"id": "a", "type": "Person"}]}});
    let given = world.item("ann", given).await;
    let asked = Scripted::new();
    let round = world.round(&asked, true).await;
    assert_eq!((round.settled, asked.asked()), (1, Vec::new()));
    assert_eq!(world.status(given).await, (ExtractionStatus::Completed, 1));
    for id in [silent, off] {
        assert_eq!(world.status(id).await.0, ExtractionStatus::Skipped);
    }
    // What was sealed is asked about once it may be read again, and not before.
    assert_eq!(world.status(sealed).await.0, ExtractionStatus::Queued);
}

#[tokio::test]
async fn what_is_closed_while_others_are_asked_about_is_not_sent_away() {
    for step in [Step::Seal { reason: None }, Step::Erase, revised("Third.")] {
        let world = World::new();
        let mut ids = Vec::new();
        for content in ["First.", "Second."] {
            ids.push(world.item("ann", json!({"content": content})).await);
        }
        ids.sort_unstable();
        let mut asked = Scripted::new();
        asked.meanwhile = Some((&world, ids[1], step));
        let round = world.round(&asked, false).await;
        assert_eq!((round.settled, asked.asked().len()), (1, 1));
    }
}

#[tokio::test]
async fn a_text_that_fails_is_tried_again_later_and_later_and_given_up_at_last() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Dr. Ann Lee called."})).await;
    let other = world.item("ann", json!({"content": "Another."})).await;
    let failing = Scripted::failing(Failure::of_text("malformed_answer"));
    let round = world.round(&failing, true).await;
    assert_eq!((round.settled, round.failed, round.ended_by), (0, 2, None));
    assert_eq!(failing.asked().len(), 2);
    let mut wait = MINUTE;
    for attempts in 1..limits::EXTRACTION_ATTEMPTS_MAX {
        let extraction = world.extraction(id).await;
        assert_eq!((extraction.status, extraction.attempts), (ExtractionStatus::Queued, attempts));
        assert_eq!(extraction.reason.as_deref(), Some("malformed_answer"));
        world.later(wait - 1);
        world.round(&failing, true).await;
        assert_eq!(failing.asked().len(), 0, "before its time");
        world.later(1);
        // Who has just failed is not looked at where only new ones are.
        world.round(&failing, false).await;
        assert_eq!(failing.asked().len(), 0);
        world.round(&failing, true).await;
        assert_eq!(failing.asked().len(), 2);
        wait *= 5;
    }
    let failed = (ExtractionStatus::Failed, limits::EXTRACTION_ATTEMPTS_MAX);
    assert_eq!((world.status(id).await, world.status(other).await), (failed, failed));
    world.later(100 * wait);
    world.round(&failing, true).await;
    assert_eq!(failing.asked().len(), 0);
    // Its owner may have it tried again: what is said again is extracted anew.
    world.changes(Some("ann"), id, revised("Dr. Ann Lee called.")).await.expect("changed");
    assert_eq!(world.status(id).await, (ExtractionStatus::Queued, 0));
    assert_eq!(extract_all(&world.engine, &BuiltIn).await.expect("done"), 1);
    assert_eq!(world.nodes_of(id).await.len(), 1);
}

#[tokio::test]
async fn an_extractor_that_is_away_fails_nobody() {
    let world = World::new();
    for content in ["First.", "Second.", "Third."] {
        world.item("ann", json!({"content": content})).await;
    }
    let away = Scripted::failing(Failure::of_extractor("unavailable"));
    for _ in 0..20 {
        let round = world.round(&away, true).await;
        assert_eq!(away.asked().len(), usize::from(round.ended_by.is_some()), "it ends at the first");
        world.later(10);
    }
    let unclear = Scripted::failing(Failure::unclear("timeout"));
    world.later(MINUTE);
    assert_eq!(world.round(&unclear, true).await.ended_by.as_deref(), Some("timeout"));
    assert_eq!(unclear.asked().len(), 1);
    world.later(10 * MINUTE);
    assert_eq!(world.round(&Scripted::new(), true).await.settled, 3);
}

#[tokio::test]
async fn an_extractor_that_is_closed_is_not_asked_and_everybody_is_told() {
    let world = World::new();
    let mut ids = Vec::new();
    for content in ["First.", "Second."] {
        ids.push(world.item("ann", json!({"content": content})).await);
    }
    let manual =
        json!({"content": "x", "memory_policy": {"mode": "manual", "nodes": [{"id": "a", "type": "T"}]}});
    let given = world.item("ann", manual).await;
    let mut closed = Scripted::new();
    closed.closed = Some("budget_exhausted");
    assert_eq!(world.round(&closed, true).await.settled, 1);
    assert_eq!(world.status(given).await.0, ExtractionStatus::Completed);
    for id in &ids {
        let extraction = world.extraction(*id).await;
        assert_eq!((extraction.status, extraction.attempts), (ExtractionStatus::Queued, 0));
        assert_eq!(extraction.reason.as_deref(), Some("budget_exhausted"));
    }
    // They are told once.
    let version = world.current(ids[0]).await.version;
    world.later(10 * MINUTE);
    assert_eq!(world.round(&closed, true).await, Round::default());
    assert_eq!(world.current(ids[0]).await.version, version);
    closed.closed = None;
    assert_eq!(world.round(&closed, true).await.settled, 2);
    assert_eq!(closed.asked().len(), 2);
}

#[tokio::test]
async fn a_given_graph_is_made_whatever_the_extractor_does() {
    let world = World::new();
    let manual =
        json!({"content": "x", "memory_policy": {"mode": "manual", "nodes": [{"id": "a", "type": "T"}]}});
    let id = world.item("ann", manual).await;
    let made = make_given(&world.engine, &tenant(), id).await.expect("done").expect("an extraction");
    assert_eq!((made.status, made.attempts), (ExtractionStatus::Completed, 1));
}

#[test]
fn the_job_pauses_longer_and_longer_while_nobody_answers() {
    let mut pace = Pace::default();
    let (good, bad) =
        (Round::default(), Round { ended_by: Some("unavailable".to_owned()), ..Round::default() });
    let usual = Duration::from_millis(limits::EXTRACTION_INTERVAL_MS);
    assert!(pace.looks_at_all());
    assert_eq!(pace.after(&good), usual);
    assert!(!pace.looks_at_all());
    let pauses: Vec<u64> = (0..8).map(|_| pace.after(&bad).as_secs()).collect();
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 120, 120]);
    assert!(pace.looks_at_all());
    assert_eq!(pace.after(&good), usual);
    let looks = (0..100).filter(|_| {
        let at_all = pace.looks_at_all();
        let _ = pace.after(&good);
        at_all
    });
    assert_eq!(looks.count(), 5);
}
