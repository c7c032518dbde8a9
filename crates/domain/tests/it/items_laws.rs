//! Laws of reading the items dialect's requests, on random JSON that is made of its own words.

use memoryscope_domain::graph::Schema;
use memoryscope_domain::items::omo::OmoObject;
use memoryscope_domain::items::request::{AddRequest, BatchRequest, Reading, SearchRequest, UpdateRequest};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Members of requests, as a client would send them.
const KEYS: &[&str] = &[
    "content",
    "type",
    "external_user_id",
    "user_id",
    "organization_id",
    "namespace_id",
    "memory_policy",
    "policy",
    "graph",
    "acl",
    "consent",
    "risk",
    "metadata",
    "context",
    "link_to",
    "graph_generation",
    "relationships_json",
    "mode",
    "schema_id",
    "nodes",
    "relationships",
    "node_constraints",
    "edge_constraints",
    "read",
    "write",
    "id",
    "source",
    "target",
    "properties",
    "node_type",
    "edge_type",
    "create",
    "on_miss",
    "link_only",
    "search",
    "set",
    "when",
    "_and",
    "_or",
    "_not",
    "role",
    "category",
    "topics",
    "customMetadata",
    "memories",
    "query",
    "omo_filter",
    "search_override",
    "pattern",
    "filters",
    "name",
    "node_types",
    "Task",
    "ext",
    "createdAt",
    "manual",
    "auto",
];

/// Texts that mean something somewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "auto",
    "manual",
    "hybrid",
    "structured",
    "none",
    "explicit",
    "flagged",
    "user",
    "fact",
    "upsert",
    "lookup",
    "error",
    "$this",
    "$previous",
    "$context:1",
    "Task:title",
    "A->B->C:d",
    "external_user:ann",
    "team:x",
    "role:admin",
    "text",
    "2026-01-02T03:04:05Z",
    "exact",
    "string",
    "*",
    "ann@example.org",
    "\u{0}",
    "🙂",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => proptest::sample::select(TEXTS).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => (0.0..1.0).prop_map(|number: f64| json!(number)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec((proptest::sample::select(KEYS), inner), 0..6).prop_map(|members| {
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
    })
}

fn body() -> impl Strategy<Value = Value> {
    object(value()).prop_map(|mut body| {
        body["content"] = "x".into();
        body["query"] = "x".into();
        body
    })
}

const STRICT: Reading = Reading { is_strict: true, content_bytes_max: 15_000, batch_bytes_max: 750_000 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is sent, it is read or refused, the same each time; and what is read where deprecated fields are refused is
    /// read alike where they are not.
    #[test]
    fn a_strict_reading_only_refuses_more(body in body()) {
        let reading = Reading::default();
        let add = AddRequest::read(&body, &reading);
        prop_assert_eq!(&add, &AddRequest::read(&body, &reading));
        if let Ok(strict) = AddRequest::read(&body, &STRICT) {
            prop_assert_eq!(Ok(strict), add);
        }
        if let Ok(strict) = UpdateRequest::read(&body, &STRICT) {
            prop_assert_eq!(Ok(strict), UpdateRequest::read(&body, &reading));
        }
        if let Ok(strict) = SearchRequest::read(&body, &STRICT) {
            prop_assert_eq!(Ok(strict), SearchRequest::read(&body, &reading));
        }
    }

    /// An item of a batch is read as if it came alone.
    #[test]
    fn an_item_is_read_alike_alone_and_in_a_batch(body in body()) {
        let reading = Reading::default();
        let batch = BatchRequest::read(&json!({"memories": [body]}), &reading).map(|read| read.value.items);
        let items = batch.expect("a batch of one");
        let [item] = items.as_slice() else { panic!("one item") };
        let alone = AddRequest::read(&body, &reading);
        prop_assert_eq!(item.as_ref().map(|read| &read.value).ok(), alone.as_ref().map(|read| &read.value).ok());
    }

    /// What a kept policy is written as is what it is read from.
    #[test]
    fn a_kept_policy_is_the_one_that_was_read(body in body()) {
        if let Ok(read) = AddRequest::read(&body, &Reading::default()) {
            let policy = read.value.policy.stated;
            let text = serde_json::to_string(&policy).expect("writes");
            prop_assert_eq!(serde_json::from_str::<memoryscope_domain::items::MemoryPolicy>(&text).expect("reads"), policy);
        }
    }

    /// Schemas and objects of other servers are read or refused as well, and written as they were read.
    #[test]
    fn schemas_and_objects_read_what_they_write(body in body(), node_type in value()) {
        let schema = json!({"name": "s", "node_types": {"Task": node_type}, "default_memory_policy": body["memory_policy"]});
        if let Ok(read) = Schema::read(&schema, false) {
            let again = Schema::read(&Value::Object(read.value.to_json()), false).map(|read| read.value);
            prop_assert_eq!(again, Ok(read.value));
        }
        let object = json!({
            "id": "m", "createdAt": "2026-01-02T03:04:05Z", "type": "text", "content": "x", "consent": "terms",
            "acl": body["acl"], "ext": {"papr:metadata": body["metadata"], "papr:memory_policy": body["memory_policy"],
                                        "other": body},
        });
        if let Ok(read) = OmoObject::read(&object) {
            let again = OmoObject::read(&read.value.to_json()).map(|read| read.value);
            prop_assert_eq!(again, Ok(read.value));
        }
    }
}
