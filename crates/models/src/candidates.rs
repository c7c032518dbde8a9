//! From a model's object to candidates. What has a type and ends becomes one, whatever the schema says of it: holding it to the
//! schema is the domain's business, which reports what it leaves out. What has none is counted.

use memoryscope_domain::graph::resolve::{Candidate, CandidateEdge, CandidateEnd, Candidates};
use memoryscope_domain::graph::schema::{Properties, PropertyType};
use memoryscope_domain::graph::{Name, Schema};
use memoryscope_domain::limits;
use serde_json::{Map, Value};

/// The candidates in an object.
///
/// # Errors
/// When it has neither nodes nor relationships, or these are no lists.
pub(crate) fn read(object: &Map<String, Value>, schema: Option<&Schema>) -> Result<Candidates, String> {
    if !object.contains_key("nodes") && !object.contains_key("relationships") {
        return Err("it has neither nodes nor relationships".to_owned());
    }
    let mut found = Candidates::default();
    for (at, value) in list(object, "nodes")?.iter().enumerate() {
        match node(value, at, schema, &mut found.lost.malformed) {
            Some(_) if found.nodes.len() >= limits::GIVEN_NODES_MAX => found.lost.nodes_beyond_limit += 1,
            Some(node) => found.nodes.push(node),
            None => found.lost.malformed += 1,
        }
    }
    for value in list(object, "relationships")? {
        match edge(value, schema, &mut found.lost.malformed) {
            Some(_) if found.edges.len() >= limits::GIVEN_EDGES_MAX => found.lost.edges_beyond_limit += 1,
            Some(edge) => found.edges.push(edge),
            None => found.lost.malformed += 1,
        }
    }
    Ok(found)
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("{name} is no list")),
    }
}

fn node(value: &Value, at: usize, schema: Option<&Schema>, malformed: &mut usize) -> Option<Candidate> {
    let node_type = type_of(value)?;
    let called = match value.get("id") {
        None | Some(Value::Null) => format!("#{}", at + 1),
        Some(id) => word(id)?,
    };
    let of_type = schema.and_then(|schema| schema.node_types.get(&node_type)).map(|of| &of.properties);
    let properties = properties(value.get("properties"), of_type, malformed)?;
    Some(Candidate { called, node_type, properties })
}

/// An edge between nodes. Memories are none of what an extractor may name.
fn edge(value: &Value, schema: Option<&Schema>, malformed: &mut usize) -> Option<CandidateEdge> {
    let edge_type = type_of(value)?;
    let end = |name: &str| value.get(name).and_then(word).map(CandidateEnd::Node);
    let of_type =
        schema.and_then(|schema| schema.relationship_types.get(&edge_type)).map(|of| &of.properties);
    let (source, target) = (end("source")?, end("target")?);
    let properties = properties(value.get("properties"), of_type, malformed)?;
    Some(CandidateEdge { source, target, edge_type, properties })
}

fn type_of(value: &Value) -> Option<Name> {
    Name::parse(&clean(value.get("type")?.as_str()?)).ok()
}

/// What a node is called, which some models write as a number.
fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => clean(text.trim()),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let length = text.chars().count();
    (length > 0 && length <= limits::NODE_ID_CHARS_MAX).then_some(text)
}

/// Properties as an object, or as a list of names and values; nothing where they are too many, or too large.
fn properties(
    value: Option<&Value>,
    of_type: Option<&Properties>,
    malformed: &mut usize,
) -> Option<Map<String, Value>> {
    let mut properties = Map::new();
    match value {
        None | Some(Value::Null) => {}
        Some(Value::Object(object)) => {
            properties.extend(object.iter().map(|(name, value)| (clean(name), cleaned(value))));
        }
        Some(Value::Array(pairs)) => {
            for pair in pairs {
                let name = pair.get("name").and_then(Value::as_str).map(clean);
                match name.zip(pair.get("value")) {
                    Some((name, value)) if !properties.contains_key(&name) => {
                        properties.insert(name, cleaned(value));
                    }
                    _ => *malformed += 1,
                }
            }
        }
        Some(_) => return None,
    }
    properties.retain(|_, value| !value.is_null());
    for (name, value) in &mut properties {
        let wanted = of_type.and_then(|of_type| of_type.get(name.as_str())).map(|of| of.property_type);
        if wanted == Some(PropertyType::Object) {
            unpack(value);
        }
    }
    let is_small = properties.len() <= limits::NODE_PROPERTIES_MAX
        && Value::Object(properties.clone()).to_string().len() <= limits::NODE_PROPERTIES_BYTES_MAX;
    is_small.then_some(properties)
}

/// Objects are asked for as JSON in a text: a strict schema has no objects of any shape.
fn unpack(value: &mut Value) {
    let text = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(object @ Value::Object(_)) = text {
        *value = cleaned(&object);
    }
}

/// Without U+0000, which no store keeps.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

fn cleaned(value: &Value) -> Value {
    match value {
        Value::String(text) => clean(text).into(),
        Value::Array(items) => items.iter().map(cleaned).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (clean(name), cleaned(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::graph::resolve::Lost;
    use serde_json::json;

    use super::*;

    fn told(value: &Value, schema: Option<&Schema>) -> Result<String, String> {
        let found = read(value.as_object().expect("an object"), schema)?;
        let end = |end: &CandidateEnd| match end {
            CandidateEnd::Node(called) => called.clone(),
            other => format!("{other:?}"),
        };
        let properties = |map: &Map<String, Value>| Value::Object(map.clone()).to_string();
        let nodes = found.nodes.iter().map(|node| {
            format!("{} {} {}", node.called, node.node_type.as_str(), properties(&node.properties))
        });
        let edges = found.edges.iter().map(|edge| {
            let ends = format!("{}>{}", end(&edge.source), end(&edge.target));
            format!("{ends} {} {}", edge.edge_type.as_str(), properties(&edge.properties))
        });
        let Lost { nodes_beyond_limit, edges_beyond_limit, malformed } = found.lost;
        let lost = (!found.lost.is_nothing())
            .then(|| format!("lost {nodes_beyond_limit} {edges_beyond_limit} {malformed}"));
        Ok(nodes.chain(edges).chain(lost).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn candidates_are_read_and_what_is_none_is_counted() {
        let check = |value: Value, expect: &str| {
            let is = told(&value, None).unwrap_or_else(|why| why);
            assert_eq!(is, expect, "{value}");
        };
        check(json!({"nodes": []}), "");
        check(json!({"nodes": null, "relationships": []}), "");
        check(json!({}), "it has neither nodes nor relationships");
        check(json!({"nodes": {}}), "nodes is no list");
        check(json!({"relationships": "none"}), "relationships is no list");
        let pairs = json!([{"name": "name", "value": "Ann"}, {"name": "age", "value": 7}, {"name": "age", "value": 8},
            {"name": 1, "value": 1}]);
        check(
            json!({"nodes": [{"id": "n1", "type": "Person", "properties": pairs}]}),
            r#"n1 Person {"age":7,"name":"Ann"}; lost 0 0 2"#,
        );
        check(
            json!({"nodes": [{"id": 1, "type": " Whatever ", "properties": {"a\u{0}": "b\u{0}", "none": null}},
                {"type": "T"}]}),
            r#"1 Whatever {"a":"b"}; #2 T {}"#,
        );
        check(
            json!({"nodes": ["x", {"id": "a"}, {"id": "a", "type": ""}, {"id": "a", "type": "T", "properties": "p"},
                {"id": [], "type": "T"}, {"id": "x".repeat(201), "type": "T"}]}),
            "lost 0 0 6",
        );
        check(
            json!({"relationships": [{"source": "a", "target": "$this", "type": "KNOWS"}, {"source": "a", "type": "X"},
                {"source": "a", "target": "", "type": "X"}]}),
            "a>$this KNOWS {}; lost 0 0 2",
        );
        let large = json!({"text": "x".repeat(limits::NODE_PROPERTIES_BYTES_MAX)});
        check(json!({"nodes": [{"id": "a", "type": "T", "properties": large}]}), "lost 0 0 1");
    }

    #[test]
    fn what_is_beyond_the_limits_is_counted() {
        let nodes: Vec<Value> =
            (0..limits::GIVEN_NODES_MAX + 3).map(|at| json!({"id": at, "type": "T"})).collect();
        let edge = json!({"source": 1, "target": 2, "type": "X"});
        let edges = vec![edge; limits::GIVEN_EDGES_MAX + 2];
        let value = json!({"nodes": nodes, "relationships": edges});
        let found = read(value.as_object().expect("an object"), None).expect("candidates");
        assert_eq!(
            (found.nodes.len(), found.edges.len()),
            (limits::GIVEN_NODES_MAX, limits::GIVEN_EDGES_MAX)
        );
        assert_eq!(found.lost, Lost { nodes_beyond_limit: 3, edges_beyond_limit: 2, malformed: 0 });
    }

    #[test]
    fn an_object_that_is_written_as_a_text_is_one_where_the_schema_wants_one() {
        let schema = json!({"name": "S", "node_types": {"T": {"name": "T", "properties": {
            "of": {"type": "object"}, "text": {"type": "string"}}}}});
        let schema = Schema::read(&schema, false).expect("a schema").value;
        let node = json!({"id": "a", "type": "T", "properties": {"of": "{\"b\":1}", "text": "{\"b\":1}"}});
        let is = told(&json!({"nodes": [node]}), Some(&schema)).expect("candidates");
        assert_eq!(is, r#"a T {"of":{"b":1},"text":"{\"b\":1}"}"#);
    }
}
