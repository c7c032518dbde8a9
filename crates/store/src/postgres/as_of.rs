//! What was there at an earlier commit: rows that have not changed since, and versions that were replaced since.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{MemoryType, StoredMemory};
use memoryscope_engine::as_of::{Former, Listed, add_former, scan_end};
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Failure;
use super::listing::Listing;
use super::load::{View, place};
use super::session::Call;
use super::value::Bytes;
use crate::common::row::{self, corrupt};

/// The versions that were current then, whether or not they still are; the last column is the memory's type.
const OF_MEMORIES: &str = "
    SELECT v.id, v.version, v.document, v.body, v.type
    FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL (
        SELECT id, version, document, body, type FROM memories
        WHERE tenant = $1 AND id = w.id AND valid_from_seq <= $3
        UNION ALL
        SELECT f.id, f.version, f.document, f.body, m.type
        FROM memory_versions AS f JOIN memories AS m ON m.tenant = f.tenant AND m.id = f.id
        WHERE f.tenant = $1 AND f.id = w.id AND f.valid_from_seq <= $3 AND f.valid_to_seq > $3
    ) AS v";

/// Those of a scope that have changed since.
const OF_SCOPE: &str = "
    SELECT f.id, f.version, f.document, f.body, m.type
    FROM memory_versions AS f JOIN memories AS m ON m.tenant = f.tenant AND m.id = f.id
    WHERE f.tenant = $1 AND f.partition_key = $2 AND f.valid_to_seq > $3 AND f.valid_from_seq <= $3";

/// The versions before one, the oldest first.
const EARLIER: &str = "
    SELECT id, version, document, body, state FROM memory_versions
    WHERE tenant = $1 AND id = $2 AND version < $3 AND version > $5 ORDER BY version LIMIT $4";

/// How the versions of memories as of a commit are asked for.
pub(super) fn memories_call(tenant: String, ids: &[MemoryId], seq: Seq) -> Result<Call<'static>, Failure> {
    let ids: Vec<Bytes<16>> = ids.iter().map(|id| Bytes::of(id.uuid())).collect();
    Ok(Call::new(OF_MEMORIES, vec![Box::new(tenant), Box::new(ids), Box::new(row::whole(seq.0)?)]))
}

impl View<'_> {
    /// The memories that [`memories_call`] found, in the order of these ids.
    pub(super) fn memories_as_of(
        &self,
        ids: &[MemoryId],
        rows: &[Row],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let mut found = BTreeMap::new();
        for row in rows {
            match self.former(row)? {
                Former::Kept(memory) => {
                    found.insert(memory.id, memory);
                }
                Former::Erased { id, .. } => {
                    facts.erased.insert(id);
                }
            }
        }
        facts.memories = ids.iter().filter_map(|id| found.get(id).map(Arc::clone)).collect();
        Ok(())
    }

    /// The versions before the one that [`Self::memories_as_of`] found.
    pub(super) async fn versions_as_of(
        &mut self,
        after: u64,
        limit: usize,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let Some(current) = facts.memories.first().cloned() else { return Ok(()) };
        let (id, version) = (Bytes::of(current.id.uuid()), row::whole(current.version)?);
        let bound = row::limit(limit.saturating_add(1));
        let after = row::whole(after).unwrap_or(i64::MAX);
        let values: Vec<super::value::Value<'_>> =
            vec![Box::new(self.tenant()), Box::new(id), Box::new(version), Box::new(bound), Box::new(after)];
        let rows = self.session.query(Call::new(EARLIER, values)).await?;
        self.earlier(&current, limit, &rows, facts)
    }

    /// What a scope held then and has changed since; nothing where what is there now is wanted.
    pub(super) async fn former_of(&mut self, listed: Listed<'_>) -> Result<Vec<Former>, Failure> {
        let Some(seq) = self.load.as_of else { return Ok(Vec::new()) };
        let partition = Bytes(listed.partition().0);
        let values: Vec<super::value::Value<'_>> =
            vec![Box::new(self.tenant()), Box::new(partition), Box::new(row::whole(seq.0)?)];
        let rows = self.session.query(Call::new(OF_SCOPE, values)).await?;
        rows.iter().map(|row| self.former(row)).collect()
    }

    /// A listing as of a commit.
    pub(super) async fn list_as_of(
        &mut self,
        listing: Listing<'_>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let listed = listing.listed();
        let former = self.former_of(listed).await?;
        if let Some(scan) = listed.scan() {
            let rows = self.session.query(listing.places_call(self.load, scan.saturating_add(1))).await?;
            let places = rows.iter().filter_map(|row| place(row, 0).transpose());
            let places = places.collect::<Result<Vec<_>, _>>()?;
            facts.scan_end = scan_end(self.load, listed, scan, places, &former);
        }
        let rows = self.session.query(listing.call(self.load, listing.after(), facts.scan_end)).await?;
        self.list_rows(listing, rows, facts).await?;
        add_former(self.load, listed, former, facts);
        Ok(())
    }

    /// A version from the columns (id, version, document, body, type).
    pub(super) fn former(&self, row: &Row) -> Result<Former, Failure> {
        let (document, body): (Option<&str>, Option<&[u8]>) = (row.try_get(2)?, row.try_get(3)?);
        let id = MemoryId::from_uuid(Uuid::from_slice(row.try_get(0)?).map_err(|_| corrupt("memory id"))?);
        if document.is_none() && body.is_none() {
            let memory_type: &str = row.try_get(4)?;
            return Ok(Former::Erased { id, is_preference: memory_type == MemoryType::Preference.name() });
        }
        let memory = StoredMemory::read(document.unwrap_or_default(), body.unwrap_or_default())?;
        // A row that was copied to another place must not be believed.
        if memory.tenant != self.load.tenant
            || memory.id != id
            || memory.version != row::count(row.try_get(1)?)?
        {
            return Err(corrupt("version").into());
        }
        Ok(Former::Kept(Arc::new(memory)))
    }
}
