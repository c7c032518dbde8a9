//! Queries by words: what is found, in which order, and what stays unseen.

use std::cmp::Reverse;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Memory, MemoryType};
use memoryscope_domain::object::{Category, Distinct, Handling, Temporal, Visibility};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{QueryText, Ranked, Score};
use memoryscope_engine::context::Context;
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::query::{Answer, Filters, Query};
use memoryscope_engine::op::search::Search;

use super::objects::{event, event_with};
use super::support::{World, policy_with, tenant, user};
use super::twins::world;

const CHAT: Purpose = Purpose::ChatResponse;
const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// `ann`'s events that answer a question.
fn asked(text: &str, after: Option<Ranked>, limit: usize) -> Query {
    let filters = Filters { types: vec![MemoryType::Event], ..Filters::default() };
    let search = Some(Search::new(QueryText::parse(text).unwrap(), None).behind(after));
    Query {
        scope: Scope::of_user(&user("ann")),
        purpose: CHAT,
        filters,
        after: None,
        search,
        limit,
        max_tokens: None,
    }
}

fn ids(page: &Answer) -> Vec<MemoryId> {
    page.items.iter().map(|item| item.memory.id).collect()
}

/// Where the next page begins.
fn end(page: &Answer) -> Option<Ranked> {
    let last = page.items.last().filter(|_| page.next.is_some())?;
    Some(Ranked { score: Reverse(last.score?), placed: Reverse(last.memory.placed?), id: last.memory.id })
}

impl World {
    async fn page(&self, cx: Context, query: Query) -> Answer {
        self.run(cx, query).await.unwrap().output
    }

    async fn page_of(&self, text: &str) -> Answer {
        self.page(self.core("ann"), asked(text, None, 3)).await
    }

    async fn finds(&self, text: &str) -> Vec<MemoryId> {
        ids(&self.page(self.core("ann"), asked(text, None, 100)).await)
    }

    async fn says(&self, text: &str) -> MemoryId {
        self.ingest("ann", event("ann", text)).await.id
    }
}

#[tokio::test]
async fn the_best_answer_comes_first_and_pages_go_through_all() {
    let world = World::new();
    let mut expected = Vec::new();
    for text in [
        "Rain in Porto.",
        "Tea in the rain.",
        "Tea, tea and tea.",
        "Tea with milk, sugar and a lot of company.",
    ] {
        expected.push(world.says(text).await);
    }
    let twin = world.says("Tea in the rain.").await;
    let expected = [expected[1].min(twin), expected[1].max(twin), expected[0], expected[2], expected[3]];
    assert_eq!(world.finds("rain and TEA").await, expected);
    assert_eq!(world.said().await, "MEMORY_QUERY allowed - 5");
    for limit in 1..=5 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world.page(world.core("ann"), asked("rain and TEA", after, limit)).await;
            assert!(page.items.iter().all(|item| item.score.is_some()) && !page.approximate);
            seen.extend(ids(&page));
            after = end(&page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit}");
    }
    assert!(world.finds("of the").await.is_empty(), "only stop words");
    assert!(world.finds("coffee").await.is_empty());
    let listed = world.page(world.core("ann"), Query { search: None, ..asked("x", None, 100) }).await;
    assert!(listed.items.len() == 5 && listed.items.iter().all(|item| item.score.is_none()));
}

/// Scores move when memories come and go; a page goes on behind the memory that the last one ended with.
#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended() {
    let world = World::new();
    let mut made = Vec::new();
    for text in ["tea tea tea", "tea tea milk", "tea milk sugar"] {
        made.push(world.says(text).await);
    }
    let first = world.page(world.core("ann"), asked("tea sugar", None, 2)).await;
    assert_eq!(ids(&first), [made[2], made[0]]);
    let after = end(&first);
    world.says("sugar sugar").await;
    let next = world.page(world.core("ann"), asked("tea sugar", after, 2)).await;
    assert_eq!(ids(&next), [made[1]]);
    for (score, expected) in [(1e9, 4), (1e-9, 0)] {
        let id = MemoryId::from_uuid(uuid::Uuid::from_u128(1));
        let gone = after.map(|place| Ranked { score: Reverse(Score::new(score).unwrap()), id, ..place });
        let page = world.page(world.core("ann"), asked("tea sugar", gone, 9)).await;
        assert_eq!(page.items.len(), expected, "behind a memory that is gone, by its score");
    }
}

#[tokio::test]
async fn what_is_sealed_or_kept_out_of_searches_is_not_found() {
    let world = World::new();
    let open = world.says("tea").await;
    let categories = Distinct::new(vec![Category::parse("trauma").unwrap()]).unwrap();
    let sealed = event_with("ann", "tea", |object| object.sensitivity.categories = categories);
    let unsearched = event_with("ann", "tea", |object| object.sensitivity.handling = Handling::NoSearch);
    let sealed = world.ingest("ann", sealed).await.id;
    let unsearched = world.ingest("ann", unsearched).await.id;
    for (cx, purpose) in [
        (world.core("ann"), CHAT),
        (world.core("ann"), Purpose::SubjectAccess),
        (world.as_role("eve", Role::Auditor), Purpose::ComplianceAudit),
    ] {
        let query = Query { purpose, ..asked("tea", None, 100) };
        let list = Query { search: None, ..query.clone() };
        assert_eq!(ids(&world.page(cx.clone(), query).await), [open], "{}", purpose.name());
        let listed = ids(&world.page(cx, list).await);
        let is_all = purpose != CHAT;
        assert_eq!(listed.contains(&sealed) && listed.contains(&unsearched), is_all, "{}", purpose.name());
    }
}

/// A memory that the caller may not see moves no score.
#[tokio::test]
async fn what_is_hidden_counts_for_nothing() {
    let mut told = Vec::new();
    for hidden in ["rain", "tea tea tea in a very long text about the weather"] {
        let world = World::new();
        for text in ["tea and rain", "tea", "rain rain"] {
            world.says(text).await;
        }
        let item = event_with("ann", hidden, |object| {
            object.ownership.owners = Distinct::new(vec![user("bob")]).unwrap();
            object.ownership.visibility = Visibility::RestrictedReview;
            object.temporal = Temporal::observed(NOW.plus_days(-1));
        });
        world.ingest("ann", item).await;
        told.push(format!("{:?}", world.page(world.core("ann"), asked("tea rain", None, 2)).await));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn nothing_is_found_by_what_is_redacted() {
    let world = World::new();
    let kept = world.says("tea").await;
    let joy = Distinct::new(vec![memoryscope_domain::object::Label::parse("joy").unwrap()]).unwrap();
    let joyful = event_with("ann", "tea and rain", |object| {
        let mut affect = memoryscope_domain::object::Affect::default();
        affect.feeling.labels = joy;
        object.affect = Some(affect);
    });
    let joyful = world.ingest("ann", joyful).await.id;
    assert_eq!(world.finds("rain").await, [joyful]);
    let rule = "when: {memory.labels: {any_of: [joy]}}, then: {redact: [content]}";
    world.activate(policy_with("p2", rule)).await;
    assert!(world.finds("rain").await.is_empty());
    assert_eq!(world.finds("tea").await, [kept]);
    assert_eq!(world.finds("joy").await, [joyful], "what is still shown is found");
}

/// The rarest words are looked for first, and the answer says that it did not look at everything.
#[tokio::test]
async fn of_too_many_answers_not_all_are_ranked() {
    let memory = |number: usize, text: &str| {
        let NewObject { scope, body, .. } = event("ann", text);
        let id = MemoryId::from_uuid(uuid::Uuid::from_u128(1_000 + number as u128));
        Memory::new(id, tenant(), scope, body, NOW.plus_days(-1), None)
    };
    let mut all: Vec<Memory> = (0..limits::MATCH_ROWS).map(|number| memory(number, "tea")).collect();
    let page = world(&all).await.page_of("rain tea").await;
    assert!(!page.approximate && page.items.len() == 3, "as many as can be ranked");
    // Behind all others in the list.
    all.push(memory(limits::MATCH_ROWS, "tea in the rain"));
    let page = world(&all).await.page_of("rain tea").await;
    assert!(page.approximate);
    assert_eq!(ids(&page)[0], all[limits::MATCH_ROWS].id);
}

/// What was asked stands beside the chain, where it can be erased, and in no entry.
#[tokio::test]
async fn a_question_is_written_only_where_it_can_be_erased() {
    let world = World::new();
    world.says("tea").await;
    world.finds("canary tea").await;
    let (_, private) = world.last().await;
    assert_eq!(private["request"]["search"]["terms"], serde_json::json!(["canari", "tea"]));
    for stored in world.chain().await {
        assert!(!stored.entry.text.contains("canar"));
    }
}
