//! What is asked about a scope's spiral, and answered.

use memoryscope_domain::ids::TenantId;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::spiral::Pattern;
use memoryscope_engine::op::spiral::Active;
use serde::Serialize;
use serde_json::{Value, json};

use super::answers::decided_schema;
use super::requests::scope_fields;
use super::scalar::tenant_id;
use crate::openapi::schema::{about, names, object, or_null, time, truth};
use crate::wire::{Fields, Shape};

/// `GET /v2/spiral`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct SpiralRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
}

impl Shape for SpiralRequest {
    const NAME: &'static str = "GetSpiral";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = scope_fields(f);
        Some(Self { tenant: tenant?, scope: scope? })
    }
}

#[derive(Serialize)]
struct Told {
    active: bool,
    #[serde(rename = "type")]
    pattern: Option<&'static str>,
    confidence: Option<f64>,
    expires_at: Option<String>,
}

/// Which spiral holds, if any.
pub(in crate::core_v2) fn spiral(active: Option<&Active>) -> impl Serialize + use<> {
    Told {
        active: active.is_some(),
        pattern: active.map(|active| active.pattern.name()),
        confidence: active.map(|active| active.confidence.get()),
        expires_at: active.map(|active| active.expires.to_string()),
    }
}

/// The schema of [`spiral`].
pub(in crate::core_v2) fn spiral_schema() -> Value {
    let share = json!({"type": "number", "minimum": 0, "maximum": 1});
    decided_schema(object(
        "Spiral",
        [
            ("active", about(truth(), "Whether one holds that this caller may know of.")),
            ("type", or_null(names(Pattern::ALL.map(Pattern::name)))),
            ("confidence", or_null(about(share, "How surely it was found."))),
            ("expires_at", or_null(about(time(), "Until when it holds."))),
        ],
    ))
}
