//! How fast entries are hashed and verified: `cargo bench -p memoryscope-domain --bench audit`.

use std::collections::BTreeMap;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use memoryscope_domain::audit_chain::{
    AuditKey, Code, Draft, Entry, ExportHeader, ExportVerifier, Hash32, Head, MemoryRefs, PolicyRef, Row,
    Seq, Trust, Verdict, Verifier, entry_line, link,
};
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, MemoryId, TenantId};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::time::Timestamp;

const STARTED_MICROS: i64 = 1_767_225_600_000_000;
/// Entries of a chain that is verified.
const ENTRIES: usize = 1_000;

fn main() {
    divan::main();
}

fn ids() -> IdSource {
    IdSource::new(IdSeed([1; 16]), Timestamp::from_unix_micros(STARTED_MICROS))
}

fn key() -> AuditKey {
    AuditKey::from_bytes([7; 32])
}

/// A read of three memories, with every member that a read has.
fn draft(key: &AuditKey, ids: &mut IdSource, number: u64) -> Draft {
    let memories: Vec<MemoryId> = (0..3).map(|_| MemoryId::from_uuid(ids.next_uuid())).collect();
    Draft {
        id: AuditId::from_uuid(ids.next_uuid()),
        tenant: TenantId::default_tenant(),
        time: Timestamp::from_unix_micros(STARTED_MICROS + number as i64),
        operation: Code::MEMORY_READ,
        actor: Some(key.actor("an app")),
        subject: Some(key.subject("Ada")),
        purpose: Some(Purpose::ChatResponse),
        scope_type: Some(ScopeType::User),
        kind: Some(Code::literal("preferences")),
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::from([(Arc::from("chat_reads_active"), 3)]),
        as_of: Seq(number),
        policy: PolicyRef { version: Arc::from("pol_2026_01_06_01"), hash: Hash32::of(b"a policy") },
        memories: MemoryRefs::of(&memories),
        grant: None,
        private_digest: Some(key.value(b"private")),
        value_digest: Some(key.value(b"answer")),
    }
}

fn chain() -> (Head, Vec<Entry>) {
    let (key, mut ids, mut head) = (key(), ids(), Head::GENESIS);
    let mut entries = Vec::new();
    for number in 0..ENTRIES as u64 {
        let entry = link(&head, &draft(&key, &mut ids, number));
        head = entry.head();
        entries.push(entry);
    }
    (head, entries)
}

fn export(head: Head, entries: &[Entry]) -> Vec<String> {
    let header = ExportHeader { tenant: TenantId::default_tenant(), head, checkpoints: 0 }.line();
    let lines = entries.iter().map(|entry| entry_line(&Row::from(entry), None));
    std::iter::once(header).chain(lines).collect()
}

/// What an entry says of a read: ids, and four HMACs.
#[divan::bench]
fn draft_of_an_entry(bencher: Bencher<'_, '_>) {
    let (key, mut ids) = (key(), ids());
    bencher.bench_local(|| draft(&key, &mut ids, 1));
}

/// Its canonical JSON and its hash, on top of the entry before it.
#[divan::bench]
fn hash_of_an_entry(bencher: Bencher<'_, '_>) {
    let draft = draft(&key(), &mut ids(), 1);
    bencher.bench_local(|| link(&Head::GENESIS, &draft));
}

#[divan::bench]
fn parse_an_entry(bencher: Bencher<'_, '_>) {
    let entry = link(&Head::GENESIS, &draft(&key(), &mut ids(), 1));
    bencher.bench_local(|| entry.parse().is_ok());
}

#[divan::bench]
fn verify_rows(bencher: Bencher<'_, '_>) {
    let (_, entries) = chain();
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let mut verifier = Verifier::new(TenantId::default_tenant());
        for entry in &entries {
            verifier.push(&Row::from(entry));
        }
        assert!(verifier.finish().ok);
    });
}

#[divan::bench]
fn write_export_lines(bencher: Bencher<'_, '_>) {
    let (head, entries) = chain();
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| export(head, &entries));
}

#[divan::bench]
fn verify_export_lines(bencher: Bencher<'_, '_>) {
    let (head, entries) = chain();
    let lines = export(head, &entries);
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let mut verifier = ExportVerifier::new(Trust::AnyKey, Vec::new());
        for line in &lines {
            verifier.push_line(line.as_bytes());
        }
        assert!(verifier.finish().ok);
    });
}
