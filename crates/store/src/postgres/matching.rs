//! What holds a question's words: first only which rows do, and then those that are chosen.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Match, TermKey, choose};
use memoryscope_engine::as_of::{Listed, Matched, add_former_matches};
use memoryscope_engine::port::{Load, ObjectSelect};
use tokio_postgres::Row;

use super::error::Failure;
use super::filter_sql::Condition;
use super::listing::Listing;
use super::load::{MEMORIES, View};
use super::pending::id;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::row::corrupt;

/// Memories that are read at once.
const CHUNK_ROWS: usize = 1_024;

/// Which rows of a scope hold one of the keys, and which of them: a bit for each key.
pub(super) fn call(load: &Load, select: &ObjectSelect, keys: &[TermKey]) -> Call<'static> {
    let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
    let mut condition = Condition { sql: String::new(), values: vec![tenant] };
    // Their number is made a power of two, so that there are few statements.
    let mut keys = keys.to_vec();
    if let Some(last) = keys.last().copied() {
        keys.resize(keys.len().next_power_of_two(), last);
    }
    let tests: Vec<String> = keys
        .iter()
        .map(|key| {
            let key = condition.value(Box::new(key.as_bytes().to_vec()));
            format!("position({key}::bytea IN words) > 0")
        })
        .collect();
    let bits: Vec<String> =
        tests.iter().enumerate().map(|(at, test)| format!("(({test})::int::bigint << {at})")).collect();
    let (columns, holds) = if tests.is_empty() {
        ("id, 0::bigint, occurred".to_owned(), "false".to_owned())
    } else {
        (format!("id, {}, occurred", bits.join(" | ")), tests.join(" OR "))
    };
    Listing::Objects(select).push_passing(&columns, load, &mut condition);
    // The words come last in the row, and are tested last.
    condition.sql.push_str(&format!(" AND words IS NOT NULL AND ({holds}) ORDER BY occurred DESC, id"));
    Call::Prepared(Cow::Owned(condition.sql), condition.values)
}

impl View<'_> {
    /// Reads those of the rows that are chosen.
    pub(super) async fn matched(
        &mut self,
        select: &ObjectSelect,
        keys: &[TermKey],
        rows: &[Row],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        // What stands above the keys is the last of them once more.
        let asked =
            u32::MAX >> (u32::BITS - u32::try_from(keys.len()).unwrap_or(u32::BITS).clamp(1, u32::BITS));
        let all = rows.iter().map(|row| id(row.try_get(0)?)).collect::<Result<Vec<_>, Failure>>()?;
        self.look_up(all.iter().copied()).await?;
        let mut matched = Vec::with_capacity(rows.len());
        // What is hidden takes nobody's place.
        for (row, id) in rows.iter().zip(all).filter(|(_, id)| !self.ancestry.is_below(*id)) {
            let bits = u32::try_from(row.try_get::<_, i64>(1)?).map_err(|_| corrupt("match"))?;
            let found = Match::of_bits(bits & asked).ok_or_else(|| corrupt("match"))?;
            let placed = Timestamp::from_unix_micros(row.try_get(2)?);
            matched.push(Matched { place: (Reverse(placed), id), found, memory: None });
        }
        if self.load.as_of.is_some() {
            let former = self.former_of(Listed::Objects(select)).await?;
            add_former_matches(self.load, select, keys, former, &mut matched, facts);
        }
        facts.more = matched.len() > select.limit;
        let matches: Vec<Match> = matched.iter().map(|row| row.found).collect();
        let chosen: Vec<&Matched> =
            choose(&matches, select.limit).into_iter().map(|place| &matched[place]).collect();
        facts.memories.extend(chosen.iter().filter_map(|row| row.memory.clone()));
        let ids: Vec<MemoryId> =
            chosen.iter().filter(|row| row.memory.is_none()).map(|row| row.place.1).collect();
        let filter = select.filter(self.load);
        for ids in ids.chunks(CHUNK_ROWS) {
            let ids: Vec<Bytes<16>> = ids.iter().map(|id| Bytes::of(id.uuid())).collect();
            let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(ids)];
            let found = self.session.query(Call::new(MEMORIES, values)).await?;
            let mut memories =
                found.iter().map(|row| self.memory(row, 0)).collect::<Result<Vec<Memory>, Failure>>()?;
            memories.retain(|memory| filter.matches(&MemoryView::stored(memory, self.load.now)));
            facts.memories.extend(memories.into_iter().map(Arc::new));
        }
        self.beside(select, facts).await
    }
}
