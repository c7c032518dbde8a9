//! What memories are looked up by, and schemas.

use std::borrow::Cow;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::ids::MemoryId;
use memoryscope_engine::port::{KeyedSelect, Load, SchemaSelect};
use tokio_postgres::Row;

use super::apply::boxed;
use super::as_of::memories_call;
use super::error::Failure;
use super::filter_sql::Condition;
use super::load::View;
use super::session::Call;
use super::value::Bytes;
use crate::common::filter::{self, Rows};
use crate::common::prepare::SchemaRow;
use crate::common::row;

/// Memories read at once, at least: the filter may turn some down.
const CHUNK_ROWS_MIN: usize = 64;
/// The most that are read at once.
const CHUNK_ROWS_MAX: usize = 1_024;

/// Each by its key, whatever the planner thinks of the table's size (see `known`).
const SCHEMAS: &str = "
    SELECT s.id, s.document FROM unnest($2::bytea[]) WITH ORDINALITY AS w (id, place) CROSS JOIN LATERAL
        (SELECT id, document FROM schemas WHERE tenant = $1 AND id = w.id OFFSET 0) AS s ORDER BY w.place";

const ALL_SCHEMAS: &str =
    "SELECT id, document FROM schemas WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";

const WRITE_SCHEMA: &str = "
    INSERT INTO schemas (tenant, id, version, document) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version, document = excluded.document";

/// In the place of the version before.
pub(super) fn write_schema<'a>(tenant: &'a str, schema: &'a SchemaRow) -> Call<'a> {
    let (id, version) = (boxed(Bytes::of(schema.id.uuid())), boxed(schema.version));
    Call::new(WRITE_SCHEMA, vec![boxed(tenant), id, version, boxed(schema.document.as_str())])
}

fn chunk_rows(select: &KeyedSelect) -> usize {
    select.limit.saturating_add(1).clamp(CHUNK_ROWS_MIN, CHUNK_ROWS_MAX)
}

/// The next rows behind a memory. Each key's rows are found in the index, and each memory by its id.
pub(super) fn keyed_call(load: &Load, select: &KeyedSelect, after: Option<MemoryId>) -> Call<'static> {
    let mut condition =
        Condition { sql: String::new(), values: vec![Box::new(load.tenant.as_str().to_owned())] };
    let keys: Vec<Bytes<16>> = select.keys.iter().map(|key| Bytes(key.0)).collect();
    let keys = condition.value(Box::new(keys));
    let after = condition.value(Box::new(after.map_or_else(Vec::new, |id| id.uuid().as_bytes().to_vec())));
    let now = condition.value(Box::new(load.now.unix_micros()));
    condition.sql.push_str(&format!(
        "SELECT m.id, m.version, m.document, m.body FROM
             (SELECT DISTINCT k.memory_id FROM unnest({keys}::bytea[]) AS w (key) CROSS JOIN LATERAL
                 (SELECT memory_id FROM memory_keys
                  WHERE tenant = $1 AND key = w.key AND memory_id > {after}::bytea OFFSET 0) AS k
              ORDER BY k.memory_id) AS f CROSS JOIN LATERAL
             (SELECT id, version, document, body FROM memories WHERE tenant = $1 AND id = f.memory_id
              AND occurred IS NOT NULL AND (expires IS NULL OR expires > {now}) AND "
    ));
    filter::push(&load.filter, Rows::Objects, &mut condition);
    let limit = condition.value(Box::new(row::limit(chunk_rows(select))));
    condition.sql.push_str(&format!(" OFFSET 0) AS m ORDER BY m.id LIMIT {limit}"));
    Call::Prepared(Cow::Owned(condition.sql), condition.values)
}

/// The one call that brings them.
pub(super) fn schemas_call(tenant: String, select: &SchemaSelect) -> Call<'static> {
    match select {
        SchemaSelect::Ids(ids) => {
            let ids: Vec<Bytes<16>> = ids.iter().map(|id| Bytes::of(id.uuid())).collect();
            Call::new(SCHEMAS, vec![Box::new(tenant), Box::new(ids)])
        }
        SchemaSelect::All { after, limit } => {
            let after = after.map_or_else(Vec::new, |id| id.uuid().as_bytes().to_vec());
            let bound = row::limit(limit.saturating_add(1));
            Call::new(ALL_SCHEMAS, vec![Box::new(tenant), Box::new(after), Box::new(bound)])
        }
    }
}

impl View<'_> {
    /// The filter is tested twice, as for listings; what it turns down here makes room for rows behind it.
    pub(super) async fn keyed(
        &mut self,
        select: &KeyedSelect,
        mut rows: Vec<Row>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        loop {
            let mut last = None;
            for row in &rows {
                let memory = self.memory(row, 0)?;
                last = Some(memory.id);
                if !self.load.filter.matches(&MemoryView::stored(&memory, self.load.now)) {
                    continue;
                }
                if facts.memories.len() == select.limit {
                    facts.more = true;
                    return Ok(());
                }
                facts.memories.push(Arc::new(memory));
            }
            if rows.len() < chunk_rows(select) {
                return Ok(());
            }
            rows = self.session.query(keyed_call(self.load, select, last)).await?;
        }
    }

    /// Those that have a key now, as they were at the commit that is asked about.
    pub(super) async fn shared(&mut self, select: &KeyedSelect) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        let rows = self.session.query(keyed_call(self.load, select, select.after)).await?;
        self.keyed(select, rows, &mut facts).await?;
        if let Some(seq) = self.load.as_of {
            let ids: Vec<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
            let rows =
                self.session.query(memories_call(self.load.tenant.as_str().to_owned(), &ids, seq)?).await?;
            self.memories_as_of(&ids, &rows, &mut facts)?;
        }
        Ok(facts)
    }

    /// From the columns (id, document).
    pub(super) fn schemas(
        &self,
        select: &SchemaSelect,
        rows: &[Row],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        for row in rows {
            facts.schemas.push(row::schema(row.try_get(1)?, row.try_get(0)?, self.load)?);
        }
        if let SchemaSelect::All { limit, .. } = select {
            facts.more = facts.schemas.len() > *limit;
            facts.schemas.truncate(*limit);
        }
        Ok(())
    }
}
