//! Merging constraints: the strategies one by one, conflicts, and the laws.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::constraint::{
    Candidate, Constraint, ConstraintParts, Kind, Merge, Merged, Name, Params, Provenance, Strategy as Rule,
    Target, Term, TieBreaker, merge,
};
use memoryscope_domain::ids::{ConstraintId, MemoryId};
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// When everything is merged.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_micros(1_000);

/// A constraint and what a candidate adds to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    scope: Scope,
    holder: u128,
    reinforced: i64,
    pub(crate) constraint: Constraint,
}

impl Held {
    pub(crate) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            scope: &self.scope,
            holder: MemoryId::from_uuid(Uuid::from_u128(self.holder)),
            constraint: &self.constraint,
            last_reinforced_at: Timestamp::from_unix_micros(self.reinforced),
        }
    }
}

fn params(kind: Kind, words: &str) -> Params {
    let members: Value = match kind {
        Kind::Avoid | Kind::ClarifyFirst | Kind::AskPermission => json!({"topic": words}),
        Kind::Prefer => json!({"attribute": "thing", "value": words}),
        Kind::Require => json!({"behavior": words}),
        Kind::Tone => json!({"tone_profile": words}),
        Kind::Style => json!({"format": words}),
        Kind::Boundary => json!({"boundary_type": words}),
        Kind::Safety => json!({"mode": words}),
    };
    let members: Map<String, Value> = members.as_object().unwrap().clone();
    Params::read(kind, &members).unwrap()
}

/// `id kind words slot strategy [name=value]…`, where a name is weight, priority, created, expires, reinforced, holder,
/// target, tie or scope.
pub(crate) fn held(line: &str) -> Held {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap();
    let id: u128 = next().parse().unwrap();
    let kind = Kind::from_name(next()).unwrap();
    let subject = next();
    let parts = ConstraintParts {
        constraint_id: ConstraintId::from_uuid(Uuid::from_u128(id)),
        topic: Term::parse(subject).unwrap(),
        target: Target::Response,
        rule: Name::parse("test").unwrap(),
        params: params(kind, subject),
        weight: 1.0,
        priority: 0,
        confidence: 1.0,
        created_at: Timestamp::from_unix_micros(0),
        expires_at: None,
        source_refs: Vec::new(),
        provenance: Provenance::default(),
        merge: Merge {
            slot: Name::parse(next()).unwrap(),
            strategy: Rule::from_name(next()).unwrap(),
            tie_breakers: Vec::new(),
        },
    };
    let scope = Scope { scope_type: ScopeType::User, id: "ada".to_owned(), namespace: String::new() };
    let mut made = (scope, id, 0, parts);
    for option in words {
        let (name, value) = option.split_once('=').unwrap();
        set(&mut made, name, value);
    }
    let (scope, holder, reinforced, parts) = made;
    Held { scope, holder, reinforced, constraint: Constraint::new(parts).unwrap() }
}

fn set(
    (scope, holder, reinforced, parts): &mut (Scope, u128, i64, ConstraintParts),
    name: &str,
    value: &str,
) {
    let time = || Timestamp::from_unix_micros(value.parse().unwrap());
    match name {
        "weight" => parts.weight = value.parse().unwrap(),
        "priority" => parts.priority = value.parse().unwrap(),
        "created" => parts.created_at = time(),
        "expires" => parts.expires_at = Some(time()),
        "reinforced" => *reinforced = value.parse().unwrap(),
        "holder" => *holder = value.parse().unwrap(),
        "target" => parts.target = Target::from_name(value).unwrap(),
        "tie" => parts.merge.tie_breakers.push(TieBreaker::from_name(value).unwrap()),
        "scope" => value.clone_into(&mut scope.id),
        other => panic!("no option {other}"),
    }
}

fn number(id: ConstraintId) -> u128 {
    id.uuid().as_u128()
}

pub(crate) fn kept_ids(merged: &Merged<'_>) -> Vec<u128> {
    let mut ids: Vec<u128> = merged.kept.iter().map(|c| number(c.constraint.constraint_id)).collect();
    ids.sort_unstable();
    ids
}

/// What was dropped: `slot: kept > dropped (why)`.
pub(crate) fn report_lines(merged: &Merged<'_>) -> Vec<String> {
    let ids =
        |ids: &[ConstraintId]| ids.iter().map(|id| number(*id).to_string()).collect::<Vec<_>>().join(",");
    merged
        .report
        .iter()
        .map(|entry| {
            format!("{}: {} > {} ({})", entry.slot, ids(&entry.kept), ids(&entry.dropped), entry.why.name())
        })
        .collect()
}

/// Merges one constraint per line; `report` is a line `slot: kept > dropped (why)` for each report.
#[track_caller]
fn check(input: &str, kept: &[u128], report: &str) {
    let held: Vec<Held> = input.lines().filter(|line| !line.trim().is_empty()).map(held).collect();
    let merged = merge(held.iter().map(Held::candidate), NOW);
    assert_eq!(kept_ids(&merged), kept, "{input}");
    assert_eq!(report_lines(&merged).join("\n"), report, "{input}");
}

#[test]
fn each_strategy_keeps_what_it_says() {
    let slot = |strategy: &str| {
        format!(
            "1 tone firm tone {strategy} weight=2 created=1\n\
             2 tone calm tone {strategy} weight=1 created=2\n\
             3 tone formal tone {strategy} weight=3 created=0"
        )
    };
    check(&slot("latest_wins"), &[2], "tone: 2 > 1,3 (latest_wins)");
    check(&slot("max_weight"), &[3], "tone: 3 > 1,2 (max_weight)");
    check(&slot("min_weight"), &[2], "tone: 2 > 1,3 (min_weight)");
    check(&slot("most_restrictive_wins"), &[2], "tone: 2 > 1,3 (most_restrictive_wins)");
    check(&slot("append_only"), &[1, 2, 3], "");
    check(&slot("union"), &[1, 2, 3], "");
    check(&slot("intersection"), &[], "tone:  > 1,2,3 (intersection)");
}

#[test]
fn union_and_intersection_look_at_what_is_said() {
    let slot = |strategy: &str| {
        format!(
            "1 avoid hospital topics {strategy} holder=1 priority=1\n\
             2 avoid hospital topics {strategy} holder=2 priority=5\n\
             3 avoid work-life topics {strategy} holder=2\n\
             4 avoid work_life topics {strategy} holder=2 priority=1"
        )
    };
    check(&slot("union"), &[2, 4], "topics: 2,4 > 1,3 (union)");
    check(&slot("intersection"), &[2], "topics: 2 > 1,3,4 (intersection)");
    check(&slot("append_only"), &[1, 2, 3, 4], "");
}

#[test]
fn the_most_restrictive_strategy_of_a_slot_counts_for_all() {
    check(
        "1 tone firm tone latest_wins created=9\n2 tone gentle tone most_restrictive_wins",
        &[2],
        "tone: 2 > 1 (most_restrictive_wins)",
    );
    check("1 avoid a s append_only\n2 avoid a s union priority=1", &[2], "s: 2 > 1 (union)");
}

#[test]
fn expired_is_out_before_anything_else() {
    check(
        "1 tone firm tone max_weight weight=9 expires=1000\n2 tone calm tone max_weight expires=1001",
        &[2],
        "tone:  > 1 (expired)",
    );
}

#[test]
fn ties_are_broken_in_their_order() {
    let tied =
        |one: &str, two: &str| format!("1 tone firm s max_weight {one}\n2 tone calm s max_weight {two}");
    let (first, second) = ("s: 1 > 2 (max_weight)", "s: 2 > 1 (max_weight)");
    check(&tied("", ""), &[1], first);
    check(&tied("created=1", "created=2"), &[2], second);
    check(&tied("reinforced=2", "reinforced=1 created=5"), &[1], first);
    check(&tied("reinforced=2", "priority=1"), &[2], second);
    check(&tied("reinforced=2 tie=last_reinforced_at", "priority=1"), &[1], first);
}

#[test]
fn scopes_and_targets_are_merged_apart() {
    check(
        "1 tone calm tone latest_wins created=1\n\
         2 tone calm tone latest_wins created=2 scope=bob\n\
         3 tone calm tone latest_wins created=3 target=prompt_context",
        &[1, 2, 3],
        "",
    );
}

#[test]
fn a_wish_goes_where_it_contradicts() {
    check("1 prefer jazz a union priority=9\n2 avoid jazz b union", &[2], "a: 2 > 1 (conflict)");
    check("1 prefer jazz a union\n2 avoid rock b union", &[1, 2], "");
    check("1 prefer jazz a union scope=bob\n2 avoid jazz b union", &[2], "a: 2 > 1 (conflict)");
    check("1 prefer jazz a union\n2 avoid jazz b union target=tool_execution", &[1, 2], "");
    check("1 prefer calls a union\n2 boundary calls b union", &[2], "a: 2 > 1 (conflict)");
    check("1 require music a union\n2 avoid music b union", &[2], "a: 2 > 1 (conflict)");
    check("1 style bullets a union\n2 avoid bullets b union", &[2], "a: 2 > 1 (conflict)");
    check("1 safety jazz a union\n2 avoid jazz b union\n3 ask_permission jazz c union", &[1, 2, 3], "");
    check("1 tone firm a union priority=9\n2 tone reassuring b union", &[2], "a: 2 > 1 (conflict)");
    check("1 tone matter_of_fact a union\n2 tone supportive b union", &[1, 2], "");
    check("1 style detailed a union\n2 style brief b union", &[2], "a: 2 > 1 (conflict)");
    // What lost to another drives nothing out itself.
    check(
        "1 tone blunt a union priority=3\n2 tone gentle b union\n3 tone supportive c union",
        &[2, 3],
        "a: 2 > 1 (conflict)",
    );
}

#[test]
fn a_later_version_stands_for_an_earlier() {
    check("1 avoid jazz a union\n1 avoid rock a union created=1", &[1], "a: 1 > 1 (superseded)");
    check("1 avoid jazz a union\n1 avoid jazz a union", &[1], "");
}

/// Without opposites among its tones and without wishes where `peaceful`.
fn any_line(strategy: &'static str, peaceful: bool) -> impl Strategy<Value = String> {
    let kinds: &[&str] = if peaceful {
        &["avoid", "boundary", "safety", "ask_permission"]
    } else {
        &["avoid", "prefer", "require", "tone", "style", "boundary", "safety", "clarify_first"]
    };
    const WORDS: [&str; 6] = ["firm", "reassuring", "gentle", "brief", "detailed", "jazz"];
    let strategies: Vec<&str> =
        if strategy.is_empty() { Rule::ALL.iter().map(|rule| rule.name()).collect() } else { vec![strategy] };
    let texts = (
        prop::sample::select(kinds),
        prop::sample::select(&WORDS[..]),
        prop::sample::select(&["a", "b", "c"][..]),
        prop::sample::select(strategies),
        prop::sample::select(&["", "tie=created_at", "tie=constraint_id tie=priority"][..]),
        prop::sample::select(&["", "target=tool_execution", "scope=bob"][..]),
    );
    let numbers = (0u8..3, 0u8..3, 0u16..3, 0u16..3, 1u8..4, 998u16..1_004);
    (texts, numbers).prop_map(|((kind, word, slot, strategy, tie, place), numbers)| {
        let (weight, priority, created, reinforced, holder, expires) = numbers;
        format!(
            "{kind} {word} {slot} {strategy} {tie} {place} weight={weight} priority={priority} \
             created={created} reinforced={reinforced} holder={holder} expires={expires}"
        )
    })
}

fn any_held(strategy: &'static str, peaceful: bool) -> impl Strategy<Value = Vec<Held>> {
    let lines = prop::collection::vec(any_line(strategy, peaceful), 0..14);
    lines.prop_map(|lines| (1..).zip(lines).map(|(id, line)| held(&format!("{id} {line}"))).collect())
}

fn of(merged: &Merged<'_>) -> Vec<Held> {
    let back = |candidate: &Candidate<'_>| Held {
        scope: candidate.scope.clone(),
        // What has been merged speaks with one voice: see `intersection`.
        holder: 0,
        reinforced: candidate.last_reinforced_at.unix_micros(),
        constraint: candidate.constraint.clone(),
    };
    merged.kept.iter().map(back).collect()
}

fn merged(held: &[Held]) -> Merged<'_> {
    merge(held.iter().map(Held::candidate), NOW)
}

proptest! {
    #[test]
    fn order_does_not_matter(
        (held, shuffled) in any_held("", false).prop_flat_map(|h| (Just(h.clone()), Just(h).prop_shuffle()))
    ) {
        prop_assert_eq!(merged(&held), merged(&shuffled));
    }

    #[test]
    fn nothing_is_invented_kept_expired_or_lost(held in any_held("", false)) {
        let merged = merged(&held);
        let mut seen = Vec::new();
        for candidate in &merged.kept {
            prop_assert!(held.iter().any(|h| h.candidate() == *candidate));
            prop_assert!(!candidate.constraint.is_expired(NOW));
            seen.push(number(candidate.constraint.constraint_id));
        }
        seen.extend(merged.report.iter().flat_map(|entry| entry.dropped.iter().map(|id| number(*id))));
        seen.sort_unstable();
        let all: Vec<u128> = held.iter().map(|h| number(h.constraint.constraint_id)).collect();
        prop_assert_eq!(seen, all, "each is kept or reported, and only once");
        for entry in &merged.report {
            let is_kept_or_contradicted = |id: &ConstraintId| {
                merged.kept.iter().any(|c| c.constraint.constraint_id == *id)
                    || merged.report.iter().any(|other| other.dropped.contains(id))
            };
            prop_assert!(entry.kept.iter().all(is_kept_or_contradicted));
        }
    }

    #[test]
    fn merging_the_merged_changes_nothing(held in any_held("", false)) {
        let first = of(&merged(&held));
        prop_assert_eq!(of(&merged(&first)), first.clone());
        let twice = [first.clone(), first.clone()].concat();
        prop_assert_eq!(of(&merged(&twice)), first);
    }
}

/// Within a slot the choice of the best, the best of each, and everything are associative. Three things are not:
/// `intersection`, which counts holders that a merge forgets; slots in which strategies or tie-breakers differ, for
/// what is dropped takes its strategy along; and conflicts, for a wish that lost its slot contradicts nothing later.
#[track_caller]
fn check_associative(held: &[Held], at: usize) {
    // One list of tie-breakers for all, and no conflicts: `peaceful` sees to that.
    let held: Vec<Held> = held
        .iter()
        .cloned()
        .map(|mut held| {
            let mut parts = held.constraint.into_parts();
            parts.merge.tie_breakers.clear();
            held.constraint = Constraint::new(parts).unwrap();
            held
        })
        .collect();
    let (left, right) = held.split_at(at.min(held.len()));
    let staged = [of(&merged(left)), right.to_vec()].concat();
    assert_eq!(of(&merged(&staged)), of(&merged(&held)));
    let staged = [of(&merged(left)), of(&merged(right))].concat();
    assert_eq!(of(&merged(&staged)), of(&merged(&held)));
}

proptest! {
    #[test]
    fn choosing_is_associative(
        latest in any_held("latest_wins", true),
        heaviest in any_held("max_weight", true),
        lightest in any_held("min_weight", true),
        strictest in any_held("most_restrictive_wins", true),
        each in any_held("union", true),
        all in any_held("append_only", true),
        at in 0usize..14,
    ) {
        for held in [latest, heaviest, lightest, strictest, each, all] {
            check_associative(&held, at);
        }
    }
}

#[test]
fn intersection_and_conflicts_are_not_associative() {
    let lines = ["1 avoid a s intersection", "2 avoid b s intersection", "3 avoid c s intersection"];
    let three = lines.map(held);
    assert_eq!(kept_ids(&merged(&three)), [0u128; 0]);
    let staged = [of(&merged(&three[..2])), three[2..].to_vec()].concat();
    assert_eq!(kept_ids(&merged(&staged)), [3]);

    let lines = ["1 prefer a s max_weight weight=9", "2 avoid a t union", "3 prefer b s max_weight"];
    let three = lines.map(held);
    assert_eq!(kept_ids(&merged(&three)), [2]);
    let staged = [of(&merged(&three[..2])), three[2..].to_vec()].concat();
    assert_eq!(kept_ids(&merged(&staged)), [2, 3]);
}
