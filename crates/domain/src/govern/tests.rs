//! Events, impacts and seeds as policies see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::consent::Purposes;
use crate::constraint::Constraint;
use crate::ids::{MemoryId, TenantId};
use crate::memory::{Body, State};
use crate::object::{
    Affect, Category, Content, Distinct, Feeling, Handling, Impact, Label, Language, Level, List, Name,
    Object, Precision, Strength, Temporal, TruthMode, Unit, Visibility, generate,
};
use crate::policy::Dialect;
use crate::policy::catalogue::CATALOGUE;
use crate::policy::{Attribute, Filter, MemoryAttributes};
use crate::principal::Principal;
use crate::purpose::Purpose;
use crate::scope::Scope;
use crate::spiral::Spirals;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);
const OBJECTS: &[MemoryType] = &[MemoryType::Event, MemoryType::Impact, MemoryType::Seed];

fn ada() -> UserId {
    UserId::parse("ada").expect("a name")
}

fn acting_for_ada() -> Principal {
    Principal::local(TenantId::default_tenant()).acting_for(ada())
}

fn event() -> Object {
    let mut event = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW.plus_days(-2)));
    event.content = Content::text(Language::default(), "I moved to Oslo.").ok();
    event
}

fn stored(object: Object) -> Memory {
    let id = MemoryId::from_uuid(Uuid::from_u128(1));
    let body = Body::Event(Box::new(object));
    Memory::new(id, TenantId::default_tenant(), Scope::of_user(&ada()), body, NOW.plus_days(-30), None)
}

fn category(text: &str) -> Category {
    Category::parse(text).expect("a category")
}

/// What each attribute of a memory is worth where it is anything.
fn attributes(memory: &Memory, principal: &Principal) -> BTreeMap<&'static str, String> {
    let view = MemoryView::new(memory, principal, NOW).dormant_below(0.6);
    let of_memory = CATALOGUE.iter().filter(|entry| entry.attribute.is_of_memory());
    of_memory
        .map(|entry| (entry.path.trim_start_matches("memory."), view.value(entry.attribute)))
        .filter(|(_, value)| !value.is_absent())
        .map(|(path, value)| (path, format!("{value:?}")))
        .collect()
}

fn check(memory: &Memory, expect: &[(&str, &str)]) {
    let found = attributes(memory, &acting_for_ada());
    let found: Vec<(&str, &str)> = found.iter().map(|(path, value)| (*path, value.as_str())).collect();
    let mut expect = expect.to_vec();
    expect.sort_unstable();
    assert_eq!(found, expect);
}

#[test]
fn an_event_has_every_attribute_that_it_says() {
    let mut event = event();
    event.sensitivity.level = Level::High;
    event.sensitivity.categories = Distinct::new(vec![category("Health"), category("work")]).expect("few");
    event.ownership.claimant = UserId::parse("bob").ok();
    event.ownership.subjects = Distinct::new(vec![UserId::parse("eve").expect("a name")]).expect("few");
    event.ownership.visibility = Visibility::SharedWithOrg;
    event.temporal.claimed = Some(NOW.plus_days(-9));
    event.temporal = event.temporal.with_precision(Precision::Approximate, None).expect("good");
    event.temporal.confidence = Unit::clamped(0.25);
    event.affect = Some(Affect {
        feeling: Feeling {
            labels: Distinct::new(vec![Label::parse("Joy").expect("a label")]).expect("few"),
            ..Feeling::default()
        },
        ..Affect::default()
    });
    event.provenance.surface = Name::parse("web").ok();
    event.provenance.conversation_id = Name::parse("c1").ok();
    event.provenance.confidence = Unit::clamped(0.5);
    event.provenance.derived_from = Distinct::new(vec![MemoryId::from_uuid(Uuid::nil())]).expect("few");
    let memory = Memory { state: State::Restricted, ..stored(event) };
    check(
        &memory,
        &[
            ("type", "\"event\""),
            ("writable_by_principal", "true"),
            ("truth_mode", "\"factual_claim\""),
            ("state", "\"restricted\""),
            ("was_erased", "false"),
            ("withheld_from", "{}"),
            // Thirty days old, and half as strong.
            ("strength", "0.5"),
            ("dormant", "true"),
            ("age_days", "30.0"),
            ("constraint_kinds", "{}"),
            ("sensitivity.level", "\"high\""),
            ("sensitivity.categories", "{\"health\", \"work\"}"),
            ("sensitivity.handling", "\"normal\""),
            ("ownership.owner_type", "\"user\""),
            ("ownership.owners", "{\"ada\"}"),
            ("ownership.claimant", "\"bob\""),
            ("ownership.subjects", "{\"ada\", \"eve\"}"),
            ("ownership.dispute_state", "\"undisputed\""),
            ("ownership.visibility", "\"shared_with_org\""),
            ("acl.readers", "{\"person:ada\", \"person:eve\", \"user:ada\"}"),
            ("created_at", "2025-12-02T12:00:00.000000Z"),
            ("temporal.occurred_at_observed", "2025-12-30T12:00:00.000000Z"),
            ("temporal.occurred_at_claimed", "2025-12-23T12:00:00.000000Z"),
            ("temporal.time_precision", "\"approximate\""),
            ("temporal.time_confidence", "0.25"),
            ("provenance.source", "\"user\""),
            ("provenance.surface", "\"web\""),
            ("provenance.conversation_id", "\"c1\""),
            ("provenance.confidence", "0.5"),
            ("provenance.derived", "true"),
            ("scope.type", "\"user\""),
            ("scope.id", "\"ada\""),
            ("scope.namespace", "\"\""),
            ("labels", "{\"joy\"}"),
            ("claimed_by_principal", "false"),
            ("jointly_owned_by_principal", "true"),
            ("owned_by_principal", "true"),
            ("about_principal", "true"),
            ("in_scope_of_principal", "true"),
            ("readable_by_principal", "true"),
        ],
    );
}

#[test]
fn a_tombstone_has_nothing_left_to_test() {
    check(
        &stored(event()).tombstone(),
        &[
            ("type", "\"event\""),
            ("writable_by_principal", "true"),
            ("state", "\"tombstoned\""),
            ("was_erased", "false"),
            ("withheld_from", "{}"),
            ("age_days", "30.0"),
            ("ownership.owners", "{}"),
            ("ownership.subjects", "{}"),
            ("created_at", "2025-12-02T12:00:00.000000Z"),
            ("temporal.occurred_at_observed", "2025-12-02T12:00:00.000000Z"),
            ("scope.type", "\"user\""),
            ("scope.id", "\"\""),
            ("scope.namespace", "\"\""),
            ("claimed_by_principal", "false"),
            ("jointly_owned_by_principal", "true"),
            ("owned_by_principal", "true"),
            ("about_principal", "true"),
            ("in_scope_of_principal", "true"),
            ("readable_by_principal", "true"),
        ],
    );
}

proptest! {
    #[test]
    fn every_value_is_one_that_the_catalogue_knows(memory in generate::memory(), principal in generate::principal()) {
        let view = MemoryView::new(&memory, &principal, NOW);
        for entry in CATALOGUE.iter().filter(|entry| !entry.kind.values().is_empty()) {
            let values = entry.kind.values();
            match view.value(entry.attribute) {
                crate::policy::Value::Text(text) => prop_assert!(values.contains(&text), "{} {text}", entry.path),
                crate::policy::Value::Set(set) => {
                    prop_assert!(!set.any(&mut |text| !values.contains(&text)), "{}", entry.path);
                }
                value => prop_assert!(value.is_absent(), "{}", entry.path),
            }
        }
    }

    #[test]
    fn a_store_sees_what_a_decision_sees(memory in generate::memory(), principal in generate::principal()) {
        let (stored, seen) = (MemoryView::stored(&memory, NOW), MemoryView::new(&memory, &principal, NOW));
        for entry in CATALOGUE.iter().filter(|entry| entry.pushable) {
            let shown = |view: &MemoryView<'_>| format!("{:?}", view.value(entry.attribute));
            prop_assert_eq!(shown(&stored), shown(&seen), "{}", entry.path);
        }
    }

    #[test]
    fn what_may_be_read_is_never_filtered_out(
        memory in generate::object_memory(),
        principal in generate::principal(),
        purpose in proptest::sample::select(&Purpose::ALL[..]),
    ) {
        let policy = Policy::builtin();
        let ask = ask(&principal, Some(purpose), Authority::Policy(Effect::Read));
        let narrowed = narrow(&policy, &ask).expect("it is a read");
        let verdict = decide(&policy, &ask, None, Facts { memories: vec![Arc::new(memory.clone())], ..Facts::default() });
        let kept = narrowed.filter.matches(&MemoryView::stored(&memory, NOW));
        match verdict {
            Verdict::Allowed(visible) => prop_assert!(kept || visible.memories().is_empty()),
            Verdict::Refused(_) => prop_assert_eq!(narrowed.filter, Filter::Nothing),
        }
    }
}

fn ask(principal: &Principal, purpose: Option<Purpose>, authority: Authority) -> Ask<'_> {
    Ask {
        principal,
        purpose,
        operation: "query",
        dialect: Dialect::Core,
        now: NOW,
        authority,
        about: About::Objects(OBJECTS),
        include_events: false,
        repeat: false,
        step: None,
        tool: None,
        scope: None,
        spirals: Spirals::none(),
        person: None,
        deed: None,
        origin: Origin::Live,
    }
}

#[test]
fn a_read_of_objects_is_ruled_out_by_its_request_alone() {
    let policy = Policy::builtin();
    let check = |purpose: Purpose, role: Option<Role>, about: About, is_open: bool| {
        let mut principal = acting_for_ada();
        principal.roles.extend(role);
        let ask = Ask { about, ..ask(&principal, Some(purpose), Authority::Policy(Effect::Read)) };
        let narrowed = narrow(&policy, &ask).expect("it is a read");
        assert_eq!(narrowed.filter != Filter::Nothing, is_open, "{purpose:?} {about:?}");
        assert_eq!(narrowed.trace.effects.first().map(|verdict| verdict.allowed), Some(is_open));
    };
    const EVENTS: About = About::Objects(&[MemoryType::Event]);
    const ALL: About = About::Objects(OBJECTS);
    check(Purpose::ChatResponse, None, ALL, true);
    check(Purpose::SafetyFiltering, None, ALL, true);
    check(Purpose::SafetyFiltering, None, EVENTS, false);
    check(Purpose::ComplianceAudit, None, ALL, false);
    check(Purpose::ComplianceAudit, Some(Role::Auditor), ALL, true);
    check(Purpose::SupportAgentReview, None, EVENTS, false);
    check(Purpose::SupportAgentReview, Some(Role::Reviewer), EVENTS, true);
    check(Purpose::DebuggingReplay, Some(Role::Reviewer), ALL, false);
}

#[test]
fn an_ingest_is_sealed_by_whoever_asks_for_it() {
    let bare = Policy::load("policy_version: p\ndefaults: {write: allow}\nrules: []").expect("it loads");
    let builtin = Policy::builtin();
    let check = |policy: &Policy, asked: State, handling: Handling, categories: &[&str], expect: State| {
        let mut event = event();
        event.sensitivity.handling = handling;
        event.sensitivity.categories =
            Distinct::new(categories.iter().map(|text| category(text)).collect()).expect("few");
        let proposed = vec![Memory { state: asked, ..stored(event) }];
        let principal = acting_for_ada();
        let ask = ask(&principal, None, Authority::Policy(Effect::Write));
        let Verdict::Allowed(visible) = decide(policy, &ask, None, Facts { proposed, ..Facts::default() })
        else {
            unreachable!("writing is allowed")
        };
        let states: Vec<State> =
            visible.proposals().filter_map(Result::ok).map(|memory| memory.state).collect();
        assert_eq!(states, [expect], "{asked:?} {handling:?} {categories:?}");
    };
    check(&bare, State::Active, Handling::Normal, &["trauma"], State::Active);
    check(&bare, State::Restricted, Handling::Normal, &[], State::Restricted);
    check(&bare, State::Restricted, Handling::SealedDefault, &[], State::Sealed);
    check(&builtin, State::Active, Handling::Normal, &["health"], State::Active);
    check(&builtin, State::Active, Handling::Normal, &["Moral Injury"], State::Sealed);
    check(&builtin, State::Restricted, Handling::NoPrompt, &["shame"], State::Sealed);
    check(&builtin, State::Sealed, Handling::Normal, &[], State::Sealed);
}

#[test]
fn what_a_policy_redacts_is_not_visible() {
    let text = "policy_version: p\nrules: [{id: r, then: {allow_read: true, redact: [content, ownership.claimant]}}]";
    let policy = Policy::load(text).expect("it loads");
    let mut claimed = event();
    claimed.ownership.claimant = UserId::parse("bob").ok();
    let principal = acting_for_ada();
    let ask = ask(&principal, Some(Purpose::ChatResponse), Authority::Policy(Effect::Read));
    let facts = Facts { memories: vec![Arc::new(stored(claimed.clone()))], ..Facts::default() };
    let Verdict::Allowed(visible) = decide(&policy, &ask, None, facts) else {
        unreachable!("reading is allowed")
    };
    (claimed.content, claimed.ownership.claimant) = (None, None);
    assert_eq!(visible.memories(), [Arc::new(stored(claimed))]);
}

#[test]
fn consent_is_a_hard_rule_and_an_auditor_is_told_so() {
    let text = "policy_version: p\nrules: [{id: r, then: {allow_read: true}}]";
    let policy = Policy::load(text).expect("it loads");
    let mut principal = acting_for_ada();
    principal.roles.insert(Role::Auditor);
    for (purpose, is_read) in [(Purpose::DebuggingReplay, false), (Purpose::ComplianceAudit, true)] {
        let ask = ask(&principal, Some(purpose), Authority::Policy(Effect::Read));
        let mut memory = stored(event());
        memory.marks.withheld = Purposes::of([Purpose::DebuggingReplay]);
        let facts = Facts { memories: vec![Arc::new(memory)], ..Facts::default() };
        let Verdict::Allowed(visible) = decide(&policy, &ask, None, facts) else {
            unreachable!("reading is allowed")
        };
        assert_eq!(visible.memories().len(), usize::from(is_read));
        let rules: Vec<_> = visible.withheld().iter().map(|one| one.hard_rule).collect();
        assert_eq!(rules, if is_read { vec![] } else { vec![Some("consent")] });
    }
}

#[test]
fn a_policy_can_leave_out_what_is_dormant() {
    let text = "policy_version: p\nglobals: {dormancy_threshold: 0.4}\n\
                rules: [{id: r, when: {memory.dormant: false}, then: {allow_read: true}}]";
    let policy = Policy::load(text).expect("it loads");
    let principal = acting_for_ada();
    let ask = ask(&principal, Some(Purpose::ChatResponse), Authority::Policy(Effect::Read));
    // After thirty days half of it is left.
    for (current, expect) in [(1.0, 1), (0.8, 1), (0.79, 0)] {
        let mut event = event();
        event.strength = Strength::new(Unit::clamped(current));
        let facts = Facts { memories: vec![Arc::new(stored(event))], ..Facts::default() };
        let Verdict::Allowed(visible) = decide(&policy, &ask, None, facts) else {
            unreachable!("reading is allowed")
        };
        assert_eq!(visible.memories().len(), expect, "{current}");
    }
}

#[test]
fn an_impact_is_found_by_the_kinds_of_its_constraints() {
    let constraint: Constraint = serde_json::from_value(serde_json::json!({
        "constraint_id": "00000000-0000-0000-0000-000000000001", "kind": "safety", "topic": "work",
        "target": "response", "rule": "r", "params": {"mode": "gentle"}, "weight": 1.0, "priority": 0,
        "confidence": 1.0, "created_at": 0, "merge": {"slot": "s", "strategy": "union"},
    }))
    .expect("a constraint");
    let impact = Impact { object: event(), constraints: List::new(vec![constraint]).expect("few") };
    let memory = Memory { body: Body::Impact(Box::new(impact)), ..stored(event()) };
    let kinds = attributes(&memory, &acting_for_ada()).remove("constraint_kinds");
    assert_eq!(kinds.as_deref(), Some("{\"safety\"}"));
    assert!(MemoryView::new(&memory, &acting_for_ada(), NOW).value(Attribute::MemoryKind).is_absent());
}
