//! What is read in order, some rows at a time: shelves of preferences, and objects of a scope.

use std::borrow::Cow;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::as_of::Listed;
use memoryscope_engine::port::{Load, ObjectSelect, PreferenceSelect};

use super::filter_sql::Condition;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::filter::{self, Rows};
use crate::common::row;

/// Memories read at once where the filter may turn some down.
const CHUNK_ROWS_MIN: usize = 64;
/// The most that are read at once.
const CHUNK_ROWS_MAX: usize = 1_024;

/// What is read in order, some rows at a time.
#[derive(Clone, Copy)]
pub(super) enum Listing<'a> {
    Shelf(&'a PreferenceSelect),
    Objects(&'a ObjectSelect),
}

impl<'a> Listing<'a> {
    /// As the engine calls it.
    pub(super) const fn listed(self) -> Listed<'a> {
        match self {
            Self::Shelf(select) => Listed::Preferences(select),
            Self::Objects(select) => Listed::Objects(select),
        }
    }

    /// At most so many are wanted.
    pub(super) const fn limit(self) -> usize {
        match self {
            Self::Shelf(select) => select.limit,
            Self::Objects(select) => select.limit,
        }
    }

    pub(super) fn filter(self, load: &Load) -> Filter {
        match self {
            Self::Shelf(_) => load.filter.clone(),
            Self::Objects(select) => select.filter(load),
        }
    }

    /// What it is ordered by, before the id.
    pub(super) fn place(self, memory: &Memory) -> Timestamp {
        match self {
            Self::Shelf(_) => memory.created,
            Self::Objects(_) => memory.placed.unwrap_or(memory.created),
        }
    }

    /// How many rows are read at once: just enough where SQL is exact, some more where it isn't.
    pub(super) fn chunk_rows(self, load: &Load) -> usize {
        let enough = self.limit().saturating_add(1);
        let floor = if filter::is_exact(&self.filter(load)) { 1 } else { CHUNK_ROWS_MIN };
        enough.clamp(floor, CHUNK_ROWS_MAX)
    }

    /// Whether the first rows may not be enough.
    pub(super) fn has_more_chunks(self, load: &Load) -> bool {
        !filter::is_exact(&self.filter(load)) || self.chunk_rows(load) <= self.limit()
    }

    /// The rows behind that place.
    pub(super) fn call(self, load: &Load, after: Option<(Timestamp, MemoryId)>) -> Call<'static> {
        let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
        let mut condition = Condition { sql: String::new(), values: vec![tenant] };
        self.push(load, after, &mut condition);
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// The first rows, each beside the row of another query, whose first value is the tenant.
    pub(super) fn beside(self, load: &Load, other: &str, values: Vec<Value<'static>>) -> Call<'static> {
        let mut condition = Condition { sql: String::new(), values };
        condition
            .sql
            .push_str(&format!("SELECT * FROM ({other}) AS f (seq, head, policy, subject, record) "));
        condition.sql.push_str("LEFT JOIN LATERAL (");
        let after = match self {
            Self::Shelf(select) => select.after,
            Self::Objects(select) => select.after,
        };
        self.push(load, after, &mut condition);
        condition.sql.push_str(") AS m ON true");
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// The query for the rows behind a place; the first value is the tenant.
    fn push(self, load: &Load, after: Option<(Timestamp, MemoryId)>, condition: &mut Condition) {
        let limit = row::limit(self.chunk_rows(load));
        match self {
            Self::Shelf(select) => push_shelf(load, select, after, limit, condition),
            Self::Objects(select) => push_objects(load, select, after, limit, condition),
        }
    }
}

/// Leaves out what has changed since the commit as of which rows are wanted.
fn push_unchanged(load: &Load, condition: &mut Condition) {
    if let Some(seq) = load.as_of {
        let seq = condition.value(Box::new(row::whole(seq.0).unwrap_or(i64::MAX)));
        condition.sql.push_str(&format!(" AND valid_from_seq <= {seq}"));
    }
}

/// The next rows of events, impacts and seeds, the latest first.
fn push_objects(
    load: &Load,
    select: &ObjectSelect,
    after: Option<(Timestamp, MemoryId)>,
    limit: i64,
    condition: &mut Condition,
) {
    let partition = condition.value(Box::new(Bytes(select.partition.0)));
    let now = condition.value(Box::new(load.now.unix_micros()));
    condition.sql.push_str(&format!(
        "SELECT id, version, document, body FROM memories
         WHERE tenant = $1 AND partition_key = {partition} AND occurred IS NOT NULL
         AND (expires IS NULL OR expires > {now})"
    ));
    if let Some(since) = select.since {
        let since = condition.value(Box::new(since.unix_micros()));
        condition.sql.push_str(&format!(" AND occurred >= {since}"));
    }
    if let Some(until) = select.until {
        let until = condition.value(Box::new(until.unix_micros()));
        condition.sql.push_str(&format!(" AND occurred < {until}"));
    }
    if let Some((occurred, id)) = after {
        let occurred = condition.value(Box::new(occurred.unix_micros()));
        let id = condition.value(Box::new(Bytes::of(id.uuid())));
        condition
            .sql
            .push_str(&format!(" AND occurred <= {occurred} AND (occurred < {occurred} OR id > {id})"));
    }
    push_unchanged(load, condition);
    condition.sql.push_str(" AND ");
    filter::push(&select.filter(load), Rows::Objects, condition);
    let limit = condition.value(Box::new(limit));
    condition.sql.push_str(&format!(" ORDER BY occurred DESC, id LIMIT {limit}"));
}

/// The next rows of a shelf, oldest first.
fn push_shelf(
    load: &Load,
    select: &PreferenceSelect,
    after: Option<(Timestamp, MemoryId)>,
    limit: i64,
    condition: &mut Condition,
) {
    let partition = condition.value(Box::new(Bytes(select.partition.0)));
    let kind = condition.value(Box::new(select.kind.name()));
    let now = condition.value(Box::new(load.now.unix_micros()));
    condition.sql.push_str(&format!(
        "SELECT id, version, document, body FROM memories
         WHERE tenant = $1 AND partition_key = {partition} AND kind = {kind} AND state < 3
         AND (expires IS NULL OR expires > {now})"
    ));
    if let Some(domain) = select.domain {
        let domain = condition.value(Box::new(Bytes(domain.0)));
        condition.sql.push_str(&format!(" AND domain_key = {domain}"));
    }
    if let Some(from) = select.created_from {
        let from = condition.value(Box::new(from.unix_micros()));
        condition.sql.push_str(&format!(" AND created >= {from}"));
    }
    if let Some((created, id)) = after {
        let created = condition.value(Box::new(created.unix_micros()));
        let id = condition.value(Box::new(Bytes::of(id.uuid())));
        condition.sql.push_str(&format!(" AND (created, id) > ({created}, {id})"));
    }
    push_unchanged(load, condition);
    condition.sql.push_str(" AND ");
    filter::push(&load.filter, Rows::Shelf, condition);
    let limit = condition.value(Box::new(limit));
    condition.sql.push_str(&format!(" ORDER BY created, id LIMIT {limit}"));
}
