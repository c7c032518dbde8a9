//! What holds of bridges whatever crosses them.

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::super::{Authority, decide, narrow};
use super::*;
use crate::govern::MemoryView;
use crate::ids::TenantId;
use crate::object::generate;
use crate::policy::Dialect;
use crate::purpose::Purpose;
use crate::spiral::Spirals;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);
const OBJECTS: &[MemoryType] = &[MemoryType::Event, MemoryType::Impact, MemoryType::Seed];

/// Rules that let more cross than the built-in ones, or less, or ask who reads.
fn rules() -> impl Strategy<Value = Arc<Policy>> {
    let when = prop::sample::select(vec![
        "memory.state: [active, restricted, sealed]",
        "memory.sensitivity.level: {gte: medium}",
        "memory.readable_by_principal: true",
        "memory.owned_by_principal: false",
        "memory.sensitivity.handling: no_prompt",
        "principal.roles: auditor",
        "request.purpose: chat_response",
    ]);
    let then = prop::sample::select(vec![
        "{allow_bridge: true}",
        "{allow_bridge: false}",
        "{allow_read: true, allow_bridge: true}",
        "{allow_read: true}",
        "{allow_read: false}",
    ]);
    prop::collection::vec((when, then), 0..4).prop_map(|rules| {
        let rules = rules.iter().enumerate();
        let rules: String = rules
            .map(|(at, (when, then))| format!("  - {{id: r{at}, when: {{{when}}}, then: {then}}}\n"))
            .collect();
        let rules = if rules.is_empty() { "  []\n".to_owned() } else { rules };
        let text = format!("policy_version: law\nextends: builtin/default\nrules:\n{rules}");
        Arc::new(Policy::load(&text).expect("a law's policy loads"))
    })
}

fn carries() -> impl Strategy<Value = Carries> {
    any::<[bool; 3]>().prop_map(|[events, impacts, seeds]| Carries { events, impacts, seeds })
}

fn target() -> Scope {
    Scope::named(ScopeType::Project, "apollo").expect("a scope")
}

fn bridge(source: &Scope, carries: Carries) -> Bridge {
    Bridge {
        id: BridgeId::from_uuid(Uuid::from_u128(1)),
        tenant: TenantId::default_tenant(),
        source: source.clone(),
        target: target(),
        purposes: [Purpose::ChatResponse, Purpose::TaskExecution, Purpose::ComplianceAudit].into(),
        carries,
        created: NOW,
        expires: None,
        removed: None,
    }
}

proptest! {
    #[test]
    fn what_crosses_is_what_may_and_is_never_filtered_out(
        memory in generate::object_memory(),
        principal in generate::principal(),
        is_member in prop::bool::weighted(0.8),
        carries in carries(),
        policy in rules(),
        purpose in prop::sample::select(&Purpose::ALL[..]),
    ) {
        let mut principal = Principal { tenant: memory.tenant.clone(), ..principal };
        if is_member {
            principal.groups.insert("project:apollo".to_owned());
        }
        let scope = target();
        let ask = Ask {
            origin: crate::govern::Origin::Live,
            principal: &principal,
            purpose: Some(purpose),
            operation: "memory.query",
            dialect: Dialect::Core,
            now: NOW,
            authority: Authority::Policy(Effect::Read),
            about: About::Objects(OBJECTS),
            include_events: false,
            repeat: false,
            step: None,
            tool: None,
            scope: Some(&scope),
            spirals: Spirals::none(),
            person: None,
            deed: None,
        };
        let bridge = Bridge { tenant: memory.tenant.clone(), ..bridge(&memory.scope, carries) };
        let crossings = crossings(&policy, &ask, std::slice::from_ref(&bridge));
        let narrowed = narrow(&policy, &ask).expect("it is a read");
        let memories = vec![Arc::new(memory.clone())];
        let facts = Facts { memories, bridges: vec![bridge.clone()], ..Facts::default() };
        let Verdict::Allowed(seen) = decide(&policy, &ask, None, facts) else { return Ok(()) };
        let is_elsewhere = memory.partition != scope.partition();
        let crossed = seen.bridge_to(memory.id);
        if is_elsewhere && is_member && bridge.serves(purpose, NOW) {
            prop_assert_eq!(crossed.is_some(), !seen.memories().is_empty(), "there is no other way");
        }
        let Some(id) = crossed else { return Ok(()) };
        prop_assert_eq!(id, bridge.id);
        prop_assert!(is_elsewhere && is_member && bridge.serves(purpose, NOW));
        prop_assert!(carries.holds(memory.body.memory_type()));
        prop_assert_eq!(memory.state, State::Active);
        let object = memory.object().expect("it is one");
        prop_assert!(object.sensitivity.handling != Handling::NoPrompt);
        let view = MemoryView::stored(&memory, NOW);
        let passes = |crossing: &Crossing| {
            crossing.partition == memory.partition && crossing.among.matches(&view) && crossing.filter.matches(&view)
        };
        prop_assert!(crossings.iter().any(passes), "{:?}", crossings);
        prop_assert!(narrowed.filter.matches(&view));
    }
}
