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
