//! Numbered SQL files, applied in order, each once, under the write lock.

use memoryscope_engine::port::StoreError;
use rusqlite::{Connection, TransactionBehavior, params};

use super::connection::APPLICATION_ID;
use super::error::Failure;
use super::row::{blob, text};
use crate::common::failure::EngineError;
use crate::common::fill::{self, Keys};
use crate::common::migration::{self, Applied, Migration, MigrationStatus, check, checksum};
use crate::common::row;
use crate::transfer::{PROGRESS_TABLE, tenants_of};

/// All of them, in order. PostgreSQL has the same numbers.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "foundation",
        sql: include_str!("../../migrations/sqlite/0001_foundation.sql"),
    },
    Migration { number: 2, name: "objects", sql: include_str!("../../migrations/sqlite/0002_objects.sql") },
    Migration {
        number: 3,
        name: "words_and_tags",
        sql: include_str!("../../migrations/sqlite/0003_words_and_tags.sql"),
    },
    Migration { number: 4, name: "spirals", sql: include_str!("../../migrations/sqlite/0004_spirals.sql") },
    Migration { number: 5, name: "as_of", sql: include_str!("../../migrations/sqlite/0005_as_of.sql") },
    Migration { number: 6, name: "pending", sql: include_str!("../../migrations/sqlite/0006_pending.sql") },
    Migration { number: 7, name: "rights", sql: include_str!("../../migrations/sqlite/0007_rights.sql") },
    Migration { number: 8, name: "bridges", sql: include_str!("../../migrations/sqlite/0008_bridges.sql") },
    Migration { number: 9, name: "items", sql: include_str!("../../migrations/sqlite/0009_items.sql") },
    Migration { number: 10, name: "reviews", sql: include_str!("../../migrations/sqlite/0010_reviews.sql") },
    Migration {
        number: 11,
        name: "retrieval",
        sql: include_str!("../../migrations/sqlite/0011_retrieval.sql"),
    },
    Migration { number: 12, name: "records", sql: include_str!("../../migrations/sqlite/0012_records.sql") },
];

/// The newest schema that this program knows.
pub(super) fn newest() -> u32 {
    migration::newest(MIGRATIONS)
}

/// Brings the schema up to the newest; gives back the numbers that were applied now.
///
/// Whoever comes second waits for the lock, looks again, and finds nothing left to do.
pub(super) fn run(conn: &mut Connection) -> Result<Vec<u32>, StoreError> {
    refuse_unfinished(conn)?;
    Ok(run_list(conn, MIGRATIONS)?)
}

/// Whether only a part of a copy is in the database.
pub(super) fn is_unfinished(conn: &Connection) -> Result<bool, StoreError> {
    conn.table_exists(None, PROGRESS_TABLE).map_err(EngineError::describe)
}

fn refuse_unfinished(conn: &Connection) -> Result<(), StoreError> {
    if is_unfinished(conn)? { Err(migration::unfinished_copy()) } else { Ok(()) }
}

fn run_list(conn: &mut Connection, list: &[Migration]) -> Result<Vec<u32>, Failure> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             number   INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             checksum BLOB NOT NULL,
             applied  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
         ) STRICT",
    )?;
    let applied = applied(&tx)?;
    check(&applied, list)?;
    let mut done = Vec::new();
    for step in &list[applied.len()..] {
        tx.execute_batch(step.sql)?;
        if fill::FILLED_BEHIND.contains(&step.number) {
            fill_found_by(&tx, step.number)?;
        }
        tx.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
            params![step.number, step.name, checksum(step)],
        )?;
        done.push(step.number);
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()?;
    Ok(done)
}

/// Makes the objects that are there findable.
fn fill_found_by(conn: &Connection, number: u32) -> Result<(), Failure> {
    let mut tenants = conn.prepare(&tenants_of("memories"))?;
    let tenants = tenants.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let mut page = conn.prepare(
        "SELECT id, document, body FROM memories
         WHERE tenant = ?1 AND id > ?2 AND occurred IS NOT NULL ORDER BY id LIMIT ?3",
    )?;
    let mut update =
        conn.prepare("UPDATE memories SET words = ?3, tags = ?4 WHERE tenant = ?1 AND id = ?2")?;
    let has_conversations = number >= fill::WITH_CONVERSATIONS;
    let sql = "UPDATE memories SET conversation = ?3 WHERE tenant = ?1 AND id = ?2";
    let mut of_conversation = has_conversations.then(|| conn.prepare(sql)).transpose()?;
    for tenant in tenants {
        let mut after = Vec::new();
        loop {
            let mut found = Vec::new();
            let mut rows = page.query(params![tenant, after, row::limit(fill::PAGE_ROWS)])?;
            while let Some(row) = rows.next()? {
                let id = blob(row, 0)?.to_vec();
                found.push((id, Keys::of_stored(text(row, 1)?, blob(row, 2)?)));
            }
            for (id, keys) in &found {
                update.execute(params![tenant, id, keys.words, keys.tags])?;
                if let (Some(update), Some(conversation)) = (&mut of_conversation, &keys.conversation) {
                    update.execute(params![tenant, id, conversation])?;
                }
            }
            let Some((last, _)) = found.pop() else { break };
            after = last;
        }
    }
    Ok(())
}

/// The schema's number, if this program knows it; it may be an older one.
pub(super) fn require_known(conn: &Connection) -> Result<u32, StoreError> {
    refuse_unfinished(conn)?;
    let applied = applied(conn).map_err(StoreError::from)?;
    check(&applied, MIGRATIONS)?;
    match applied.last() {
        Some(last) => Ok(last.number),
        None => Err(StoreError::Unavailable("it has no schema yet: there is nothing in it".to_owned())),
    }
}

/// The schema's number, if this program can work with it.
pub(super) fn require_newest(conn: &Connection) -> Result<u32, StoreError> {
    refuse_unfinished(conn)?;
    require_newest_of_part(conn)
}

/// The same of a database that only a part of a copy is in.
pub(super) fn require_newest_of_part(conn: &Connection) -> Result<u32, StoreError> {
    migration::require_newest(&applied(conn)?, MIGRATIONS)
}

/// Every migration that is known or applied.
pub(super) fn status(conn: Option<&Connection>) -> Result<Vec<MigrationStatus>, StoreError> {
    let applied = conn.map_or_else(|| Ok(Vec::new()), applied)?;
    Ok(migration::status(applied, MIGRATIONS))
}

fn applied(conn: &Connection) -> Result<Vec<Applied>, Failure> {
    if !conn.table_exists(None, "schema_migrations")? {
        return Ok(Vec::new());
    }
    let mut statement =
        conn.prepare("SELECT number, name, checksum, applied FROM schema_migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| {
        Ok(Applied { number: row.get(0)?, name: row.get(1)?, checksum: row.get(2)?, time: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: Migration = Migration {
        number: MIGRATIONS.len() as u32 + 1,
        name: "next",
        sql: "ALTER TABLE policies ADD COLUMN note TEXT",
    };

    fn list() -> Vec<Migration> {
        MIGRATIONS.iter().copied().chain([NEXT]).collect()
    }

    #[test]
    fn numbers_go_up_from_one() {
        assert_eq!(MIGRATIONS[0].number, 1);
        assert!(list().windows(2).all(|steps| steps[0].number < steps[1].number));
    }

    #[test]
    fn steps_are_applied_once_and_keep_the_data() {
        let mut conn = Connection::open_in_memory().unwrap();
        let newest = MIGRATIONS.len() as u32;
        assert!(run_list(&mut conn, MIGRATIONS).unwrap().into_iter().eq(1..=newest));
        conn.execute("INSERT INTO policies VALUES ('t_a', 'h', 'v', 'text')", []).unwrap();
        assert!(run_list(&mut conn, MIGRATIONS).unwrap().is_empty());
        assert_eq!(run_list(&mut conn, &list()).unwrap(), [newest + 1]);
        let text: String = conn.query_row("SELECT text FROM policies", [], |row| row.get(0)).unwrap();
        assert_eq!(text, "text");
    }

    #[test]
    fn a_failing_step_leaves_nothing() {
        let mut conn = Connection::open_in_memory().unwrap();
        let mut broken = list();
        broken[MIGRATIONS.len()].sql = "CREATE TABLE half (a); CREATE TABLE policies (a)";
        assert!(run_list(&mut conn, &broken).is_err());
        assert!(applied(&conn).unwrap().is_empty());
        assert!(!conn.table_exists(None, "half").unwrap());
    }

    #[test]
    fn newer_edited_and_missing_steps_are_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        assert!(require_newest(&conn).unwrap_err().to_string().contains("memoryscope migrate"));
        run_list(&mut conn, &list()).unwrap();
        let newer = require_newest(&conn).unwrap_err().to_string();
        let (at, up_to) = (format!("is at {}", NEXT.number), format!("up to {}", MIGRATIONS.len()));
        assert!(newer.contains(&at) && newer.contains(&up_to), "{newer}");
        assert!(run(&mut conn).unwrap_err().to_string().contains(&up_to));

        let mut edited = list();
        edited[MIGRATIONS.len()].sql = "SELECT 1";
        assert!(matches!(run_list(&mut conn, &edited), Err(Failure::Store(StoreError::Corrupt(_)))));

        conn.execute("DELETE FROM schema_migrations WHERE number = 1", []).unwrap();
        assert!(matches!(run_list(&mut conn, &list()), Err(Failure::Store(StoreError::Corrupt(_)))));
    }

    #[test]
    fn every_key_and_index_begins_with_the_tenant() {
        let mut conn = Connection::open_in_memory().unwrap();
        run(&mut conn).unwrap();
        let mut statement = conn
            .prepare(
                "SELECT i.name, (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0)
                 FROM pragma_table_list AS t, pragma_index_list(t.name) AS i
                 WHERE t.schema = 'main' AND t.name <> 'schema_migrations'",
            )
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let firsts: Vec<(String, String)> = rows.collect::<Result<_, _>>().unwrap();
        assert!(firsts.len() >= 12, "{firsts:?}");
        for (index, first) in firsts {
            assert_eq!(first, "tenant", "{index}");
        }
    }
}
