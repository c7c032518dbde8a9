//! Requests that many tests make.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::Client;

/// A memory that says something of its own.
pub(crate) fn memory(user: &str, like: &str) -> Value {
    json!({
        "user_id": user, "scope": "preferences", "source": "explicit_user_input", "ttl_days": 30,
        "value_json": {"likes": [like]},
    })
}

/// Stores one, and answers its id.
#[track_caller]
pub(crate) fn create(client: &mut Client, user: &str, like: &str) -> String {
    client.post("/memory", &memory(user, like)).expect(201).text("id")
}

/// A read of a person's preferences.
pub(crate) fn reading(user: &str) -> Value {
    json!({"user_id": user, "scope": "preferences", "purpose": "recommend something"})
}

/// Every memory of a person that is there.
#[track_caller]
pub(crate) fn list(client: &mut Client, user: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let base = format!("/memory?user_id={user}&scope=preferences&purpose=recommend&limit=1000");
    let mut path = base.clone();
    loop {
        let page = client.get(&path).expect(200).json();
        let items = page["items"].as_array().expect("items");
        found.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{base}&cursor={cursor}"),
            None => return found,
        }
    }
}

/// What an export says of itself and of every entry.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) entries: Vec<Value>,
}

impl Export {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        let entries = lines.filter_map(|mut line| line.get_mut("entry").map(Value::take)).collect();
        Self { entries }
    }

    /// The places of its entries.
    pub(crate) fn places(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry["seq"].as_u64().unwrap_or_default()).collect()
    }

    /// The memories that entries of an operation name, as the API writes ids.
    pub(crate) fn memories(&self, operation: &str) -> BTreeSet<String> {
        let entries = self.entries.iter().filter(|entry| entry["operation"] == operation);
        let ids = entries.flat_map(|entry| entry["memory_ids"].as_array().cloned().unwrap_or_default());
        ids.filter_map(|id| id.as_str().and_then(|id| id.strip_prefix("mem_")).map(hyphenated)).collect()
    }
}

/// 32 digits as a UUID is written.
fn hyphenated(digits: &str) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}
