//! What there is of a person, and forgetting it.

use std::sync::Arc;

use memoryscope_domain::change::{Forgotten, IdempotencyKey};
use memoryscope_domain::govern::Facts;
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{PersonSelect, With, WithinSelect};
use tokio_postgres::Row;
use uuid::Uuid;

use super::entries::entry;
use super::error::Failure;
use super::load::{VERSIONS, View};
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::person::{mark_in_grant, mark_in_private, mark_of_namespace, tags};
use crate::common::row::{self, corrupt};

/// Entries, and memories that may be about a person, read at once.
const PAGE_ROWS: usize = 512;

const SCAN_END: &str = "SELECT id FROM memories WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT 2 OFFSET $3";

const BETWEEN: &str = "
    SELECT id, version, document, body FROM memories
    WHERE tenant = $1 AND id > $2 AND id <= $3 AND state < 4
      AND (partition_key = $4 OR position($5::bytea IN coalesce(tags, ''::bytea)) > 0
           OR position($6::bytea IN coalesce(tags, ''::bytea)) > 0)
    ORDER BY id LIMIT $7";

const WITHIN: &str = "
    SELECT id, version, document, body FROM memories
    WHERE tenant = $1 AND id > $2 AND id <= $3 AND state < 4 AND strpos(document, $4::text) > 0
    ORDER BY id LIMIT $5";

const GRANTS: &str =
    "SELECT document FROM read_grants WHERE tenant = $1 AND strpos(document, $2::text) > 0 ORDER BY id";

const KEYS: &str = "
    SELECT document FROM idempotency_keys
    WHERE tenant = $1 AND (client, key) > ($2::text, $3::text) ORDER BY client, key LIMIT $4";

const ENTRIES: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND seq > $2 AND strpos(private, $3::text) > 0 ORDER BY seq LIMIT $4";

const WIPE_VERSIONS: &str =
    "UPDATE memory_versions SET document = NULL, body = NULL WHERE tenant = $1 AND id = $2";
const FORGET_GRANT: &str = "DELETE FROM read_grants WHERE tenant = $1 AND id = $2";
const FORGET_BRIDGE: &str = "DELETE FROM bridges WHERE tenant = $1 AND id = $2";
const FORGET_KEY: &str = "DELETE FROM idempotency_keys WHERE tenant = $1 AND client = $2 AND key = $3";
const FORGET_PRIVATE: &str = "UPDATE audit_events SET private = NULL WHERE tenant = $1 AND seq = $2";
const FORGET_LAST_PRIVATE: &str = "
    UPDATE audit_events SET private = NULL
    WHERE tenant = $1 AND seq > $2 AND seq <= $3 AND strpos(private, $4::text) > 0";
const FORGET_CONSENT: &str = "DELETE FROM consents WHERE tenant = $1 AND subject = $2";
const FORGET_RECORDS: &str = "DELETE FROM records WHERE tenant = $1 AND subject = $2";
const FORGET_SUBJECT_KEY: &str = "DELETE FROM subject_keys WHERE tenant = $1 AND subject = $2";

/// Behind every id.
const LAST_ID: [u8; 17] = [0xff; 17];

fn bytes(id: MemoryId) -> Vec<u8> {
    id.uuid().as_bytes().to_vec()
}

impl View<'_> {
    /// A walk by the primary key: a person is named in tags of any scope.
    pub(super) async fn person(&mut self, select: &PersonSelect, facts: &mut Facts) -> Result<(), Failure> {
        let end = match select.scan {
            Some(scan) => self.scan_end(select.after, scan).await?,
            None => None,
        };
        facts.scan_end = end.map(|id| (Timestamp::from_unix_micros(0), id));
        let found = self.found(select, end, facts).await?;
        match select.with {
            With::Nothing => facts.memories = found,
            With::Kin(limit) => {
                for memory in found {
                    let family = self.family(&memory, limit).await?;
                    facts.kindred.push((memory, family));
                }
            }
            With::Everything => {
                for memory in &found {
                    let versions = self.all_versions(memory.id).await?;
                    facts.earlier.insert(memory.id, versions);
                }
                facts.memories = found;
                facts.grants = self.grants_of(&select.user, select.limit.saturating_add(1)).await?;
                self.entries_about(select, facts).await?;
                facts.bridges = self.bridges_of_person(&select.user, select.limit.saturating_add(1)).await?;
                let longest = facts.grants.len().max(facts.entries.len()).max(facts.bridges.len());
                facts.more |= longest > select.limit;
                facts.grants.truncate(select.limit);
                facts.bridges.truncate(select.limit);
                facts.entries.truncate(select.limit);
            }
        }
        Ok(())
    }

    /// A walk by the primary key: what is in a namespace is in any scope.
    pub(super) async fn within(&mut self, select: &WithinSelect, facts: &mut Facts) -> Result<(), Failure> {
        let end = self.scan_end(select.after, select.scan).await?;
        facts.scan_end = end.map(|id| (Timestamp::from_unix_micros(0), id));
        let mut behind = select.after.map_or(Vec::new(), bytes);
        let (end, mark) = (end.map_or(LAST_ID.to_vec(), bytes), mark_of_namespace(&select.namespace));
        loop {
            let values: Vec<Value<'_>> = vec![
                Box::new(self.tenant()),
                Box::new(behind),
                Box::new(end.clone()),
                Box::new(mark.clone()),
                Box::new(row::limit(PAGE_ROWS)),
            ];
            let rows = self.session.query(Call::new(WITHIN, values)).await?;
            for row in &rows {
                let memory = self.memory(row, 0)?;
                if select.wants(&memory) {
                    if facts.memories.len() == select.limit {
                        facts.more = true;
                        return Ok(());
                    }
                    facts.memories.push(Arc::new(memory));
                }
            }
            let Some(last) = rows.last().filter(|_| rows.len() == PAGE_ROWS) else { return Ok(()) };
            behind = last.try_get(0)?;
        }
    }

    async fn scan_end(&mut self, after: Option<MemoryId>, scan: usize) -> Result<Option<MemoryId>, Failure> {
        let behind = after.map_or(Vec::new(), bytes);
        let offset = row::limit(scan.saturating_sub(1));
        let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(behind), Box::new(offset)];
        let rows = self.session.query(Call::new(SCAN_END, values)).await?;
        let Some(first) = rows.first().filter(|_| rows.len() == 2) else { return Ok(None) };
        let id = Uuid::from_slice(first.try_get(0)?).map_err(|_| corrupt("memory id"))?;
        Ok(Some(MemoryId::from_uuid(id)))
    }

    async fn found(
        &mut self,
        select: &PersonSelect,
        end: Option<MemoryId>,
        facts: &mut Facts,
    ) -> Result<Vec<Arc<Memory>>, Failure> {
        let mut found = Vec::new();
        let mut behind = select.after.map_or(Vec::new(), bytes);
        let end = end.map_or(LAST_ID.to_vec(), bytes);
        loop {
            let [owner, subject] = tags(&select.user);
            let values: Vec<Value<'_>> = vec![
                Box::new(self.tenant()),
                Box::new(behind),
                Box::new(end.clone()),
                Box::new(Bytes(select.partition().0)),
                Box::new(owner),
                Box::new(subject),
                Box::new(row::limit(PAGE_ROWS)),
            ];
            let rows = self.session.query(Call::new(BETWEEN, values)).await?;
            for row in &rows {
                let memory = self.memory(row, 0)?;
                if !select.wants(&memory) {
                    continue;
                }
                if found.len() == select.limit {
                    facts.more = true;
                    return Ok(found);
                }
                found.push(Arc::new(memory));
            }
            let Some(last) = rows.last().filter(|_| rows.len() == PAGE_ROWS) else { return Ok(found) };
            behind = last.try_get(0)?;
        }
    }

    async fn all_versions(&mut self, id: MemoryId) -> Result<Vec<Arc<Memory>>, Failure> {
        let values: Vec<Value<'_>> = vec![
            Box::new(self.tenant()),
            Box::new(Bytes::of(id.uuid())),
            Box::new(0_i64),
            Box::new(i64::MAX),
        ];
        let rows = self.session.query(Call::new(VERSIONS, values)).await?;
        let mut facts = Facts::default();
        self.versions(usize::MAX, &rows, &mut facts)?;
        Ok(facts.versions)
    }

    /// Of the tenant's grants those that were given for the person.
    async fn grants_of(&mut self, user: &UserId, limit: usize) -> Result<Vec<ReadGrant>, Failure> {
        let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(mark_in_grant(user))];
        let rows = self.session.query(Call::new(GRANTS, values)).await?;
        let mut grants = Vec::new();
        for row in rows {
            let grant = ReadGrant::read(row.try_get(0)?)?;
            if grant.tenant != self.load.tenant {
                return Err(corrupt("grant").into());
            }
            grants.extend(Some(grant).filter(|grant| grant.user == *user));
        }
        grants.truncate(limit);
        Ok(grants)
    }

    async fn entries_about(&mut self, select: &PersonSelect, facts: &mut Facts) -> Result<(), Failure> {
        let mut behind = 0_i64;
        loop {
            let values: Vec<Value<'_>> = vec![
                Box::new(self.tenant()),
                Box::new(behind),
                Box::new(mark_in_private(&select.user)),
                Box::new(row::limit(PAGE_ROWS)),
            ];
            let rows = self.session.query(Call::new(ENTRIES, values)).await?;
            for row in &rows {
                let stored = entry(row)?;
                facts.entries.extend(Some(stored).filter(|stored| select.is_about(stored)));
            }
            match rows.last().filter(|_| rows.len() == PAGE_ROWS && facts.entries.len() <= select.limit) {
                Some(last) => behind = last.try_get(0)?,
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn belongings(
        &mut self,
        user: &UserId,
        after: Option<&IdempotencyKey>,
        limit: usize,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        facts.grants = self.grants_of(user, limit).await?;
        facts.bridges = self.bridges_of_person(user, limit).await?;
        let (client, key) =
            after.map_or_else(Default::default, |after| (after.client.clone(), after.key.clone()));
        let values: Vec<Value<'_>> = vec![
            Box::new(self.tenant()),
            Box::new(client),
            Box::new(key),
            Box::new(row::limit(limit.saturating_add(1))),
        ];
        let rows = self.session.query(Call::new(KEYS, values)).await?;
        let record = |row: &Row| -> Result<_, Failure> {
            let text: &str = row.try_get(0)?;
            Ok(serde_json::from_str(text).map_err(|_| corrupt("idempotency record"))?)
        };
        facts.idempotency = rows.iter().take(limit).map(record).collect::<Result<_, _>>()?;
        facts.more = rows.len() > limit;
        Ok(())
    }
}

/// The statements that forget it: those over rows, and those over what stands beside entries up to that one, which come once
/// the entries are written.
pub(super) fn forget<'a>(
    tenant: &'a str,
    seq: i64,
    forgotten: &'a Forgotten,
) -> (Vec<Call<'a>>, Vec<Call<'a>>) {
    let call = |sql, values: Vec<Value<'a>>| {
        let mut all: Vec<Value<'a>> = vec![Box::new(tenant)];
        all.extend(values);
        Call::new(sql, all)
    };
    let mut rows = Vec::new();
    for id in &forgotten.versions {
        rows.push(call(WIPE_VERSIONS, vec![Box::new(Bytes::of(id.uuid()))]));
    }
    for id in &forgotten.grants {
        rows.push(call(FORGET_GRANT, vec![Box::new(Bytes::of(id.uuid()))]));
    }
    for id in &forgotten.bridges {
        rows.push(call(FORGET_BRIDGE, vec![Box::new(Bytes::of(id.uuid()))]));
    }
    for key in &forgotten.keys {
        rows.push(call(FORGET_KEY, vec![Box::new(key.client.as_str()), Box::new(key.key.as_str())]));
    }
    let place = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let mut beside = Vec::new();
    for entry in &forgotten.entries {
        beside.push(call(FORGET_PRIVATE, vec![Box::new(place(entry.0))]));
    }
    if let Some(last) = &forgotten.last {
        for mark in &last.marks {
            let values: Vec<Value<'a>> =
                vec![Box::new(place(last.after.0)), Box::new(seq), Box::new(mark.as_str())];
            beside.push(call(FORGET_LAST_PRIVATE, values));
        }
        rows.push(call(FORGET_CONSENT, vec![Box::new(Bytes(last.subject.0))]));
        rows.push(call(FORGET_RECORDS, vec![Box::new(Bytes(last.subject.0))]));
        rows.push(call(FORGET_SUBJECT_KEY, vec![Box::new(Bytes(last.subject.0))]));
    }
    (rows, beside)
}
