//! Searches that test fields, go on, and end before they are too long.

use std::cmp::Reverse;

use memoryscope_domain::fields::{At, Notes};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Affect, Distinct, HalfLifeDays, Label};
use memoryscope_domain::predicate::{Predicate, Speech};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::words::{QueryText, Ranked};
use memoryscope_engine::op::items::{ItemFilter, SearchItems};
use memoryscope_engine::op::query::{Filters, Query, Shown};
use memoryscope_engine::op::search::Search;
use memoryscope_engine::replay::Comparison;
use serde_json::{Value, json};

use super::items::acting;
use super::objects::event_with;
use super::support::{World, policy_with, user};

const CHAT: Purpose = Purpose::ChatResponse;

pub(crate) fn predicate(said: &Value, speech: Speech) -> Option<Predicate> {
    let mut notes = Notes::lenient();
    let read = Predicate::read(said, &At::Root("where"), &mut notes, speech);
    assert_eq!(notes.faults(), [], "{said}");
    read
}

fn items_of(name: &str, filter: &Value, limit: usize) -> SearchItems {
    SearchItems {
        scope: Scope::of_user(&user(name)),
        purpose: CHAT,
        search: None,
        after: None,
        filter: ItemFilter { predicate: predicate(filter, Speech::Items), ..ItemFilter::default() },
        limit,
        max_tokens: None,
    }
}

fn words(text: &str) -> Option<Search> {
    Some(Search::new(QueryText::parse(text).unwrap(), None))
}

impl World {
    /// All pages of a search of items.
    async fn turns(&self, name: &str, mut op: SearchItems) -> Vec<Vec<MemoryId>> {
        let mut pages = Vec::new();
        loop {
            let page = self.run(acting(self, Some(name)), op.clone()).await.expect("a page").output;
            pages.push(page.items.iter().map(|item| item.memory.id).collect());
            assert_eq!(
                page.tokens_used,
                page.items.iter().map(|item| item.memory.token_estimate()).sum::<usize>()
            );
            if page.next.is_none() {
                return pages;
            }
            let last = page.items.last().expect("a page that is not the last has items");
            let (placed, id) = (last.memory.placed.expect("a place"), last.memory.id);
            match &mut op.search {
                Some(search) => {
                    let score = last.score.expect("a score");
                    search.after = Some(Ranked { score: Reverse(score), placed: Reverse(placed), id });
                }
                None => op.after = Some((placed, id)),
            }
        }
    }

    /// Whether everything that was asked comes out as it did.
    async fn is_replayed(&self) {
        for stored in self.recorded().await {
            assert_eq!(self.engine.check(&stored).await.expect("a comparison"), Comparison::Identical);
        }
    }

    async fn queried(&self, said: Value, states: &[Shown]) -> Vec<MemoryId> {
        let filters = Filters {
            predicate: predicate(&said, Speech::Core),
            states: states.to_vec(),
            types: vec![memoryscope_domain::memory::MemoryType::Event],
            ..Filters::default()
        };
        let scope = Scope::of_user(&user("ann"));
        let query =
            Query { scope, purpose: CHAT, filters, after: None, search: None, limit: 9, max_tokens: None };
        let page = self.run(self.core("ann"), query).await.expect("a page").output;
        page.items.iter().map(|item| item.memory.id).collect()
    }
}

fn trip(number: i64) -> Value {
    json!({"content": format!("Tea on trip {number}."), "metadata": {"customMetadata": {"trip": number}}})
}

#[tokio::test]
async fn pages_of_own_and_shared_items_make_up_the_whole() {
    let world = World::new();
    let mut all = Vec::new();
    for number in 0..24 {
        let mut item = trip(number);
        let whose = if number % 3 == 1 { "ben" } else { "ann" };
        if number % 3 == 1 {
            item["acl"] = json!({"read": ["ann"]});
        }
        all.push(world.item(whose, item).await);
        if number % 4 == 0 {
            world.item("ben", trip(number)).await;
        }
        // Some happened at the same time.
        world.clock.advance_micros(number % 2);
    }
    let whole = world.turns("ann", items_of("ann", &json!({}), 100)).await;
    assert_eq!(whole.len(), 1);
    let mut sorted = whole[0].clone();
    sorted.sort_unstable();
    all.sort_unstable();
    assert_eq!(sorted, all);
    for limit in [1, 2, 3, 5, 23, 24] {
        let pages = world.turns("ann", items_of("ann", &json!({}), limit)).await;
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "{limit}");
        assert_eq!(pages.concat(), whole[0], "{limit}");
        let words = SearchItems { search: words("tea"), ..items_of("ann", &json!({}), limit) };
        let pages = world.turns("ann", words).await;
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "{limit}");
        let mut found = pages.concat();
        found.sort_unstable();
        assert_eq!(found, all, "{limit}");
    }
    world.is_replayed().await;
}

#[tokio::test]
async fn a_page_is_filled_however_much_is_turned_down() {
    let world = World::new();
    let (mut early, mut shared) = (Vec::new(), Vec::new());
    for number in 0..3 {
        early.push(world.item("ann", trip(number)).await);
        world.clock.advance_micros(1);
        let mut item = trip(number);
        item["acl"] = json!({"read": ["ann"]});
        shared.push(world.item("ben", item).await);
        world.clock.advance_micros(1);
    }
    for number in 0..150 {
        world.item("ann", trip(100 + number)).await;
        world.clock.advance_micros(1);
    }
    let low = json!({"customMetadata.trip": {"lt": 3}});
    let expect: Vec<MemoryId> =
        early.iter().zip(&shared).rev().flat_map(|(own, other)| [*other, *own]).collect();
    for limit in [1, 2, 4, 6, 7] {
        let pages = world.turns("ann", items_of("ann", &low, limit)).await;
        assert_eq!(pages[0].len(), limit.min(6), "{limit}");
        assert_eq!(pages.concat(), expect, "{limit}");
    }
    let by_words = SearchItems { search: words("tea"), ..items_of("ann", &low, 2) };
    assert_eq!(world.turns("ann", by_words).await.concat().len(), 6);
    world.is_replayed().await;
}

#[tokio::test]
async fn an_answer_ends_before_it_is_too_long() {
    let world = World::new();
    let mut ids = Vec::new();
    for length in [4, 400, 8, 8, 4] {
        ids.insert(0, world.item("ann", json!({"content": "x".repeat(length)})).await);
        world.clock.advance_micros(1);
    }
    let check = async |max_tokens, expect: &[&[MemoryId]]| {
        let op = SearchItems { max_tokens: Some(max_tokens), ..items_of("ann", &json!({}), 3) };
        assert_eq!(world.turns("ann", op).await, expect, "{max_tokens}");
    };
    check(1_000, &[&ids[..3], &ids[3..]]).await;
    check(4, &[&ids[..2], &ids[2..3], &ids[3..4], &ids[4..]]).await;
    // None is too long to be shown at all, and none is cut.
    check(1, &[&ids[..1], &ids[1..2], &ids[2..3], &ids[3..4], &ids[4..]]).await;
    world.is_replayed().await;
}

#[tokio::test]
async fn what_is_tested_is_what_is_shown() {
    let world = World::new();
    let with = |label: &str, half_life: f64| {
        let labels = Distinct::new(vec![Label::parse(label).unwrap()]).unwrap();
        event_with("ann", "x", move |object| {
            let mut affect = Affect::default();
            affect.feeling.labels = labels;
            object.affect = Some(affect);
            object.strength.half_life = HalfLifeDays::new(half_life).unwrap();
        })
    };
    let calm = world.ingest("ann", with("calm", 10_000.0)).await.id;
    let sad = world.ingest("ann", with("sad", 0.001)).await.id;
    world.clock.advance_days(1);
    let (active, both) = ([Shown::Stored(State::Active)], [Shown::Stored(State::Active), Shown::Dormant]);
    let check = async |said: Value, states: &[Shown], expect: &[MemoryId]| {
        let mut found = world.queried(said.clone(), states).await;
        found.sort_unstable();
        assert_eq!(found, expect, "{said}");
    };
    check(json!({"labels": "calm"}), &[], &[calm]).await;
    check(json!({"labels": {"ne": "calm"}}), &[], &[]).await;
    check(json!({"labels": {"ne": "calm"}}), &both, &[sad]).await;
    check(json!({"strength": {"lt": 0.5}}), &both, &[sad]).await;
    check(json!({"state": "dormant"}), &[], &[sad]).await;
    check(json!({"state": {"in": ["dormant", "active"]}}), &[], &[calm, sad]).await;
    check(json!({"state": "dormant"}), &active, &[]).await;
    check(json!({"topics": {"exists": false}}), &both, &[calm, sad]).await;
    // What the policy keeps back cannot be found out.
    world.activate(policy_with("p", "when: {memory.type: event}, then: {allow_read: true, include_in_prompt: true, redact: [affect, item.metadata]}")).await;
    let item = world.item("ann", json!({"content": "y", "metadata": {"topics": ["a"]}})).await;
    for said in [
        json!({"labels": "calm"}),
        json!({"labels": {"ne": "calm"}}),
        json!({"topics": "a"}),
        json!({"not": {"topics": "b"}}),
    ] {
        check(said, &both, &[]).await;
    }
    check(json!({"labels": {"exists": false}, "topics": {"exists": false}}), &both, &[calm, sad, item]).await;
    world.is_replayed().await;
}

#[tokio::test]
async fn a_filter_stands_in_what_can_be_erased_only() {
    let world = World::new();
    world.item("ann", trip(1)).await;
    let op = items_of("ann", &json!({"location": "a-very-private-place"}), 5);
    let log = world.run(acting(&world, Some("ann")), op).await.expect("a page").access_log;
    let stored = world.chain().await.into_iter().find(|stored| stored.entry.id == log).expect("an entry");
    assert!(!format!("{:?}", stored.entry.parse().expect("an entry")).contains("a-very-private-place"));
    assert!(stored.private.is_some_and(|private| private.as_str().contains("a-very-private-place")));
}
