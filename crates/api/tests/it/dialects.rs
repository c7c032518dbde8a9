//! One memory in all dialects: what one of them does to it is so in the others, and stands in the one audit chain under the name
//! of the dialect that did it.

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_engine::extract::{BuiltIn, extract_all};
use memoryscope_engine::port::{BridgesTo, Clock as _, Load, Rights, Select, Store as _, WantedRecords};
use serde_json::{Value, json};

use crate::governed::{App, Ask, changed, event_of};
use crate::support::Answer;

const USER: &str = "x-memoryscope-user";
const CORE: &str = "tenant_id=t_default&purpose=chat_response";

/// A server, and what the tests ask it.
struct World {
    app: App,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn ids(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|one| if member.is_empty() { text(one) } else { text(&one[member]) }).collect()
}

impl World {
    fn new() -> Self {
        Self { app: App::new() }
    }

    async fn ask(&self, line: &str, body: Option<&Value>) -> Answer {
        let ask = Ask::new(line).with(USER, "ana");
        self.app
            .ask(match body {
                Some(body) => ask.json(body),
                None => ask,
            })
            .await
    }

    /// Asks for what must be done.
    async fn done(&self, line: &str, body: Option<&Value>) -> Value {
        let answer = self.ask(line, body).await;
        assert!((200..300).contains(&answer.status), "{line}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// Ana's item, with a graph.
    async fn item(&self, content: &str) -> String {
        let body = json!({"content": content, "external_user_id": "ana", "acl": {"read": ["ben"]}, "consent": "explicit"});
        let added = self.done("POST /v1/memory", Some(&body)).await;
        extract_all(&self.app.engine, &BuiltIn).await.expect("done");
        text(&added["data"][0]["memoryId"])
    }

    async fn event(&self, parents: &[&str]) -> String {
        let body = changed(&event_of("ana"), &[("provenance", json!({"derived_from": parents}))]);
        text(&self.done("POST /v2/memories", Some(&body)).await["id"])
    }

    /// A step of the core dialect.
    async fn step(&self, id: &str, step: &str) {
        let body = json!({"tenant_id": "t_default"});
        self.done(&format!("POST /v2/memories/{id}/{step}"), Some(&body)).await;
    }

    /// The memory by its id in the items dialect: the status.
    async fn got(&self, id: &str) -> u16 {
        self.ask(&format!("GET /v1/memory/{id}?external_user_id=ana"), None).await.status
    }

    async fn found(&self, query: &str, who: &str) -> Vec<String> {
        let body = json!({"query": query, "external_user_id": who});
        ids(&self.done("POST /v1/memory/search", Some(&body)).await["data"]["memories"], "id")
    }

    async fn queried(&self) -> Vec<String> {
        let scope = json!({"scope_type": "user", "scope_id": "ana"});
        let body = json!({"tenant_id": "t_default", "scope": scope, "purpose": "chat_response", "filters": {"type": "event"}});
        ids(&self.done("POST /v2/memories/query", Some(&body)).await["memory_ids"], "")
    }

    /// The nodes that are found with a memory.
    async fn nodes(&self, query: &str) -> Vec<String> {
        let body = json!({"query": query, "external_user_id": "ana", "enable_agentic_graph": true});
        let found = self.done("POST /v1/memory/search", Some(&body)).await;
        let labels = ids(&found["data"]["nodes"], "label");
        assert!(labels.iter().all(|label| ["Person", "Company"].contains(&label.as_str())), "{found}");
        labels
    }

    /// Whether a memory's node, its edges and what lies around it are there: the three statuses.
    async fn around(&self, node: &str) -> [u16; 3] {
        let mut statuses = [0; 3];
        for (status, tail) in statuses.iter_mut().zip(["", "/edges", "/neighbourhood"]) {
            let line = format!("GET /v1/graph/nodes/{node}{tail}?external_user_id=ana");
            *status = self.ask(&line, None).await.status;
        }
        statuses
    }

    /// The node of the person in a memory's graph.
    async fn person(&self, id: &str) -> String {
        let told = self.done(&format!("GET /v1/memory/status/{id}?external_user_id=ana"), None).await;
        let nodes =
            told["extraction"]["nodes"].as_array().unwrap_or_else(|| panic!("no graph: {told}")).clone();
        let person =
            nodes.iter().find(|node| node["type"] == "Person").unwrap_or_else(|| panic!("nobody: {told}"));
        text(&person["node"])
    }

    /// Everything of ana's that she may have by the core dialect's export.
    async fn exported(&self) -> Vec<String> {
        let body = json!({"tenant_id": "t_default"});
        let exported = self.done("POST /v2/subjects/ana/export", Some(&body)).await;
        let memories = exported["memories"].as_array().unwrap_or_else(|| panic!("{exported}"));
        memories.iter().map(|one| text(&one["memory"]["id"])).collect()
    }

    /// What stands in the chain, each entry with the dialect that asked: `core MEMORY_SEAL allowed`. It is in order.
    async fn logged(&self) -> Vec<String> {
        let verified = self.app.ask(Ask::new("GET /v2/audit/verify?tenant_id=t_default").auditor()).await;
        assert_eq!(verified.json()["ok"], json!(true), "{}", verified.text);
        let load = Load {
            tenant: TenantId::default_tenant(),
            now: self.app.clock.now(),
            select: Select::Entries { after: Seq::ZERO, operations: Vec::new(), limit: 10_000 },
            filter: Filter::Everything,
            subject: SubjectRef::TENANT,
            idempotency: None,
            as_of: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
        };
        let facts = self.app.store.load(&load).await.expect("the memory store can be read").facts;
        let said = facts.entries.iter().map(|stored| {
            let draft = stored.entry.parse().expect("an entry").draft;
            let private = stored.private.as_ref().and_then(|private| private.object().ok());
            let dialect = private.and_then(|private| Some(private.get("dialect")?.as_str()?.to_owned()));
            format!("{} {} {}", dialect.unwrap_or_default(), draft.operation, draft.decision.name())
        });
        said.collect()
    }
}

const STORY: &str = "Dr. Ann Lee works at Blue Sky Ltd. Please use bullet points.";

#[tokio::test]
async fn what_one_dialect_writes_the_other_shows_finds_and_derives_from() {
    let world = World::new();
    let id = world.item(STORY).await;
    let shown = world.done(&format!("GET /v2/memories/{id}?{CORE}"), None).await;
    assert_eq!((&shown["type"], &shown["state"]), (&json!("event"), &json!("active")));
    assert_eq!(shown["content"]["text"], STORY);
    assert!(world.queried().await.contains(&id));
    let child = world.event(&[&id]).await;
    assert_eq!(world.found("peanuts", "ana").await, std::slice::from_ref(&child));
    let got = world.done(&format!("GET /v1/memory/{child}?external_user_id=ana"), None).await;
    let got = &got["data"]["memories"][0];
    assert_eq!((&got["type"], &got["external_user_id"]), (&json!("text"), &json!("ana")));
    let put = json!({"external_user_id": "ana", "content": "Ana likes peanuts."});
    assert_eq!(world.ask(&format!("PUT /v1/memory/{child}"), Some(&put)).await.status, 409);
    // What is shared with somebody in one dialect is theirs to read in the other, by its id.
    let ben = Ask::new(&format!("GET /v2/memories/{id}?{CORE}")).with(USER, "ben");
    let eve = Ask::new(&format!("GET /v2/memories/{id}?{CORE}")).with(USER, "eve");
    assert_eq!((world.app.ask(ben).await.status, world.app.ask(eve).await.status), (200, 404));
    let history = world.done(&format!("GET /v2/memories/{id}/history?{CORE}"), None).await;
    assert!(history.to_string().contains("bullet points"), "{history}");
}

#[tokio::test]
async fn what_is_sealed_in_one_dialect_is_gone_in_the_other_until_a_review_ends_it() {
    let world = World::new();
    let id = world.item(STORY).await;
    let (child, node) = (world.event(&[&id]).await, world.person(&id).await);
    let all = async || {
        let mut found = world.found("bullet points", "ana").await;
        found.extend(world.found("*", "ben").await);
        let is_queried = world.queried().await.contains(&id);
        let nodes = world.nodes("Blue Sky").await.len();
        (
            world.got(&id).await,
            found.len(),
            is_queried,
            nodes,
            world.around(&node).await,
            world.around(&id).await,
        )
    };
    let there = (200, 2, true, 2, [200; 3], [200; 3]);
    let gone = (404, 0, false, 0, [404; 3], [404; 3]);
    assert_eq!(all().await, there);
    world.step(&id, "seal").await;
    assert_eq!(all().await, gone);
    assert_eq!((world.got(&child).await, world.found("peanuts", "ana").await.len()), (404, 0));
    let put = json!({"external_user_id": "ana", "content": "Opened."});
    // Whose it is knows of it; to Ben there is none.
    let bens = changed(&put, &[("external_user_id", json!("ben"))]);
    let puts = [&put, &bens];
    for (body, status) in puts.into_iter().zip([409, 404]) {
        assert_eq!(world.ask(&format!("PUT /v1/memory/{id}"), Some(body)).await.status, status, "{body}");
    }
    // It is her own to have, all the same.
    assert!(world.exported().await.contains(&id));
    world.step(&id, "release").await;
    assert_eq!(all().await, gone);
    let reflects = Ask::new(&format!("GET /v1/memory/{id}?external_user_id=ana"))
        .with("x-purpose", "reflection_requested_by_user");
    assert_eq!(world.app.ask(reflects).await.status, 200);
    let approve =
        Ask::new(&format!("POST /v1/review/{id}/approve")).json(&json!({"external_user_id": "rita"}));
    let approved = world.app.ask(approve.with("x-memoryscope-roles", "reviewer")).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    assert_eq!(all().await, there);
    assert_eq!((world.got(&child).await, world.found("peanuts", "ana").await), (200, vec![child]));
    let logged = world.logged().await;
    for said in [
        "core MEMORY_SEAL allowed",
        "core MEMORY_RELEASE allowed",
        "items MEMORY_SEARCH allowed",
        "items MEMORY_APPROVE allowed",
        "items GRAPH_READ allowed",
        "items MEMORY_GET not_found",
    ] {
        assert!(logged.iter().any(|log| log == said), "{said}: {logged:?}");
    }
}

#[tokio::test]
async fn what_is_revoked_or_erased_in_one_dialect_is_so_in_the_other() {
    let world = World::new();
    let check = async |how: &str| {
        let id = world.item(STORY).await;
        let (child, node) = (world.event(&[&id]).await, world.person(&id).await);
        match how {
            "revoke" => world.step(&id, "revoke").await,
            "erase by the core dialect" => {
                drop(world.done(&format!("DELETE /v2/memories/{id}?tenant_id=t_default"), None).await);
            }
            _ => drop(world.done(&format!("DELETE /v1/memory/{id}?external_user_id=ana"), None).await),
        }
        assert_eq!((world.got(&id).await, world.got(&child).await), (404, 404), "{how}");
        assert_eq!(world.around(&node).await, [404; 3], "{how}");
        assert_eq!((world.found("*", "ana").await, world.found("*", "ben").await), (vec![], vec![]), "{how}");
        assert!(world.nodes("Blue Sky").await.is_empty() && world.queried().await.is_empty(), "{how}");
        assert_eq!(world.ask(&format!("GET /v2/memories/{id}?{CORE}"), None).await.status, 404, "{how}");
        let audit = format!("GET /v2/memories/{id}?tenant_id=t_default&purpose=compliance_audit");
        let audited = world.app.ask(Ask::new(&audit).auditor()).await.json();
        let state = if how == "revoke" { "revoked" } else { "tombstoned" };
        assert_eq!(audited["state"], state, "{how}: {audited}");
        assert_eq!(audited.to_string().contains("bullet points"), how == "revoke", "{how}");
        let again = world.ask(&format!("DELETE /v1/memory/{id}?external_user_id=ana"), None).await.status;
        assert_eq!(again, 200, "{how}");
    };
    for how in ["revoke", "erase by the core dialect", "erase by the items dialect"] {
        check(how).await;
    }
    let logged = world.logged().await;
    for said in [
        "core MEMORY_REVOKE allowed",
        "core MEMORY_DELETE allowed",
        "items MEMORY_DELETE allowed",
        "items MEMORY_INGEST allowed",
    ] {
        assert!(logged.iter().any(|log| log == said), "{said}: {logged:?}");
    }
}

#[tokio::test]
async fn what_a_person_has_erased_or_withdraws_is_gone_in_both() {
    let world = World::new();
    let id = world.item(STORY).await;
    let node = world.person(&id).await;
    let theirs =
        json!({"content": "Ben knows Dr. Ann Lee.", "external_user_id": "ben", "acl": {"read": ["ana"]}});
    let theirs = text(&world.done("POST /v1/memory", Some(&theirs)).await["data"][0]["memoryId"]);
    assert_eq!(world.exported().await.iter().filter(|one| **one == id).count(), 1);
    let consent = |decision: &str| json!({"tenant_id": "t_default", "decision": decision, "purposes": ["chat_response"]});
    world.done("POST /v2/subjects/ana/consent", Some(&consent("withdraw"))).await;
    assert_eq!((world.got(&id).await, world.around(&node).await), (404, [404; 3]));
    assert_eq!(
        (world.found("*", "ana").await, world.found("*", "ben").await),
        (vec![theirs.clone()], vec![theirs.clone()],)
    );
    let other = Ask::new(&format!("GET /v1/memory/{id}?external_user_id=ana"));
    let other = other.with("x-purpose", "reflection_requested_by_user");
    assert_eq!(world.app.ask(other).await.status, 200);
    world.done("POST /v2/subjects/ana/consent", Some(&consent("grant"))).await;
    assert_eq!((world.got(&id).await, world.around(&node).await), (200, [200; 3]));
    let erase = json!({"tenant_id": "t_default", "reason": "She leaves."});
    world.done("POST /v2/subjects/ana/erase", Some(&erase)).await;
    assert_eq!(
        (world.got(&id).await, world.around(&node).await, world.around(&id).await),
        (404, [404; 3], [404; 3],)
    );
    assert_eq!(
        (world.found("*", "ana").await, world.found("*", "ben").await),
        (vec![theirs.clone()], vec![theirs],)
    );
    assert!(world.nodes("Blue Sky").await.is_empty() && world.queried().await.is_empty());
    assert_eq!(world.exported().await, [""; 0]);
    assert!(world.logged().await.iter().any(|log| log.ends_with("SUBJECT_ERASE allowed")));
}

#[tokio::test]
async fn a_search_and_a_get_are_explained_and_made_again() {
    let world = World::new();
    let id = world.item(STORY).await;
    let search = json!({"query": "bullet points", "external_user_id": "ana"});
    let found = world.ask("POST /v1/memory/search", Some(&search)).await;
    let searched = text(&found.json()["search_id"]);
    assert_eq!(found.header("x-access-log-id"), searched);
    let got = world.ask(&format!("GET /v1/memory/{id}?external_user_id=ana"), None).await;
    let got = got.header("x-access-log-id").to_owned();
    for (log, operation) in [(&searched, "MEMORY_SEARCH"), (&got, "MEMORY_GET")] {
        let named = json!({"tenant_id": "t_default", "access_log_id": log});
        let told = world.done("POST /v2/explain", Some(&named)).await;
        assert_eq!(told["access_log"]["operation"], operation, "{told}");
        assert_eq!(told["decisions"][0]["memory_id"], json!(id), "{told}");
        assert_eq!(told["decisions"][0]["effects"]["allow_read"]["rule"], "events_for_conversation");
        assert_eq!(told["access_log"]["matches"], json!(true), "{told}");
        let again = world.done("POST /v2/replay", Some(&named)).await;
        assert_eq!(
            (&again["matches"], &again["result"]["memory_ids"]),
            (&json!(true), &json!([id])),
            "{again}"
        );
        let strange = Ask::new("POST /v2/explain").with(USER, "ben").json(&named);
        assert_eq!(world.app.ask(strange).await.status, 404, "{operation}");
    }
    // As it was then, whatever became of it since.
    let change = json!({"external_user_id": "ana", "content": "It rained."});
    world.done(&format!("PUT /v1/memory/{id}"), Some(&change)).await;
    let named = json!({"tenant_id": "t_default", "access_log_id": searched});
    assert_eq!(world.done("POST /v2/replay", Some(&named)).await["matches"], json!(true));
    let instead = changed(&named, &[("override_context", json!({"purpose": "safety_filtering"}))]);
    let otherwise = world.done("POST /v2/replay", Some(&instead)).await;
    assert_eq!(otherwise["result"]["decision"], "denied", "{otherwise}");
    world.step(&id, "seal").await;
    let hidden = world.done("POST /v2/explain", Some(&named)).await;
    assert_eq!(hidden["decisions"], json!([]), "{hidden}");
}
