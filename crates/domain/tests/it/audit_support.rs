//! Logs to break: deterministic drafts, chains, exports.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::{
    AuditKey, Checkpoint, CheckpointKey, Code, Draft, Entry, ExportHeader, Hash32, Head, MemoryRefs,
    PolicyRef, Seq, SignedCheckpoint, Verdict, entry_line, link,
};
use memoryscope_domain::ids::{AuditId, GrantId, MemoryId, TenantId};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::time::Timestamp;
use uuid::Uuid;

/// SplitMix64: a fixed stream of numbers, so that a failing case can be run again.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the remainder fits")
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn chance(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant's name")
}

pub(crate) fn key() -> AuditKey {
    AuditKey::from_bytes([7; 32])
}

pub(crate) fn signer() -> CheckpointKey {
    CheckpointKey::from_bytes(&[9; 32])
}

/// A draft with every member sometimes there and sometimes not.
pub(crate) fn draft(tenant: &TenantId, numbers: &mut Numbers) -> Draft {
    let key = key();
    let rules = ["seal_sensitive_events", "default", "r/1", "λ-rule", "\u{fb33}", "𝒳"];
    let ids: Vec<MemoryId> = (0..numbers.below(4)).map(|_| MemoryId::from_uuid(numbers.uuid())).collect();
    Draft {
        id: AuditId::from_uuid(numbers.uuid()),
        tenant: tenant.clone(),
        time: Timestamp::from_unix_micros(
            1_767_225_600_000_000 + i64::try_from(numbers.below(1 << 40)).expect("fits"),
        ),
        operation: numbers.pick(&[Code::MEMORY_WRITE, Code::MEMORY_READ, Code::MEMORY_REVOKE]),
        actor: numbers.chance().then(|| key.actor("an app")),
        subject: numbers.chance().then(|| key.subject("Åsa")),
        purpose: numbers.chance().then(|| numbers.pick(&Purpose::ALL)),
        scope_type: numbers.chance().then(|| numbers.pick(&ScopeType::ALL)),
        kind: numbers.chance().then(|| Code::literal("preferences")),
        decision: numbers.pick(&Verdict::ALL),
        reason_code: numbers.chance().then(|| Code::literal("POLICY_DENIED")),
        rules: (0..numbers.below(3))
            .map(|_| (Arc::from(numbers.pick(&rules)), numbers.next() >> 50))
            .collect::<BTreeMap<_, _>>(),
        as_of: Seq(numbers.next() >> 40),
        policy: PolicyRef { version: Arc::from("pol_2026_01_06_01"), hash: Hash32::of(b"a policy") },
        memories: MemoryRefs::of(&ids),
        grant: numbers.chance().then(|| GrantId::from_uuid(numbers.uuid())),
        private_digest: numbers.chance().then(|| key.value(b"private")),
        value_digest: numbers.chance().then(|| key.value(b"answer")),
    }
}

/// An honest log.
pub(crate) fn log(tenant: &TenantId, entries: usize, seed: u64) -> Vec<Entry> {
    let mut numbers = Numbers(seed);
    let mut head = Head::GENESIS;
    let mut log = Vec::with_capacity(entries);
    for _ in 0..entries {
        let entry = link(&head, &draft(tenant, &mut numbers));
        head = entry.head();
        log.push(entry);
    }
    log
}

pub(crate) fn head_of(log: &[Entry]) -> Head {
    log.last().map_or(Head::GENESIS, Entry::head)
}

/// Signed checkpoints at these places of a log.
pub(crate) fn checkpoints(tenant: &TenantId, log: &[Entry], places: &[usize]) -> Vec<SignedCheckpoint> {
    let mut prev_checkpoint = None;
    let sign = |place: &usize| {
        let checkpoint = Checkpoint {
            tenant: tenant.clone(),
            head: head_of(&log[..*place]),
            time: Timestamp::from_unix_micros(
                1_767_225_600_000_000 + i64::try_from(*place).expect("fits") * 60_000_000,
            ),
            prev_checkpoint,
        };
        prev_checkpoint = Some(checkpoint.hash());
        signer().sign(checkpoint)
    };
    places.iter().map(sign).collect()
}

/// An export of these entries and checkpoints, in this order, whatever they are.
pub(crate) fn export(tenant: &TenantId, log: &[Entry], checkpoints: &[SignedCheckpoint]) -> String {
    let header =
        ExportHeader { tenant: tenant.clone(), head: head_of(log), checkpoints: checkpoints.len() as u64 };
    let mut text = header.line();
    for checkpoint in checkpoints {
        text.push('\n');
        text.push_str(&checkpoint.text());
    }
    for entry in log {
        text.push('\n');
        text.push_str(&entry_line(&entry.into(), None));
    }
    text.push('\n');
    text
}
