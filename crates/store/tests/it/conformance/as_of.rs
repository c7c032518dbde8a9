//! What was there at an earlier commit: each load as of a commit answers as the same load did just after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::change::Change;
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::memory::{Memory, MemoryType, State};
use memoryscope_domain::object::Derivation;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::port::{Load, ObjectSelect, PreferenceSelect, Select, Store};

use crate::make::{
    child, commit, event, load, load_of, memory, memory_id, memory_of, numbers, objects, set, shelf, tenant,
    time,
};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// How many memories a history is about.
const MEMORIES: u64 = 9;

/// What each history is asked for.
fn selects() -> Vec<Select> {
    let filter = |attribute, value: &str| {
        Filter::OneOf(FilterField::new(attribute).unwrap(), [value.to_owned()].into())
    };
    let ids: Vec<MemoryId> = (0..u128::from(MEMORIES) + 1).map(memory_id).collect();
    let mut selects = vec![
        Select::Objects(objects()),
        Select::Objects(ObjectSelect { limit: 2, ..objects() }),
        Select::Objects(ObjectSelect { after: Some((time(2), memory_id(4))), limit: 3, ..objects() }),
        Select::Objects(ObjectSelect { since: Some(time(1)), until: Some(time(3)), ..objects() }),
        Select::Objects(ObjectSelect { wanted: filter(Attribute::MemoryState, "sealed"), ..objects() }),
        Select::Objects(ObjectSelect {
            wanted: filter(Attribute::MemoryType, "impact"),
            limit: 1,
            ..objects()
        }),
        Select::Objects(ObjectSelect { scan: Some(1), ..objects() }),
        Select::Objects(ObjectSelect { scan: Some(3), limit: 2, ..objects() }),
        Select::Objects(ObjectSelect {
            scan: Some(2),
            among: filter(Attribute::MemoryType, "event"),
            ..objects()
        }),
        Select::Objects(ObjectSelect { words: Some(vec![TermKey::of("event")]), ..objects() }),
        Select::Objects(ObjectSelect { words: Some(vec![TermKey::of("event")]), limit: 2, ..objects() }),
        Select::Preferences(shelf()),
        Select::Preferences(PreferenceSelect { scan: Some(1), ..shelf() }),
        Select::Memories(ids.clone()),
        Select::Evidence { ids, objects: ObjectSelect { limit: 3, ..objects() } },
    ];
    for after in [0, 1] {
        let versions = |id| Select::Versions { id: memory_id(id), after, limit: 2 };
        selects.extend((0..u128::from(MEMORIES)).map(versions));
    }
    selects
}

/// What one load answers with: the memories, the earlier versions, the evidence, whether there was more, and where the
/// scan ended.
type Answer = (Vec<Arc<Memory>>, Vec<Arc<Memory>>, Vec<Arc<Memory>>, bool, Option<Place>);

async fn answer(store: &dyn Store, load: &Load) -> (Answer, BTreeSet<MemoryId>) {
    let facts = store.load(load).await.unwrap().facts;
    ((facts.memories, facts.versions, facts.evidence, facts.more, facts.scan_end), facts.erased)
}

/// A change that some memory can undergo now.
async fn change(store: &dyn Store, tenant: &TenantId, dice: &mut Dice) -> Option<Change> {
    let id = u128::from(dice.roll(MEMORIES));
    let now = load(store, tenant, Select::Memories(vec![memory_id(id)])).await.facts.memories;
    let Some(current) = now.first().filter(|memory| !memory.is_tombstone()) else {
        if !now.is_empty() {
            return None;
        }
        let occurred = i64::try_from(dice.roll(4)).unwrap();
        return Some(Change::InsertMemory(match dice.roll(5) {
            0 => memory(tenant, id),
            1 => memory_of(tenant, id, "bob", Kind::Preferences, "music", "bob's"),
            2 => child(tenant, id, &[], Derivation::Asserted),
            _ => event(tenant, id, occurred),
        }));
    };
    let next = Memory { version: current.version + 1, ..Memory::clone(current) };
    Some(match dice.roll(6) {
        0 => Change::EraseMemory(current.tombstone()),
        1 if next.placed.is_some() => {
            let placed = Some(time(i64::try_from(dice.roll(5)).unwrap()));
            Change::ReplaceMemory(Memory { placed, ..next })
        }
        _ => {
            let state = State::ALL[usize::try_from(dice.roll(4)).unwrap()];
            Change::ReplaceMemory(Memory { state, ..next })
        }
    })
}

/// What may have been asked for then and was erased since, of what a listing or a list of ids is about.
fn is_about(select: &Select, was: &Memory) -> bool {
    let is_preference = was.body.memory_type() == MemoryType::Preference;
    match select {
        Select::Objects(select) => was.partition == select.partition && !is_preference,
        Select::Preferences(select) => was.partition == select.partition && is_preference,
        Select::Memories(_) => true,
        Select::Versions { id, .. } => *id == was.id,
        Select::Evidence { .. } => true,
        _ => false,
    }
}

pub(super) async fn a_load_as_of_a_commit_answers_as_it_did_then(store: Arc<dyn Store>) {
    for history in 0..6_u64 {
        let mut dice = Dice(history);
        let tenant = tenant(&format!("h{history}"));
        let all = Select::Memories((0..u128::from(MEMORIES)).map(memory_id).collect());
        let (mut then, mut number) = (Vec::new(), 0);
        while then.len() < 24 {
            number += 1;
            let Some(change) = change(&*store, &tenant, &mut dice).await else { continue };
            let seq = commit(&*store, set(&tenant, number, vec![change])).await.unwrap().seq;
            let mut answers = Vec::new();
            for select in selects() {
                let (answered, erased) = answer(&*store, &load_of(&tenant, select)).await;
                assert!(erased.is_empty(), "what is current is not erased since");
                answers.push(answered);
            }
            then.push((seq, load(&*store, &tenant, all.clone()).await.facts.memories, answers));
        }
        let now = load(&*store, &tenant, all).await.facts.memories;
        let is_gone = |id: MemoryId| now.iter().any(|memory| memory.id == id && memory.is_tombstone());
        for (seq, there, answers) in &then {
            let lost: Vec<&Arc<Memory>> =
                there.iter().filter(|was| is_gone(was.id) && !was.is_tombstone()).collect();
            for (select, expected) in selects().into_iter().zip(answers) {
                let as_of = Load { as_of: Some(*seq), ..load_of(&tenant, select.clone()) };
                let (answered, erased) = answer(&*store, &as_of).await;
                let about = lost.iter().filter(|was| is_about(&select, was));
                assert_eq!(erased, about.map(|was| was.id).collect(), "{seq:?} {select:?}");
                if erased.is_empty() {
                    // What was erased long before keeps no more than that it was there.
                    assert_eq!(answered, *expected, "{seq:?} {select:?}");
                }
                assert!(answered.0.iter().all(|memory| !erased.contains(&memory.id)));
            }
        }
    }
}

pub(super) async fn before_the_first_commit_there_was_nothing(store: Arc<dyn Store>) {
    let a = tenant("a");
    commit(&*store, set(&a, 1, vec![Change::InsertMemory(event(&a, 1, 0))])).await.unwrap();
    for select in [Select::Objects(objects()), Select::Memories(vec![memory_id(1)])] {
        let at = async |seq| {
            let load = Load { as_of: Some(Seq(seq)), ..load_of(&a, select.clone()) };
            numbers(&store.load(&load).await.unwrap())
        };
        assert!(at(0).await.is_empty());
        assert_eq!(at(1).await, [1]);
        assert_eq!(at(99).await, [1]);
    }
}

pub(super) async fn an_entry_is_found_with_memories(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = set(&a, 7, vec![Change::InsertMemory(event(&a, 1, 0)), Change::InsertMemory(memory(&a, 2))]);
    let entry = made.entry.id;
    commit(&*store, made).await.unwrap();
    let ids = vec![memory_id(2), memory_id(3), memory_id(1)];
    let found = load(&*store, &a, Select::Logged { entry, ids: ids.clone() }).await;
    assert_eq!(numbers(&found), [2, 1]);
    assert_eq!(found.facts.entries[0].entry.id, entry);
    let elsewhere = load(&*store, &tenant("b"), Select::Logged { entry, ids }).await;
    assert!(elsewhere.facts.entries.is_empty() && elsewhere.facts.memories.is_empty());
}
