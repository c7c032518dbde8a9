//! One store's life, the same each time: something in every table, of every kind that there is.

use memoryscope_domain::audit_chain::{Checkpoint, CheckpointKey};
use memoryscope_domain::change::{Change, PolicyDocument};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::memory::{Memory, State};
use memoryscope_domain::object::{Derivation, Name};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::RecordKind;
use memoryscope_engine::port::{Select, Store};

use crate::conformance::vectors::kept;
use crate::make::{self, NOW, child, commit, event, grant, memory, memory_of, set, tenant, time};

/// Whose store it is.
pub(crate) const TENANTS: [&str; 3] = ["a", "b", "empty"];

/// Memories that were ever made for each of the first two.
pub(crate) const MEMORIES: u128 = 12;

/// Lives it on an empty store.
pub(crate) async fn fill(store: &dyn Store) {
    fill_as_of(store, u32::MAX).await;
}

/// Lives it as far as a schema of that number had room for it: a newer schema only adds at the end.
pub(crate) async fn fill_as_of(store: &dyn Store, schema: u32) {
    for name in &TENANTS[..2] {
        fill_tenant(store, &tenant(name)).await;
        if schema >= 2 {
            fill_objects(store, &tenant(name)).await;
        }
        if schema >= 4 {
            let of = |scope, expires| Change::InsertSpiral(make::spiral(&tenant(name), scope, expires));
            commit(store, set(&tenant(name), 2_000, vec![of(1, NOW + 1), of(2, 0)])).await.unwrap();
        }
        if schema >= 6 {
            let mark = PendingMark::new(make::memory_id(21), make::memory_id(21));
            let later = PendingMark { id: make::memory_id(22), after: Some(make::memory_id(24)), ..mark };
            let marks = vec![Change::MarkPending(mark), Change::MarkPending(later)];
            commit(store, set(&tenant(name), 3_000, marks)).await.unwrap();
        }
        if schema >= 7 {
            let said =
                vec![make::consent(&tenant(name), 1, 1, &[Purpose::ChatResponse]), make::suppress(&[1, 2])];
            commit(store, set(&tenant(name), 3_001, said)).await.unwrap();
            let again = make::consent(&tenant(name), 1, 2, &[]);
            commit(store, set(&tenant(name), 3_002, vec![again])).await.unwrap();
        }
        if schema >= 8 {
            fill_bridges(store, &tenant(name)).await;
        }
        if schema >= 9 {
            fill_items(store, &tenant(name)).await;
        }
        if schema >= 10 {
            let flagged = |number| Change::InsertMemory(make::flagged(&tenant(name), number));
            let waiting = vec![flagged(41), flagged(42), flagged(43)];
            commit(store, set(&tenant(name), 7_000, waiting)).await.unwrap();
            let sealed = Memory { state: State::Sealed, version: 2, ..make::flagged(&tenant(name), 43) };
            commit(store, set(&tenant(name), 7_001, vec![Change::ReplaceMemory(sealed)])).await.unwrap();
        }
        if schema >= 11 {
            fill_vectors(store, &tenant(name)).await;
        }
        if schema >= 12 {
            fill_records(store, &tenant(name)).await;
        }
    }
    // A tenant with a chain and nothing else.
    commit(store, set(&tenant(TENANTS[2]), 1, Vec::new())).await.unwrap();
}

/// Turns of a conversation, with a vector that stays, one that goes, and one that another takes the place of.
async fn fill_vectors(store: &dyn Store, tenant: &TenantId) {
    let turn = |number: u128| {
        let mut turn = event(tenant, number, 50);
        if let Some(object) = turn.body.object_mut() {
            object.provenance.conversation_id = Name::parse("c").ok();
        }
        turn
    };
    let turns = (51..=53).map(|number| Change::InsertMemory(turn(number))).collect();
    commit(store, set(tenant, 8_000, turns)).await.unwrap();
    let vectors = (51..=53).map(|number| kept(&turn(number), [1.0, 0.5])).collect();
    commit(store, set(tenant, 8_001, vec![Change::KeepVectors(vectors)])).await.unwrap();
    let sealed = Memory { state: State::Sealed, version: 2, ..turn(52) };
    let changes = vec![Change::ReplaceMemory(sealed), Change::KeepVectors(vec![kept(&turn(53), [0.0, 1.0])])];
    commit(store, set(tenant, 8_002, changes)).await.unwrap();
}

/// Records of two kinds: one that is somebody's, one that is due, one in its second version, and one that is forgotten.
async fn fill_records(store: &dyn Store, tenant: &TenantId) {
    let (job, session) = (RecordKind::Job, RecordKind::Session);
    let kept = vec![
        make::keep_record((session, "s1", 1), "ann", Some(4), None),
        make::keep_record((session, "s2", 1), "ann", None, None),
        make::keep_record((job, "j1", 1), "", None, Some(NOW)),
        make::keep_record((job, "j2", 1), "queued", None, None),
    ];
    commit(store, set(tenant, 9_000, kept)).await.unwrap();
    let next = vec![
        make::keep_record((job, "j2", 2), "failed", None, None),
        Change::ForgetRecord { kind: session, id: "s2".to_owned() },
    ];
    commit(store, set(tenant, 9_001, next)).await.unwrap();
}

/// A bridge that stands, one that has an end, and one that was removed.
async fn fill_bridges(store: &dyn Store, tenant: &TenantId) {
    let removed = make::bridge(tenant, 3, "ann", "bob", None);
    let made =
        [make::bridge(tenant, 1, "ann", "bob", None), make::bridge(tenant, 2, "bob", "ann", Some(NOW))];
    let made = made.into_iter().chain([removed.clone()]).map(Change::InsertBridge).collect();
    commit(store, set(tenant, 4_000, made)).await.unwrap();
    let ends = vec![Change::RemoveBridge(removed.remove(time(NOW)))];
    commit(store, set(tenant, 4_001, ends)).await.unwrap();
}

/// An event with what follows from it, a sealed one, one that is erased, and one that a client says follows from others.
async fn fill_objects(store: &dyn Store, tenant: &TenantId) {
    let sealed = Memory { state: State::Sealed, ..event(tenant, 22, 30) };
    let computed = child(tenant, 23, &[21], Derivation::Computed);
    let asserted = child(tenant, 24, &[21, 22], Derivation::Asserted);
    let erased = child(tenant, 25, &[21], Derivation::Asserted);
    let mut commits = vec![
        vec![Change::InsertMemory(event(tenant, 21, 20)), Change::InsertMemory(computed)],
        vec![Change::InsertMemory(sealed.clone())],
        vec![Change::InsertMemory(asserted), Change::InsertMemory(erased.clone())],
    ];
    commits.push(vec![Change::EraseMemory(erased.tombstone())]);
    commits.push(vec![Change::ReplaceMemory(Memory { state: State::Restricted, version: 2, ..sealed })]);
    for (changes, number) in commits.into_iter().zip(1_000..) {
        commit(store, set(tenant, number, changes)).await.unwrap();
    }
}

/// Items with a graph: one that is shared and waits, one that says something else by now, and one that is erased. And schemas.
async fn fill_items(store: &dyn Store, tenant: &TenantId) {
    let next = |memory: Memory| Memory { version: 2, ..memory };
    let item =
        |number, person, waits| make::item(tenant, number, &[person], &["bob", "role:reviewer"], waits);
    let insert = |memory: Memory| Change::InsertMemory(memory);
    let commits = [
        vec![insert(item(31, "Ann", true)), insert(item(32, "Bob", true)), insert(item(33, "Cy", false))],
        vec![Change::ReplaceMemory(next(item(32, "Ann", false)))],
        vec![Change::EraseMemory(item(33, "Cy", false).tombstone())],
        vec![
            Change::InsertSchema(Box::new(make::schema(tenant, 1, 1))),
            Change::InsertSchema(Box::new(make::schema(tenant, 2, 1))),
        ],
        vec![Change::ReplaceSchema(Box::new(make::schema(tenant, 1, 2)))],
    ];
    for (changes, number) in commits.into_iter().zip(6_000..) {
        commit(store, set(tenant, number, changes)).await.unwrap();
    }
}

async fn fill_tenant(store: &dyn Store, tenant: &TenantId) {
    let mut number = 0;
    let mut commits = Vec::new();
    let policy = |hash: &str| PolicyDocument {
        version: format!("version of {hash}"),
        hash: hash.to_owned(),
        text: format!("# {hash}\nrules: []\n"),
    };
    commits.push(vec![Change::KeepPolicy(policy("h1")), Change::ActivatePolicy { hash: "h1".to_owned() }]);
    commits.push(vec![Change::KeepPolicy(policy("h2")), Change::ActivatePolicy { hash: "h2".to_owned() }]);
    for id in 1..=MEMORIES {
        let text = format!("zażółć \"{id}\"\n\u{1f980}");
        let made = memory_of(tenant, id, ["ann", "bob"][usize::from(id % 2 == 0)], Kind::Schedule, "", &text);
        let expires = (id % 4 == 0).then(|| time(NOW + i64::try_from(id).unwrap()));
        commits.push(vec![Change::InsertMemory(Memory { expires, ..made })]);
    }
    let current = |id: u128| {
        let made = memory_of(tenant, id, "ann", Kind::Schedule, "music", "the second version");
        Memory { version: 2, ..made }
    };
    for id in 1..=6 {
        let state =
            [State::Active, State::Restricted, State::Sealed, State::Revoked][usize::from(id % 4 == 1)];
        commits.push(vec![Change::ReplaceMemory(Memory { state, ..current(id) })]);
    }
    for id in 1..=3 {
        commits.push(vec![Change::EraseMemory(current(id).tombstone())]);
    }
    commits.push(vec![Change::InsertMemory(memory(tenant, MEMORIES + 1))]);
    for id in 1..=3 {
        commits.push(vec![Change::InsertGrant(grant(tenant, id))]);
    }
    commits.push(vec![Change::ReplaceGrant(grant(tenant, 2).revoke(time(NOW)))]);
    for key in 1..=5 {
        let record = crate::conformance::record(&format!("key {key}"), key);
        commits.push(vec![Change::InsertIdempotency(record)]);
    }
    for changes in commits {
        number += 1;
        commit(store, set(tenant, number, changes)).await.unwrap();
    }
    for _ in 0..2 {
        number += 1;
        let facts = make::load(store, tenant, Select::Verification).await.facts;
        let prev_checkpoint = facts.checkpoints.last().map(|last| last.checkpoint.hash());
        let head = make::head(store, tenant).await;
        let checkpoint = Checkpoint { tenant: tenant.clone(), head, time: time(NOW), prev_checkpoint };
        let signed = CheckpointKey::from_bytes(&[3; 32]).sign(checkpoint);
        commit(store, set(tenant, number, vec![Change::InsertCheckpoint(signed)])).await.unwrap();
    }
}
