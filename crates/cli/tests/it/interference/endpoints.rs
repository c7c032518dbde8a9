//! Every endpoint, and what twins are asked there. Whoever adds a path to the API adds its line here.

use std::pin::Pin;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use serde_json::{Value, json};

use super::bridges::{bridges, make_bridge, remove_bridge};
use super::world::{Answer, Asked, Caller, Twins};
use super::{graph, items, jobs, messages, records, scoped};

/// Pages that are turned at most: more than the twins have memories.
pub(super) const PAGES_MAX: usize = 64;

/// Who asks what of which twins.
pub(super) struct Probe<'a> {
    pub(super) twins: &'a Twins,
    pub(super) caller: &'a Caller,
    /// Every memory that both stores hold, seen or not.
    pub(super) ids: Vec<MemoryId>,
    /// Those of them of which [`Caller::stranger`] may know nothing.
    pub(super) strange: Vec<MemoryId>,
    /// Where they are.
    pub(super) scopes: Vec<Scope>,
    pub(super) purposes: &'a [Purpose],
    pub(super) limit: usize,
}

type Asking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One endpoint.
pub(super) struct Endpoint {
    /// Method and path, as in the OpenAPI document.
    pub(super) name: &'static str,
    asks: for<'a> fn(&'a Probe<'a>) -> Asking<'a>,
}

impl Endpoint {
    /// Asks the twins everything that is asked there.
    pub(super) async fn ask(&self, probe: &Probe<'_>) {
        (self.asks)(probe).await;
    }
}

macro_rules! endpoints {
    ($($name:literal => $asks:expr;)*) => {
        /// The table. The order is the one in which they are asked: what changes stores comes last.
        pub(super) static ENDPOINTS: &[Endpoint] =
            &[$(Endpoint { name: $name, asks: |probe| Box::pin($asks(probe)) }),*];
    };
}

endpoints! {
    "GET /v2/memories/{id}" => get;
    "GET /v2/memories/{id}/history" => history;
    "GET /v2/memories" => list;
    "POST /v2/memories/query" => query;
    "POST /v2/reconstruct" => reconstruct;
    "POST /v2/explain" => explain;
    "POST /v2/replay" => replay;
    "GET /v2/spiral" => spiral;
    "POST /v2/tools/gate" => gate;
    "POST /v2/memories/{id}/seal" => |probe| step(probe, "seal", json!({}));
    "POST /v2/memories/{id}/release" => |probe| step(probe, "release", json!({}));
    "POST /v2/memories/{id}/revoke" => |probe| step(probe, "revoke", json!({}));
    "POST /v2/memories/{id}/reinforce" => |probe| step(probe, "reinforce", json!({}));
    "POST /v2/memories/{id}/recall" => |probe| step(probe, "recall", json!({"updates": {"note": "so"}}));
    "POST /v2/memories/{id}/dispute" => |probe| step(probe, "dispute", json!({"reason": "no"}));
    "POST /v2/memories/{id}/attest" => |probe| step(probe, "attest", json!({"attestation": "so"}));
    "DELETE /v2/memories/{id}" => erase;
    "POST /v2/scopes/{scope_id}/bridge" => make_bridge;
    "GET /v2/bridges" => bridges;
    "DELETE /v2/bridges/{id}" => remove_bridge;
    "POST /v2/subjects/{id}/erase" => |probe| subject(probe, "erase", json!({}));
    "POST /v2/subjects/{id}/export" => |probe| subject(probe, "export", json!({}));
    "POST /v2/subjects/{id}/consent" => |probe| subject(probe, "consent", json!({"decision": "withdraw"}));
    "GET /v2/policies" => |probe| plain(probe, "/v2/policies?tenant_id=t_default");
    "GET /v2/policies/active" => |probe| plain(probe, "/v2/policies/active?tenant_id=t_default");
    "GET /v2/policies/{version}" => |probe| plain(probe, "/v2/policies/builtin-1?tenant_id=t_default");
    "POST /v2/policies" => policy;
    "POST /v2/policies/validate" => policy;
    "POST /v2/policies/simulate" => policy;
    "POST /v2/policies/{version}/activate" => policy;
    "POST /v2/policies/rollback" => policy;
    "GET /memory" => scoped::list;
    "POST /memory/read" => scoped::read;
    "POST /memory/read/continue" => scoped::go_on;
    "POST /memory/revoke" => scoped::revoke;
    "GET /v1/memory/{id}" => items::get;
    "GET /v1/memory/status/{id}" => items::status;
    "GET /v1/memory/batch/status/{id}" => |probe| plain(probe, jobs::NO_BATCH);
    "POST /v1/memory/search" => items::search;
    "PUT /v1/memory/{id}" => items::update;
    "DELETE /v1/memory/{id}" => items::erase;
    "POST /v1/memory" => items::add;
    "POST /v1/memory/batch" => items::add_batch;
    "POST /v1/omo/export" => items::export;
    "GET /v1/omo/export.json" => items::export_file;
    "POST /v1/omo/import" => items::import;
    "GET /v1/review" => items::queue;
    "GET /v1/messages/sessions/{id}" => messages::history;
    "GET /v1/messages/sessions/{id}/status" => messages::status;
    "GET /v1/messages/sessions/{id}/compress" => messages::compress;
    "POST /v1/messages/sessions/{id}/process" => messages::process;
    "PATCH /v1/messages/sessions/{id}" => messages::name;
    "POST /v1/messages" => messages::store;
    "GET /v1/feedback/{id}" => |probe| plain(probe, "/v1/feedback/fb_00000000000000000000000000000007");
    "POST /v1/feedback" => messages::give;
    "POST /v1/feedback/batch" => messages::give_batch;
    "POST /v1/review/{id}/approve" => |probe| items::review(probe, "approve");
    "POST /v1/review/{id}/reject" => |probe| items::review(probe, "reject");
    "POST /v2/memories" => ingest;
    "POST /v2/memories/batch" => ingest_batch;
    "POST /memory" => scoped::create;
    "POST /memory/batch" => scoped::batch;
    "DELETE /memory/{id}" => scoped::delete;
    "GET /v1/graph/nodes/{id}" => |probe| graph::node(probe, "");
    "GET /v1/graph/nodes/{id}/edges" => |probe| graph::node(probe, "/edges");
    "GET /v1/graph/nodes/{id}/neighbourhood" => |probe| graph::node(probe, "/neighbourhood");
    "POST /v1/schemas" => graph::schema;
    "POST /v1/user" => records::user;
    "POST /v1/user/batch" => records::users;
    "GET /v1/user" => |probe| plain(probe, "/v1/user?page_size=3");
    "GET /v1/user/{id}" => |probe| plain(probe, records::NOBODY);
    "PUT /v1/user/{id}" => records::changed_user;
    "DELETE /v1/user/{id}" => records::forgotten_user;
    "POST /v1/namespace" => records::namespace;
    "GET /v1/namespace" => |probe| plain(probe, "/v1/namespace?limit=3");
    "GET /v1/namespace/{id}" => |probe| plain(probe, records::NOWHERE);
    "PUT /v1/namespace/{id}" => records::changed_namespace;
    "GET /v1/schemas" => |probe| plain(probe, "/v1/schemas");
    "GET /v1/schemas/{id}" => |probe| plain(probe, graph::NO_SCHEMA);
    "PUT /v1/schemas/{id}" => graph::amended;
    "DELETE /v1/schemas/{id}" => graph::deleted;
    "GET /v2/jobs" => jobs::listed;
    "GET /v2/jobs/{id}" => jobs::named;
    "POST /v2/jobs/{id}/cancel" => |probe| jobs::ordered(probe, "cancel");
    "POST /v2/jobs/{id}/retry" => |probe| jobs::ordered(probe, "retry");
    "GET /v2/webhooks/deliveries" => |probe| plain(probe, "/v2/webhooks/deliveries");
    "DELETE /v1/namespace/{id}" => records::deleted_namespace;
    "DELETE /v1/memory/all" => items::erase_all;
    "GET /v2/access-logs" => access_logs;
    "GET /v2/access-logs/{id}" => access_log;
    "GET /v2/audit" => audit;
    "GET /v2/audit/verify" => verify;
    "GET /healthz" => |probe| plain(probe, "/healthz");
    "GET /healthz/live" => |probe| plain(probe, "/healthz/live");
    "GET /healthz/ready" => |probe| plain(probe, "/healthz/ready");
    "GET /version" => |probe| plain(probe, "/version");
    "GET /v2/limits" => |probe| plain(probe, "/v2/limits");
    "GET /openapi.json" => |probe| plain(probe, "/openapi.json");
    "GET /docs" => |probe| plain(probe, "/docs");
    "GET /demo" => |probe| plain(probe, "/demo");
    "GET /metrics" => metrics;
}

impl Probe<'_> {
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.twins.ask(&self.caller.get(path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.twins.ask(&self.caller.post(path, body)).await
    }

    /// Turns the pages of a listing; `path` has a query already.
    pub(super) async fn pages(&self, path: &str, ask: impl Fn(&str) -> Asked) {
        let mut next = String::new();
        for _ in 0..PAGES_MAX {
            let answer = self.twins.ask(&ask(&format!("{path}{next}"))).await.json();
            let Some(cursor) = answer["next_cursor"].as_str() else { return };
            next = format!("&cursor={cursor}");
        }
        panic!("{path} has no last page");
    }

    /// Each purpose with each memory: those that there are, and one that there is not.
    pub(super) fn named(&self) -> Vec<(String, Purpose)> {
        let never = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
        let ids = self.ids.iter().copied().chain([never]);
        let each = |id: MemoryId| self.purposes.iter().map(move |purpose| (id.prefixed(), *purpose));
        ids.flat_map(each).collect()
    }

    /// What a stranger asks about: what is hidden from them, and what never was.
    pub(super) fn strange(&self) -> Vec<String> {
        let never = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
        self.strange.iter().copied().chain([never]).map(|id| id.prefixed()).collect()
    }

    /// Each purpose with each scope.
    pub(super) fn placed(&self) -> Vec<(Scope, Purpose)> {
        let mut scopes = self.scopes.clone();
        scopes.sort_by(|one, other| {
            (one.scope_type.name(), &one.id).cmp(&(other.scope_type.name(), &other.id))
        });
        scopes.dedup();
        let each = |scope: Scope| self.purposes.iter().map(move |purpose| (scope.clone(), *purpose));
        scopes.into_iter().flat_map(each).collect()
    }

    /// Reads of the caller's own preferences.
    pub(super) fn reads(&self) -> Vec<Value> {
        let user = &self.caller.user;
        let mut reads = Vec::new();
        for kind in Kind::ALL {
            for domain in [Value::Null, json!("food"), json!("music")] {
                for purpose in ["recommend a film", "write a mail", "sell it"] {
                    reads.push(json!({
                        "user_id": user, "scope": kind.name(), "domain": domain, "purpose": purpose,
                    }));
                }
            }
        }
        reads
    }

    /// The tokens of one read of each kind of preference.
    pub(super) async fn tokens(&self) -> Vec<Value> {
        let mut tokens = Vec::new();
        for read in self.reads().iter().step_by(9) {
            let answer = self.post("/memory/read", read).await.json();
            tokens.push(answer["revocation_token"].clone());
        }
        tokens.retain(|token| !token.is_null());
        tokens
    }
}

fn asking(scope: &Scope, purpose: Purpose) -> Value {
    json!({
        "tenant_id": "t_default",
        "scope": {"scope_type": scope.scope_type.name(), "scope_id": scope.id},
        "purpose": purpose.name(),
    })
}

async fn get(probe: &Probe<'_>) {
    for (id, purpose) in probe.named() {
        probe.get(&format!("/v2/memories/{id}?tenant_id=t_default&purpose={}", purpose.name())).await;
    }
}

async fn history(probe: &Probe<'_>) {
    for (id, purpose) in probe.named() {
        let path =
            format!("/v2/memories/{id}/history?tenant_id=t_default&limit=1&purpose={}", purpose.name());
        probe.pages(&path, |path| probe.caller.get(path)).await;
    }
}

async fn list(probe: &Probe<'_>) {
    for (scope, purpose) in probe.placed() {
        let path = format!(
            "/v2/memories?tenant_id=t_default&scope_type={}&scope_id={}&purpose={}&limit={}",
            scope.scope_type.name(),
            scope.id,
            purpose.name(),
            probe.limit
        );
        probe.pages(&path, |path| probe.caller.get(path)).await;
    }
}

async fn query(probe: &Probe<'_>) {
    search(probe).await;
    let filters = [
        json!(null),
        json!({"type": ["impact", "seed"]}),
        json!({"state": ["dormant", "active", "sealed"], "min_strength": 0.3}),
        json!({"truth_mode": "factual_claim", "labels": ["sad", "calm"]}),
        json!({"since": "2025-06-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}),
        json!({"where": {"labels": {"ne": "sad"}, "not": {"topics": "side 0"}}}),
        json!({"where": {"or": [{"labels": {"exists": false}}, {"state": ["dormant", "sealed"]}]}}),
    ];
    for (scope, purpose) in probe.placed() {
        for filter in &filters {
            let mut body = asking(&scope, purpose);
            body["limit"] = json!(probe.limit);
            body["filters"] = filter.clone();
            body["max_tokens"] = if filter["where"].is_null() { json!(null) } else { json!(12) };
            for _ in 0..PAGES_MAX {
                let answer = probe.post("/v2/memories/query", &body).await.json();
                body["cursor"] = answer["next_cursor"].clone();
                if body["cursor"].is_null() {
                    break;
                }
            }
        }
    }
}

/// By words and by meaning, and why: two letters of the alphabet are near to about everything that is said.
async fn search(probe: &Probe<'_>) {
    for (scope, purpose) in probe.placed() {
        for text in ["sad calm", "an idea of tea", "quiet"] {
            let mut body = asking(&scope, purpose);
            body["query_text"] = json!(text);
            body["explain"] = json!(true);
            body["limit"] = json!(probe.limit);
            for _ in 0..PAGES_MAX {
                let answer = probe.post("/v2/memories/query", &body).await.json();
                body["cursor"] = answer["next_cursor"].clone();
                if body["cursor"].is_null() {
                    break;
                }
            }
        }
    }
}

async fn reconstruct(probe: &Probe<'_>) {
    for (scope, purpose) in probe.placed() {
        for (format, include_events, max_tokens) in
            [("text", false, None), ("json", true, Some(40)), ("messages", true, None)]
        {
            let mut body = asking(&scope, purpose);
            body["format"] = json!(format);
            body["include_events"] = json!(include_events);
            body["max_tokens"] = json!(max_tokens);
            probe.post("/v2/reconstruct", &body).await;
        }
    }
}

async fn spiral(probe: &Probe<'_>) {
    for (scope, _) in probe.placed() {
        let (of_type, id) = (scope.scope_type.name(), &scope.id);
        let path = format!("/v2/spiral?tenant_id=t_default&scope_type={of_type}&scope_id={id}");
        probe.get(&path).await;
    }
}

async fn gate(probe: &Probe<'_>) {
    for (scope, purpose) in probe.placed() {
        let mut body = asking(&scope, purpose);
        body["tool"] = json!("order");
        body["evidence_ids"] = probe.ids.iter().map(|id| json!(id.prefixed())).collect();
        probe.post("/v2/tools/gate", &body).await;
    }
}

/// A query's name in the chain.
async fn asked_before(probe: &Probe<'_>, scope: &Scope, purpose: Purpose) -> Value {
    let answer = probe.post("/v2/memories/query", &asking(scope, purpose)).await.json();
    let refused = &answer["error"]["details"]["access_log_id"];
    if answer["access_log_id"].is_null() { refused.clone() } else { answer["access_log_id"].clone() }
}

async fn explain(probe: &Probe<'_>) {
    let ids: Vec<String> = probe.ids.iter().map(|id| id.prefixed()).collect();
    for (scope, purpose) in probe.placed() {
        let log = asked_before(probe, &scope, purpose).await;
        if !log.is_null() {
            probe.post("/v2/explain", &json!({"tenant_id": "t_default", "access_log_id": log})).await;
        }
        let request = json!({"operation": "memory.query", "purpose": purpose.name()});
        let described = json!({"tenant_id": "t_default", "memory_ids": ids, "request": request});
        probe.post("/v2/explain", &described).await;
    }
}

async fn replay(probe: &Probe<'_>) {
    for (scope, purpose) in probe.placed() {
        let log = asked_before(probe, &scope, purpose).await;
        if log.is_null() {
            continue;
        }
        let mut body = json!({"tenant_id": "t_default", "access_log_id": log});
        probe.post("/v2/replay", &body).await;
        for instead in ["chat_response", "task_execution", "subject_access"] {
            body["override_context"] = json!({"purpose": instead});
            probe.post("/v2/replay", &body).await;
        }
    }
}

/// Steps with what is hidden from whoever asks for them: whoever changes a memory that they see learns what followed it, and what they
/// see of the store is another one then.
async fn step(probe: &Probe<'_>, name: &str, mut body: Value) {
    body["tenant_id"] = json!("t_default");
    let stranger = Caller::stranger();
    for id in probe.strange() {
        let answer = probe.twins.ask(&stranger.post(&format!("/v2/memories/{id}/{name}"), &body)).await;
        assert_eq!(answer.status, 404, "{name} {id}");
    }
}

async fn erase(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    for id in probe.strange() {
        let answer =
            probe.twins.ask(&stranger.delete(&format!("/v2/memories/{id}?tenant_id=t_default"))).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

/// Somebody asks for what is about others, some of whom there are not: whoever may ask for it, it is their own.
async fn subject(probe: &Probe<'_>, name: &str, mut body: Value) {
    body["tenant_id"] = json!("t_default");
    let stranger = Caller::stranger();
    for person in ["ada", "bob", "eve", "nobody-there"] {
        probe.twins.ask(&stranger.post(&format!("/v2/subjects/{person}/{name}"), &body)).await;
    }
}

/// Keeps a policy, looks at it, and puts the one in force in force again: what is seen does not change.
async fn policy(probe: &Probe<'_>) {
    let text = "policy_version: probe-1\nextends: builtin/default\nrules: []\n";
    let kept = json!({"tenant_id": "t_default", "policy": text});
    let cases = json!([{"request": {"purpose": "chat_response"}, "memory": {"type": "event"}}]);
    probe.post("/v2/policies", &kept).await;
    probe.post("/v2/policies/validate", &kept).await;
    let simulated =
        json!({"tenant_id": "t_default", "policy_version": "probe-1", "cases": cases, "last": 20});
    probe.post("/v2/policies/simulate", &simulated).await;
    let open = "policy_version: open\nextends: builtin/default\nrules:\n  - {id: all, when: {memory.state: [active, restricted, sealed]}, then: {allow_read: true, include_in_prompt: true}}\n";
    let simulated = json!({"tenant_id": "t_default", "policy": open, "last": 20});
    probe.post("/v2/policies/simulate", &simulated).await;
    let tenant = json!({"tenant_id": "t_default"});
    probe.post("/v2/policies/no-such/activate", &tenant).await;
}

/// An event of the caller's that was derived from what is named.
fn event_from(user: &str, parents: &[String]) -> Value {
    json!({
        "scope": {"scope_type": "user", "scope_id": user},
        "type": "event",
        "truth_mode": "factual_claim",
        "content": {"format": "text", "language": "en", "text": "I'm allergic to peanuts. Please keep answers short."},
        "provenance": {"derived_from": parents},
    })
}

async fn ingest(probe: &Probe<'_>) {
    let of_tenant = |mut event: Value| {
        event["tenant_id"] = json!("t_default");
        event
    };
    let user = &probe.caller.user;
    probe.post("/v2/memories", &of_tenant(event_from(user, &[]))).await;
    for id in &probe.ids {
        probe.post("/v2/memories", &of_tenant(event_from(user, &[id.prefixed()]))).await;
    }
}

async fn ingest_batch(probe: &Probe<'_>) {
    let one = |id: &MemoryId| event_from(&probe.caller.user, &[id.prefixed()]);
    let memories: Vec<Value> = probe.ids.iter().map(one).chain([json!(7)]).collect();
    probe.post("/v2/memories/batch", &json!({"tenant_id": "t_default", "memories": memories})).await;
}

async fn access_logs(probe: &Probe<'_>) {
    probe.pages("/v2/access-logs?limit=200", Asked::auditor).await;
    probe.get("/v2/access-logs?limit=5").await;
}

async fn access_log(probe: &Probe<'_>) {
    let page = probe.twins.ask(&Asked::auditor("/v2/access-logs?limit=200")).await.json();
    for item in page["items"].as_array().into_iter().flatten().step_by(10) {
        let id = item["access_log_id"].as_str().or(item["id"].as_str()).expect("a name");
        probe.twins.ask(&Asked::auditor(&format!("/v2/access-logs/{id}"))).await;
    }
}

async fn audit(probe: &Probe<'_>) {
    probe.pages("/v2/audit?limit=500", Asked::auditor).await;
    probe.get("/v2/audit?limit=5").await;
}

async fn verify(probe: &Probe<'_>) {
    probe.twins.ask(&Asked::auditor("/v2/audit/verify")).await;
    probe.get("/v2/audit/verify").await;
}

async fn plain(probe: &Probe<'_>, path: &str) {
    probe.get(path).await;
}

async fn metrics(probe: &Probe<'_>) {
    probe.twins.ask_but(&probe.caller.get("/metrics"), Answer::untimed).await;
}
