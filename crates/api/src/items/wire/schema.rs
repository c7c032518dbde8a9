//! What the bodies of requests may hold. They are read by the domain ([`memoryscope_domain::items::request`]); this says it in
//! the document, where what has been moved is marked as deprecated and what is not meant for callers is absent.

use memoryscope_domain::items::metadata::{Category, MessageRole};
use memoryscope_domain::items::policy::{Consent, Risk};
use memoryscope_domain::items::request::ItemType;
use memoryscope_domain::limits;
use memoryscope_domain::predicate::Speech;
use memoryscope_domain::webhook::URL_PATTERN;
use serde_json::{Map, Value, json};

use super::schema_constraint::search_override;
use super::schema_policy::{acl, memory_policy};
use crate::explained::{BOOST, BOOST_FEEDBACK, BOOST_RECENCY, BOOST_STRENGTH, EXPLAIN};
use crate::predicate;
use crate::wire::USER_ID_PATTERN;

/// A field that may be null or absent.
pub(super) fn maybe(mut schema: Value) -> Value {
    let is_whole = schema.get("title").is_some() || schema.get("enum").is_some();
    match &mut schema["type"] {
        Value::String(kind) if !is_whole => schema["type"] = json!([kind.clone(), "null"]),
        _ => return json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema
}

pub(super) fn says(mut schema: Value, text: &str) -> Value {
    schema["description"] = json!(text);
    schema
}

/// A field of former times.
pub(super) fn deprecated(schema: Value, successor: &str) -> Value {
    let mut schema = says(
        maybe(schema),
        &format!(
            "Send {successor}. It is refused where deprecated fields are removed (MEMORYSCOPE_ITEMS_STRICT)."
        ),
    );
    schema["deprecated"] = json!(true);
    schema
}

pub(super) fn text(bytes_max: usize) -> Value {
    json!({"type": "string", "maxLength": bytes_max})
}

pub(super) fn names(names: &[&str]) -> Value {
    json!({"type": "string", "enum": names})
}

pub(super) fn object(title: &str, required: &[&str], properties: Map<String, Value>) -> Value {
    let mut object = json!({"type": "object", "title": title});
    object["properties"] = Value::Object(properties);
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

pub(super) fn identity() -> Map<String, Value> {
    let id = json!({"type": "string", "minLength": 1, "maxLength": limits::USER_ID_BYTES_MAX, "pattern": USER_ID_PATTERN});
    let organization = "The organization; without keys it names the tenant.";
    let namespace = "A subdivision of the organization.";
    Map::from_iter([
        (
            "external_user_id".to_owned(),
            says(
                maybe(id.clone()),
                "Whose, as your application names its users; the developer's where nobody is named.",
            ),
        ),
        ("organization_id".to_owned(), says(maybe(id.clone()), organization)),
        ("namespace_id".to_owned(), says(maybe(id), namespace)),
        (
            "user_id".to_owned(),
            deprecated(json!({"type": "string", "minLength": 1, "pattern": r"\S"}), "external_user_id"),
        ),
    ])
}

/// Everything that says how an item is treated; each of it once.
fn treatment() -> Map<String, Value> {
    let link = "Links in short: Type:property, Type.via(EDGE->Target:property), Source->EDGE->Target:property, $this, $previous, $context:N.";
    Map::from_iter([
        ("memory_policy".to_owned(), maybe(memory_policy())),
        ("acl".to_owned(), says(maybe(acl()), "Who may read and change it, beside its owner.")),
        (
            "consent".to_owned(),
            says(
                maybe(names(Consent::NAMES)),
                "How its owner allowed that it is kept; implicit unless something says otherwise.",
            ),
        ),
        (
            "risk".to_owned(),
            says(maybe(names(Risk::NAMES)), "How risky it is; none unless something says otherwise."),
        ),
        ("link_to".to_owned(), json!({"description": link, "type": ["string", "array", "object", "null"]})),
        ("graph_generation".to_owned(), deprecated(json!({"type": "object"}), "memory_policy")),
        (
            "relationships_json".to_owned(),
            deprecated(json!({"type": "array"}), "memory_policy.relationships"),
        ),
    ])
}

fn content() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limits::ITEM_CONTENT_BYTES_MAX, "pattern": r"\S"})
}

fn context() -> Value {
    let message = object(
        "ItemContextMessage",
        &["role", "content"],
        Map::from_iter([
            ("role".to_owned(), names(MessageRole::NAMES)),
            ("content".to_owned(), text(limits::CONTENT_BYTES_MAX)),
        ]),
    );
    json!({"type": ["array", "null"], "maxItems": limits::ITEM_CONTEXT_MESSAGES_MAX, "items": message})
}

/// What an item is about. What belongs to the request itself is deprecated here; what only jobs of the server once used is
/// accepted and absent.
fn metadata() -> Value {
    let line = || maybe(text(limits::ITEM_TEXT_CHARS_MAX));
    let tag = || json!({"type": "string", "minLength": 1, "maxLength": limits::ITEM_TAG_CHARS_MAX});
    let tags =
        || json!({"type": ["array", "string", "null"], "maxItems": limits::ITEM_TAGS_MAX, "items": tag()});
    let custom_value = json!({"anyOf": [
        {"type": "string", "maxLength": limits::CUSTOM_TEXT_CHARS_MAX}, {"type": "number"}, {"type": "boolean"},
        {"type": "array", "maxItems": limits::CUSTOM_LIST_MAX, "items": {"type": "string"}},
    ]});
    let custom = json!({
        "type": ["object", "null"], "maxProperties": limits::CUSTOM_KEYS_MAX,
        "propertyNames": {"pattern": "^[A-Za-z0-9_.-]{1,64}$"}, "additionalProperties": custom_value,
        "description": "Your application's own values, flat, by which items can be searched.",
    });
    let mut fields = Map::from_iter([
        ("role".to_owned(), maybe(names(MessageRole::NAMES))),
        (
            "category".to_owned(),
            says(
                maybe(names(Category::NAMES)),
                "One of its role's: preference is a user's; skills and learning are an assistant's.",
            ),
        ),
        ("topics".to_owned(), tags()),
        ("emotion_tags".to_owned(), tags()),
        ("emoji_tags".to_owned(), tags()),
        ("hierarchical_structures".to_owned(), json!({"type": ["string", "array", "null"]})),
        ("sourceUrl".to_owned(), line()),
        ("sourceType".to_owned(), line()),
        ("pageId".to_owned(), line()),
        ("conversationId".to_owned(), line()),
        ("location".to_owned(), line()),
        ("createdAt".to_owned(), json!({"type": ["string", "null"], "format": "date-time"})),
        ("customMetadata".to_owned(), custom),
    ]);
    for field in ["user_id", "external_user_id", "organization_id", "namespace_id"] {
        let successor = if field == "user_id" { "external_user_id" } else { field };
        fields.insert(
            field.to_owned(),
            deprecated(json!({"type": "string"}), &format!("the request's {successor}")),
        );
    }
    fields.insert("consent".to_owned(), deprecated(names(Consent::NAMES), "the request's consent"));
    fields.insert("risk".to_owned(), deprecated(names(Risk::NAMES), "the request's risk"));
    fields.insert("acl".to_owned(), deprecated(json!({"type": "object"}), "the request's acl"));
    let mut metadata = object("ItemMetadata", &[], fields);
    metadata["type"] = json!(["object", "null"]);
    metadata
}

pub(super) fn item_fields() -> Map<String, Value> {
    let mut fields = identity();
    fields.extend(treatment());
    fields.insert("content".to_owned(), content());
    fields.insert("type".to_owned(), maybe(names(ItemType::NAMES)));
    fields.insert("metadata".to_owned(), metadata());
    fields.insert("context".to_owned(), context());
    fields
}

/// `POST /v1/memory`.
pub(in crate::items) fn add() -> Value {
    object("AddItem", &["content"], item_fields())
}

/// `PUT /v1/memory/{id}`.
pub(in crate::items) fn update() -> Value {
    let mut fields = item_fields();
    fields.insert("content".to_owned(), maybe(content()));
    object("UpdateItem", &[], fields)
}

/// `POST /v1/memory/batch`.
pub(in crate::items) fn batch() -> Value {
    let mut fields = identity();
    fields.extend(treatment());
    let max = limits::ITEM_BATCH_ITEMS_MAX;
    fields.insert(
        "memories".to_owned(),
        json!({"type": "array", "minItems": 1, "maxItems": max, "items": add()}),
    );
    fields
        .insert("batch_size".to_owned(), json!({"type": ["integer", "null"], "minimum": 1, "maximum": max}));
    let max = limits::WEBHOOK_BYTES_MAX;
    let about = format!("At most {max} bytes of UTF-8.");
    let words = json!({"type": ["string", "null"], "minLength": 1, "maxLength": max, "description": about});
    let mut address = words.clone();
    address["pattern"] = json!(URL_PATTERN);
    fields.insert("webhook_url".to_owned(), address);
    fields.insert("webhook_secret".to_owned(), words);
    object("AddItems", &["memories"], fields)
}

/// [`Boost`](memoryscope_domain::retrieval::Boost).
fn boost() -> Value {
    let weight = || json!({"type": ["number", "null"], "minimum": 0, "maximum": 1});
    let fields = [
        ("strength", weight(), BOOST_STRENGTH),
        ("recency", weight(), BOOST_RECENCY),
        ("feedback", weight(), BOOST_FEEDBACK),
    ];
    let fields = fields.map(|(name, weight, what)| (name.to_owned(), says(weight, what)));
    object("ItemBoost", &[], Map::from_iter(fields))
}

/// `POST /v1/memory/search`.
pub(in crate::items) fn search() -> Value {
    let consents = || json!({"type": ["array", "null"], "maxItems": limits::FILTER_NAMES_MAX, "items": names(Consent::NAMES)});
    let risks = || json!({"type": ["array", "null"], "maxItems": limits::FILTER_NAMES_MAX, "items": names(Risk::NAMES)});
    let flag = || json!({"type": ["boolean", "null"]});
    let omo = object(
        "OmoFilter",
        &[],
        Map::from_iter([
            ("min_consent".to_owned(), maybe(names(Consent::NAMES))),
            ("exclude_consent".to_owned(), consents()),
            ("max_risk".to_owned(), maybe(names(Risk::NAMES))),
            ("exclude_risk".to_owned(), risks()),
            ("require_consent".to_owned(), flag()),
            ("exclude_flagged".to_owned(), flag()),
        ]),
    );
    let mut fields = identity();
    let query = json!({"type": "string", "minLength": 1, "maxLength": limits::ITEM_QUERY_CHARS_MAX});
    fields.insert("query".to_owned(), says(query, "Words, or a question; * finds what is recent."));
    fields.insert("metadata".to_owned(), metadata());
    fields.insert("omo_filter".to_owned(), maybe(omo));
    fields.insert("filters".to_owned(), maybe(predicate::schema(Speech::Items)));
    let tokens = json!({"type": "integer", "minimum": 1, "maximum": limits::CONTEXT_TOKENS_MAX});
    let budget = "The most tokens of the memories' contents, by estimate: bytes divided by four, rounded up.";
    fields.insert("max_tokens".to_owned(), says(maybe(tokens), budget));
    fields.insert("explain".to_owned(), says(flag(), EXPLAIN));
    fields.insert("boost".to_owned(), says(maybe(boost()), BOOST));
    let cursor = json!({"type": "string", "minLength": 1, "maxLength": limits::CURSOR_BYTES_MAX});
    fields.insert("cursor".to_owned(), says(maybe(cursor), "The next_cursor of the same search."));
    fields.insert("search_acl".to_owned(), says(maybe(acl()), "Only what it lets one of these read."));
    let graph = "Whether nodes that the query names are looked for, and memories that say something of them or of what is next to them.";
    fields.insert("enable_agentic_graph".to_owned(), says(flag(), graph));
    fields.insert("schema_id".to_owned(), maybe(text(limits::GRAPH_NAME_CHARS_MAX)));
    fields.insert("search_override".to_owned(), maybe(search_override()));
    fields.insert("reranking_config".to_owned(), json!({"type": ["object", "null"]}));
    fields.insert("rank_results".to_owned(), deprecated(json!({"type": "boolean"}), "reranking_config"));
    object("SearchItems", &["query"], fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a key stands anywhere in a schema's properties.
    fn holds(schema: &Value, name: &str) -> bool {
        match schema {
            Value::Object(map) => {
                map.get("properties").is_some_and(|properties| properties.get(name).is_some())
                    || map.values().any(|value| holds(value, name))
            }
            Value::Array(items) => items.iter().any(|item| holds(item, name)),
            _ => false,
        }
    }

    #[test]
    fn each_thing_is_said_once_and_what_moved_is_marked() {
        for schema in [add(), update(), batch()["properties"]["memories"]["items"].clone()] {
            let properties = &schema["properties"];
            assert!(properties["memory_policy"].is_object());
            for field in ["acl", "consent", "risk"] {
                assert!(properties[field].is_object(), "{field}");
                assert_eq!(properties[field]["deprecated"], Value::Null, "{field}");
                assert_eq!(properties["metadata"]["properties"][field]["deprecated"], json!(true), "{field}");
            }
            for field in ["user_id", "external_user_id", "organization_id", "namespace_id"] {
                assert_eq!(properties["metadata"]["properties"][field]["deprecated"], json!(true), "{field}");
            }
        }
    }

    #[test]
    fn what_callers_are_not_meant_to_send_is_absent() {
        for schema in [add(), update(), batch(), search()] {
            for field in
                ["relatedGoals", "sessionId", "post", "userMessage", "upload_id", "simple_schema_mode"]
            {
                assert!(!holds(&schema, field), "{field}");
            }
        }
        let policy = memory_policy();
        assert_eq!(policy["properties"]["mode"]["anyOf"][0]["enum"], json!(["auto", "manual"]));
    }
}
