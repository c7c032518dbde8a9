//! Records beside memories.

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::RecordPage;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::apply::{execute, one};
use super::error::Failure;
use super::load::{Reader, View};
use super::row::{blob, text};
use crate::common::prepare::RecordRow;
use crate::common::row::{self, StoredRecord};

const COLUMNS: &str = "kind, id, group_name, subject, due, version, created, document";

/// At which version a record stands; 0 where there is none.
pub(super) fn version(conn: &Connection, tenant: &str, kind: &str, id: &str) -> Result<i64, Failure> {
    let sql = "SELECT version FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
    Ok(one(conn, sql, [tenant, kind, id], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

/// In the place of the version before.
pub(super) fn keep(conn: &Connection, tenant: &str, record: &RecordRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO records (tenant, kind, id, group_name, subject, due, version, created, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (tenant, kind, id) DO UPDATE
         SET group_name = excluded.group_name, subject = excluded.subject, due = excluded.due,
             version = excluded.version, created = excluded.created, document = excluded.document",
        params![
            tenant,
            record.kind,
            record.id,
            record.group,
            record.subject,
            record.due,
            record.version,
            record.created,
            record.document,
        ],
    )
}

pub(super) fn forget(conn: &Connection, tenant: &str, kind: &str, id: &str) -> rusqlite::Result<usize> {
    execute(conn, "DELETE FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3", [tenant, kind, id])
}

/// What anybody thinks of a memory goes with it.
pub(super) fn forget_opinions(conn: &Connection, tenant: &str, memory: MemoryId) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM records WHERE tenant = ?1 AND kind = ?2 AND group_name = ?3 AND group_name <> ''";
    execute(conn, sql, params![tenant, RecordKind::Opinion.name(), memory.prefixed()])
}

impl View<'_> {
    /// The records that are wanted beside memories.
    pub(super) fn records(&self, facts: &mut Facts) -> Result<(), Failure> {
        let (tenant, wanted) = (self.load.tenant.as_str(), &self.load.records);
        let sql = format!("SELECT {COLUMNS} FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3");
        for (kind, id) in &wanted.named {
            facts.records.named.extend(one(self.conn, &sql, [tenant, kind.name(), id], record)?);
        }
        if let Some(page) = &wanted.page {
            let (condition, values) = condition(tenant, page);
            let order = match page {
                RecordPage::Listed { .. } => "id",
                RecordPage::Due { .. } => "due, id",
            };
            let sql = format!(
                "SELECT {COLUMNS} FROM records WHERE tenant = ? AND {condition} ORDER BY {order} LIMIT ?"
            );
            let mut statement = self.conn.prepare_cached(&sql)?;
            let bound = Value::Integer(row::limit(page.limit().saturating_add(1)));
            let mut rows = statement.query(params_from_iter(values.into_iter().chain([bound])))?;
            while let Some(row) = rows.next()? {
                facts.records.page.push(record(row)?);
            }
            facts.records.more = facts.records.page.len() > page.limit();
            facts.records.page.truncate(page.limit());
            if let RecordPage::Listed { kind, group, counted: true, .. } = page {
                let all = RecordPage::Listed {
                    kind: *kind,
                    group: group.clone(),
                    after: None,
                    limit: 0,
                    counted: false,
                };
                let (condition, values) = self::condition(tenant, &all);
                let sql = format!("SELECT count(*) FROM records WHERE tenant = ? AND {condition}");
                let mut statement = self.conn.prepare_cached(&sql)?;
                let count = statement.query_row(params_from_iter(values), |row| row.get(0))?;
                facts.records.count = Some(row::count(count)?);
            }
        }
        Ok(())
    }
}

/// Which of the tenant's rows a page is of, and the values with the tenant's own first.
fn condition(tenant: &str, page: &RecordPage) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut sql = "kind = ?".to_owned();
    let mut values = vec![text(tenant), text(page.kind().name())];
    match page {
        RecordPage::Listed { group, after, .. } => {
            if let Some(group) = group {
                // So that it is seen that the index has all of them.
                sql.push_str(if group.is_empty() {
                    " AND group_name = ?"
                } else {
                    " AND group_name = ? AND group_name <> ''"
                });
                values.push(text(group));
            }
            if let Some(after) = after {
                sql.push_str(" AND id > ?");
                values.push(text(after));
            }
        }
        RecordPage::Due { by, .. } => {
            sql.push_str(" AND due IS NOT NULL AND due <= ?");
            values.push(Value::Integer(by.unix_micros()));
        }
    }
    (sql, values)
}

fn record(row: &Row<'_>) -> Result<Record, Failure> {
    let subject = match row.get_ref(3)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(blob(row, 3)?),
    };
    Ok(row::record(&StoredRecord {
        kind: text(row, 0)?,
        id: text(row, 1)?,
        group: text(row, 2)?,
        subject,
        due: row.get(4)?,
        version: row.get(5)?,
        created: row.get(6)?,
        document: text(row, 7)?,
    })?)
}

impl Reader {
    /// The tenants that have such a record that is due. Whoever wrote anything has a head, so the heads are walked, and each asks one
    /// index.
    pub(super) fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT tenant FROM audit_heads AS h
             WHERE tenant > ?1 AND EXISTS
                 (SELECT 1 FROM records AS r WHERE r.tenant = h.tenant AND r.kind = ?2
                  AND r.due IS NOT NULL AND r.due <= ?3)
             ORDER BY tenant LIMIT ?4",
        )?;
        let after = after.map_or("", TenantId::as_str);
        let mut rows = statement.query(params![after, kind.name(), by.unix_micros(), row::limit(limit)])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(row::tenant(text(row, 0)?)?);
        }
        Ok(tenants)
    }
}
