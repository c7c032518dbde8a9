//! What holds a question's words: found by the index alone, and only what is chosen is read.

use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Match, TermKey, choose};
use memoryscope_engine::as_of::{Listed, Matched, add_former_matches};
use memoryscope_engine::port::{Load, ObjectSelect};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::apply::head;
use super::cache::Current;
use super::error::Failure;
use super::filter_sql::Condition;
use super::listing::{OBJECTS, object_rows};
use super::load::{Found, View, memory_id};
use crate::common::filter::Rows;
use crate::common::row::{self, corrupt};

/// What the index holds of a row, and nothing else: so the rows themselves are not read.
const COLUMNS: &str = "rowid, id, occurred, matched_words(words, ?)";

/// Tells SQLite's statements what [`Match::of`] says of a row's words and of keys that stand together: bits, 0 for none.
pub(super) fn add_function(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY
        | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("matched_words", 2, flags, |given| {
        let (words, keys) = (given.get_raw(0).as_blob_or_null()?, given.get_raw(1).as_blob()?);
        let found = words.and_then(|words| Match::of(words, TermKey::all_in(keys)));
        Ok(found.map_or(0, |found| i64::from(found.bits())))
    })
}

/// The rows that hold one of these keys, the latest first.
///
/// Most hold none, and finding that costs less than asking what of a row the policy wants: so words are asked about first. Conditions
/// that an index answers alike are tested in their order.
fn matching(load: &Load, select: &ObjectSelect, filter: &Filter, keys: &[TermKey]) -> Condition {
    let keys = || Value::Blob(keys.iter().flat_map(TermKey::as_bytes).copied().collect());
    let mut rows = object_rows(load, select);
    rows.0.sql.push_str(" AND matched_words(words, ?)");
    rows.0.values.push(keys());
    let mut condition = rows.passing(COLUMNS, load, filter, Rows::Objects, None);
    condition.values.insert(0, keys());
    condition.sql.push_str(" ORDER BY ");
    condition.sql.push_str(OBJECTS.by);
    condition
}

impl View<'_> {
    /// Those of a scope's objects that hold one of these keys, the latest first.
    pub(super) fn matched(
        &mut self,
        select: &ObjectSelect,
        keys: &[TermKey],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let filter = select.filter(self.load);
        if self.matched_in_memory(select, &filter, keys, facts)? {
            return self.beside(select, facts);
        }
        let condition = matching(self.load, select, &filter, keys);
        let conn = self.conn;
        let mut statement = conn.prepare_cached(&condition.sql)?;
        let mut rows = statement.query(params_from_iter(condition.values))?;
        let (mut matched, mut rowids) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let found = Match::of_bits(row.get(3)?).ok_or_else(|| corrupt("words"))?;
            let place = (Reverse(Timestamp::from_unix_micros(row.get(2)?)), memory_id(row, 1)?);
            // What is hidden takes nobody's place.
            if !self.is_pending(place.1)? {
                matched.push(Matched { place, found, memory: None });
                rowids.push(row.get::<_, i64>(0)?);
            }
        }
        if self.load.as_of.is_some() {
            let former = self.former_of(Listed::Objects(select))?;
            add_former_matches(self.load, select, keys, former, &mut matched, facts);
            rowids.clear();
        }
        facts.more = matched.len() > select.limit;
        let matches: Vec<Match> = matched.iter().map(|row| row.found).collect();
        let mut current = self.current(select)?;
        for place in choose(&matches, select.limit) {
            let row = &matched[place];
            let memory = match &row.memory {
                Some(memory) => Some(Arc::clone(memory)),
                None => match rowids.get(place) {
                    Some(rowid) => Some(self.memory_in(*rowid, row.place.1, &mut current)?),
                    None => self.memory(row.place.1)?,
                },
            };
            let memory = memory.filter(|memory| filter.matches(&MemoryView::stored(memory, self.load.now)));
            facts.memories.extend(memory);
        }
        self.cache.keep_current((self.load.tenant.clone(), select.partition), current);
        self.beside(select, facts)
    }

    /// The same by the scope's words in memory, where they are there and no more match than are ranked; whether that was so.
    ///
    /// What the policy wants is asked of the memories themselves, which are the same whatever found them.
    fn matched_in_memory(
        &mut self,
        select: &ObjectSelect,
        filter: &Filter,
        keys: &[TermKey],
        facts: &mut Facts,
    ) -> Result<bool, Failure> {
        if self.load.as_of.is_some() {
            return Ok(false);
        }
        let whose = (self.load.tenant.clone(), select.partition);
        let Some(known) = self.cache.take_words(&whose) else { return Ok(false) };
        let mut words = self.words_now(known, select.partition)?;
        let slots = words.holding(keys);
        let are_few = slots.len() <= select.limit;
        for slot in slots.into_iter().filter(|_| are_few) {
            let Some(row) = words.row(slot) else { continue };
            if self.is_pending(row.id)? {
                continue;
            }
            let known = row.version.and_then(|version| self.cache.get(&self.load.tenant, row.id, version));
            let Some(memory) = known.map_or_else(|| self.memory(row.id), |memory| Ok(Some(memory)))? else {
                continue;
            };
            row.version = Some(memory.version);
            if select.lists(self.load, filter, &memory) {
                facts.memories.push(memory);
            }
        }
        self.cache.keep_words(whose, words);
        Ok(are_few)
    }

    /// The memory in a row that was found in this transaction.
    fn memory_in(&mut self, rowid: i64, id: MemoryId, current: &mut Current) -> Result<Arc<Memory>, Failure> {
        let version = match current.versions.get(&id) {
            Some(version) => *version,
            None => {
                let sql = "SELECT version FROM memories WHERE tenant = ?1 AND rowid = ?2";
                let values = params![self.load.tenant.as_str(), rowid];
                let version = self.conn.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
                let version = row::count(version)?;
                current.versions.insert(id, version);
                version
            }
        };
        self.fetch(&Found { rowid, id, version })
    }

    /// Which versions of a scope are known to be current in this transaction.
    fn current(&mut self, select: &ObjectSelect) -> Result<Current, Failure> {
        let (tenant, partition) = (&self.load.tenant, select.partition);
        let head = row::whole(head(self.conn, tenant)?.seq.0)?;
        let mut current = self.cache.take_current(&(tenant.clone(), partition));
        if current.seq > head {
            current = Current::default();
        }
        let sql =
            "SELECT id FROM memory_versions WHERE tenant = ?1 AND partition_key = ?2 AND valid_to_seq > ?3";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut replaced = statement.query(params![tenant.as_str(), partition.0, current.seq])?;
        while let Some(row) = replaced.next()?.filter(|_| !current.versions.is_empty()) {
            current.versions.remove(&memory_id(row, 0)?);
        }
        current.seq = head;
        Ok(current)
    }
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::ids::TenantId;
    use memoryscope_domain::memory::SubjectRef;
    use memoryscope_domain::policy::Attribute;
    use memoryscope_domain::scope::Partition;
    use memoryscope_engine::port::{Around, BridgesTo, Rights, Select, WantedRecords};
    use rusqlite::Connection;

    use super::*;
    use crate::common::filter::list_of;
    use crate::sqlite::migrate;

    /// The rows are wide, and most of them do not match.
    #[test]
    fn matching_reads_nothing_but_the_index() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate::run(&mut conn).unwrap();
        add_function(&conn).unwrap();
        let (reader, readers) = list_of(Attribute::MemoryReaders, &["person:ann", "org:acme"]);
        let (level, levels) = list_of(Attribute::MemorySensitivityLevel, &["low"]);
        let select = ObjectSelect {
            partition: Partition([0; 16]),
            among: Filter::Everything,
            wanted: Filter::and([Filter::Intersects(reader, readers), Filter::OneOf(level, levels)]),
            since: Some(Timestamp::from_unix_micros(0)),
            until: Some(Timestamp::from_unix_micros(9)),
            after: None,
            scan: None,
            words: Some(vec![TermKey::of("tea")]),
            near: None,
            around: Around::nothing(),
            limit: 9,
        };
        let load = Load {
            tenant: TenantId::parse("t_a").unwrap(),
            now: Timestamp::from_unix_micros(0),
            select: Select::Nothing,
            filter: Filter::Everything,
            subject: SubjectRef::TENANT,
            idempotency: None,
            as_of: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
        };
        let condition = matching(&load, &select, &select.wanted, &[TermKey::of("tea")]);
        let sql = format!("EXPLAIN QUERY PLAN {}", condition.sql);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map(params_from_iter(condition.values), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(plan.len(), 1, "nothing is sorted: {plan:?}");
        assert!(plan[0].contains("USING COVERING INDEX memories_by_occurrence"), "{plan:?}");
    }
}
