//! How fast entries are linked and verified: `cargo run --release --example audit_speed`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use memoryscope_domain::audit_chain::{
    AuditKey, Code, Draft, Entry, ExportHeader, ExportVerifier, Hash32, Head, MemoryRefs, PolicyRef, Row,
    Seq, Trust, Verdict, Verifier, entry_line, link,
};
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, MemoryId, TenantId};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::time::Timestamp;

const ENTRIES: u64 = 200_000;

/// A read of three memories, with every member that a read has.
fn draft(tenant: &TenantId, key: &AuditKey, ids: &mut IdSource, n: u64) -> Draft {
    let memories: Vec<MemoryId> = (0..3).map(|_| MemoryId::from_uuid(ids.next_uuid())).collect();
    Draft {
        id: AuditId::from_uuid(ids.next_uuid()),
        tenant: tenant.clone(),
        time: Timestamp::from_unix_micros(1_767_225_600_000_000 + n as i64),
        operation: Code::MEMORY_READ,
        actor: Some(key.actor("an app")),
        subject: Some(key.subject("Ada")),
        purpose: Some(Purpose::ChatResponse),
        scope_type: Some(ScopeType::User),
        kind: Some(Code::literal("preferences")),
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::from([(Arc::from("chat_reads_active"), 3)]),
        as_of: Seq(n),
        policy: PolicyRef { version: Arc::from("pol_2026_01_06_01"), hash: Hash32::of(b"a policy") },
        memories: MemoryRefs::of(&memories),
        grant: None,
        private_digest: Some(key.value(b"private")),
        value_digest: Some(key.value(b"answer")),
    }
}

#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn report(what: &str, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    let each = seconds * 1e6 / ENTRIES as f64;
    println!("{what:32} {each:6.2} µs an entry, {:9.0} entries/s", ENTRIES as f64 / seconds);
}

fn main() {
    let tenant = TenantId::default_tenant();
    let key = AuditKey::from_bytes([7; 32]);
    let mut ids = IdSource::new(IdSeed([1; 16]), Timestamp::from_unix_micros(1_767_225_600_000_000));
    let began = Instant::now();
    let drafts: Vec<Draft> = (0..ENTRIES).map(|n| draft(&tenant, &key, &mut ids, n)).collect();
    report("draft (ids, four HMACs)", began);

    let began = Instant::now();
    let mut head = Head::GENESIS;
    for draft in &drafts {
        head = black_box(link(&head, draft)).head();
    }
    report("link", began);

    let mut head = Head::GENESIS;
    let mut log: Vec<Entry> = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let entry = link(&head, draft);
        head = entry.head();
        log.push(entry);
    }

    let began = Instant::now();
    for entry in &log {
        let _ = black_box(entry.parse());
    }
    report("parse", began);

    let began = Instant::now();
    let mut verifier = Verifier::new(tenant.clone());
    for entry in &log {
        verifier.push(&Row::from(entry));
    }
    assert!(verifier.finish().ok);
    report("verify rows", began);

    let began = Instant::now();
    let mut lines = vec![ExportHeader { tenant, head, checkpoints: 0 }.line()];
    lines.extend(log.iter().map(|entry| entry_line(&Row::from(entry), None)));
    report("write export lines", began);

    let began = Instant::now();
    let mut verifier = ExportVerifier::new(Trust::AnyKey, Vec::new());
    for line in &lines {
        verifier.push_line(line.as_bytes());
    }
    assert!(verifier.finish().ok);
    report("verify export lines", began);
}
