//! Reads a `metadata`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::custom::{CustomValue, is_key, read_custom};
use super::{Category, Custom, ItemMetadata, MessageRole, Metadata, MetadataIdentity, MetadataPolicy};
use crate::fields::{At, Fault, Members, Notes, WarningKind, any_case, line, name_list, time};
use crate::items::acl::{Access, AccessList, AclId, GRANULAR, fault_of};
use crate::items::policy::{read_consent, read_risk};
use crate::limits;

/// What a metadata stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataPlace {
    /// A new item.
    Add,
    /// A change: what it does not state stays, so its role may be the item's.
    Update,
    /// A search: it is a filter.
    Filter,
}

/// What only the server's own jobs once used.
const INTERNAL: [&str; 11] = [
    "relatedGoals",
    "relatedUseCases",
    "relatedSteps",
    "goalClassificationScores",
    "useCaseClassificationScores",
    "stepClassificationScores",
    "sessionId",
    "post",
    "userMessage",
    "assistantMessage",
    "upload_id",
];

impl Metadata {
    /// Reads a metadata, which may be an object or one as JSON text.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes, place: MetadataPlace) -> Option<Self> {
        let parsed;
        let value = match value {
            Value::String(text) => {
                parsed = parse(text, at, notes)?;
                &parsed
            }
            value => value,
        };
        if value.to_string().len() > limits::ITEM_METADATA_BYTES_MAX {
            let message =
                format!("must be at most {} bytes of compact JSON", limits::ITEM_METADATA_BYTES_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        let mut members = Members::open(value, at, notes)?;
        let mut item = read_item(&mut members, notes);
        let has_role = place == MetadataPlace::Add || (place == MetadataPlace::Update && item.role.is_some());
        if let Some(fault) = item.category_fault().filter(|_| has_role) {
            notes.wrong::<()>(&members.place("category"), Fault::NotAllowed, fault);
        }
        let identity = read_identity(&mut members, notes);
        let policy = read_policy(&mut members, notes);
        for field in INTERNAL {
            if let Some(value) = members.value(field) {
                item.internal.insert(field.to_owned(), value.clone());
            }
        }
        members.ignored("workspace_id");
        item.extra = read_extra(&members, notes);
        notes.is_clean_at(&members.at()).then_some(Self { item, identity, policy })
    }
}

fn parse(text: &str, at: &At<'_>, notes: &mut Notes) -> Option<Value> {
    if text.len() > limits::ITEM_METADATA_BYTES_MAX {
        let message = format!("must be at most {} bytes", limits::ITEM_METADATA_BYTES_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() && !holds_nul(&value) => Some(value),
        _ => notes.wrong(at, Fault::Invalid, "must be a JSON object, or one as JSON text"),
    }
}

/// A body's own texts were looked at before; what stands in a text of JSON was not.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

fn read_item(members: &mut Members<'_>, notes: &mut Notes) -> ItemMetadata {
    let text = || line(limits::ITEM_TEXT_CHARS_MAX);
    let role = members.optional("role", notes, any_case(MessageRole::NAMES, MessageRole::from_name));
    let category = members.optional("category", notes, any_case(Category::NAMES, Category::from_name));
    let topics = tags(members, &["topics"], notes);
    let emotion_tags = tags(members, &["emotion_tags", "emotion tags"], notes);
    let emoji_tags = tags(members, &["emoji_tags", "emoji tags"], notes);
    let hierarchical_structures = members.optional("hierarchical_structures", notes, read_hierarchy);
    let mut either = |members: &mut Members<'_>, name: &'static str, other: &'static str| {
        let first = members.optional(name, notes, text());
        let second = members.optional(other, notes, text());
        first.or(second)
    };
    let source_url = either(members, "sourceUrl", "source_url");
    let source_type = either(members, "sourceType", "source_type");
    let page_id = either(members, "pageId", "page_id");
    let conversation_id = either(members, "conversationId", "conversation_id");
    let location = members.optional("location", notes, text());
    let created_at = members.optional("createdAt", notes, time);
    let custom = members.optional("customMetadata", notes, read_custom);
    ItemMetadata {
        role,
        category,
        topics,
        emotion_tags,
        emoji_tags,
        hierarchical_structures,
        source_url,
        source_type,
        page_id,
        conversation_id,
        location,
        created_at,
        custom,
        extra: Custom::new(),
        internal: Map::new(),
    }
}

/// A list of tags, under the first of its names that is sent.
fn tags(members: &mut Members<'_>, names: &[&'static str], notes: &mut Notes) -> Option<Vec<String>> {
    let mut found = None;
    for name in names {
        let read =
            members.optional(name, notes, name_list(limits::ITEM_TAGS_MAX, limits::ITEM_TAG_CHARS_MAX));
        found = found.or(read);
    }
    found
}

/// A text, or a list that becomes one.
fn read_hierarchy(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map_or_else(|| value.to_string(), |texts| texts.join(", "))
        }
        _ => return notes.wrong(at, Fault::WrongType, "must be a string or a list"),
    };
    if text.chars().count() > limits::CUSTOM_TEXT_CHARS_MAX {
        let message = format!("must be at most {} characters", limits::CUSTOM_TEXT_CHARS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    Some(text).filter(|text| !text.is_empty())
}

fn read_identity(members: &mut Members<'_>, notes: &mut Notes) -> MetadataIdentity {
    let id = || line(limits::USER_ID_BYTES_MAX);
    MetadataIdentity {
        user_id: members.deprecated("user_id", "external_user_id at the request's own level", notes, id()),
        external_user_id: members.deprecated(
            "external_user_id",
            "external_user_id at the request's own level",
            notes,
            id(),
        ),
        organization_id: members.deprecated(
            "organization_id",
            "organization_id at the request's own level",
            notes,
            id(),
        ),
        namespace_id: members.deprecated(
            "namespace_id",
            "namespace_id at the request's own level",
            notes,
            id(),
        ),
    }
}

fn read_policy(members: &mut Members<'_>, notes: &mut Notes) -> MetadataPolicy {
    let consent = members.deprecated("consent", "consent at the request's own level", notes, read_consent);
    let risk = members.deprecated("risk", "risk at the request's own level", notes, read_risk);
    let successor = "acl at the request's own level";
    let acl = members.deprecated("acl", successor, notes, AccessList::read_json);
    let former = members.deprecated("omo_acl", successor, notes, AccessList::read_json);
    let granular = read_granular(members, successor, notes);
    let acl = acl.or(former);
    if let (Some(acl), Some((field, granular))) = (&acl, &granular)
        && acl != granular
    {
        notes.warn(&members.place(field), WarningKind::Overridden, "has no effect: acl says otherwise");
    }
    MetadataPolicy { consent, risk, acl: acl.or(granular.map(|(_, list)| list)) }
}

/// The twelve lists as one, and the first of them that was sent.
fn read_granular(
    members: &mut Members<'_>,
    successor: &'static str,
    notes: &mut Notes,
) -> Option<(&'static str, AccessList)> {
    let mut list = AccessList::default();
    let mut first = None;
    for (field, kind, access) in GRANULAR {
        let ids = members.deprecated(field, successor, notes, |value, at, notes| {
            let names = name_list(limits::ACL_ENTRIES_MAX, limits::USER_ID_BYTES_MAX)(value, at, notes)?;
            let prefix = format!("{}:", kind.name());
            let read = |name: &String| {
                let id = name.strip_prefix(prefix.as_str()).unwrap_or(name);
                AclId::new(kind, id)
                    .map_err(|error| notes.wrong::<()>(at, fault_of(&error), error.to_string()))
                    .ok()
            };
            names.iter().map(read).collect::<Option<BTreeSet<AclId>>>()
        });
        // Empty lists are what clients send back that state nothing.
        if let Some(ids) = ids.filter(|ids| !ids.is_empty()) {
            first = first.or(Some(field));
            match access {
                Access::Read => list.read.extend(ids),
                Access::Write => list.write.extend(ids),
            }
        }
    }
    first.map(|field| (field, list))
}

/// What is not known here is kept where it is flat, as `customMetadata` would keep it; the answer names it.
fn read_extra(members: &Members<'_>, notes: &mut Notes) -> Custom {
    let mut extra = Custom::new();
    for (key, value) in members.others() {
        let mut apart = notes.apart();
        let place = members.place(key);
        let read = CustomValue::read(value, &place, &mut apart);
        let has_room = extra.len() < limits::CUSTOM_KEYS_MAX;
        match read.filter(|_| is_key(key) && has_room) {
            Some(value) => {
                extra.insert(key.clone(), value);
                notes.warn(&place, WarningKind::Unknown, "is not known here; send it inside customMetadata");
            }
            None if value.is_null() => {}
            None => {
                let message = "is not known here and was left out; send it inside customMetadata, and flat";
                notes.warn(&place, WarningKind::Unknown, message);
            }
        }
    }
    extra
}
