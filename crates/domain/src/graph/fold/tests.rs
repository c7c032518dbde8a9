use serde_json::json;

use super::*;
use crate::graph::samples::{joins, memory, memory_id, node_id, says};

fn values(seen: &Seen, node: u128) -> Value {
    let node = seen.node(node_id(node)).expect("a node");
    node.properties.iter().map(|(name, seen)| (name.as_str().to_owned(), seen.value.clone())).collect()
}

#[test]
fn what_is_said_later_wins_whatever_comes_first() {
    let first = memory(1, vec![says(1, "Task", json!({"title": "a", "open": true}), &[])], Vec::new());
    let second = memory(2, vec![says(1, "Task", json!({"title": "b"}), &[])], Vec::new());
    let seen = Seen::of(&[&first, &second]);
    assert_eq!(values(&seen, 1), json!({"title": "b", "open": true}));
    assert_eq!(seen, Seen::of(&[&second, &first]));
    let node = seen.node(node_id(1)).expect("a node");
    assert_eq!(
        node.sources.iter().map(|source| source.memory).collect::<Vec<_>>(),
        [memory_id(1), memory_id(2)]
    );
    // Whoever sees one of them only sees what that one says.
    assert_eq!(values(&Seen::of(&[&first]), 1), json!({"title": "a", "open": true}));
    assert_eq!(values(&Seen::of(&[&second]), 1), json!({"title": "b"}));
    assert!(Seen::of::<&Memory>(&[]).node(node_id(1)).is_none());
}

#[test]
fn texts_and_lists_meet_as_they_are_told() {
    let check = |mode: TextMode, before: Value, now: Value, expect: Value| {
        let said = Asserted { text_mode: mode, ..Asserted::new(now, Method::Set) };
        assert_eq!(met(Some(&before), &said), expect, "{mode:?}");
        assert_eq!(met(None, &said), said.value);
    };
    check(TextMode::Replace, json!("a"), json!("b"), json!("b"));
    check(TextMode::Append, json!("a"), json!("a"), json!("a\na"));
    check(TextMode::Merge, json!("a\nb"), json!("b \nc"), json!("a\nb\nc"));
    check(TextMode::Append, json!([1]), json!([1]), json!([1, 1]));
    check(TextMode::Merge, json!([1]), json!([1.0, 2]), json!([1, 2]));
    check(TextMode::Append, json!(1), json!("b"), json!("b"));
}

#[test]
fn an_edge_is_there_while_both_of_its_ends_are() {
    let (a, b) = (End::Node(node_id(1)), End::Node(node_id(2)));
    let one = memory(1, vec![says(1, "Task", json!({}), &[])], Vec::new());
    let two = memory(2, vec![says(2, "Person", json!({}), &[])], vec![joins(a, "FOR", b)]);
    let link =
        memory(3, Vec::new(), vec![joins(End::Memory(memory_id(3)), "FOLLOWS", End::Memory(memory_id(1)))]);
    let all = Seen::of(&[&one, &two, &link]);
    assert_eq!(all.edges().count(), 2);
    assert_eq!(all.edges_of(node_id(1)).count(), 1);
    assert_eq!(Seen::of(&[&two, &link]).edges().count(), 0);
    assert_eq!(Seen::of(&[&one, &link]).edges().count(), 1);
    let reached: Vec<usize> = all.around(node_id(1), 3).into_values().collect();
    assert_eq!(reached, [0, 1]);
    assert!(all.around(node_id(9), 3).is_empty());
    assert_eq!(all.around(node_id(1), 0).len(), 1);
}
