//! Reads a schema, with everything that is wrong with it at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::types::{NodeType, RelationshipType};
use super::{Name, Schema, SchemaScope, Status};
use crate::fields::{
    At, Fault, Faults, FieldFault, Members, Notes, Read, Step, Unknown, any_case, line, prose,
};
use crate::items::acl::read_ids;
use crate::items::policy::{MemoryPolicy, PolicyPlace};
use crate::limits;

/// What the server sets and clients send back.
const SERVER_SET: [&str; 7] =
    ["id", "user_id", "created_at", "updated_at", "usage_count", "last_used_at", "workspace_id"];

impl Schema {
    /// Reads a whole schema, as one is created.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(body: &Value, is_strict: bool) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(is_strict);
        let read = read_schema(body, &At::Root("body"), &mut notes);
        notes.finish(read)
    }

    /// The same schema with the members of a partial one in place of its own.
    ///
    /// # Errors
    /// Everything that is wrong with the result.
    pub fn patched(&self, body: &Value, is_strict: bool) -> Result<Read<Self>, Faults> {
        let Value::Object(patch) = body else {
            return Notes::lenient().finish(None);
        };
        let mut json = self.to_json();
        if patch.contains_key("default_memory_policy") || patch.contains_key("memory_policy") {
            json.remove("default_memory_policy");
            json.remove("memory_policy");
        }
        json.extend(patch.iter().map(|(key, value)| (key.clone(), value.clone())));
        let json = Value::Object(json);
        let is_patched =
            |fault: &FieldFault| matches!(fault.path.get(1), Some(Step::Key(key)) if patch.contains_key(key));
        match Self::read(&json, is_strict) {
            // Deprecated fields that it has already are no fault of the patch.
            Err(faults) if is_strict && !faults.list.iter().any(is_patched) => Self::read(&json, false),
            read => read,
        }
    }
}

fn read_schema(body: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Schema> {
    let mut members = Members::open(body, at, notes)?;
    let name = members.required("name", notes, line(limits::SCHEMA_NAME_CHARS_MAX));
    let description = members.optional("description", notes, prose(limits::SCHEMA_DESCRIPTION_CHARS_MAX));
    let version = members.optional("version", notes, read_version);
    let node_types = members.required("node_types", notes, read_node_types);
    let no_types = BTreeMap::new();
    let known = node_types.as_ref().unwrap_or(&no_types);
    let relationship_types = members.optional("relationship_types", notes, |value, at, notes| {
        // Where the node types are wrong, every mention of one would be too.
        if notes.is_clean_at(&At::Key(&At::Root("body"), "node_types")) {
            read_edge_types(value, at, notes, known)
        } else {
            None
        }
    });
    let status = members.optional("status", notes, any_case(Status::NAMES, Status::from_name));
    let scope = members.optional("scope", notes, any_case(SchemaScope::NAMES, SchemaScope::from_name));
    let read_access = members.optional("read_access", notes, read_ids);
    let write_access = members.optional("write_access", notes, read_ids);
    let organization_id = read_place(&mut members, "organization_id", "organization", notes);
    let namespace_id = read_place(&mut members, "namespace_id", "namespace", notes);
    let default_policy = read_default_policy(&mut members, notes);
    SERVER_SET.into_iter().for_each(|field| members.ignored(field));
    members.close(Unknown::Warn, notes);
    Some(Schema {
        name: name?,
        description,
        version: version.unwrap_or_else(|| "1.0.0".to_owned()),
        node_types: node_types?,
        relationship_types: relationship_types.unwrap_or_default(),
        status: status.unwrap_or(Status::Draft),
        scope: scope.unwrap_or(SchemaScope::Organization),
        read_access: read_access.unwrap_or_default(),
        write_access: write_access.unwrap_or_default(),
        organization_id,
        namespace_id,
        default_policy,
    })
}

/// `n.n.n`, each of at most six digits.
fn read_version(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let text = line(limits::SCHEMA_NAME_CHARS_MAX)(value, at, notes)?;
    let is_number = |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if text.split('.').count() == 3 && text.split('.').all(is_number) {
        Some(text)
    } else {
        notes.wrong(at, Fault::Invalid, "must be three numbers such as 1.0.0")
    }
}

fn bounded<'v>(
    value: &'v Value,
    at: &At<'_>,
    notes: &mut Notes,
    min: usize,
    max: usize,
) -> Option<&'v Map<String, Value>> {
    let Value::Object(map) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object of types");
    };
    if map.len() < min {
        return notes.wrong(at, Fault::TooShort, format!("must have at least {min} type"));
    }
    if map.len() > max {
        return notes.wrong(at, Fault::TooLong, format!("must have at most {max} types"));
    }
    Some(map)
}

fn read_node_types(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<BTreeMap<Name, NodeType>> {
    let map = bounded(value, at, notes, 1, limits::NODE_TYPES_MAX)?;
    let read: Vec<_> =
        map.iter().map(|(key, value)| NodeType::read(key, value, &At::Key(at, key), notes)).collect();
    read.into_iter().collect()
}

fn read_edge_types(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    node_types: &BTreeMap<Name, NodeType>,
) -> Option<BTreeMap<Name, RelationshipType>> {
    let map = bounded(value, at, notes, 0, limits::RELATIONSHIP_TYPES_MAX)?;
    let read: Vec<_> = map
        .iter()
        .map(|(key, value)| RelationshipType::read(key, value, &At::Key(at, key), notes, node_types))
        .collect();
    read.into_iter().collect()
}

/// An organization or a namespace, or its former field, which may hold a pointer in place of an id.
fn read_place(
    members: &mut Members<'_>,
    field: &'static str,
    former: &'static str,
    notes: &mut Notes,
) -> Option<String> {
    let place = members.optional(field, notes, line(limits::NODE_ID_CHARS_MAX));
    let pointer = members.deprecated(former, field, notes, |value, at, notes| {
        let id = value.get("objectId").unwrap_or(value);
        line(limits::NODE_ID_CHARS_MAX)(id, at, notes)
    });
    place.or(pointer)
}

/// `default_memory_policy`, or its other name.
fn read_default_policy(members: &mut Members<'_>, notes: &mut Notes) -> Option<MemoryPolicy> {
    let read = |value: &Value, at: &At<'_>, notes: &mut Notes| {
        MemoryPolicy::read(value, at, notes, PolicyPlace::Schema)
    };
    let policy = members.optional("default_memory_policy", notes, read);
    let alias = members.optional("memory_policy", notes, read);
    if let (Some(policy), Some(alias)) = (&policy, &alias)
        && policy != alias
    {
        let message = "must be left out, or say the same as default_memory_policy, whose other name it is";
        notes.wrong::<()>(&members.place("memory_policy"), Fault::NotAllowed, message);
    }
    policy.or(alias)
}
