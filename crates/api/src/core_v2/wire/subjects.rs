//! What is asked about a person, and what is answered.

use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory};
use memoryscope_domain::object::Note;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Shown;
use memoryscope_engine::subjects::Receipt;
use serde_json::{Value, json};

use super::answers::decided_schema;
use super::requests::{ScopeName, purpose};
use super::scalar::{prose, tenant_id};
use super::{shown, shown_schema};
use crate::openapi::schema::{about, count, free, list, names, object, or_null, prefixed, text, time, truth};
use crate::wire::{Fields, Shape, choice, list_of, object as shape};

/// `POST /v2/subjects/{id}/erase`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct EraseSubject {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) reason: Option<Note>,
}

impl Shape for EraseSubject {
    const NAME: &'static str = "EraseSubject";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let reason = f.optional("reason", prose());
        Some(Self { tenant: tenant?, reason })
    }
}

/// `POST /v2/subjects/{id}/consent`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct Consent {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) is_withdrawal: bool,
    pub(in crate::core_v2) purposes: Vec<Purpose>,
    pub(in crate::core_v2) scopes: Vec<Scope>,
    pub(in crate::core_v2) reason: Option<Note>,
}

impl Shape for Consent {
    const NAME: &'static str = "ConsentInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let decision = f.required("decision", choice([("grant", false), ("withdraw", true)]));
        let purposes = f.optional("purposes", list_of(purpose(), 0..=limits::CONSENT_NAMES_MAX));
        let scopes = f.optional("scopes", list_of(shape::<ScopeName>(), 0..=limits::CONSENT_NAMES_MAX));
        let reason = f.optional("reason", prose());
        let scopes = scopes.unwrap_or_default().into_iter().map(|scope| scope.0).collect();
        let purposes = purposes.unwrap_or_default();
        Some(Self { tenant: tenant?, is_withdrawal: decision?, purposes, scopes, reason })
    }
}

fn received(receipt: &Receipt, counts: &Value) -> Value {
    json!({
        "receipt_id": format!("rcp_{}", receipt.closed.uuid().simple()),
        "counts": counts,
        "complete": true,
        "at": receipt.at.to_string(),
    })
}

fn received_schema<const N: usize>(title: &str, counts: [(&str, Value); N]) -> Value {
    decided_schema(object(
        title,
        [
            (
                "receipt_id",
                about(prefixed("rcp_"), "The audit entry that closed it has these digits behind `log_`."),
            ),
            ("counts", object(&format!("{title}Counts"), counts)),
            ("complete", about(truth(), "Always true: what was not finished has no receipt.")),
            ("at", time()),
        ],
    ))
}

/// The receipt of an erasure.
pub(in crate::core_v2) fn erased(receipt: &Receipt) -> Value {
    let counts = &receipt.counts;
    received(
        receipt,
        &json!({
            "memories": counts.events + counts.impacts + counts.seeds,
            "derived": counts.derived,
            "preferences": counts.preferences,
            "restricted": counts.restricted,
            "versions": counts.versions,
            "grants": receipt.grants,
            "idempotency": receipt.idempotency,
            "audit_private": receipt.audit_private,
        }),
    )
}

/// The schema of [`erased`].
pub(in crate::core_v2) fn erased_schema() -> Value {
    received_schema(
        "ErasureReceipt",
        [
            ("memories", about(count(), "Events, and impacts and seeds that somebody stored.")),
            ("derived", about(count(), "What was derived from them and followed.")),
            ("preferences", count()),
            ("restricted", about(count(), "Of all of these, those that others keep, without the person.")),
            ("versions", about(count(), "Versions whose content was wiped.")),
            ("grants", count()),
            ("idempotency", about(count(), "Records of idempotency keys.")),
            ("audit_private", about(count(), "Audit entries beside which nothing stands any more.")),
        ],
    )
}

/// The receipt of a withdrawal.
pub(in crate::core_v2) fn withdrawn(receipt: &Receipt) -> Value {
    let counts = &receipt.counts;
    received(
        receipt,
        &json!({
            "events": counts.events,
            "impacts": counts.impacts,
            "seeds": counts.seeds,
            "preferences": counts.preferences,
            "derived": counts.derived,
        }),
    )
}

/// The schema of [`withdrawn`].
pub(in crate::core_v2) fn withdrawn_schema() -> Value {
    received_schema(
        "WithdrawalReceipt",
        [
            ("events", count()),
            ("impacts", count()),
            ("seeds", count()),
            ("preferences", count()),
            ("derived", about(count(), "What was derived from them and followed.")),
        ],
    )
}

/// An event, an impact or a seed with its earlier versions; none for what is none.
pub(in crate::core_v2) fn with_versions(
    memory: &Memory,
    earlier: &[std::sync::Arc<Memory>],
    now: Timestamp,
) -> Option<Value> {
    let told = |memory: &Memory| {
        let told = shown::memory(memory, Shown::Stored(memory.state), now)?;
        serde_json::to_value(&told).ok()
    };
    let versions: Vec<Value> = earlier.iter().filter_map(|version| told(version)).collect();
    Some(json!({ "memory": told(memory)?, "versions": versions }))
}

/// A preference with its earlier versions; none for what is none.
pub(in crate::core_v2) fn preference(memory: &Memory, earlier: &[std::sync::Arc<Memory>]) -> Option<Value> {
    let told = |memory: &Memory| {
        let preference = memory.preference()?;
        Some(json!({
            "id": memory.id.to_string(),
            "scope": preference.kind().name(),
            "domain": preference.domain(),
            "source": preference.source().name(),
            "value_json": preference.value(),
            "state": memory.state.name(),
            "created_at": memory.created.to_string(),
            "expires_at": memory.expires.map(|time| time.to_string()),
            "version": memory.version,
        }))
    };
    let mut shown = told(memory)?;
    shown["versions"] = earlier.iter().filter_map(|version| told(version)).collect();
    Some(shown)
}

/// A grant to read again what a person's shelf holds.
pub(in crate::core_v2) fn grant(grant: &ReadGrant) -> Value {
    json!({
        "id": grant.id.prefixed(),
        "client": grant.client,
        "scope": grant.kind.name(),
        "domain": grant.domain,
        "purpose": grant.purpose.name(),
        "created_at": grant.created.to_string(),
        "expires_at": grant.expires.to_string(),
        "revoked_at": grant.revoked.map(|time| time.to_string()),
    })
}

/// The schema of an export.
pub(in crate::core_v2) fn exported_schema() -> Value {
    let either = json!({"anyOf": [shown_schema::memory(), shown_schema::tombstone()]});
    let memory = object("ExportedMemory", [("memory", either.clone()), ("versions", list(either))]);
    let preference = object(
        "ExportedPreference",
        [
            ("id", text()),
            ("scope", text()),
            ("domain", or_null(text())),
            ("source", text()),
            ("value_json", free()),
            (
                "state",
                names(memoryscope_domain::memory::State::ALL.map(memoryscope_domain::memory::State::name)),
            ),
            ("created_at", time()),
            ("expires_at", or_null(time())),
            ("version", count()),
            ("versions", list(free())),
        ],
    );
    let grant = object(
        "ExportedGrant",
        [
            ("id", text()),
            ("client", text()),
            ("scope", text()),
            ("domain", or_null(text())),
            ("purpose", text()),
            ("created_at", time()),
            ("expires_at", time()),
            ("revoked_at", or_null(time())),
        ],
    );
    decided_schema(object(
        "SubjectExport",
        [
            ("subject", text()),
            ("at", time()),
            (
                "memories",
                about(
                    list(memory),
                    "Of what others own, and which is about others too, only that it is there.",
                ),
            ),
            ("preferences", list(preference)),
            ("grants", list(grant)),
            ("access_logs", list(crate::audit::access_schema())),
        ],
    ))
}

/// Whether a memory is a preference, or was one.
pub(in crate::core_v2) const fn is_preference(memory: &Memory) -> bool {
    matches!(memory.body, Body::Preference(_))
}

/// Whom a path names.
pub(in crate::core_v2) fn person() -> impl crate::wire::Decode<Out = UserId> {
    super::scalar::party()
}
