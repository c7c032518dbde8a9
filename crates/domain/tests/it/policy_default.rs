//! The shipped policy: it loads, it is clean, its cases come out, and its truth table is reviewed as a diff.

use memoryscope_domain::policy::cases;
use memoryscope_domain::policy::lint::lint;
use memoryscope_domain::policy::{
    Attribute, BUILTIN_SOURCE, DecidedBy, Effect, Filter, MemoryFacts, Policy, RequestFacts, Value,
};
use memoryscope_domain::purpose::Purpose;

use crate::policy_corpus::{check_golden, from_root};

#[test]
fn the_shipped_policy_loads_without_a_warning() {
    match Policy::load(BUILTIN_SOURCE) {
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        Ok(policy) => assert_eq!(lint(&policy), []),
    }
    assert_eq!(&**Policy::builtin().version(), "builtin-1");
}

#[test]
fn the_shipped_cases_come_out() {
    let text = std::fs::read_to_string(from_root("policies/default.cases.yaml")).expect("readable");
    let report = cases::run(&text, &Policy::builtin()).expect("the cases are well formed");
    let failed = report.cases.iter().filter(|case| !case.mismatches.is_empty());
    let failed = failed.map(|case| format!("{}: {:?}", case.name, case.mismatches)).collect::<Vec<_>>();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let reached = report.cases.iter().flat_map(|case| &case.trace.matched_rules);
    let reached = reached.map(|id| &**id).collect::<std::collections::BTreeSet<_>>();
    assert!(reached.len() * 2 > Policy::builtin().rules().len(), "only {reached:?} are reached");
}

#[test]
fn the_scoped_matrix_is_as_designed() {
    use Purpose::{ContentGeneration as C, NotificationDelivery as N, Recommendation as R, Scheduling as S};
    use Purpose::{TaskExecution as T, UiRendering as U};
    let matrix: [(&str, &[Purpose]); 6] = [
        ("preferences", &[C, R]),
        ("constraints", &[R, S, T]),
        ("communication", &[C, N, U]),
        ("accessibility", &[C, N, U]),
        ("schedule", &[S, T]),
        ("attention", &[N, U]),
    ];
    for (kind, allowed) in matrix {
        for purpose in [C, R, S, T, N, U] {
            let request = RequestFacts { purpose: Some(purpose), ..RequestFacts::default() };
            let known = [
                (Attribute::MemoryType, Value::Text("preference")),
                (Attribute::MemoryKind, Value::Text(kind)),
            ];
            let narrowed = Policy::builtin().narrow(&request.as_request(), Effect::Read, &known);
            assert_eq!(narrowed.filter != Filter::Nothing, allowed.contains(&purpose), "{kind} {purpose:?}");
        }
    }
}

#[test]
fn a_purpose_that_rules_everything_out_is_told_what_would_not() {
    let request = RequestFacts { purpose: Some(Purpose::Scheduling), ..RequestFacts::default() };
    let known = [
        (Attribute::MemoryType, Value::Text("preference")),
        (Attribute::MemoryKind, Value::Text("preferences")),
    ];
    let narrowed = Policy::builtin().narrow(&request.as_request(), Effect::Read, &known);
    assert_eq!(narrowed.filter, Filter::Nothing);
    assert_eq!(narrowed.trace.effects[0].by, DecidedBy::NoGrant);
    let hint = narrowed.trace.nearest_grant.expect("there is a hint");
    // The purposes of rules that state nothing but a purpose about the request come first.
    assert!(
        hint.text.starts_with("would be allowed if request.purpose = content_generation"),
        "{}",
        hint.text
    );
}

/// The columns of the truth table: a name, and the memory without what depends on who asks.
fn memories() -> Vec<(&'static str, String)> {
    let mut columns = Vec::new();
    let mut add = |name, text: &str| columns.push((name, text.to_owned()));
    add("event low", "type: event");
    add("event medium", "{type: event, sensitivity.level: medium}");
    add("event high", "{type: event, sensitivity.level: high}");
    add("event critical", "{type: event, sensitivity.level: critical}");
    add("event procedural", "{type: event, truth_mode: procedural}");
    add("event subjective", "{type: event, truth_mode: subjective_experience}");
    add("event imagined", "{type: event, truth_mode: imagined}");
    add("event hearsay", "{type: event, truth_mode: socially_sourced}");
    add("event unverified", "{type: event, ownership.dispute_state: unverified}");
    add("event disputed", "{type: event, ownership.dispute_state: disputed}");
    add("event no_prompt", "{type: event, sensitivity.handling: no_prompt}");
    add("event shared", "{type: event, ownership.visibility: shared_with_org}");
    add("event restricted", "{type: event, state: restricted}");
    add("event sealed", "{type: event, state: sealed}");
    add("event revoked", "{type: event, state: revoked}");
    add("event tombstoned", "{type: event, state: tombstoned}");
    add("impact", "type: impact");
    add("impact safety", "{type: impact, constraint_kinds: [safety], sensitivity.level: high}");
    add("impact imagined", "{type: impact, truth_mode: imagined}");
    add("impact sealed", "{type: impact, state: sealed}");
    add("seed", "type: seed");
    add("seed high", "{type: seed, sensitivity.level: high}");
    add("seed subjective", "{type: seed, truth_mode: subjective_experience}");
    add("seed imagined", "{type: seed, truth_mode: imagined}");
    add("seed disputed", "{type: seed, ownership.dispute_state: disputed}");
    add("seed restricted", "{type: seed, state: restricted}");
    for kind in ["preferences", "constraints", "communication", "accessibility", "schedule", "attention"] {
        add(kind, &format!("{{type: preference, kind: {kind}}}"));
    }
    add("schedule sealed", "{type: preference, kind: schedule, state: sealed}");
    add("schedule revoked", "{type: preference, kind: schedule, state: revoked}");
    columns
}

/// The rows of each purpose: who asks, and what the memory is to them.
const WHO: [(&str, &str, &str); 8] = [
    ("app, for the scope", "principal.roles: [app]", "readable_by_principal: true"),
    ("agent, for the scope", "principal.roles: [agent]", "readable_by_principal: true"),
    ("owner", "principal.user: ada", "readable_by_principal: true, owned_by_principal: true"),
    ("subject", "principal.user: ada", "readable_by_principal: true, about_principal: true"),
    ("reviewer", "principal.roles: [reviewer]", "readable_by_principal: true"),
    ("auditor", "principal.roles: [auditor]", "readable_by_principal: false"),
    ("admin", "principal.roles: [admin]", "readable_by_principal: false"),
    ("system", "principal.system: true", "readable_by_principal: false"),
];

/// One cell: ✗ nothing, ✓ read, P also in a prompt; t where a tool may use it as well.
fn cell(request: &RequestFacts, memory: &MemoryFacts) -> &'static str {
    let asked = [Effect::Read, Effect::IncludeInPrompt, Effect::ToolExecution];
    let decision = Policy::builtin().decide(&request.as_request(), memory, &asked);
    let tool = decision.allows(Effect::ToolExecution);
    match (decision.allows(Effect::Read), decision.allows(Effect::IncludeInPrompt)) {
        (false, _) => "✗ ",
        (true, false) if tool => "✓t",
        (true, false) => "✓ ",
        (true, true) if tool => "Pt",
        (true, true) => "P ",
    }
}

#[test]
fn the_truth_table_is_the_reviewed_one() {
    let columns = memories();
    let mut table = String::from(
        "The truth table of builtin/default. ✗ not readable, ✓ readable, P readable and in prompts;\n\
         t: a tool decision may use it. Written by UPDATE_GOLDEN=1 cargo test; reviewed as a diff.\n",
    );
    let width = columns.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let purposes = Purpose::ALL.into_iter().map(Some).chain([None]);
    for purpose in purposes {
        table += &format!("\n== {}\n", purpose.map_or("(no purpose)", Purpose::name));
        for (number, (who, ..)) in WHO.iter().enumerate() {
            table += &format!("{:width$} {}{who}\n", "", "|  ".repeat(number));
        }
        for (name, memory) in &columns {
            let inner = memory.trim_start_matches('{').trim_end_matches('}');
            let cells = WHO.map(|(_, principal, relation)| {
                let mut request = RequestFacts::parse(&format!("{{{principal}}}")).expect("a request");
                request.purpose = purpose;
                let memory = MemoryFacts::parse(&format!("{{{inner}, {relation}}}")).expect("a memory");
                cell(&request, &memory)
            });
            table += &format!("{}\n", format!("{name:width$} {}", cells.join(" ")).trim_end());
        }
    }
    table += &written(width);
    table += &reviewed(width);
    check_golden(&from_root("policies/default.truth.txt"), &table);
}

/// What of what waits for a review is seen by whom, and by whom it is approved.
fn reviewed(width: usize) -> String {
    let mut table =
        "\n== review.list for support_agent_review; r seen without its words, a approved and rejected too\n"
            .to_owned();
    for (number, (who, ..)) in WHO.iter().enumerate() {
        table += &format!("{:width$} {}{who}\n", "", "|  ".repeat(number));
    }
    for (name, memory) in [
        ("event flagged", "type: event, risk: flagged"),
        ("event grave", "type: event, risk: flagged, sensitivity.level: high"),
        ("event unasked", "type: event, risk: flagged, consent: none"),
        ("event restricted", "type: event, state: restricted"),
        ("event shared", "type: event, state: restricted, ownership.visibility: shared_with_org"),
        ("event sealed", "type: event, state: sealed, risk: flagged"),
        ("impact", "type: impact, state: restricted"),
        ("seed", "type: seed, state: restricted, ownership.visibility: shared_with_group"),
    ] {
        let cells = WHO.map(|(_, principal, relation)| {
            let request = |operation: &str| {
                let text = format!("{{{principal}, operation: {operation}, purpose: support_agent_review}}");
                RequestFacts::parse(&text).expect("a request")
            };
            let memory = MemoryFacts::parse(&format!("{{{memory}, {relation}}}")).expect("a memory");
            let decide = |operation, effect| {
                Policy::builtin().decide(&request(operation).as_request(), &memory, &[effect])
            };
            let shown = decide("review.list", Effect::Read);
            let steps = ["memory.approve", "memory.reject"].map(|step| decide(step, Effect::Write));
            let approves = steps.iter().all(|step| step.allows(Effect::Write));
            match (shown.allows(Effect::Read), shown.obligations.redact.is_empty()) {
                (false, _) => "✗ ",
                (true, true) if approves => "✓a",
                (true, true) => "✓ ",
                (true, false) if approves => "ra",
                (true, false) => "r ",
            }
        });
        table += &format!("{}\n", format!("{name:width$} {}", cells.join(" ")).trim_end());
    }
    table
}

/// Who may write what, and where: w where it may be.
fn written(width: usize) -> String {
    let width = width.max("preference other's".len());
    let mut table = "\n== written; whoever asks acts for a person, or is the system\n".to_owned();
    for (number, (who, ..)) in WHO.iter().enumerate() {
        table += &format!("{:width$} {}{who}\n", "", "|  ".repeat(number));
    }
    let own = "in_scope_of_principal: true, owned_by_principal: true";
    for kind in ["event", "impact", "seed", "preference"] {
        let places =
            [("own", own), ("other's", "owned_by_principal: false"), ("project", "scope.type: project")];
        for (place, relation) in
            places.into_iter().filter(|(place, _)| (kind, *place) != ("preference", "project"))
        {
            let memory = MemoryFacts::parse(&format!("{{type: {kind}, {relation}}}")).expect("a memory");
            let cells = WHO.map(|(_, principal, _)| {
                let request = RequestFacts::parse(&format!("{{{principal}}}")).expect("a request");
                let decision = Policy::builtin().decide(&request.as_request(), &memory, &[Effect::Write]);
                if decision.allows(Effect::Write) { "w " } else { "✗ " }
            });
            let name = format!("{kind} {place}");
            table += &format!("{}\n", format!("{name:width$} {}", cells.join(" ")).trim_end());
        }
    }
    table
}
