//! What was there at an earlier commit: rows that have not changed since, and versions that were replaced since.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Memory, MemoryType, StoredMemory};
use memoryscope_domain::place::Place;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::as_of::{Former, Listed, add_former, scan_end};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, params, params_from_iter};

use super::apply::one;
use super::error::Failure;
use super::listing::{Among, Order};
use super::load::{View, memory_id};
use super::row::{blob, text};
use crate::common::row::{self, corrupt};

/// The version that was current then, of a memory that has changed since.
const OF_MEMORY: &str = "
    SELECT id, version, state, document, body FROM memory_versions
    WHERE tenant = ?1 AND id = ?2 AND valid_from_seq <= ?3 AND valid_to_seq > ?3";

/// Those of a scope.
const OF_SCOPE: &str = "
    SELECT id, version, state, document, body FROM memory_versions
    WHERE tenant = ?1 AND partition_key = ?2 AND valid_to_seq > ?3 AND valid_from_seq <= ?3";

impl View<'_> {
    /// The version that the load sees; of what was erased since, only that it was there.
    pub(super) fn version(
        &mut self,
        id: MemoryId,
        erased: &mut BTreeSet<MemoryId>,
    ) -> Result<Option<Arc<Memory>>, Failure> {
        let Some(seq) = self.load.as_of else { return self.memory(id) };
        let (tenant, key, at) = (self.load.tenant.as_str(), id.uuid(), whole(seq)?);
        let values = params![tenant, key.as_bytes(), at];
        let has_not_changed = "SELECT 1 FROM memories WHERE tenant = ?1 AND id = ?2 AND valid_from_seq <= ?3";
        if one(self.conn, has_not_changed, values, |_| Ok(()))?.is_some() {
            return self.memory(id);
        }
        let former = one(self.conn, OF_MEMORY, values, |row| self.former(row))?;
        Ok(match former {
            Some(Former::Kept(memory)) => Some(memory),
            Some(Former::Erased { id, .. }) => {
                erased.insert(id);
                None
            }
            None => None,
        })
    }

    /// What a scope held then and has changed since; nothing where what is there now is wanted.
    pub(super) fn former_of(&self, listed: Listed<'_>) -> Result<Vec<Former>, Failure> {
        let Some(seq) = self.load.as_of else { return Ok(Vec::new()) };
        let mut statement = self.conn.prepare_cached(OF_SCOPE)?;
        let tenant = self.load.tenant.as_str();
        let mut rows = statement.query(params![tenant, listed.partition().0, whole(seq)?])?;
        let mut former = Vec::new();
        while let Some(row) = rows.next()? {
            former.push(self.former(row)?);
        }
        Ok(former)
    }

    /// Adds them to a listing.
    pub(super) fn add_former(&self, listed: Listed<'_>, former: Vec<Former>, facts: &mut Facts) {
        if self.load.as_of.is_some() {
            add_former(self.load, listed, former, facts);
        }
    }

    /// Where the scan ends, if there is one and there are rows behind: where nothing has changed since, the index alone is
    /// walked.
    pub(super) fn scan_end(
        &self,
        rows: &Among,
        listed: Listed<'_>,
        order: Order,
        former: &[Former],
    ) -> Result<Option<Place>, Failure> {
        let Some(scan) = listed.scan() else { return Ok(None) };
        let Order { column, by, .. } = order;
        let sql = format!("SELECT {column}, id {} ORDER BY {by} LIMIT ? OFFSET ?", rows.0.sql);
        // Former rows may stand before any of these.
        let (limit, before) =
            if former.is_empty() { (2, scan.saturating_sub(1)) } else { (scan.saturating_add(1), 0) };
        let mut values = rows.0.values.clone();
        values.extend([limit, before].map(|number| Value::Integer(row::limit(number))));
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut found = statement.query(params_from_iter(values))?;
        let mut places = Vec::new();
        while let Some(row) = found.next()? {
            places.push((Timestamp::from_unix_micros(row.get(0)?), memory_id(row, 1)?));
        }
        if former.is_empty() {
            return Ok(places.first().copied().filter(|_| places.len() == 2));
        }
        Ok(scan_end(self.load, listed, scan, places, former))
    }

    /// A former version from the columns (id, version, state, document, body).
    fn former(&self, row: &Row<'_>) -> Result<Former, Failure> {
        let id = memory_id(row, 0)?;
        if matches!((row.get_ref(3)?, row.get_ref(4)?), (ValueRef::Null, ValueRef::Null)) {
            let sql = "SELECT type FROM memories WHERE tenant = ?1 AND id = ?2";
            let (tenant, key) = (self.load.tenant.as_str(), id.uuid());
            let is_preference = one(self.conn, sql, params![tenant, key.as_bytes()], |row| {
                Ok(text(row, 0)? == MemoryType::Preference.name())
            })?;
            let is_preference = is_preference.ok_or_else(|| corrupt("version"))?;
            return Ok(Former::Erased { id, is_preference });
        }
        let memory = StoredMemory::read(text(row, 3)?, blob(row, 4)?)?;
        let version = row::count(row.get(1)?)?;
        // A row that was copied to another place must not be believed.
        if memory.tenant != self.load.tenant || memory.id != id || memory.version != version {
            return Err(corrupt("version").into());
        }
        Ok(Former::Kept(Arc::new(memory)))
    }
}

fn whole(seq: Seq) -> Result<i64, Failure> {
    Ok(row::whole(seq.0)?)
}
