//! Jobs and batches: what is hidden makes none that others see.

use serde_json::json;

use super::endpoints::Probe;

/// A batch that never was.
pub(super) const NO_BATCH: &str = "/v1/memory/batch/status/batch_00000000000000000000000000000000";

pub(super) async fn listed(probe: &Probe<'_>) {
    for query in ["", "?type=extraction", "?type=webhook&state=failed", "?state=queued&limit=1"] {
        probe.get(&format!("/v2/jobs{query}")).await;
    }
}

pub(super) async fn named(probe: &Probe<'_>) {
    for id in probe.strange() {
        let id = id.replace("mem_", "extraction_");
        probe.get(&format!("/v2/jobs/{id}")).await;
    }
}

pub(super) async fn ordered(probe: &Probe<'_>, wish: &str) {
    for id in probe.strange() {
        let id = id.replace("mem_", "extraction_");
        probe.post(&format!("/v2/jobs/{id}/{wish}"), &json!({})).await;
    }
}
