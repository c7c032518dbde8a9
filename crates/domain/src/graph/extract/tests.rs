use proptest::prelude::*;

use super::*;
use crate::graph::samples::schema;

fn told(found: &Candidates) -> String {
    let node = |node: &Candidate| {
        let properties = node.properties.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        });
        format!("{}({})", node.node_type.as_str(), properties.collect::<Vec<_>>().join(", "))
    };
    let of = |end: &CandidateEnd| match end {
        CandidateEnd::Node(called) => called.clone(),
        other => format!("{other:?}"),
    };
    let edges = found
        .edges
        .iter()
        .map(|edge| format!("{} {} {}", of(&edge.source), edge.edge_type.as_str(), of(&edge.target)));
    found.nodes.iter().map(node).chain(edges).collect::<Vec<_>>().join("; ")
}

/// The schema of the page about extraction.
fn tasks() -> Schema {
    schema(json!({
        "node_types": {
            "Person": {"name": "Person", "properties": {"name": {"type": "string"}, "email": {"type": "string"}}},
            "Task": {"name": "Task", "properties": {
                "title": {"type": "string", "required": true},
                "status": {"type": "string", "enum_values": ["open", "in progress", "done"]},
                "due": {"type": "datetime"},
                "hours": {"type": "float"},
            }},
        },
        "relationship_types": {"ASSIGNED_TO": {
            "name": "ASSIGNED_TO", "allowed_source_types": ["Task"], "allowed_target_types": ["Person"],
        }},
    }))
}

/// The table of docs/extraction.md: text, whether the schema of tasks holds, and what is found.
#[test]
fn the_page_says_what_is_found() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/extraction.md");
    let page = std::fs::read_to_string(path).expect("the page about extraction");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [text, schema, expect] = cells[..] else { panic!("{row}") };
        let text = text.trim_matches('`').replace("\\n", "\n");
        let of = (schema == "tasks").then(tasks);
        assert_eq!(told(&extract(&text, of.as_ref())), expect.trim_matches('`'), "{text}");
        count += 1;
    }
    assert!(count >= 12, "{count} rows");
}

proptest! {
    /// Whatever the text: the limits hold, nothing fails, and the same is found again.
    #[test]
    fn any_text_can_be_read(text in "\\PC{0,200}", more in "([A-Z][a-z]{1,5} |Task: |\"|<|a@b.co |works at |Inc\\. |2026-01-02 |\n){0,30}") {
        let text = format!("{text} {more}");
        for of in [None, Some(tasks())] {
            let found = extract(&text, of.as_ref());
            prop_assert_eq!(&extract(&text, of.as_ref()), &found);
            prop_assert!(found.nodes.len() <= limits::GIVEN_NODES_MAX);
            for edge in &found.edges {
                for end in [&edge.source, &edge.target] {
                    prop_assert!(matches!(end, CandidateEnd::Node(name) if found.nodes.iter().any(|node| node.called == *name)));
                }
            }
        }
    }
}
