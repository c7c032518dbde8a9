//! What is read in order, some rows at a time: shelves of preferences, and objects of a scope.

use std::borrow::Cow;

use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
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
        let floor = if self.is_exact(load) { 1 } else { CHUNK_ROWS_MIN };
        enough.clamp(floor, CHUNK_ROWS_MAX)
    }

    /// Whether the first call may not be enough.
    pub(super) fn is_of_many_calls(self, load: &Load) -> bool {
        self.scan().is_some() || !self.is_exact(load) || self.chunk_rows(load) <= self.limit()
    }

    /// Whether SQL turns down all that the filter does.
    fn is_exact(self, load: &Load) -> bool {
        filter::is_exact(&self.filter(load), self.rows())
    }

    const fn rows(self) -> Rows {
        match self {
            Self::Shelf(_) => Rows::Shelf,
            Self::Objects(_) => Rows::Objects,
        }
    }

    /// How far to look.
    pub(super) const fn scan(self) -> Option<usize> {
        match self {
            Self::Shelf(select) => select.scan,
            Self::Objects(select) => select.scan,
        }
    }

    /// Behind which place the listing begins.
    pub(super) const fn after(self) -> Option<Place> {
        match self {
            Self::Shelf(select) => select.after,
            Self::Objects(select) => select.after,
        }
    }

    /// The rows behind that place, up to the end of the scan.
    pub(super) fn call(self, load: &Load, after: Option<Place>, end: Option<Place>) -> Call<'static> {
        let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
        let mut condition = Condition { sql: String::new(), values: vec![tenant] };
        let end = end.map(|(time, id)| {
            [Box::new(time.unix_micros()) as Value<'static>, Box::new(Bytes::of(id.uuid()))]
                .map(|value| condition.value(value))
        });
        self.push(load, after, end.as_ref(), &mut condition);
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// What is asked first: where the scan ends (one row, or none where it reaches the listing's end), or, where there is no
    /// scan, the first rows.
    pub(super) fn first_call(self, load: &Load) -> Call<'static> {
        let Some(scan) = self.scan() else { return self.call(load, self.after(), None) };
        let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
        let mut condition = Condition { sql: String::new(), values: vec![tenant] };
        self.push_end(load, scan, &mut condition);
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// The first rows, each beside the row of another query, whose first value is the tenant, and beside the end of the
    /// scan.
    pub(super) fn beside(self, load: &Load, other: &str, values: Vec<Value<'static>>) -> Call<'static> {
        let mut condition = Condition { sql: String::new(), values };
        condition.sql.push_str(&format!(
            "SELECT * FROM ({other}) AS f (seq, head, policy, subject, record, spirals, \
             subjects, consents, tenant_key, any_erased, erased, bridges, marks) "
        ));
        condition.sql.push_str("LEFT JOIN LATERAL (");
        match self.scan() {
            Some(scan) => self.push_end(load, scan, &mut condition),
            None => condition.sql.push_str("SELECT NULL::bigint, NULL::bytea"),
        }
        condition.sql.push_str(") AS e (place, id) ON true LEFT JOIN LATERAL (");
        // Where the scan has no end, every row stands before it.
        let unbounded = match self {
            Self::Shelf(_) => i64::MAX,
            Self::Objects(_) => i64::MIN,
        };
        let end =
            self.scan().map(|_| [format!("coalesce(e.place, ({unbounded})::bigint)"), "e.id".to_owned()]);
        self.push(load, self.after(), end.as_ref(), &mut condition);
        condition.sql.push_str(") AS m ON true");
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// The places of the first rows.
    pub(super) fn places_call(self, load: &Load, limit: usize) -> Call<'static> {
        let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
        let mut condition = Condition { sql: String::new(), values: vec![tenant] };
        let (column, order) = self.order();
        condition.sql.push_str(&format!("SELECT {column}, id "));
        self.push_rows(load, self.after(), &mut condition);
        let limit = condition.value(Box::new(row::limit(limit)));
        condition.sql.push_str(&format!(" ORDER BY {order} LIMIT {limit}"));
        Call::Prepared(Cow::Owned(condition.sql), condition.values)
    }

    /// The column it is ordered by, and the order.
    const fn order(self) -> (&'static str, &'static str) {
        match self {
            Self::Shelf(_) => ("created", "created, id"),
            Self::Objects(_) => ("occurred", "occurred DESC, id"),
        }
    }

    /// The query for the end of the scan; the first value is the tenant.
    fn push_end(self, load: &Load, scan: usize, condition: &mut Condition) {
        let (column, order) = self.order();
        condition.sql.push_str(&format!(
            "SELECT (array_agg({column} ORDER BY {order}))[1], (array_agg(id ORDER BY {order}))[1]
             FROM (SELECT {column}, id "
        ));
        self.push_rows(load, self.after(), condition);
        let before = condition.value(Box::new(row::limit(scan.saturating_sub(1))));
        condition
            .sql
            .push_str(&format!(" ORDER BY {order} LIMIT 2 OFFSET {before}) AS r HAVING count(*) = 2"));
    }

    /// The query for the rows behind a place and up to another, of which the time and the id are given as expressions; the
    /// first value is the tenant.
    fn push(self, load: &Load, after: Option<Place>, end: Option<&[String; 2]>, condition: &mut Condition) {
        let (column, order) = self.order();
        condition.sql.push_str("SELECT id, version, document, body, activated ");
        self.push_rows(load, after, condition);
        let now = condition.value(Box::new(load.now.unix_micros()));
        condition.sql.push_str(&format!(" AND (expires IS NULL OR expires > {now})"));
        if let Some([time, id]) = end {
            let before = if matches!(self, Self::Shelf(_)) { "<" } else { ">" };
            condition.sql.push_str(&format!(
                " AND {column} {before}= {time} AND ({column} {before} {time} OR id <= {id})"
            ));
        }
        condition.sql.push_str(" AND ");
        filter::push(&self.filter(load), self.rows(), condition);
        let limit = condition.value(Box::new(row::limit(self.chunk_rows(load))));
        condition.sql.push_str(&format!(" ORDER BY {order} LIMIT {limit}"));
    }

    /// These columns of all rows that live and pass the filter, in no order, and more can be asked of them; the first
    /// value is the tenant.
    pub(super) fn push_passing(self, columns: &str, load: &Load, condition: &mut Condition) {
        condition.sql.push_str(&format!("SELECT {columns} "));
        self.push_rows(load, self.after(), condition);
        let now = condition.value(Box::new(load.now.unix_micros()));
        condition.sql.push_str(&format!(" AND (expires IS NULL OR expires > {now}) AND "));
        filter::push(&self.filter(load), self.rows(), condition);
    }

    /// `FROM` and `WHERE` of the rows behind a place, whoever may see them.
    fn push_rows(self, load: &Load, after: Option<Place>, condition: &mut Condition) {
        match self {
            Self::Shelf(select) => push_shelf(load, select, after, condition),
            Self::Objects(select) => push_objects(load, select, after, condition),
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

/// Events, impacts and seeds.
fn push_objects(load: &Load, select: &ObjectSelect, after: Option<Place>, condition: &mut Condition) {
    let partition = condition.value(Box::new(Bytes(select.partition.0)));
    condition.sql.push_str(&format!(
        "FROM memories WHERE tenant = $1 AND partition_key = {partition} AND occurred IS NOT NULL"
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
    filter::push(&select.among, Rows::Objects, condition);
}

/// A shelf.
fn push_shelf(load: &Load, select: &PreferenceSelect, after: Option<Place>, condition: &mut Condition) {
    let partition = condition.value(Box::new(Bytes(select.partition.0)));
    let kind = condition.value(Box::new(select.kind.name()));
    condition.sql.push_str(&format!(
        "FROM memories WHERE tenant = $1 AND partition_key = {partition} AND kind = {kind} AND state < 3"
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
}
