use serde_json::json;

use super::*;

fn read(value: &Value) -> Result<Links, Vec<String>> {
    let mut notes = Notes::lenient();
    let read = Links::read(value, &At::Root("link_to"), &mut notes);
    read.ok_or(
        notes.faults().iter().map(|f| format!("{}: {} ({})", f.field(), f.message, f.fault.name())).collect(),
    )
}

/// A search in short: `name mode threshold value`.
fn shown(search: Option<&Search>) -> Vec<String> {
    let by = |by: &super::super::Match| {
        let value = by.value.as_ref().map_or(String::new(), |value| format!(" {value}"));
        format!("{} {} {}{value}", by.name.as_str(), by.mode.name(), by.threshold.get())
    };
    search.iter().flat_map(|search| search.properties.iter().map(by)).collect()
}

#[test]
fn nodes_are_found_by_their_properties() {
    let check = |text: &str, node_type: &str, expect: &[&str]| {
        let links = read(&json!(text)).expect("links");
        let [constraint] = links.node_constraints.as_slice() else { panic!("{text}: {links:?}") };
        assert_eq!(constraint.node_type.as_str(), node_type, "{text}");
        assert_eq!(constraint.on_miss, Miss::Create);
        assert_eq!(shown(constraint.search.as_ref()), expect, "{text}");
    };
    check("Task:title", "Task", &["title semantic 0.85"]);
    check(" Task:title ", "Task", &["title semantic 0.85"]);
    check("Task:id=T-1: a=b~c", "Task", &["id exact 0.85 \"T-1: a=b~c\""]);
    check("Task:title~log in", "Task", &["title semantic 0.85 \"log in\""]);
    check("Task:title~@0.9", "Task", &["title semantic 0.9"]);
    check("Task:title~@0.9~login", "Task", &["title semantic 0.9 \"login\""]);
    check("Person_2:email, _name", "Person_2", &["email semantic 0.85", "_name semantic 0.85"]);
    check("P:a=1,b~@1,c~x", "P", &["a exact 0.85 \"1\"", "b semantic 1", "c semantic 0.85 \"x\""]);
}

#[test]
fn edges_are_found_by_their_targets() {
    let check = |text: &str, filter: [&str; 3], expect: &[&str], inferred: usize| {
        let links = read(&json!(text)).expect("links");
        let [constraint] = links.edge_constraints.as_slice() else { panic!("{text}: {links:?}") };
        let name =
            |name: &Option<Name>| name.as_ref().map_or("*".to_owned(), |name| name.as_str().to_owned());
        let found = &constraint.filter;
        let shown_filter =
            [name(&found.source_type), found.edge_type.as_str().to_owned(), name(&found.target_type)];
        assert_eq!(shown_filter.each_ref().map(String::as_str), filter, "{text}");
        assert_eq!(shown(constraint.search.as_ref()), expect, "{text}");
        assert_eq!(links.inferred.len(), inferred, "{text}");
    };
    check("Bug->BLOCKS->Task:title", ["Bug", "BLOCKS", "Task"], &["title semantic 0.85"], 0);
    check("->BLOCKS->Task:id=1", ["*", "BLOCKS", "Task"], &["id exact 0.85 \"1\""], 0);
    check("Bug->BLOCKS:title", ["Bug", "BLOCKS", "*"], &["title semantic 0.85"], 1);
    check("Bug->BLOCKS", ["Bug", "BLOCKS", "*"], &[], 0);
    check("Bug->BLOCKS->Task", ["Bug", "BLOCKS", "Task"], &[], 0);
}

#[test]
fn there_are_three_forms() {
    let list = read(&json!(["Task:title", "$previous", "Bug->BLOCKS"])).expect("links");
    assert_eq!((list.node_constraints.len(), list.edge_constraints.len()), (1, 1));
    assert_eq!(
        list.relationships.first().map(GivenEdge::to_json),
        Some(json!({
            "source": "$this", "target": "$previous", "type": "FOLLOWS", "properties": {},
        }))
    );
    let map = read(&json!({
        "Task:title": {"create": "lookup", "set": {"status": "done"}, "when": {"p": 1}},
        "Person:email": null,
    }))
    .expect("links");
    let [person, task] = map.node_constraints.as_slice() else { panic!("{map:?}") };
    assert_eq!((person.on_miss, task.on_miss), (Miss::Create, Miss::Ignore));
    assert_eq!((task.set.len(), task.when.is_some()), (1, true));
}

#[test]
fn nodes_are_found_through_an_edge() {
    let check = |text: &str, expect: [&str; 3], by: &[&str]| {
        let links = read(&json!(text)).expect("links");
        let [constraint] = links.node_constraints.as_slice() else { panic!("{text}: {links:?}") };
        let search = constraint.search.as_ref().expect("a search");
        let [via] = search.via.as_slice() else { panic!("{text}: {search:?}") };
        let found = [constraint.node_type.as_str(), via.edge_type.as_str(), via.target_type.as_str()];
        assert_eq!(found, expect, "{text}");
        assert_eq!(shown(Some(&via.target)), by, "{text}");
        assert_eq!((via.direction.name(), search.properties.len()), ("outgoing", 0));
    };
    let task = ["Task", "ASSIGNED_TO", "Person"];
    check("Task.via(ASSIGNED_TO->Person:email)", task, &["email semantic 0.85"]);
    check(" Task.via(ASSIGNED_TO->Person:email=ann@x.y) ", task, &["email exact 0.85 \"ann@x.y\""]);
    check("Task.via(ASSIGNED_TO->Person:name=Ann (Lee))", task, &["name exact 0.85 \"Ann (Lee)\""]);
    check(
        "Task.via(ASSIGNED_TO->Person:id=1,name~@0.9)",
        task,
        &["id exact 0.85 \"1\"", "name semantic 0.9"],
    );
}

#[test]
fn a_memory_follows_those_before_it() {
    let check = |text: &str| {
        let links = read(&json!(text)).expect("links");
        let edge = links.relationships.first().map(GivenEdge::to_json);
        let expect = json!({"source": "$this", "target": text, "type": "FOLLOWS", "properties": {}});
        assert_eq!(edge, Some(expect), "{text}");
    };
    check("$previous");
    check("$context:1");
    check("$context:20");
}

#[test]
fn what_cannot_be_read_is_shown_where() {
    let check = |text: &str, expect: &str| {
        assert_eq!(read(&json!(text)).expect_err("a fault"), [format!("link_to: {expect}")], "{text}");
    };
    let at = |character: usize, expected: &str| {
        format!("cannot be read at character {character}: expected {expected} (invalid)")
    };
    check("", &at(1, parse_expected("type")));
    check("1Task:a", &at(1, parse_expected("type")));
    check("Task", &at(5, ": and a property, -> and an edge, or .via("));
    check("Task:", &at(6, parse_expected("property")));
    check("Task:é", &at(6, parse_expected("property")));
    check("Task:a b", &at(7, "=, ~, a comma or the end"));
    check("Task:a,", &at(8, parse_expected("property")));
    check("Task:a=", &at(8, "a value"));
    check("Task:a=é, ,", &at(11, parse_expected("property")));
    check("Task:a~@2", &at(9, "a threshold from 0 to 1, such as 0.9"));
    check("Task:a~@0.9x", &at(12, "=, ~, a comma or the end"));
    check("Task->blocks", &at(7, parse_expected("edge")));
    check("Task->BLOCKS->Bug x", &at(18, ": or the end"));
    let placeholder = "$this, $previous or $context:N with N from 1 to 20";
    for text in [
        "$that",
        "$context",
        "$context:",
        "$context:0",
        "$context:21",
        "$context:+3",
        "$context:300",
        "$context:3x",
    ] {
        check(text, &at(1, placeholder));
    }
    check("Task.via()", &at(10, parse_expected("edge")));
    check("Task.via(X:y)", &at(11, "-> and a type"));
    check("Task.via(X->Y)", &at(14, ": and a property"));
    check("Task.via(X->Y:z", &at(16, ") at the end"));
    check("Task.via(X->Y:z) or", &at(20, ") at the end"));
    check("Task.via(X->Y:)", &at(15, parse_expected("property")));
    check("Task.via(X->Y:z!)", &at(16, "=, ~, a comma or the end"));
    let faults = read(&json!({"Task:a": {"created": 1}, "Bug": null, "C:d": 1})).expect_err("faults");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(read(&json!(7)).expect_err("a fault").len(), 1);
    assert_eq!(
        read(&json!([7, "Task:a"])).expect_err("a fault"),
        ["link_to[0]: must be a string (wrong_type)"]
    );
}

fn parse_expected(what: &str) -> &'static str {
    match what {
        "type" => "a type: a letter, then letters, digits and _",
        "edge" => "an edge: a capital letter, then capitals, digits and _",
        _ => "a property: a letter or _, then letters, digits and _",
    }
}
