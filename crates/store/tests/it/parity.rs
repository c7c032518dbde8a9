//! Random sequences of commits and loads: every store answers as the memory store does, to the byte.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::{AuditKey, Checkpoint, CheckpointKey, Code, Seq};
use memoryscope_domain::change::{Change, ChangeSet, Expect, PolicyDocument};
use memoryscope_domain::consent::Consents;
use memoryscope_domain::ids::{SchemaId, TenantId};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::memory::{DomainKey, Key, Memory, State, SubjectRef};
use memoryscope_domain::object::{Derivation, Level};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::vector::ModelKey;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{
    BridgeSelect, Due, GrantMemories, KeyedSelect, Load, Near, ObjectSelect, PreferenceSelect, Rights,
    SchemaSelect, Select, Store,
};
use memoryscope_store::{SqliteConfig, SqliteStore};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use self::behind::{Behind, BridgeWish, bridges_of};
use crate::make::{
    self, NOW, child, domain, event, grant, load_of, memory_id, objects, tenant, time, user, whole,
};

mod behind;
mod beside;
mod filters;
mod random;

use filters::{FilterPick, filter_of};
pub(crate) use random::step;

const TENANTS: [&str; 2] = ["a", "b"];
const USERS: [&str; 2] = ["ann", "bob"];
const KINDS: [Kind; 2] = [Kind::Preferences, Kind::Schedule];
const DOMAINS: [&str; 3] = ["", "music", "food"];
const HASHES: [&str; 2] = ["h1", "h2"];
const WORDS: [&[&str]; 4] = [&["tea"], &["tea", "rain", "lisbon"], &["nothing", "grief", "x"], &[]];
const PERSONS: [&[&str]; 3] = [&[], &["Ann"], &["Bob", "Ann"]];
const MEMBERS: [&str; 8] = ["ann", "bob", "person:ann", "person:bob", "grief", "joy", "trauma", "\0"];

/// One change, in small numbers; what they stand for is looked up when it is applied.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Insert { id: u128, user: usize, kind: usize, domain: usize, created: i64, expires: Option<i64> },
    InsertObject { id: u128, occurred: i64, level: usize, look: u8, parents: Vec<u128>, expires: Option<i64> },
    Replace { id: u128, state: usize, stale: bool },
    Erase { id: u128 },
    Touch { ids: Vec<u128>, at: i64 },
    InsertGrant { id: u8, user: usize, age_days: Option<i64>, expires: i64 },
    RevokeGrant { id: u8 },
    SubjectKey { subject: u8 },
    KeepPolicy { hash: usize },
    Activate { hash: usize },
    Idempotency { key: u8, used: i64 },
    ForgetKeys { before: i64 },
    ForgetGrants { before: i64 },
    Checkpoint,
    Spiral { scope: u8, expires: i64 },
    ForgetSpiral { scope: u8 },
    Bridge(BridgeWish),
    Mark { id: u128, root: u128, after: Option<u128> },
    Unmark { id: u128 },
    Consent { subject: u8, stale: bool, purposes: Vec<Purpose> },
    Suppress { digests: Vec<u8> },
    InsertItem { id: u128, persons: usize, shared: bool, waits: bool },
    Schema { number: u128, version: u64 },
    Record { number: u8, version: u64, group: bool, subject: Option<u8>, due: Option<i64> },
    ForgetRecord { number: u8 },
    Vector { id: u128, towards: u8, is_of_its_text: bool },
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Commit { tenant: usize, wishes: Vec<Wish>, expects: Vec<Guess> },
    Load { tenant: usize, select: Pick, filter: FilterPick, subject: u8, key: u8, behind: Box<Behind> },
    Due { by: i64, limit: usize },
}

#[derive(Debug, Clone)]
pub(crate) enum Guess {
    Policy(Option<usize>),
    Memory(u128, u64),
    Grant(u8, u64),
    NoSubject(u8),
    NoKey(u8),
    Consent(u8, u64),
    Record(u8, u64),
}

#[derive(Debug, Clone)]
pub(crate) enum Pick {
    Nothing,
    Shelf {
        user: usize,
        kind: usize,
        domain: Option<usize>,
        from: Option<i64>,
        after: Option<(i64, u128)>,
        scan: Option<usize>,
        limit: usize,
    },
    Objects {
        since: Option<i64>,
        until: Option<i64>,
        after: Option<(i64, u128)>,
        level: Option<usize>,
        scan: Option<usize>,
        words: Option<usize>,
        near: Option<(u8, usize)>,
        limit: usize,
    },
    Unembedded(usize),
    Versions {
        id: u128,
        after: u64,
        limit: usize,
    },
    Ids(Vec<u128>),
    Grant {
        id: u8,
        age_days: Option<i64>,
        limit: usize,
    },
    Expired {
        limit: usize,
    },
    Entries {
        after: u64,
        reads_only: bool,
        limit: usize,
    },
    Entry(u128),
    Bridge(u8),
    Bridges(usize, usize),
    Belongings(usize),
    Keyed {
        keys: Vec<usize>,
        after: Option<u128>,
        limit: usize,
    },
    Schemas {
        ids: Option<Vec<u128>>,
        after: Option<u128>,
        limit: usize,
    },
    Verification,
    Family {
        id: u128,
        limit: usize,
    },
    Pending {
        limit: usize,
    },
}

fn key(number: u8) -> memoryscope_domain::change::IdempotencyRecord {
    crate::conformance::record(&format!("key {number}"), 0)
}

/// What the person has said of purposes.
async fn consents(store: &dyn Store, tenant: &TenantId, subject: u8) -> Option<Consents> {
    let rights = Rights { persons: vec![SubjectRef([subject; 16])], ..Rights::default() };
    let load = Load { rights, ..load_of(tenant, Select::Nothing) };
    store.load(&load).await.unwrap().facts.consents.into_iter().next()
}

/// An event, or what somebody says follows from these.
fn with_parents(tenant: &TenantId, id: u128, occurred: i64, parents: &[u128]) -> Memory {
    if parents.is_empty() {
        return event(tenant, id, occurred);
    }
    let parents: BTreeSet<u128> = parents.iter().copied().collect();
    let parents: Vec<u128> = parents.into_iter().collect();
    child(tenant, id, &parents, Derivation::Asserted)
}

/// Some of them are in the scope that the others' is bridged from.
fn in_one_of_the_scopes(id: u128, memory: Memory) -> Memory {
    let scope = if id % 3 == 2 { Scope::of_user(&user(USERS[1])) } else { memory.scope.clone() };
    Memory { partition: scope.partition(), scope, ..memory }
}

/// What a wish stands for now; none if the memory or grant that it names isn't there.
async fn change(store: &dyn Store, tenant: &TenantId, wish: &Wish) -> Option<Change> {
    let current = async |id| {
        let snapshot = make::load(store, tenant, Select::Memories(vec![memory_id(id)])).await;
        snapshot.facts.memories.first().map(|memory| Memory::clone(memory))
    };
    Some(match *wish {
        Wish::Insert { id, user, kind, domain, created, expires } => {
            let memory = make::memory_of(tenant, id, USERS[user], KINDS[kind], DOMAINS[domain], "x");
            Change::InsertMemory(Memory { created: time(created), expires: expires.map(time), ..memory })
        }
        Wish::InsertObject { id, occurred, level, look, ref parents, expires } => {
            let mut memory = make::looking(with_parents(tenant, id, occurred, parents), look);
            memory.body.object_mut()?.sensitivity.level = Level::ALL[level];
            (memory.placed, memory.expires) = (Some(time(occurred)), expires.map(time));
            Change::InsertMemory(in_one_of_the_scopes(id, memory))
        }
        Wish::Replace { id, state, stale } => {
            let memory = current(id).await?;
            let version = memory.version + u64::from(!stale);
            Change::ReplaceMemory(Memory { state: State::ALL[state], version, ..memory })
        }
        Wish::Erase { id } => Change::EraseMemory(current(id).await?.tombstone()),
        Wish::Touch { ref ids, at } => {
            Change::TouchSeeds { ids: ids.iter().copied().map(memory_id).collect(), at: time(at) }
        }
        Wish::InsertGrant { id, user: owner, age_days, expires } => {
            let mut made = grant(tenant, id);
            (made.user, made.max_age_days, made.expires) = (user(USERS[owner]), age_days, time(expires));
            Change::InsertGrant(made)
        }
        Wish::RevokeGrant { id } => {
            let select = Select::Grant { token_hash: grant(tenant, id).token_hash, memories: None };
            Change::ReplaceGrant(make::load(store, tenant, select).await.facts.grant?.revoke(time(NOW)))
        }
        Wish::SubjectKey { subject } => Change::InsertSubjectKey {
            subject: SubjectRef([subject; 16]),
            key: AuditKey::from_bytes([subject; 32]),
        },
        Wish::KeepPolicy { hash } => Change::KeepPolicy(PolicyDocument {
            version: format!("v{hash}"),
            hash: HASHES[hash].to_owned(),
            text: format!("text {hash}"),
        }),
        Wish::Activate { hash } => Change::ActivatePolicy { hash: HASHES[hash].to_owned() },
        Wish::Idempotency { key: number, used } => {
            let mut record = key(number);
            record.used = time(used);
            Change::InsertIdempotency(record)
        }
        Wish::Consent { subject, stale, ref purposes } => {
            let before = consents(store, tenant, subject).await.map_or(0, |consents| consents.version);
            make::consent(tenant, subject, before + u64::from(!stale), purposes)
        }
        Wish::Suppress { ref digests } => make::suppress(digests),
        Wish::Vector { id, towards, is_of_its_text: is } => random::vector(&current(id).await?, towards, is),
        Wish::Schema { .. } | Wish::InsertItem { .. } => beside::change(tenant, wish)?,
        Wish::Record { .. } | Wish::ForgetRecord { .. } => beside::change(tenant, wish)?,
        Wish::Spiral { scope, expires } => Change::InsertSpiral(make::spiral(tenant, scope, expires)),
        Wish::ForgetSpiral { scope } => Change::ForgetSpiral(Partition([scope; 16])),
        Wish::Bridge(ref wish) => wish.change(store, tenant).await?,
        Wish::Mark { id, root, after } => {
            let [id, root] = [id, root].map(memory_id);
            Change::MarkPending(PendingMark { id, root, after: after.map(memory_id) })
        }
        Wish::Unmark { id } => Change::UnmarkPending(memory_id(id)),
        Wish::ForgetKeys { before } => Change::ForgetIdempotencyBefore(time(before)),
        Wish::ForgetGrants { before } => Change::ForgetGrantsExpiredBefore(time(before)),
        Wish::Checkpoint => checkpoint(store, tenant).await,
    })
}

/// A checkpoint that follows the last one.
async fn checkpoint(store: &dyn Store, tenant: &TenantId) -> Change {
    let facts = make::load(store, tenant, Select::Verification).await.facts;
    let prev_checkpoint = facts.checkpoints.last().map(|last| last.checkpoint.hash());
    let head = make::head(store, tenant).await;
    let checkpoint = Checkpoint { tenant: tenant.clone(), head, time: time(NOW), prev_checkpoint };
    Change::InsertCheckpoint(CheckpointKey::from_bytes(&[3; 32]).sign(checkpoint))
}

fn expect(tenant: &TenantId, guess: &Guess) -> Expect {
    match *guess {
        Guess::Policy(hash) => Expect::ActivePolicy(hash.map(|hash| HASHES[hash].to_owned())),
        Guess::Memory(id, version) => Expect::Memory { id: memory_id(id), version },
        Guess::Grant(id, version) => Expect::Grant { id: grant(tenant, id).id, version },
        Guess::NoSubject(subject) => Expect::NoSubjectKey(SubjectRef([subject; 16])),
        Guess::NoKey(number) => Expect::NoIdempotencyKey(key(number).key),
        Guess::Record(number, version) => beside::expect(number, version),
        Guess::Consent(subject, version) => Expect::Consent { subject: SubjectRef([subject; 16]), version },
    }
}

fn keyed(keys: &[usize], after: Option<u128>, limit: usize) -> Select {
    let known = [
        Key::node(make::person("Ann")),
        Key::node_type("", "Person"),
        Key::node_value("", "Person", "name", "bob"),
        Key::reader("person:bob"),
        Key::waiting("extraction"),
    ];
    let keys = keys.iter().map(|key| known[*key]).collect();
    Select::Keyed(KeyedSelect { keys, after: after.map(memory_id), limit })
}

fn select(tenant: &TenantId, pick: &Pick) -> Select {
    match pick {
        Pick::Unembedded(limit) => Select::Unembedded { model: ModelKey([0; 8]), after: None, limit: *limit },
        Pick::Objects { since, until, after, level, words, near, scan, limit } => {
            Select::Objects(ObjectSelect {
                words: words.map(|words| WORDS[words].iter().map(|word| TermKey::of(word)).collect()),
                wanted: level.map_or(Filter::Everything, |level| {
                    let field = FilterField::new(Attribute::MemorySensitivityLevel).unwrap();
                    Filter::NoneOf(field, [Level::ALL[level].name().to_owned()].into())
                }),
                near: near.map(|(towards, limit)| Near {
                    model: ModelKey([0; 8]),
                    vector: random::direction(towards),
                    least: 0.2,
                    limit,
                }),
                since: since.map(time),
                until: until.map(time),
                after: after.map(|(occurred, id)| (time(occurred), memory_id(id))),
                scan: *scan,
                limit: *limit,
                ..objects()
            })
        }
        Pick::Versions { id, after, limit } => {
            Select::Versions { id: memory_id(*id), after: *after, limit: *limit }
        }
        Pick::Nothing => Select::Nothing,
        Pick::Shelf { user: owner, kind, domain: about, from, after, scan, limit } => {
            Select::Preferences(PreferenceSelect {
                partition: Scope::of_user(&user(USERS[*owner])).partition(),
                kind: KINDS[*kind],
                domain: about.map(|about| DomainKey::of(domain(DOMAINS[about]).as_ref())),
                created_from: from.map(time),
                after: after.map(|(created, id)| (time(created), memory_id(id))),
                scan: *scan,
                limit: *limit,
            })
        }
        Pick::Ids(ids) => Select::Memories(ids.iter().copied().map(memory_id).collect()),
        Pick::Grant { id, age_days, limit } => Select::Grant {
            token_hash: grant(tenant, *id).token_hash,
            memories: Some(GrantMemories { max_age_days: *age_days, limit: *limit }),
        },
        Pick::Expired { limit } => Select::Expired { limit: *limit },
        Pick::Entries { after, reads_only, limit } => Select::Entries {
            after: Seq(*after),
            operations: if *reads_only { vec![Code::MEMORY_READ, Code::MEMORY_LIST] } else { Vec::new() },
            limit: *limit,
        },
        Pick::Entry(number) => Select::Entry(make::draft(tenant, *number, Code::MEMORY_READ).id),
        Pick::Bridge(id) => Select::Bridges(BridgeSelect::One(make::bridge(tenant, *id, "", "", None).id)),
        Pick::Bridges(source, target) => Select::Bridges(BridgeSelect::Between {
            source: Scope::of_user(&user(USERS[*source])),
            target: Scope::of_user(&user(USERS[*target])),
        }),
        Pick::Belongings(owner) => Select::Belongings { user: user(USERS[*owner]), after: None, limit: 3 },
        Pick::Keyed { keys, after, limit } => keyed(keys, *after, *limit),
        Pick::Schemas { ids, after, limit } => {
            let id = |number| SchemaId::from_uuid(Uuid::from_u128(number));
            Select::Schemas(match ids {
                Some(ids) => SchemaSelect::Ids(ids.iter().copied().map(id).collect()),
                None => SchemaSelect::All { after: after.map(id), limit: *limit },
            })
        }
        Pick::Verification => Select::Verification,
        Pick::Family { id, limit } => Select::Family { id: memory_id(*id), limit: *limit },
        Pick::Pending { limit } => Select::Pending { limit: *limit },
    }
}

/// Does one step on both stores and gives back what each answered.
pub(crate) async fn both(
    model: &MemoryStore,
    store: &dyn Store,
    number: u128,
    step: &Step,
) -> (String, String) {
    match step {
        Step::Commit { tenant: at, wishes, expects } => {
            let tenant = tenant(TENANTS[*at]);
            let mut seen = BTreeSet::new();
            let mut changes = Vec::new();
            for wish in wishes {
                let change = change(model, &tenant, wish).await;
                changes.extend(change.filter(|change| seen.insert(make::about(change))));
            }
            let operation = if changes.is_empty() { Code::MEMORY_READ } else { Code::MEMORY_WRITE };
            let expects = expects.iter().map(|guess| expect(&tenant, guess)).collect();
            let entry = make::draft(&tenant, number, operation);
            let set = ChangeSet { expects, entry, ..make::set(&tenant, number, changes) };
            let one = make::commit(model, set.clone()).await;
            let other = make::commit(store, set).await;
            (format!("{one:?}"), format!("{other:?}"))
        }
        Step::Load { tenant: at, select: pick, filter, subject, key: number, behind } => {
            let tenant = tenant(TENANTS[*at]);
            let load = Load {
                filter: filter_of(filter),
                subject: SubjectRef([*subject; 16]),
                idempotency: Some(key(*number).key),
                spirals: [0, 1].map(|scope| Partition([scope; 16])).to_vec(),
                bridges: bridges_of(behind),
                rights: Rights {
                    persons: [0, 1].map(|subject| SubjectRef([subject; 16])).to_vec(),
                    erased: *number > 0,
                    digests: if *number > 1 { [1, 2].map(make::digest).to_vec() } else { Vec::new() },
                },
                records: beside::wanted(*number, *subject),
                ..load_of(&tenant, select(&tenant, pick))
            };
            (whole(&model.load(&load).await.unwrap()), whole(&store.load(&load).await.unwrap()))
        }
        Step::Due { by, limit } => {
            let due = Due {
                memories_expired_by: time(NOW - 2 + by),
                grants_expired_before: time(*by),
                idempotency_before: time(*by),
            };
            let mut chained = Vec::new();
            for tenant in TENANTS.map(tenant) {
                if make::head(model, &tenant).await.seq > Seq::ZERO {
                    chained.push(tenant);
                }
            }
            chained.truncate(*limit);
            let marked = model.tenants_pending(None, *limit).await.unwrap();
            let one = (model.tenants_due(&due, *limit).await.unwrap(), chained, marked);
            let other = store.tenants_due(&due, *limit).await.unwrap();
            let marked = store.tenants_pending(None, *limit).await.unwrap();
            let other = (other, store.tenants(None, *limit).await.unwrap(), marked);
            (format!("{one:?}"), format!("{other:?}"))
        }
    }
}

/// Does all steps on an empty store and on a model of it.
async fn compare(store: &dyn Store, steps: &[Step]) -> Result<(), TestCaseError> {
    let model = MemoryStore::new();
    for (step, number) in steps.iter().zip(0..) {
        let (expected, answer) = both(&model, store, number, step).await;
        prop_assert_eq!(expected, answer, "{:?}", step);
    }
    for name in TENANTS {
        let tenant = tenant(name);
        for select in [
            Select::Memories((0..8).map(memory_id).collect()),
            Select::Objects(objects()),
            Select::Entries { after: Seq::ZERO, operations: Vec::new(), limit: 100 },
            Select::Verification,
        ] {
            let expected = whole(&make::load(&model, &tenant, select.clone()).await);
            prop_assert_eq!(expected, whole(&make::load(store, &tenant, select).await));
        }
    }
    Ok(())
}

fn on_random_steps(test: impl Fn(&[Step]) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(step(), 1..40);
    TestRunner::new(config).run(&steps, |steps| test(&steps)).unwrap();
}

#[test]
fn sqlite_answers_as_the_memory_store_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    on_random_steps(|steps| {
        let store = SqliteStore::open(&SqliteConfig::memory()).unwrap();
        runtime.block_on(compare(&store, steps))
    });
}

#[test]
fn postgres_answers_as_the_memory_store_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(async {
        let database = crate::cluster::shared().await?.database().await;
        Some((database.open().await, database.connect().await, database))
    });
    let Some((store, client, _database)) = opened else { return };
    on_random_steps(|steps| {
        runtime.block_on(async {
            client.batch_execute(crate::cluster::EMPTY).await.unwrap();
            compare(&store, steps).await
        })
    });
}
