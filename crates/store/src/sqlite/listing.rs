//! What is read in order: shelves of preferences, and objects of a scope.

use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;
use memoryscope_engine::port::{Load, ObjectSelect, PreferenceSelect};
use rusqlite::types::Value;

use super::filter_sql::Condition;
use crate::common::filter::{self, Rows};
use crate::common::row;

/// How a listing is ordered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// By this column, and then by the id.
    pub(super) column: &'static str,
    pub(super) by: &'static str,
    /// What is true of a row up to a place; its parameters are the time twice, and the id.
    up_to: &'static str,
}

/// Preferences, oldest first.
pub(super) const SHELF: Order =
    Order { column: "created", by: "created, id", up_to: " AND created <= ? AND (created < ? OR id <= ?)" };

/// Events, impacts and seeds, the latest first.
pub(super) const OBJECTS: Order = Order {
    column: "occurred",
    by: "occurred DESC, id",
    up_to: " AND occurred >= ? AND (occurred > ? OR id <= ?)",
};

/// Where a memory is found, and when it last sprouted.
const COLUMNS: &str = "rowid, id, version, activated";

/// `FROM` and `WHERE` of a listing's rows, whoever may see them.
pub(super) struct Among(pub(super) Condition);

impl Among {
    fn require(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.0.sql.push_str(sql);
        self.0.values.extend(values);
    }

    /// Leaves out what has changed since the commit as of which rows are wanted.
    fn require_unchanged(&mut self, load: &Load) {
        if let Some(seq) = load.as_of {
            let seq = row::whole(seq.0).unwrap_or(i64::MAX);
            self.require(" AND valid_from_seq <= ?", [Value::Integer(seq)]);
        }
    }

    /// Those of them that live, pass the filter and stand before the end of the scan, in order. There is no LIMIT: the rows
    /// are taken one by one, and the filter may turn some down.
    pub(super) fn living(
        self,
        load: &Load,
        filter: &Filter,
        rows: Rows,
        end: Option<Place>,
        order: Order,
    ) -> Condition {
        let mut condition = self.passing(COLUMNS, load, filter, rows, end.map(|end| (end, order)));
        condition.sql.push_str(" ORDER BY ");
        condition.sql.push_str(order.by);
        condition
    }

    /// The same of these columns, in no order, and more can be asked of them.
    pub(super) fn passing(
        mut self,
        columns: &str,
        load: &Load,
        filter: &Filter,
        rows: Rows,
        end: Option<(Place, Order)>,
    ) -> Condition {
        self.require(" AND (expires IS NULL OR expires > ?)", [Value::Integer(load.now.unix_micros())]);
        if let Some(((time, id), order)) = end {
            let time = Value::Integer(time.unix_micros());
            self.require(order.up_to, [time.clone(), time, Value::Blob(id.uuid().as_bytes().to_vec())]);
        }
        let Condition { sql, values } = self.0;
        let mut condition = Condition { sql: format!("SELECT {columns} {sql} AND "), values };
        filter::push(filter, rows, &mut condition);
        condition
    }
}

/// The rows of a shelf.
pub(super) fn shelf_rows(load: &Load, select: &PreferenceSelect) -> Among {
    let mut rows = Among(Condition {
        sql: "FROM memories WHERE tenant = ? AND partition_key = ? AND kind = ? AND state < 3".to_owned(),
        values: vec![
            Value::Text(load.tenant.as_str().to_owned()),
            Value::Blob(select.partition.0.to_vec()),
            Value::Text(select.kind.name().to_owned()),
        ],
    });
    if let Some(domain) = select.domain {
        rows.require(" AND domain_key = ?", [Value::Blob(domain.0.to_vec())]);
    }
    if let Some(from) = select.created_from {
        rows.require(" AND created >= ?", [Value::Integer(from.unix_micros())]);
    }
    if let Some((created, id)) = select.after {
        let id = Value::Blob(id.uuid().as_bytes().to_vec());
        rows.require(" AND (created, id) > (?, ?)", [Value::Integer(created.unix_micros()), id]);
    }
    rows.require_unchanged(load);
    rows
}

/// The rows of a scope's events, impacts and seeds.
pub(super) fn object_rows(load: &Load, select: &ObjectSelect) -> Among {
    let mut rows = Among(Condition {
        sql: "FROM memories WHERE tenant = ? AND partition_key = ? AND occurred IS NOT NULL".to_owned(),
        values: vec![Value::Text(load.tenant.as_str().to_owned()), Value::Blob(select.partition.0.to_vec())],
    });
    if let Some(since) = select.since {
        rows.require(" AND occurred >= ?", [Value::Integer(since.unix_micros())]);
    }
    if let Some(until) = select.until {
        rows.require(" AND occurred < ?", [Value::Integer(until.unix_micros())]);
    }
    if let Some((occurred, id)) = select.after {
        let occurred = Value::Integer(occurred.unix_micros());
        let id = Value::Blob(id.uuid().as_bytes().to_vec());
        rows.require(" AND occurred <= ? AND (occurred < ? OR id > ?)", [occurred.clone(), occurred, id]);
    }
    rows.require_unchanged(load);
    rows.0.sql.push_str(" AND ");
    filter::push(&select.among, Rows::Objects, &mut rows.0);
    rows
}
