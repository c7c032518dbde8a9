//! How many creates and reads a second a store takes, durably, with so many tasks at once.
//!
//! `cargo run --release -p memoryscope-store --example commit_rate -- [tasks] [seconds] [file]`: SQLite, in that file.
//! `… -- [tasks] [seconds] --url postgresql://… [tenants]`: PostgreSQL, the work spread over so many tenants.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memoryscope_domain::audit_chain::{Code, Draft, Hash32, MemoryRefs, PolicyRef, Private, Seq, Verdict};
use memoryscope_domain::change::{Change, ChangeSet, Expect};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::ids::{AuditId, GrantId, IdSeed, IdSource, MemoryId, TenantId, UserId};
use memoryscope_domain::memory::{Body, DomainKey, Memory, SubjectRef};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::preference::{Domain, Kind, Preference, Source};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{BridgesTo, Load, PreferenceSelect, Rights, Select, Store, WantedRecords};
use memoryscope_store::{PostgresConfig, PostgresStore, SqliteConfig, SqliteStore};
use serde_json::json;

type Failure = Box<dyn Error + Send + Sync>;

/// Users whose memories are written and read: ten memories of each on average at the start of the reads.
const MEMORIES_PER_USER: u64 = 10;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let tasks: u64 = args.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = args.next().map_or(Ok(5), |text| text.parse())?;
    let place = args.next().unwrap_or_else(|| "commit_rate.db".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (store, tenants): (Arc<dyn Store>, u64) = if place == "--url" {
        let config = PostgresConfig::url(&args.next().ok_or("--url needs a URL")?)?;
        let tenants = args.next().map_or(Ok(1), |text| text.parse())?;
        (Arc::new(runtime.block_on(PostgresStore::open(&config))?), tenants)
    } else {
        (Arc::new(SqliteStore::open(&SqliteConfig::file(place))?), 1)
    };
    // Numbers that no run before this one gave.
    let number = AtomicU64::new(u64::from(std::process::id()) << 32);
    let bench = Arc::new(Bench { store, tenants, number, until: Duration::from_secs(seconds) });
    for what in [Work::Create, Work::Read] {
        let (count, latencies) = runtime.block_on(run(&bench, tasks, what))?;
        let at = |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or_default();
        println!(
            "{what:?}: {} a second, {tasks} tasks; p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            count / seconds,
            at(50).as_secs_f64() * 1e3,
            at(99).as_secs_f64() * 1e3,
            latencies.last().copied().unwrap_or_default().as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Work {
    /// One memory and its audit entry.
    Create,
    /// A load of a user's memories, then one grant and its audit entry.
    Read,
}

struct Bench {
    store: Arc<dyn Store>,
    tenants: u64,
    number: AtomicU64,
    until: Duration,
}

async fn run(bench: &Arc<Bench>, tasks: u64, what: Work) -> Result<(u64, Vec<Duration>), Failure> {
    let started = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let bench = Arc::clone(bench);
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while started.elapsed() < bench.until {
                    let begun = Instant::now();
                    bench.once(what).await?;
                    latencies.push(begun.elapsed());
                }
                Ok::<_, Failure>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    latencies.sort_unstable();
    Ok((latencies.len() as u64, latencies))
}

impl Bench {
    async fn once(&self, what: Work) -> Result<(), Failure> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let now =
            Timestamp::from_unix_micros(1_700_000_000_000_000 + i64::try_from(number % (1 << 32))? * 100);
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let mut ids = IdSource::new(IdSeed(seed), now);
        let tenant = TenantId::parse(&format!("t_{}", number % self.tenants.max(1)))?;
        let change = match what {
            Work::Create => {
                Change::InsertMemory(memory(&tenant, number % (1 << 32) / MEMORIES_PER_USER, &mut ids, now)?)
            }
            Work::Read => {
                let user = UserId::parse(&format!("user-{}", number % 2_000))?;
                self.store.load(&load(&tenant, &user, now)?).await?;
                Change::InsertGrant(grant(&tenant, user, number, &mut ids, now)?)
            }
        };
        let set = ChangeSet {
            tenant: tenant.clone(),
            expects: vec![Expect::ActivePolicy(None)],
            changes: vec![change],
            entry: draft(tenant, &mut ids, now),
            private: Private::from_stored(
                json!({"domain": "music", "request": "a request of some length"}).to_string(),
            ),
        };
        self.store.commit(Decided::without_policy(set)).await?;
        Ok(())
    }
}

fn memory(tenant: &TenantId, user: u64, ids: &mut IdSource, now: Timestamp) -> Result<Memory, Failure> {
    let value = json!({"likes": ["jazz", "blues", "folk"], "dislikes": ["metal"], "volume": user % 10});
    let preference = Preference::new(Kind::Preferences, Domain::parse("music")?, Source::UserSetting, value)
        .map_err(|_| "the value fits no shape")?;
    let scope = Scope::of_user(&UserId::parse(&format!("user-{user}"))?);
    let id = MemoryId::from_uuid(ids.next_uuid());
    Ok(Memory::new(id, tenant.clone(), scope, Body::Preference(preference), now, Some(now.plus_days(30))))
}

fn load(tenant: &TenantId, user: &UserId, now: Timestamp) -> Result<Load, Failure> {
    Ok(Load {
        tenant: tenant.clone(),
        now,
        select: Select::Preferences(PreferenceSelect {
            partition: Scope::of_user(user).partition(),
            kind: Kind::Preferences,
            domain: Some(DomainKey::of(Domain::parse("music")?.as_ref())),
            created_from: None,
            after: None,
            scan: None,
            limit: 1_000,
        }),
        filter: Filter::Everything,
        subject: SubjectRef::of_user(user),
        idempotency: None,
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    })
}

fn grant(
    tenant: &TenantId,
    user: UserId,
    number: u64,
    ids: &mut IdSource,
    now: Timestamp,
) -> Result<ReadGrant, Failure> {
    Ok(ReadGrant {
        id: GrantId::from_uuid(ids.next_uuid()),
        tenant: tenant.clone(),
        token_hash: TokenHash(Hash32::of(&number.to_be_bytes()).0),
        client: "client".to_owned(),
        user,
        kind: Kind::Preferences,
        domain: Domain::parse("music")?,
        purpose: Purpose::ContentGeneration,
        max_age_days: None,
        created: now,
        expires: now.plus_days(1),
        revoked: None,
        version: 1,
    })
}

fn draft(tenant: TenantId, ids: &mut IdSource, now: Timestamp) -> Draft {
    Draft {
        id: AuditId::from_uuid(ids.next_uuid()),
        tenant,
        time: now,
        operation: Code::MEMORY_WRITE,
        actor: None,
        subject: None,
        purpose: Some(Purpose::ContentGeneration),
        scope_type: Some(ScopeType::User),
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::from([("a_rule".into(), 1)]),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v1".into(), hash: Hash32::ZERO },
        memories: MemoryRefs::of(&[MemoryId::from_uuid(ids.next_uuid())]),
        grant: None,
        private_digest: None,
        value_digest: None,
    }
}
