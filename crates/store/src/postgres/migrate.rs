//! Numbered SQL files, applied in order, each once, while one row is locked.

use std::borrow::Cow;
use std::time::Duration;

use memoryscope_engine::port::StoreError;
use tokio_postgres::error::SqlState;

use super::error::{Failure, Problem};
use super::session::{Call, Session};
use super::value::Value;
use crate::common::fill::{self, Keys};
use crate::common::migration::{self, Applied, Migration, MigrationStatus, check, checksum};
use crate::common::row;
use crate::transfer::{PROGRESS_TABLE, tenants_of};

/// All of them, in order. SQLite has the same numbers.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "foundation",
        sql: include_str!("../../migrations/postgres/0001_foundation.sql"),
    },
    Migration { number: 2, name: "objects", sql: include_str!("../../migrations/postgres/0002_objects.sql") },
    Migration {
        number: 3,
        name: "words_and_tags",
        sql: include_str!("../../migrations/postgres/0003_words_and_tags.sql"),
    },
    Migration { number: 4, name: "spirals", sql: include_str!("../../migrations/postgres/0004_spirals.sql") },
    Migration { number: 5, name: "as_of", sql: include_str!("../../migrations/postgres/0005_as_of.sql") },
    Migration { number: 6, name: "pending", sql: include_str!("../../migrations/postgres/0006_pending.sql") },
    Migration { number: 7, name: "rights", sql: include_str!("../../migrations/postgres/0007_rights.sql") },
    Migration { number: 8, name: "bridges", sql: include_str!("../../migrations/postgres/0008_bridges.sql") },
    Migration { number: 9, name: "items", sql: include_str!("../../migrations/postgres/0009_items.sql") },
    Migration {
        number: 10,
        name: "reviews",
        sql: include_str!("../../migrations/postgres/0010_reviews.sql"),
    },
    Migration {
        number: 11,
        name: "retrieval",
        sql: include_str!("../../migrations/postgres/0011_retrieval.sql"),
    },
    Migration {
        number: 12,
        name: "records",
        sql: include_str!("../../migrations/postgres/0012_records.sql"),
    },
];

/// How often the two tables below are made while others make them too.
const BOOTSTRAP_TRIES: u32 = 50;
/// The pause before the next try.
const BOOTSTRAP_PAUSE_MS: u64 = 20;

/// What the runner itself needs: the lock's one row, and what was applied.
const BOOTSTRAP: &str = "
    CREATE TABLE IF NOT EXISTS schema_lock (id bigint PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number   bigint PRIMARY KEY,
        name     text   COLLATE \"C\" NOT NULL,
        checksum bytea  NOT NULL,
        applied  text   COLLATE \"C\" NOT NULL
            DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
    );
    INSERT INTO schema_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING";

const UNFILLED: &str = "
    SELECT id, document, body FROM memories
    WHERE tenant = $1 AND id > $2 AND occurred IS NOT NULL ORDER BY id LIMIT $3";

const FILL_CONVERSATION: &str = "UPDATE memories SET conversation = $3 WHERE tenant = $1 AND id = $2";

const FILL: &str = "UPDATE memories SET words = $3, tags = $4 WHERE tenant = $1 AND id = $2";

/// The newest schema that this program knows.
pub(super) fn newest() -> u32 {
    migration::newest(MIGRATIONS)
}

/// Brings the schema up to the newest; gives back the numbers that were applied now.
///
/// Whoever comes second waits for the row, looks again, and finds nothing left to do.
pub(super) async fn run(session: &mut Session) -> Result<Vec<u32>, Failure> {
    refuse_unfinished(session).await?;
    run_list(session, MIGRATIONS).await
}

/// Whether only a part of a copy is in the database.
pub(super) async fn is_unfinished(session: &mut Session) -> Result<bool, Failure> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let rows = session.query(Call::new(sql, vec![Box::new(PROGRESS_TABLE)])).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

async fn refuse_unfinished(session: &mut Session) -> Result<(), Failure> {
    if is_unfinished(session).await? { Err(migration::unfinished_copy().into()) } else { Ok(()) }
}

async fn run_list(session: &mut Session, list: &[Migration]) -> Result<Vec<u32>, Failure> {
    require_unicode(session).await?;
    bootstrap(session).await?;
    session.batch("BEGIN; SELECT id FROM schema_lock WHERE id = 1 FOR UPDATE").await?;
    let done = run_locked(session, list).await;
    session.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

async fn run_locked(session: &mut Session, list: &[Migration]) -> Result<Vec<u32>, Failure> {
    let applied = applied(session).await?;
    check(&applied, list)?;
    let mut done = Vec::new();
    for step in &list[applied.len()..] {
        session.batch(step.sql).await?;
        if fill::FILLED_BEHIND.contains(&step.number) {
            fill_found_by(session, step.number).await?;
        }
        let values = (i64::from(step.number), step.name, checksum(step));
        let insert = Call::new(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            vec![Box::new(values.0), Box::new(values.1), Box::new(values.2)],
        );
        session.query(insert).await?;
        done.push(step.number);
    }
    Ok(done)
}

/// Makes the objects that are there findable.
async fn fill_found_by(session: &mut Session, number: u32) -> Result<(), Failure> {
    let tenants = Call::Prepared(Cow::Owned(tenants_of("memories")), Vec::new());
    let tenants = session.query(tenants).await?;
    let tenants = tenants.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    for tenant in tenants {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let bound = row::limit(fill::PAGE_ROWS);
            let page = vec![Box::new(tenant.clone()) as Value<'_>, Box::new(after), Box::new(bound)];
            let rows = session.query(Call::new(UNFILLED, page)).await?;
            let Some(last) = rows.last() else { break };
            after = last.try_get(0)?;
            let mut calls = Vec::with_capacity(rows.len());
            for row in &rows {
                let id: Vec<u8> = row.try_get(0)?;
                let Keys { words, tags, conversation } = Keys::of_stored(row.try_get(1)?, row.try_get(2)?);
                if let Some(conversation) = conversation.filter(|_| number >= fill::WITH_CONVERSATIONS) {
                    let values = vec![
                        Box::new(tenant.clone()) as Value<'_>,
                        Box::new(id.clone()),
                        Box::new(conversation),
                    ];
                    calls.push(Call::new(FILL_CONVERSATION, values));
                }
                let values = vec![
                    Box::new(tenant.clone()) as Value<'_>,
                    Box::new(id),
                    Box::new(words),
                    Box::new(tags),
                ];
                calls.push(Call::new(FILL, values));
            }
            session.pipeline(&calls).await?;
        }
    }
    Ok(())
}

/// `IF NOT EXISTS` looks before it makes: of two that find nothing one may still fail, and then looks again.
async fn bootstrap(session: &mut Session) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        if has_tables(session).await? {
            return Ok(());
        }
        match session.batch(BOOTSTRAP).await {
            Err(Failure::Engine(Problem::Said(why))) if tries < BOOTSTRAP_TRIES && is_race(&why) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(BOOTSTRAP_PAUSE_MS)).await;
            }
            answer => return answer,
        }
    }
}

/// Whether somebody else made the same thing at the same time: a name in a catalogue, or the row.
fn is_race(why: &tokio_postgres::Error) -> bool {
    [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::INTERNAL_ERROR,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .iter()
    .any(|code| why.code() == Some(code))
}

/// The lock's row is made last, in the same transaction: where it stands, both tables do.
async fn has_tables(session: &mut Session) -> Result<bool, Failure> {
    let sql =
        "SELECT to_regclass('schema_lock') IS NOT NULL AND to_regclass('schema_migrations') IS NOT NULL";
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// Any text must come back as it was.
async fn require_unicode(session: &mut Session) -> Result<(), Failure> {
    let sql = "SELECT current_setting('server_encoding')";
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    match rows.first().map(|row| row.try_get::<_, &str>(0)).transpose()? {
        Some("UTF8") => Ok(()),
        _ => Err(StoreError::Unavailable("the database's encoding is not UTF8".to_owned()).into()),
    }
}

/// The schema's number, if this program knows it; it may be an older one.
pub(super) async fn require_known(session: &mut Session) -> Result<u32, Failure> {
    refuse_unfinished(session).await?;
    require_known_of_part(session).await
}

/// The same of a database that only a part of a copy may be in.
pub(super) async fn require_known_of_part(session: &mut Session) -> Result<u32, Failure> {
    let applied = applied(session).await?;
    check(&applied, MIGRATIONS)?;
    let none = || StoreError::Unavailable("it has no schema yet: there is nothing in it".to_owned());
    Ok(applied.last().ok_or_else(none)?.number)
}

/// The schema's number, if this program can work with it.
pub(super) async fn require_newest(session: &mut Session) -> Result<u32, Failure> {
    refuse_unfinished(session).await?;
    require_newest_of_part(session).await
}

/// The same of a database that only a part of a copy is in.
pub(super) async fn require_newest_of_part(session: &mut Session) -> Result<u32, Failure> {
    require_unicode(session).await?;
    Ok(migration::require_newest(&applied(session).await?, MIGRATIONS)?)
}

/// Every migration that is known or applied.
pub(super) async fn status(session: &mut Session) -> Result<Vec<MigrationStatus>, Failure> {
    Ok(migration::status(applied(session).await?, MIGRATIONS))
}

async fn applied(session: &mut Session) -> Result<Vec<Applied>, Failure> {
    if !has_tables(session).await? {
        return Ok(Vec::new());
    }
    let sql = "SELECT number, name, checksum, applied FROM schema_migrations ORDER BY number";
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    let applied = rows.iter().map(|row| {
        let number: i64 = row.try_get(0)?;
        let number = u32::try_from(number)
            .map_err(|_| StoreError::Corrupt("a migration's number cannot be read".to_owned()))?;
        let (name, checksum, time) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        Ok(Applied { number, name, checksum, time })
    });
    applied.collect()
}
