//! Vectors of memories, what is nearest to one, and what stands beside a memory in its conversation.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::vector::{ModelKey, Near as Nearness, TextKey, Vector};
use memoryscope_engine::as_of::{Former, Listed};
use memoryscope_engine::port::{Near, ObjectSelect};
use tokio_postgres::Row;

use super::apply::{boxed, column};
use super::as_of::memories_call;
use super::error::Failure;
use super::load::{MEMORIES, View};
use super::pending::id;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::packed::{Marks, Missing, Packed, VectorRead};
use crate::common::prepare::{MemoryRow, VectorRow};
use crate::common::row::{self, corrupt};

/// Memories that are read at once.
const CHUNK_ROWS: usize = 1_024;

const DROP_VECTORS: &str = "
    WITH gone AS (DELETE FROM vectors WHERE tenant = $1 AND memory_id = ANY($2::bytea[]) RETURNING partition_key)
    INSERT INTO vector_scopes (tenant, partition_key, kept, dropped)
    SELECT $1, partition_key, 0, $3 FROM gone GROUP BY partition_key
    ON CONFLICT (tenant, partition_key) DO UPDATE SET dropped = excluded.dropped";

const DROP_VECTOR_UNLESS: &str = "
    WITH gone AS (
        DELETE FROM vectors WHERE tenant = $1 AND memory_id = $2
        AND (text_key IS DISTINCT FROM $3::bytea OR partition_key <> $4) RETURNING partition_key)
    INSERT INTO vector_scopes (tenant, partition_key, kept, dropped)
    SELECT $1, partition_key, 0, $5 FROM gone GROUP BY partition_key
    ON CONFLICT (tenant, partition_key) DO UPDATE SET dropped = excluded.dropped";

const KEEP_VECTORS: &str = "
    INSERT INTO vectors (tenant, partition_key, seq, memory_id, model, text_key, vector)
    SELECT $1, m.partition_key, $2, w.id, w.model, w.text_key, w.vector
    FROM unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) AS w (id, model, text_key, vector)
    CROSS JOIN LATERAL (SELECT partition_key FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m";

const KEPT_VECTORS: &str = "
    INSERT INTO vector_scopes (tenant, partition_key, kept, dropped)
    SELECT $1, m.partition_key, $2, 0
    FROM unnest($3::bytea[]) AS w (id)
    CROSS JOIN LATERAL (SELECT partition_key FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m
    GROUP BY m.partition_key
    ON CONFLICT (tenant, partition_key) DO UPDATE SET kept = excluded.kept";

const MARKS: &str = "
    SELECT partition_key, kept, dropped FROM vector_scopes WHERE tenant = $1 AND partition_key = ANY($2::bytea[])";

const VECTORS_BEHIND: &str = "
    SELECT memory_id, text_key, seq, vector FROM vectors
    WHERE tenant = $1 AND partition_key = $2 AND seq > $3 AND model = $4";

const VECTORS_OF: &str = "
    SELECT v.memory_id, v.text_key, v.seq, v.vector FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT memory_id, text_key, seq, vector FROM vectors
         WHERE tenant = $1 AND memory_id = w.id AND model = $3 AND seq <= $4 OFFSET 0) AS v";

const NEIGHBOURS: &str = "
    SELECT m.id FROM unnest($3::bytea[], $4::bigint[], $5::bytea[]) AS a (conversation, occurred, id)
    CROSS JOIN LATERAL (
        (SELECT id FROM memories
         WHERE tenant = $1 AND partition_key = $2 AND conversation = a.conversation
           AND occurred <= a.occurred AND (occurred < a.occurred OR id < a.id)
         ORDER BY occurred DESC, id DESC LIMIT $6)
        UNION ALL
        (SELECT id FROM memories
         WHERE tenant = $1 AND partition_key = $2 AND conversation = a.conversation
           AND occurred >= a.occurred AND (occurred > a.occurred OR id > a.id)
         ORDER BY occurred, id LIMIT $6)) AS m";

const UNEMBEDDED: &str = "
    SELECT m.id, m.version, m.document, m.body FROM memories AS m
    WHERE m.tenant = $1 AND m.occurred IS NOT NULL AND m.words IS NOT NULL
      AND m.partition_key >= $3
      AND (m.partition_key > $3 OR m.occurred < $4 OR (m.occurred = $4 AND m.id > $5))
      AND NOT EXISTS (SELECT 1 FROM vectors AS v
                      WHERE v.tenant = $1 AND v.memory_id = m.id AND v.model = $2)
    ORDER BY m.partition_key, m.occurred DESC, m.id LIMIT $6";

/// Keeps vectors in the places of others. Of what is not there, none is kept.
pub(super) fn keep<'a>(tenant: &'a str, seq: i64, vectors: &'a [VectorRow]) -> [Call<'a>; 3] {
    let ids = || column(vectors, |vector| Bytes::of(vector.memory.uuid()));
    let rows = vec![
        boxed(tenant),
        boxed(seq),
        ids(),
        column(vectors, |vector| Bytes(vector.model)),
        column(vectors, |vector| Bytes(vector.text)),
        Box::new(vectors.iter().map(|vector| vector.vector.as_slice()).collect::<Vec<&[u8]>>()),
    ];
    [
        Call::new(DROP_VECTORS, vec![boxed(tenant), ids(), boxed(seq)]),
        Call::new(KEEP_VECTORS, rows),
        Call::new(KEPT_VECTORS, vec![boxed(tenant), boxed(seq), ids()]),
    ]
}

/// What the next version of a memory says of its vector: that it stays, or that it goes.
pub(super) fn drop_unless_of<'a>(tenant: &'a str, seq: i64, memory: &'a MemoryRow) -> Call<'a> {
    let (id, partition) = (Bytes::of(memory.id.uuid()), Bytes(memory.partition));
    let text = memory.text.map(Bytes);
    Call::new(DROP_VECTOR_UNLESS, vec![boxed(tenant), boxed(id), boxed(text), boxed(partition), boxed(seq)])
}

/// How memories are asked for that have words and no vector of a model.
pub(super) fn unembedded_call(
    tenant: String,
    model: ModelKey,
    after: Option<(Partition, Place)>,
    limit: usize,
) -> Call<'static> {
    let (partition, place) =
        after.map_or((Vec::new(), None), |(partition, place)| (partition.0.to_vec(), Some(place)));
    let values: Vec<Value<'static>> = vec![
        Box::new(tenant),
        Box::new(Bytes(model.0)),
        Box::new(partition),
        Box::new(place.map_or(0, |(placed, _)| placed.unix_micros())),
        Box::new(place.map_or_else(Vec::new, |(_, id)| id.uuid().as_bytes().to_vec())),
        Box::new(row::limit(limit)),
    ];
    Call::new(UNEMBEDDED, values)
}

fn read(row: &Row) -> Result<VectorRead, Failure> {
    let text = row.try_get::<_, &[u8]>(1)?.try_into().map_err(|_| corrupt("vector"))?;
    let vector = Vector::from_bytes(row.try_get(3)?).ok_or_else(|| corrupt("vector"))?;
    Ok(VectorRead { memory: id(row.try_get(0)?)?, text: TextKey(text), since: row.try_get(2)?, vector })
}

impl View<'_> {
    /// The last commit whose vectors count.
    fn until(&self) -> i64 {
        self.load.as_of.map_or(i64::MAX, |seq| row::whole(seq.0).unwrap_or(i64::MAX))
    }

    /// The marks of some scopes, of those that have any.
    async fn marks(&mut self, partitions: Vec<Bytes<16>>) -> Result<Vec<Marks>, Failure> {
        let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(partitions)];
        let rows = self.session.query(Call::new(MARKS, values)).await?;
        rows.iter().map(|row| Ok(Marks { kept: row.try_get(1)?, dropped: row.try_get(2)? })).collect()
    }

    /// A scope's vectors, and up to which commit they count.
    async fn packed(&mut self, partition: Partition, model: ModelKey) -> Result<(Packed, i64), Failure> {
        let marks = self.marks(vec![Bytes(partition.0)]).await?.first().copied().unwrap_or_default();
        let whose = (self.load.tenant.clone(), partition, model);
        let packed = match self.vectors.missing(&whose, marks) {
            Missing::Nothing(packed) => packed,
            Missing::Behind(kept, packed) => {
                packed.with(self.vectors_behind(partition, model, kept).await?, marks)
            }
            Missing::All => Packed::of(self.vectors_behind(partition, model, 0).await?, marks),
        };
        self.vectors.put(whose, &packed);
        Ok((packed, self.until().min(marks.kept)))
    }

    async fn vectors_behind(
        &mut self,
        partition: Partition,
        model: ModelKey,
        seq: i64,
    ) -> Result<Vec<VectorRead>, Failure> {
        let values: Vec<Value<'_>> = vec![
            Box::new(self.tenant()),
            Box::new(Bytes(partition.0)),
            Box::new(seq),
            Box::new(Bytes(model.0)),
        ];
        let rows = self.session.query(Call::new(VECTORS_BEHIND, values)).await?;
        rows.iter().map(read).collect()
    }

    /// Adds what is nearest, and what stands beside others in conversations; says how near all of it is.
    pub(super) async fn beside(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        let near = select.near.as_ref();
        let packed = match near {
            Some(near) => Some(self.packed(select.partition, near.model).await?),
            None => None,
        };
        let mut wanted = Vec::new();
        if let (Some(near), Some((packed, until))) = (near, &packed) {
            (wanted, facts.nearest.more) = packed.nearest(near, *until);
        }
        self.add_those(select, wanted, facts).await?;
        self.add_neighbours(select, facts).await?;
        if let (Some(near), Some((packed, until))) = (near, &packed) {
            self.say_by(packed, *until, near, facts);
        }
        facts.memories.sort_by_key(|memory| (memory.placed.map(Reverse), memory.id));
        Ok(())
    }

    /// Says how near what is there is.
    pub(super) async fn say_how_near(
        &mut self,
        select: &ObjectSelect,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        if let Some(near) = &select.near {
            let (packed, until) = self.packed(select.partition, near.model).await?;
            self.say_by(&packed, until, near, facts);
        }
        Ok(())
    }

    fn say_by(&self, packed: &Packed, until: i64, near: &Near, facts: &mut Facts) {
        let how = |memory: &Arc<Memory>| Some((memory.id, packed.near(memory.id, &near.vector, until)?));
        facts.nearest.of.extend(facts.memories.iter().filter_map(how));
        facts.nearest.changed = packed.marks().dropped > self.until();
    }

    /// Adds those of these that the selection takes and that are not there; says whether it took all of them.
    async fn add_those(
        &mut self,
        select: &ObjectSelect,
        ids: Vec<MemoryId>,
        facts: &mut Facts,
    ) -> Result<bool, Failure> {
        let known: BTreeSet<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
        let new: Vec<MemoryId> = ids.into_iter().filter(|id| !known.contains(id)).collect();
        let listed = Listed::Objects(select);
        let mut taken = 0;
        for ids in new.chunks(CHUNK_ROWS) {
            let call = match self.load.as_of {
                Some(seq) => memories_call(self.tenant(), ids, seq)?,
                None => {
                    let ids: Vec<Bytes<16>> = ids.iter().map(|id| Bytes::of(id.uuid())).collect();
                    Call::new(MEMORIES, vec![Box::new(self.tenant()), Box::new(ids)])
                }
            };
            let rows = self.session.query(call).await?;
            self.look_up(ids.iter().copied()).await?;
            for row in &rows {
                let memory = match self.load.as_of {
                    None => Arc::new(self.memory(row, 0)?),
                    Some(_) => match self.former(row)? {
                        Former::Kept(memory) => memory,
                        Former::Erased { id, .. } => {
                            facts.erased.insert(id);
                            continue;
                        }
                    },
                };
                let is_taken = listed.place_of(self.load, &memory).is_some()
                    && listed.takes(self.load, &memory)
                    && !self.ancestry.is_below(memory.id);
                if is_taken {
                    taken += 1;
                    facts.memories.push(memory);
                }
            }
        }
        Ok(taken == new.len())
    }

    /// Adds what stands beside others in conversations. One that is turned down took another's place: then it says so.
    async fn add_neighbours(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        let anchors = select.around.anchors.iter().filter(|anchor| anchor.partition == select.partition);
        let anchors: Vec<_> = anchors.collect();
        if anchors.is_empty() {
            return Ok(());
        }
        let values: Vec<Value<'_>> = vec![
            Box::new(self.tenant()),
            Box::new(Bytes(select.partition.0)),
            column(&anchors, |anchor| Bytes(anchor.conversation.0)),
            column(&anchors, |anchor| anchor.place.0.unix_micros()),
            column(&anchors, |anchor| Bytes::of(anchor.place.1.uuid())),
            Box::new(row::limit(select.around.reach)),
        ];
        let rows = self.session.query(Call::new(NEIGHBOURS, values)).await?;
        let ids = rows.iter().map(|row| id(row.try_get(0)?)).collect::<Result<BTreeSet<_>, Failure>>()?;
        facts.is_cut |= !self.add_those(select, ids.into_iter().collect(), facts).await?;
        if self.load.as_of.is_some() {
            // What was of these conversations then, and is not now.
            let wanted: BTreeSet<_> = anchors.iter().map(|anchor| anchor.conversation).collect();
            let is_wanted = |memory: &Memory| memory.conversation().is_some_and(|of| wanted.contains(&of));
            let former = self.former_of(Listed::Objects(select)).await?.into_iter();
            let former = former.filter_map(|one| match one {
                Former::Kept(memory) if is_wanted(&memory) => Some(memory.id),
                _ => None,
            });
            self.add_those(select, former.collect(), facts).await?;
        }
        Ok(())
    }

    /// Says how near those are that another scope shares.
    pub(super) async fn say_how_near_shared(
        &mut self,
        select: &ObjectSelect,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let Some(near) = &select.near else { return Ok(()) };
        let shared = facts.memories.iter().filter(|memory| memory.partition != select.partition);
        let (ids, scopes): (Vec<_>, BTreeSet<_>) =
            shared.map(|memory| (Bytes::of(memory.id.uuid()), Bytes(memory.partition.0))).unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let until = self.until();
        let values: Vec<Value<'_>> =
            vec![Box::new(self.tenant()), Box::new(ids), Box::new(Bytes(near.model.0)), Box::new(until)];
        for row in self.session.query(Call::new(VECTORS_OF, values)).await? {
            let row = read(&row)?;
            let cosine = near.vector.cosine(&row.vector);
            facts.nearest.of.insert(row.memory, Nearness { cosine, text: row.text });
        }
        if self.load.as_of.is_some() {
            let marks = self.marks(scopes.into_iter().collect()).await?;
            facts.nearest.changed |= marks.iter().any(|marks| marks.dropped > until);
        }
        Ok(())
    }
}
