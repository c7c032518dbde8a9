//! Whether a tool may be called, and on what evidence.

use memoryscope_domain::govern::Evidence;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::object::{Distinct, Note, Object, TruthMode};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::op::gate::{Answer, AskGate};
use memoryscope_engine::op::ingest::NewObject;

use super::objects::{category, event, event_in, event_with};
use super::support::{World, policy_with, refused, user};

impl World {
    async fn gate(&self, name: &str, tool: &str, evidence: &[MemoryId]) -> Answer {
        let scope = Scope::of_user(&user("ann"));
        let (tool, evidence) = (tool.to_owned(), evidence.to_vec());
        let ask = AskGate { scope, tool, purpose: Purpose::TaskExecution, evidence };
        self.run(self.core(name), ask).await.expect("an answer").output
    }
}

fn in_mode(mode: TruthMode) -> NewObject {
    event_in(mode, "ann", "The bridge is closed.")
}

#[tokio::test]
async fn only_what_may_be_read_for_a_task_is_evidence() {
    let world = World::new();
    let fact = world.ingest("ann", event("ann", "The bridge is closed.")).await.id;
    let how = world.ingest("ann", in_mode(TruthMode::Procedural)).await.id;
    assert!(world.gate("ann", "route", &[]).await.gate.is_open());
    assert!(world.gate("ann", "route", &[fact, how]).await.gate.is_open());
    assert_eq!(world.said().await, "TOOL_GATE allowed - 2");
    let mut hidden = vec![MemoryId::from_uuid(uuid::Uuid::from_u128(7))];
    for mode in [TruthMode::Imagined, TruthMode::Counterfactual, TruthMode::SociallySourced] {
        hidden.push(world.ingest("ann", in_mode(mode)).await.id);
    }
    hidden.push(world.ingest("ann", event_with("ann", "It happened there.", category("trauma"))).await.id);
    let disputed = world.ingest("ann", event("ann", "The bridge is open.")).await.id;
    let dispute = Step::Dispute { reason: Note::parse("It is not.").unwrap() };
    world.step(world.core("ann"), disputed, dispute).await.unwrap().output.unwrap();
    hidden.push(disputed);
    for id in hidden {
        let answer = world.gate("ann", "route", &[fact, id]).await;
        assert!(answer.gate.is_call_allowed && !answer.gate.is_open());
        assert_eq!(answer.gate.evidence, [(fact, Evidence::Admitted), (id, Evidence::NotAvailable)]);
        assert_eq!(world.said().await, "TOOL_GATE allowed GATE_CLOSED 1");
    }
    // Another person's facts are nobody's evidence but their own.
    let answer = world.gate("bob", "route", &[fact]).await;
    assert_eq!(answer.gate.evidence, [(fact, Evidence::NotAvailable)]);
}

#[tokio::test]
async fn a_policy_closes_the_gate_for_a_tool_or_for_a_memory() {
    let world = World::new();
    let fact = world.ingest("ann", event("ann", "The bridge is closed.")).await.id;
    world.activate(policy_with("p2", "when: {request.tool: wipe}, then: {tool_execution: false}")).await;
    let closed = world.gate("ann", "wipe", &[]).await.gate;
    assert!(!closed.is_call_allowed && !closed.is_open());
    assert!(world.gate("ann", "route", &[fact]).await.gate.is_open());
    let rule = "when: {memory.type: event, request.tool: {exists: true}}, then: {tool_execution: false}";
    world.activate(policy_with("p3", rule)).await;
    let gate = world.gate("ann", "route", &[fact]).await.gate;
    assert!(gate.is_call_allowed);
    assert_eq!(gate.evidence, [(fact, Evidence::Denied(vec!["more".into()]))]);
}

#[tokio::test]
async fn what_impacts_ask_of_tools_is_told() {
    let world = World::new();
    let text = "Please ask me before you book anything.";
    let made = world.ingest("ann", event("ann", text)).await;
    let answer = world.gate("ann", "book", &[made.id]).await;
    assert!(!answer.constraints.is_empty(), "{text}");
    assert!(answer.constraints.iter().all(|held| held.impact == made.derived[0].0));
    let hidden = world.gate("bob", "book", &[]).await;
    assert!(hidden.constraints.is_empty());
}

#[tokio::test]
async fn sealed_words_change_nothing_at_the_gate() {
    let mut answers = Vec::new();
    for text in ["Please ask me before you book anything.", "It rained."] {
        let world = World::new();
        let sealed = |object: &mut Object| {
            category("trauma")(object);
            object.ownership.owners = Distinct::default();
        };
        let id = world.ingest("ann", event_with("ann", text, sealed)).await.id;
        answers.push(format!("{:?} {}", world.gate("ann", "book", &[id]).await, world.said().await));
    }
    assert_eq!(answers[0], answers[1]);
    let world = World::new();
    let scope = Scope::of_user(&user("ann"));
    let ask = AskGate { scope, tool: "t".to_owned(), purpose: Purpose::Maintenance, evidence: Vec::new() };
    assert_eq!(refused(world.run(world.core("ann"), ask).await), "answered");
}
