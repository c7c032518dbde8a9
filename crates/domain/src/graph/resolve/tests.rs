use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::graph::fold::Seen;
use crate::graph::samples::{candidate, edge, joins, memory, memory_id, node_id, policy, says, schema, time};
use crate::graph::schema::LossReason;
use crate::graph::{End, MatchMode};
use crate::memory::Memory;

/// What becomes of candidates for a memory, where these others are known; in short.
fn check(
    known: &[Memory],
    request: Value,
    of: Option<&Schema>,
    candidates: &Candidates,
    expect: &str,
) -> Resolution {
    let seen = Seen::of(known);
    let known = Known::new(&seen, "", false);
    let policy = policy(request);
    let setting = Setting {
        memory: memory_id(100),
        previous: &[memory_id(1)],
        policy: &policy,
        schema: of,
        known: &known,
        now: time(100),
    };
    let resolution = extracted(&setting, candidates);
    assert_eq!(told(&resolution), expect);
    resolution
}

/// `called outcome by?; …`, nodes and then edges.
fn told(resolution: &Resolution) -> String {
    let by = |by: &Option<String>| by.as_ref().map_or_else(String::new, |by| format!(" {by}"));
    let nodes = resolution.report.nodes.iter();
    let nodes = nodes.map(|node| format!("{} {}{}", node.called, node.outcome.name(), by(&node.by)));
    let edges = resolution
        .report
        .edges
        .iter()
        .map(|edge| format!("{}>{} {}{}", edge.source, edge.target, edge.outcome.name(), by(&edge.by)));
    nodes.chain(edges).collect::<Vec<_>>().join("; ")
}

fn people() -> Vec<Memory> {
    let ann = says(1, "Person", json!({"name": "Ann Lee", "email": "ann@example.org"}), &[]);
    let bob = says(2, "Person", json!({"name": "Robert Stone"}), &[]);
    let task = says(3, "Task", json!({"title": "Fix the printer", "status": "open"}), &[]);
    let to = joins(End::Node(node_id(3)), "ASSIGNED_TO", End::Node(node_id(1)));
    vec![memory(1, vec![ann, bob], Vec::new()), memory(2, vec![task], vec![to])]
}

fn one(node_type: &str, properties: Value) -> Candidates {
    Candidates { nodes: vec![candidate("a", node_type, properties)], ..Candidates::default() }
}

fn constraint(rest: Value) -> Value {
    let mut constraint = crate::graph::samples::object(json!({"node_type": "Person"}));
    constraint.extend(crate::graph::samples::object(rest));
    json!({"node_constraints": [constraint]})
}

#[test]
fn a_known_node_is_found_and_a_new_one_made() {
    let found = check(&people(), json!({}), None, &one("Person", json!({"name": "lee, ann"})), "a merged");
    assert_eq!(found.graph.nodes[0].node, node_id(1));
    // What it was found by stays as it is known.
    assert!(found.graph.nodes[0].properties.is_empty());
    let made = check(&people(), json!({}), None, &one("Person", json!({"name": "Anne Lee"})), "a created");
    assert_ne!(made.graph.nodes[0].node, node_id(1));
    check(&people(), json!({}), None, &one("Task", json!({"title": "fix the printer!"})), "a merged");
    check(&people(), json!({}), None, &one("Company", json!({"name": "Ann Lee"})), "a created");
    check(&people(), json!({}), None, &one("Memory", json!({})), "a rejected reserved_type");
}

#[test]
fn searches_are_tried_in_order_and_told() {
    let by = |search: Value| constraint(json!({"search": search}));
    let exact = by(json!({"properties": ["email", {"name": "name", "mode": "semantic", "threshold": 0.8}]}));
    let wanted = one("Person", json!({"name": "Ann Leigh", "email": "other@example.org"}));
    let found = check(&people(), exact.clone(), None, &wanted, "a created");
    let tried = &found.report.nodes[0].tried;
    assert_eq!(
        tried.iter().map(|one| (one.mode, one.compared)).collect::<Vec<_>>(),
        [(MatchMode::Exact, MatchMode::Exact), (MatchMode::Semantic, MatchMode::Fuzzy),]
    );
    let wanted = one("Person", json!({"name": "Anne Lee"}));
    let found = check(&people(), exact, None, &wanted, "a merged");
    let hit = found.report.nodes[0].tried.last().expect("a search");
    assert_eq!((hit.found, hit.similarity), (Some(node_id(1)), Some(0.875)));
    let value = by(json!({"properties": [{"name": "name", "mode": "exact", "value": "Robert Stone"}]}));
    let found = check(&people(), value, None, &one("Person", json!({"name": "Bob"})), "a merged");
    assert_eq!(found.graph.nodes[0].node, node_id(2));
    let strict = by(json!({"properties": [{"name": "name", "mode": "exact"}]}));
    check(&people(), strict, None, &one("Person", json!({"name": "ann lee"})), "a created");
}

#[test]
fn on_a_miss_a_constraint_decides() {
    let stranger = one("Person", json!({"name": "Zoë"}));
    check(&people(), constraint(json!({"create": "lookup"})), None, &stranger, "a skipped constraint:Person");
    check(&people(), constraint(json!({"link_only": true})), None, &stranger, "a skipped constraint:Person");
    let refused = check(
        &people(),
        constraint(json!({"on_miss": "error"})),
        None,
        &stranger,
        "a failed constraint:Person",
    );
    assert!(refused.graph.is_empty() && refused.report.has_failed());
    let ann = one("Person", json!({"name": "Ann Lee", "role": "chief"}));
    let linked = check(&people(), constraint(json!({"create": "lookup"})), None, &ann, "a linked");
    assert!(linked.graph.nodes[0].properties.is_empty());
    let other = constraint(json!({"create": "lookup", "when": {"role": "guest"}}));
    check(&people(), other, None, &stranger, "a created");
}

#[test]
fn set_beats_extraction_which_beats_the_schema() {
    let of = schema(json!({"node_types": {"Person": {"name": "Person", "properties": {
        "name": {"type": "string", "required": true},
        "level": {"type": "integer", "default": 1, "max_value": 9},
        "role": {"type": "string", "default": "guest"},
        "notes": {"type": "string"},
    }}}}));
    let set = json!({"level": 3, "notes": {"mode": "auto", "text_mode": "append"}});
    let found = one("Person", json!({"name": "Zoë", "level": 2, "role": "chief", "notes": "n", "odd": 1}));
    let made = check(&[], constraint(json!({"set": set})), Some(&of), &found, "a created");
    let node = &made.graph.nodes[0];
    let said: Vec<(&str, &Value, Method)> =
        node.properties.iter().map(|(name, said)| (name.as_str(), &said.value, said.method)).collect();
    let expect: [(&str, &Value, Method); 4] = [
        ("level", &json!(3), Method::Set),
        ("name", &json!("Zoë"), Method::Extracted),
        ("notes", &json!("n"), Method::Extracted),
        ("role", &json!("chief"), Method::Extracted),
    ];
    assert_eq!(said, expect);
    assert_eq!(node.properties["notes"].text_mode, crate::graph::TextMode::Append);
    assert_eq!(made.report.nodes[0].left_out.len(), 1);
    let bare = check(&[], json!({}), Some(&of), &one("Person", json!({"name": "Zoë"})), "a created");
    assert_eq!(bare.graph.nodes[0].properties["role"], Asserted::new(json!("guest"), Method::Default));
    check(&[], json!({}), Some(&of), &one("Person", json!({})), "a rejected schema");
    check(&[], json!({}), Some(&of), &one("Dog", json!({})), "a rejected schema");
    let wrong = check(&[], constraint(json!({"set": {"level": 10}})), Some(&of), &found, "a created");
    assert_eq!(wrong.graph.nodes[0].properties["level"].value, json!(2));
}

#[test]
fn a_node_is_found_through_a_relationship() {
    let via = |email: &str| {
        let target = json!({"properties": [{"name": "email", "mode": "exact", "value": email}]});
        let via = json!([{"edge_type": "ASSIGNED_TO", "target_type": "Person", "target_search": target}]);
        json!({"node_constraints": [{"node_type": "Task", "search": {"via_relationship": via}}]})
    };
    let task = one("Task", json!({"title": "whatever"}));
    let found = check(&people(), via("ann@example.org"), None, &task, "a merged");
    assert_eq!(found.graph.nodes[0].node, node_id(3));
    check(&people(), via("bob@example.org"), None, &task, "a created");
    // Without a value, whom the candidate itself is joined with.
    let target = json!({"properties": ["email"]});
    let via = json!([{"edge_type": "ASSIGNED_TO", "target_type": "Person", "target_search": target}]);
    let own = json!({"node_constraints": [{"node_type": "Task", "search": {"via_relationship": via}}]});
    let joined = Candidates {
        nodes: vec![
            candidate("t", "Task", json!({"title": "x"})),
            candidate("p", "Person", json!({"email": "ann@example.org"})),
        ],
        edges: vec![edge("t", "ASSIGNED_TO", "p")],
        lost: Lost::default(),
    };
    let found = check(&people(), own, None, &joined, "t merged; p merged; t>p created");
    assert_eq!(found.graph.edges, [joins(End::Node(node_id(3)), "ASSIGNED_TO", End::Node(node_id(1)))]);
}

#[test]
fn edges_are_held_to_their_constraints() {
    let both = |request: Value, expect: &str| {
        let candidates = Candidates {
            nodes: vec![
                candidate("t", "Task", json!({"title": "new"})),
                candidate("p", "Person", json!({"name": "Zoë"})),
            ],
            edges: vec![edge("t", "FOR", "p"), edge("t", "FOR", "p")],
            lost: Lost::default(),
        };
        check(&people(), request, None, &candidates, expect)
    };
    both(json!({}), "t created; p created; t>p created; t>p merged");
    let of = |rest: Value| {
        let mut constraint = crate::graph::samples::object(json!({"edge_type": "FOR"}));
        constraint.extend(crate::graph::samples::object(rest));
        json!({"edge_constraints": [constraint]})
    };
    let skipped = "t created; p created; t>p skipped constraint:FOR; t>p skipped constraint:FOR";
    both(of(json!({"create": "lookup"})), skipped);
    both(
        of(json!({"create": "lookup", "source_type": "Person"})),
        "t created; p created; t>p created; t>p merged",
    );
    let bob = json!({"properties": [{"name": "name", "mode": "exact", "value": "Robert Stone"}]});
    let found = both(
        of(json!({"search": bob, "set": {"since": 2026}})),
        "t created; p created; t>p created; t>p merged",
    );
    assert_eq!(found.graph.edges[0].target, End::Node(node_id(2)));
    assert_eq!(found.graph.edges[0].properties["since"].value, json!(2026));
    let failed = both(
        of(json!({"on_miss": "error"})),
        "t created; p created; t>p failed constraint:FOR; t>p failed constraint:FOR",
    );
    assert!(failed.graph.is_empty());
    let edges = vec![edge("$this", "FOLLOWS", "$previous"), edge("$this", "X", "q")];
    let lost = Candidates { edges, ..Candidates::default() };
    check(&people(), json!({}), None, &lost, "$this>$previous created; $this>q rejected unknown_end");
    let hidden = memory_id(7).prefixed();
    let other = Candidates { edges: vec![edge("$this", "X", &hidden)], ..Candidates::default() };
    check(&people(), json!({}), None, &other, &format!("$this>{hidden} rejected unknown_memory"));
}

#[test]
fn what_has_no_name_and_what_was_no_candidate_is_told() {
    let mut odd = one("Person", json!({"name": "Zoë", " ": 1, "a\nb": 2}));
    odd.lost = Lost { malformed: 2, ..Lost::default() };
    let found = check(&[], json!({}), None, &odd, "a created");
    assert_eq!(found.report.lost.malformed, 2);
    let left_out = &found.report.nodes[0].left_out;
    assert_eq!(left_out.iter().map(|left| left.reason).collect::<Vec<_>>(), [LossReason::UnknownProperty; 2]);
    assert_eq!(found.graph.nodes[0].properties.len(), 1);
}

#[test]
fn without_consent_there_is_no_graph() {
    let none = check(&[], json!({"consent": "none"}), None, &one("Person", json!({"name": "Zoë"})), "");
    assert!(none.graph.is_empty());
}

#[test]
fn what_is_given_is_made_as_it_is() {
    let seen = Seen::of(&people());
    let known = Known::new(&seen, "", false);
    let ann = node_id(1).prefixed();
    let request = json!({"mode": "manual", "nodes": [
        {"id": "p", "type": "Person", "properties": {"name": "Ann Lee"}},
        {"id": ann, "type": "Person", "properties": {"role": "chief"}},
    ], "relationships": [
        {"source": "p", "target": ann, "type": "KNOWS"}, {"source": "$this", "target": "p", "type": "ABOUT"},
        {"source": "$this", "target": "$previous", "type": "FOLLOWS"},
    ]});
    let policy = policy(request);
    let none = Vec::new();
    let nodes = policy.nodes.as_ref().map_or(&none, |nodes| &nodes.value);
    let edges = &policy.relationships.as_ref().expect("edges").value;
    let memory = memory_id(100);
    let setting =
        Setting { memory, previous: &[], policy: &policy, schema: None, known: &known, now: time(100) };
    let made = given(&setting, nodes, edges);
    let expect = format!(
        "p created; {ann} merged; p>{ann} created; $this>p created; $this>$previous skipped no_previous"
    );
    assert_eq!(told(&made), expect);
    assert_eq!(made.graph.nodes[0].node, NodeId::made_by(memory, "Person", "p"));
    assert_eq!(made.graph.nodes[1].node, node_id(1));
    assert_eq!(given(&setting, nodes, edges), made);
}

/// `$context:N` is as many edges as there are memories before this one, at most N, the latest first; joined with `$previous` it is one.
#[test]
fn a_memory_is_linked_with_those_before_it() {
    let people = people();
    let seen = Seen::of(&people);
    let known = Known::new(&seen, "", false);
    let before: Vec<MemoryId> = people.iter().map(|memory| memory.id).rev().collect();
    let check = |target: &str, before: &[MemoryId], expect: &str| {
        let edges = json!([{"source": "$this", "target": target, "type": "FOLLOWS"},
            {"source": "$this", "target": "$previous", "type": "FOLLOWS"}]);
        let policy = policy(json!({"relationships": edges}));
        let edges = &policy.relationships.as_ref().expect("edges").value;
        let setting = Setting {
            memory: memory_id(100),
            previous: before,
            policy: &policy,
            schema: None,
            known: &known,
            now: time(100),
        };
        assert_eq!(told(&given(&setting, &[], edges)), expect, "{target}");
    };
    let [one, two] = [before[0].prefixed(), before[1].prefixed()];
    check("$context:1", &before, &format!("$this>{one} created; $this>$previous merged"));
    check(
        "$context:2",
        &before,
        &format!("$this>{one} created; $this>{two} created; $this>$previous merged"),
    );
    check("$context:20", &before[..1], &format!("$this>{one} created; $this>$previous merged"));
    check("$context:3", &[], "$this>$context:3 skipped no_previous; $this>$previous skipped no_previous");
}

fn some_candidates() -> impl Strategy<Value = Vec<(usize, String, bool)>> {
    prop::collection::vec((0..3_usize, "[ab]{1,3}", any::<bool>()), 0..8)
}

proptest! {
    /// Whatever the order in which an extractor finds things, the same is said.
    #[test]
    fn the_order_of_candidates_does_not_matter(
        known in some_candidates(), found in some_candidates(), swaps in prop::collection::vec((0..8_usize, 0..8_usize), 0..8),
        lookup in any::<bool>(),
    ) {
        let types = ["Person", "Task", "Company"];
        let said = known.iter().enumerate().map(|(at, (of, name, _))| {
            memory(at as u128 + 1, vec![says(at as u128 + 1, types[*of], json!({"name": name}), &[])], Vec::new())
        });
        let known: Vec<Memory> = said.collect();
        let seen = Seen::of(&known);
        let known = Known::new(&seen, "", false);
        let request = match lookup {
            true => constraint(json!({"create": "lookup", "search": {"properties": [{"name": "name", "mode": "fuzzy", "threshold": 0.6}]}})),
            false => json!({}),
        };
        let policy = policy(request);
        let setting = Setting {
            memory: memory_id(100), previous: &[], policy: &policy, schema: None, known: &known, now: time(100),
        };
        let nodes: Vec<Candidate> = found.iter().enumerate().map(|(at, (of, name, has_more))| {
            let mut properties = json!({"name": name});
            if *has_more {
                properties["note"] = json!(at);
            }
            candidate(&format!("c{at}"), types[*of], properties)
        }).collect();
        let edges = (1..nodes.len()).map(|at| edge(&format!("c{}", at - 1), "NEXT", &format!("c{at}"))).collect();
        let candidates = Candidates { nodes, edges, lost: Lost::default() };
        let mut shuffled = candidates.clone();
        for (one, other) in swaps {
            if one < shuffled.nodes.len() && other < shuffled.nodes.len() {
                shuffled.nodes.swap(one, other);
            }
            if one < shuffled.edges.len() && other < shuffled.edges.len() {
                shuffled.edges.swap(one, other);
            }
        }
        let (first, second) = (extracted(&setting, &candidates), extracted(&setting, &shuffled));
        prop_assert_eq!(&first.graph, &second.graph);
        let sorted = |resolution: &Resolution| {
            let mut nodes = resolution.report.nodes.clone();
            nodes.sort_by(|one, other| one.called.cmp(&other.called));
            nodes
        };
        prop_assert_eq!(sorted(&first), sorted(&second));
        prop_assert_eq!(extracted(&setting, &candidates), first);
    }
}
