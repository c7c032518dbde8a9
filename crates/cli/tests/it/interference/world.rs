//! Twins and who asks them: random memories with two bodies each, random callers, random rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use memoryscope_api::app::{AppConfig, router};
use memoryscope_api::items::ItemsConfig;
use memoryscope_api::metrics::Metrics;
use memoryscope_domain::audit_chain::{Code, Draft, Hash32, MemoryRefs, PolicyRef, Private, Seq, Verdict};
use memoryscope_domain::bridge::{Bridge, Carries};
use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::{AuditId, BridgeId, MemoryId, TenantId};
use memoryscope_domain::memory::{Body, Memory, State};
use memoryscope_domain::object::{Distinct, generate};
use memoryscope_domain::policy::Policy;
use memoryscope_domain::preference::{Domain, Kind, Preference, Source};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::vector::{KeptVector, ModelKey, TextKey, Vector};
use memoryscope_engine::context::Context;
use memoryscope_engine::embed::Embedder;
use memoryscope_engine::fakes;
use memoryscope_engine::op::policy::Activate;
use memoryscope_engine::port::Store;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::items;

/// The clock's time in these worlds.
const NOW_MICROS: i64 = 1_767_225_600_000_000;

/// A memory with two bodies of one type: what it says, and what it might say instead.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    bodies: [Body; 2],
    scope: Scope,
    state: State,
    parents: Vec<usize>,
    is_replaced: bool,
    /// Where it is an item: with whom it is shared, and whether it is flagged.
    item: Option<(Vec<&'static str>, bool)>,
}

fn scope() -> impl Strategy<Value = Scope> {
    // Most in one place whose members see some of it: a person sees all of their own for subject_access.
    let scopes = prop_oneof![
        1 => Just((ScopeType::User, "ada")),
        1 => Just((ScopeType::User, "bob")),
        6 => Just((ScopeType::Org, "acme")),
    ];
    scopes.prop_map(|(of_type, id)| Scope::named(of_type, id).expect("a scope"))
}

fn preference() -> BoxedStrategy<Body> {
    let likes = prop::collection::vec(select(vec!["tea", "jazz", "rain", "noise"]), 0..3);
    let domain = select(vec!["", "food", "music"]);
    (select(Kind::ALL.to_vec()), domain, select(Source::ALL.to_vec()), likes)
        .prop_filter_map("a shape that there is", |(kind, domain, source, likes)| {
            let domain = if domain.is_empty() { None } else { Domain::parse(domain).expect("a domain") };
            Preference::new(kind, domain, source, json!({"likes": likes})).ok().map(Body::Preference)
        })
        .boxed()
}

/// A memory and its other body.
pub(super) fn pair() -> BoxedStrategy<Pair> {
    let object =
        (generate::object_body(), generate::object_body(), scope(), select(State::ALL[..4].to_vec()));
    let shared = prop::sample::subsequence(vec!["ada", "bob", "organization:acme", "role:reviewer"], 0..3);
    let item = prop::option::weighted(0.4, (shared, prop::bool::weighted(0.2)));
    let object = (object, prop::collection::vec(0usize..10, 0..3), any::<bool>(), item).prop_map(
        |((one, other, scope, state), parents, is_replaced, item)| {
            let other = if other.memory_type() == one.memory_type() { other } else { one.clone() };
            Pair { bodies: [one, other], scope, state, parents, is_replaced, item }
        },
    );
    let person = select(vec!["ada", "bob"]);
    let preference = (preference(), preference(), person).prop_map(|(one, other, person)| Pair {
        bodies: [one, other],
        scope: Scope::named(ScopeType::User, person).expect("a person"),
        state: State::Active,
        parents: Vec::new(),
        is_replaced: false,
        item: None,
    });
    prop_oneof![6 => object, 1 => preference].boxed()
}

fn id(at: usize) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(1_000 + at as u128))
}

impl Pair {
    /// The memory of that number as it stands in one of two stores of `count`.
    pub(super) fn memory(&self, at: usize, count: usize, side: usize) -> Memory {
        let mut body = self.bodies[side].clone();
        if let Some(object) = body.object_mut() {
            let mut parents: Vec<MemoryId> = self.parents.iter().map(|parent| id(parent % count)).collect();
            parents.sort_unstable();
            parents.dedup();
            object.provenance.derived_from = Distinct::new(parents).expect("few parents");
        }
        if let (Body::Event(event), Some((shared, is_flagged))) = (&mut body, &self.item) {
            event.item = Some(Box::new(items::item(&self.scope, shared, *is_flagged, (at, side))));
        }
        let micros = 1_000_000 * i64::try_from(at).expect("a small number");
        let created = Timestamp::from_unix_micros(NOW_MICROS - micros);
        let memory = Memory::new(id(at), TenantId::default_tenant(), self.scope.clone(), body, created, None);
        let version = if self.is_replaced { 2 } else { 1 };
        let state = self.state;
        if memory.object().is_some() { Memory { state, version, ..memory.placed_by(0.75) } } else { memory }
    }
}

/// Bridges between the places where memories are.
pub(super) fn bridges() -> impl Strategy<Value = Vec<Bridge>> {
    let ends =
        select(vec![("bob", "acme"), ("bob", "acme"), ("ada", "acme"), ("acme", "ada"), ("ada", "bob")]);
    let carries = (prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::bool::weighted(0.8))
        .prop_map(|(events, impacts, seeds)| Carries { events, impacts, seeds });
    let purposes = prop::sample::subsequence(Purpose::ALL.to_vec(), 1..=Purpose::ALL.len());
    let one = (ends, carries, purposes).prop_map(|((source, target), carries, purposes)| {
        let scope = |name: &str| {
            let of_type = if name == "acme" { ScopeType::Org } else { ScopeType::User };
            Scope::named(of_type, name).expect("a scope")
        };
        Bridge {
            id: BridgeId::from_uuid(Uuid::nil()),
            tenant: TenantId::default_tenant(),
            source: scope(source),
            target: scope(target),
            purposes: purposes.into_iter().collect(),
            carries,
            created: Timestamp::from_unix_micros(NOW_MICROS),
            expires: None,
            removed: None,
        }
    });
    prop::collection::vec(one, 0..4).prop_map(|mut bridges| {
        for (at, bridge) in bridges.iter_mut().enumerate() {
            bridge.id = BridgeId::from_uuid(Uuid::from_u128(1 + at as u128));
        }
        bridges
    })
}

/// Who asks: a person with roles and groups, always the same one.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) user: String,
    roles: String,
    groups: String,
}

/// Somebody who may meet these memories.
pub(super) fn caller() -> impl Strategy<Value = Caller> {
    let parts = (select(vec!["ada", "bob", "eve"]), generate::principal(), prop::bool::weighted(0.8));
    parts.prop_map(|(user, mut principal, is_member)| {
        if is_member {
            principal.groups.insert("org:acme".to_owned());
        }
        let roles: Vec<&str> = principal.roles.iter().map(|role| role.name()).collect();
        let groups: Vec<&str> = principal.groups.iter().map(String::as_str).collect();
        Caller { user: user.to_owned(), roles: roles.join(","), groups: groups.join(",") }
    })
}

impl Caller {
    fn with(&self, method: &str, path: &str, body: Option<&Value>) -> Asked {
        let mut headers =
            vec![("x-memoryscope-user", self.user.clone()), ("x-memoryscope-groups", self.groups.clone())];
        if !self.roles.is_empty() {
            headers.push(("x-memoryscope-roles", self.roles.clone()));
        }
        Asked { method: method.to_owned(), path: path.to_owned(), headers, body: body.cloned() }
    }

    /// Somebody who may see nothing.
    pub(super) fn stranger() -> Self {
        Self { user: "stranger".to_owned(), roles: "app".to_owned(), groups: "org:elsewhere".to_owned() }
    }

    pub(super) fn get(&self, path: &str) -> Asked {
        self.with("GET", path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Asked {
        self.with("POST", path, Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Asked {
        self.with("PUT", path, Some(body))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> Asked {
        self.with("PATCH", path, Some(body))
    }

    /// The same for a purpose that a header states.
    pub(super) fn with_purpose(mut asked: Asked, purpose: Purpose) -> Asked {
        asked.headers.push(("x-purpose", purpose.name().to_owned()));
        asked
    }

    pub(super) fn delete(&self, path: &str) -> Asked {
        self.with("DELETE", path, None)
    }
}

/// Rules beside the built-in ones.
pub(super) fn rules() -> impl Strategy<Value = Vec<String>> {
    let when = select(vec![
        "memory.sensitivity.level: {gte: high}",
        "memory.sensitivity.categories: [trauma, health]",
        "memory.labels: [sad]",
        "memory.truth_mode: [imagined, factual_claim]",
        "memory.ownership.dispute_state: disputed",
        "memory.ownership.owners: [ada]",
        "memory.provenance.source: import",
        "memory.provenance.derived: true",
        "memory.strength: {lt: 0.5}",
        "memory.constraint_kinds: [avoid]",
        "memory.domain: food",
        "memory.state: [restricted, sealed]",
        "memory.owned_by_principal: true",
        "request.purpose: [chat_response, recommendation]",
        "principal.roles: [reviewer]",
    ]);
    let then = select(vec![
        "allow_read: false",
        "allow_read: true",
        "include_in_prompt: false",
        "include_in_prompt: true",
        "redact: [content]",
        "max_age_days: 1",
        "allow_write: false",
        "derive_impacts: false",
        "set_state: sealed",
        "allow_bridge: true",
        "allow_bridge: false",
    ]);
    let rule = (prop::collection::btree_set(when, 1..=2), then).prop_map(|(when, then)| {
        let when: Vec<&str> = when.into_iter().collect();
        format!("when: {{{}}}, then: {{{then}}}", when.join(", "))
    });
    prop::collection::vec(rule, 0..4)
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    method: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Asked {
    /// The same as an auditor who acts for nobody.
    pub(super) fn auditor(path: &str) -> Self {
        let headers = vec![("x-memoryscope-roles", "auditor".to_owned())];
        Self { method: "GET".to_owned(), path: path.to_owned(), headers, body: None }
    }

    fn request(&self) -> Request<HttpBody> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value.as_bytes());
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                HttpBody::from(body.to_string())
            }
            None => HttpBody::empty(),
        };
        request.body(body).expect("a good request")
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The body, null where it is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Without the lines that say how long something took.
    pub(super) fn untimed(self) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("_seconds")).collect();
        let mut headers = self.headers;
        headers.remove("content-length");
        Self { body: Bytes::from(lines.join("\n")), headers, ..self }
    }

    fn said(&self) -> String {
        format!("{} {:?}\n{}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// A server over one store.
pub(super) struct Side {
    router: Router,
}

impl Side {
    /// The store with these memories and bridges, under the built-in policy and these rules.
    pub(super) async fn new(
        store: Arc<dyn Store>,
        memories: &[Memory],
        bridges: &[Bridge],
        rules: &[String],
    ) -> Self {
        let (engine, _, embedder) = fakes::embedding_engine(Arc::clone(&store));
        let first = |memory: &Memory| Memory { version: 1, ..memory.clone() };
        keep(&*store, 1, memories.iter().map(first).map(Change::InsertMemory).collect()).await;
        let replaced = memories.iter().filter(|memory| memory.version > 1);
        keep(&*store, 2, replaced.cloned().map(Change::ReplaceMemory).collect()).await;
        let vectors = vectors(&*embedder, memories).await;
        keep(&*store, 4, vec![Change::KeepVectors(vectors)]).await;
        keep(&*store, 3, bridges.iter().cloned().map(Change::InsertBridge).collect()).await;
        let rules = rules.iter().enumerate().map(|(at, rule)| format!("  - {{id: more_{at}, {rule}}}\n"));
        let mut text = "policy_version: random-1\nextends: builtin/default\nrules:\n".to_owned();
        text.extend(rules);
        text.push_str("  - {id: last, when: {memory.domain: nowhere}, then: {allow_read: false}}\n");
        let policy = Arc::new(Policy::load(&text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")));
        let system = Principal::system(TenantId::default_tenant());
        let cx = Context { principal: system, ..fakes::context(&engine, None) };
        engine.run(&cx, &Activate { policy }).await.expect("the policy is activated");
        let metrics = Arc::new(Metrics::new("0.0.0"));
        let timeout = Duration::from_secs(60);
        let config = AppConfig {
            timeout,
            cors: None,
            hosts: None,
            version: "0.0.0",
            metrics,
            items: ItemsConfig::default(),
        };
        Self { router: router(&engine, config) }
    }

    /// What it answers.
    pub(super) async fn ask(&self, asked: &Asked) -> Answer {
        let response = self.router.clone().oneshot(asked.request()).await.expect("a router cannot fail");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        let mut headers = parts.headers;
        // The clock on the wall is nobody's memory.
        for timed in ["date", "x-response-time"] {
            headers.remove(timed);
        }
        Answer { status: parts.status, headers, body }
    }
}

/// The vectors of what is to have one, as the job would make them: it writes how many it made into the chain, where an auditor
/// reads it, and that is nothing that a store holds of anybody's memories.
async fn vectors(embedder: &dyn Embedder, memories: &[Memory]) -> Vec<KeptVector> {
    let mut vectors = Vec::new();
    for memory in memories.iter().filter(|memory| memory.has_words()) {
        let Some(text) = memory.embedded_text() else { continue };
        let made = embedder.embed(std::slice::from_ref(&text)).await.expect("it is ready");
        let vector = Vector::quantise(&made[0]).expect("a direction");
        let (key, model) = (TextKey::of(&text), ModelKey::of(embedder.id()));
        vectors.push(KeptVector { memory: memory.id, text: key, model, vector });
    }
    vectors
}

/// Writes past the policy: what a store holds is what twins are defined by.
async fn keep(store: &dyn Store, number: u128, changes: Vec<Change>) {
    let tenant = TenantId::default_tenant();
    let entry = Draft {
        id: AuditId::from_uuid(Uuid::from_u128(number)),
        tenant: tenant.clone(),
        time: Timestamp::from_unix_micros(NOW_MICROS),
        operation: Code::MEMORY_INGEST,
        actor: None,
        subject: None,
        purpose: None,
        scope_type: None,
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::new(),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v".into(), hash: Hash32::of(b"policy") },
        memories: MemoryRefs::of(&[]),
        grant: None,
        private_digest: None,
        value_digest: None,
    };
    let private = Private::of(&serde_json::Map::new());
    let set = ChangeSet { tenant, expects: Vec::new(), changes, entry, private };
    store.commit(Decided::without_policy(set)).await.expect("the twins are kept");
}

/// Two servers that are asked the same, in the same order.
pub(super) struct Twins {
    pub(super) sides: [Side; 2],
}

impl Twins {
    /// The one answer that both give.
    pub(super) async fn ask(&self, asked: &Asked) -> Answer {
        self.ask_but(asked, |answer| answer).await
    }

    /// The same, for answers of which not everything is compared.
    pub(super) async fn ask_but(&self, asked: &Asked, compared: impl Fn(Answer) -> Answer) -> Answer {
        let one = compared(self.sides[0].ask(asked).await);
        let other = compared(self.sides[1].ask(asked).await);
        assert!(
            one == other,
            "twins answer differently: {asked:?}\n--- one:\n{}\n--- the other:\n{}",
            one.said(),
            other.said()
        );
        assert_ne!(one.status, StatusCode::INTERNAL_SERVER_ERROR, "{asked:?}: {}", one.said());
        one
    }
}
