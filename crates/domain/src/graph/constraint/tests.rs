use serde_json::json;

use super::*;

/// What is read, as JSON, and what is warned of; or the faults.
fn read_node(value: &Value) -> Result<(Value, Vec<String>), Vec<String>> {
    let mut notes = Notes::lenient();
    let read = NodeConstraint::read(value, &At::Root("c"), &mut notes, None);
    finish(read.map(|constraint| constraint.to_json()), &notes)
}

fn read_edge(value: &Value) -> Result<(Value, Vec<String>), Vec<String>> {
    let mut notes = Notes::lenient();
    let read = EdgeConstraint::read(value, &At::Root("c"), &mut notes, None);
    finish(read.map(|constraint| constraint.to_json()), &notes)
}

fn finish(read: Option<Value>, notes: &Notes) -> Result<(Value, Vec<String>), Vec<String>> {
    let faults: Vec<String> =
        notes.faults().iter().map(|f| format!("{}: {}", f.field(), f.message)).collect();
    assert_eq!(read.is_none(), !faults.is_empty(), "{faults:?}");
    let warnings = notes.warnings().iter().map(|w| format!("{}: {}", w.field, w.message)).collect();
    read.map(|json| (json, warnings)).ok_or(faults)
}

#[test]
fn what_a_constraint_does_on_a_miss_is_said_once() {
    let check = |members: Value, expect: &str, warnings: &[&str]| {
        let mut sent = members.clone();
        sent["node_type"] = "Task".into();
        let (json, warned) = read_node(&sent).expect("a constraint");
        assert_eq!(json["on_miss"], expect, "{members}");
        assert_eq!(warned, warnings, "{members}");
        assert_eq!(read_node(&json).expect("reads what it writes"), (json, vec![]), "{members}");
    };
    check(json!({}), "create", &[]);
    check(json!({"create": "upsert"}), "create", &[]);
    check(json!({"create": "Lookup"}), "ignore", &[]);
    check(json!({"create": "auto"}), "create", &["c.create: is deprecated: send upsert"]);
    check(json!({"create": "never"}), "ignore", &["c.create: is deprecated: send lookup"]);
    check(json!({"link_only": true}), "ignore", &["c.link_only: is deprecated: send create: lookup"]);
    check(json!({"link_only": false}), "create", &["c.link_only: is deprecated: send create: lookup"]);
    check(json!({"on_miss": "error"}), "error", &[]);
    check(
        json!({"on_miss": "create", "create": "lookup", "link_only": true}),
        "create",
        &[
            "c.link_only: is deprecated: send create: lookup",
            "c.create: has no effect: on_miss says otherwise",
            "c.link_only: has no effect: on_miss says otherwise",
        ],
    );
    check(
        json!({"create": "upsert", "link_only": true}),
        "ignore",
        &[
            "c.link_only: is deprecated: send create: lookup",
            "c.create: has no effect: link_only says otherwise",
        ],
    );
}

#[test]
fn a_search_has_many_spellings() {
    let check = |search: Value, expect: Value| {
        let (json, _) = read_node(&json!({"node_type": "T", "search": search})).expect("a constraint");
        assert_eq!(json["search"]["properties"], expect, "{search}");
    };
    let exact = |name: &str| json!({"name": name, "mode": "exact"});
    check(json!({"properties": ["id", "email"]}), json!([exact("id"), exact("email")]));
    check(json!({"properties": [{"name": "id"}]}), json!([exact("id")]));
    // A search's own mode holds for objects that have none, and never for a bare name.
    check(
        json!({"mode": "fuzzy", "threshold": 0.5, "properties": ["id", {"name": "t"}, {"name": "u", "threshold": 1}]}),
        json!([
            exact("id"),
            {"name": "t", "mode": "fuzzy", "threshold": 0.5},
            {"name": "u", "mode": "fuzzy", "threshold": 1.0},
        ]),
    );
    check(
        json!({"properties": [{"name": "t", "mode": "semantic", "value": "auth bug"}]}),
        json!([{"name": "t", "mode": "semantic", "threshold": 0.85, "value": "auth bug"}]),
    );
    check(json!({}), json!([]));
}

#[test]
fn values_are_set_or_extracted() {
    let check = |set: Value, expect: Value| {
        let (json, _) = read_node(&json!({"node_type": "T", "set": {"p": set}})).expect("a constraint");
        assert_eq!(json["set"]["p"], expect, "{set}");
    };
    for value in
        [json!("done"), json!(1.5), json!(null), json!([1]), json!({"a": 1}), json!({"mode": "dark"})]
    {
        check(value.clone(), value);
    }
    let auto = json!({"mode": "auto", "text_mode": "replace"});
    check(json!({"mode": "auto"}), auto);
    check(
        json!({"text_mode": "merge", "prompt": " In a sentence "}),
        json!({"mode": "auto", "text_mode": "merge", "prompt": "In a sentence"}),
    );
    check(json!({}), json!({}));
}

#[test]
fn everything_that_is_wrong_is_named() {
    let check = |sent: Value, expect: &[&str]| {
        assert_eq!(read_node(&sent).expect_err("faults"), expect, "{sent}");
    };
    check(
        json!({
            "create": "sometimes", "on_miss": 1, "link_only": "yes", "serach": {}, "colour": 1,
            "search": {"properties": [7, {"mode": "x"}, {"name": "a", "threshold": 2, "extra": 1}],
                       "via_relationship": [{"edge_type": "E"}]},
            "set": {"p": {"mode": "auto", "text_mode": "shout", "x": 1}, " ": 1},
            "when": {"_nor": []},
        }),
        &[
            "c.node_type: is required",
            "c.create: must be one of: upsert, lookup",
            "c.on_miss: must be a string",
            "c.link_only: must be true or false",
            "c.search.properties[0]: must be the name of a property, or an object with name, mode, threshold and value",
            "c.search.properties[1].name: is required",
            "c.search.properties[1].mode: must be one of: semantic, exact, fuzzy",
            "c.search.properties[2].threshold: must be a number from 0 to 1",
            "c.search.properties[2].extra: is not known here",
            "c.search.via_relationship[0].target_type: is required",
            "c.search.via_relationship[0].target_search: is required",
            "c.set. : is no name of a property: it must not be empty or blank",
            "c.set.p.text_mode: must be one of: replace, append, merge",
            "c.set.p.x: is not known here",
            "c.when._nor: is no operator: known are _and, _or and _not; no property is tested whose name begins with _",
            "c.colour: is not known here",
            "c.serach: is not known here; did you mean search?",
        ],
    );
    check(json!("Task"), &["c: must be a JSON object"]);
}

#[test]
fn the_most_specific_filter_wins() {
    let edge = |json: Value| {
        let mut notes = Notes::lenient();
        EdgeConstraint::read(&json, &At::Root("c"), &mut notes, None).expect("a constraint")
    };
    let all = [
        edge(json!({"edge_type": "E", "on_miss": "error", "set": {"n": 0}})),
        edge(json!({"edge_type": "E", "source_type": "A", "target_type": "B", "set": {"n": 1}})),
        edge(json!({"edge_type": "E", "target_type": "B", "set": {"n": 2}})),
        edge(json!({"edge_type": "E", "source_type": "A", "set": {"n": 3}})),
        edge(json!({"edge_type": "F", "source_type": "A", "direction": "incoming", "set": {"n": 4}})),
        edge(json!({"edge_type": "G", "source_type": "A", "direction": "both", "set": {"n": 5}})),
    ];
    let check = |edge_type: &str, source: &str, target: &str, expect: Option<u64>| {
        let found = most_specific(&all, edge_type, source, target);
        let n = found.map(|found| found.to_json()["set"]["n"].as_u64().expect("a number"));
        assert_eq!(n, expect, "{source} {edge_type} {target}");
    };
    check("E", "A", "B", Some(1));
    check("E", "X", "B", Some(2));
    check("E", "A", "X", Some(3));
    check("E", "X", "X", Some(0));
    check("F", "A", "X", None);
    check("F", "X", "A", Some(4));
    check("G", "X", "A", Some(5));
    check("G", "A", "X", Some(5));
    check("G", "X", "X", None);
    let (json, _) = read_edge(&all[1].to_json()).expect("reads what it writes");
    assert_eq!(json, all[1].to_json());
    assert_eq!(read_edge(&json!({"edge_type": "E", "direction": "up"})).expect_err("faults").len(), 1);
}
