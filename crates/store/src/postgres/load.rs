//! What the engine asks for, read in one snapshot: everything in an answer is as of one commit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::{AuditKey, Code, Entry, Head, Private, Seq};
use memoryscope_domain::change::IdempotencyRecord;
use memoryscope_domain::govern::{Facts, MemoryView, StoredEntry};
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::ids::{AuditId, MemoryId};
use memoryscope_domain::memory::{Memory, StoredMemory, SubjectRef};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Load, ObjectSelect, PreferenceSelect, Select, Snapshot, StoreError};
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Failure;
use super::filter_sql::Condition;
use super::session::{Call, Session};
use super::value::Bytes;
use crate::common::filter::{self, Rows};
use crate::common::row::{self, corrupt};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const COMMIT: &str = "COMMIT";

/// What every load reads, in one row.
const FRAME: &str = "
    SELECT (SELECT seq FROM audit_heads WHERE tenant = $1),
           (SELECT hash FROM audit_heads WHERE tenant = $1),
           (SELECT hash FROM active_policy WHERE tenant = $1),
           (SELECT key FROM subject_keys WHERE tenant = $1 AND subject = $2),
           (SELECT document FROM idempotency_keys WHERE tenant = $1 AND client = $3 AND key = $4)";

const SUBJECT_KEY: &str = "SELECT key FROM subject_keys WHERE tenant = $1 AND subject = $2";

const GRANT: &str = "SELECT document FROM read_grants WHERE tenant = $1 AND token_hash = $2";

/// Each by its key, whatever the planner thinks of the tables' sizes (see `known`).
const MEMORIES: &str = "
    SELECT m.id, m.version, m.document, m.body FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, version, document, body FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m";

/// The current version and, from the second row on, the versions before it, the latest first.
const VERSIONS: &str = "
    (SELECT id, version, document, body, state FROM memories WHERE tenant = $1 AND id = $2)
    UNION ALL
    (SELECT id, version, document, body, state FROM memory_versions
     WHERE tenant = $1 AND id = $2 ORDER BY version DESC LIMIT $3)";

const EXPIRED: &str = "
    SELECT id, version, document, body FROM memories
    WHERE tenant = $1 AND expires IS NOT NULL AND state < 4 AND expires <= $2
    ORDER BY expires, id LIMIT $3";

const ENTRIES: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3";

const ENTRIES_OF: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND seq > $2 AND operation = ANY ($4::text[]) ORDER BY seq LIMIT $3";

const ENTRY: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events WHERE tenant = $1 AND id = $2";

/// Memories read at once where the filter may turn some down.
const CHUNK_ROWS_MIN: usize = 64;
/// The most that are read at once.
const CHUNK_ROWS_MAX: usize = 1_024;

/// Answers a load.
pub(super) async fn load(session: &mut Session, load: &Load) -> Result<Snapshot, Failure> {
    let mut view = View { session, load };
    let begun = view.begin().await?;
    let mut snapshot = frame(&begun.frame, load)?;
    view.facts(begun.records, &mut snapshot.facts).await?;
    if let Some(grant) = &snapshot.facts.grant {
        snapshot.subject = SubjectRef::of_user(&grant.user);
        snapshot.subject_key = view.subject_key(snapshot.subject).await?;
    }
    if !begun.ended {
        view.session.pipeline(&[Call::Plain(COMMIT)]).await?;
    }
    Ok(snapshot)
}

/// One load on its connection.
pub(super) struct View<'a> {
    pub(super) session: &'a mut Session,
    pub(super) load: &'a Load,
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
    async fn begin(&mut self) -> Result<Begun, Failure> {
        let records = self.first_records()?;
        let more = match &self.load.select {
            Select::Preferences(select) => Listing::Shelf(select).has_more_chunks(self.load),
            Select::Objects(select) => Listing::Objects(select).has_more_chunks(self.load),
            Select::Grant { .. } | Select::Verification => true,
            _ => false,
        };
        let mut calls = vec![Call::Plain(BEGIN), self.frame()];
        calls.extend(records);
        if !more {
            calls.push(Call::Plain(COMMIT));
        }
        let mut answers = self.session.pipeline(&calls).await?.into_iter().skip(1);
        let frame = answers.next().unwrap_or_default();
        Ok(Begun { frame, records: answers.next().unwrap_or_default(), ended: !more })
    }

    fn frame(&self) -> Call<'static> {
        let key = self.load.idempotency.as_ref();
        let subject = Bytes(self.load.subject.0);
        let (client, key) = (key.map(|key| key.client.clone()), key.map(|key| key.key.clone()));
        Call::new(FRAME, vec![Box::new(self.tenant()), Box::new(subject), Box::new(client), Box::new(key)])
    }

    fn first_records(&self) -> Result<Option<Call<'static>>, Failure> {
        let tenant = || Box::new(self.tenant());
        Ok(Some(match &self.load.select {
            Select::Nothing | Select::Verification => return Ok(None),
            Select::Preferences(select) => Listing::Shelf(select).call(self.load, select.after),
            Select::Objects(select) => Listing::Objects(select).call(self.load, select.after),
            Select::Versions { id, limit } => {
                let bound = row::limit(limit.saturating_add(1));
                Call::new(VERSIONS, vec![tenant(), Box::new(Bytes::of(id.uuid())), Box::new(bound)])
            }
            Select::Memories(ids) => {
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
        }))
    }

    async fn facts(&mut self, records: Vec<Row>, facts: &mut Facts) -> Result<(), Failure> {
        match &self.load.select {
            Select::Nothing => {}
            Select::Preferences(select) => self.list(Listing::Shelf(select), records, facts).await?,
            Select::Objects(select) => self.list(Listing::Objects(select), records, facts).await?,
            Select::Versions { limit, .. } => self.versions(*limit, &records, facts)?,
            Select::Memories(ids) => self.memories(ids, &records, facts)?,
            Select::Grant { memories, .. } => {
                facts.grant = self.grant(&records)?;
                if let (Some(grant), Some(bounds)) = (&facts.grant, memories) {
                    let select = PreferenceSelect::of_grant(grant, bounds, self.load.now);
                    let listing = Listing::Shelf(&select);
                    let first = self.session.query(listing.call(self.load, select.after)).await?;
                    self.list(listing, first, facts).await?;
                }
            }
            Select::Expired { limit } => {
                facts.more = records.len() > *limit;
                for row in records.iter().take(*limit) {
                    facts.memories.push(Arc::new(self.memory(row)?));
                }
            }
            Select::Entries { limit, .. } => {
                facts.more = records.len() > *limit;
                facts.entries = records.iter().take(*limit).map(entry).collect::<Result<_, _>>()?;
            }
            Select::Entry(_) => facts.entries = records.iter().map(entry).collect::<Result<_, _>>()?,
            Select::Verification => self.verify(facts).await?,
        }
        Ok(())
    }

    /// In the listing's order. The filter is tested twice: as SQL, so that little is read, and on what was read, so
    /// that the answer is exact. What it turns down here makes room for rows behind it.
    async fn list(
        &mut self,
        listing: Listing<'_>,
        mut rows: Vec<Row>,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let (chunk, filter) = (listing.chunk_rows(self.load), listing.filter(self.load));
        loop {
            let mut last = None;
            for row in &rows {
                let memory = self.memory(row)?;
                last = Some((listing.place(&memory), memory.id));
                if !filter.matches(&MemoryView::stored(&memory, self.load.now)) {
                    continue;
                }
                if facts.memories.len() == listing.limit() {
                    facts.more = true;
                    return Ok(());
                }
                facts.memories.push(Arc::new(memory));
            }
            if rows.len() < chunk {
                return Ok(());
            }
            rows = self.session.query(listing.call(self.load, last)).await?;
        }
    }

    fn versions(&self, limit: usize, rows: &[Row], facts: &mut Facts) -> Result<(), Failure> {
        let Some((first, earlier)) = rows.split_first() else { return Ok(()) };
        let current = self.memory(first)?;
        facts.more = earlier.len() > limit;
        for row in earlier.iter().take(limit).rev() {
            let (document, body): (Option<&str>, Option<&[u8]>) = (row.try_get(2)?, row.try_get(3)?);
            let stored = match (document, body) {
                (None, None) => None,
                _ => Some(StoredMemory::read(document.unwrap_or_default(), body.unwrap_or_default())?),
            };
            let version = row::earlier(&current, row.try_get(1)?, row.try_get(4)?, stored)?;
            facts.versions.push(Arc::new(version));
        }
        facts.memories.push(Arc::new(current));
        Ok(())
    }

    fn memories(&self, ids: &[MemoryId], rows: &[Row], facts: &mut Facts) -> Result<(), Failure> {
        let mut found = BTreeMap::new();
        for row in rows {
            let memory = self.memory(row)?;
            found.insert(memory.id, Arc::new(memory));
        }
        facts.memories = ids.iter().filter_map(|id| found.get(id).map(Arc::clone)).collect();
        Ok(())
    }

    /// A current version from the columns (id, version, document, body).
    fn memory(&self, row: &Row) -> Result<Memory, Failure> {
        let id = Uuid::from_slice(row.try_get(0)?).map_err(|_| corrupt("memory id"))?;
        let version = row::count(row.try_get(1)?)?;
        let memory = StoredMemory::read(row.try_get(2)?, row.try_get(3)?)?;
        // A row that was copied to another place must not be believed.
        if memory.tenant != self.load.tenant || memory.id.uuid() != id || memory.version != version {
            return Err(corrupt("memory").into());
        }
        Ok(memory)
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

fn frame(rows: &[Row], load: &Load) -> Result<Snapshot, Failure> {
    let row = rows.first().ok_or_else(|| corrupt("head"))?;
    let head = match row.try_get(0)? {
        Some(seq) => unless_walking(load, row::head(seq, row.try_get(1)?))?,
        None => Head::GENESIS,
    };
    let key: Option<&[u8]> = row.try_get(3)?;
    let key = key.map(row::audit_key).transpose();
    let record: Option<&str> = row.try_get(4)?;
    let idempotency = record
        .map(serde_json::from_str::<IdempotencyRecord>)
        .transpose()
        .map_err(|_| corrupt("idempotency record"))?;
    Ok(Snapshot {
        head,
        active_policy: row.try_get(2)?,
        subject: load.subject,
        subject_key: unless_walking(load, key)?,
        idempotency,
        facts: Facts::default(),
    })
}

/// A walk of the chain says what is wrong, and is not stopped by a value that cannot be read.
fn unless_walking<T: Default>(load: &Load, read: Result<T, StoreError>) -> Result<T, Failure> {
    let read = read.map_err(Failure::from);
    match load.select {
        Select::Verification => Ok(Failure::unless_unreadable(read)?.unwrap_or_default()),
        _ => read,
    }
}

/// What is read in order, some rows at a time.
#[derive(Clone, Copy)]
enum Listing<'a> {
    Shelf(&'a PreferenceSelect),
    Objects(&'a ObjectSelect),
}

impl Listing<'_> {
    const fn limit(self) -> usize {
        match self {
            Self::Shelf(select) => select.limit,
            Self::Objects(select) => select.limit,
        }
    }

    fn filter(self, load: &Load) -> Filter {
        match self {
            Self::Shelf(_) => load.filter.clone(),
            Self::Objects(select) => select.filter(load),
        }
    }

    /// What it is ordered by, before the id.
    fn place(self, memory: &Memory) -> Timestamp {
        match self {
            Self::Shelf(_) => memory.created,
            Self::Objects(_) => memory.placed.unwrap_or(memory.created),
        }
    }

    /// How many rows are read at once: just enough where SQL is exact, some more where it isn't.
    fn chunk_rows(self, load: &Load) -> usize {
        let enough = self.limit().saturating_add(1);
        let floor = if filter::is_exact(&self.filter(load)) { 1 } else { CHUNK_ROWS_MIN };
        enough.clamp(floor, CHUNK_ROWS_MAX)
    }

    /// Whether the first rows may not be enough.
    fn has_more_chunks(self, load: &Load) -> bool {
        !filter::is_exact(&self.filter(load)) || self.chunk_rows(load) <= self.limit()
    }

    /// The rows behind that place.
    fn call(self, load: &Load, after: Option<(Timestamp, MemoryId)>) -> Call<'static> {
        let limit = row::limit(self.chunk_rows(load));
        match self {
            Self::Shelf(select) => shelf(load, select, after, limit),
            Self::Objects(select) => objects(load, select, after, limit),
        }
    }
}

/// The next rows of events, impacts and seeds, the latest first.
fn objects(
    load: &Load,
    select: &ObjectSelect,
    after: Option<(Timestamp, MemoryId)>,
    limit: i64,
) -> Call<'static> {
    let mut condition = Condition {
        sql: "SELECT id, version, document, body FROM memories
              WHERE tenant = $1 AND partition_key = $2 AND occurred IS NOT NULL
              AND (expires IS NULL OR expires > $3)"
            .to_owned(),
        values: vec![
            Box::new(load.tenant.as_str().to_owned()),
            Box::new(Bytes(select.partition.0)),
            Box::new(load.now.unix_micros()),
        ],
    };
    if let Some(since) = select.since {
        let since = condition.value(Box::new(since.unix_micros()));
        condition.sql.push_str(&format!(" AND occurred >= {since}"));
    }
    if let Some(until) = select.until {
        let until = condition.value(Box::new(until.unix_micros()));
        condition.sql.push_str(&format!(" AND occurred < {until}"));
    }
    if let Some((occurred, id)) = after {
        let occurred = condition.value(Box::new(occurred.unix_micros()));
        let id = condition.value(Box::new(Bytes::of(id.uuid())));
        condition
            .sql
            .push_str(&format!(" AND occurred <= {occurred} AND (occurred < {occurred} OR id > {id})"));
    }
    condition.sql.push_str(" AND ");
    filter::push(&select.filter(load), Rows::Objects, &mut condition);
    let limit = condition.value(Box::new(limit));
    condition.sql.push_str(&format!(" ORDER BY occurred DESC, id LIMIT {limit}"));
    Call::Prepared(Cow::Owned(condition.sql), condition.values)
}

/// The next rows of a shelf, oldest first.
fn shelf(
    load: &Load,
    select: &PreferenceSelect,
    after: Option<(Timestamp, MemoryId)>,
    limit: i64,
) -> Call<'static> {
    let mut condition = Condition {
        sql: "SELECT id, version, document, body FROM memories
              WHERE tenant = $1 AND partition_key = $2 AND kind = $3 AND state < 3
              AND (expires IS NULL OR expires > $4)"
            .to_owned(),
        values: vec![
            Box::new(load.tenant.as_str().to_owned()),
            Box::new(Bytes(select.partition.0)),
            Box::new(select.kind.name()),
            Box::new(load.now.unix_micros()),
        ],
    };
    if let Some(domain) = select.domain {
        let domain = condition.value(Box::new(Bytes(domain.0)));
        condition.sql.push_str(&format!(" AND domain_key = {domain}"));
    }
    if let Some(from) = select.created_from {
        let from = condition.value(Box::new(from.unix_micros()));
        condition.sql.push_str(&format!(" AND created >= {from}"));
    }
    if let Some((created, id)) = after {
        let created = condition.value(Box::new(created.unix_micros()));
        let id = condition.value(Box::new(Bytes::of(id.uuid())));
        condition.sql.push_str(&format!(" AND (created, id) > ({created}, {id})"));
    }
    condition.sql.push_str(" AND ");
    filter::push(&load.filter, Rows::Shelf, &mut condition);
    let limit = condition.value(Box::new(limit));
    condition.sql.push_str(&format!(" ORDER BY created, id LIMIT {limit}"));
    Call::Prepared(Cow::Owned(condition.sql), condition.values)
}

fn grant_call(tenant: String, token_hash: &TokenHash) -> Call<'static> {
    Call::new(GRANT, vec![Box::new(tenant), Box::new(Bytes(token_hash.0))])
}

fn entry_call(tenant: String, id: AuditId) -> Call<'static> {
    Call::new(ENTRY, vec![Box::new(tenant), Box::new(Bytes::of(id.uuid()))])
}

fn entries_call(tenant: String, after: Seq, operations: &[Code], limit: usize) -> Call<'static> {
    let after = row::whole(after.0).unwrap_or(i64::MAX);
    let bound = row::limit(limit.saturating_add(1));
    let mut values: Vec<super::value::Value<'static>> =
        vec![Box::new(tenant), Box::new(after), Box::new(bound)];
    if operations.is_empty() {
        return Call::new(ENTRIES, values);
    }
    let operations: Vec<String> = operations.iter().map(|code| code.as_str().to_owned()).collect();
    values.push(Box::new(operations));
    Call::new(ENTRIES_OF, values)
}

/// An entry from the columns (seq, id, `prev_hash`, hash, text, private).
fn entry(row: &Row) -> Result<StoredEntry, Failure> {
    let entry = Entry {
        id: row::audit_id(row.try_get(1)?)?,
        seq: Seq(row::count(row.try_get(0)?)?),
        prev_hash: row::hash(row.try_get(2)?)?,
        hash: row::hash(row.try_get(3)?)?,
        text: row.try_get(4)?,
    };
    let private: Option<String> = row.try_get(5)?;
    Ok(StoredEntry { entry, private: private.map(Private::from_stored) })
}
