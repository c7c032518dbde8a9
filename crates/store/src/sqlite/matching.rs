//! What holds a question's words: found by the index alone, and only what is chosen is read.

use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Match, TermKey, choose};
use memoryscope_engine::as_of::{Listed, Matched, add_former_matches};
use memoryscope_engine::port::{Load, ObjectSelect};
use rusqlite::params_from_iter;

use super::error::Failure;
use super::filter_sql::Condition;
use super::listing::{OBJECTS, object_rows};
use super::load::{View, memory_id};
use super::row::blob;
use crate::common::filter::Rows;

/// All that the index holds of a row, and nothing else: so the rows themselves are not read.
const COLUMNS: &str = "id, words, occurred";

/// The rows that hold words at all, the latest first.
fn matching(load: &Load, select: &ObjectSelect, filter: &Filter) -> Condition {
    let mut condition = object_rows(load, select).passing(COLUMNS, load, filter, Rows::Objects, None);
    condition.sql.push_str(" AND words IS NOT NULL ORDER BY ");
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
        let condition = matching(self.load, select, &filter);
        let conn = self.conn;
        let mut statement = conn.prepare_cached(&condition.sql)?;
        let mut rows = statement.query(params_from_iter(condition.values))?;
        let mut matched = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(found) = Match::of(blob(row, 1)?, keys) else { continue };
            let place = (Reverse(Timestamp::from_unix_micros(row.get(2)?)), memory_id(row, 0)?);
            // What is hidden takes nobody's place.
            if !self.is_pending(place.1)? {
                matched.push(Matched { place, found, memory: None });
            }
        }
        if self.load.as_of.is_some() {
            let former = self.former_of(Listed::Objects(select))?;
            add_former_matches(self.load, select, keys, former, &mut matched, facts);
        }
        facts.more = matched.len() > select.limit;
        let matches: Vec<Match> = matched.iter().map(|row| row.found).collect();
        for place in choose(&matches, select.limit) {
            let row = &matched[place];
            let memory = match &row.memory {
                Some(memory) => Some(Arc::clone(memory)),
                None => self.memory(row.place.1)?,
            };
            let memory = memory.filter(|memory| filter.matches(&MemoryView::stored(memory, self.load.now)));
            facts.memories.extend(memory);
        }
        self.beside(select, facts)
    }
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::ids::TenantId;
    use memoryscope_domain::memory::SubjectRef;
    use memoryscope_domain::policy::Attribute;
    use memoryscope_domain::scope::Partition;
    use memoryscope_domain::time::Timestamp;
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
        let condition = matching(&load, &select, &select.wanted);
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
