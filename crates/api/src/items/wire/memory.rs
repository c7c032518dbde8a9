//! A memory as this dialect shows it.
//!
//! Metadata comes in as `sourceUrl` and goes out as `source_url`, beside a `metadata` that is as it came in; times go out
//! in camelCase. What is no item, because another dialect wrote it, is shown as the item that it would be.

use memoryscope_domain::items::{AccessList, Item as ItemOf, ItemMetadata};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Item;
use serde_json::{Map, Value, json};

use crate::explained;

/// What an item says: its text, or its JSON as text; nothing where the policy removed it.
pub(super) fn content(memory: &Memory) -> String {
    let content = memory.object().and_then(|object| object.content.as_ref());
    let text = content.and_then(|content| content.as_text().map(str::to_owned));
    text.or_else(|| content.and_then(|content| content.as_json()).map(Value::to_string)).unwrap_or_default()
}

/// A memory; `best` is the score of the answer's best, for which this one's stands relative to it.
pub(in crate::items) fn shown(item: &Item, developer: &str, best: Option<f64>) -> Value {
    let memory = &*item.memory;
    let id = memory.id.prefixed();
    let mut shown = json!({
        "id": id,
        "content": content(memory),
        "type": memory.item().map_or("text", |item| item.item_type.name()),
        "user_id": developer,
        "acl": {},
        "createdAt": memory.made_at().to_string(),
        "updatedAt": memory.updated_at().to_string(),
        "state": item.state.name(),
    });
    if memory.scope.scope_type == ScopeType::User {
        shown["external_user_id"] = json!(memory.scope.id);
    }
    if let Some(score) = item.score {
        let relative = best.filter(|best| *best > 0.0).map_or(1.0, |best| score.get() / best);
        shown["similarity_score"] = json!(explained::similarity(item));
        shown["relevance_score"] = json!(relative);
    }
    if let (Some(item), Value::Object(shown)) = (memory.item(), &mut shown) {
        add_item(item, shown);
    }
    shown
}

/// What only items have.
fn add_item(item: &ItemOf, shown: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    put("consent", json!(item.policy.consent.value.name()));
    put("risk", json!(item.policy.risk.value.name()));
    let access = item.access();
    put("acl", acl(&access));
    for (name, ids) in access.granular() {
        put(name, json!(ids));
    }
    if let Some(organization) = &item.organization_id {
        put("organization_id", json!(organization));
    }
    if let Some(namespace) = &item.namespace_id {
        put("namespace_id", json!(namespace));
    }
    if !item.context.is_empty() {
        let message = |of: &memoryscope_domain::items::request::ContextMessage| json!({"role": of.role.name(), "content": of.content});
        put("context", item.context.iter().map(message).collect());
    }
    put("metadata", Value::Object(item.metadata.to_json()));
    for (name, value) in metadata(&item.metadata) {
        put(name, value);
    }
}

/// `{id: {read, write}}`.
fn acl(access: &AccessList) -> Value {
    let entry = |id: &memoryscope_domain::items::AclId| {
        (id.to_string(), json!({"read": true, "write": access.write.contains(id)}))
    };
    Value::Object(access.readers().map(entry).collect())
}

/// The metadata's fields as they stand in the memory itself.
fn metadata(metadata: &ItemMetadata) -> Vec<(&'static str, Value)> {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| json!(list));
    let tags = [&metadata.emotion_tags, &metadata.emoji_tags];
    let tags: Vec<&String> = tags.into_iter().flatten().flatten().collect();
    let custom = metadata.custom.as_ref().map(|custom| {
        Value::Object(custom.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
    });
    [
        ("role", metadata.role.map(|role| json!(role.name()))),
        ("category", metadata.category.map(|category| json!(category.name()))),
        ("topics", list(&metadata.topics)),
        ("tags", (!tags.is_empty()).then(|| json!(tags))),
        ("hierarchical_structures", text(&metadata.hierarchical_structures)),
        ("source_url", text(&metadata.source_url)),
        ("source_type", text(&metadata.source_type)),
        ("page_id", text(&metadata.page_id)),
        ("conversation_id", text(&metadata.conversation_id)),
        ("location", text(&metadata.location)),
        ("customMetadata", custom),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// What is answered of an item that was stored.
pub(in crate::items) fn added(id: &str, created: Timestamp) -> Value {
    json!({"memoryId": id, "objectId": id, "createdAt": created.to_string(), "memoryChunkIds": [id]})
}

/// What is answered of an item that was changed.
pub(in crate::items) fn revised(memory: &Memory) -> Value {
    let id = memory.id.prefixed();
    let metadata = memory.item().map(|item| Value::Object(item.metadata.to_json()));
    json!({
        "memoryId": id,
        "objectId": id,
        "updatedAt": memory.updated_at().to_string(),
        "content": content(memory),
        "memoryChunkIds": [id],
        "metadata": metadata,
    })
}

/// How the memory is treated, and which layer says so of each field; nothing of what is no item.
pub(in crate::items) fn effective_policy(memory: &Memory) -> Value {
    memory.item().map_or(Value::Null, |item| item.policy.to_json())
}
