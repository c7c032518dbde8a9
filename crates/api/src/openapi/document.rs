//! The document (`OpenAPI` 3.1).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::{Answer, Operation, Tag};
use super::shared::{self, Schemas};
use crate::problem::Code;

/// What is said of the whole.
const ABOUT: &str = "A governed memory server for AI agents: every read says why, a policy decides and leaves a trace, \
what was granted can be taken back at once, and every decision is in an audit log that shows when it was tampered with.\n\n\
All wrong fields of a request are in one answer. `/memory` and `/v1` name fields that they do not know in `warnings[]`; `/v2` \
refuses them. Callers are believed: put something in front that knows who is calling, before others can reach it.";

/// The document of these routes.
#[must_use]
pub fn document(version: &str, operations: &[Operation]) -> Value {
    let mut schemas = Schemas::default();
    schemas.hoist(shared::problem());
    schemas.hoist(shared::items_problem());
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let described = described(operation, &mut schemas);
        paths.entry(operation.path).or_default().insert(operation.verb.name().to_owned(), described);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MemoryScope",
            "summary": "Governed memory for AI agents.",
            "description": ABOUT,
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": Tag::ALL.map(|tag| json!({"name": tag.name(), "description": tag.doc()})),
        "paths": paths,
        "components": {
            "schemas": schemas.0,
            "parameters": shared::parameters(),
            "headers": shared::headers(),
        },
    })
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "parameters": operation.parameters.iter().map(|it| parameter(operation, it)).collect::<Vec<_>>(),
        "responses": responses(operation, schemas),
    });
    if !operation.about.is_empty() {
        described["description"] = json!(operation.about);
    }
    if let Some(name) = operation.does {
        // What the policies and the audit chain call it.
        described["x-memoryscope-operation"] = json!(name);
    }
    if let Some(body) = &operation.body {
        let examples: Map<String, Value> = operation
            .examples
            .iter()
            .filter_map(|example| Some((example.name.to_owned(), json!({"value": example.body.as_ref()?}))))
            .collect();
        let media = json!({"schema": schemas.hoist(body.clone()), "examples": examples});
        described["requestBody"] = json!({"required": true, "content": {"application/json": media}});
    }
    described
}

/// A parameter with its examples. A shared one that has some is written out.
fn parameter(operation: &Operation, parameter: &Value) -> Value {
    let shared = parameter["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let mut whole = match shared {
        Some(name) => shared::parameters()[name].clone(),
        None => parameter.clone(),
    };
    let mut examples = Map::new();
    for example in &operation.examples {
        let value = example.parameters.iter().find(|(name, _)| whole["name"] == *name);
        if let Some((_, value)) = value {
            examples.insert(example.name.to_owned(), json!({"value": value}));
        }
    }
    if examples.is_empty() {
        return parameter.clone();
    }
    whole["examples"] = Value::Object(examples);
    whole
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    let mut refusals: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in &operation.refusals {
        refusals.entry(code.status().as_u16()).or_default().push(*code);
    }
    for Answer { status, about, media, schema } in &operation.answers {
        let schema = schemas.hoist(schema.clone());
        let content = match refusals.remove(status) {
            None => json!({*media: {"schema": schema}}),
            Some(codes) => {
                json!({*media: {"schema": {"anyOf": [schema, shared::refusal(operation.tag, &codes)]}}})
            }
        };
        let headers = operation.headers(*status, false);
        if let Some(before) = responses.get_mut(&status.to_string()) {
            // The same answer in another form.
            before["content"][*media] = content[*media].clone();
            continue;
        }
        responses.insert(
            status.to_string(),
            json!({"description": about, "headers": headers, "content": content}),
        );
    }
    for (status, codes) in refusals {
        let about: Vec<String> =
            codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.doc())).collect();
        let content = json!({"application/json": {"schema": shared::refusal(operation.tag, &codes)}});
        let headers = operation.headers(status, true);
        responses.insert(
            status.to_string(),
            json!({"description": about.join("\n\n"), "headers": headers, "content": content}),
        );
    }
    json!(responses)
}
