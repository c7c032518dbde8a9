//! Vectors of memories, what is nearest to one, and what stands beside a memory in its conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
use memoryscope_domain::retrieval::Anchor;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::vector::{ModelKey, Near as Nearness, TextKey, Vector};
use memoryscope_engine::as_of::{Former, Listed};
use memoryscope_engine::port::{Near, ObjectSelect};
use rusqlite::{Connection, Row, params};

use super::apply::{execute, one};
use super::error::Failure;
use super::load::{View, found, memory_id};
use super::row::blob;
use crate::common::packed::{Marks, Missing, Packed, VectorRead};
use crate::common::prepare::{MemoryRow, VectorRow};
use crate::common::row::{self, corrupt};

const VECTORS_BEHIND: &str = "
    SELECT memory_id, text_key, seq, vector FROM vectors
    WHERE tenant = ?1 AND partition_key = ?2 AND seq > ?3 AND model = ?4";

const MARKS: &str = "SELECT kept, dropped FROM vector_scopes WHERE tenant = ?1 AND partition_key = ?2";

/// Keeps vectors in the places of others. Of what is not there, none is kept.
pub(super) fn keep(
    conn: &Connection,
    tenant: &str,
    seq: i64,
    vectors: &[VectorRow],
) -> rusqlite::Result<usize> {
    let mut kept = 0;
    for vector in vectors {
        let id = vector.memory.uuid();
        drop_all(conn, tenant, seq, vector.memory)?;
        let sql = "INSERT INTO vectors (tenant, partition_key, seq, memory_id, model, text_key, vector)
                   SELECT tenant, partition_key, ?3, id, ?4, ?5, ?6 FROM memories WHERE tenant = ?1 AND id = ?2";
        let values = params![tenant, id.as_bytes(), seq, vector.model, vector.text, vector.vector];
        kept += execute(conn, sql, values)?;
        let sql = "INSERT INTO vector_scopes (tenant, partition_key, kept, dropped)
                   SELECT tenant, partition_key, ?3, 0 FROM memories WHERE tenant = ?1 AND id = ?2
                   ON CONFLICT (tenant, partition_key) DO UPDATE SET kept = excluded.kept";
        execute(conn, sql, params![tenant, id.as_bytes(), seq])?;
    }
    Ok(kept)
}

/// What the next version of a memory says of its vector: that it stays, or that it goes.
pub(super) fn drop_unless_of(
    conn: &Connection,
    tenant: &str,
    seq: i64,
    memory: &MemoryRow,
) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM vectors WHERE tenant = ?1 AND memory_id = ?2
               AND (text_key IS NOT ?3 OR partition_key IS NOT ?4)";
    let id = memory.id.uuid();
    let values = params![tenant, id.as_bytes(), memory.text, memory.partition];
    if conn.prepare_cached(sql)?.exists(values)? {
        drop_all(conn, tenant, seq, memory.id)?;
    }
    Ok(())
}

fn drop_all(conn: &Connection, tenant: &str, seq: i64, memory: MemoryId) -> rusqlite::Result<()> {
    let id = memory.uuid();
    let sql = "INSERT INTO vector_scopes (tenant, partition_key, kept, dropped)
               SELECT ?1, partition_key, 0, ?3 FROM vectors WHERE tenant = ?1 AND memory_id = ?2
               GROUP BY partition_key
               ON CONFLICT (tenant, partition_key) DO UPDATE SET dropped = excluded.dropped";
    if execute(conn, sql, params![tenant, id.as_bytes(), seq])? > 0 {
        execute(
            conn,
            "DELETE FROM vectors WHERE tenant = ?1 AND memory_id = ?2",
            params![tenant, id.as_bytes()],
        )?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<VectorRead, Failure> {
    let text = blob(row, 1)?.try_into().map_err(|_| corrupt("vector"))?;
    let vector = Vector::from_bytes(blob(row, 3)?).ok_or_else(|| corrupt("vector"))?;
    Ok(VectorRead { memory: memory_id(row, 0)?, text: TextKey(text), since: row.get(2)?, vector })
}

impl View<'_> {
    /// The last commit whose vectors count.
    fn until(&self) -> i64 {
        self.load.as_of.map_or(i64::MAX, |seq| row::whole(seq.0).unwrap_or(i64::MAX))
    }

    fn marks(&self, partition: Partition) -> Result<Marks, Failure> {
        let values = params![self.load.tenant.as_str(), partition.0];
        let marks =
            one(self.conn, MARKS, values, |row| Ok(Marks { kept: row.get(0)?, dropped: row.get(1)? }))?;
        Ok(marks.unwrap_or_default())
    }

    /// A scope's vectors, and up to which commit they count.
    fn packed(&self, partition: Partition, model: ModelKey) -> Result<(Packed, i64), Failure> {
        let marks = self.marks(partition)?;
        let whose = (self.load.tenant.clone(), partition, model);
        let packed = match self.vectors.missing(&whose, marks) {
            Missing::Nothing(packed) => packed,
            Missing::Behind(kept, packed) => packed.with(self.vectors_behind(partition, model, kept)?, marks),
            Missing::All => Packed::of(self.vectors_behind(partition, model, 0)?, marks),
        };
        self.vectors.put(whose, &packed);
        Ok((packed, self.until().min(marks.kept)))
    }

    fn vectors_behind(
        &self,
        partition: Partition,
        model: ModelKey,
        seq: i64,
    ) -> Result<Vec<VectorRead>, Failure> {
        let mut statement = self.conn.prepare_cached(VECTORS_BEHIND)?;
        let mut rows = statement.query(params![self.load.tenant.as_str(), partition.0, seq, model.0])?;
        let mut vectors = Vec::new();
        while let Some(row) = rows.next()? {
            vectors.push(read(row)?);
        }
        Ok(vectors)
    }

    /// Adds what is nearest, and what stands beside others in conversations; says how near all of it is.
    pub(super) fn beside(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        let near = select.near.as_ref();
        let packed = near.map(|near| self.packed(select.partition, near.model)).transpose()?;
        if let (Some(near), Some((packed, until))) = (near, &packed) {
            let (nearest, more) = packed.nearest(near, *until);
            facts.nearest.more = more;
            self.add_those(select, nearest, facts)?;
        }
        let anchors = select.around.anchors.iter().filter(|anchor| anchor.partition == select.partition);
        let mut known: BTreeSet<MemoryId> = BTreeSet::new();
        for anchor in anchors {
            if known.is_empty() {
                known = facts.memories.iter().map(|memory| memory.id).collect();
            }
            self.add_neighbours(select, anchor, &mut known, facts)?;
        }
        self.add_former_neighbours(select, facts)?;
        if let (Some(near), Some((packed, until))) = (near, &packed) {
            self.say_by(packed, *until, near, facts);
        }
        facts.memories.sort_by_key(|memory| (memory.placed.map(std::cmp::Reverse), memory.id));
        Ok(())
    }

    /// Says how near what is there is.
    pub(super) fn say_how_near(&self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        if let Some(near) = &select.near {
            let (packed, until) = self.packed(select.partition, near.model)?;
            self.say_by(&packed, until, near, facts);
        }
        Ok(())
    }

    fn say_by(&self, packed: &Packed, until: i64, near: &Near, facts: &mut Facts) {
        let how = |memory: &Arc<Memory>| Some((memory.id, packed.near(memory.id, &near.vector, until)?));
        facts.nearest.of.extend(facts.memories.iter().filter_map(how));
        facts.nearest.changed = packed.marks().dropped > self.until();
    }

    /// Adds those of these that the selection takes and that are not there.
    fn add_those(
        &mut self,
        select: &ObjectSelect,
        ids: Vec<MemoryId>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let known: BTreeSet<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
        for id in ids.into_iter().filter(|id| !known.contains(id)) {
            let memory = self.version(id, &mut facts.erased)?;
            if let Some(memory) = memory.filter(|memory| self.is_taken(select, memory))
                && !self.is_pending(id)?
            {
                facts.memories.push(memory);
            }
        }
        Ok(())
    }

    fn is_taken(&self, select: &ObjectSelect, memory: &Memory) -> bool {
        let listed = Listed::Objects(select);
        listed.place_of(self.load, memory).is_some() && listed.takes(self.load, memory)
    }

    /// Adds what stands beside one in its conversation, on both sides.
    fn add_neighbours(
        &mut self,
        select: &ObjectSelect,
        anchor: &Anchor,
        known: &mut BTreeSet<MemoryId>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        const COLUMNS: &str = "SELECT rowid, id, version FROM memories
            WHERE tenant = ?1 AND partition_key = ?2 AND conversation = ?3";
        let sides = [
            "AND occurred <= ?4 AND (occurred < ?4 OR id < ?5) ORDER BY occurred DESC, id DESC",
            "AND occurred >= ?4 AND (occurred > ?4 OR id > ?5) ORDER BY occurred, id",
        ];
        let conn = self.conn;
        for side in sides {
            let mut statement = conn.prepare_cached(&format!("{COLUMNS} {side}"))?;
            let (placed, id) = anchor.place;
            let mut rows = statement.query(params![
                self.load.tenant.as_str(),
                anchor.partition.0,
                anchor.conversation.0,
                placed.unix_micros(),
                id.uuid().as_bytes()
            ])?;
            let mut taken = 0;
            while let Some(row) = rows.next()?.filter(|_| taken < select.around.reach) {
                let memory = match self.load.as_of {
                    None => Some(self.fetch(&found(row)?)?),
                    Some(_) => self.version(memory_id(row, 1)?, &mut facts.erased)?,
                };
                let Some(memory) = memory.filter(|memory| self.is_taken(select, memory)) else { continue };
                if self.is_pending(memory.id)? {
                    continue;
                }
                taken += 1;
                if known.insert(memory.id) {
                    facts.memories.push(memory);
                }
            }
        }
        Ok(())
    }

    /// As of an earlier commit: what was of these conversations then, and is not now.
    fn add_former_neighbours(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        if self.load.as_of.is_none() || select.around.anchors.is_empty() {
            return Ok(());
        }
        let wanted: BTreeSet<_> = select.around.anchors.iter().map(|anchor| anchor.conversation).collect();
        let is_wanted = |memory: &Memory| memory.conversation().is_some_and(|of| wanted.contains(&of));
        let former = self.former_of(Listed::Objects(select))?.into_iter().filter_map(|one| match one {
            Former::Kept(memory) if is_wanted(&memory) => Some(memory.id),
            _ => None,
        });
        self.add_those(select, former.collect(), facts)
    }

    /// Says how near those are that another scope shares.
    pub(super) fn say_how_near_shared(
        &self,
        select: &ObjectSelect,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let Some(near) = &select.near else { return Ok(()) };
        let sql = "SELECT memory_id, text_key, seq, vector FROM vectors
                   WHERE tenant = ?1 AND memory_id = ?2 AND model = ?3 AND seq <= ?4";
        let mut scopes = BTreeMap::new();
        for memory in facts.memories.iter().filter(|memory| memory.partition != select.partition) {
            scopes.insert(memory.partition, ());
            let (tenant, id) = (self.load.tenant.as_str(), memory.id.uuid());
            let values = params![tenant, id.as_bytes(), near.model.0, self.until()];
            if let Some(row) = one(self.conn, sql, values, read)? {
                let cosine = near.vector.cosine(&row.vector);
                facts.nearest.of.insert(memory.id, Nearness { cosine, text: row.text });
            }
        }
        for partition in scopes.into_keys().filter(|_| self.load.as_of.is_some()) {
            facts.nearest.changed |= self.marks(partition)?.dropped > self.until();
        }
        Ok(())
    }

    /// Memories that have words and no vector of a model.
    pub(super) fn unembedded(
        &mut self,
        model: ModelKey,
        after: Option<(Partition, Place)>,
        limit: usize,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let sql = "SELECT m.rowid, m.id, m.version FROM memories AS m INDEXED BY memories_by_occurrence
                   WHERE m.tenant = ?1 AND m.occurred IS NOT NULL AND m.words IS NOT NULL
                     AND m.partition_key >= ?3
                     AND (m.partition_key > ?3 OR m.occurred < ?4 OR (m.occurred = ?4 AND m.id > ?5))
                     AND NOT EXISTS (SELECT 1 FROM vectors AS v
                                     WHERE v.tenant = ?1 AND v.memory_id = m.id AND v.model = ?2)
                   ORDER BY m.partition_key, m.occurred DESC, m.id LIMIT ?6";
        let conn = self.conn;
        let mut statement = conn.prepare_cached(sql)?;
        let (partition, place) =
            after.map_or((Vec::new(), None), |(partition, place)| (partition.0.to_vec(), Some(place)));
        let values = params![
            self.load.tenant.as_str(),
            model.0,
            partition,
            place.map_or(0, |(placed, _)| placed.unix_micros()),
            place.map_or_else(Vec::new, |(_, id)| id.uuid().as_bytes().to_vec()),
            row::limit(limit),
        ];
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            facts.memories.push(self.fetch(&found(row)?)?);
        }
        Ok(())
    }
}
