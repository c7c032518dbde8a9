//! Non-interference: stores that are equal but for the bodies of memories that a caller may not see answer that caller
//! alike, whatever is asked.

use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::audit_chain::{Code, Draft, Hash32, MemoryRefs, PolicyRef, Private, Seq, Verdict};
use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::{AuditId, MemoryId, RequestId};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::memory::{Body, Memory, State};
use memoryscope_domain::object::{Content, Distinct, Language, generate};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::predicate::Speech;
use memoryscope_domain::principal::{Caller, Principal};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{QueryText, Ranked};
use memoryscope_engine::context::Context;
use memoryscope_engine::fakes;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::op::Operation;
use memoryscope_engine::op::embed::Embed;
use memoryscope_engine::op::explain::ExplainMemories;
use memoryscope_engine::op::get::{Get, History};
use memoryscope_engine::op::query::{Filters, Query};
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::review::Queue;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::port::Store;
use memoryscope_engine::refusal::Refusal;
use memoryscope_engine::replay::Override;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::searches::predicate;
use super::support::{World, tenant, user, word};

/// A memory with two bodies: what it says, and what it might say instead.
#[derive(Debug, Clone)]
struct Pair {
    bodies: [Body; 2],
    /// What it says in words that are asked for, where it does not say what is in its body.
    words: [Option<String>; 2],
    state: State,
    parents: Vec<usize>,
}

const NOW_MICROS: i64 = 1_767_225_600_000_000;

fn pair() -> impl Strategy<Value = Pair> {
    let body = || generate::object_body();
    let vocabulary = ["tea", "Tea, tea", "rain", "Lisbon", "the", "milk", "coffee and more of it"];
    let words = prop::collection::vec(prop::sample::select(vocabulary.to_vec()), 1..5);
    let words = prop::option::weighted(0.7, words.prop_map(|words| words.join(" ")));
    let state = prop::sample::select(&State::ALL[..4]);
    (body(), body(), [words.clone(), words], state, prop::collection::vec(0usize..12, 0..3))
        .prop_map(|(one, other, words, state, parents)| Pair { bodies: [one, other], words, state, parents })
}

fn id(at: usize) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(1_000 + at as u128))
}

/// The memory of that number as it stands in one of two stores.
fn memory(pair: &Pair, at: usize, count: usize, side: usize) -> Memory {
    let mut body = pair.bodies[side].clone();
    // What is of another type is another memory, not another body of the same.
    let of_type = |body: &Body| body.memory_type();
    if of_type(&body) != of_type(&pair.bodies[0]) {
        body = pair.bodies[0].clone();
    }
    if let Some(object) = body.object_mut() {
        if let Some(words) = &pair.words[side] {
            object.content = Content::text(Language::default(), words).ok();
        }
        let mut parents: Vec<MemoryId> = pair.parents.iter().map(|parent| id(parent % count)).collect();
        parents.sort_unstable();
        parents.dedup();
        object.provenance.derived_from = Distinct::new(parents).unwrap();
    }
    let created = Timestamp::from_unix_micros(NOW_MICROS - 1_000_000 * i64::try_from(at).unwrap());
    let memory = Memory::new(id(at), tenant(), Scope::of_user(&user("ada")), body, created, None);
    Memory { state: pair.state, ..memory.placed_by(0.75) }
}

/// A world that holds these.
pub(crate) async fn world(memories: &[Memory]) -> World {
    world_with(memories, &[], false).await
}

/// A world that holds these, and in which something is still to follow below some of them; `is_twin`, with as many commits whatever was
/// embedded.
async fn world_with(memories: &[Memory], marks: &[MemoryId], is_twin: bool) -> World {
    let (world, _) = World::embedding();
    let entry = Draft {
        id: AuditId::from_uuid(Uuid::from_u128(1)),
        tenant: tenant(),
        time: Timestamp::from_unix_micros(NOW_MICROS),
        operation: Code::MEMORY_INGEST,
        actor: None,
        subject: None,
        purpose: None,
        scope_type: None,
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: std::collections::BTreeMap::new(),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v".into(), hash: Hash32::of(b"policy") },
        memories: MemoryRefs::of(&[]),
        grant: None,
        private_digest: None,
        value_digest: None,
    };
    let marks = marks.iter().map(|at| Change::MarkPending(PendingMark::new(*at, *at)));
    let changes = memories.iter().cloned().map(Change::InsertMemory).chain(marks).collect();
    let private = Private::of(&serde_json::Map::new());
    let set = ChangeSet { tenant: tenant(), expects: Vec::new(), changes, entry, private };
    world.store.commit(Decided::without_policy(set)).await.unwrap();
    // By another server, so that this one mints the same identifiers whatever is embedded.
    let (other, ..) = fakes::embedding_engine(Arc::<MemoryStore>::clone(&world.store));
    // Numbers in the log count every commit, and say so (docs/retrieval.md): that there was none is no other world.
    if other.embed_waiting().await.unwrap().kept == 0 && is_twin {
        let name = RequestId::parse("even").unwrap();
        let cx = other.begin(Principal::system(tenant()), name, Dialect::Core, other.ports().clock.now());
        other.run(&cx, &Embed { vectors: Vec::new() }).await.unwrap();
    }
    world
}

async fn told<O: Operation>(world: &World, cx: Context, op: O) -> String
where
    O::Output: std::fmt::Debug,
{
    match world.engine.run(&cx, &op).await {
        Ok(done) => format!("{:?} {:?}", done.output, done.trace),
        Err(refusal) => word(&refusal),
    }
}

impl World {
    fn core_as(&self, principal: &Principal) -> Context {
        Context { principal: principal.clone(), dialect: Dialect::Core, ..self.nobody() }
    }

    async fn sees(&self, principal: &Principal, id: MemoryId) -> bool {
        for purpose in Purpose::ALL {
            if told(self, self.core_as(principal), Get { id, purpose }).await != "hidden" {
                return true;
            }
            let queue = Queue { purpose, after: None, limit: 100 };
            let page = self.engine.run(&self.core_as(principal), &queue).await;
            if page.is_ok_and(|done| done.output.items.iter().any(|waits| waits.item.memory.id == id)) {
                return true;
            }
        }
        false
    }

    /// What this caller is told of what waits for a review, page by page.
    async fn is_told_what_waits(&self, principal: &Principal, purpose: Purpose, limit: usize) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let queue = Queue { purpose, after, limit };
            all.push(told(self, self.core_as(principal), queue.clone()).await);
            let Ok(done) = self.engine.run(&self.core_as(principal), &queue).await else { return all };
            after = self.place(&self.core_as(principal), done.output.next).await;
            if after.is_none() {
                return all;
            }
        }
    }

    /// What this caller is told when it asks by words, page by page.
    async fn is_told_of(
        &self,
        principal: &Principal,
        purpose: Purpose,
        text: &str,
        limit: usize,
    ) -> Vec<String> {
        let mut all = Vec::new();
        let meaning = self.engine.meaning(text).await;
        let mut search = Search::new(QueryText::parse(text).unwrap(), meaning);
        loop {
            let (scope, filters) = (Scope::of_user(&user("ada")), Filters::default());
            let query = Query {
                scope,
                purpose,
                filters,
                after: None,
                search: Some(search.clone()),
                limit,
                max_tokens: None,
            };
            all.push(told(self, self.core_as(principal), query.clone()).await);
            let done = self.engine.run(&self.core_as(principal), &query).await;
            let Some(page) = done.ok().map(|done| done.output).filter(|page| page.next.is_some()) else {
                return all;
            };
            search.after = page.items.last().and_then(|last| {
                let placed = last.memory.placed?;
                Some(Ranked { score: Reverse(last.score?), placed: Reverse(placed), id: last.memory.id })
            });
        }
    }

    /// What this caller is told when it asks about fields, as much of it as has room.
    async fn is_told_of_fields(&self, principal: &Principal, purpose: Purpose, limit: usize) -> Vec<String> {
        let mut all = Vec::new();
        let text = || Search::new(QueryText::parse("tea").unwrap(), None);
        for said in [
            json!({"labels": {"ne": "calm"}}),
            json!({"or": [{"strength": {"lt": 0.5}}, {"state": {"in": ["dormant", "sealed"]}}]}),
            json!({"not": {"truth_mode": "imagined"}, "occurred_at": {"gte": "2020-01-01T00:00:00Z"}}),
            json!({"labels": {"exists": false}, "topics": {"exists": false}}),
        ] {
            for search in [None, Some(text())] {
                let predicate = predicate(&said, Speech::Core);
                let query = Query {
                    scope: Scope::of_user(&user("ada")),
                    purpose,
                    filters: Filters { predicate, ..Filters::default() },
                    after: None,
                    search,
                    limit,
                    max_tokens: Some(4),
                };
                all.push(told(self, self.core_as(principal), query).await);
            }
        }
        all
    }

    /// Everything that this caller is told, whatever is asked.
    async fn tells(&self, principal: &Principal, count: usize, limit: usize) -> Vec<String> {
        let mut all = Vec::new();
        let scope = || Scope::of_user(&user("ada"));
        let cx = || self.core_as(principal);
        for purpose in Purpose::ALL {
            for at in 0..=count {
                all.push(told(self, cx(), Get { id: id(at), purpose }).await);
                all.push(told(self, cx(), History { id: id(at), purpose, after: 0, limit: 1 }).await);
            }
            let mut after = None;
            loop {
                let query = Query {
                    scope: scope(),
                    purpose,
                    filters: Filters::default(),
                    after,
                    search: None,
                    limit,
                    max_tokens: None,
                };
                all.push(told(self, cx(), query.clone()).await);
                match self.engine.run(&cx(), &query).await {
                    Ok(done) => after = self.place(&cx(), done.output.next).await,
                    Err(_) => break,
                }
                if after.is_none() {
                    break;
                }
            }
            all.extend(self.is_told_what_waits(principal, purpose, limit).await);
            all.extend(self.is_told_of_fields(principal, purpose, limit).await);
            for text in ["tea", "rain in Lisbon, tea", "calm grief", "the"] {
                all.extend(self.is_told_of(principal, purpose, text, limit).await);
            }
            for include_events in [false, true] {
                let (format, cues) = (Format::Text, Vec::new());
                let reconstruct = Reconstruct {
                    scope: scope(),
                    purpose,
                    format,
                    max_tokens: Some(200),
                    include_events,
                    cues,
                    search: None,
                };
                all.push(told(self, cx(), reconstruct).await);
            }
            all.extend(self.looks_back(principal, purpose, count, limit).await);
        }
        all
    }

    /// What this caller is told of a decision: why, whether it would be again, and what would be otherwise.
    async fn looks_back(
        &self,
        principal: &Principal,
        purpose: Purpose,
        count: usize,
        limit: usize,
    ) -> Vec<String> {
        let scope = Scope::of_user(&user("ada"));
        let cx = || self.core_as(principal);
        let query = Query {
            scope,
            purpose,
            filters: Filters::default(),
            after: None,
            search: None,
            limit,
            max_tokens: None,
        };
        let log = match self.engine.run(&cx(), &query).await {
            Ok(done) => done.access_log,
            Err(Refusal::Denied { access_log, .. }) => access_log,
            Err(other) => return vec![word(&other)],
        };
        let mut all = Vec::new();
        all.push(match self.engine.explain(&cx(), log).await {
            Ok(done) => format!("{:?} {:?}", done.output, done.trace),
            Err(refusal) => word(&refusal),
        });
        for instead in [None, Some(Purpose::ChatResponse), Some(Purpose::TaskExecution)] {
            let overridden = Override { purpose: instead, ..Override::default() };
            all.push(match self.engine.replay(&cx(), log, overridden).await {
                Ok(done) => format!("{:?} {:?}", done.output, done.trace),
                Err(refusal) => word(&refusal),
            });
        }
        let ids = (0..=count).map(id).collect();
        let (operation, tool, include_events) = ("memory.query", None, false);
        all.push(told(self, cx(), ExplainMemories { ids, purpose, operation, tool, include_events }).await);
        all
    }
}

async fn check(
    pairs: &[Pair],
    marks: &[usize],
    principal: &Principal,
    limit: usize,
) -> Result<(), TestCaseError> {
    let count = pairs.len();
    let marks: Vec<MemoryId> = marks.iter().map(|mark| id(mark % count)).collect();
    let side = |side| pairs.iter().enumerate().map(move |(at, pair)| memory(pair, at, count, side));
    let (one, other): (Vec<Memory>, Vec<Memory>) = (side(0).collect(), side(1).collect());
    let (left, changed) = (world_with(&one, &marks, true).await, world_with(&other, &marks, true).await);
    let mut twin = one;
    for (at, memory) in other.into_iter().enumerate() {
        if !left.sees(principal, id(at)).await && !changed.sees(principal, id(at)).await {
            twin[at] = memory;
        }
    }
    let side = |side| pairs.iter().enumerate().map(move |(at, pair)| memory(pair, at, count, side));
    let one = world_with(&side(0).collect::<Vec<_>>(), &marks, true).await;
    let other = world_with(&twin, &marks, true).await;
    prop_assert_eq!(one.tells(principal, count, limit).await, other.tells(principal, count, limit).await);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twins_answer_alike(
        pairs in prop::collection::vec(pair(), 1..24),
        marks in prop::collection::vec(0usize..24, 0..3),
        principal in generate::principal(),
        limit in 1usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let principal = Principal { caller: Caller::Client, ..principal };
        runtime.block_on(check(&pairs, &marks, &Arc::new(principal), limit))?;
    }
}
