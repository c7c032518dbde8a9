//! Laws of whole memories.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::object::generate;
use crate::object::{OwnerType, Visibility};
use crate::principal::{Caller, Principal, Role};

/// A preference as it has been stored since the first release: there are databases that hold it.
const STORED_DOCUMENT: &str = r#"{"id":"00000000-0000-0000-0000-000000000007","tenant":"t_default","scope":{"type":"user","id":"ada"},"partition":[34,228,54,92,228,56,80,140,116,26,175,32,22,209,186,49],"state":"active","created":1767268800000000,"expires":null,"version":1}"#;
const STORED_BODY: &[u8] = b"\0{\"type\":\"preference\",\"kind\":\"preferences\",\"domain\":\"music\",\"shape\":\"likes_dislikes\",\"value\":{\"likes\":[\"jazz\"]},\"source\":\"user_setting\"}";

fn preference() -> Memory {
    let domain = Domain::parse("music").expect("good");
    let source = crate::preference::Source::UserSetting;
    let value = json!({"likes": ["jazz"]});
    let body = Preference::new(Kind::Preferences, domain, source, value).expect("good");
    let user = UserId::parse("ada").expect("good");
    let id = MemoryId::from_uuid(Uuid::from_u128(7));
    let created = Timestamp::from_unix_micros(1_767_268_800_000_000);
    Memory::new(id, TenantId::default_tenant(), Scope::of_user(&user), Body::Preference(body), created, None)
}

#[test]
fn a_preference_has_the_bytes_that_it_always_had() {
    let stored = StoredMemory::write(&preference()).expect("writes");
    assert_eq!((stored.document.as_str(), stored.body.as_slice()), (STORED_DOCUMENT, STORED_BODY));
    assert_eq!(StoredMemory::read(STORED_DOCUMENT, STORED_BODY), Ok(preference()));
    let erased = StoredMemory::read(STORED_DOCUMENT, b"\0{\"type\":\"erased\",\"was\":\"preference\"}");
    assert_eq!(erased.map(|memory| memory.body), Ok(Body::Erased { was: MemoryType::Preference }));
}

/// Stores hold these bytes: whoever changes them says how the old ones are read.
#[test]
fn a_seed_is_stored_like_this() {
    use crate::object::{Activation, Affect, Content, Cue, Distinct, HistoryEntry, Language, Log, Name};
    let at = Timestamp::from_unix_micros(1_767_268_800_000_000);
    let mut memory = memory("org:acme", OwnerType::Group, &["g1"], &["ada"], Visibility::SharedWithOrg);
    let mut object = memory.object().cloned().expect("an event");
    object.content = Content::text(Language::default(), "rain").ok();
    object.affect = Some(Affect::default());
    object.temporal.claimed = Some(at);
    object.strength.last_reinforced = Some(at);
    object.provenance.derived_from = Distinct::new(vec![memory.id]).expect("few");
    object.provenance.surface = Name::parse("web").ok();
    let entry = HistoryEntry { at, event: crate::object::Happening::Created, by: None, note: None };
    object.history = Log::new(vec![entry]).expect("few");
    let cues = Distinct::new(vec![Cue::parse("umbrella").expect("a cue")]).expect("few");
    let activation = Activation::new(Unit::clamped(0.5), 60).expect("in range");
    memory.body = Body::Seed(Box::new(Seed { object, cues, activation }));
    let stored = StoredMemory::write(&memory).expect("writes");
    let body: Value = serde_json::from_slice(&stored.body[1..]).expect("JSON");
    insta::assert_snapshot!(format!("{}\n{body:#}", stored.document));
}

#[test]
fn what_another_version_wrote_is_not_guessed_at() {
    let check = |body: &[u8], why: &str| {
        let error = StoredMemory::read(STORED_DOCUMENT, body).expect_err("it is unreadable");
        assert!(error.to_string().contains(why), "{error}");
    };
    check(b"", "unknown envelope");
    check(b"\x01{}", "unknown envelope");
    check(b"\0{\"type\":\"dream\"}", "Data");
    check(b"\0{\"type\":\"event\"}", "Data");
    check(b"\0{\"type\":\"event\",\"truth_mode\":\"fa", "Eof");
}

/// Every text in a JSON value, keys left out.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

fn stored_texts(memory: &Memory) -> BTreeSet<String> {
    let stored = StoredMemory::write(memory).expect("writes");
    let mut found = BTreeSet::new();
    texts(&serde_json::from_str(&stored.document).expect("JSON"), &mut found);
    texts(&serde_json::from_slice(&stored.body[1..]).expect("JSON"), &mut found);
    found
}

proptest! {
    #[test]
    fn a_memory_is_read_as_it_was_written(memory in generate::memory()) {
        let stored = StoredMemory::write(&memory).expect("writes");
        let read = StoredMemory::read(&stored.document, &stored.body).expect("reads");
        prop_assert_eq!(&read, &memory);
        prop_assert_eq!(StoredMemory::write(&read).expect("writes"), stored);
    }

    #[test]
    fn what_a_document_says_is_no_content(memory in generate::memory()) {
        let bare = Memory { body: Body::Erased { was: memory.body.memory_type() }, ..memory.clone() };
        let stored = StoredMemory::write(&memory).expect("writes");
        prop_assert_eq!(StoredMemory::write(&bare).expect("writes").document, stored.document);
    }

    #[test]
    fn a_tombstone_says_nothing_but_that_it_was_there(memory in generate::memory()) {
        let tombstone = memory.tombstone();
        prop_assert!(tombstone.is_tombstone() && !memory.is_tombstone());
        prop_assert_eq!(tombstone.version, memory.version + 1);
        let wiped = memory.wiped();
        prop_assert_eq!((wiped.version, wiped.state), (memory.version, memory.state));
        for left in [&tombstone, &wiped] {
            prop_assert_eq!((left.id, left.partition, left.created), (memory.id, memory.partition, memory.created));
            prop_assert_eq!(left.body.memory_type(), memory.body.memory_type());
            prop_assert!(left.object().is_none() && left.readers().is_empty());
            prop_assert!(left.owners().is_empty() && left.subjects().is_empty());
            let known = [
                memory.id.to_string(),
                memory.tenant.as_str().to_owned(),
                memory.scope.scope_type.name().to_owned(),
                memory.scope.namespace.clone(),
                left.state.name().to_owned(),
                memory.body.memory_type().name().to_owned(),
                "erased".to_owned(),
                String::new(),
            ];
            let said = stored_texts(left);
            prop_assert!(said.is_subset(&BTreeSet::from(known)), "{said:?}");
        }
    }

    #[test]
    fn the_access_list_says_who_may_read(memory in generate::object_memory(), principal in generate::principal()) {
        let reads_as = principal.reads_as();
        let listed = memory.readers().iter().any(|reader| reads_as.contains(reader));
        prop_assert_eq!(memory.is_readable_by(&principal), listed, "{:?} {:?}", memory.readers(), reads_as);
    }

    #[test]
    fn what_one_owns_is_about_one(memory in generate::memory(), principal in generate::principal()) {
        if memory.is_owned_in_person_by(&principal) {
            prop_assert!(memory.is_owned_by(&principal) && memory.is_about(&principal));
        }
        let nobody = Principal { user: None, ..principal };
        prop_assert!(!memory.is_owned_in_person_by(&nobody) && !memory.is_about(&nobody));
    }

    #[test]
    fn the_latest_comes_first(memories in proptest::collection::vec(generate::memory(), 0..4), threshold in 0.0..=1.0f64) {
        let mut sorted = memories.clone();
        sorted.sort_by_key(|memory| memory.place(threshold));
        let is_in_order = |pair: &[Memory]| {
            let (one, next) = (pair[0].occurred(threshold), pair[1].occurred(threshold));
            one > next || (one == next && pair[0].id <= pair[1].id)
        };
        prop_assert!(sorted.windows(2).all(is_in_order));
    }
}

/// A memory of `scope` and who it belongs to, as a table writes it.
fn memory(
    scope: &str,
    owner_type: OwnerType,
    owners: &[&str],
    subjects: &[&str],
    visibility: Visibility,
) -> Memory {
    let (scope_type, id) = scope.split_once(':').expect("type:id");
    let scope_type =
        crate::scope::ScopeType::ALL.into_iter().find(|known| known.name() == scope_type).expect("a type");
    let names = |names: &[&str]| {
        let parsed = names.iter().map(|name| UserId::parse(name).expect("a name")).collect();
        crate::object::Distinct::new(parsed).expect("few")
    };
    let time = crate::object::Temporal::observed(Timestamp::from_unix_micros(0));
    let mut event = Object::new(crate::object::TruthMode::FactualClaim, time);
    event.ownership.owner_type = owner_type;
    event.ownership.owners = names(owners);
    event.ownership.subjects = names(subjects);
    event.ownership.claimant = UserId::parse("claimant").ok();
    event.ownership.visibility = visibility;
    let scope = Scope { scope_type, id: id.to_owned(), namespace: String::new() };
    let id = MemoryId::from_uuid(Uuid::from_u128(1));
    let created = Timestamp::from_unix_micros(0);
    Memory::new(id, TenantId::default_tenant(), scope, Body::Event(Box::new(event)), created, None)
}

/// `ada`, `@group:g1`, `!reviewer` or `system`.
fn who(text: &str) -> Principal {
    let mut principal = Principal::local(TenantId::default_tenant());
    if let Some(group) = text.strip_prefix('@') {
        principal.groups.insert(group.to_owned());
    } else if let Some(role) = text.strip_prefix('!') {
        principal.roles.insert(Role::from_name(role).expect("a role"));
    } else if text == "system" {
        principal.caller = Caller::System;
    } else {
        principal.user = UserId::parse(text).ok();
    }
    principal
}

#[test]
fn everyone_has_the_part_that_the_table_says() {
    use OwnerType::{ExternalSource, Group, Org, System, User};
    use Visibility::{Private, RestrictedReview, SharedWithGroup, SharedWithOrg};
    // p: owned in person, o: owned, a: about, r: readable.
    let check = |memory: &Memory, expect: &[(&str, &str)]| {
        for (text, expected) in expect {
            let principal = who(text);
            let parts = [
                ('p', memory.is_owned_in_person_by(&principal)),
                ('o', memory.is_owned_by(&principal)),
                ('a', memory.is_about(&principal)),
                ('r', memory.is_readable_by(&principal)),
            ];
            let found: String = parts.into_iter().filter(|(_, is)| *is).map(|(letter, _)| letter).collect();
            assert_eq!(
                found,
                *expected,
                "{text} of {:?}",
                memory.body.object().map(|object| &object.ownership)
            );
        }
    };
    check(
        &memory("user:ada", User, &[], &["bob"], Private),
        &[
            ("ada", "poar"),
            ("bob", "ar"),
            ("claimant", ""),
            ("@user:ada", ""),
            ("!reviewer", ""),
            ("system", ""),
        ],
    );
    check(
        &memory("user:ada", User, &["bob"], &[], SharedWithGroup),
        &[("ada", "ar"), ("bob", "poar"), ("eve", ""), ("@user:ada", "r"), ("@group:ada", "")],
    );
    check(
        &memory("project:p1", User, &[], &[], Private),
        &[("p1", ""), ("@project:p1", "or"), ("@project:p2", ""), ("@group:p1", ""), ("system", "")],
    );
    check(
        &memory("project:p1", User, &["ada"], &[], Private),
        &[("ada", "poar"), ("@project:p1", ""), ("@user:ada", "")],
    );
    check(
        &memory("org:acme", User, &["ada"], &[], SharedWithOrg),
        &[("ada", "poar"), ("@org:acme", "r"), ("acme", ""), ("@group:acme", "")],
    );
    check(
        &memory("app:a1", Group, &["g1"], &["bob"], Private),
        &[("g1", ""), ("@group:g1", "or"), ("@org:g1", ""), ("bob", "ar"), ("@app:a1", "")],
    );
    check(&memory("app:a1", Org, &["g1"], &[], Private), &[("@group:g1", ""), ("@org:g1", "or")]);
    check(&memory("app:a1", System, &["cron"], &[], Private), &[("cron", ""), ("system", "or")]);
    check(&memory("app:a1", ExternalSource, &["crm"], &[], Private), &[("crm", ""), ("system", "")]);
    check(
        &memory("user:ada", User, &[], &["bob"], RestrictedReview),
        &[("ada", "poa"), ("bob", "a"), ("!reviewer", "r"), ("@role:reviewer", ""), ("@user:ada", "")],
    );
    check(
        &memory("project:p1", User, &[], &[], Private).tombstone(),
        &[("@project:p1", "or"), ("@project:p2", ""), ("p1", "")],
    );
    check(&memory("user:ada", User, &[], &[], Private).tombstone(), &[("ada", "poar"), ("bob", "")]);
}
