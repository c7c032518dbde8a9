use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::derive::{self, Wanted};
use crate::ids::{MemoryId, TenantId, UserId};
use crate::memory::{Body, Memory, State};
use crate::object::{
    Content, Derivation, DisputeState, Distinct, Impact, Language, List, Note, Object, Temporal, TruthMode,
    Unit,
};
use crate::scope::Scope;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);

fn id(number: u128) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(number))
}

fn object() -> Object {
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW));
    object.content = Content::text(Language::default(), "Please use bullet points about Lisbon.").ok();
    object
}

fn memory(number: u128, body: Body) -> Memory {
    let ann = UserId::parse("ann").expect("a name");
    Memory::new(id(number), TenantId::default_tenant(), Scope::of_user(&ann), body, NOW, None)
}

fn event(number: u128) -> Memory {
    memory(number, Body::Event(Box::new(object())))
}

/// An impact that somebody derived from these.
fn asserted(number: u128, parents: &[u128], own: State, demanded: State) -> Memory {
    let mut object = object();
    object.provenance.derived_from =
        Distinct::new(parents.iter().map(|parent| id(*parent)).collect()).expect("few");
    let mut memory = memory(number, Body::Impact(Box::new(Impact { object, constraints: List::default() })));
    memory.set_states(own, demanded);
    memory
}

fn by() -> By<'static> {
    By { user: None, now: NOW, quorum: 2 }
}

fn children(event: &Memory, ids: [MemoryId; 2]) -> Vec<Memory> {
    derive::children(event, ids, Wanted { impact: true, seed: true }, "p")
}

fn family(descendants: Vec<Memory>, supporters: Vec<Memory>) -> Family {
    let all = |memories: Vec<Memory>| memories.into_iter().map(Arc::new).collect();
    Family { descendants: all(descendants), supporters: all(supporters), ..Family::default() }
}

fn states(following: &[Memory]) -> BTreeMap<u128, State> {
    following.iter().map(|memory| (memory.id.uuid().as_u128(), memory.state)).collect()
}

fn follow(root: &Memory, family: &Family) -> Vec<Memory> {
    propagate(root, family, &BTreeMap::new(), NOW, children)
}

#[test]
fn parents_demand_the_strictest_of_what_is_left() {
    use State::{Active, Restricted, Revoked, Sealed, Tombstoned};
    let check =
        |parents: &[State], expect| assert_eq!(inherited(parents.iter().copied()), expect, "{parents:?}");
    check(&[], Active);
    check(&[Active, Active], Active);
    check(&[Active, Restricted], Restricted);
    check(&[Active, Restricted, Sealed], Sealed);
    check(&[Revoked, Active], Restricted);
    check(&[Tombstoned, Active], Restricted);
    check(&[Revoked, Sealed], Sealed);
    check(&[Revoked], Revoked);
    check(&[Revoked, Tombstoned], Revoked);
    check(&[Tombstoned, Tombstoned], Tombstoned);
}

#[test]
fn what_was_computed_is_computed_again() {
    let root = event(1);
    let made = children(&root, [id(2), id(3)]);
    assert_eq!(made.len(), 2);
    let sealed = Memory { state: State::Sealed, version: 2, ..root.clone() };
    let of_sealed = follow(&sealed, &family(made.clone(), Vec::new()));
    // It has no categories: nothing is left that may be known beside the seal.
    assert_eq!(states(&of_sealed), BTreeMap::from([(2, State::Revoked), (3, State::Revoked)]));
    assert!(of_sealed.iter().all(|child| child.version == 2 && child.weight() == State::Sealed));
    let released = Memory { state: State::Restricted, version: 3, ..root.clone() };
    let again = follow(&released, &family(of_sealed.clone(), Vec::new()));
    assert_eq!(states(&again), BTreeMap::from([(2, State::Restricted), (3, State::Restricted)]));
    assert!(again.iter().all(|child| child.version == 3 && child.own_state() == State::Active));
    let (Body::Impact(new), Body::Impact(old)) = (&again[0].body, &made[0].body) else { panic!("impacts") };
    assert_eq!(new.constraints, old.constraints);
    assert_eq!(new.object.history.len(), 3);
    let erased = follow(&root.tombstone(), &family(again, Vec::new()));
    assert!(erased.len() == 2 && erased.iter().all(Memory::is_tombstone));
}

#[test]
fn what_somebody_did_to_a_computed_memory_stays() {
    let root = event(1);
    let mut made = children(&root, [id(2), id(3)]);
    let revoke = Step::Revoke { reason: None };
    let Ok(Stepped::Next(revoked)) = revoke.make(&made[0], State::Active, by()) else { panic!("revoked") };
    made[0] = *revoked;
    let again = follow(&Memory { version: 2, ..root }, &family(made, Vec::new()));
    assert_eq!(states(&again), BTreeMap::from([(2, State::Revoked), (3, State::Active)]));
    assert_eq!(Step::Recall(Box::default()).make(&again[1], State::Active, by()), Err(Barred::Computed));
}

#[test]
fn what_was_asserted_takes_what_its_parents_demand() {
    use State::{Active, Restricted, Revoked, Sealed, Tombstoned};
    // 1 ── 2 ── 4      5 is supported by 1 and by 9, which stands outside.
    //  ╲── 3 ──╱
    let kin = || {
        let below = vec![
            asserted(4, &[2, 3], Active, Active),
            asserted(3, &[1], Restricted, Active),
            asserted(2, &[1], Active, Active),
            asserted(5, &[1, 9], Active, Active),
        ];
        family(below, vec![event(9)])
    };
    let check = |state: State, expect: &[(u128, State)]| {
        let root =
            if state == Tombstoned { event(1).tombstone() } else { Memory { state, version: 2, ..event(1) } };
        assert_eq!(states(&follow(&root, &kin())), expect.iter().copied().collect(), "{state:?}");
    };
    check(Active, &[(4, Restricted)]);
    check(Restricted, &[(2, Restricted), (4, Restricted), (5, Restricted)]);
    check(Sealed, &[(2, Sealed), (3, Sealed), (4, Sealed), (5, Sealed)]);
    check(Revoked, &[(2, Revoked), (3, Revoked), (4, Revoked), (5, Restricted)]);
    check(Tombstoned, &[(2, Tombstoned), (3, Tombstoned), (4, Tombstoned), (5, Restricted)]);
    // In another person's scope what only the erased supported is not erased, but gone from use.
    let mut foreign = asserted(6, &[1], Active, Active);
    foreign.partition = Scope::of_user(&UserId::parse("bob").expect("a name")).partition();
    let following = follow(&event(1).tombstone(), &family(vec![foreign], Vec::new()));
    assert_eq!(states(&following), BTreeMap::from([(6, Revoked)]));
}

#[test]
fn a_release_gives_back_what_the_seal_took() {
    let mut sealed = asserted(2, &[1], State::Active, State::Sealed);
    assert_eq!(sealed.own_state(), State::Active);
    let released = Memory { state: State::Restricted, version: 3, ..event(1) };
    let following = follow(&released, &family(vec![sealed.clone()], Vec::new()));
    assert_eq!(states(&following), BTreeMap::from([(2, State::Restricted)]));
    // A seal of its own stays, and cannot be opened while the parent's holds.
    let Ok(Stepped::Next(own)) = (Step::Seal { reason: None }).make(&sealed, State::Sealed, by()) else {
        panic!("sealed")
    };
    sealed = *own;
    assert!(follow(&released, &family(vec![sealed.clone()], Vec::new())).is_empty());
    let release = Step::Release { reason: None };
    assert_eq!(release.make(&sealed, State::Sealed, by()), Err(Barred::State(State::Sealed)));
    assert!(matches!(release.make(&sealed, State::Active, by()), Ok(Stepped::Next(_))));
}

#[test]
fn circles_end() {
    let kin = family(
        vec![
            asserted(2, &[1, 3], State::Active, State::Active),
            asserted(3, &[2], State::Active, State::Active),
        ],
        Vec::new(),
    );
    let root = Memory { state: State::Sealed, version: 2, ..event(1) };
    assert_eq!(states(&follow(&root, &kin)).len(), 2);
}

#[test]
fn a_quorum_settles_a_dispute_and_a_contradiction_reopens_it() {
    let persons: Vec<UserId> =
        ["ann", "bob", "eve"].iter().map(|name| UserId::parse(name).expect("a name")).collect();
    let mut memory = event(1);
    memory.body.object_mut().expect("an object").ownership.claimant = Some(persons[0].clone());
    let mut go = |person: usize, step: Step| {
        let by = By { user: persons.get(person), ..by() };
        let Ok(Stepped::Next(next)) = step.make(&memory, State::Active, by) else { panic!("made") };
        memory = *next;
        memory.object().expect("an object").ownership.dispute_state
    };
    let note = || Note::parse("as it was").expect("a note");
    let attest = |verdict| Step::Attest { verdict, attestation: note() };
    use DisputeState::{Contested, Disputed, Undisputed};
    assert_eq!(go(1, Step::Dispute { reason: note() }), Disputed);
    // The claimant's own word does not count, nor does the same person's twice.
    assert_eq!(go(0, attest(Verdict::Affirm)), Disputed);
    assert_eq!(go(1, attest(Verdict::Affirm)), Disputed);
    assert_eq!(go(1, attest(Verdict::Affirm)), Disputed);
    assert_eq!(go(2, attest(Verdict::Affirm)), Undisputed);
    assert_eq!(go(2, attest(Verdict::Contradict)), Contested);
    assert_eq!(go(2, attest(Verdict::Affirm)), Undisputed);
    assert_eq!(go(2, Step::Dispute { reason: note() }), Disputed);
    assert_eq!(go(1, attest(Verdict::Affirm)), Disputed);
    let nobody = attest(Verdict::Affirm).make(&event(1), State::Active, by());
    assert_eq!(nobody, Err(Barred::Nobody));
}

#[test]
fn a_recall_changes_what_its_policy_lets() {
    use crate::object::ReconsolidationPolicy;
    let updates = Updates {
        note: Note::parse("I see it otherwise now").ok(),
        labels: vec![crate::object::Label::parse("relief").expect("a label")],
        affect: Some(crate::object::Feeling::default()),
        confidence: Some(Unit::clamped(0.5)),
        never: vec!["content".to_owned()],
        ..Updates::default()
    };
    let check = |policy, expect: &[&str]| {
        let refused = updates.refused(policy);
        assert_eq!(refused, expect, "{policy:?}");
    };
    check(ReconsolidationPolicy::NeverEditSource, &["labels", "affect", "provenance.confidence", "content"]);
    check(ReconsolidationPolicy::AppendOnly, &["affect", "provenance.confidence", "content"]);
    check(ReconsolidationPolicy::AllowRelabelAffectOnly, &["provenance.confidence", "content"]);
    check(ReconsolidationPolicy::AllowUpdateClaimConfidence, &["content"]);
    let allowed = Updates { never: Vec::new(), ..updates.clone() };
    let mut source = event(1);
    source.body.object_mut().expect("an object").reconsolidation =
        ReconsolidationPolicy::AllowUpdateClaimConfidence;
    let step = Step::Recall(Box::new(allowed));
    let Ok(Stepped::Next(next)) = step.make(&source, State::Active, by()) else { panic!("recalled") };
    let object = next.object().expect("an object");
    assert_eq!(object.provenance.confidence.get(), 0.5);
    assert_eq!(object.trace.len(), 1);
    assert_eq!(object.trace[0].fields.len(), 4);
    assert_eq!(object.affect.as_ref().map(|affect| affect.feeling.labels.len()), Some(1));
    let refused = Step::Recall(Box::new(updates)).make(&source, State::Active, by());
    assert_eq!(refused, Err(Barred::Reconsolidation(vec!["content".to_owned()])));
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Seal { reason: None }),
        Just(Step::Release { reason: None }),
        Just(Step::Revoke { reason: None }),
        Just(Step::Reinforce { by: Unit::clamped(0.1), reason: None }),
        Just(Step::Erase),
    ]
}

proptest! {
    /// Whatever the family, in whatever order it was loaded: the same follows; nothing opens further than what its parents
    /// demand, every version counts one up, and following once more changes nothing but what is computed.
    #[test]
    fn following_is_a_function_of_the_family(
        parents in prop::collection::vec(prop::collection::btree_set(0_usize..12, 1..3), 1..12),
        own in prop::collection::vec(prop::sample::select(State::ALL[..4].to_vec()), 12),
        root_state in prop::sample::select(State::ALL[..4].to_vec()),
        seed in any::<u64>(),
    ) {
        let below: Vec<Memory> = parents.iter().enumerate().map(|(at, parents)| {
            let number = at as u128 + 2;
            let parents: Vec<u128> = parents.iter().map(|parent| (*parent % (at + 1)) as u128 + 1).collect();
            asserted(number, &parents, own[at], State::Active)
        }).collect();
        let root = Memory { state: root_state, version: 2, ..event(1) };
        let following = follow(&root, &family(below.clone(), Vec::new()));
        let mut shuffled = below.clone();
        shuffled.rotate_left(seed as usize % below.len());
        let again = follow(&root, &family(shuffled, Vec::new()));
        let by_id = |memories: &[Memory]| memories.iter().map(|m| (m.id, m.clone())).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(by_id(&following), by_id(&again));
        let mut after = by_id(&below);
        after.extend(by_id(&following));
        for (id, next) in &by_id(&following) {
            prop_assert_eq!(next.version, by_id(&below)[id].version + 1);
        }
        for memory in after.values() {
            let object = memory.object().expect("an object");
            prop_assert_eq!(object.provenance.derivation, Derivation::Asserted);
            let demanded = inherited(object.provenance.derived_from.iter().map(|parent| {
                after.get(parent).map_or(root.state, |parent| parent.state)
            }));
            prop_assert_eq!(memory.state, memory.own_state().max(demanded.min(State::Revoked)));
        }
        let settled = family(after.into_values().collect(), Vec::new());
        prop_assert!(follow(&root, &settled).is_empty());
    }

    /// A step that changes something adds one version and at most one line of history, and made again it either changes
    /// nothing more or is one that adds up.
    #[test]
    fn steps_count_versions(step in step(), state in prop::sample::select(State::ALL[..4].to_vec())) {
        let memory = Memory { state, ..event(1) };
        if let Ok(Stepped::Next(next)) = step.make(&memory, State::Active, by()) {
            prop_assert_eq!(next.version, 2);
            let again = step.make(&next, State::Active, by());
            match step {
                Step::Reinforce { .. } => prop_assert!(matches!(again, Ok(Stepped::Next(_)))),
                _ => prop_assert_eq!(again, Ok(Stepped::Already)),
            }
        }
    }
}
