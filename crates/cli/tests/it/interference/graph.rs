//! What twins are asked of schemas and of the graph.

use serde_json::json;

use super::endpoints::Probe;
use super::items;
use super::world::Caller;

/// Memories are nodes under their own ids; what may not be seen is as what is not.
pub(super) async fn node(probe: &Probe<'_>, tail: &str) {
    for (id, purpose) in probe.named() {
        let user = &probe.caller.user;
        let asked = probe.caller.get(&format!("/v1/graph/nodes/{id}{tail}?external_user_id={user}"));
        probe.twins.ask(&Caller::with_purpose(asked, purpose)).await;
    }
    for purpose in probe.purposes {
        for node in (0..3).map(items::node) {
            let (id, user) = (node.prefixed(), &probe.caller.user);
            let asked = probe.caller.get(&format!("/v1/graph/nodes/{id}{tail}?external_user_id={user}"));
            probe.twins.ask(&Caller::with_purpose(asked, *purpose)).await;
        }
    }
}

/// A schema that there is not.
pub(super) const NO_SCHEMA: &str = "/v1/schemas/schema_00000000000000000000000000000007";

pub(super) async fn schema(probe: &Probe<'_>) {
    let body = json!({"name": "Probes", "node_types": {"Probe": {"name": "Probe"}}});
    probe.twins.ask(&probe.caller.post("/v1/schemas", &body)).await;
}

pub(super) async fn amended(probe: &Probe<'_>) {
    probe.twins.ask(&probe.caller.put(NO_SCHEMA, &json!({"status": "active"}))).await;
}

pub(super) async fn deleted(probe: &Probe<'_>) {
    probe.twins.ask(&probe.caller.delete(NO_SCHEMA)).await;
}
