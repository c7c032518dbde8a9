//! Numbered SQL files, applied in order, each once. How they are run differs by engine; what is refused does not.

use memoryscope_engine::port::StoreError;
use sha2::{Digest, Sha256};

/// One step of the schema. A step that was released is never edited; the next one is added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// How a migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// When it was applied, in UTC; `None` if it wasn't.
    pub applied: Option<String>,
}

/// A migration that a database says was applied.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    pub(crate) time: String,
}

/// The newest schema of a list.
pub(crate) fn newest(list: &[Migration]) -> u32 {
    list.last().map_or(0, |last| last.number)
}

/// What tells an edited migration from the one that was applied.
pub(crate) fn checksum(step: &Migration) -> Vec<u8> {
    Sha256::digest(step.sql.as_bytes()).to_vec()
}

/// Every migration that is known or applied.
pub(crate) fn status(applied: Vec<Applied>, list: &[Migration]) -> Vec<MigrationStatus> {
    let pending = list.iter().filter(|step| !applied.iter().any(|done| done.number == step.number));
    let pending: Vec<_> = pending
        .map(|step| MigrationStatus { number: step.number, name: step.name.to_owned(), applied: None })
        .collect();
    let done = applied.into_iter().map(|done| MigrationStatus {
        number: done.number,
        name: done.name,
        applied: Some(done.time),
    });
    done.chain(pending).collect()
}

/// The schema's number, if it is the newest of `list`, unchanged.
pub(crate) fn require_newest(applied: &[Applied], list: &[Migration]) -> Result<u32, StoreError> {
    check(applied, list)?;
    let number = applied.last().map_or(0, |last| last.number);
    if number == newest(list) {
        return Ok(number);
    }
    Err(StoreError::Unavailable(format!(
        "its schema is at {number} and this program needs {}: run `memoryscope migrate`",
        newest(list)
    )))
}

/// Whether what was applied is a beginning of `list`, unchanged.
pub(crate) fn check(applied: &[Applied], list: &[Migration]) -> Result<(), StoreError> {
    let newest = newest(list);
    if let Some(newer) = applied.iter().find(|done| done.number > newest) {
        return Err(StoreError::Unavailable(format!(
            "its schema is at {}, and this program knows schemas up to {newest}: run a newer one",
            newer.number
        )));
    }
    for (done, step) in applied.iter().zip(list) {
        if done.number != step.number {
            return Err(StoreError::Corrupt(format!("migration {} was never applied", step.number)));
        }
        if done.checksum != checksum(step) {
            return Err(StoreError::Corrupt(format!(
                "migration {} was applied with another content than this program's",
                step.number
            )));
        }
    }
    Ok(())
}

/// Why a database is refused in which only a part of a copy stands.
pub(crate) fn unfinished_copy() -> StoreError {
    StoreError::Unavailable(
        "only a part of a copy is in it: call the same `memoryscope copy` again, and it goes on where it stopped"
            .to_owned(),
    )
}

/// Why a copy is not gone on with whose earlier part another version made.
pub(crate) fn part_of_another_version(why: &StoreError) -> StoreError {
    StoreError::Unavailable(format!(
        "another version made the part of a copy that is in it: name another target ({why})"
    ))
}
