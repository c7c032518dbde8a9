//! What waits for a review: who sees it, who ends it, and what follows.

use std::sync::Arc;

use memoryscope_domain::ids::{MemoryId, NodeId, TenantId};
use memoryscope_domain::items::policy::Layer;
use memoryscope_domain::items::{Consent, Risk};
use memoryscope_domain::lifecycle::{Barred, Cleared, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Awaited, State};
use memoryscope_domain::object::{Distinct, Happening, Note, Visibility};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::context::Context;
use memoryscope_engine::extract::{BuiltIn, extract_all};
use memoryscope_engine::op::get::Get;
use memoryscope_engine::op::graph::Around;
use memoryscope_engine::op::ingest::Ingest;
use memoryscope_engine::op::page::Next;
use memoryscope_engine::op::review::{Page, Queue};
use memoryscope_engine::op::step::Made;
use serde_json::json;

use super::items::{acting, item, revised, revision};
use super::objects::{category, event, event_with};
use super::support::{World, policy_with, refused, user, word};

const SEAL: Step = Step::Seal { reason: None };
const RELEASE: Step = Step::Release { reason: None };
const REVOKE: Step = Step::Revoke { reason: None };

pub(crate) fn approve() -> Step {
    Step::Approve { risk: Cleared::Sensitive, reason: Note::parse("It is harmless.").ok() }
}

fn reject() -> Step {
    Step::Reject { reason: Note::parse("It is not.").ok() }
}

impl World {
    fn reviewer(&self, name: &str) -> Context {
        let mut cx = acting(self, Some(name));
        cx.principal.roles = [Role::Reviewer].into();
        cx
    }

    async fn queue_for(&self, cx: Context, limit: usize) -> Page {
        let queue = Queue { purpose: Purpose::SupportAgentReview, after: None, limit };
        self.run(cx, queue).await.expect("a queue").output
    }

    async fn queue(&self) -> Vec<MemoryId> {
        let page = self.queue_for(self.reviewer("rita"), 100).await;
        assert!(page.next.is_none());
        page.items.iter().map(|waits| waits.item.memory.id).collect()
    }

    pub(crate) async fn reviews(&self, name: &str, id: MemoryId, step: Step) -> Result<Made, String> {
        match self.step(self.reviewer(name), id, step).await {
            Ok(done) => done.output.map_err(|barred| barred.to_string()),
            Err(refusal) => Err(word(&refusal)),
        }
    }

    async fn does(&self, name: &str, id: MemoryId, step: Step) -> Made {
        self.step(acting(self, Some(name)), id, step).await.expect("a step").output.expect("it is made")
    }

    async fn flagged(&self, whose: &str, text: &str) -> MemoryId {
        self.clock.advance_micros(1_000_000);
        self.item(whose, json!({"content": text, "risk": "flagged", "acl": {"read": ["bob"]}})).await
    }

    async fn chats(&self, name: &str, id: MemoryId) -> bool {
        self.run(acting(self, Some(name)), Get { id, purpose: Purpose::ChatResponse }).await.is_ok()
    }
}

#[tokio::test]
async fn what_waits_is_listed_with_why_and_since_when_and_leaves_when_it_waits_no_more() {
    let world = World::new();
    let flagged = world.flagged("ann", "A recipe for gin.").await;
    world.clock.advance_micros(1_000_000);
    let later = world.item("bob", json!({"content": "A map.", "acl": {"read": ["ann"]}})).await;
    world.item("ann", json!({"content": "Ann likes tea.", "risk": "sensitive"})).await;
    world.flagged("ann", "Gone.").await;
    let unasked = json!({"content": "No.", "risk": "flagged", "consent": "none"});
    world.item("ann", unasked).await;
    let gone = world.queue().await[1];
    world.clock.advance_micros(1_000_000);
    world.does("bob", later, revision(&json!({"risk": "flagged"}))).await;
    let when = world.nobody().now;
    let shared = event_with("cy", "It rained.", |object| {
        object.ownership.visibility = Visibility::SharedWithOrg;
    });
    let shared = world.ingest("cy", shared).await.id;
    world.clock.advance_micros(1_000_000);
    let private = world.ingest("cy", event("cy", "Please use bullet points about Oslo.")).await.id;
    for id in [shared, private] {
        world.step(world.core("cy"), id, SEAL).await.unwrap().output.unwrap();
        world.step(world.core("cy"), id, RELEASE).await.unwrap().output.unwrap();
    }
    assert_eq!(world.queue().await, [flagged, later, gone, shared, private]);
    let page = world.queue_for(world.reviewer("rita"), 100).await;
    let told = |at: usize| {
        let waits = &page.items[at];
        let by = waits.waiting.by.as_ref().map(|by| by.as_str().to_owned()).unwrap_or_default();
        let object = waits.item.memory.object().unwrap();
        let said = object.content.as_ref().and_then(|said| said.as_text()).map(str::to_owned);
        (waits.waiting.why, by, said, waits.redacted.is_empty())
    };
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(told(0), (Awaited::Flagged, "ann".to_owned(), said("A recipe for gin."), true));
    assert_eq!(told(1), (Awaited::Flagged, "bob".to_owned(), said("A map."), true));
    assert_eq!(page.items[1].waiting.since, when);
    assert_eq!(told(3), (Awaited::Restricted, "cy".to_owned(), said("It rained."), true));
    // What is private and was not flagged is not read by who reviews it.
    assert_eq!(told(4), (Awaited::Restricted, "cy".to_owned(), None, false));
    assert_eq!(world.said().await, "REVIEW_READ allowed - 5");
    world.does("ann", gone, Step::Erase).await;
    world.does("bob", later, SEAL).await;
    world.step(world.core("cy"), private, REVOKE).await.unwrap().output.unwrap();
    assert_eq!(world.queue().await, [flagged, shared]);
    // What is sealed and flagged waits again when it is released.
    world.does("bob", later, RELEASE).await;
    assert_eq!(world.queue().await, [flagged, later, shared]);
    world.reviews("rita", flagged, approve()).await.expect("approved");
    world.reviews("rita", shared, reject()).await.expect("rejected");
    world.reviews("rita", later, approve()).await.expect("approved");
    assert_eq!(world.stored(later).await.state, State::Active);
    assert_eq!(world.queue().await, []);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn reviewers_see_and_end_it_and_nobody_else_does() {
    let world = World::new();
    let asked = async |name: Option<&str>, role: Role, purpose: Purpose| {
        let mut cx = acting(&world, name);
        cx.principal.roles = [role].into();
        let id = world.flagged("ann", "A recipe for gin.").await;
        let queue = world.run(cx.clone(), Queue { purpose, after: None, limit: 9 }).await;
        let listed = queue.map_or_else(|why| word(&why), |done| done.output.items.len().to_string());
        let mut ends = Vec::new();
        for step in [reject(), approve()] {
            ends.push(refused(world.step(cx.clone(), id, step).await));
        }
        world.does("ann", id, Step::Erase).await;
        (listed, ends.join(" "))
    };
    let check = async |name, role, purpose, listed: &str, ends: &str| {
        let expect = (listed.to_owned(), ends.to_owned());
        assert_eq!(asked(name, role, purpose).await, expect, "{name:?} {role:?} {purpose:?}");
    };
    let (review, chat) = (Purpose::SupportAgentReview, Purpose::ChatResponse);
    check(Some("rita"), Role::Reviewer, review, "1", "answered answered").await;
    check(None, Role::Reviewer, review, "1", "answered answered").await;
    check(Some("ada"), Role::Admin, review, "1", "answered answered").await;
    check(Some("rita"), Role::Reviewer, chat, "0", "answered answered").await;
    check(Some("ann"), Role::App, review, "POLICY_DENIED", "POLICY_DENIED POLICY_DENIED").await;
    check(Some("ann"), Role::App, chat, "POLICY_DENIED", "POLICY_DENIED POLICY_DENIED").await;
    check(Some("ann"), Role::Reviewer, review, "1", "answered answered").await;
    check(Some("bob"), Role::App, chat, "POLICY_DENIED", "hidden hidden").await;
    check(None, Role::App, review, "POLICY_DENIED", "hidden hidden").await;
    check(Some("eve"), Role::Agent, review, "POLICY_DENIED", "hidden hidden").await;
    check(Some("rita"), Role::Reader, review, "POLICY_DENIED", "ROLE_DENIED ROLE_DENIED").await;
    let audit = Purpose::ComplianceAudit;
    check(Some("eve"), Role::Auditor, audit, "POLICY_DENIED", "POLICY_DENIED POLICY_DENIED").await;
}

#[tokio::test]
async fn an_approval_lets_the_access_list_count_on_the_memory_and_its_nodes() {
    let world = World::new();
    let request = json!({"content": "Dr. Ann Lee called.", "risk": "flagged", "acl": {"read": ["bob"]}});
    let id = world.item("ann", request).await;
    extract_all(&world.engine, &BuiltIn).await.expect("done");
    let node: NodeId = world.current(id).await.item().unwrap().graph.nodes[0].node;
    let sees = async |name: &str| {
        let around = Around::new(node, 0, Purpose::ChatResponse);
        let found = world.run(acting(&world, Some(name)), around).await.unwrap().output;
        (world.chats(name, id).await, found.is_some())
    };
    assert_eq!((sees("ann").await, sees("bob").await), ((true, true), (false, false)));
    let made = world.reviews("rita", id, approve()).await.expect("approved");
    let item = made.memory.item().unwrap();
    assert_eq!((item.policy.risk.value, item.policy.risk.layer), (Risk::Sensitive, Layer::Review));
    let last = made.memory.object().unwrap().history.last().unwrap().clone();
    assert_eq!(
        (last.event, last.by, last.note),
        (Happening::Approved, Some(user("rita")), Note::parse("It is harmless.").ok(),)
    );
    assert_eq!(
        (sees("ann").await, sees("bob").await, sees("eve").await),
        ((true, true), (true, true), (false, false),)
    );
    // It stays approved until somebody says otherwise.
    let changed = world.does("ann", id, revised("Dr. Ann Lee wrote.")).await;
    assert_eq!(changed.memory.item().unwrap().policy.risk.value, Risk::Sensitive);
    let flag = world.does("ann", id, revision(&json!({"risk": "flagged"}))).await;
    assert_eq!(flag.memory.item().unwrap().policy.risk.layer, Layer::Request);
    assert_eq!(world.queue().await, [id]);
    let safe = Step::Approve { risk: Cleared::None, reason: None };
    let made = world.reviews("rita", id, safe).await.expect("approved");
    assert_eq!(made.memory.item().unwrap().policy.risk.value, Risk::None);
    assert_eq!(made.memory.item().unwrap().policy.consent.value, Consent::Implicit);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_rejection_revokes_it_and_what_was_derived() {
    let world = World::new();
    let id = world.flagged("ann", "Please use bullet points about Lisbon.").await;
    let made = world.reviews("rita", id, reject()).await.expect("rejected");
    assert_eq!((made.memory.state, made.propagated_to.len()), (State::Revoked, 2));
    for child in made.propagated_to {
        assert_eq!(world.stored(child).await.state, State::Revoked);
    }
    assert!(!world.chats("ann", id).await);
    let again = world.reviews("rudi", id, reject()).await.expect("it is rejected already");
    assert!(again.propagated_to.is_empty());
    assert_eq!(world.said().await, "MEMORY_REJECT allowed ALREADY_DONE 1");
    let other = world.reviews("rudi", id, approve()).await;
    assert_eq!(other.unwrap_err(), "a memory that is revoked and not flagged waits for no review");
    assert_eq!(world.stored(id).await.version, 2);
}

#[tokio::test]
async fn a_review_is_made_once_and_ends_it() {
    let world = World::new();
    let id = world.flagged("ann", "A recipe for gin.").await;
    world.reviews("rita", id, approve()).await.expect("approved");
    // Who could not read it otherwise still learns that it was made.
    world.reviews("rudi", id, Step::Approve { risk: Cleared::None, reason: None }).await.expect("again");
    assert_eq!(world.said().await, "MEMORY_APPROVE allowed ALREADY_DONE 1");
    let stored = world.stored(id).await;
    assert_eq!((stored.version, stored.item().unwrap().policy.risk.value), (2, Risk::Sensitive));
    let other = world.reviews("rudi", id, reject()).await;
    assert_eq!(other.unwrap_err(), "a memory that is active and not flagged waits for no review");
    assert_eq!(world.said().await, "MEMORY_REJECT allowed BARRED 1");
    // What happens next is none of a reviewer's business.
    world.does("ann", id, revised("A recipe for tea.")).await;
    assert_eq!(world.reviews("rita", id, approve()).await.unwrap_err(), "hidden");
    let own = world.item("rita", json!({"content": "Rita likes tea."})).await;
    let own = world.reviews("rita", own, approve()).await;
    assert_eq!(own.unwrap_err(), "a memory that is active and not flagged waits for no review");
    for hide in [SEAL, Step::Erase] {
        let id = world.flagged("ann", "A recipe for gin.").await;
        world.does("ann", id, hide).await;
        assert_eq!(world.reviews("rita", id, approve()).await.unwrap_err(), "hidden");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_reviewers_at_once_one_decides() {
    let world = Arc::new(World::new());
    for round in 0..20 {
        let id = world.flagged("ann", "A recipe for gin.").await;
        let steps = [approve(), reject(), approve(), reject()];
        let reviews = steps.map(|step| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.reviews("rita", id, step).await })
        });
        let mut ends = Vec::new();
        for review in reviews {
            ends.push(
                review.await.unwrap().map(|made| made.memory.state).map_err(|why| why.contains("no review")),
            );
        }
        let stored = world.stored(id).await;
        assert_eq!(stored.version, 2, "{round}");
        let (won, lost) = if stored.state == State::Active { ([0, 2], [1, 3]) } else { ([1, 3], [0, 2]) };
        assert!(won.iter().all(|at| ends[*at] == Ok(stored.state)), "{ends:?}");
        assert!(lost.iter().all(|at| ends[*at] == Err(true)), "{ends:?}");
    }
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn what_lost_a_parent_is_approved_without_it() {
    let world = World::new();
    let mut parents = Vec::new();
    for text in ["It rained in Porto.", "It snowed in Oslo.", "It froze in Riga."] {
        parents.push(world.ingest("ann", event("ann", text)).await.id);
    }
    let child = event_with("ann", "They said so in Madrid.", |object| {
        object.provenance.derived_from = Distinct::new(parents.clone()).expect("few");
    });
    let child = world.ingest("ann", child).await.id;
    let state = async || world.stored(child).await.state;
    let step = async |id, step| world.step(world.core("ann"), id, step).await.unwrap().output.unwrap();
    step(parents[0], REVOKE).await;
    assert_eq!((state().await, world.queue().await), (State::Restricted, vec![child]));
    world.reviews("rita", child, approve()).await.expect("approved");
    assert_eq!((state().await, world.queue().await), (State::Active, vec![]));
    // What was approved without the first is not approved without the second.
    step(parents[2], SEAL).await;
    step(parents[2], RELEASE).await;
    assert_eq!(state().await, State::Restricted);
    let early = world.reviews("rita", child, approve()).await.unwrap_err();
    assert_eq!(early, Barred::Inherited.to_string());
    world.reviews("rita", parents[2], approve()).await.expect("approved");
    assert_eq!(state().await, State::Active);
    step(parents[1], REVOKE).await;
    assert_eq!(state().await, State::Restricted);
    world.reviews("rita", child, approve()).await.expect("approved");
    assert_eq!(state().await, State::Active);
    step(parents[2], REVOKE).await;
    assert_eq!(state().await, State::Revoked);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn tenants_review_their_own() {
    let world = World::new();
    let id = world.flagged("ann", "A recipe for gin.").await;
    let mut other = world.reviewer("rita");
    other.principal.tenant = TenantId::parse("t_other").unwrap();
    assert_eq!(world.queue_for(other.clone(), 9).await.items, []);
    for step in [approve(), reject()] {
        assert_eq!(refused(world.step(other.clone(), id, step).await), "hidden");
    }
    assert_eq!(world.queue().await, [id]);
}

#[tokio::test]
async fn pages_are_as_long_as_asked_and_say_nothing_of_what_is_hidden() {
    let world = World::new();
    let rule = "when: {memory.metadata.customMetadata.team: red}, then: {allow_read: false}";
    world.activate(policy_with("teams", rule)).await;
    let request = |team: &str| json!({"content": "x", "risk": "flagged", "metadata": {"customMetadata": {"team": team}}});
    let mut shown = Vec::new();
    let hide = async |count: usize| {
        let mut left = count;
        while left > 0 {
            world.clock.advance_micros(1_000_000);
            let now = world.nobody().now;
            let some = left.min(limits::BATCH_ITEMS_MAX);
            let items = (0..some).map(|_| item("ann", &request("red"), now)).collect();
            world.run(world.cx("ann"), Ingest { items }).await.unwrap();
            left -= some;
        }
    };
    for count in [1, limits::LIST_SCAN_ITEMS + 3, 0, 2] {
        world.clock.advance_micros(1_000_000);
        shown.push(world.item("ann", request("blue")).await);
        hide(count).await;
    }
    let (mut seen, mut ends, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let queue = Queue { purpose: Purpose::SupportAgentReview, after, limit: 2 };
        let page = world.run(world.reviewer("rita"), queue).await.unwrap().output;
        seen.extend(page.items.iter().map(|waits| waits.item.memory.id));
        ends.push((page.items.len(), matches!(page.next, Some(Next::Sealed(_)))));
        after = world.place(&world.reviewer("rita"), page.next).await;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, shown);
    assert_eq!(ends, [(2, true), (2, false)]);
    // To who may see nothing of it, it is as if nothing waited.
    let rule = "when: {request.operation: review.list}, then: {allow_read: false}";
    world.activate(policy_with("none", rule)).await;
    let cx = Context { dialect: Dialect::Items, ..world.reviewer("rita") };
    let queue = Queue { purpose: Purpose::SupportAgentReview, after: None, limit: 2 };
    assert_eq!(refused(world.run(cx, queue).await), "POLICY_DENIED");
    assert_eq!(world.reviews("rita", shown[0], approve()).await.unwrap_err(), "hidden");
}

#[tokio::test]
async fn a_review_shows_no_grave_words() {
    let world = World::new();
    let open = policy_with("open", "when: {memory.type: event}, then: {derive_impacts: true}");
    world.activate(open).await;
    let grave = event_with("ann", "What happened to me.", |object| {
        category("trauma")(object);
        object.ownership.visibility = Visibility::SharedWithOrg;
    });
    let id = world.ingest("ann", grave).await.id;
    world.step(world.core("ann"), id, RELEASE).await.unwrap().output.unwrap();
    let page = world.queue_for(world.reviewer("rita"), 9).await;
    let waits = page.items.iter().find(|waits| waits.item.memory.id == id).expect("it waits");
    assert!(waits.item.memory.object().unwrap().content.is_none() && !waits.redacted.is_empty());
    // The server's own children of it wait with it, and for no review of their own.
    assert_eq!(page.items.len(), 1);
}
