//! Holds JSON to a schema, as far as the document uses schemas: a keyword that is not known here is an error, so
//! nothing in the document goes unchecked. Objects with listed members may have no others, unless they say so: what
//! the server answers is described whole.

use memoryscope_api::openapi::schema::{
    AUDIT_ID_PATTERN, BRIDGE_ID_PATTERN, MEMORY_ID_PATTERN, NODE_ID_PATTERN, SCHEMA_ID_PATTERN,
};
use memoryscope_api::wire::{DOMAIN_PATTERN, USER_ID_PATTERN};
use memoryscope_domain::graph::{is_identifier, is_upper_case};
use memoryscope_domain::ids::{AuditId, BridgeId, MemoryId, NodeId, RequestId, SchemaId, TenantId, UserId};
use memoryscope_domain::preference::Domain;
use memoryscope_domain::principal::Role;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::{URL_PATTERN, is_address};
use serde_json::{Value, json};

/// What is wrong with a value, each with its place.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", true, &mut faults);
    faults
}

fn check(doc: &Value, schema: &Value, value: &Value, at: &str, closed: bool, faults: &mut Vec<String>) {
    let schema = resolve(doc, schema);
    let keywords = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
    for (keyword, told) in keywords {
        let mut good = |is: bool| {
            if !is {
                faults.push(format!("{at}: {keyword} {told}, and is {value}"));
            }
        };
        match keyword.as_str() {
            "title" | "description" | "default" | "deprecated" => {}
            "type" => good(is_of(told, value)),
            "const" => good(value == told),
            "enum" => good(array(told).contains(value)),
            "minimum" => good(value.as_f64().is_none_or(|is| Some(is) >= told.as_f64())),
            "maximum" => good(value.as_f64().is_none_or(|is| Some(is) <= told.as_f64())),
            "minLength" => good(value.as_str().is_none_or(|is| is.chars().count() as u64 >= number(told))),
            "maxLength" => good(value.as_str().is_none_or(|is| is.chars().count() as u64 <= number(told))),
            "minItems" => good(value.as_array().is_none_or(|is| is.len() as u64 >= number(told))),
            "maxItems" => good(value.as_array().is_none_or(|is| is.len() as u64 <= number(told))),
            "uniqueItems" => {
                let twice = |is: &Vec<Value>| (1..is.len()).any(|at| is[..at].contains(&is[at]));
                good(*told != json!(true) || !value.as_array().is_some_and(twice));
            }
            "minProperties" => good(value.as_object().is_none_or(|is| is.len() as u64 >= number(told))),
            "maxProperties" => good(value.as_object().is_none_or(|is| is.len() as u64 <= number(told))),
            "propertyNames" => {
                for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
                    check(doc, told, &json!(name), &format!("{at}/{name}"), closed, faults);
                }
            }
            "format" | "pattern" => {
                let form = told.as_str().expect("a name or a pattern");
                good(value.as_str().is_none_or(|is| is_formed(form, is)));
            }
            "required" => {
                let missing = |name: &&Value| value.get(name.as_str().unwrap_or_default()).is_none();
                good(!value.is_object() || !array(told).iter().any(|name| missing(&name)));
            }
            "properties" => members(doc, told, schema, value, at, closed, faults),
            "additionalProperties" => {
                let rest = value.as_object().into_iter().flatten();
                let rest = rest.filter(|(name, _)| schema["properties"].get(name.as_str()).is_none());
                for (name, member) in rest.filter(|_| told.is_object()) {
                    check(doc, told, member, &format!("{at}/{name}"), closed, faults);
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(doc, told, item, &format!("{at}/{index}"), closed, faults);
                }
            }
            "allOf" => {
                // Only the first describes the object; the others narrow it.
                for (index, part) in array(told).iter().enumerate() {
                    check(doc, part, value, at, closed && index == 0, faults);
                }
            }
            "anyOf" => {
                any_of(doc, array(told), value, at, closed && !keywords.contains_key("properties"), faults);
            }
            other => panic!("{at}: this test does not know {other}"),
        }
    }
}

fn members(
    doc: &Value,
    told: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    closed: bool,
    faults: &mut Vec<String>,
) {
    let open = !closed || schema.get("additionalProperties").is_some_and(|rest| *rest != Value::Bool(false));
    for (name, member) in value.as_object().into_iter().flatten() {
        match told.get(name) {
            Some(schema) => check(doc, schema, member, &format!("{at}/{name}"), closed, faults),
            None if open => {}
            None => faults.push(format!("{at}/{name} is not described")),
        }
    }
}

fn any_of(doc: &Value, parts: &[Value], value: &Value, at: &str, closed: bool, faults: &mut Vec<String>) {
    let found: Vec<Vec<String>> = parts
        .iter()
        .map(|part| {
            let mut faults = Vec::new();
            check(doc, part, value, at, closed, &mut faults);
            faults
        })
        .collect();
    if !found.iter().any(Vec::is_empty) {
        faults.push(format!("{at}: none of {}: {found:?}", parts.len()));
    }
}

/// What a reference stands for.
pub(crate) fn resolve<'a>(document: &'a Value, told: &'a Value) -> &'a Value {
    match told["$ref"].as_str() {
        Some(name) => {
            let pointer = name.strip_prefix('#').expect("a reference inside");
            document.pointer(pointer).unwrap_or_else(|| panic!("{name} leads nowhere"))
        }
        None => told,
    }
}

fn is_of(told: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("no type: {other:?}"),
    };
    told.as_array().map_or_else(|| is(told), |told| told.iter().any(is))
}

/// The forms that the document names. Each is checked by hand: this needs no engine for patterns.
fn is_formed(form: &str, text: &str) -> bool {
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_named =
        |names: &[&str]| names.iter().any(|name| text.strip_prefix(name).is_some_and(|rest| hex(rest, 32)));
    match form {
        // A job's, and that of a page's last one.
        "^(?:evt_[0-9a-f]{32}|extraction_[0-9a-f]{32}|embedding|expiry|propagation)$" => {
            let is_sweep = ["embedding", "expiry", "propagation"].contains(&text);
            return is_sweep || is_named(&["evt_", "extraction_"]);
        }
        "^(?:evt|extraction)_[0-9a-f]{32}$" => return is_named(&["evt_", "extraction_"]),
        URL_PATTERN => return is_address(text),
        _ => {}
    }
    if let Some((prefix, "[0-9a-f]{32}$")) = form.trim_start_matches('^').split_once('_') {
        let rest = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
        return rest.is_some_and(|rest| hex(rest, 32));
    }
    match form {
        "uuid" => text.len() == 36 && hex(&text.replace('-', ""), 32),
        "date-time" => text.ends_with('Z') && Timestamp::parse(text).is_ok(),
        "^[0-9a-f]{64}$" => hex(text, 64),
        "^[A-Za-z0-9._-]{1,128}$" => RequestId::parse(text).is_ok(),
        r"^[0-9]+\.[0-9]{3}$" => text.rsplit_once('.').is_some_and(|(_, rest)| rest.len() == 3),
        "^[A-Za-z0-9_.-]{1,64}$" => {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        }
        "^[A-Za-z_][A-Za-z0-9_]*$" => is_identifier(text),
        "^[A-Za-z_][A-Za-z0-9_]{0,99}$" => text.len() <= 100 && is_identifier(text),
        "^[A-Z][A-Z0-9_]{0,99}$" => text.len() <= 100 && is_upper_case(text),
        r"\S" => !text.trim().is_empty(),
        r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$" => {
            text == text.trim() && UserId::parse(text).is_ok()
        }
        USER_ID_PATTERN => UserId::parse(text).is_ok(),
        DOMAIN_PATTERN => Domain::parse(text).is_ok(),
        MEMORY_ID_PATTERN => MemoryId::parse(text).is_ok(),
        SCHEMA_ID_PATTERN => SchemaId::parse(text).is_ok(),
        NODE_ID_PATTERN => NodeId::parse(text.strip_prefix("mem_").unwrap_or(text)).is_ok(),
        AUDIT_ID_PATTERN => AuditId::parse(text).is_ok(),
        BRIDGE_ID_PATTERN => BridgeId::parse(text).is_ok(),
        "^t_[A-Za-z0-9_-]{1,64}$" => TenantId::parse(text).is_ok(),
        "^[0-9]{1,18}(?:-[0-9]{1,18})?$" => text.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        "^[!-\"$-~]+$" => text.bytes().all(|b| b.is_ascii_graphic() && b != b'#'),
        email if email.starts_with(r"^[^\s@") => {
            let is_part = |part: &str| {
                !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
            };
            text.split_once('@').is_some_and(|(local, host)| is_part(local) && is_part(host))
        }
        roles if roles.starts_with(r"^[ \t]*(?:app|") => {
            text.split(',').map(str::trim).all(|name| name.is_empty() || Role::from_name(name).is_some())
        }
        fields if fields.starts_with("^(and|") => {
            let own = |text: &str| {
                let key = text.strip_prefix("metadata.").or_else(|| text.strip_prefix("customMetadata."));
                key.is_some_and(|key| is_formed("^[A-Za-z0-9_.-]{1,64}$", key))
            };
            fields[2..].split('|').any(|name| name == text) || own(text)
        }
        other => panic!("this test does not know the form {other}"),
    }
}

fn array(told: &Value) -> &[Value] {
    told.as_array().expect("a list")
}

fn number(told: &Value) -> u64 {
    told.as_u64().expect("a number")
}
