//! How long a scope with many events takes to be asked by words.
//!
//! `cargo run --release -p memoryscope-store --example word_search -- [events] [file]`: SQLite, in that file, which must be new.
//! `… -- [events] --url postgresql://…`: PostgreSQL.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement is printed")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::IsTerminal as _;
use std::time::Instant;

use memoryscope_domain::audit_chain::{Code, Draft, Hash32, MemoryRefs, PolicyRef, Private, Seq, Verdict};
use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, SubjectRef};
use memoryscope_domain::object::{Content, Language, Object, Temporal, TruthMode};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{QueryText, rank};
use memoryscope_engine::port::{Around, BridgesTo, Load, ObjectSelect, Rights, Select, Store, WantedRecords};
use memoryscope_store::{PostgresConfig, PostgresStore, SqliteConfig, SqliteStore};
use serde_json::Map;
use uuid::Uuid;

type Failure = Box<dyn Error + Send + Sync>;

/// Events that are stored with one commit.
const COMMIT_EVENTS: u64 = 1_000;
/// How often each question is asked.
const REPEATS: usize = 15;
/// Words of one event.
const EVENT_WORDS: u64 = 40;
/// Different words of all events; word `n` is about `1 / n` as frequent as the first.
const VOCABULARY: u64 = 20_000;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().map_or(Ok(10_000), |text| text.parse())?;
    let place = args.next().unwrap_or_else(|| "word_search.db".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        if place == "--url" {
            let config = PostgresConfig::url(&args.next().ok_or("--url needs a URL")?)?;
            measure(&PostgresStore::open(&config).await?, events).await
        } else {
            measure(&SqliteStore::open(&SqliteConfig::file(place))?, events).await
        }
    })
}

async fn measure(store: &dyn Store, events: u64) -> Result<(), Failure> {
    let begun = Instant::now();
    for first in (0..events).step_by(usize::try_from(COMMIT_EVENTS)?) {
        let changes =
            (first..events.min(first + COMMIT_EVENTS)).map(|number| Ok(Change::InsertMemory(event(number)?)));
        store.commit(Decided::without_policy(set(first, changes.collect::<Result<_, Failure>>()?)?)).await?;
        if std::io::stderr().is_terminal() {
            eprint!("\r{first} of {events}");
        }
    }
    println!("{events} events stored in {:.1} s", begun.elapsed().as_secs_f64());
    println!("{:<34} {:>8} {:>9} {:>9} {:>9}", "asked", "matched", "median ms", "max ms", "rank ms");
    let list = ObjectSelect { limit: 100, ..objects()? };
    let field = FilterField::new(Attribute::MemoryReaders).ok_or("readers are no set")?;
    let nobody = Filter::Intersects(field, BTreeSet::from(["person:nobody".to_owned()]));
    ask(store, "the latest 100", &list, None).await?;
    ask(store, "what somebody else may read", &ObjectSelect { wanted: nobody, ..list }, None).await?;
    for (name, text) in [
        ("a word that nothing holds", "absent"),
        ("a rare word", "w9999"),
        ("three words, one in a thousand", "w900 w1000 w1100"),
        ("three frequent words", "w1 w2 w3"),
    ] {
        let text = QueryText::parse(text)?;
        let words = Some(text.keys());
        ask(store, name, &ObjectSelect { words, limit: limits::MATCH_ROWS, ..objects()? }, Some(&text))
            .await?;
    }
    Ok(())
}

/// Asks some times, and says how long it took; with a text, also how long ranking took.
async fn ask(
    store: &dyn Store,
    name: &str,
    select: &ObjectSelect,
    text: Option<&QueryText>,
) -> Result<(), Failure> {
    let (mut took, mut matched, mut ranking) = (Vec::new(), 0, 0.0);
    for _ in 0..REPEATS {
        let load = Load {
            tenant: tenant()?,
            now: Timestamp::from_unix_micros(0),
            select: Select::Objects(select.clone()),
            filter: Filter::Everything,
            subject: SubjectRef::TENANT,
            idempotency: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
            as_of: None,
        };
        let begun = Instant::now();
        let facts = store.load(&load).await?.facts;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        matched = facts.memories.len();
        if let Some(text) = text {
            let begun = Instant::now();
            std::hint::black_box(rank(text, facts.memories.iter().map(|memory| &**memory)));
            ranking = begun.elapsed().as_secs_f64() * 1e3;
        }
    }
    took.sort_by(f64::total_cmp);
    let (median, max) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{name:<34} {matched:>8} {median:>9.2} {max:>9.2} {ranking:>9.2}");
    Ok(())
}

fn tenant() -> Result<TenantId, Failure> {
    Ok(TenantId::parse("t_words")?)
}

fn scope() -> Result<Scope, Failure> {
    Ok(Scope::of_user(&UserId::parse("ann")?))
}

fn objects() -> Result<ObjectSelect, Failure> {
    Ok(ObjectSelect {
        partition: scope()?.partition(),
        wanted: Filter::Everything,
        since: None,
        until: None,
        among: Filter::Everything,
        scan: None,
        after: None,
        words: None,
        near: None,
        around: Around::nothing(),
        limit: 1,
    })
}

/// An event with some words: the same for the same number.
fn event(number: u64) -> Result<Memory, Failure> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..EVENT_WORDS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Equally many words from each power of two: the n-th is drawn about once in n.
        let magnitude = state % 15;
        let word = ((1 << magnitude) + (state >> 8) % (1 << magnitude)).min(VOCABULARY);
        text.push_str(&format!("w{word} "));
    }
    let at = Timestamp::from_unix_micros(i64::try_from(number)? * 1_000_000);
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at));
    object.content = Content::text(Language::default(), text.trim()).ok();
    let id = MemoryId::from_uuid(Uuid::from_u128(u128::from(number)));
    Ok(Memory::new(id, tenant()?, scope()?, Body::Event(Box::new(object)), at, None))
}

fn set(number: u64, changes: Vec<Change>) -> Result<ChangeSet, Failure> {
    let entry = Draft {
        id: AuditId::from_uuid(Uuid::from_u128(u128::from(number))),
        tenant: tenant()?,
        time: Timestamp::from_unix_micros(0),
        operation: Code::MEMORY_INGEST,
        actor: None,
        subject: None,
        purpose: None,
        scope_type: None,
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::new(),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v1".into(), hash: Hash32::ZERO },
        memories: MemoryRefs::none(),
        grant: None,
        private_digest: None,
        value_digest: None,
    };
    let private = Private::of(&Map::new());
    Ok(ChangeSet { tenant: tenant()?, expects: Vec::new(), changes, entry, private })
}
