//! What the engine asks for, read in one snapshot: everything in an answer is as of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::Ancestry;
use memoryscope_domain::memory::{Memory, StoredMemory, SubjectRef};
use memoryscope_domain::place::Place;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Load, ObjectSelect, PreferenceSelect, Select, Snapshot};
use tokio_postgres::Row;
use uuid::Uuid;

use super::as_of::memories_call;
use super::bridges;
use super::entries::{LATEST_ENTRY, entries_call, entry, entry_call};
use super::error::Failure;
use super::frame::{FRAME, FRAME_COLUMNS, MARKS, frame, frame_values};
use super::keyed::{keyed_call, schemas_call};
use super::listing::Listing;
use super::matching;
use super::pending::{id, marks};
use super::policies::{policies, policies_call};
use super::session::{Call, Session};
use super::value::Bytes;
use super::vectors;
use crate::common::packed::VectorCache;
use crate::common::row::{self, corrupt};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const COMMIT: &str = "COMMIT";

/// The columns before those of a memory that stands beside a frame and the end of a scan.
const BESIDE_COLUMNS: usize = FRAME_COLUMNS + 2;

const SUBJECT_KEY: &str = "SELECT key FROM subject_keys WHERE tenant = $1 AND subject = $2";

const GRANT: &str = "SELECT document FROM read_grants WHERE tenant = $1 AND token_hash = $2";

/// Each by its key, whatever the planner thinks of the tables' sizes (see `known`).
pub(super) const MEMORIES: &str = "
    SELECT m.id, m.version, m.document, m.body FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, version, document, body FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m";

/// The current version and, from the second row on, the versions before it, oldest first.
pub(super) const VERSIONS: &str = "
    (SELECT id, version, document, body, state FROM memories WHERE tenant = $1 AND id = $2)
    UNION ALL
    (SELECT id, version, document, body, state FROM memory_versions
     WHERE tenant = $1 AND id = $2 AND version > $3 ORDER BY version LIMIT $4)";

const EXPIRED: &str = "
    SELECT id, version, document, body FROM memories
    WHERE tenant = $1 AND expires IS NOT NULL AND state < 4 AND expires <= $2
    ORDER BY expires, id LIMIT $3";

/// Answers a load.
pub(super) async fn load(
    session: &mut Session,
    load: &Load,
    vectors: &VectorCache,
) -> Result<Snapshot, Failure> {
    if let Some(snapshot) = at_once(session, load, vectors).await? {
        return Ok(snapshot);
    }
    let mut view = View { session, load, vectors, ancestry: Ancestry::default() };
    // Records are read behind the rest, in the same snapshot.
    let mut begun = view.begin(!load.records.is_nothing()).await?;
    if begun.ended && !marks(&begun.frame, MARKS)?.is_empty() {
        // Who is below a mark is looked up in the same snapshot.
        begun = view.begin(true).await?;
    }
    // What is looked at as of an earlier commit is decided as it was then.
    if load.as_of.is_none() {
        view.ancestry = Ancestry::new(marks(&begun.frame, MARKS)?);
    }
    let mut snapshot = frame(&begun.frame, load)?;
    view.facts(begun.records, &mut snapshot.facts).await?;
    view.say_what_is_pending(&mut snapshot.facts).await?;
    view.records(&mut snapshot.facts).await?;
    if let Some(grant) = &snapshot.facts.grant {
        snapshot.subject = SubjectRef::of_user(&grant.user);
        snapshot.subject_key = view.subject_key(snapshot.subject).await?;
    }
    if !begun.ended {
        view.session.pipeline(&[Call::Plain(COMMIT)]).await?;
    }
    Ok(snapshot)
}

/// Answers the most common loads with one statement, which is a snapshot of its own and needs no transaction: that is a
/// third of the work for the server. None where it is another load, or has more rows than are read at once.
async fn at_once(
    session: &mut Session,
    load: &Load,
    vectors: &VectorCache,
) -> Result<Option<Snapshot>, Failure> {
    if load.as_of.is_some() || !load.records.is_nothing() {
        return Ok(None);
    }
    let view = View { session, load, vectors, ancestry: Ancestry::default() };
    let listing = match &load.select {
        Select::Nothing => {
            let rows = view.session.query(view.frame()).await?;
            return Ok(Some(frame(&rows, load)?));
        }
        Select::Preferences(select) => Listing::Shelf(select),
        Select::Objects(select)
            if select.words.is_none() && select.near.is_none() && load.bridges.sources.is_empty() =>
        {
            Listing::Objects(select)
        }
        _ => return Ok(None),
    };
    let rows = view.session.query(listing.beside(load, FRAME, frame_values(load))).await?;
    if matches!(listing, Listing::Objects(_)) && !marks(&rows, MARKS)?.is_empty() {
        return Ok(None);
    }
    let mut snapshot = frame(&rows, load)?;
    snapshot.facts.scan_end = rows.first().map(|row| place(row, FRAME_COLUMNS)).transpose()?.flatten();
    // A frame without a row beside it: nothing is listed.
    let there = |row: &&Row| !matches!(row.try_get::<_, Option<&[u8]>>(BESIDE_COLUMNS), Ok(None));
    let listed = rows.iter().filter(there).map(|row| view.listed(row, BESIDE_COLUMNS));
    let listed = listed.collect::<Result<Vec<_>, _>>()?;
    let whole = listed.len() < listing.chunk_rows(load);
    let filter = listing.filter(load);
    let facts = &mut snapshot.facts;
    for (memory, activated) in listed {
        if filter.matches(&MemoryView::stored(&memory, load.now)) {
            facts.activated.extend(activated.map(|at| (memory.id, at)));
            facts.memories.push(Arc::new(memory));
        }
    }
    match listing {
        Listing::Shelf(_) => facts.memories.sort_by_key(|memory| (listing.place(memory), memory.id)),
        Listing::Objects(_) => {
            facts.memories.sort_by_key(|memory| (std::cmp::Reverse(listing.place(memory)), memory.id));
        }
    }
    facts.more = facts.memories.len() > listing.limit();
    for beyond in facts.memories.drain(listing.limit().min(facts.memories.len())..) {
        facts.activated.remove(&beyond.id);
    }
    // Rows that the filter turned down make room for rows behind them.
    Ok((whole || snapshot.facts.more).then_some(snapshot))
}

/// One load on its connection.
pub(super) struct View<'a> {
    pub(super) session: &'a mut Session,
    pub(super) load: &'a Load,
    pub(super) vectors: &'a VectorCache,
    /// Who is below a mark, as far as it was asked.
    pub(super) ancestry: Ancestry,
}

/// What the first round trip brought.
struct Begun {
    frame: Vec<Row>,
    records: Vec<Row>,
    /// Whether nothing more will be read, and the transaction has ended.
    ended: bool,
}

impl View<'_> {
    pub(super) fn tenant(&self) -> String {
        self.load.tenant.as_str().to_owned()
    }

    /// The frame and the first records together. Whatever needs only these is answered in one round trip.
    async fn begin(&mut self, stays_open: bool) -> Result<Begun, Failure> {
        let records = self.first_records()?;
        let more = match &self.load.select {
            // More is asked for as of an earlier commit.
            _ if self.load.as_of.is_some() => true,
            Select::Preferences(select) => Listing::Shelf(select).is_of_many_calls(self.load),
            Select::Objects(ObjectSelect { words: Some(_), .. } | ObjectSelect { near: Some(_), .. }) => true,
            Select::Objects(_) if !self.load.bridges.sources.is_empty() => true,
            Select::Objects(select) => Listing::Objects(select).is_of_many_calls(self.load),
            Select::Family { .. }
            | Select::Evidence { .. }
            | Select::Grant { .. }
            | Select::Logged { .. }
            | Select::Pending { .. }
            | Select::Person(_)
            | Select::Within(_)
            | Select::Keyed(_)
            | Select::Shared { .. }
            | Select::Unembedded { .. }
            | Select::Belongings { .. }
            | Select::Verification => true,
            _ => false,
        };
        let mut calls = vec![Call::Plain(BEGIN), self.frame()];
        calls.extend(records);
        let more = more || stays_open;
        if !more {
            calls.push(Call::Plain(COMMIT));
        }
        let mut answers = self.session.pipeline(&calls).await?.into_iter().skip(1);
        let frame = answers.next().unwrap_or_default();
        Ok(Begun { frame, records: answers.next().unwrap_or_default(), ended: !more })
    }

    fn frame(&self) -> Call<'static> {
        Call::new(FRAME, frame_values(self.load))
    }

    fn first_records(&self) -> Result<Option<Call<'static>>, Failure> {
        let tenant = || Box::new(self.tenant());
        Ok(Some(match &self.load.select {
            Select::Nothing
            | Select::Verification
            | Select::Pending { .. }
            | Select::Person(_)
            | Select::Within(_)
            | Select::Belongings { .. } => return Ok(None),
            Select::Preferences(select) => Listing::Shelf(select).first_call(self.load),
            Select::Bridges(select) => bridges::call(self.load, select),
            Select::Objects(_) if !self.load.bridges.sources.is_empty() => return Ok(None),
            Select::Objects(select) | Select::Shared { objects: select, .. } => match &select.words {
                Some(keys) => matching::call(self.load, select, keys),
                None => Listing::Objects(select).first_call(self.load),
            },
            Select::Versions { id, after, limit } => match self.load.as_of {
                Some(seq) => memories_call(self.tenant(), &[*id], seq)?,
                None => {
                    let id = Box::new(Bytes::of(id.uuid()));
                    let after = Box::new(row::whole(*after).unwrap_or(i64::MAX));
                    let bound = Box::new(row::limit(limit.saturating_add(1)));
                    Call::new(VERSIONS, vec![tenant(), id, after, bound])
                }
            },
            Select::Family { id, .. } => {
                Call::new(MEMORIES, vec![tenant(), Box::new(vec![Bytes::of(id.uuid())])])
            }
            Select::Memories(ids) | Select::Evidence { ids, .. } if self.load.as_of.is_some() => {
                memories_call(self.tenant(), ids, self.load.as_of.unwrap_or_default())?
            }
            Select::Memories(ids) | Select::Evidence { ids, .. } | Select::Logged { ids, .. } => {
                let ids: Vec<Bytes<16>> = ids.iter().map(|id| Bytes::of(id.uuid())).collect();
                Call::new(MEMORIES, vec![tenant(), Box::new(ids)])
            }
            Select::Grant { token_hash, .. } => grant_call(self.tenant(), token_hash),
            Select::Expired { limit } => {
                let bound = row::limit(limit.saturating_add(1));
                Call::new(EXPIRED, vec![tenant(), Box::new(self.load.now.unix_micros()), Box::new(bound)])
            }
            Select::Entries { after, operations, limit } => {
                entries_call(self.tenant(), *after, operations, *limit)
            }
            Select::Entry(id) => entry_call(self.tenant(), *id),
            Select::Policies(select) => policies_call(self.tenant(), select),
            Select::Keyed(select) => keyed_call(self.load, select, select.after),
            Select::Schemas(select) => schemas_call(self.tenant(), select),
            Select::Unembedded { model, after, limit } => {
                vectors::unembedded_call(self.tenant(), *model, *after, *limit)
            }
            Select::LatestEntry(operation) => {
                Call::new(LATEST_ENTRY, vec![tenant(), Box::new(operation.as_str().to_owned())])
            }
        }))
    }

    async fn objects(
        &mut self,
        select: &ObjectSelect,
        records: Vec<Row>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        match &select.words {
            Some(keys) => self.matched(select, keys, &records, facts).await,
            None => {
                self.list(Listing::Objects(select), records, facts).await?;
                self.say_how_near(select, facts).await
            }
        }
    }

    async fn facts(&mut self, records: Vec<Row>, facts: &mut Facts) -> Result<(), Failure> {
        match &self.load.select {
            Select::Nothing => {}
            Select::Preferences(select) => self.list(Listing::Shelf(select), records, facts).await?,
            Select::Bridges(select) => facts.bridges = self.bridges_asked(select, &records)?,
            Select::Objects(select) if !self.load.bridges.sources.is_empty() => {
                self.bridged(select, facts).await?;
            }
            Select::Objects(select) => self.objects(select, records, facts).await?,
            Select::Shared { objects, keyed } => {
                self.objects(objects, records, facts).await?;
                facts.add_shared(self.shared(keyed).await?);
                self.say_how_near_shared(objects, facts).await?;
            }
            Select::Unembedded { .. } => self.all(&records, facts)?,
            Select::Versions { id, after, limit } if self.load.as_of.is_some() => {
                self.memories_as_of(&[*id], &records, facts)?;
                self.versions_as_of(*after, *limit, facts).await?;
            }
            Select::Versions { limit, .. } => self.versions(*limit, &records, facts)?,
            Select::Evidence { ids, objects } => {
                self.memories(ids, &records, facts)?;
                facts.evidence = std::mem::take(&mut facts.memories);
                self.bridged(objects, facts).await?;
            }
            Select::Family { id, limit } => {
                self.memories(&[*id], &records, facts)?;
                if let Some(memory) = facts.memories.first().cloned() {
                    facts.family = self.family(&memory, *limit).await?;
                }
            }
            Select::Memories(ids) => self.memories(ids, &records, facts)?,
            Select::Logged { entry: id, ids } => {
                self.memories(ids, &records, facts)?;
                let rows = self.session.query(entry_call(self.tenant(), *id)).await?;
                facts.entries = rows.iter().map(entry).collect::<Result<_, _>>()?;
            }
            Select::Grant { memories, .. } => {
                facts.grant = self.grant(&records)?;
                if let (Some(grant), Some(bounds)) = (&facts.grant, memories) {
                    let select = PreferenceSelect::of_grant(grant, bounds, self.load.now);
                    let listing = Listing::Shelf(&select);
                    let first = self.session.query(listing.first_call(self.load)).await?;
                    self.list(listing, first, facts).await?;
                }
            }
            Select::Expired { limit } => {
                facts.more = records.len() > *limit;
                self.all(records.get(..*limit).unwrap_or(&records), facts)?;
            }
            Select::Entries { limit, .. } => {
                facts.more = records.len() > *limit;
                facts.entries = records.iter().take(*limit).map(entry).collect::<Result<_, _>>()?;
            }
            Select::Policies(select) => policies(select, &records, facts)?,
            Select::Keyed(select) => self.keyed(select, records, facts).await?,
            Select::Schemas(select) => self.schemas(select, &records, facts)?,
            Select::Entry(_) | Select::LatestEntry(_) => {
                facts.entries = records.iter().map(entry).collect::<Result<_, _>>()?;
            }
            Select::Pending { limit } => self.next_mark(*limit, facts).await?,
            Select::Person(select) => self.person(select, facts).await?,
            Select::Within(select) => self.within(select, facts).await?,
            Select::Belongings { user, after, limit } => {
                self.belongings(user, after.as_ref(), *limit, facts).await?;
            }
            Select::Verification => self.verify(facts).await?,
        }
        Ok(())
    }

    /// In the listing's order, from what [`Listing::first_call`] brought. The filter is tested twice: as SQL, so that little is read, and on what was read, so
    /// that the answer is exact. What it turns down here makes room for rows behind it.
    pub(super) async fn list(
        &mut self,
        listing: Listing<'_>,
        mut rows: Vec<Row>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        if self.load.as_of.is_some() {
            return self.list_as_of(listing, facts).await;
        }
        if listing.scan().is_some() {
            facts.scan_end = rows.first().map(|row| place(row, 0)).transpose()?.flatten();
            rows = self.session.query(listing.call(self.load, listing.after(), facts.scan_end)).await?;
        }
        self.list_rows(listing, rows, facts).await
    }

    /// These rows and those behind them, up to the end of the scan.
    pub(super) async fn list_rows(
        &mut self,
        listing: Listing<'_>,
        mut rows: Vec<Row>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let (chunk, filter) = (listing.chunk_rows(self.load), listing.filter(self.load));
        loop {
            let mut last = None;
            let ids = rows.iter().map(|row| id(row.try_get(0)?)).collect::<Result<Vec<_>, Failure>>()?;
            self.look_up(ids.into_iter()).await?;
            for row in &rows {
                let (memory, activated) = self.listed(row, 0)?;
                last = Some((listing.place(&memory), memory.id));
                let passes = filter.matches(&MemoryView::stored(&memory, self.load.now));
                if !passes || self.ancestry.is_below(memory.id) {
                    continue;
                }
                if facts.memories.len() == listing.limit() {
                    facts.more = true;
                    return Ok(());
                }
                facts.activated.extend(activated.map(|at| (memory.id, at)));
                facts.memories.push(Arc::new(memory));
            }
            if rows.len() < chunk {
                return Ok(());
            }
            rows = self.session.query(listing.call(self.load, last, facts.scan_end)).await?;
        }
    }

    pub(super) fn versions(&self, limit: usize, rows: &[Row], facts: &mut Facts) -> Result<(), Failure> {
        let Some((first, earlier)) = rows.split_first() else { return Ok(()) };
        let current = self.memory(first, 0)?;
        self.earlier(&current, limit, earlier, facts)?;
        facts.memories.push(Arc::new(current));
        Ok(())
    }

    /// The versions before this one, the oldest first, from the columns of [`VERSIONS`].
    pub(super) fn earlier(
        &self,
        current: &Memory,
        limit: usize,
        earlier: &[Row],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        facts.more = earlier.len() > limit;
        for row in earlier.iter().take(limit) {
            let (document, body): (Option<&str>, Option<&[u8]>) = (row.try_get(2)?, row.try_get(3)?);
            let stored = match (document, body) {
                (None, None) => None,
                _ => Some(StoredMemory::read(document.unwrap_or_default(), body.unwrap_or_default())?),
            };
            let version = row::earlier(current, row.try_get(1)?, row.try_get(4)?, stored)?;
            facts.versions.push(Arc::new(version));
        }
        Ok(())
    }

    /// What these rows are.
    fn all(&self, rows: &[Row], facts: &mut Facts) -> Result<(), Failure> {
        let memories = rows.iter().map(|row| Ok(Arc::new(self.memory(row, 0)?)));
        facts.memories.extend(memories.collect::<Result<Vec<_>, Failure>>()?);
        Ok(())
    }

    fn memories(&self, ids: &[MemoryId], rows: &[Row], facts: &mut Facts) -> Result<(), Failure> {
        let is_as_of = matches!(self.load.select, Select::Memories(_) | Select::Evidence { .. });
        if is_as_of && self.load.as_of.is_some() {
            return self.memories_as_of(ids, rows, facts);
        }
        let mut found = BTreeMap::new();
        for row in rows {
            let memory = self.memory(row, 0)?;
            found.insert(memory.id, Arc::new(memory));
        }
        facts.memories = ids.iter().filter_map(|id| found.get(id).map(Arc::clone)).collect();
        Ok(())
    }

    /// A current version from the columns (id, version, document, body), of which the first is there.
    pub(super) fn memory(&self, row: &Row, at: usize) -> Result<Memory, Failure> {
        let id = Uuid::from_slice(row.try_get(at)?).map_err(|_| corrupt("memory id"))?;
        let version = row::count(row.try_get(at + 1)?)?;
        let memory = StoredMemory::read(row.try_get(at + 2)?, row.try_get(at + 3)?)?;
        // A row that was copied to another place must not be believed.
        if memory.tenant != self.load.tenant || memory.id.uuid() != id || memory.version != version {
            return Err(corrupt("memory").into());
        }
        Ok(memory)
    }

    /// A listing's row: a memory, and when it last sprouted.
    fn listed(&self, row: &Row, at: usize) -> Result<(Memory, Option<Timestamp>), Failure> {
        let activated: Option<i64> = row.try_get(at + 4)?;
        Ok((self.memory(row, at)?, activated.map(Timestamp::from_unix_micros)))
    }

    fn grant(&self, rows: &[Row]) -> Result<Option<ReadGrant>, Failure> {
        let Some(row) = rows.first() else { return Ok(None) };
        let grant = ReadGrant::read(row.try_get(0)?)?;
        if grant.tenant == self.load.tenant { Ok(Some(grant)) } else { Err(corrupt("grant").into()) }
    }

    async fn subject_key(&mut self, subject: SubjectRef) -> Result<Option<AuditKey>, Failure> {
        let values: Vec<super::value::Value<'_>> = vec![Box::new(self.tenant()), Box::new(Bytes(subject.0))];
        let rows = self.session.query(Call::new(SUBJECT_KEY, values)).await?;
        rows.first().map(|row| Ok(row::audit_key(row.try_get(0)?)?)).transpose()
    }
}

/// A place from the columns (time, id), where there is one.
pub(super) fn place(row: &Row, at: usize) -> Result<Option<Place>, Failure> {
    let (time, id): (Option<i64>, Option<&[u8]>) = (row.try_get(at)?, row.try_get(at + 1)?);
    let Some((time, id)) = time.zip(id) else { return Ok(None) };
    let id = Uuid::from_slice(id).map_err(|_| corrupt("memory id"))?;
    Ok(Some((Timestamp::from_unix_micros(time), MemoryId::from_uuid(id))))
}

fn grant_call(tenant: String, token_hash: &TokenHash) -> Call<'static> {
    Call::new(GRANT, vec![Box::new(tenant), Box::new(Bytes(token_hash.0))])
}
