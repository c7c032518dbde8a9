//! The terms of a scope's memories, in a reader's memory: which of them hold a word is found without walking the index.
//!
//! They are read when a scope is searched for the second time, and brought up to each transaction's commit after that. What was
//! replaced is told by where former versions end, and what is new by the numbers of rows, which grow.

use std::collections::BTreeMap;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::words::TermKey;
use rusqlite::{Row, params};

use super::apply::{head, one};
use super::error::Failure;
use super::load::{View, memory_id};
use super::row::blob;
use crate::common::row;

/// New rows that are looked through one by one; where there are more, the scope is read anew.
const NEW_ROWS_MAX: i64 = 5_000;
/// What a row takes, a term, and a term of a row.
const ROW_BYTES: usize = 96;
const TERM_BYTES: usize = 64;
const POSTING_BYTES: usize = 4;

/// Up to where a scope's words were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    /// The tenant's last commit.
    seq: i64,
    /// The last row of all.
    row: i64,
    /// Changes when the numbers of rows may.
    schema: i64,
}

/// A memory that has words.
#[derive(Debug)]
pub(super) struct WordRow {
    pub(super) id: MemoryId,
    /// Its version, where it was looked up.
    pub(super) version: Option<u64>,
    is_current: bool,
}

/// The words of a scope.
#[derive(Debug, Default)]
pub(super) struct ScopeWords {
    marks: Marks,
    rows: Vec<WordRow>,
    slots: BTreeMap<MemoryId, u32>,
    postings: BTreeMap<TermKey, Vec<u32>>,
    postings_count: usize,
}

impl ScopeWords {
    /// About what it takes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * ROW_BYTES + self.postings.len() * TERM_BYTES + self.postings_count * POSTING_BYTES
    }

    fn add(&mut self, id: MemoryId, words: &[u8]) {
        self.drop(id);
        let Ok(slot) = u32::try_from(self.rows.len()) else { return };
        for key in TermKey::all_in(words) {
            self.postings.entry(key).or_default().push(slot);
            self.postings_count += 1;
        }
        self.rows.push(WordRow { id, version: None, is_current: true });
        self.slots.insert(id, slot);
    }

    fn drop(&mut self, id: MemoryId) {
        let row = self.slots.remove(&id).and_then(|slot| self.rows.get_mut(slot as usize));
        if let Some(row) = row {
            row.is_current = false;
        }
    }

    /// Whether more of it is of the past than of the present.
    fn is_worn(&self) -> bool {
        self.rows.len() > 2 * self.slots.len() + 64
    }

    /// The places of the rows that hold one of these keys, each once and in order.
    pub(super) fn holding(&self, keys: &[TermKey]) -> Vec<u32> {
        let mut slots: Vec<u32> =
            keys.iter().filter_map(|key| self.postings.get(key)).flatten().copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots.retain(|slot| self.rows.get(*slot as usize).is_some_and(|row| row.is_current));
        slots
    }

    /// A row.
    pub(super) fn row(&mut self, slot: u32) -> Option<&mut WordRow> {
        self.rows.get_mut(slot as usize)
    }
}

fn add_row(words: &mut ScopeWords, row: &Row<'_>) -> Result<(), Failure> {
    words.add(memory_id(row, 0)?, blob(row, 1)?);
    Ok(())
}

impl View<'_> {
    /// A scope's words as of this transaction: what is known of them, and what came since.
    pub(super) fn words_now(&self, known: ScopeWords, partition: Partition) -> Result<ScopeWords, Failure> {
        let last_row = "SELECT coalesce(max(rowid), 0) FROM memories";
        let marks = Marks {
            seq: row::whole(head(self.conn, &self.load.tenant)?.seq.0)?,
            row: self.conn.prepare_cached(last_row)?.query_row([], |row| row.get(0))?,
            schema: self.conn.pragma_query_value(None, "schema_version", |row| row.get(0))?,
        };
        let before = known.marks;
        let follows = before.seq > 0
            && marks.schema == before.schema
            && marks.seq >= before.seq
            && (0..=NEW_ROWS_MAX).contains(&(marks.row - before.row));
        if !follows || known.is_worn() {
            return self.words_anew(partition, marks);
        }
        let mut words = ScopeWords { marks, ..known };
        if marks != before {
            self.add_changed_words(&mut words, partition, before)?;
        }
        Ok(words)
    }

    fn words_anew(&self, partition: Partition, marks: Marks) -> Result<ScopeWords, Failure> {
        let mut words = ScopeWords { marks, ..ScopeWords::default() };
        let mut statement = self.conn.prepare_cached(
            "SELECT id, words FROM memories
             WHERE tenant = ?1 AND partition_key = ?2 AND occurred IS NOT NULL AND words IS NOT NULL",
        )?;
        let mut rows = statement.query(params![self.load.tenant.as_str(), partition.0])?;
        while let Some(row) = rows.next()? {
            add_row(&mut words, row)?;
        }
        Ok(words)
    }

    fn add_changed_words(
        &self,
        words: &mut ScopeWords,
        partition: Partition,
        since: Marks,
    ) -> Result<(), Failure> {
        const OF_ROW: &str = "SELECT id, words FROM memories
            WHERE tenant = ?1 AND id = ?2 AND occurred IS NOT NULL AND words IS NOT NULL";
        let tenant = self.load.tenant.as_str();
        let mut replaced = self.conn.prepare_cached(
            "SELECT id FROM memory_versions WHERE tenant = ?1 AND partition_key = ?2 AND valid_to_seq > ?3",
        )?;
        let mut rows = replaced.query(params![tenant, partition.0, since.seq])?;
        while let Some(row) = rows.next()? {
            let id = memory_id(row, 0)?;
            words.drop(id);
            let _now =
                one(self.conn, OF_ROW, params![tenant, id.uuid().as_bytes()], |row| add_row(words, row))?;
        }
        let mut new = self.conn.prepare_cached(
            "SELECT id, words FROM memories
             WHERE rowid > ?3 AND +tenant = ?1 AND +partition_key = ?2
               AND occurred IS NOT NULL AND words IS NOT NULL",
        )?;
        let mut rows = new.query(params![tenant, partition.0, since.row])?;
        while let Some(row) = rows.next()? {
            add_row(words, row)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::memory::keyset::KeySet;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> MemoryId {
        MemoryId::from_uuid(Uuid::from_u128(number))
    }

    fn add(words: &mut ScopeWords, number: u128, terms: &[&str]) {
        let keys = KeySet::of(terms.iter().map(|term| TermKey::of(term)).collect());
        words.add(id(number), keys.as_bytes());
    }

    fn holding(words: &mut ScopeWords, terms: &[&str]) -> Vec<u128> {
        let keys: Vec<TermKey> = terms.iter().map(|term| TermKey::of(term)).collect();
        let slots = words.holding(&keys);
        slots.into_iter().filter_map(|slot| words.row(slot).map(|row| row.id.uuid().as_u128())).collect()
    }

    #[test]
    fn rows_are_found_by_any_of_their_terms_while_they_are_current() {
        let mut words = ScopeWords::default();
        add(&mut words, 1, &["tea", "rain"]);
        add(&mut words, 2, &["tea"]);
        assert_eq!(holding(&mut words, &["tea", "rain"]), [1, 2]);
        assert_eq!(holding(&mut words, &["snow"]), []);
        add(&mut words, 1, &["snow"]);
        assert_eq!(holding(&mut words, &["tea", "snow"]), [2, 1]);
        words.drop(id(2));
        assert_eq!(holding(&mut words, &["tea"]), []);
        assert!(!words.is_worn());
        for _ in 0..100 {
            add(&mut words, 1, &["snow"]);
        }
        assert!(words.is_worn());
        assert_eq!(holding(&mut words, &["snow"]), [1]);
    }
}
