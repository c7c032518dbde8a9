//! What twins are asked in the items dialect, and the items among their memories.

use std::collections::BTreeMap;

use memoryscope_domain::graph::{Asserted, EdgeAssertion, End, Graph, Method, Name, NodeAssertion};
use memoryscope_domain::ids::{NodeId, UserId};
use memoryscope_domain::items::policy::{Layer, MemoryPolicy, merge};
use memoryscope_domain::items::request::ItemType;
use memoryscope_domain::items::{
    AccessList, AclId, Item, ItemMetadata, Message, MessageRole, RequestPolicy, Risk,
};
use memoryscope_domain::scope::{Scope, ScopeType};
use serde_json::{Value, json};
use uuid::Uuid;

use super::endpoints::{PAGES_MAX, Probe};
use super::messages::SESSION;
use super::world::Caller;

/// An item of a scope's person, or of the developer. What differs between twins is what it is about.
pub(super) fn item(
    scope: &Scope,
    shared_with: &[&str],
    is_flagged: bool,
    (at, side): (usize, usize),
) -> Item {
    let owner = match UserId::parse(&scope.id) {
        Ok(person) if scope.scope_type == ScopeType::User => AclId::of_external_user(&person),
        _ => AclId::of_developer("local"),
    };
    let read = shared_with.iter().map(|entry| AclId::parse(entry).expect("an entry")).collect();
    let stated = MemoryPolicy {
        acl: Some(AccessList { read, ..AccessList::default() }),
        risk: is_flagged.then_some(Risk::Flagged),
        ..MemoryPolicy::default()
    };
    let policy = merge(&[(Layer::Request, &stated)]);
    // A message, and what differs may be of another session.
    let session = if side == 1 && is_flagged { "another" } else { SESSION };
    let metadata = ItemMetadata {
        topics: Some(vec![format!("side {side}")]),
        role: Some(MessageRole::ALL[side % 2]),
        conversation_id: Some(session.to_owned()),
        ..ItemMetadata::default()
    };
    Item {
        item_type: ItemType::Text,
        owner,
        metadata,
        stated: RequestPolicy { stated, ..RequestPolicy::default() },
        policy,
        context: Vec::new(),
        organization_id: None,
        namespace_id: None,
        graph: graph(at, side),
        extraction: None,
        message: Some(Message::default()),
        ext: serde_json::Map::new(),
    }
}

/// One of three nodes.
pub(super) fn node(at: usize) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(1 + (at % 3) as u128))
}

/// One of the nodes, and an edge to the next; what it is called differs between twins.
fn graph(at: usize, side: usize) -> Graph {
    let name = |text: &str| Name::parse(text).expect("a name");
    let called = Asserted::new(json!(["tart", "rum", "side"][(at + side) % 3]), Method::Given);
    let nodes = vec![NodeAssertion {
        node: node(at),
        node_type: name("Thing"),
        called: "n".to_owned(),
        properties: BTreeMap::from([(name("name"), called)]),
        method: Method::Given,
    }];
    let edges = vec![EdgeAssertion {
        source: End::Node(node(at)),
        target: End::Node(node(at + 1)),
        edge_type: name("NEXT"),
        properties: BTreeMap::new(),
        method: Method::Given,
    }];
    Graph { asserted: None, nodes, edges }
}

pub(super) async fn get(probe: &Probe<'_>) {
    // Whoever names another user asks with that user's eyes, and is another caller.
    let own = format!("?external_user_id={}&include=effective_policy", probe.caller.user);
    for (id, purpose) in probe.named() {
        for query in ["", own.as_str(), "?max_risk=none"] {
            let asked = probe.caller.get(&format!("/v1/memory/{id}{query}"));
            probe.twins.ask(&Caller::with_purpose(asked, purpose)).await;
        }
    }
}

pub(super) async fn status(probe: &Probe<'_>) {
    for (id, _) in probe.named().into_iter().step_by(probe.purposes.len().max(1)) {
        probe.get(&format!("/v1/memory/status/{id}")).await;
    }
}

pub(super) async fn search(probe: &Probe<'_>) {
    let filters = [
        json!({"query": "*"}),
        json!({"query": "tea and rain"}),
        json!({"query": "tart or rum", "explain": true}),
        json!({"query": "of a side", "explain": true, "filters": {"strength": {"gt": 0.1}}}),
        json!({"query": "tart or side", "explain": true, "enable_agentic_graph": true, "boost": {"strength": 1, "recency": 0.5}}),
        json!({"query": "*", "metadata": {"topics": ["side 0"]}}),
        json!({"query": "*", "omo_filter": {"max_risk": "none", "min_consent": "implicit"}}),
        json!({"query": "*", "search_acl": {"read": ["bob"]}}),
        json!({"query": "*", "filters": {"topics": {"ne": "side 0"}, "not": {"location": "there"}}}),
        json!({"query": "tea", "filters": {"or": [{"topics": {"exists": false}}, {"strength": {"lt": 0.5}}]}}),
        json!({"query": "*", "filters": {"state": {"in": ["active", "sealed"]}}, "max_tokens": 9}),
    ];
    for purpose in probe.purposes {
        for user in [json!(null), json!(probe.caller.user)] {
            for filter in &filters {
                let mut body = filter.clone();
                body["external_user_id"] = user.clone();
                let path = format!("/v1/memory/search?max_memories={}", probe.limit);
                for _ in 0..PAGES_MAX {
                    let asked = Caller::with_purpose(probe.caller.post(&path, &body), *purpose);
                    body["cursor"] = probe.twins.ask(&asked).await.json()["next_cursor"].clone();
                    if body["cursor"].is_null() {
                        break;
                    }
                }
            }
        }
    }
}

/// As steps are made: with what is hidden from whoever asks.
pub(super) async fn update(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    let change = json!({"content": "Something else.", "external_user_id": "stranger"});
    for id in probe.strange() {
        let answer = probe.twins.ask(&stranger.put(&format!("/v1/memory/{id}"), &change)).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

pub(super) async fn erase(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    for id in probe.strange() {
        let path = format!("/v1/memory/{id}?external_user_id=stranger");
        let answer = probe.twins.ask(&stranger.delete(&path)).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

/// Of whoever owns nothing, and then of whoever asks: it is the last that they own.
pub(super) async fn erase_all(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    let answer = probe.twins.ask(&stranger.delete("/v1/memory/all?external_user_id=stranger")).await;
    assert_eq!(answer.status, 404);
    let path = format!("/v1/memory/all?external_user_id={}", probe.caller.user);
    probe.twins.ask(&probe.caller.delete(&path)).await;
}

pub(super) async fn add(probe: &Probe<'_>) {
    let user = &probe.caller.user;
    probe.post("/v1/memory", &json!({"content": "I like tea.", "external_user_id": user})).await;
    probe.post("/v1/memory", &json!({"content": "House rules."})).await;
}

pub(super) async fn add_batch(probe: &Probe<'_>) {
    // For one person: what is written for several at once is numbered as it comes.
    let memories = json!([{"content": "It rained."}, {"content": 7}, {"content": "x"}]);
    let user = &probe.caller.user;
    probe.post("/v1/memory/batch", &json!({"external_user_id": user, "memories": memories})).await;
}

/// The ids of everything there is, each once, and one of nothing.
fn all(probe: &Probe<'_>) -> Vec<String> {
    let ids: std::collections::BTreeSet<String> = probe.named().into_iter().map(|(id, _)| id).collect();
    ids.into_iter().collect()
}

pub(super) async fn export(probe: &Probe<'_>) {
    for purpose in probe.purposes {
        for user in [json!(null), json!(probe.caller.user)] {
            let body = json!({"memory_ids": all(probe), "external_user_id": user});
            let asked = probe.caller.post("/v1/omo/export", &body);
            probe.twins.ask(&Caller::with_purpose(asked, *purpose)).await;
        }
    }
}

pub(super) async fn export_file(probe: &Probe<'_>) {
    probe.get(&format!("/v1/omo/export.json?memory_ids={}", all(probe).join(","))).await;
}

/// Under the ids of everything there is, be it hidden, and of something that there is not.
pub(super) async fn import(probe: &Probe<'_>) {
    let object = |id: &String| {
        json!({"id": id, "createdAt": "2020-01-01T00:00:00Z", "type": "text", "content": "I like tea.",
            "consent": "terms"})
    };
    let objects: Vec<Value> = all(probe).iter().map(object).collect();
    for skips in [true, false] {
        let user = &probe.caller.user;
        let body = json!({"memories": objects, "external_user_id": user, "skip_duplicates": skips});
        probe.post("/v1/omo/import", &body).await;
    }
}

pub(super) async fn queue(probe: &Probe<'_>) {
    for purpose in probe.purposes {
        let path = format!("/v1/review?limit={}", probe.limit);
        probe.pages(&path, |path| Caller::with_purpose(probe.caller.get(path), *purpose)).await;
    }
}

/// As steps are made: with what is hidden from whoever asks, who is no reviewer.
pub(super) async fn review(probe: &Probe<'_>, how: &str) {
    let stranger = Caller::stranger();
    let body = json!({"external_user_id": "stranger", "reason": "so"});
    for id in probe.strange() {
        let answer = probe.twins.ask(&stranger.post(&format!("/v1/review/{id}/{how}"), &body)).await;
        assert_eq!(answer.status, 404, "{how} {id}");
    }
}
