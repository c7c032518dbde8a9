//! What the winners of a batch write, as few statements with many rows each.
//!
//! Changes keep their order where it matters: a record that was written before, and whatever forgets records, begin a
//! new round of statements. Within a round every record is written once, so the rows of a round may go in any order.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::Entry;
use memoryscope_domain::change::{Forgotten, PolicyDocument};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_engine::port::StoreError;

use super::bridges;
use super::family;
use super::keyed;
use super::person;
use super::records;
use super::rights;
use super::session::Call;
use super::value::{Bytes, Value};
use super::vectors;
use crate::common::prepare::{GrantRow, IdempotencyRow, MemoryRow, Prepared, SpiralRow, Step, VectorRow};
use crate::common::row;

const INSERT_MEMORIES: &str = "
    INSERT INTO memories (tenant, id, version, valid_from_seq, partition_key, type, kind, domain_key, state,
                          created, expires, document, body, occurred, facets, words, tags, conversation)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::text[],
                               $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bytea[],
                               $14::bigint[], $15::bigint[], $16::bytea[], $17::bytea[], $18::bytea[]) AS w";

/// The rows stand there: the lock says so. An update from a list would be free to walk all memories of the tenant;
/// this one finds each by its key.
const UPDATE_MEMORIES: &str = "
    INSERT INTO memories (tenant, id, version, valid_from_seq, partition_key, type, kind, domain_key, state,
                          created, expires, document, body, occurred, facets, words, tags, conversation)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::text[],
                               $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bytea[],
                               $14::bigint[], $15::bigint[], $16::bytea[], $17::bytea[], $18::bytea[]) AS w
    ON CONFLICT (tenant, id) DO UPDATE
    SET version = excluded.version, valid_from_seq = excluded.valid_from_seq,
        partition_key = excluded.partition_key, type = excluded.type, kind = excluded.kind,
        domain_key = excluded.domain_key, state = excluded.state, created = excluded.created,
        expires = excluded.expires, document = excluded.document, body = excluded.body,
        occurred = excluded.occurred, facets = excluded.facets, words = excluded.words, tags = excluded.tags,
        conversation = excluded.conversation,
        activated = CASE WHEN excluded.state = 4 THEN NULL ELSE memories.activated END";

const TOUCH_SEED: &str = "UPDATE memories SET activated = $3 WHERE tenant = $1 AND id = $2 AND state < 4";

const INSERT_LINKS: &str = "
    INSERT INTO links (tenant, parent, child, kind, transform)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::text[]) AS w";

const KEEP_VERSIONS: &str = "
    INSERT INTO memory_versions
        (tenant, id, version, valid_from_seq, valid_to_seq, state, document, body, partition_key)
    SELECT $1, m.id, m.version, m.valid_from_seq, w.seq, m.state, m.document, m.body, m.partition_key
    FROM unnest($2::bytea[], $3::bigint[]) AS w (id, seq) CROSS JOIN LATERAL
        (SELECT id, version, valid_from_seq, state, document, body, partition_key
         FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m";

const WIPE_VERSIONS: &str =
    "UPDATE memory_versions SET document = NULL, body = NULL WHERE tenant = $1 AND id = $2";

const KEEP_WIPED_VERSIONS: &str = "
    INSERT INTO memory_versions (tenant, id, version, valid_from_seq, valid_to_seq, state, partition_key)
    SELECT $1, m.id, m.version, m.valid_from_seq, w.seq, m.state, m.partition_key
    FROM unnest($2::bytea[], $3::bigint[]) AS w (id, seq) CROSS JOIN LATERAL
        (SELECT id, version, valid_from_seq, state, partition_key
         FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m";

const INSERT_GRANTS: &str = "
    INSERT INTO read_grants (tenant, id, token_hash, version, expires, document)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[]) AS w";

const UPDATE_GRANTS: &str = "
    INSERT INTO read_grants (tenant, id, token_hash, version, expires, document)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[]) AS w
    ON CONFLICT (tenant, id) DO UPDATE
    SET token_hash = excluded.token_hash, version = excluded.version, expires = excluded.expires,
        document = excluded.document";

const INSERT_SUBJECT_KEYS: &str = "
    INSERT INTO subject_keys (tenant, subject, key)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bytea[]) AS w";

const KEEP_POLICIES: &str = "
    INSERT INTO policies (tenant, hash, version, text)
    SELECT $1, w.* FROM unnest($2::text[], $3::text[], $4::text[]) AS w
    ON CONFLICT (tenant, hash) DO UPDATE SET version = excluded.version, text = excluded.text";

const ACTIVATE_POLICY: &str = "
    INSERT INTO active_policy (tenant, hash) VALUES ($1, $2)
    ON CONFLICT (tenant) DO UPDATE SET hash = excluded.hash";

const INSERT_IDEMPOTENCY: &str = "
    INSERT INTO idempotency_keys (tenant, client, key, used, document)
    SELECT $1, w.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS w";

const FORGET_IDEMPOTENCY: &str = "DELETE FROM idempotency_keys WHERE tenant = $1 AND used < $2";

const FORGET_GRANTS: &str = "DELETE FROM read_grants WHERE tenant = $1 AND expires < $2";

const INSERT_CHECKPOINT: &str = "
    INSERT INTO checkpoints (tenant, number, seq, text)
    SELECT $1, coalesce(max(number), 0) + 1, $2, $3 FROM checkpoints WHERE tenant = $1";

const INSERT_SPIRAL: &str = "
    INSERT INTO spiral_artifacts (tenant, partition_key, id, expires, document) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant, partition_key) DO UPDATE
    SET id = excluded.id, expires = excluded.expires, document = excluded.document";

const FORGET_SPIRAL: &str = "DELETE FROM spiral_artifacts WHERE tenant = $1 AND partition_key = $2";

const MARK_PENDING: &str = "
    INSERT INTO pending_revocations (tenant, id, root, after) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant, id) DO UPDATE SET root = excluded.root, after = excluded.after";

const UNMARK_PENDING: &str = "DELETE FROM pending_revocations WHERE tenant = $1 AND id = $2";
const SUPPRESS: &str = "
    INSERT INTO suppressions (tenant, digest) SELECT $1, w.digest FROM unnest($2::bytea[]) AS w (digest)
    ON CONFLICT (tenant, digest) DO NOTHING";
const INSERT_KEYS: &str = "
    INSERT INTO memory_keys (tenant, key, memory_id)
    SELECT $1, w.* FROM unnest($2::bytea[], $3::bytea[]) AS w";

const FORGET_KEYS: &str = "DELETE FROM memory_keys WHERE tenant = $1 AND memory_id = $2";

const INSERT_ENTRIES: &str = "
    INSERT INTO audit_events (tenant, seq, id, operation, prev_hash, hash, text, private)
    SELECT $1, w.* FROM unnest($2::bigint[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[], $7::text[],
                               $8::text[]) AS w";

const MOVE_HEAD: &str = "UPDATE audit_heads SET seq = $2, hash = $3 WHERE tenant = $1";

/// The statements of a batch, in order.
pub(super) struct Writes<'a> {
    tenant: &'a str,
    calls: Vec<Call<'a>>,
    round: Round<'a>,
    entries: Vec<(i64, &'a Prepared, Entry)>,
    /// What stands beside entries is forgotten once they are written: some are of this batch.
    forgotten: Vec<Call<'a>>,
}

/// Rows that may be written in any order.
#[derive(Default)]
struct Round<'a> {
    touched: BTreeSet<Record<'a>>,
    inserted: Vec<(i64, &'a MemoryRow)>,
    replaced: Vec<(i64, &'a MemoryRow)>,
    erased: Vec<(i64, &'a MemoryRow)>,
    grants: Vec<&'a GrantRow>,
    grants_replaced: Vec<&'a GrantRow>,
    subject_keys: Vec<(Bytes<16>, &'a [u8])>,
    policies: Vec<&'a PolicyDocument>,
    active_policy: Option<&'a str>,
    idempotency: Vec<&'a IdempotencyRow>,
}

/// What a step writes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Record<'a> {
    Memory(Bytes<16>),
    Grant(Bytes<16>),
    Subject(Bytes<16>),
    Policy(&'a str),
    ActivePolicy,
    Idempotency(&'a str, &'a str),
}

impl<'a> Writes<'a> {
    /// None yet.
    pub(super) fn new(tenant: &'a str) -> Self {
        Self {
            tenant,
            calls: Vec::new(),
            round: Round::default(),
            entries: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// A winner, and its place in the chain.
    pub(super) fn add(&mut self, set: &'a Prepared, entry: Entry) -> Result<(), StoreError> {
        let seq = row::whole(entry.seq.0)?;
        for step in &set.steps {
            self.step(seq, step);
        }
        self.entries.push((seq, set, entry));
        Ok(())
    }

    /// All of it: rows, entries, the head. The commit is the caller's.
    pub(super) fn finish(mut self) -> Vec<Call<'a>> {
        self.end_round();
        let Some((seq, _, last)) = self.entries.last() else { return self.calls };
        let head = Call::new(MOVE_HEAD, vec![boxed(self.tenant), boxed(*seq), boxed(Bytes(last.hash.0))]);
        let entries = std::mem::take(&mut self.entries);
        let values = vec![
            boxed(self.tenant),
            column(&entries, |(seq, ..)| *seq),
            column(&entries, |(_, _, entry)| Bytes::of(entry.id.uuid())),
            column(&entries, |(_, set, _)| set.entry.operation.as_str().to_owned()),
            column(&entries, |(_, _, entry)| Bytes(entry.prev_hash.0)),
            column(&entries, |(_, _, entry)| Bytes(entry.hash.0)),
            column(&entries, |(_, _, entry)| entry.text.clone()),
            column(&entries, |(_, set, _)| set.private.as_str()),
        ];
        self.calls.push(Call::new(INSERT_ENTRIES, values));
        self.calls.append(&mut self.forgotten);
        self.calls.push(head);
        self.calls
    }

    fn step(&mut self, seq: i64, step: &'a Step) {
        match step {
            Step::InsertMemory(memory) => {
                self.touch(Record::Memory(Bytes::of(memory.id.uuid())));
                self.round.inserted.push((seq, memory));
            }
            Step::ReplaceMemory(memory) => {
                self.touch(Record::Memory(Bytes::of(memory.id.uuid())));
                self.round.replaced.push((seq, memory));
            }
            Step::EraseMemory(memory) => {
                self.touch(Record::Memory(Bytes::of(memory.id.uuid())));
                self.round.erased.push((seq, memory));
            }
            Step::TouchSeeds { ids, at } => {
                self.end_round();
                for id in ids {
                    self.call(TOUCH_SEED, vec![boxed(Bytes::of(id.uuid())), boxed(*at)]);
                }
            }
            Step::InsertGrant(grant) => {
                self.touch(Record::Grant(Bytes::of(grant.id.uuid())));
                self.round.grants.push(grant);
            }
            Step::ReplaceGrant(grant) => {
                self.touch(Record::Grant(Bytes::of(grant.id.uuid())));
                self.round.grants_replaced.push(grant);
            }
            Step::InsertSubjectKey(subject, key) => {
                self.touch(Record::Subject(Bytes(subject.0)));
                self.round.subject_keys.push((Bytes(subject.0), key.expose()));
            }
            Step::KeepPolicy(policy) => {
                self.touch(Record::Policy(&policy.hash));
                self.round.policies.push(policy);
            }
            Step::ActivatePolicy(hash) => {
                self.touch(Record::ActivePolicy);
                self.round.active_policy = Some(hash);
            }
            Step::InsertIdempotency(record) => {
                self.touch(Record::Idempotency(&record.client, &record.key));
                self.round.idempotency.push(record);
            }
            Step::ForgetIdempotencyBefore(time) => self.alone(FORGET_IDEMPOTENCY, vec![boxed(*time)]),
            Step::ForgetGrantsExpiredBefore(time) => self.alone(FORGET_GRANTS, vec![boxed(*time)]),
            Step::InsertSpiral(spiral) => self.insert_spiral(spiral),
            Step::InsertBridge(bridge) => self.only(bridges::insert(self.tenant, seq, bridge)),
            Step::RemoveBridge(bridge) => self.only(bridges::remove(self.tenant, seq, bridge)),
            Step::MarkPending(mark) => self.mark_pending(mark),
            Step::UnmarkPending(id) => self.alone(UNMARK_PENDING, vec![boxed(Bytes::of(id.uuid()))]),
            Step::ForgetSpiral(partition) => self.alone(FORGET_SPIRAL, vec![boxed(Bytes(*partition))]),
            Step::KeepConsent(consent) => self.only(rights::keep_consent(self.tenant, consent)),
            Step::Suppress(digests) => self.alone(SUPPRESS, vec![column(digests, |digest| Bytes(*digest))]),
            Step::InsertSchema(schema) | Step::ReplaceSchema(schema) => {
                self.only(keyed::write_schema(self.tenant, schema));
            }
            Step::KeepRecord(record) => self.only(records::keep(self.tenant, record)),
            Step::ForgetRecord { kind, id } => self.only(records::forget(self.tenant, kind.name(), id)),
            Step::Forget(forgotten) => self.forget(seq, forgotten),
            Step::KeepVectors(kept) => self.keep_vectors(seq, kept),
            Step::InsertCheckpoint { seq, text, .. } => {
                self.alone(INSERT_CHECKPOINT, vec![boxed(*seq), boxed(text.as_str())]);
            }
        }
    }

    fn insert_spiral(&mut self, spiral: &'a SpiralRow) {
        let id = boxed(Bytes::of(spiral.id.uuid()));
        let (expires, document) = (boxed(spiral.expires), boxed(spiral.document.as_str()));
        self.alone(INSERT_SPIRAL, vec![boxed(Bytes(spiral.partition)), id, expires, document]);
    }

    fn mark_pending(&mut self, mark: &PendingMark) {
        let after = mark.after.map(|after| Bytes::of(after.uuid()));
        let (id, root) = (Bytes::of(mark.id.uuid()), Bytes::of(mark.root.uuid()));
        self.alone(MARK_PENDING, vec![boxed(id), boxed(root), boxed(after)]);
    }

    fn forget(&mut self, seq: i64, forgotten: &'a Forgotten) {
        self.end_round();
        let (rows, beside) = person::forget(self.tenant, seq, forgotten);
        self.calls.extend(rows);
        self.forgotten.extend(beside);
    }

    fn keep_vectors(&mut self, seq: i64, kept: &'a [VectorRow]) {
        self.end_round();
        self.calls.extend(vectors::keep(self.tenant, seq, kept));
    }

    /// What these memories are looked up by, if anything.
    fn insert_keys(&mut self, rows: &[(i64, &'a MemoryRow)]) {
        let keys =
            rows.iter().flat_map(|(_, memory)| memory.index.iter().map(|key| (Bytes(*key), memory.id)));
        let keys: Vec<_> = keys.collect();
        if !keys.is_empty() {
            let ids = column(&keys, |(_, id)| Bytes::of(id.uuid()));
            self.call(INSERT_KEYS, vec![column(&keys, |(key, _)| *key), ids]);
        }
    }

    fn touch(&mut self, record: Record<'a>) {
        if self.round.touched.contains(&record) {
            self.end_round();
        }
        self.round.touched.insert(record);
    }

    /// A statement that keeps its place between the others.
    fn alone(&mut self, sql: &'static str, values: Vec<Value<'a>>) {
        self.end_round();
        self.call(sql, values);
    }

    fn only(&mut self, call: Call<'a>) {
        self.end_round();
        self.calls.push(call);
    }

    fn call(&mut self, sql: &'static str, mut values: Vec<Value<'a>>) {
        values.insert(0, boxed(self.tenant));
        self.calls.push(Call::new(sql, values));
    }

    fn end_round(&mut self) {
        let round = std::mem::take(&mut self.round);
        if !round.inserted.is_empty() {
            self.call(INSERT_MEMORIES, memories(&round.inserted));
            if let Some(links) = links(&round.inserted) {
                self.call(INSERT_LINKS, links);
            }
            self.insert_keys(&round.inserted);
        }
        if !round.replaced.is_empty() {
            self.call(KEEP_VERSIONS, places(&round.replaced));
        }
        if !round.erased.is_empty() {
            for (_, memory) in &round.erased {
                self.call(WIPE_VERSIONS, vec![boxed(Bytes::of(memory.id.uuid()))]);
                self.call(family::FORGET_PARENTS, vec![boxed(Bytes::of(memory.id.uuid()))]);
                self.call(records::FORGET_OPINIONS, records::of_opinions(memory.id));
            }
            self.call(KEEP_WIPED_VERSIONS, places(&round.erased));
        }
        let changed: Vec<_> = round.replaced.into_iter().chain(round.erased).collect();
        if !changed.is_empty() {
            self.call(UPDATE_MEMORIES, memories(&changed));
            for (seq, memory) in &changed {
                self.call(FORGET_KEYS, vec![boxed(Bytes::of(memory.id.uuid()))]);
                self.calls.push(vectors::drop_unless_of(self.tenant, *seq, memory));
            }
            self.insert_keys(&changed);
        }
        if !round.grants.is_empty() {
            self.call(INSERT_GRANTS, grants(&round.grants));
        }
        if !round.grants_replaced.is_empty() {
            self.call(UPDATE_GRANTS, grants(&round.grants_replaced));
        }
        if !round.subject_keys.is_empty() {
            let keys = &round.subject_keys;
            self.call(INSERT_SUBJECT_KEYS, vec![column(keys, |key| key.0), column(keys, |key| key.1)]);
        }
        if !round.policies.is_empty() {
            self.call(KEEP_POLICIES, policies(&round.policies));
        }
        if let Some(hash) = round.active_policy {
            self.call(ACTIVATE_POLICY, vec![boxed(hash)]);
        }
        if !round.idempotency.is_empty() {
            self.call(INSERT_IDEMPOTENCY, idempotency(&round.idempotency));
        }
    }
}

pub(super) fn boxed<'a>(value: impl tokio_postgres::types::ToSql + Sync + Send + 'a) -> Value<'a> {
    Box::new(value)
}

/// One column of many rows.
pub(super) fn column<'a, R, T: tokio_postgres::types::ToSql + Sync + Send + 'a>(
    rows: &[R],
    value: impl Fn(&R) -> T,
) -> Value<'a> {
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

fn memories<'a>(rows: &[(i64, &'a MemoryRow)]) -> Vec<Value<'a>> {
    vec![
        column(rows, |(_, memory)| Bytes::of(memory.id.uuid())),
        column(rows, |(_, memory)| memory.version),
        column(rows, |(seq, _)| *seq),
        column(rows, |(_, memory)| Bytes(memory.partition)),
        column(rows, |(_, memory)| memory.memory_type),
        column(rows, |(_, memory)| memory.kind),
        column(rows, |(_, memory)| memory.domain_key.map(Bytes)),
        column(rows, |(_, memory)| memory.state),
        column(rows, |(_, memory)| memory.created),
        column(rows, |(_, memory)| memory.expires),
        column(rows, |(_, memory)| memory.stored.document.as_str()),
        column(rows, |(_, memory)| memory.stored.body.as_slice()),
        column(rows, |(_, memory)| memory.occurred),
        column(rows, |(_, memory)| memory.facets),
        column(rows, |(_, memory)| memory.keys.words.as_deref()),
        column(rows, |(_, memory)| memory.keys.tags.as_deref()),
        column(rows, |(_, memory)| memory.keys.conversation.as_deref()),
    ]
}

/// What these memories were derived from, if anything.
fn links<'a>(rows: &[(i64, &'a MemoryRow)]) -> Option<Vec<Value<'a>>> {
    let links: Vec<_> =
        rows.iter().flat_map(|(_, memory)| memory.links.iter().map(|link| (memory.id, link))).collect();
    let values = || {
        vec![
            column(&links, |(_, link)| Bytes::of(link.parent.uuid())),
            column(&links, |(child, _)| Bytes::of(child.uuid())),
            column(&links, |(_, link)| link.kind),
            column(&links, |(_, link)| link.transform.as_deref()),
        ]
    };
    (!links.is_empty()).then(values)
}

/// Which memories are replaced, and from which place of the chain on.
fn places<'a>(rows: &[(i64, &'a MemoryRow)]) -> Vec<Value<'a>> {
    vec![column(rows, |(_, memory)| Bytes::of(memory.id.uuid())), column(rows, |(seq, _)| *seq)]
}

fn grants<'a>(rows: &[&'a GrantRow]) -> Vec<Value<'a>> {
    vec![
        column(rows, |grant| Bytes::of(grant.id.uuid())),
        column(rows, |grant| Bytes(grant.token_hash)),
        column(rows, |grant| grant.version),
        column(rows, |grant| grant.expires),
        column(rows, |grant| grant.document.as_str()),
    ]
}

fn policies<'a>(rows: &[&'a PolicyDocument]) -> Vec<Value<'a>> {
    vec![
        column(rows, |policy| policy.hash.as_str()),
        column(rows, |policy| policy.version.as_str()),
        column(rows, |policy| policy.text.as_str()),
    ]
}

fn idempotency<'a>(rows: &[&'a IdempotencyRow]) -> Vec<Value<'a>> {
    vec![
        column(rows, |record| record.client.as_str()),
        column(rows, |record| record.key.as_str()),
        column(rows, |record| record.used),
        column(rows, |record| record.document.as_str()),
    ]
}
