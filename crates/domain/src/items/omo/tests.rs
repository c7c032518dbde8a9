use serde_json::json;

use super::*;
use crate::items::policy::merge::merge;
use crate::items::policy::{Layer, Mode};

#[test]
fn what_goes_out_comes_back_the_same() {
    let check = |json: Value| {
        let read = OmoObject::read(&json).expect("an object").value;
        assert_eq!(read.to_json(), json);
        let again = OmoObject::read(&read.to_json()).expect("an object").value;
        assert_eq!(again, read);
    };
    check(json!({
        "id": "mem_1", "createdAt": "2026-01-02T03:04:05.000000Z", "type": "text", "content": "hallo",
        "consent": "terms", "risk": "none",
    }));
    let policy = json!({
        "mode": "manual", "schema_id": "s1", "consent": "explicit",
        "nodes": [{"id": "n", "type": "Task", "properties": {"a": 1.5}}],
        "relationships": [{"source": "$this", "target": "n", "type": "HAS", "properties": {}}],
        "node_constraints": [{"node_type": "Task", "create": "lookup", "on_miss": "ignore",
            "search": {"properties": [{"name": "id", "mode": "exact"}], "mode": "semantic", "threshold": 0.85}}],
    });
    let mut notes = Notes::lenient();
    let stated =
        MemoryPolicy::read(&policy, &At::Root("p"), &mut notes, PolicyPlace::Request).expect("a policy");
    let effective = serde_json::to_value(merge(&[(Layer::Request, &stated)])).expect("writes");
    check(json!({
        "id": "mem_1", "createdAt": "2026-01-02T03:04:05.000006Z", "type": "code", "content": " x = 1\n",
        "consent": "explicit", "risk": "flagged", "topics": ["a", "b"], "sourceUrl": "https://example.org",
        "acl": {"read": ["external_user:ann", "organization:acme"], "write": ["external_user:ann"]},
        "ext": {
            "papr:metadata": {"role": "user", "category": "fact", "createdAt": "2026-01-02T03:04:05.000000Z",
                "customMetadata": {"n": 1, "f": 1.5, "b": true, "t": ["x"]}, "colour": "red"},
            "memoryscope:internal": {"sessionId": "s"},
            "papr:memory_policy": policy,
            "memoryscope:effective_policy": effective,
            "memoryscope:state": "restricted",
            "memoryscope:metadata_policy": {"risk": "sensitive"},
            "memoryscope:context": [{"role": "user", "content": "Where?"}],
            "memoryscope:owner": "external_user:ann",
            "memoryscope:namespace_id": "n",
            "memoryscope:not_extracted": "skip_background_processing",
            "memoryscope:dispute_state": "disputed",
            "other:thing": {"deep": [1, null]},
        },
    }));
}

#[test]
fn every_mode_comes_back() {
    for mode in Mode::ALL {
        let json = json!({
            "id": "m", "createdAt": "2026-01-02T03:04:05.000000Z", "type": "text", "content": "x", "consent": "none",
            "risk": "none", "ext": {"papr:memory_policy": {"mode": mode.name()}},
        });
        assert_eq!(OmoObject::read(&json).expect("an object").value.to_json(), json);
    }
}

#[test]
fn what_is_no_object_is_refused_and_the_others_are_read() {
    let good = json!({
        "id": "1", "createdAt": "2026-01-02T03:04:05Z", "type": "image", "content": "", "consent": "none",
    });
    let bad = json!({"id": "", "type": "smell", "content": 1, "consent": "maybe", "title": "x",
        "ext": {"memoryscope:state": "gone", "papr:memory_policy": {"mode": "x"}, "memoryscope:effective_policy": 1}});
    let all = OmoObject::read_all(&json!([good, bad])).expect("a list");
    let [Ok(read), Err(faults)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((read.value.risk, read.value.omo_type.item_type()), (Risk::None, None));
    let fields: Vec<String> = faults.list.iter().map(crate::fields::FieldFault::field).collect();
    assert_eq!(
        fields,
        [
            "body.memories[1].id",
            "body.memories[1].createdAt",
            "body.memories[1].type",
            "body.memories[1].content",
            "body.memories[1].consent",
            "body.memories[1].ext.papr:memory_policy.mode",
            "body.memories[1].ext.memoryscope:state",
            "body.memories[1].title",
        ]
    );
    assert!(OmoObject::read_all(&json!([])).is_err() && OmoObject::read_all(&json!({})).is_err());
}

fn comes_in(object: &Value) -> Result<Read<Imported>, Faults> {
    let owner = AclId::parse("ann").expect("an id");
    let now = Timestamp::from_unix_micros(1_767_225_600_000_000);
    OmoObject::read(object).expect("an object").value.imported(owner, (None, None), &At::Root("body"), now)
}

#[test]
fn an_object_says_more_than_what_held_elsewhere() {
    let held = |value: &str| {
        json!({"mode": {"value": "auto", "layer": "system"}, "consent": {"value": value, "layer": "schema"},
            "risk": {"value": "none", "layer": "system"}})
    };
    let object = |consent: &str, held: Value| {
        json!({
            "id": "1", "createdAt": "2026-01-01T00:00:00Z", "type": "text", "content": "x", "consent": consent,
            "ext": {"memoryscope:effective_policy": held},
        })
    };
    let check = |consent: &str, held: Value, expect: (Consent, Layer), warned: bool| {
        let read = comes_in(&object(consent, held)).expect("it comes in");
        let body = read.value.body;
        let policy = &body.object().and_then(|object| object.item.as_ref()).expect("an item").policy;
        assert_eq!((policy.consent.value, policy.consent.layer), expect);
        assert_eq!(!read.warnings.is_empty(), warned);
    };
    check("terms", held("terms"), (Consent::Terms, Layer::Schema), false);
    // It cannot be given a weaker treatment than it states, nor another one.
    check("none", held("explicit"), (Consent::None, Layer::Request), true);
    let mut shared = held("terms");
    shared["acl"] = json!({"value": {"read": ["external_user:eve"], "write": []}, "layer": "schema"});
    check("terms", shared, (Consent::Terms, Layer::Request), true);
    let mut no_nodes = held("terms");
    no_nodes["mode"]["value"] = json!("manual");
    check("terms", no_nodes, (Consent::Terms, Layer::Request), true);
}

#[test]
fn what_cannot_come_in_is_named() {
    let check = |field: &str, value: Value, expect: &str| {
        let mut object = json!({
            "id": "1", "createdAt": "2026-01-01T00:00:00Z", "type": "text", "content": "x", "consent": "terms",
        });
        object[field] = value;
        let faults = comes_in(&object).expect_err("it does not come in");
        assert_eq!(faults.list.iter().map(crate::fields::FieldFault::field).collect::<Vec<_>>(), [expect]);
    };
    check("type", json!("audio"), "body.type");
    check("createdAt", json!("2026-01-01T00:05:01Z"), "body.createdAt");
    check("content", json!(" "), "body.content");
    check("ext", json!({"papr:memory_policy": {"mode": "manual"}}), "body.ext.papr:memory_policy.nodes");
}

#[test]
fn ids_follow_from_the_object_and_its_scope() {
    let partition = |name: &str| {
        crate::scope::Scope::of_user(&crate::ids::UserId::parse(name).expect("a user")).partition()
    };
    let own = "mem_019b76daa80070018a80bdd0f8d83629";
    let ids = ids_of(own, partition("ann"));
    assert_eq!((ids.len(), ids[0].prefixed().as_str()), (2, own));
    assert_eq!(ids, ids_of(own, partition("ann")));
    assert_ne!(ids[1], ids_of(own, partition("bob"))[1]);
    // Kept in databases: it must not change.
    let named = ids_of("elsewhere/7", partition("ana"));
    assert_eq!(
        named.iter().map(|id| id.prefixed()).collect::<Vec<_>>(),
        ["mem_4fdf8225a0dd58548da7192e01300a41"]
    );
    for other in [
        "",
        "x",
        "mem_",
        "019b76da-a800-7001-8a80-bdd0f8d83629",
        "mem_019B76DAA80070018A80BDD0F8D83629",
        "mem_019b76daa80080018a80bdd0f8d83629",
    ] {
        assert_eq!(is_id_of_ours(other), None, "{other}");
    }
}
