#![expect(clippy::needless_pass_by_value, reason = "inputs are built where they are checked")]

use serde_json::json;

use super::*;
use crate::ids::UserId;
use crate::items::metadata::MessageRole;
use crate::items::policy::{Consent, Risk};

fn said(error: InvalidRequest) -> Vec<String> {
    match error {
        InvalidRequest::Faults(faults) => {
            faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect()
        }
        other => vec![other.to_string()],
    }
}

fn add(body: Value) -> Result<(AddRequest, Vec<String>), Vec<String>> {
    AddRequest::read(&body, &Reading::default()).map(with_warnings).map_err(said)
}

fn with_warnings<T>(read: Read<T>) -> (T, Vec<String>) {
    let warnings =
        read.warnings.iter().map(|w| format!("{} {}: {}", w.kind.name(), w.field, w.message)).collect();
    (read.value, warnings)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a name")
}

#[test]
fn the_least_and_the_most_that_can_be_added() {
    let (least, warnings) = add(json!({"content": " x "})).expect("a request");
    assert_eq!((least.content.as_str(), least.item_type, warnings.len()), (" x ", ItemType::Text, 0));
    assert_eq!(
        (least.identity, least.metadata),
        (Identity::default(), crate::items::ItemMetadata::default())
    );
    let (most, warnings) = add(json!({
        "content": "x", "type": "DocumentMemoryItem", "external_user_id": "ann", "organization_id": "o",
        "namespace_id": "n", "memory_policy": {"mode": "auto"}, "acl": {"read": []}, "consent": "terms",
        "risk": "none", "metadata": {"topics": ["t"]}, "link_to": "Task:title",
        "context": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}],
        "simple_schema_mode": true, "colour": 1,
    }))
    .expect("a request");
    assert_eq!(
        (most.item_type, most.identity.acting),
        (ItemType::Document, Some(Acting::External(user("ann"))))
    );
    assert_eq!(most.context.last().map(|message| message.role), Some(MessageRole::Assistant));
    assert_eq!(most.policy.stated.node_constraints.map(|all| all.len()), Some(1));
    assert_eq!(
        warnings,
        [
            "deprecated body.type: is deprecated: send document",
            "removed body.simple_schema_mode: was removed and has no effect",
            "unknown body.colour: is not known here",
        ]
    );
    for nothing in [json!(null), json!("")] {
        assert_eq!(
            add(json!({"content": "x", "type": nothing})).expect("a request").0.item_type,
            ItemType::Text
        );
    }
}

#[test]
fn everything_that_is_wrong_with_an_item_is_named() {
    let check =
        |body: Value, expect: &[&str]| assert_eq!(add(body.clone()).expect_err("faults"), expect, "{body}");
    check(json!("x"), &["body: must be a JSON object"]);
    check(
        json!({
            "type": "poem", "external_user_id": " ", "organization_id": 1, "memory_policy": {"mood": 1},
            "acl": [], "consent": "yes", "risk": 1, "metadata": [], "context": [{"role": "x"}], "link_to": 1,
        }),
        &[
            "body.content: is required",
            "body.type: must be one of: text, code_snippet, document",
            "body.metadata: must be a JSON object",
            "body.external_user_id: must not be empty or blank",
            "body.organization_id: must be a string",
            "body.memory_policy.mood: is not known here; did you mean mode?",
            "body.acl: must be a JSON object",
            "body.consent: must be one of: explicit, implicit, terms, none",
            "body.risk: must be a string",
            "body.link_to: must be a string, a list of strings, or an object of strings and options",
            "body.context[0].role: must be one of: user, assistant",
            "body.context[0].content: is required",
        ],
    );
    check(json!({"content": " \n"}), &["body.content: must not be empty or blank"]);
}

#[test]
fn content_is_measured_in_bytes() {
    let content = |bytes: usize| json!({"content": "é".repeat(bytes / 2)});
    assert!(add(content(15_000)).is_ok());
    let error = AddRequest::read(&content(15_002), &Reading::default()).expect_err("too large");
    let too_large = TooLarge { field: "body.content".to_owned(), bytes: 15_002, bytes_max: 15_000 };
    assert_eq!(error, InvalidRequest::TooLarge(too_large));
    let more = Reading { content_bytes_max: 20_000, ..Reading::default() };
    assert!(AddRequest::read(&content(15_002), &more).is_ok());
}

#[test]
fn ids_of_an_application_are_told_from_the_servers() {
    for id in [
        "ann@example.org",
        "6f1c2f64-9c5e-4a0e-8a44-9e4a4c7a1b11",
        "6f1c2f649c5e4a0e8a449e4a4c7a1b11",
        "a-b",
        "user_1",
        "USER_1",
        "auth0|1",
        "customer_7",
    ] {
        assert!(is_application_id(id), "{id}");
        let error = AddRequest::read(&json!({"content": 1, "user_id": id}), &Reading::default());
        let trap = DeprecatedId { field: "body.user_id".to_owned(), provided_value: id.to_owned() };
        assert_eq!(error, Err(InvalidRequest::DeprecatedId(trap)), "{id}");
    }
    for id in ["aB3xYz90Qp", "u1", "ann"] {
        assert!(!is_application_id(id), "{id}");
        let (request, warnings) = add(json!({"content": "x", "user_id": id})).expect("a request");
        assert_eq!(request.identity.acting, Some(Acting::Internal(user(id))));
        assert_eq!(warnings, ["deprecated body.user_id: is deprecated: send external_user_id"]);
    }
}

#[test]
fn who_acts_is_said_by_the_request_before_its_metadata() {
    let check = |body: Value, acting: Option<Acting>, warned_of: &[&str]| {
        let mut body = body;
        body["content"] = "x".into();
        let (request, warnings) = add(body.clone()).expect("a request");
        assert_eq!(request.identity.acting, acting, "{body}");
        let overridden: Vec<&str> = warnings
            .iter()
            .filter_map(|warning| warning.strip_prefix("overridden body.")?.split(':').next())
            .collect();
        assert_eq!(overridden, warned_of, "{body}");
    };
    let external = |name: &str| Some(Acting::External(user(name)));
    check(json!({"metadata": {"external_user_id": "ann"}}), external("ann"), &[]);
    check(json!({"metadata": {"user_id": "ann@x.org"}}), external("ann@x.org"), &[]);
    check(json!({"metadata": {"user_id": "aB3"}}), Some(Acting::Internal(user("aB3"))), &[]);
    check(json!({"external_user_id": "ann", "metadata": {"external_user_id": "ann"}}), external("ann"), &[]);
    check(
        json!({"external_user_id": "bob", "user_id": "aB3", "metadata": {"external_user_id": "ann"}}),
        external("bob"),
        &["user_id", "metadata.external_user_id"],
    );
}

#[test]
fn where_deprecated_fields_are_removed_they_are_refused() {
    let strict = Reading { is_strict: true, ..Reading::default() };
    let body = json!({
        "content": "x", "user_id": "aB3", "graph_generation": {}, "relationships_json": [],
        "metadata": {"consent": "none", "namespace_id": "n"}, "memory_policy": {"mode": "hybrid"},
    });
    let faults = said(AddRequest::read(&body, &strict).expect_err("faults"));
    let fields: Vec<&str> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
    assert_eq!(
        fields,
        [
            "body.metadata.namespace_id",
            "body.metadata.consent",
            "body.user_id",
            "body.graph_generation",
            "body.relationships_json",
        ]
    );
    assert!(AddRequest::read(&json!({"content": "x", "consent": "none", "acl": {}}), &strict).is_ok());
}

#[test]
fn a_tenant_is_made_of_an_organizations_id() {
    assert_eq!(tenant_of_organization("acme").as_str(), "t_acme");
    let odd = tenant_of_organization("Größe & Co");
    assert_eq!((odd.as_str().len(), odd.as_str().starts_with("t_")), (34, true));
    assert_eq!(odd, tenant_of_organization("Größe & Co"));
    assert_ne!(odd, tenant_of_organization("Größe & Co."));
}

#[test]
fn each_item_of_a_batch_is_right_or_wrong_by_itself() {
    let body = json!({
        "external_user_id": "ann", "namespace_id": "n", "consent": "terms", "link_to": "Task:title",
        "webhook_url": "https://example.org", "webhook_secret": "s",
        "memories": [
            {"content": "one"},
            {"content": "two", "external_user_id": "bob", "metadata": {"namespace_id": "m"}},
            {"content": 3, "colour": 1},
            {"content": "four", "user_id": "user_4"},
            {"content": "x".repeat(15_001)},
        ],
    });
    let (batch, warnings) = with_warnings(BatchRequest::read(&body, &Reading::default()).expect("a batch"));
    assert_eq!(
        (warnings.len(), batch.batch_size, batch.policy.stated.consent),
        (0, 10, Some(Consent::Terms))
    );
    assert_eq!(batch.webhook.map(|hook| hook.secret), Some(Some("s".to_owned())));
    let acting = |index: usize| {
        let read = batch.items.get(index).and_then(|item| item.as_ref().ok()).expect("a request");
        (read.value.identity.acting.clone(), read.value.identity.namespace_id.clone())
    };
    assert_eq!(acting(0), (Some(Acting::External(user("ann"))), Some("n".to_owned())));
    assert_eq!(acting(1), (Some(Acting::External(user("bob"))), Some("m".to_owned())));
    let wrong = |index: usize| said(batch.items[index].clone().expect_err("a fault"));
    assert_eq!(wrong(2), ["body.memories[2].content: must be a string"]);
    assert!(wrong(3)[0].starts_with("body.memories[3].user_id takes ids of the server's own"));
    assert_eq!(wrong(4), ["body.memories[4].content has 15001 bytes; at most 15000 are allowed"]);
}

#[test]
fn a_batch_as_a_whole_has_limits() {
    let check = |body: Value, expect: &[&str]| {
        assert_eq!(said(BatchRequest::read(&body, &Reading::default()).expect_err("faults")), expect);
    };
    check(
        json!({"batch_size": 51, "consent": 1}),
        &[
            "body.memories: is required",
            "body.consent: must be a string",
            "body.batch_size: must be a whole number from 1 to 50",
        ],
    );
    check(json!({"memories": []}), &["body.memories: must have 1 to 50 items"]);
    check(
        json!({"memories": vec![json!({"content": "x"}); 51]}),
        &["body.memories: must have 1 to 50 items"],
    );
    let large = vec![json!({"content": "x".repeat(15_001)}); 50];
    check(json!({"memories": large}), &["body.memories has 750050 bytes; at most 750000 are allowed"]);
}

#[test]
fn an_update_states_what_it_replaces() {
    let read = |body: Value| UpdateRequest::read(&body, &Reading::default()).map(with_warnings).map_err(said);
    let (nothing, _) =
        read(json!({"external_user_id": "ann", "content": null, "metadata": {}})).expect("a request");
    assert!(!nothing.changes_anything());
    assert_eq!(nothing.identity.acting, Some(Acting::External(user("ann"))));
    for change in [
        json!({"content": "y"}),
        json!({"type": "document"}),
        json!({"metadata": {"category": "skills"}}),
        json!({"metadata": {"consent": "none"}}),
        json!({"acl": {"read": []}}),
        json!({"context": []}),
    ] {
        assert!(read(change.clone()).expect("a request").0.changes_anything(), "{change}");
    }
    assert_eq!(
        read(json!({"content": ""})).expect_err("a fault"),
        ["body.content: must not be empty or blank"]
    );
}

#[test]
fn a_search_is_for_words_or_for_what_is_recent() {
    let read = |body: Value| SearchRequest::read(&body, &Reading::default()).map(with_warnings);
    for generic in ["*", " ALL ", "everything"] {
        assert_eq!(read(json!({"query": generic})).expect("a request").0.query, Query::Recent, "{generic}");
    }
    let (words, _) = read(json!({"query": " all of\nit "})).expect("a request");
    assert_eq!((words.query, words.enable_agentic_graph), (Query::Words("all of\nit".to_owned()), false));
    assert_eq!(read(json!({"query": " "})), Err(InvalidRequest::BlankQuery));
    let fault = said(read(json!({"user_id": "x"})).expect_err("a fault"));
    assert_eq!(fault, ["body.query: is required"]);
    let (_, warnings) = read(json!({
        "query": "x", "rank_results": true, "reranking_config": {"reranking_enabled": true}, "policy": {},
        "holographic_config": {"enabled": false},
    }))
    .expect("a request");
    assert_eq!(
        warnings,
        [
            "deprecated body.rank_results: is deprecated: send reranking_config",
            "no_effect body.reranking_config: has no effect: results are ranked by this server alone",
        ]
    );
    for unsupported in [json!({"holographic_config": {"enabled": true}}), json!({"policy": {"vector": {}}})] {
        let mut body = unsupported.clone();
        body["query"] = "x".into();
        assert!(read(body).expect_err("unsupported").is_unsupported(), "{unsupported}");
    }
}

#[test]
fn searches_are_narrowed_by_consent_and_risk() {
    let check = |body: Value, expect: &[(Consent, Risk)]| {
        let mut body = body;
        body["query"] = "x".into();
        let omo = SearchRequest::read(&body, &Reading::default()).expect("a request").value.omo;
        let all = [Consent::Explicit, Consent::Implicit, Consent::Terms, Consent::None];
        let allowed: Vec<_> = all
            .into_iter()
            .flat_map(|consent| Risk::ALL.iter().map(move |risk| (consent, *risk)))
            .filter(|(consent, risk)| omo.allows(*consent, *risk))
            .collect();
        assert_eq!(allowed, expect, "{body}");
    };
    use Consent::{Explicit, Implicit, None as Never, Terms};
    use Risk::{Flagged, None as Safe, Sensitive};
    check(
        json!({"omo_filter": {"min_consent": "implicit", "max_risk": "none"}}),
        &[(Explicit, Safe), (Implicit, Safe)],
    );
    check(
        json!({"omo_filter": {"exclude_consent": ["explicit", "implicit", "terms"], "exclude_risk": ["sensitive"]}}),
        &[(Never, Safe), (Never, Flagged)],
    );
    check(
        json!({"omo_filter": {"require_consent": true, "exclude_flagged": true, "exclude_risk": ["none"]}}),
        &[(Explicit, Sensitive), (Implicit, Sensitive), (Terms, Sensitive)],
    );
    check(json!({"metadata": {"consent": "terms", "risk": "flagged"}}), &[(Terms, Flagged)]);
    let wrong = json!({"query": "x", "omo_filter": {"min_consent": "much", "minimum": 1}});
    assert_eq!(said(SearchRequest::read(&wrong, &Reading::default()).expect_err("faults")).len(), 2);
}

#[test]
fn a_pattern_is_exact() {
    let pattern = |filters: Value, direction: Value| {
        let body = json!({"query": "x", "search_override": {
            "pattern": {"source_label": "Memory", "relationship_type": "MENTIONS", "target_label": "Person",
                        "direction": direction},
            "filters": filters, "return_properties": ["name"]}});
        SearchRequest::read(&body, &Reading::default())
            .map(|read| read.value.pattern.expect("a pattern"))
            .map_err(said)
    };
    for (sent, expect) in [
        (json!("->"), "outgoing"),
        (json!("<-"), "incoming"),
        (json!("-"), "both"),
        (json!(null), "outgoing"),
    ] {
        assert_eq!(pattern(json!([]), sent).expect("a pattern").pattern.direction.name(), expect);
    }
    let filter = |operator: &str, value: Value| json!([{"node_type": "Person", "property_name": "name", "operator": operator, "value": value}]);
    let check = |operator: &str, value: Value, have: Value, expect: bool| {
        let found = pattern(filter(operator, value.clone()), json!("->")).expect("a pattern");
        let filter = found.filters.first().expect("a filter");
        let properties = json!({"name": have});
        let holds = filter.holds("Person", properties.as_object().expect("an object"));
        assert_eq!(holds, expect, "{have} {operator} {value}");
        assert!(filter.holds("Company", &serde_json::Map::new()));
    };
    check("CONTAINS", json!("nn"), json!("Ann"), true);
    check("contains", json!("x"), json!(["x", "y"]), true);
    check("STARTS_WITH", json!("an"), json!("Ann"), false);
    check("EQUALS", json!(1), json!(1.0), true);
    check("IN", json!(["Ann", "Bob"]), json!("Bob"), true);
    check("IN", json!([]), json!("Bob"), false);
    let faults = pattern(filter("IN", json!("Ann")), json!(">")).expect_err("faults");
    assert_eq!(
        faults,
        [
            "body.search_override.pattern.direction: must be one of: ->, <-, -",
            "body.search_override.filters[0].value: must be a list of at most 32 values",
        ]
    );
    assert_eq!(pattern(filter("LIKE", json!("Ann")), json!("->")).expect_err("faults").len(), 1);
    assert_eq!(pattern(filter("CONTAINS", json!(1)), json!("->")).expect_err("faults").len(), 1);
}

#[test]
fn counts_have_defaults_and_bounds() {
    assert_eq!(Counts::new(None, None), Ok(Counts { items: 20, nodes: 15 }));
    assert_eq!(Counts::new(Some(1), Some(100)), Ok(Counts { items: 1, nodes: 100 }));
    let faults = Counts::new(Some(0), Some(101)).expect_err("faults");
    let fields: Vec<String> = faults.list.iter().map(crate::fields::FieldFault::field).collect();
    assert_eq!(fields, ["query.max_memories", "query.max_nodes"]);
}
