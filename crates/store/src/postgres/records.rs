//! Records beside memories.

use std::borrow::Cow;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_engine::port::RecordPage;
use tokio_postgres::Row;

use super::apply::boxed;
use super::error::Failure;
use super::load::View;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::prepare::RecordRow;
use crate::common::row::{self, StoredRecord};

/// Each by its key, whatever the planner thinks of the table's size (see `known`).
const NAMED: &str = "
    SELECT r.kind, r.id, r.group_name, r.subject, r.due, r.version, r.created, r.document
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (kind, id, place) CROSS JOIN LATERAL
        (SELECT * FROM records WHERE tenant = $1 AND kind = w.kind AND id = w.id OFFSET 0) AS r
    ORDER BY w.place";

const KEEP: &str = "
    INSERT INTO records (tenant, kind, id, group_name, subject, due, version, created, document)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant, kind, id) DO UPDATE
    SET group_name = excluded.group_name, subject = excluded.subject, due = excluded.due,
        version = excluded.version, created = excluded.created, document = excluded.document";

const FORGET: &str = "DELETE FROM records WHERE tenant = $1 AND kind = $2 AND id = $3";

/// What anybody thinks of a memory goes with it.
pub(super) const FORGET_OPINIONS: &str =
    "DELETE FROM records WHERE tenant = $1 AND kind = $2 AND group_name = $3 AND group_name <> ''";

/// Whoever wrote anything has a head.
pub(super) const TENANTS_AWAITING: &str = "
    SELECT h.tenant FROM audit_heads AS h
    WHERE h.tenant > $1 AND EXISTS
        (SELECT 1 FROM records AS r WHERE r.tenant = h.tenant AND r.kind = $2
         AND r.due IS NOT NULL AND r.due <= $3)
    ORDER BY h.tenant LIMIT $4";

/// In the place of the version before.
pub(super) fn keep<'a>(tenant: &'a str, record: &'a RecordRow) -> Call<'a> {
    let values = vec![
        boxed(tenant),
        boxed(record.kind),
        boxed(record.id.as_str()),
        boxed(record.group.as_str()),
        boxed(record.subject.map(Bytes)),
        boxed(record.due),
        boxed(record.version),
        boxed(record.created),
        boxed(record.document.as_str()),
    ];
    Call::new(KEEP, values)
}

/// What [`FORGET_OPINIONS`] takes behind the tenant.
pub(super) fn of_opinions(memory: MemoryId) -> Vec<Value<'static>> {
    vec![boxed(RecordKind::Opinion.name()), boxed(memory.prefixed())]
}

pub(super) fn forget<'a>(tenant: &'a str, kind: &'static str, id: &'a str) -> Call<'a> {
    Call::new(FORGET, vec![boxed(tenant), boxed(kind), boxed(id)])
}

impl View<'_> {
    /// The records that are wanted beside memories.
    pub(super) async fn records(&mut self, facts: &mut Facts) -> Result<(), Failure> {
        let wanted = &self.load.records;
        if !wanted.named.is_empty() {
            let named = wanted.named.iter().map(|(kind, id)| (kind.name(), id.clone()));
            let (kinds, ids): (Vec<&'static str>, Vec<String>) = named.unzip();
            let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(kinds), Box::new(ids)];
            let rows = self.session.query(Call::new(NAMED, values)).await?;
            facts.records.named = rows.iter().map(record).collect::<Result<_, _>>()?;
        }
        let Some(page) = &wanted.page else { return Ok(()) };
        let order = match page {
            RecordPage::Listed { .. } => "id",
            RecordPage::Due { .. } => "due, id",
        };
        let (condition, mut values) = self.condition(page);
        values.push(Box::new(row::limit(page.limit().saturating_add(1))));
        let sql = format!(
            "SELECT kind, id, group_name, subject, due, version, created, document FROM records
             WHERE tenant = $1 AND {condition} ORDER BY {order} LIMIT ${}",
            values.len()
        );
        let rows = self.session.query(Call::Prepared(Cow::Owned(sql), values)).await?;
        facts.records.more = rows.len() > page.limit();
        facts.records.page = rows.iter().take(page.limit()).map(record).collect::<Result<_, _>>()?;
        if let RecordPage::Listed { kind, group, counted: true, .. } = page {
            let (kind, group) = (*kind, group.clone());
            let all = RecordPage::Listed { kind, group, after: None, limit: 0, counted: false };
            let (condition, values) = self.condition(&all);
            let sql = format!("SELECT count(*) FROM records WHERE tenant = $1 AND {condition}");
            let rows = self.session.query(Call::Prepared(Cow::Owned(sql), values)).await?;
            let count = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
            facts.records.count = Some(row::count(count)?);
        }
        Ok(())
    }

    /// Which of the tenant's rows a page is of, and the values with the tenant's own first.
    fn condition(&self, page: &RecordPage) -> (String, Vec<Value<'static>>) {
        let mut sql = "kind = $2".to_owned();
        let mut values: Vec<Value<'static>> = vec![Box::new(self.tenant()), Box::new(page.kind().name())];
        match page {
            RecordPage::Listed { group, after, .. } => {
                if let Some(group) = group {
                    values.push(Box::new(group.clone()));
                    sql.push_str(&format!(" AND group_name = ${}", values.len()));
                    if !group.is_empty() {
                        // So that it is seen that the index has all of them.
                        sql.push_str(" AND group_name <> ''");
                    }
                }
                if let Some(after) = after {
                    values.push(Box::new(after.clone()));
                    sql.push_str(&format!(" AND id > ${}", values.len()));
                }
            }
            RecordPage::Due { by, .. } => {
                values.push(Box::new(by.unix_micros()));
                sql.push_str(" AND due IS NOT NULL AND due <= $3");
            }
        }
        (sql, values)
    }
}

fn record(row: &Row) -> Result<Record, Failure> {
    Ok(row::record(&StoredRecord {
        kind: row.try_get(0)?,
        id: row.try_get(1)?,
        group: row.try_get(2)?,
        subject: row.try_get(3)?,
        due: row.try_get(4)?,
        version: row.try_get(5)?,
        created: row.try_get(6)?,
        document: row.try_get(7)?,
    })?)
}
