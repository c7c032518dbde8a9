//! The whole server on an engine whose store, clock, identifiers and secrets are the test's.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use memoryscope_api::app::{self, AppConfig};
use memoryscope_api::edge::X_REQUEST_ID;
use memoryscope_api::items::ItemsConfig;
use memoryscope_api::metrics::Metrics;
use memoryscope_domain::audit_chain::Head;
use memoryscope_domain::ids::{IdSeed, TenantId};
use memoryscope_domain::items::request::Reading;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::{BUILTIN_SOURCE, Filter, Policy};
use memoryscope_engine::engine::Engine;
use memoryscope_engine::fakes::{ByInitials, CountingSecrets, HandClock};
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{
    BridgesTo, Clock as _, Ids, Load, Ports, Rights, Select, Store, WantedRecords,
};
use serde_json::{Value, json};

use crate::faulty::Faulty;
use crate::openapi;
use crate::support::{Answer, send};

/// Identifiers that count, from wherever the test sets them.
#[derive(Debug, Default)]
pub(crate) struct Seeds(AtomicU64);

impl Seeds {
    pub(crate) fn set(&self, next: u64) {
        self.0.store(next, Ordering::SeqCst);
    }
}

impl Ids for Seeds {
    fn seed(&self) -> IdSeed {
        let mut seed = [0; 16];
        seed[8..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        IdSeed(seed)
    }
}

/// A server without a socket.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) seeds: Arc<Seeds>,
    pub(crate) engine: Arc<Engine>,
    secrets: Arc<CountingSecrets>,
    requests: Arc<AtomicU64>,
    router: Router,
}

/// One request as a test writes it.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

impl Ask {
    /// `"POST /memory"`.
    pub(crate) fn new(line: &str) -> Self {
        let (method, target) = line.split_once(' ').expect("a method and a target");
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..self }.with("content-type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn auditor(self) -> Self {
        self.with("x-memoryscope-roles", "auditor")
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = self.body.clone().map_or_else(Body::empty, Body::from);
        request.body(body).expect("a good request")
    }
}

fn routed(engine: &Arc<Engine>, metrics: Arc<Metrics>, items: ItemsConfig) -> Router {
    let timeout = std::time::Duration::from_secs(30);
    app::router(engine, AppConfig { timeout, cors: None, hosts: None, version: "0.0.0", metrics, items })
}

impl App {
    pub(crate) fn new() -> Self {
        let store = Arc::new(Faulty::new(MemoryStore::new()));
        Self::on(store, Arc::default(), Arc::default(), Arc::default(), Policy::builtin())
    }

    /// Where the items dialect refuses what it deprecates.
    pub(crate) fn strict() -> Self {
        let reading = Reading { is_strict: true, ..Reading::default() };
        let app = Self::new();
        let router = routed(&app.engine, Arc::new(Metrics::new("0.0.0")), ItemsConfig { reading });
        Self { router, ..app }
    }

    /// Where texts are embedded, and who does it.
    pub(crate) fn embedding() -> (Self, Arc<ByInitials>) {
        let (app, embedder) = (Self::new(), Arc::new(ByInitials::default()));
        let ports = app.engine.ports().clone();
        let engine = Engine::new(ports, Policy::builtin()).embedding_by(Arc::<ByInitials>::clone(&embedder));
        let engine = Arc::new(engine);
        let router = routed(&engine, Arc::new(Metrics::new("0.0.0")), ItemsConfig::default());
        (Self { engine, router, ..app }, embedder)
    }

    fn on(
        store: Arc<Faulty>,
        clock: Arc<HandClock>,
        seeds: Arc<Seeds>,
        secrets: Arc<CountingSecrets>,
        policy: Arc<Policy>,
    ) -> Self {
        let ports = Ports {
            store: Arc::<Faulty>::clone(&store),
            clock: Arc::<HandClock>::clone(&clock),
            ids: Arc::<Seeds>::clone(&seeds),
            secrets: Arc::<CountingSecrets>::clone(&secrets),
        };
        let metrics = Arc::new(Metrics::new("0.0.0"));
        let engine = Arc::new(Engine::new(ports, policy).measured_by(Arc::<Metrics>::clone(&metrics)));
        let router = routed(&engine, metrics, ItemsConfig::default());
        let requests = Arc::new(AtomicU64::new(1));
        Self { store, clock, seeds, engine, secrets, requests, router }
    }

    /// The same data under the built-in policy and these rules.
    pub(crate) fn under(&self, rules: &str) -> Self {
        let text = format!("{BUILTIN_SOURCE}\n{rules}").replacen("builtin-1", "strict-1", 1);
        let policy = Policy::load(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let app =
            Self::on(store, clock, Arc::clone(&self.seeds), Arc::clone(&self.secrets), Arc::new(policy));
        app.requests.store(self.requests.load(Ordering::SeqCst), Ordering::SeqCst);
        app
    }

    /// Asks, under a name that counts where the request brings none, and holds the answer to the document.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let answer = self.ask_unheld(&ask).await;
        openapi::hold(&ask, &answer);
        answer
    }

    /// The same, for tests that ask much of the same.
    pub(crate) async fn ask_unheld(&self, ask: &Ask) -> Answer {
        let mut request = ask.request();
        let name = format!("req-{}", self.requests.fetch_add(1, Ordering::SeqCst));
        let name = HeaderValue::from_str(&name).expect("a good name");
        request.headers_mut().entry(X_REQUEST_ID).or_insert(name);
        send(self.router.clone(), request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Ask::new(&format!("POST {path}")).json(body)).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask(Ask::new(&format!("GET {target}")).auditor()).await
    }

    /// The end of the default tenant's chain: what moves whenever anything is written.
    pub(crate) async fn head(&self) -> Head {
        let load = Load {
            tenant: TenantId::default_tenant(),
            now: self.clock.now(),
            select: Select::Nothing,
            filter: Filter::Everything,
            subject: SubjectRef::TENANT,
            idempotency: None,
            as_of: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
        };
        self.store.load(&load).await.expect("the memory store can be read").head
    }
}

/// A memory that everything is right with.
pub(crate) fn memory() -> Value {
    json!({
        "user_id": "user-1",
        "scope": "preferences",
        "domain": "food",
        "source": "explicit_user_input",
        "ttl_days": 30,
        "value_json": {"likes": ["tea"], "dislikes": ["noise"]},
    })
}

/// An event of a person.
pub(crate) fn event_of(user: &str) -> Value {
    json!({
        "tenant_id": "t_default",
        "scope": {"scope_type": "user", "scope_id": user},
        "type": "event",
        "truth_mode": "factual_claim",
        "content": {"format": "text", "language": "en", "text": "I'm allergic to peanuts. Please keep answers short."},
    })
}

/// A read of it.
pub(crate) fn reading() -> Value {
    json!({
        "user_id": "user-1",
        "scope": "preferences",
        "domain": "food",
        "purpose": "suggest a restaurant",
    })
}

/// `base` with members changed; a null of ours removes one.
pub(crate) fn changed(base: &Value, changes: &[(&str, Value)]) -> Value {
    let mut value = base.clone();
    for (name, change) in changes {
        value[*name] = change.clone();
    }
    value
}

/// `base` without a member.
pub(crate) fn without(base: &Value, name: &str) -> Value {
    let mut value = base.clone();
    value.as_object_mut().expect("an object").remove(name);
    value
}

/// What was said, to be kept as a snapshot: nothing needs to be left out but how long it took.
pub(crate) struct Talk {
    pub(crate) app: App,
    text: String,
}

impl Talk {
    pub(crate) fn with(app: App) -> Self {
        Self { app, text: String::new() }
    }

    /// Asks, and writes down both sides under a title.
    pub(crate) async fn say(&mut self, title: &str, ask: Ask) -> Answer {
        let asked = shown_ask(&ask);
        let answer = self.app.ask(ask).await;
        let _ = write!(self.text, "# {title}\n{asked}\n{}\n", shown_answer(&answer));
        answer
    }

    pub(crate) async fn post(&mut self, title: &str, path: &str, body: &Value) -> Answer {
        self.say(title, Ask::new(&format!("POST {path}")).json(body)).await
    }

    pub(crate) fn end(self) -> String {
        self.text
    }
}

fn shown_ask(ask: &Ask) -> String {
    let mut text = format!("{} {}\n", ask.method, ask.target);
    for (name, value) in ask.headers.iter().filter(|(name, _)| name != "content-type") {
        let _ = writeln!(text, "{name}: {value}");
    }
    if let Some(body) = &ask.body {
        let _ = writeln!(text, "{}", body.chars().take(400).collect::<String>());
    }
    text
}

/// An answer as text.
pub(crate) fn shown_answer(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    let mut headers: Vec<(&str, &str)> =
        answer.headers.keys().map(|name| (name.as_str(), answer.header(name.as_str()))).collect();
    headers.sort_unstable();
    for (name, value) in headers {
        if !["x-response-time", "content-length"].contains(&name) {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    match serde_json::from_str::<Value>(&answer.text) {
        Ok(body) => format!("{text}{body:#}\n"),
        Err(_) => format!("{text}{}\n", answer.text),
    }
}
