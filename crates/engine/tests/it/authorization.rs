//! Who may do what: every operation, run by every kind of caller, on what is their own and on what is another's.
//!
//! `tests/golden/authorization.txt` is what came out; `UPDATE_GOLDEN=1` writes it again.

mod jobs;

use std::fmt::Write as _;

use memoryscope_domain::audit_chain::{CheckpointKey, Seq};
use memoryscope_domain::bridge::Carries;
use memoryscope_domain::consent::{Purposes, Said};
use memoryscope_domain::grant::Token;
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_domain::ids::{AuditId, BridgeId, MemoryId, NodeId, SchemaId, TenantId};
use memoryscope_domain::items::request::{Reading, SearchRequest};
use memoryscope_domain::lifecycle::{Cleared, Step, Verdict};
use memoryscope_domain::object::{Note, Unit};
use memoryscope_domain::policy::{Dialect, Policy};
use memoryscope_domain::principal::{Principal, Role};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{Context as Told, Format};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::subject::Deed;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::audit::{Get, List as Entries, Walk};
use memoryscope_engine::op::bridge::{End as EndBridge, List as Bridges, Make as MakeBridge};
use memoryscope_engine::op::checkpoint::SignHead;
use memoryscope_engine::op::continue_read::Continue;
use memoryscope_engine::op::create::Create;
use memoryscope_engine::op::delete::Delete;
use memoryscope_engine::op::embed::Embed;
use memoryscope_engine::op::expire::Expire;
use memoryscope_engine::op::explain::ExplainedLog;
use memoryscope_engine::op::extract::{Settle, Waiting};
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::get::{Get as GetMemory, History};
use memoryscope_engine::op::graph::{Around, Matching};
use memoryscope_engine::op::ingest::Ingest;
use memoryscope_engine::op::items::ItemFilter;
use memoryscope_engine::op::omo::{Export as ExportObjects, Import};
use memoryscope_engine::op::policy::{self, Activate, Keep, Switch};
use memoryscope_engine::op::propagate::Propagate;
use memoryscope_engine::op::query::Query;
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::review::Queue;
use memoryscope_engine::op::revoke::Revoke;
use memoryscope_engine::op::schema::{self, Amend, Edit};
use memoryscope_engine::op::spiral::GetSpiral;
use memoryscope_engine::op::step::MakeStep;
use memoryscope_engine::op::subject::{Admit, Export, Upkeep};
use memoryscope_engine::op::{self, Operation};
use memoryscope_engine::refusal::Refusal;
use memoryscope_engine::replay::Override;
use serde_json::json;

use super::items::{revised, revision};
use super::objects::{event, filters};
use super::spirals::spiralling;
use super::support::{World, likes, list_of, read_of, tenant, user};

mod answers;
mod records;

const LEGEND: &str = "\
Each cell: what is the caller's own, then what is another's.
✓ done  ∅ answered, and nothing is seen  ✗ denied (403)  ? hidden (404)

";

/// Who calls: a client with one role, or the server itself.
#[derive(Clone, Copy)]
enum Who {
    Client(Role),
    System,
}

impl Who {
    fn all() -> Vec<Self> {
        Role::ALL.into_iter().map(Self::Client).chain([Self::System]).collect()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Client(role) => role.name(),
            Self::System => "system",
        }
    }

    fn principal(self) -> Principal {
        match self {
            Self::Client(role) => Principal { roles: [role].into(), ..Principal::local(tenant()) },
            Self::System => Principal::system(tenant()),
        }
    }
}

/// The step of that name; a release is made of what was sealed first, so it comes to nothing here.
fn step(name: &str) -> Option<Step> {
    let reason = Note::parse("because").ok()?;
    Some(match name {
        "memory.seal" => Step::Seal { reason: None },
        "memory.release" => Step::Release { reason: None },
        "memory.revoke" => Step::Revoke { reason: None },
        "memory.reinforce" => Step::Reinforce { by: Unit::ONE, reason: None },
        "memory.recall" => Step::Recall(Box::default()),
        "memory.dispute" => Step::Dispute { reason },
        "memory.attest" => Step::Attest { verdict: Verdict::Affirm, attestation: reason },
        "memory.approve" => Step::Approve { risk: Cleared::None, reason: Some(reason) },
        "memory.reject" => Step::Reject { reason: Some(reason) },
        "memory.erase" => Step::Erase,
        _ => return None,
    })
}

/// A world in which Ann has a memory, and a client of the caller's name a token to read it.
struct Case {
    world: World,
    cx: Context,
    memory: MemoryId,
    event: MemoryId,
    item: MemoryId,
    schema: SchemaId,
    token: Token,
    bridge: BridgeId,
    /// A query of Ann's, by a client of the local name, and what she said of its answer.
    log: AuditId,
    namespace: String,
    said: String,
}

/// What Ann lets Eve see.
fn bridge() -> MakeBridge {
    let scope = |name| Scope::of_user(&user(name));
    MakeBridge {
        source: scope("ann"),
        target: scope("eve"),
        purposes: [Purpose::ChatResponse].into(),
        carries: Carries { impacts: true, ..Carries::default() },
        expires: None,
        reason: None,
    }
}

impl Case {
    /// `own`: the caller acts for Ann, got the token, and is of the tenant; else none of this.
    async fn new(who: Who, own: bool) -> Self {
        let world = World::new();
        let memory = world.create("ann", vec![likes("tea")]).await[0];
        let event = world.ingest("ann", event("ann", "Please use bullet points.")).await.id;
        let bridge = world.run(world.core("ann"), bridge()).await.unwrap().output.id;
        let likes_tea = json!({"content": "Ann likes tea."});
        let item = super::items::item("ann", &likes_tea, world.nobody().now);
        let item = world.ingest("ann", item).await.id;
        let principal = who.principal();
        let mut holder = world.cx("ann");
        holder.principal.client.clone_from(&principal.client);
        let create = schema::Create { schema: super::graphs::tasks() };
        let schema = world.run(holder.clone(), create).await.unwrap().output.id;
        let token = world.run(holder, read_of("ann")).await.unwrap().output.token.unwrap();
        let (scope, purpose, filters) = (Scope::of_user(&user("ann")), Purpose::ChatResponse, filters());
        let query = Query { scope, purpose, filters, after: None, search: None, limit: 9, max_tokens: None };
        let log = world.run(world.core("ann"), query).await.unwrap().access_log;
        let said = world.run(world.core("ann"), answers::report(log)).await.unwrap().output;
        let mut cx = Context { principal, ..world.nobody() };
        cx.principal.user = Some(user(if own { "ann" } else { "bob" }));
        if !own {
            cx.principal.client = "another".to_owned();
        }
        Self { world, cx, memory, event, item, schema, token, bridge, log, said, namespace: String::new() }
    }

    /// What has to happen before an operation can show something.
    async fn prepare(&mut self, name: &str) {
        self.prepare_records(name).await;
        if name == "spiral.get" {
            for line in super::spirals::RUMINATING {
                self.world.ingest("ann", spiralling("ann", line)).await;
            }
        }
        if name.starts_with("session.") {
            self.talk().await;
        }
        if matches!(name, "memory.approve" | "memory.reject" | "review.list") {
            let flag = MakeStep { id: self.item, step: revision(&json!({"risk": "flagged"})) };
            self.world.run(self.world.cx("ann"), flag).await.unwrap().output.expect("flagged");
        }
    }

    pub(super) async fn mark<O: Operation>(&self, op: O, sees: impl Fn(&O::Output) -> bool) -> char {
        match self.world.engine.run(&self.cx, &op).await {
            Ok(done) if sees(&done.output) => '✓',
            Ok(_) => '∅',
            Err(Refusal::Denied { .. }) => '✗',
            Err(Refusal::Hidden { .. }) => '?',
            Err(other) => panic!("{}: {other}", op.info().name),
        }
    }

    /// Looks at a decision of Ann's.
    async fn look(&self, name: &str) -> char {
        let (engine, log) = (&self.world.engine, self.log);
        let seen = if name == "decision.replay" {
            engine
                .replay(&self.cx, log, Override::default())
                .await
                .map(|done| done.output.result.is_some_and(|result| !result.memory_ids.is_empty()))
        } else {
            engine.explain(&self.cx, log).await.map(|done| match done.output {
                ExplainedLog::Told(told) => !told.decisions.is_empty(),
                ExplainedLog::NotTold(_) => false,
            })
        };
        match seen {
            Ok(true) => '✓',
            Ok(false) => '∅',
            Err(Refusal::Hidden { .. }) => '?',
            Err(other) => panic!("{name}: {other}"),
        }
    }

    /// Runs an operation on events, impacts and seeds; `None` where it is none.
    async fn run_on_objects(&mut self, name: &str) -> Option<char> {
        let purpose = Purpose::ChatResponse;
        let scope = Scope::of_user(&user("ann"));
        let id = self.event;
        self.cx.dialect = Dialect::Core;
        Some(match name {
            "memory.ingest" => {
                let ingest = Ingest { items: vec![event("ann", "It rained.")] };
                self.mark(ingest, |results| results.iter().all(Result::is_ok)).await
            }
            "spiral.get" => self.mark(GetSpiral { scope }, Option::is_some).await,
            "memory.get" => self.mark(GetMemory { id, purpose }, |_| true).await,
            "memory.history" => self.mark(History { id, purpose, after: 0, limit: 1 }, |_| true).await,
            "memory.query" => {
                let query = super::objects::query_in(scope, purpose);
                self.mark(query, |answer| !answer.items.is_empty()).await
            }
            "memory.reconstruct" => {
                let reconstruct = Reconstruct {
                    scope,
                    purpose,
                    format: Format::Text,
                    max_tokens: None,
                    include_events: false,
                    cues: Vec::new(),
                    search: None,
                };
                let said = |told: &Told| matches!(told, Told::Text(text) if !text.is_empty());
                self.mark(reconstruct, |out| said(&out.reconstruction.context)).await
            }
            "tool.gate" => {
                let evidence = vec![id];
                let ask = AskGate { scope, tool: "order".to_owned(), purpose, evidence };
                self.mark(ask, |answer| answer.gate.is_open()).await
            }
            "decision.replay" | "decision.explain" => self.look(name).await,
            "memory.search" => {
                let search = super::items::search(scope, None, ItemFilter::default());
                self.mark(search, |answer| !answer.items.is_empty()).await
            }
            "omo.export" => {
                let export = ExportObjects { ids: vec![self.item], purpose };
                self.mark(export, |objects| !objects.is_empty()).await
            }
            "omo.import" => {
                let object = json!({"id": "a", "createdAt": "2020-01-01T00:00:00Z", "type": "text",
                    "content": "It rained.", "consent": "terms"});
                let import = Import { objects: vec![super::omo::incoming(&self.world, "ann", &object)] };
                self.mark(import, |results| results.iter().all(Result::is_ok)).await
            }
            "memory.revise" => {
                let revise = MakeStep { id: self.item, step: revised("Ann likes jazz.") };
                self.mark(revise, Result::is_ok).await
            }
            "memory.approve" | "memory.reject" => {
                let review = MakeStep { id: self.item, step: step(name)? };
                self.mark(review, Result::is_ok).await
            }
            "review.list" => {
                let queue = Queue { purpose: Purpose::SupportAgentReview, after: None, limit: 9 };
                self.mark(queue, |page| !page.items.is_empty()).await
            }
            _ => {
                let step = step(name)?;
                self.mark(MakeStep { id, step }, Result::is_ok).await
            }
        })
    }

    async fn run_on_graphs_and_persons(&mut self, name: &str) -> Option<char> {
        let mark = match name {
            "schema.create" => self.mark(schema::Create { schema: super::graphs::tasks() }, |_| true).await,
            "schema.list" => self.mark(schema::List::default(), |listed| !listed.schemas.is_empty()).await,
            "schema.get" => self.mark(schema::Get { id: self.schema }, Option::is_some).await,
            "schema.update" | "schema.delete" => {
                let edit = match name {
                    "schema.update" => Edit::Patch { body: json!({"status": "active"}), is_strict: false },
                    _ => Edit::Archive,
                };
                self.mark(Amend { id: self.schema, edit }, |changed| matches!(changed, Some(Ok(_)))).await
            }
            "graph.node" | "graph.around" => {
                let depth = usize::from(name == "graph.around");
                let node = NodeId::from_uuid(self.item.uuid());
                self.mark(Around::new(node, depth, Purpose::ChatResponse), Option::is_some).await
            }
            "graph.search" => {
                let body = json!({"query": "x", "search_override": {"pattern": {
                    "source_label": "Person", "relationship_type": "KNOWS", "target_label": "Person"}}});
                let read = SearchRequest::read(&body, &Reading::default()).unwrap().value;
                let (namespace, purpose) = (String::new(), Purpose::ChatResponse);
                let pattern = read.pattern.unwrap();
                self.mark(Matching { namespace, pattern, schema: None, purpose, limit: 9 }, |_| true).await
            }
            "graph.waiting" => self.mark(Waiting::Behind(None), |queue| !queue.memories.is_empty()).await,
            "graph.extract" => {
                let memory = self.world.current(self.item).await;
                let found = Ok(Candidates::default());
                let settle = Settle { memory, schema: None, found, extractor: "test".to_owned() };
                self.mark(settle, Option::is_some).await
            }
            "session.history" | "session.status" | "session.process" | "session.compress"
            | "session.name" | "feedback.give" | "feedback.get" => return self.run_on_answers(name).await,
            "bridge.create" => self.mark(bridge(), |_| true).await,
            "bridge.remove" => self.mark(EndBridge { id: self.bridge }, |_| true).await,
            "bridge.list" => {
                let list = Bridges { scope: Scope::of_user(&user("ann")), after: None, limit: 9 };
                self.mark(list, |page| !page.bridges.is_empty()).await
            }
            "subject.erase" | "subject.consent" => {
                let deed = match name {
                    "subject.erase" => Deed::Erase,
                    _ => Deed::Consent(Said {
                        is_grant: false,
                        purposes: Purposes::of([Purpose::ChatResponse]),
                        scopes: Vec::new(),
                    }),
                };
                self.mark(Admit { person: user("ann"), deed, reason: None }, |_| true).await
            }
            "subject.export" => self.mark(Export::of(user("ann")), |out| !out.memories.is_empty()).await,
            "subject.upkeep" => self.mark(Upkeep::Close, |_| true).await,
            _ => return self.run_on_jobs(name).await,
        };
        Some(mark)
    }

    /// Runs the operation of that name; `None` where this test does not know it.
    async fn run(&mut self, name: &str, own: bool) -> Option<char> {
        if !own && (name.starts_with("audit.") || name.starts_with("access_log.")) {
            self.cx.principal.tenant = TenantId::parse("t_another").unwrap();
        }
        if let Some(mark) = Box::pin(self.run_on_objects(name)).await {
            return Some(mark);
        }
        let log = self.world.chain().await[0].entry.id;
        let entries = |accesses_only| Entries { after: Seq::ZERO, until: None, limit: 9, accesses_only };
        let seen = |page: &op::audit::Page| !page.items.is_empty();
        let token_hash = self.token.hash();
        if let Some(mark) = Box::pin(self.run_on_graphs_and_persons(name)).await {
            return Some(mark);
        }
        if let Some(mark) = Box::pin(self.run_on_records(name)).await {
            return Some(mark);
        }
        let mark = match name {
            "memory.create" => {
                let create = Create { user: user("ann"), items: vec![likes("jazz")] };
                self.mark(create, |results| results.iter().all(Result::is_ok)).await
            }
            "memory.read" => self.mark(read_of("ann"), |out| out.summary.confidence_tenths > 0).await,
            "memory.list" => self.mark(list_of("ann", 9, None), |page| !page.items.is_empty()).await,
            "memory.continue" => {
                let again = Continue { token_hash, max_age_days: None };
                self.mark(again, |out| out.summary.confidence_tenths > 0).await
            }
            "grant.revoke" => self.mark(Revoke { token_hash }, |_| true).await,
            "memory.delete" => self.mark(Delete { id: self.memory }, |_| true).await,
            "memory.propagate" => self.mark(Propagate, |followed| followed.is_last).await,
            "memory.expire" => self.mark(Expire, |_| true).await,
            "memory.embed" => self.mark(Embed { vectors: Vec::new() }, |_| true).await,
            "audit.list" => self.mark(entries(false), seen).await,
            "access_log.list" => self.mark(entries(true), seen).await,
            "access_log.get" => self.mark(Get { id: log }, Option::is_some).await,
            "audit.verify" => self.mark(Walk::Verify, |walked| walked.verification.entries > 0).await,
            "audit.export" => self.mark(Walk::Export, |walked| walked.verification.entries > 0).await,
            "audit.checkpoint" => {
                let key = CheckpointKey::from_bytes(&[1; 32]);
                self.mark(SignHead { key }, |signed| {
                    signed.as_ref().is_ok_and(|s| s.checkpoint.head.seq.0 > 0)
                })
                .await
            }
            "policy.create" => self.mark(Keep { policy: Policy::builtin() }, Result::is_ok).await,
            "policy.list" => self.mark(policy::Look::All, |kept| !kept.policies.is_empty()).await,
            "policy.get" => {
                let version = Policy::builtin().version().to_string();
                self.mark(policy::Look::Version(version), |kept| !kept.policies.is_empty()).await
            }
            "policy.switch" => self.mark(Switch::To("none".to_owned()), Option::is_some).await,
            "policy.roll_back" => self.mark(Switch::Back, Option::is_some).await,
            "policy.activate" => self.mark(Activate { policy: Policy::builtin() }, |_| true).await,
            _ => return None,
        };
        Some(mark)
    }
}

async fn table() -> String {
    let mut text = LEGEND.to_owned();
    let _ = write!(text, "{:<20}", "operation");
    for who in Who::all() {
        let _ = write!(text, "{:<10}", who.name());
    }
    text.push_str("audit code\n");
    for info in op::ALL {
        let _ = write!(text, "{:<20}", info.name);
        for who in Who::all() {
            let mut cell = String::new();
            for own in [true, false] {
                let mut case = Case::new(who, own).await;
                case.prepare(info.name).await;
                let mark = case.run(info.name, own).await;
                cell.push(mark.unwrap_or_else(|| panic!("{} has no row: add it to Case::run", info.name)));
            }
            let _ = write!(text, "{cell:<10}");
        }
        let _ = writeln!(text, "{}", info.audit);
    }
    text
}

#[tokio::test]
async fn everyone_may_do_what_the_table_says() {
    let table = table().await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/authorization.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(table, golden, "look at the difference, then UPDATE_GOLDEN=1\n{table}");
}

#[tokio::test]
async fn every_operation_is_in_the_chain_however_it_ends() {
    let mut verdicts = std::collections::BTreeSet::new();
    for info in op::ALL {
        for (who, own) in
            [(Who::System, true), (Who::Client(Role::App), true), (Who::Client(Role::Reader), false)]
        {
            let mut case = Case::new(who, own).await;
            case.prepare(info.name).await;
            let count = |chain: Vec<memoryscope_domain::govern::StoredEntry>| {
                chain
                    .iter()
                    .filter(|stored| stored.entry.parse().unwrap().draft.operation == info.audit)
                    .count()
            };
            let before = (case.world.length().await, count(case.world.chain().await));
            let mark = case.run(info.name, own).await.expect("a row");
            if case.cx.principal.tenant != tenant() {
                assert_eq!(case.world.length().await, before.0, "{}: another tenant's chain", info.name);
                continue;
            }
            let after = (case.world.length().await, count(case.world.chain().await));
            assert_eq!(after, (before.0 + 1, before.1 + 1), "{}: one entry, {}", info.name, info.audit);
            let (entry, private) = case.world.last().await;
            assert_eq!(private["operation"], info.name);
            assert_eq!(private["request_id"], "test");
            let expected = match mark {
                '✗' => "denied",
                '?' => "not_found",
                _ => "allowed",
            };
            assert_eq!(entry.decision.name(), expected, "{}", info.name);
            assert_eq!(entry.as_of.0, before.0);
            verdicts.insert(expected);
            assert!(case.world.verification().await.ok);
        }
    }
    assert_eq!(verdicts.len(), 3);
}

#[test]
fn operations_have_names_of_their_own() {
    let mut names: Vec<&str> = op::ALL.iter().map(|info| info.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), op::ALL.len());
}
