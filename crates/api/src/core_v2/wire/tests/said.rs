//! The same of what memories say: content, affect, payloads, constraints; and of how strong they are and where they
//! come from.

use serde_json::{Value, json};

use super::fields::{
    WORD, check, check_barred, check_list, check_names, check_number, check_object, check_text, check_time,
    check_together, check_types, check_unit, with,
};
use super::{event, faults, impact, ingest, least, seed};

#[test]
fn content() {
    let (text, json) = (least(), event());
    check_object(&text, "/content");
    check_types(&text, "/content/text", &[json!(1), json!([]), json!({})]);
    for (said, fault) in [("", "too_short"), (" \n", "invalid"), ("a\u{0}b", "nul_character")] {
        check(&text, "/content/text", json!(said), fault);
    }
    check(&text, "/content/text", json!(" é\u{1} "), "");
    check(&text, "/content/text", json!("x".repeat(65_536)), "");
    check(&text, "/content/text", json!("x".repeat(65_537)), "too_long");
    check_text(&text, "/content/language", &["en", "pt-BR"], &[("", "too_short"), ("en_GB", "invalid")]);
    check(&text, "/content/language", json!("x".repeat(36)), "too_long");
    for taken in [json!([]), json!({}), json!(0), json!(false), json!("text")] {
        check(&json, "/content/json", taken, "");
    }
    check(&json, "/content/json", Value::Null, "missing");
    check(&json, "/content/json", json!("x".repeat(65_535)), "too_long");
    check_types(&text, "/content/format", &[json!(1), json!([])]);
    check(&text, "/content/format", json!("html"), "not_allowed");
    check_together(&text, &[("/content/format", None)], &["content.format missing"]);
    check_together(&text, &[("/content/text", None)], &["content.text missing"]);
    check_together(&text, &[("/content/json", Some(json!(1)))], &["content.json not_allowed"]);
    let both = ["content.json missing", "content.text not_allowed"];
    check_together(&text, &[("/content/format", Some(json!("json")))], &both);
}

#[test]
fn something_must_be_said() {
    let base = least();
    check_together(&base, &[("/content", None)], &["content missing"]);
    check_together(&base, &[("/content", Some(Value::Null))], &["content missing"]);
    for name in ["affect", "procedural_payload", "somatic_payload"] {
        let pointer = format!("/{name}");
        check_together(&base, &[("/content", None), (&pointer, Some(json!({})))], &[]);
        // What is wrong by itself is told, and not that nothing was said.
        let expected = format!("{name} wrong_type");
        check_together(&base, &[("/content", None), (&pointer, Some(json!(7)))], &[expected.as_str()]);
    }
}

#[test]
fn affect() {
    let base = event();
    check_object(&base, "/affect");
    for place in ["/affect", "/affect/affect_history/0"] {
        let at = |name: &str| format!("{place}/{name}");
        check_number(&base, &at("valence"), &[-1.0, 0.0, 1.0], &[-1.000_001, 1.5]);
        check_unit(&base, &at("arousal"));
        check_unit(&base, &at("affect_confidence"));
        check_list(&base, &at("labels"), 32, WORD);
        check_text(&base, &at("labels/0"), &["Über  Froh"], &[("", "too_short"), ("a\nb", "invalid")]);
        check(&base, &at("labels/0"), json!("x".repeat(65)), "too_long");
    }
    check_object(&base, "/affect/affect_history/0");
    check_time(&base, "/affect/affect_history/0/at");
    let many = |count: usize| json!(vec![json!({"at": "2025-01-01T00:00:00Z"}); count]);
    check(&base, "/affect/affect_history", many(200), "");
    check(&base, "/affect/affect_history", many(201), "too_long");
    check_together(&base, &[("/affect/affect_history/0/at", None)], &["affect.affect_history[0].at missing"]);
}

#[test]
fn payloads() {
    let base = event();
    for (payload, list, max) in
        [("/procedural_payload", "steps", 100), ("/somatic_payload", "do_not_prompt_with", 64)]
    {
        check_types(&base, payload, &[json!(0), json!("{}"), json!([]), json!(true)]);
        let list = format!("{payload}/{list}");
        check_list(&base, &list, max, WORD);
        check_text(&base, &format!("{list}/0"), &[" a b "], &[("", "too_short"), ("a\u{1}b", "invalid")]);
        check(&base, payload, json!({}), "");
        check(&base, payload, json!({"anything": {"goes": [1]}}), "");
        check(&base, payload, json!({"a": "x".repeat(16_384 - 8)}), "");
        check(&base, payload, json!({"a": "x".repeat(16_384 - 7)}), "too_long");
    }
    check(&base, "/procedural_payload/steps/0", json!("x".repeat(1_001)), "too_long");
    check(&base, "/somatic_payload/do_not_prompt_with/0", json!("x".repeat(65)), "too_long");
}

#[test]
fn strength() {
    let base = event();
    check_object(&base, "/strength");
    check_unit(&base, "/strength/initial");
    check_unit(&base, "/strength/current");
    check_names(&base, "/strength/decay_model", &["half_life", "linear", "logarithmic", "step"]);
    check_number(&base, "/strength/half_life_days", &[0.001, 36_500.0], &[0.0, -1.0, 1e-6, 36_500.5]);
    check_time(&base, "/strength/last_reinforced_at");
    check(&base, "/strength/last_reinforced_at", json!("2026-01-01T12:00:00Z"), "");
    check(&base, "/strength/last_reinforced_at", json!("2026-01-01T12:00:00.000001Z"), "invalid");
    check_barred(&base, "/strength/effective");
    let given = with(&base, "/strength", Some(json!({"initial": 0.5})));
    let body = ingest(&given).expect("a good body").memory.body;
    assert_eq!(body.object().map(|object| object.strength.current.get()), Some(0.5));
}

#[test]
fn provenance() {
    let base = event();
    check_object(&base, "/provenance");
    check_names(&base, "/provenance/source", &["user", "system", "import", "human_agent"]);
    let refused =
        [("", "too_short"), (" ", "too_short"), ("a\nb", "invalid"), (&*"x".repeat(201), "too_long")];
    let step = "/provenance/transform_chain/0";
    let (transform, version) = (format!("{step}/transform_id"), format!("{step}/version"));
    for name in ["/provenance/surface", "/provenance/conversation_id", &transform, &version] {
        check_text(&base, name, &["a", "Åsa 🙂"], &refused);
    }
    check_object(&base, step);
    let ids = [
        "mem_00000000000070008000000000000001",
        "00000000-0000-7000-8000-000000000001",
        "00000000000070008000000000000001",
    ];
    check_text(
        &base,
        "/provenance/derived_from/0",
        &ids,
        &[("", "invalid"), ("mem_1", "invalid"), ("x", "invalid")],
    );
    check_list(&base, "/provenance/derived_from", 256, |n| json!(format!("mem_{n:032x}")));
    let steps = |count: usize| json!(vec![json!({"transform_id": "a", "version": "1"}); count]);
    check(&base, "/provenance/transform_chain", steps(32), "");
    check(&base, "/provenance/transform_chain", steps(33), "too_long");
    check_unit(&base, "/provenance/confidence");
    check_barred(&base, "/provenance/policy_version");
    check_together(&base, &[("/provenance/derived_from", None)], &["provenance.transform_chain invalid"]);
}

#[test]
fn impacts() {
    let base = impact();
    let one = "/impact_payload/constraints/0";
    let at = |name: &str| format!("{one}/{name}");
    check_object(&base, "/impact_payload");
    check_object(&base, one);
    check_object(&base, &at("merge"));
    check_names(&base, &at("target"), &["response", "prompt_context", "tool_execution", "memory_ops"]);
    let strategies = [
        "latest_wins",
        "max_weight",
        "min_weight",
        "union",
        "intersection",
        "append_only",
        "most_restrictive_wins",
    ];
    check_names(&base, &at("merge/strategy"), &strategies);
    check_names(&base, &at("merge/tie_breakers/0"), &["last_reinforced_at", "created_at", "constraint_id"]);
    check(&base, &at("merge/tie_breakers"), json!(["priority", "priority"]), "invalid");
    let narrative = [("", "too_short"), ("he hit me once", "invalid"), ("a,b", "invalid"), ("--", "invalid")];
    check_text(&base, &at("topic"), &["Hospital", "кофе"], &narrative);
    for name in ["rule", "merge/slot"] {
        check_text(&base, &at(name), &["a b c d e f"], &[("", "too_short"), ("a b c d e f g", "invalid")]);
    }
    check_number(&base, &at("weight"), &[0.0, 1e300], &[-0.1, -1e300]);
    check_types(&base, &at("priority"), &[json!("1"), json!(1.5), json!([])]);
    check(&base, &at("priority"), json!(i32::MIN), "");
    check(&base, &at("priority"), json!(i64::from(i32::MAX) + 1), "out_of_range");
    check_unit(&base, &at("confidence"));
    check_types(&base, &at("expires_at"), &[json!(1), json!([])]);
    check(&base, &at("expires_at"), json!("2026-01-01T12:00:00Z"), "invalid");
    check(&base, &at("expires_at"), json!("2026-01-01T12:00:00.000001Z"), "");
    ["constraint_id", "created_at", "provenance"].iter().for_each(|name| check_barred(&base, &at(name)));
    check(&base, &at("source_refs"), json!(["mem_00000000000070008000000000000002"]), "invalid");
    check(&base, &at("source_refs"), json!([]), "");
    for required in ["kind", "topic", "target", "rule", "params", "merge", "merge/slot", "merge/strategy"] {
        let expected = format!("{} missing", super::fields::field(&at(required)));
        check_together(&base, &[(&at(required), None)], &[expected.as_str()]);
    }
}

#[test]
fn constraints_say_what_their_kind_says() {
    let base = impact();
    let (kind, params) = ("/impact_payload/constraints/0/kind", "/impact_payload/constraints/0/params");
    let check = |name: &str, members: Value, expect: &[&str]| {
        let place = "impact_payload.constraints[0].params";
        let expected: Vec<String> = expect.iter().map(|fault| format!("{place}{fault}")).collect();
        let body = with(&with(&base, kind, Some(json!(name))), params, Some(members));
        assert_eq!(faults(&body), expected, "{name}");
    };
    check("avoid", json!({"content_class": "judgement"}), &[]);
    check("avoid", json!({"content_class": "a", "topic": "b"}), &[" invalid"]);
    check("avoid", json!({}), &[" invalid"]);
    check("prefer", json!({"attribute": "drink", "value": "tea"}), &[]);
    check(
        "prefer",
        json!({"attribute": 1, "other": 2}),
        &[".attribute wrong_type", ".value missing", ".other unknown_field"],
    );
    check("require", json!({"behavior": "captions"}), &[]);
    check("tone", json!({"tone_profile": "firm"}), &[]);
    check("style", json!({"format": "bullets"}), &[]);
    check("boundary", json!({"boundary_type": "no contact"}), &[]);
    check("safety", json!({"mode": "gentle", "consent_required": true}), &[]);
    check("safety", json!({"mode": "gentle", "consent_required": "yes"}), &[".consent_required wrong_type"]);
    check("clarify_first", json!({"topic": "he never let me leave"}), &[".topic invalid"]);
    check("ask_permission", json!({"topic": "work"}), &[]);
    check("ask_permission", json!([]), &[" wrong_type"]);
    let body = with(&base, kind, Some(json!("forbid")));
    assert_eq!(faults(&body), ["impact_payload.constraints[0].kind not_allowed"]);
}

#[test]
fn seeds() {
    let base = seed();
    check_object(&base, "/seed_payload");
    check_list(&base, "/seed_payload/cues", 64, WORD);
    check_text(&base, "/seed_payload/cues/0", &["Åsa's room"], &[("", "too_short"), ("a\nb", "invalid")]);
    check(&base, "/seed_payload/cues/0", json!("x".repeat(101)), "too_long");
    check_object(&base, "/seed_payload/activation");
    check_unit(&base, "/seed_payload/activation/min_confidence");
    check_types(&base, "/seed_payload/activation/cooldown_seconds", &[json!("1"), json!(1.5), json!([])]);
    check(&base, "/seed_payload/activation/cooldown_seconds", json!(31_536_000), "");
    for beyond in [json!(-1), json!(31_536_001), json!(u64::MAX)] {
        check(&base, "/seed_payload/activation/cooldown_seconds", beyond, "out_of_range");
    }
    check_together(&base, &[("/seed_payload/activation", None)], &[]);
}

#[test]
fn payloads_go_with_their_type() {
    let payload = |body: &Value, name: &str| Some(body[name].clone());
    let (constraints, cues) = (payload(&impact(), "impact_payload"), payload(&seed(), "seed_payload"));
    check_together(&impact(), &[("/impact_payload", None)], &["impact_payload.constraints too_short"]);
    let empty = Some(json!({"constraints": []}));
    check_together(&impact(), &[("/impact_payload", empty)], &["impact_payload.constraints too_short"]);
    check_together(&seed(), &[("/seed_payload", None)], &["seed_payload.cues too_short"]);
    check_together(&seed(), &[("/seed_payload/cues", Some(json!([])))], &["seed_payload.cues too_short"]);
    check_together(&seed(), &[("/impact_payload", constraints.clone())], &["impact_payload not_allowed"]);
    check_together(&impact(), &[("/seed_payload", cues.clone())], &["seed_payload not_allowed"]);
    let event = [("/impact_payload", constraints), ("/seed_payload", cues)];
    check_together(&least(), &event, &["impact_payload not_allowed", "seed_payload not_allowed"]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let late = Some(json!("2030-01-01T00:00:00Z"));
    let changes = [
        ("/tenant_id", Some(json!("acme"))),
        ("/id", Some(json!("mem_1"))),
        ("/scope/scope_type", Some(json!("team"))),
        ("/state", Some(json!("dormant"))),
        ("/sensitivity/level", Some(json!("extreme"))),
        ("/ownership/owners/0", Some(json!(""))),
        ("/temporal/occurred_at_observed", late.clone()),
        ("/temporal/range", None),
        ("/content/json", None),
        ("/affect/valence", Some(json!(2))),
        ("/strength/last_reinforced_at", late),
        ("/provenance/policy_version", Some(json!("p"))),
        ("/history", Some(json!([]))),
        ("/colour", Some(json!("red"))),
    ];
    let told = [
        "tenant_id invalid",
        "id not_allowed",
        "scope.scope_type not_allowed",
        "state not_allowed",
        "sensitivity.level not_allowed",
        "ownership.owners[0] too_short",
        "temporal.range missing",
        "content.json missing",
        "affect.valence out_of_range",
        "provenance.policy_version not_allowed",
        "history not_allowed",
        "temporal.occurred_at_observed invalid",
        "strength.last_reinforced_at invalid",
        "colour unknown_field",
    ];
    check_together(&event(), &changes, &told);
}
