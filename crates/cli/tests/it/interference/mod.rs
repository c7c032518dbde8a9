//! Non-interference, as callers meet it: two stores that are equal but for the bodies of memories that a caller may not see
//! give that caller the same bytes, whatever is asked at whichever endpoint, and an auditor the same chain.
//!
//! Random stores, policies and callers; every endpoint of the OpenAPI document, by the table in [`endpoints`], which the
//! document is held to: a new path needs a line there. The definition is what a store holds, so the twins are written past
//! the API, and nothing else is.

mod bridges;
mod endpoints;
mod graph;
mod items;
mod jobs;
mod messages;
mod records;
mod scoped;
mod stores;
mod world;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::purpose::Purpose;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::endpoints::{ENDPOINTS, Probe};
use self::stores::{Kept, Kind};
use self::world::{Caller, Pair, Side, Twins};

/// What one case is made of.
#[derive(Debug, Clone)]
struct Case {
    pairs: Vec<Pair>,
    caller: Caller,
    rules: Vec<String>,
    bridges: Vec<Bridge>,
    purposes: Vec<Purpose>,
    limit: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let purposes = prop::sample::subsequence(Purpose::ALL.to_vec(), 1..=3);
    let pairs = prop::collection::vec(world::pair(), 2..16);
    let parts = (pairs, world::caller(), world::rules(), world::bridges(), purposes, 1usize..3);
    parts.prop_map(|(pairs, caller, rules, bridges, purposes, limit)| Case {
        pairs,
        caller,
        rules,
        bridges,
        purposes,
        limit,
    })
}

impl Case {
    fn memories(&self, side: usize) -> Vec<Memory> {
        let count = self.pairs.len();
        self.pairs.iter().enumerate().map(|(at, pair)| pair.memory(at, count, side)).collect()
    }

    /// What the caller sees of a store, asked for every purpose by its id, and of what waits for a review. A preference is its
    /// person's, whatever the policy says of reading it: its owner may delete it.
    async fn seen(&self, memories: &[Memory], caller: &Caller) -> BTreeSet<MemoryId> {
        let side = Side::new(stores::memory(), memories, &self.bridges, &self.rules).await;
        let mut seen = BTreeSet::new();
        for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance) {
            let queue = Caller::with_purpose(caller.get("/v1/review?limit=100"), purpose);
            let answer = side.ask(&queue).await.json();
            let ids = answer["data"].as_array().into_iter().flatten().filter_map(|one| one["id"].as_str());
            seen.extend(ids.filter_map(|id| MemoryId::parse(id).ok()));
        }
        for memory in memories {
            let is_own = memory.preference().is_some() && memory.scope.id == caller.user;
            for purpose in Purpose::ALL {
                let path = format!(
                    "/v2/memories/{}?tenant_id=t_default&purpose={}",
                    memory.id.prefixed(),
                    purpose.name()
                );
                if is_own || side.ask(&caller.get(&path)).await.status == StatusCode::OK {
                    seen.insert(memory.id);
                    break;
                }
            }
        }
        seen
    }

    /// The bodies of what is seen on neither side are exchanged; everything else is the same.
    async fn twins(&self) -> [Vec<Memory>; 2] {
        let (one, other) = (self.memories(0), self.memories(1));
        let (seen_of_one, seen_of_other) =
            (self.seen(&one, &self.caller).await, self.seen(&other, &self.caller).await);
        let unseen = |id| !seen_of_one.contains(&id) && !seen_of_other.contains(&id);
        let twin = one.iter().zip(&other).map(|(one, other)| if unseen(one.id) { other } else { one });
        let twin = twin.cloned().collect();
        [one, twin]
    }

    async fn check(&self, kind: Kind) {
        let [one, other] = self.twins().await;
        let Some(stores) = Kept::two(kind).await else { return };
        let [left, right] = [&one, &other];
        let sides = [
            Side::new(stores.store(0), left, &self.bridges, &self.rules).await,
            Side::new(stores.store(1), right, &self.bridges, &self.rules).await,
        ];
        let twins = Twins { sides };
        let stranger = Caller::stranger();
        let mut met = self.seen(left, &stranger).await;
        met.extend(self.seen(right, &stranger).await);
        let probe = Probe {
            twins: &twins,
            caller: &self.caller,
            ids: one.iter().map(|memory| memory.id).collect(),
            strange: one.iter().map(|memory| memory.id).filter(|id| !met.contains(id)).collect(),
            scopes: one.iter().map(|memory| memory.scope.clone()).collect(),
            purposes: &self.purposes,
            limit: self.limit,
        };
        for endpoint in ENDPOINTS {
            endpoint.ask(&probe).await;
        }
        // Nothing that was done above made a difference either.
        for endpoint in ENDPOINTS {
            endpoint.ask(&probe).await;
        }
    }
}

fn run(kind: Kind, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let outcome = TestRunner::new(config).run(&case(), |case| {
        runtime.block_on(case.check(kind));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn twins_answer_alike_in_memory() {
    run(Kind::Memory, 12);
}

#[test]
fn twins_answer_alike_on_sqlite() {
    run(Kind::Sqlite, 4);
}

#[test]
fn twins_answer_alike_on_postgres() {
    run(Kind::Postgres, 2);
}

#[test]
fn every_endpoint_is_in_the_table() {
    let document: serde_json::Value =
        serde_json::from_str(&crate::text_of("openapi/memoryscope.json")).expect("the document is JSON");
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys().filter(|key| *key != "parameters") {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let listed: BTreeSet<String> = ENDPOINTS.iter().map(|endpoint| endpoint.name.to_owned()).collect();
    assert_eq!(listed, documented, "left: the table in interference/endpoints.rs; right: the document");
}
