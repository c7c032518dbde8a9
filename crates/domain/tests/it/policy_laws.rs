//! Laws that need no definition: order, duplication, more denials, more grants, no rules, any bytes.

use memoryscope_domain::policy::lint::lint;
use memoryscope_domain::policy::{
    BUILTIN_SOURCE, DecidedBy, Effect, MemoryFacts, OwnedValue, Policy, RequestFacts, cases, explain,
};
use memoryscope_domain::purpose::Purpose;
use proptest::prelude::*;
use serde_json::json;

use crate::policy_model::{self as model, Cond, PolicySpec, Test};

/// How many cases a property is tried on: `POLICY_CASES` for a long run.
pub(crate) fn cases(usual: u32) -> u32 {
    std::env::var("POLICY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What is allowed, under which obligations.
fn outcome(spec: &PolicySpec, request: &RequestFacts, memory: &MemoryFacts) -> (Vec<bool>, String) {
    let policy = Policy::load(&spec.text()).expect("generated policies load");
    let decision = policy.decide(&request.as_request(), memory, &Effect::ALL);
    let allowed = Effect::ALL.map(|effect| decision.allows(effect)).to_vec();
    (allowed, format!("{:?}", decision.obligations))
}

/// What neither a rule nor `defaults` allows is denied of these, whatever the language's defaults are.
const NOT_BY_DEFAULT: [Effect; 3] = [Effect::Read, Effect::IncludeInPrompt, Effect::Bridge];

/// A condition that errs for metadata that is a bool, wrapped in each of the ways that a condition can be.
fn erring(wrapped: usize) -> Cond {
    let matches = Test::Matches("a*".to_owned());
    let leaf = Cond::Leaf("memory.metadata.team", matches.clone());
    let holds = Cond::Leaf("memory.metadata.team", Test::Exists(true));
    let fails = Cond::Leaf("memory.metadata.team", Test::Exists(false));
    match wrapped {
        0 => leaf,
        1 => Cond::Leaf("memory.metadata.team", Test::Not(Box::new(matches))),
        2 => Cond::All(vec![holds, leaf]),
        3 => Cond::Any(vec![leaf, fails]),
        _ => Cond::None(vec![fails, leaf]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), ..ProptestConfig::default() })]

    #[test]
    fn order_and_duplication_do_not_matter(
        spec in model::policy(), request in model::request(), memory in model::memory(1), turn in 0_usize..8,
    ) {
        let expected = outcome(&spec, &request, &memory);
        let mut other = spec.clone();
        other.rules.reverse();
        let turn = turn % other.rules.len().max(1);
        other.rules.rotate_left(turn);
        let copies = other.rules.clone().into_iter().map(|mut rule| { rule.id.push_str("_again"); rule });
        let doubled = PolicySpec { rules: other.rules.iter().cloned().chain(copies).collect(), ..other.clone() };
        prop_assert_eq!(&outcome(&other, &request, &memory), &expected);
        prop_assert_eq!(&outcome(&doubled, &request, &memory), &expected);
    }

    #[test]
    fn a_denial_more_never_allows_and_a_grant_more_never_denies(
        spec in model::policy(), request in model::request(), memory in model::memory(1), extra in model::any_rule(),
        grants in any::<bool>(),
    ) {
        let (before, _) = outcome(&spec, &request, &memory);
        let mut more = spec.clone();
        let then = extra.then.iter().map(|(effect, _)| (*effect, grants)).collect();
        more.rules.push(model::RuleSpec { id: "extra".to_owned(), then, ..extra });
        let (after, _) = outcome(&more, &request, &memory);
        for (before, after) in before.into_iter().zip(after) {
            let kept = if grants { after >= before } else { after <= before };
            prop_assert!(kept);
        }
    }

    #[test]
    fn without_rules_nothing_is_read(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
    ) {
        let mut empty = spec;
        empty.rules.clear();
        empty.defaults.retain(|(effect, _)| !NOT_BY_DEFAULT.contains(effect));
        let policy = Policy::load(&empty.text()).expect("loads");
        let decision = policy.decide(&request.as_request(), &memory, &Effect::ALL);
        prop_assert!(NOT_BY_DEFAULT.iter().all(|effect| !decision.allows(*effect)));
    }

    /// Grants that ask for a purpose grant nothing without one.
    #[test]
    fn without_a_purpose_nothing_is_granted(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
    ) {
        let (mut spec, mut request) = (spec, request);
        spec.defaults = Effect::ALL.map(|effect| (effect, false)).to_vec();
        let purposes = Purpose::ALL.iter().map(|purpose| json!(purpose.name())).collect::<Vec<_>>();
        for rule in spec.rules.iter_mut().filter(|rule| rule.then.iter().any(|(_, granted)| *granted)) {
            rule.when.push(Cond::Leaf("request.purpose", Test::List(purposes.clone())));
        }
        request.purpose = None;
        let (allowed, _) = outcome(&spec, &request, &memory);
        prop_assert!(!allowed.contains(&true), "{:?}", allowed);
    }

    /// A rule that errs, however the error is wrapped, denies what it would deny and grants nothing of what it would grant.
    #[test]
    fn an_error_denies_and_never_grants(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
        wrapped in 0_usize..5, at in any::<prop::sample::Index>(),
    ) {
        let mut memory = memory;
        memory.metadata.insert("team".to_owned(), OwnedValue::Bool(true));
        let rule = |granted| model::RuleSpec {
            id: "erring".to_owned(),
            when: vec![erring(wrapped)],
            then: Effect::ALL.map(|effect| (effect, granted)).to_vec(),
            set_state: None,
            max_age_days: None,
        };
        let with = |granted| {
            let mut with = spec.clone();
            with.rules.insert(at.index(with.rules.len() + 1), rule(granted));
            with
        };
        prop_assert_eq!(outcome(&with(true), &request, &memory), outcome(&spec, &request, &memory));
        let policy = Policy::load(&with(false).text()).expect("generated policies load");
        let decision = policy.decide(&request.as_request(), &memory, &Effect::ALL);
        for effect in Effect::ALL {
            let verdict = decision.trace.verdict(effect).expect("asked");
            prop_assert!(!decision.allows(effect) && !verdict.allowed);
            // A rule that denies without an error is named before one that errs.
            let named = verdict.rules.iter().any(|rule| **rule == *"erring");
            prop_assert!(named || verdict.by == DecidedBy::Rule, "{:?}", verdict);
        }
    }

    /// The text that was kept, loaded again, has the same hash and decides the same, down to the trace.
    #[test]
    fn a_decision_can_be_replayed(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let decision = policy.decide(&request.as_request(), &memory, &Effect::ALL);
        let again = Policy::load(policy.source()).expect("what was loaded loads");
        prop_assert_eq!(&decision.trace.policy_hash, again.hash());
        prop_assert_eq!(again.decide(&request.as_request(), &memory, &Effect::ALL), decision);
    }

    /// What is not read is in no prompt; asking for less never changes an answer; the linter and explain are total.
    #[test]
    fn decisions_are_consistent(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let request = request.as_request();
        let whole = policy.decide(&request, &memory, &Effect::ALL);
        prop_assert!(whole.allows(Effect::Read) || !whole.allows(Effect::IncludeInPrompt));
        for effect in Effect::ALL {
            prop_assert_eq!(policy.decide(&request, &memory, &[effect]).allows(effect), whole.allows(effect));
        }
        prop_assert_eq!(&policy.prepare(&request).decide(&memory, &Effect::ALL), &whole);
        let explained = explain(&policy, &request, &memory);
        prop_assert_eq!(&explained.decision.trace.effects, &whole.trace.effects);
        prop_assert_eq!(explained.rules.len(), spec.rules.len());
        let hint = whole.trace.nearest_grant.map(|hint| hint.text).unwrap_or_default();
        prop_assert!(!hint.contains("memory."), "{}", hint);
        for warning in lint(&policy) {
            if warning.code == memoryscope_domain::policy::lint::Code::NeverMatches {
                prop_assert!(!whole.trace.matched_rules.contains(&warning.rule), "{:?}", warning);
            }
        }
    }

    /// A rule that is said to be shadowed can go, and nothing changes.
    #[test]
    fn shadowed_rules_change_nothing(
        spec in model::policy(), request in model::request(), memory in model::memory(0),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let before = outcome(&spec, &request, &memory);
        for warning in lint(&policy) {
            use memoryscope_domain::policy::lint::Code::{NeverMatches, Shadowed, StateNotNamed};
            let mut without = spec.clone();
            match warning.code {
                NeverMatches | Shadowed => without.rules.retain(|rule| *rule.id != *warning.rule),
                StateNotNamed => {
                    for rule in without.rules.iter_mut().filter(|rule| *rule.id == *warning.rule) {
                        rule.then.retain(|(_, granted)| !granted);
                    }
                }
                _ => continue,
            }
            prop_assert_eq!(&outcome(&without, &request, &memory), &before, "{:?}", warning);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &bytes] {
            let _ = Policy::load(text);
            let _ = cases::run(text, &Policy::builtin());
            let _ = MemoryFacts::parse(text);
            let _ = RequestFacts::parse(text);
        }
    }

    /// The shipped policy with a piece cut out, doubled or replaced.
    #[test]
    fn a_damaged_policy_is_read_or_refused(
        from in any::<prop::sample::Index>(), length in 0_usize..60, patch in "[-:{}\\[\\], \"'&*!|>\na-z0-9]{0,6}",
    ) {
        let chars = BUILTIN_SOURCE.chars().collect::<Vec<_>>();
        let at = from.index(chars.len());
        let after = (at + length).min(chars.len());
        let damaged = chars[..at].iter().copied().chain(patch.chars()).chain(chars[after..].iter().copied());
        if let Ok(policy) = Policy::load(&damaged.collect::<String>()) {
            let _ = lint(&policy);
        }
    }
}

#[test]
fn what_is_unknown_is_refused_and_never_asked() {
    let rule = |when: &str, then: &str| {
        Policy::load(&format!("policy_version: a\nrules: [{{id: r, when: {{{when}}}, then: {{{then}}}}}]"))
    };
    assert!(rule("request.purpose: chat_response", "allow_read: true").is_ok());
    assert!(rule("request.purpose: chat_respond", "allow_read: true").is_err());
    assert!(rule("request.purpose: chat_response", "allow_raed: true").is_err());
    assert!(rule("request.purposes: chat_response", "allow_read: true").is_err());
    assert!(RequestFacts::parse("{purpose: chat_respond}").is_err());
    assert_eq!(Effect::from_name("allow_raed"), None);
    let everything = Policy::load("{policy_version: a, defaults: {read: allow}}").expect("loads");
    let request = RequestFacts::default();
    let decision = everything.decide(&request.as_request(), &MemoryFacts::default(), &[Effect::Write]);
    assert!(!decision.allows(Effect::Read), "what was not asked about is not allowed");
}

#[test]
fn explaining_gives_the_grant_that_is_nearest_for_this_memory() {
    let request =
        RequestFacts::parse("{request.purpose: compliance_audit, principal.roles: [app]}").expect("loads");
    let memory = MemoryFacts::parse("{type: event, state: sealed}").expect("loads");
    let explained = explain(&Policy::builtin(), &request.as_request(), &memory);
    let hint = explained.decision.trace.nearest_grant.expect("a rule could grant");
    assert_eq!(hint.text, "would be allowed if principal.roles = auditor");
}

#[test]
fn hostile_documents_are_refused_quickly() {
    let deep = format!("policy_version: {}", "[".repeat(100_000));
    let deeper = format!(
        "policy_version: a\nrules: [{{id: r, then: {{allow_read: true}}, when: {}{}}}]",
        "{any: [".repeat(30),
        "]}".repeat(30)
    );
    let keys = (0..60_000).map(|n| format!("{n}:")).collect::<Vec<_>>().join("\n");
    let bomb = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]";
    let large = format!("policy_version: {}", "a".repeat(300_000));
    let rules = "{id: a, then: {allow_read: true}}, ".repeat(1_001);
    let many = format!("policy_version: a\nrules: [{rules}]");
    let began = std::time::Instant::now();
    for text in [&deep, &deeper, &keys, bomb, &large, &many] {
        assert!(Policy::load(text).is_err());
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
