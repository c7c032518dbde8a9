//! A world to test in: an engine on a memory store, a clock to move, and short words for what is asked.

use std::sync::Arc;

use memoryscope_domain::audit_chain::{Draft, Seq, Verification};
use memoryscope_domain::govern::{Facts, StoredEntry};
use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::{MemoryId, TenantId, UserId};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::{Filter, Policy};
use memoryscope_domain::preference::{Domain, Kind, Preference, Source};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Context;
use memoryscope_engine::engine::{Done, Engine};
use memoryscope_engine::fakes::{self, HandClock};
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::op::Operation;
use memoryscope_engine::op::continue_read::Continue;
use memoryscope_engine::op::create::{Create, NewPreference};
use memoryscope_engine::op::delete::Delete;
use memoryscope_engine::op::list::{self, List};
use memoryscope_engine::op::page::Next;
use memoryscope_engine::op::policy::Activate;
use memoryscope_engine::op::read::{Merged, Read};
use memoryscope_engine::op::revoke::Revoke;
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, Snapshot, Store, WantedRecords};
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

pub(crate) type Answer<T> = Result<Done<T>, Refusal>;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) store: Arc<MemoryStore>,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::default_tenant()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn domain(name: &str) -> Option<Domain> {
    Domain::parse(name).unwrap()
}

/// A preference without a domain that lives 30 days.
pub(crate) fn item(kind: Kind, value: Value) -> NewPreference {
    let preference = Preference::new(kind, None, Source::UserSetting, value).unwrap();
    NewPreference { preference, ttl_days: 30 }
}

pub(crate) fn likes(what: &str) -> NewPreference {
    item(Kind::Preferences, json!({"likes": [what]}))
}

pub(crate) fn read_of(name: &str) -> Read {
    Read {
        user: user(name),
        kind: Kind::Preferences,
        domain: None,
        purpose: Some(Purpose::Recommendation),
        purpose_text: Some("recommend".to_owned()),
        max_age_days: None,
    }
}

pub(crate) fn list_of(name: &str, limit: usize, after: Option<(Timestamp, MemoryId)>) -> List {
    let Read { user, kind, domain, purpose, purpose_text, .. } = read_of(name);
    List { user, kind, domain, purpose, purpose_text, after, limit }
}

/// The built-in policy with one rule more, under a version of its own.
pub(crate) fn policy_with(version: &str, rule: &str) -> Arc<Policy> {
    let text =
        format!("policy_version: {version}\nextends: builtin/default\nrules:\n  - {{id: more, {rule}}}\n");
    Arc::new(Policy::load(&text).expect("a test's policy loads"))
}

pub(crate) fn no_reads(version: &str) -> Arc<Policy> {
    policy_with(version, "when: {memory.type: preference}, then: {allow_read: false}")
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn on(store: Arc<MemoryStore>) -> Self {
        let (engine, clock) = fakes::engine(Arc::<MemoryStore>::clone(&store));
        Self { engine, clock, store }
    }

    /// One whose memories are found by meaning too, and who tells it.
    pub(crate) fn embedding() -> (Self, Arc<fakes::ByInitials>) {
        let store = Arc::new(MemoryStore::new());
        let (engine, clock, embedder) = fakes::embedding_engine(Arc::<MemoryStore>::clone(&store));
        (Self { engine, clock, store }, embedder)
    }

    pub(crate) fn cx(&self, user: &str) -> Context {
        fakes::context(&self.engine, Some(user))
    }

    pub(crate) fn nobody(&self) -> Context {
        fakes::context(&self.engine, None)
    }

    pub(crate) fn system(&self) -> Context {
        Context { principal: Principal::system(tenant()), ..self.nobody() }
    }

    pub(crate) async fn run<O: Operation>(&self, cx: Context, op: O) -> Answer<O::Output> {
        self.engine.run(&cx, &op).await
    }

    pub(crate) async fn create(&self, name: &str, items: Vec<NewPreference>) -> Vec<MemoryId> {
        let done = self.run(self.cx(name), Create { user: user(name), items }).await.expect("a create");
        done.output.into_iter().map(|created| created.expect("an item is stored").id).collect()
    }

    /// A create a millisecond later: two creates never share an instant.
    pub(crate) async fn create_later(&self, name: &str, item: NewPreference) -> MemoryId {
        self.clock.advance_micros(1_000);
        self.create(name, vec![item]).await[0]
    }

    pub(crate) async fn read(&self, name: &str) -> Answer<Merged> {
        self.run(self.cx(name), read_of(name)).await
    }

    pub(crate) async fn token(&self, name: &str) -> Token {
        self.read(name).await.expect("a read").output.token.expect("a token")
    }

    pub(crate) async fn continued(&self, token: &Token) -> Answer<Merged> {
        self.run(self.nobody(), Continue { token_hash: token.hash(), max_age_days: None }).await
    }

    pub(crate) async fn revoke(&self, token: &Token) -> Answer<Timestamp> {
        self.run(self.nobody(), Revoke { token_hash: token.hash() }).await
    }

    pub(crate) async fn delete(&self, name: &str, id: MemoryId) -> Answer<MemoryId> {
        self.run(self.cx(name), Delete { id }).await
    }

    pub(crate) async fn list(&self, name: &str) -> Vec<MemoryId> {
        let page: list::Page =
            self.run(self.cx(name), list_of(name, 1_000, None)).await.expect("a list").output;
        page.items.iter().map(|memory| memory.id).collect()
    }

    /// Where the next page begins.
    pub(crate) async fn place(&self, cx: &Context, next: Option<Next>) -> Option<Place> {
        match next? {
            Next::Shown(place) => Some(place),
            Next::Sealed(sealed) => {
                Some(self.engine.open(cx, &sealed).await.expect("a store").expect("a place of ours"))
            }
        }
    }

    pub(crate) async fn activate(&self, policy: Arc<Policy>) {
        self.run(self.system(), Activate { policy }).await.expect("a policy is activated");
    }

    async fn load(&self, select: Select) -> Snapshot {
        let load = Load {
            tenant: tenant(),
            now: self.cx("reader").now,
            select,
            filter: Filter::Everything,
            subject: SubjectRef::TENANT,
            idempotency: None,
            as_of: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
        };
        self.store.load(&load).await.expect("the memory store answers")
    }

    /// Looks into the store, past the engine: nothing is written.
    pub(crate) async fn facts(&self, select: Select) -> Facts {
        self.load(select).await.facts
    }

    pub(crate) async fn chain(&self) -> Vec<StoredEntry> {
        let all = Select::Entries { after: Seq::ZERO, operations: Vec::new(), limit: usize::MAX - 1 };
        self.facts(all).await.entries
    }

    pub(crate) async fn length(&self) -> u64 {
        self.load(Select::Nothing).await.head.seq.0
    }

    pub(crate) async fn last(&self) -> (Draft, serde_json::Map<String, Value>) {
        let last = self.chain().await.pop().expect("an entry");
        let private = last.private.expect("a private part").object().expect("an object");
        (last.entry.parse().expect("an entry").draft, private)
    }

    /// The last entry in one line: what, how it ended, why, how many memories.
    pub(crate) async fn said(&self) -> String {
        let (draft, _) = self.last().await;
        let reason = draft.reason_code.as_ref().map_or("-", |code| code.as_str());
        format!("{} {} {reason} {}", draft.operation, draft.decision.name(), draft.memories.count())
    }

    pub(crate) async fn verification(&self) -> Verification {
        self.facts(Select::Verification).await.verification.expect("a walk")
    }
}

/// A refusal in one word.
pub(crate) fn word(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Denied { denied, .. } => denied.reason.code().to_owned(),
        Refusal::Hidden { .. } => "hidden".to_owned(),
        Refusal::Gone { gone, .. } => format!("{gone:?}"),
        Refusal::Erased { .. } => "ERASED".to_owned(),
        Refusal::Conflict(conflict) => format!("{conflict:?}"),
        Refusal::TooLarge { limit, .. } => format!("too large: {limit}"),
        Refusal::Unavailable(_) => "unavailable".to_owned(),
        Refusal::Bug(what) => format!("bug: {what}"),
    }
}

/// How it was refused.
pub(crate) fn refused<T>(answer: Answer<T>) -> String {
    answer.map_or_else(|refusal| word(&refusal), |_| "answered".to_owned())
}

/// What was read: the likes of a summary.
pub(crate) fn liked(answer: &Done<Merged>) -> Value {
    answer.output.summary.summary_struct.get("likes").cloned().unwrap_or_default()
}
