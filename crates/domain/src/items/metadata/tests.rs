#![expect(clippy::needless_pass_by_value, reason = "inputs are built where they are checked")]

use serde_json::json;

use super::*;
use crate::fields::{At, Notes};

fn read_in(
    value: &Value,
    place: MetadataPlace,
    mut notes: Notes,
) -> Result<(Metadata, Vec<String>), Vec<String>> {
    let read = Metadata::read(value, &At::Root("metadata"), &mut notes, place);
    let faults: Vec<String> =
        notes.faults().iter().map(|f| format!("{}: {}", f.field(), f.message)).collect();
    let warnings = notes.warnings().iter().map(|w| format!("{}: {}", w.field, w.message)).collect();
    match read {
        Some(read) if faults.is_empty() => Ok((read, warnings)),
        _ => Err(faults),
    }
}

fn read(value: &Value) -> Result<(Metadata, Vec<String>), Vec<String>> {
    read_in(value, MetadataPlace::Add, Notes::lenient())
}

fn item(value: Value) -> ItemMetadata {
    read(&value).unwrap_or_else(|faults| panic!("{faults:?}")).0.item
}

#[test]
fn what_an_item_is_about_has_old_and_new_spellings() {
    let all = json!({
        "role": "user", "category": "fact", "topics": ["a", "b", "a"], "emotion tags": "glad, calm,,glad",
        "emoji tags": ["🙂"], "hierarchical_structures": ["x", "y"], "sourceUrl": " https://example.org ",
        "source_type": "web", "pageId": "p", "conversationId": "c", "location": "Bern",
        "createdAt": "2026-01-02T03:04:05Z", "customMetadata": {"a.b-c_1": "x", "n": 1, "f": 1.5, "t": true, "l": ["x"]},
        "sessionId": "s", "relatedGoals": [1], "workspace_id": "w",
    });
    let (read_once, warnings) = read(&all).expect("metadata");
    assert_eq!(warnings, Vec::<String>::new());
    let json = Value::Object(read_once.item.to_json());
    assert_eq!(
        json,
        json!({
            "role": "user", "category": "fact", "topics": ["a", "b"], "emotion_tags": ["glad", "calm"],
            "emoji_tags": ["🙂"], "hierarchical_structures": "x, y", "sourceUrl": "https://example.org",
            "sourceType": "web", "pageId": "p", "conversationId": "c", "location": "Bern",
            "createdAt": "2026-01-02T03:04:05.000000Z",
            "customMetadata": {"a.b-c_1": "x", "n": 1, "f": 1.5, "t": true, "l": ["x"]},
        })
    );
    assert_eq!(read_once.item.internal.len(), 2);
    // As JSON text it says the same.
    assert_eq!(read(&json!(all.to_string())).expect("metadata").0, read_once);
    assert_eq!(
        item(json!({"topics": "", "role": null})),
        ItemMetadata { topics: Some(vec![]), ..item(json!({})) }
    );
    let text = serde_json::to_string(&read_once.item).expect("writes");
    assert_eq!(serde_json::from_str::<ItemMetadata>(&text).expect("reads"), read_once.item);
}

#[test]
fn categories_belong_to_roles() {
    let check = |role: Option<&str>, category: &str, expect: Option<&str>| {
        let result = read(&json!({"role": role, "category": category})).err();
        assert_eq!(
            result,
            expect.map(|fault| vec![format!("metadata.category: {fault}")]),
            "{role:?} {category}"
        );
    };
    for category in ["preference", "task", "goal", "fact", "context"] {
        check(Some("user"), category, None);
    }
    for category in ["skills", "learning", "task", "goal", "fact", "context"] {
        check(Some("assistant"), category, None);
    }
    check(Some("user"), "skills", Some("must be one of user's: preference, task, goal, fact, context"));
    let assistants = "must be one of assistant's: task, goal, fact, context, skills, learning";
    check(Some("assistant"), "preference", Some(assistants));
    check(None, "fact", Some("needs a role beside it"));
    // A change may leave the role as it is, and a filter needs none.
    let alone = json!({"category": "skills"});
    let change = read_in(&alone, MetadataPlace::Update, Notes::lenient()).expect("a change").0.item;
    assert!(read_in(&alone, MetadataPlace::Filter, Notes::lenient()).is_ok());
    assert!(item(json!({"role": "assistant"})).changed_by(&change).is_ok());
    assert!(item(json!({"role": "user"})).changed_by(&change).is_err());
}

#[test]
fn what_belongs_to_the_request_is_copied_up_and_warned_of() {
    let sent = json!({
        "user_id": "aB3", "external_user_id": "ann", "organization_id": "o", "namespace_id": "n",
        "consent": "TERMS", "risk": "flagged", "omo_acl": {"read": ["bob"]},
        "external_user_read_access": ["bob"], "role_write_access": "reviewer", "user_read_access": [],
    });
    let (metadata, warnings) = read(&sent).expect("metadata");
    assert_eq!(metadata.identity.external_user_id.as_deref(), Some("ann"));
    assert_eq!((metadata.policy.consent, metadata.policy.risk), (Some(Consent::Terms), Some(Risk::Flagged)));
    assert_eq!(
        metadata.policy.acl.map(|acl| acl.to_json()),
        Some(json!({"read": ["external_user:bob"], "write": []}))
    );
    assert_eq!(warnings.len(), 11, "{warnings:?}");
    assert_eq!(
        warnings[0],
        "metadata.user_id: is deprecated: send external_user_id at the request's own level"
    );
    assert_eq!(
        warnings.last().map(String::as_str),
        Some("metadata.external_user_read_access: has no effect: acl says otherwise")
    );
    let faults = read_in(&sent, MetadataPlace::Add, Notes::strict()).expect_err("faults");
    assert_eq!(faults.len(), 10, "{faults:?}");
    assert_eq!(faults[0], "metadata.user_id: was removed: send external_user_id at the request's own level");
    // Lists that are empty state nothing; a prefix of the list's own kind may stand.
    let (metadata, _) = read(&json!({"user_read_access": [], "user_write_access": null})).expect("metadata");
    assert_eq!(metadata.policy.acl, None);
    let (metadata, _) =
        read(&json!({"organization_read_access": ["organization:acme", "x"]})).expect("metadata");
    let acl = metadata.policy.acl.expect("a list");
    assert_eq!(acl.to_json(), json!({"read": ["organization:acme", "organization:x"], "write": []}));
    let faults =
        read(&json!({"workspace_read_access": ["w"], "role_read_access": ["boss"]})).expect_err("faults");
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn an_applications_own_values_are_flat() {
    let check = |custom: Value, expect: &[&str]| {
        let faults = read(&json!({"customMetadata": custom})).expect_err("faults");
        assert_eq!(faults, expect, "{custom}");
    };
    let rule = "must be a string, a number, a boolean or a list of strings";
    check(
        json!({"a": {}, "b": [1, "x", ["y"]], "c": null, "d e": 1, "": 1}),
        &[
            "metadata.customMetadata.: must be called by 1 to 64 characters of A-Z a-z 0-9 _ . -",
            &format!("metadata.customMetadata.a: {rule}"),
            "metadata.customMetadata.b[0]: must be a string",
            "metadata.customMetadata.b[2]: must be a string",
            &format!("metadata.customMetadata.c: {rule}"),
            "metadata.customMetadata.d e: must be called by 1 to 64 characters of A-Z a-z 0-9 _ . -",
        ],
    );
    check(json!([]), &["metadata.customMetadata: must be a JSON object"]);
    let many: Map<String, Value> = (0..65).map(|n| (format!("k{n}"), json!(n))).collect();
    check(Value::Object(many), &["metadata.customMetadata: must have at most 64 members"]);
    assert_eq!(read(&json!({"customMetadata": {"k".repeat(65): 1}})).expect_err("a fault").len(), 1);
}

#[test]
fn what_is_not_known_is_kept_where_it_is_flat() {
    let (metadata, warnings) =
        read(&json!({"colour": "red", "deep": {"a": 1}, "size": [1], "a b": 1, "gone": null}))
            .expect("metadata");
    assert_eq!(metadata.item.extra.keys().collect::<Vec<_>>(), ["colour"]);
    let out = "is not known here and was left out; send it inside customMetadata, and flat";
    assert_eq!(
        warnings,
        [
            format!("metadata.a b: {out}"),
            "metadata.colour: is not known here; send it inside customMetadata".to_owned(),
            format!("metadata.deep: {out}"),
            format!("metadata.size: {out}"),
        ]
    );
}

#[test]
fn what_is_no_metadata_is_named() {
    let faults =
        read(&json!({"role": "robot", "topics": {}, "createdAt": "now", "sourceUrl": 1, "acl": "x"}));
    assert_eq!(
        faults.expect_err("faults"),
        [
            "metadata.role: must be one of: user, assistant",
            "metadata.topics: must be a list of strings, or one string with commas between them",
            "metadata.sourceUrl: must be a string",
            "metadata.createdAt: must be an RFC 3339 time such as 2026-01-31T12:00:00Z",
            "metadata.acl: must be a JSON object",
        ]
    );
    let check =
        |value: Value, expect: &str| assert_eq!(read(&value).expect_err("a fault"), [expect], "{value}");
    let text = "metadata: must be a JSON object, or one as JSON text";
    check(json!("{"), text);
    check(json!("[]"), text);
    check(json!("{\"location\": \"a\\u0000\"}"), text);
    check(json!(7), "metadata: must be a JSON object");
    check(json!({"post": "x".repeat(70_000)}), "metadata: must be at most 65536 bytes of compact JSON");
}

#[test]
fn a_change_replaces_field_by_field() {
    let before = item(
        json!({"role": "user", "topics": ["a"], "location": "Bern", "customMetadata": {"a": 1, "b": 2}}),
    );
    let change = item(json!({"topics": [], "customMetadata": {"c": 3}, "extra": "x", "post": "p"}));
    let after = before.changed_by(&change).expect("a change");
    assert_eq!(
        Value::Object(after.to_json()),
        json!({"role": "user", "topics": [], "location": "Bern", "customMetadata": {"c": 3}, "extra": "x"})
    );
    assert_eq!(before.changed_by(&ItemMetadata::default()).as_ref(), Ok(&before));
}

#[test]
fn a_filter_asks_for_what_it_states() {
    let have = item(json!({
        "role": "user", "topics": ["a", "b"], "location": "Bern", "colour": "red",
        "customMetadata": {"n": 1, "on": true, "tags": ["x", "y"], "name": "z"},
    }));
    let check = |wanted: Value, expect: bool| {
        let wanted = read_in(&wanted, MetadataPlace::Filter, Notes::lenient()).expect("a filter").0.item;
        assert_eq!(have.meets(&wanted), expect, "{wanted:?}");
    };
    check(json!({}), true);
    check(json!({"role": "user", "location": "Bern"}), true);
    check(json!({"role": "assistant"}), false);
    check(json!({"topics": "b,c"}), true);
    check(json!({"topics": ["c"]}), false);
    check(json!({"topics": []}), true);
    check(json!({"emotion_tags": ["x"]}), false);
    check(json!({"customMetadata": {"n": 1.0, "on": true}}), true);
    check(json!({"customMetadata": {"on": "true"}}), false);
    check(json!({"customMetadata": {"tags": "y"}}), true);
    check(json!({"customMetadata": {"tags": ["q", "x"]}}), true);
    check(json!({"customMetadata": {"name": ["q", "z"]}}), true);
    check(json!({"customMetadata": {"missing": 1}}), false);
    check(json!({"colour": "red"}), true);
    check(json!({"colour": "blue"}), false);
}
