//! Words and the members of sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::change::Change;
use memoryscope_domain::govern::MemoryView;
use memoryscope_domain::memory::{Memory, State, TAGGED};
use memoryscope_domain::policy::{Filter, FilterField};
use memoryscope_domain::words::QueryText;
use memoryscope_engine::port::{Load, ObjectSelect, Select, Store};

use crate::make::{commit, commit_all, event, load, load_of, looking, numbers, objects, set, tenant, time};

/// `ann`'s memories with one of these words.
fn with(words: &[&str]) -> ObjectSelect {
    let asked = words.iter().flat_map(|word| QueryText::parse(word).unwrap().terms().to_vec()).collect();
    ObjectSelect { words: Some(QueryText::of_terms(asked).unwrap().keys()), ..objects() }
}

async fn found(store: &dyn Store, words: &[&str]) -> Vec<u128> {
    numbers(&load(store, &tenant("a"), Select::Objects(with(words))).await)
}

/// Events of all looks, numbered by them from 0; even ones happened later.
fn all_looks() -> Vec<Memory> {
    let look = |look: u8| looking(event(&tenant("a"), look.into(), i64::from(look.is_multiple_of(2))), look);
    (0..64).map(look).collect()
}

async fn filled(store: &dyn Store) -> Vec<Memory> {
    let all = all_looks();
    commit_all(store, &tenant("a"), all.iter().cloned().map(Change::InsertMemory).collect()).await;
    all
}

pub(super) async fn what_holds_a_word_is_found(store: Arc<dyn Store>) {
    filled(&*store).await;
    let expected = |holds: &dyn Fn(u128) -> bool| -> Vec<u128> {
        let found = |odd: u128| (0..32).filter(move |look| look % 2 == odd).filter(|look| holds(*look));
        found(0).chain(found(1)).collect()
    };
    assert_eq!(found(&*store, &["tea"]).await, expected(&|look| look % 4 < 3));
    assert_eq!(found(&*store, &["lisbon", "nothing"]).await, expected(&|look| look % 4 > 1));
    assert_eq!(found(&*store, &["grief"]).await, expected(&|look| look & 4 > 0));
    assert_eq!(found(&*store, &["trauma", "bob", "te", "teapot", "the"]).await, []);
    assert_eq!(found(&*store, &[]).await, []);
    let many: Vec<String> = (0..32).map(|number| format!("word{number}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many[30] = "rain";
    assert_eq!(found(&*store, &many).await, expected(&|look| (1..3).contains(&(look % 4))));
    assert!(load(&*store, &tenant("b"), Select::Objects(with(&["tea"]))).await.facts.memories.is_empty());
    let later = ObjectSelect { since: Some(time(1)), ..with(&["nothing"]) };
    assert_eq!(numbers(&load(&*store, &tenant("a"), Select::Objects(later)).await), []);
    let listed = load(&*store, &tenant("a"), Select::Objects(objects())).await;
    assert_eq!(listed.facts.memories.len(), 64, "what is not found by words is listed");
}

pub(super) async fn words_follow_the_memory(store: Arc<dyn Store>) {
    let a = tenant("a");
    let first = looking(event(&a, 1, 0), 0);
    let mut version = 1;
    let mut next = async |change: &dyn Fn(Memory) -> Memory| {
        version += 1;
        let memory = change(Memory { version, ..first.clone() });
        commit(&*store, set(&a, version.into(), vec![Change::ReplaceMemory(memory)])).await.unwrap();
        let newest = load(&*store, &a, Select::Objects(with(&["tea", "nothing"]))).await.facts.memories;
        assert!(
            newest.iter().all(|memory| memory.version == version),
            "not as it was when it was last searched"
        );
        (found(&*store, &["tea"]).await.len(), found(&*store, &["nothing"]).await.len())
    };
    commit_all(&*store, &a, vec![Change::InsertMemory(first.clone())]).await;
    assert_eq!(next(&|memory| looking(memory, 3)).await, (0, 1), "another text");
    assert_eq!(next(&|memory| memory).await, (1, 0), "the first again");
    for state in State::ALL[..4].iter().copied() {
        let is_found = usize::from(state < State::Sealed);
        assert_eq!(next(&|memory| Memory { state, ..memory }).await, (is_found, 0), "{}", state.name());
    }
    assert_eq!(next(&|memory| looking(memory, 32)).await, (0, 0), "kept out of searches");
    assert_eq!(next(&|memory| memory).await, (1, 0));
    let erased = Memory { version, ..first.clone() }.tombstone();
    commit(&*store, set(&a, 99, vec![Change::EraseMemory(erased)])).await.unwrap();
    assert_eq!(found(&*store, &["tea"]).await, []);
}

pub(super) async fn of_too_many_the_rarest_are_taken(store: Arc<dyn Store>) {
    let a = tenant("a");
    let looks = [0, 0, 3, 0, 2, 1];
    let events = looks
        .iter()
        .zip(1..)
        .map(|(look, number)| looking(event(&a, number, -i64::try_from(number).unwrap()), *look));
    commit_all(&*store, &a, events.map(Change::InsertMemory).collect()).await;
    for (limit, expected) in [
        (0, &[][..]),
        (1, &[5]),
        (2, &[3, 5]),
        (3, &[3, 5, 6]),
        (4, &[1, 3, 5, 6]),
        (6, &[1, 2, 3, 4, 5, 6]),
        (7, &[1, 2, 3, 4, 5, 6]),
    ] {
        let select = ObjectSelect { limit, ..with(&["tea", "rain", "lisbon", "nothing"]) };
        let facts = load(&*store, &a, Select::Objects(select)).await;
        assert_eq!(numbers(&facts), expected, "{limit}");
        assert_eq!(facts.facts.more, limit < 6);
    }
}

/// Compares what a store lets through with what the filter says of each memory.
async fn check(store: &dyn Store, all: &[Memory], filter: &Filter) {
    let a = tenant("a");
    let keeps = |memory: &&Memory| filter.matches(&MemoryView::stored(memory, time(crate::make::NOW)));
    let expected: BTreeSet<u128> =
        all.iter().filter(keeps).map(|memory| memory.id.uuid().as_u128()).collect();
    for limit in [7, 1_000] {
        let select = Select::Objects(ObjectSelect { limit, ..objects() });
        let found = store.load(&Load { filter: filter.clone(), ..load_of(&a, select) }).await.unwrap();
        assert_eq!(numbers(&found).len(), expected.len().min(limit), "{filter:?}");
        assert!(numbers(&found).iter().all(|number| expected.contains(number)), "{filter:?}");
        assert_eq!(found.facts.more, expected.len() > limit);
    }
}

const KINDS: [fn(FilterField, BTreeSet<String>) -> Filter; 4] =
    [Filter::Intersects, Filter::Disjoint, Filter::ContainsAll, Filter::LacksOneOf];

pub(super) async fn sets_are_filtered_exactly(store: Arc<dyn Store>) {
    let all = filled(&*store).await;
    let sets = [
        &["grief"][..],
        &["joy", "grief"],
        &["trauma", "grief", "ann"],
        &["bob"],
        &["person:bob", "bob"],
        &["x"],
    ];
    for (attribute, _) in TAGGED {
        let field = FilterField::new(attribute).unwrap();
        for set in sets {
            for kind in KINDS {
                let filter = kind(field, set.iter().map(|member| (*member).to_owned()).collect());
                check(&*store, &all, &filter).await;
            }
        }
    }
}

pub(super) async fn large_sets_are_filtered_exactly(store: Arc<dyn Store>) {
    let all = filled(&*store).await;
    for (attribute, _) in TAGGED {
        let field = FilterField::new(attribute).unwrap();
        let mut set: BTreeSet<String> = (0..1_500).map(|number| format!("group:{number}")).collect();
        for kind in KINDS {
            check(&*store, &all, &kind(field, set.clone())).await;
        }
        set.extend(["trauma", "grief", "bob", "person:bob"].map(str::to_owned));
        for kind in KINDS {
            check(&*store, &all, &kind(field, set.clone())).await;
        }
    }
}
