//! What is asked about a person, and what is answered.

use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::consent::{Consents, Purposes, Said};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory};
use memoryscope_domain::object::Note;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::spiral::{Pattern, ThoughtPatternArtifact};
use memoryscope_domain::subject::Deed;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Shown;
use memoryscope_engine::subjects::Receipt;
use serde_json::{Value, json};

use super::answers::decided_schema;
use super::requests::ScopeName;
use super::scalar::{prose, tenant_id};
use super::{shown, shown_schema};
use crate::openapi::schema::{
    about, count, free, list, names, object, or_null, prefixed, text, time, truth, with,
};
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
    pub(in crate::core_v2) deed: Deed,
    pub(in crate::core_v2) reason: Option<Note>,
}

impl Shape for Consent {
    const NAME: &'static str = "ConsentInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let decision = f.required("decision", choice([("grant", false), ("withdraw", true)]));
        let withdrawable = Purposes::withdrawable().iter().map(|purpose| (purpose.name(), purpose));
        let purposes = f.optional("purposes", list_of(choice(withdrawable), 0..=limits::CONSENT_NAMES_MAX));
        let scopes = f.optional("scopes", list_of(shape::<ScopeName>(), 0..=limits::CONSENT_NAMES_MAX));
        let reason = f.optional("reason", prose());
        let scopes = scopes.unwrap_or_default().into_iter().map(|scope| scope.0).collect();
        let (tenant, is_withdrawal, purposes) = (tenant?, decision?, purposes.unwrap_or_default());
        let deed = match (is_withdrawal, purposes.is_empty()) {
            (true, true) => Deed::Withdraw { scopes, reason: reason.clone() },
            (true, false) => {
                Deed::Consent(Said { is_grant: false, purposes: Purposes::of(purposes), scopes })
            }
            (false, true) => {
                Deed::Consent(Said { is_grant: true, purposes: Purposes::withdrawable(), scopes })
            }
            (false, false) => {
                Deed::Consent(Said { is_grant: true, purposes: Purposes::of(purposes), scopes })
            }
        };
        Some(Self { tenant, deed, reason })
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
            "bridges": receipt.bridges,
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
            (
                "bridges",
                about(
                    count(),
                    "Bridges from and to the person's scope, those that were removed before included.",
                ),
            ),
            ("idempotency", about(count(), "Records of idempotency keys.")),
            ("audit_private", about(count(), "Audit entries beside which nothing stands any more.")),
        ],
    )
}

/// The receipt of what a person said about consent. Of a grant it says what it does not do.
pub(in crate::core_v2) fn decided(receipt: &Receipt, deed: &Deed) -> Value {
    let counts = &receipt.counts;
    let is_grant = matches!(deed, Deed::Consent(said) if said.is_grant);
    let mut shown = received(
        receipt,
        &json!({
            "events": counts.events,
            "impacts": counts.impacts,
            "seeds": counts.seeds,
            "preferences": counts.preferences,
            "derived": counts.derived,
        }),
    );
    shown["note"] = json!(is_grant.then_some(STAYS_REVOKED));
    shown
}

/// What a grant does not do.
const STAYS_REVOKED: &str = "What a withdrawal for all purposes has revoked stays revoked";

/// The schema of [`decided`].
pub(in crate::core_v2) fn decided_receipt_schema() -> Value {
    let receipt = received_schema(
        "ConsentReceipt",
        [
            ("events", count()),
            ("impacts", count()),
            ("seeds", count()),
            ("preferences", count()),
            ("derived", about(count(), "What was derived from them and followed.")),
        ],
    );
    with(receipt, [("note", or_null(about(text(), "Of a grant, what it does not do.")))])
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

/// A bridge from or to a person's scope, whether or not it stands.
pub(in crate::core_v2) fn bridge(bridge: &Bridge) -> Value {
    let mut told = super::bridges::bridge(bridge);
    told["removed_at"] = json!(bridge.removed.map(|time| time.to_string()));
    told
}

/// What a person has withdrawn and not granted again.
pub(in crate::core_v2) fn consents(consents: Option<&Consents>) -> Value {
    let names = |purposes: Purposes| -> Vec<&str> { purposes.iter().map(Purpose::name).collect() };
    let scopes = consents.map_or(&[][..], |consents| &consents.scopes);
    let scopes: Vec<Value> = scopes
        .iter()
        .map(|one| {
            json!({
                "scope_type": one.scope.scope_type.name(),
                "scope_id": one.scope.id,
                "withdrawn": names(one.withdrawn),
                "granted": names(one.granted),
            })
        })
        .collect();
    json!({ "withdrawn": names(consents.map_or(Purposes::NONE, |consents| consents.everywhere)), "scopes": scopes })
}

fn consents_schema() -> Value {
    let purposes = || list(names(Purposes::withdrawable().iter().map(Purpose::name)));
    let scope = object(
        "ExportedConsentInScope",
        [
            ("scope_type", names(ScopeType::ALL.map(ScopeType::name))),
            ("scope_id", text()),
            ("withdrawn", purposes()),
            ("granted", about(purposes(), "What is withdrawn everywhere, and not here.")),
        ],
    );
    object(
        "ExportedConsents",
        [
            ("withdrawn", about(purposes(), "Wherever nothing else is said.")),
            ("scopes", about(list(scope), "Scopes of which something else is said.")),
        ],
    )
}

/// A spiral that holds: never by which signals or events it was found.
pub(in crate::core_v2) fn spiral(spiral: &ThoughtPatternArtifact) -> Value {
    json!({
        "type": spiral.finding.pattern.name(),
        "confidence": spiral.finding.confidence.get(),
        "window_events": spiral.finding.window_events,
        "window_minutes": spiral.finding.window_minutes,
        "created_at": spiral.created.to_string(),
        "expires_at": spiral.expires.to_string(),
    })
}

fn spiral_schema() -> Value {
    let share = json!({"type": "number", "minimum": 0, "maximum": 1});
    object(
        "ExportedSpiral",
        [
            ("type", names(Pattern::ALL.map(Pattern::name))),
            ("confidence", about(share, "How surely it was found.")),
            ("window_events", about(count(), "In how many events.")),
            (
                "window_minutes",
                about(count(), "How many minutes lie between the first and the last of them."),
            ),
            ("created_at", time()),
            ("expires_at", time()),
        ],
    )
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
            ("value_json", json!({"type": ["object", "array"]})),
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
    let mut bridge = with(super::bridges::bridge_object(), [("removed_at", or_null(time()))]);
    bridge["title"] = json!("ExportedBridge");
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
            ("bridges", about(list(bridge), "From and to their scope, those that were removed included.")),
            ("consents", about(consents_schema(), "What was withdrawn and not granted again.")),
            (
                "spirals",
                about(
                    list(spiral_schema()),
                    "Those that hold in the person's own scope, which has at most one.",
                ),
            ),
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
