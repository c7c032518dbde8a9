//! What is looked up by keys, and schemas.

use std::sync::Arc;

use memoryscope_domain::change::Change;
use memoryscope_domain::ids::SchemaId;
use memoryscope_domain::memory::{Key, Memory, State};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_engine::port::{KeyedSelect, Load, SchemaSelect, Select, Store, StoreError};
use uuid::Uuid;

use crate::make::{
    NOW, commit, commit_all, event, item, load, load_of, memory_id, numbers, person, schema, set, tenant,
    time,
};

fn keyed(keys: &[Key], after: Option<u128>, limit: usize) -> Select {
    Select::Keyed(KeyedSelect { keys: keys.to_vec(), after: after.map(memory_id), limit })
}

async fn found(store: &dyn Store, name: &str, keys: &[Key]) -> Vec<u128> {
    numbers(&load(store, &tenant(name), keyed(keys, None, 10)).await)
}

async fn fill(store: &dyn Store) {
    let a = tenant("a");
    let insert = Change::InsertMemory;
    let changes = vec![
        insert(item(&a, 1, &["Ann", "Bob"], &["bob"], true)),
        insert(item(&a, 2, &["Ann"], &[], false)),
        insert(Memory { expires: Some(time(NOW)), ..item(&a, 3, &["Ann"], &["bob"], true) }),
        insert(item(&a, 4, &["Cy"], &["bob", "role:reviewer"], false)),
        insert(event(&a, 5, 5)),
    ];
    commit_all(store, &a, changes).await;
}

pub(super) async fn what_has_a_key_is_found_whosever_it_is(store: Arc<dyn Store>) {
    fill(&*store).await;
    let (ann, people) = (Key::node(person("Ann")), Key::node_type("", "Person"));
    let bobs = Key::reader("person:bob");
    assert_eq!(found(&*store, "a", &[ann]).await, [1, 2]);
    assert_eq!(found(&*store, "a", &[people]).await, [1, 2, 4]);
    assert_eq!(found(&*store, "a", &[bobs]).await, [1, 4]);
    assert_eq!(found(&*store, "a", &[Key::reader("person:ann")]).await, [] as [u128; 0]);
    assert_eq!(found(&*store, "a", &[Key::node_value("", "Person", "name", "cy")]).await, [4]);
    assert_eq!(found(&*store, "a", &[ann, bobs, ann]).await, [1, 2, 4]);
    assert_eq!(found(&*store, "a", &[]).await, [] as [u128; 0]);
    assert_eq!(found(&*store, "a", &[Key::node_type("other", "Person")]).await, [] as [u128; 0]);
    assert_eq!(found(&*store, "b", &[ann, people, bobs]).await, [] as [u128; 0]);
    let a = tenant("a");
    let page = load(&*store, &a, keyed(&[people], None, 2)).await;
    assert_eq!((numbers(&page), page.facts.more), (vec![1, 2], true));
    let page = load(&*store, &a, keyed(&[people], Some(2), 2)).await;
    assert_eq!((numbers(&page), page.facts.more), (vec![4], false));
}

pub(super) async fn keys_follow_the_memory(store: Arc<dyn Store>) {
    fill(&*store).await;
    let a = tenant("a");
    let (ann, cy, waiting) = (Key::node(person("Ann")), Key::node(person("Cy")), Key::waiting("extraction"));
    assert_eq!(found(&*store, "a", &[waiting]).await, [1]);
    let next = Memory { version: 2, ..item(&a, 1, &["Cy"], &[], false) };
    commit(&*store, set(&a, 20, vec![Change::ReplaceMemory(next)])).await.unwrap();
    assert_eq!(found(&*store, "a", &[ann]).await, [2]);
    assert_eq!(found(&*store, "a", &[cy]).await, [1, 4]);
    assert_eq!(found(&*store, "a", &[waiting, Key::reader("person:bob")]).await, [4]);
    let erased = item(&a, 4, &["Cy"], &["bob"], false).tombstone();
    commit(&*store, set(&a, 21, vec![Change::EraseMemory(erased)])).await.unwrap();
    assert_eq!(found(&*store, "a", &[cy, Key::reader("person:bob")]).await, [1]);
    // One batch of changes leaves what the last one says.
    let again = |version, persons: &[&str]| {
        Change::ReplaceMemory(Memory { version, ..item(&a, 2, persons, &[], false) })
    };
    for (number, change) in [(22, again(2, &["Bob", "Cy"])), (23, again(3, &["Bob"]))] {
        commit(&*store, set(&a, number, vec![change])).await.unwrap();
    }
    assert_eq!(found(&*store, "a", &[Key::node(person("Bob")), ann]).await, [2]);
}

pub(super) async fn a_filter_narrows_what_is_found(store: Arc<dyn Store>) {
    let a = tenant("a");
    let state =
        |number, state| Change::InsertMemory(Memory { state, ..item(&a, number, &["Ann"], &[], false) });
    let states = [State::Active, State::Sealed, State::Active, State::Revoked, State::Active];
    let changes = (1..).zip(states).map(|(number, of)| state(number, of)).collect();
    commit_all(&*store, &a, changes).await;
    let field = FilterField::new(Attribute::MemoryState).unwrap();
    let filter = Filter::OneOf(field, ["active".to_owned()].into());
    let asked = |after, limit| Load {
        filter: filter.clone(),
        ..load_of(&a, keyed(&[Key::node(person("Ann"))], after, limit))
    };
    let page = store.load(&asked(None, 2)).await.unwrap();
    assert_eq!((numbers(&page), page.facts.more), (vec![1, 3], true));
    let page = store.load(&asked(Some(3), 2)).await.unwrap();
    assert_eq!((numbers(&page), page.facts.more), (vec![5], false));
    assert_eq!(found(&*store, "a", &[Key::node(person("Ann"))]).await, [1, 2, 3, 4, 5]);
}

pub(super) async fn tenants_with_a_key_are_listed(store: Arc<dyn Store>) {
    for name in ["c", "a", "b"] {
        let of = tenant(name);
        let made = item(&of, 1, &["Ann"], &[], name != "b");
        commit(&*store, set(&of, 1, vec![Change::InsertMemory(made)])).await.unwrap();
    }
    let waiting = Key::waiting("extraction");
    let (a, c) = (tenant("a"), tenant("c"));
    assert_eq!(store.tenants_with(waiting, None, 10).await.unwrap(), [a.clone(), c.clone()]);
    assert_eq!(store.tenants_with(waiting, None, 1).await.unwrap(), std::slice::from_ref(&a));
    assert_eq!(store.tenants_with(waiting, Some(&a), 10).await.unwrap(), [c]);
    assert_eq!(store.tenants_with(Key::waiting("other"), None, 10).await.unwrap(), []);
}

async fn schemas(store: &dyn Store, name: &str, select: SchemaSelect) -> (Vec<(u128, u64)>, bool) {
    let facts = load(store, &tenant(name), Select::Schemas(select)).await.facts;
    let held = facts.schemas.iter().map(|schema| (schema.id.uuid().as_u128(), schema.version)).collect();
    (held, facts.more)
}

pub(super) async fn schemas_are_kept_replaced_and_paged(store: Arc<dyn Store>) {
    let a = tenant("a");
    let insert = |number| Change::InsertSchema(Box::new(schema(&a, number, 1)));
    commit(&*store, set(&a, 1, vec![insert(3), insert(1), insert(2)])).await.unwrap();
    let replace = Change::ReplaceSchema(Box::new(schema(&a, 2, 2)));
    commit(&*store, set(&a, 2, vec![replace])).await.unwrap();
    let id = |number| SchemaId::from_uuid(Uuid::from_u128(number));
    let all = |after: Option<u128>, limit| SchemaSelect::All { after: after.map(id), limit };
    assert_eq!(schemas(&*store, "a", all(None, 2)).await, (vec![(1, 1), (2, 2)], true));
    assert_eq!(schemas(&*store, "a", all(Some(2), 2)).await, (vec![(3, 1)], false));
    assert_eq!(schemas(&*store, "b", all(None, 2)).await, (vec![], false));
    let ids = |ids: &[u128]| SchemaSelect::Ids(ids.iter().copied().map(id).collect());
    assert_eq!(schemas(&*store, "a", ids(&[3, 9, 2])).await, (vec![(3, 1), (2, 2)], false));
    assert_eq!(schemas(&*store, "b", ids(&[1])).await, (vec![], false));
    let held = load(&*store, &a, Select::Schemas(ids(&[2]))).await.facts.schemas;
    assert_eq!(held, [schema(&a, 2, 2)]);
}

pub(super) async fn a_schema_is_expected_as_it_stands(store: Arc<dyn Store>) {
    let a = tenant("a");
    let told = async |number, change, expect: Option<&'static str>| match (
        commit(&*store, set(&a, number, vec![change])).await,
        expect,
    ) {
        (Ok(_), None) => {}
        (Err(StoreError::Conflict(what)), Some(expect)) => assert_eq!(what, expect),
        (answer, _) => panic!("{number}: {answer:?}"),
    };
    let insert = |version| Change::InsertSchema(Box::new(schema(&a, 1, version)));
    let replace = |version| Change::ReplaceSchema(Box::new(schema(&a, 1, version)));
    told(1, replace(2), Some("a schema")).await;
    told(2, insert(1), None).await;
    told(3, insert(1), Some("a schema's id")).await;
    told(4, replace(2), None).await;
    told(5, replace(2), Some("a schema")).await;
    told(6, replace(4), Some("a schema")).await;
    told(7, replace(3), None).await;
}
