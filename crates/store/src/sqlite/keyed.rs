//! What memories are looked up by, and schemas.

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::ids::{SchemaId, TenantId};
use memoryscope_domain::memory::Key;
use memoryscope_engine::port::{KeyedSelect, SchemaSelect};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::apply::{execute, one, version};
use super::error::Failure;
use super::filter_sql::Condition;
use super::load::{Reader, View, found};
use super::row::{blob, text};
use crate::common::filter::{self, Rows};
use crate::common::prepare::{MemoryRow, SchemaRow};
use crate::common::row;

/// Keeps a new memory's keys.
pub(super) fn insert_keys(conn: &Connection, tenant: &str, memory: &MemoryRow) -> rusqlite::Result<()> {
    for key in &memory.index {
        let sql = "INSERT INTO memory_keys (tenant, key, memory_id) VALUES (?1, ?2, ?3)";
        execute(conn, sql, params![tenant, key, memory.id.uuid().as_bytes()])?;
    }
    Ok(())
}

/// Keeps the keys of a memory's next version, and none of the one before.
pub(super) fn replace_keys(conn: &Connection, tenant: &str, memory: &MemoryRow) -> rusqlite::Result<()> {
    let sql = "DELETE FROM memory_keys WHERE tenant = ?1 AND memory_id = ?2";
    execute(conn, sql, params![tenant, memory.id.uuid().as_bytes()])?;
    insert_keys(conn, tenant, memory)
}

/// At which version a schema stands.
pub(super) fn schema_version(conn: &Connection, tenant: &str, id: SchemaId) -> Result<Option<i64>, Failure> {
    let sql = "SELECT version FROM schemas WHERE tenant = ?1 AND id = ?2";
    version(conn, sql, tenant, id.uuid().as_bytes())
}

pub(super) fn write_schema(conn: &Connection, tenant: &str, schema: &SchemaRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO schemas (tenant, id, version, document) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version, document = excluded.document",
        params![tenant, schema.id.uuid().as_bytes(), schema.version, schema.document],
    )
}

impl View<'_> {
    /// The filter is tested twice, as for listings.
    pub(super) fn keyed(&mut self, select: &KeyedSelect, facts: &mut Facts) -> Result<(), Failure> {
        let tenant = Value::Text(self.load.tenant.as_str().to_owned());
        let mut condition = Condition {
            sql: "SELECT rowid, id, version FROM memories WHERE tenant = ? AND id IN
                      (SELECT memory_id FROM memory_keys WHERE tenant = ? AND memory_id > ? AND key IN ("
                .to_owned(),
            values: vec![tenant.clone(), tenant],
        };
        let after = select.after.map_or_else(Vec::new, |id| id.uuid().as_bytes().to_vec());
        condition.values.push(Value::Blob(after));
        for (at, key) in select.keys.iter().enumerate() {
            condition.sql.push_str(if at > 0 { ",?" } else { "?" });
            condition.values.push(Value::Blob(key.0.to_vec()));
        }
        condition.sql.push_str(")) AND occurred IS NOT NULL AND (expires IS NULL OR expires > ?) AND ");
        condition.values.push(Value::Integer(self.load.now.unix_micros()));
        filter::push(&self.load.filter, Rows::Objects, &mut condition);
        condition.sql.push_str(" ORDER BY id");
        let conn = self.conn;
        let mut statement = conn.prepare_cached(&condition.sql)?;
        let mut rows = statement.query(params_from_iter(condition.values))?;
        while let Some(row) = rows.next()? {
            let memory = self.fetch(&found(row)?)?;
            if !self.load.filter.matches(&MemoryView::stored(&memory, self.load.now)) {
                continue;
            }
            if facts.memories.len() == select.limit {
                facts.more = true;
                break;
            }
            facts.memories.push(memory);
        }
        Ok(())
    }

    /// Those that have a key now, as they were at the commit that is asked about.
    pub(super) fn shared(&mut self, select: &KeyedSelect) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        self.keyed(select, &mut facts)?;
        if self.load.as_of.is_some() {
            for memory in std::mem::take(&mut facts.memories) {
                facts.memories.extend(self.version(memory.id, &mut facts.erased)?);
            }
        }
        Ok(facts)
    }

    pub(super) fn schemas(&self, select: &SchemaSelect, facts: &mut Facts) -> Result<(), Failure> {
        let tenant = self.load.tenant.as_str();
        match select {
            SchemaSelect::Ids(ids) => {
                let sql = "SELECT id, document FROM schemas WHERE tenant = ?1 AND id = ?2";
                for id in ids {
                    let found =
                        one(self.conn, sql, params![tenant, id.uuid().as_bytes()], |row| self.schema(row));
                    facts.schemas.extend(found?);
                }
            }
            SchemaSelect::All { after, limit } => {
                let sql =
                    "SELECT id, document FROM schemas WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
                let after = after.map_or_else(Vec::new, |id| id.uuid().as_bytes().to_vec());
                let mut statement = self.conn.prepare_cached(sql)?;
                let mut rows =
                    statement.query(params![tenant, after, row::limit(limit.saturating_add(1))])?;
                while let Some(row) = rows.next()? {
                    facts.schemas.push(self.schema(row)?);
                }
                facts.more = facts.schemas.len() > *limit;
                facts.schemas.truncate(*limit);
            }
        }
        Ok(())
    }

    fn schema(&self, row: &rusqlite::Row<'_>) -> Result<StoredSchema, Failure> {
        Ok(row::schema(text(row, 1)?, blob(row, 0)?, self.load)?)
    }
}

impl Reader {
    /// The tenants that have a memory with that key. Whoever wrote anything has a head, so the heads are walked, and each
    /// asks one index.
    pub(super) fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT tenant FROM audit_heads AS h
             WHERE tenant > ?1 AND EXISTS
                 (SELECT 1 FROM memory_keys AS k WHERE k.tenant = h.tenant AND k.key = ?2)
             ORDER BY tenant LIMIT ?3",
        )?;
        let after = after.map_or("", TenantId::as_str);
        let mut rows = statement.query(params![after, key.0, row::limit(limit)])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(row::tenant(text(row, 0)?)?);
        }
        Ok(tenants)
    }
}
