//! What twins are asked about users and namespaces: nothing of either follows from a memory.

use serde_json::json;

use super::endpoints::Probe;
use super::world::Caller;

pub(super) const NOBODY: &str = "/v1/user/u_00000000000000000000000000000000";
pub(super) const NOWHERE: &str = "/v1/namespace/ns_00000000000000000000000000000000";

/// Told of by whoever asks, for a person or for nobody.
pub(super) async fn user(probe: &Probe<'_>) {
    for name in [probe.caller.user.as_str(), "nobody"] {
        probe.post("/v1/user", &json!({"external_id": name, "email": "a@example.org"})).await;
    }
}

pub(super) async fn users(probe: &Probe<'_>) {
    let users = json!([{"external_id": probe.caller.user}, {"external_id": "new"}, {}]);
    probe.post("/v1/user/batch", &json!({ "users": users })).await;
}

pub(super) async fn changed_user(probe: &Probe<'_>) {
    probe.twins.ask(&probe.caller.put(NOBODY, &json!({"email": null}))).await;
}

pub(super) async fn forgotten_user(probe: &Probe<'_>) {
    for target in [NOBODY.to_owned(), format!("/v1/user/{}?is_external=true", probe.caller.user)] {
        probe.twins.ask(&probe.caller.delete(&target)).await;
    }
}

pub(super) async fn namespace(probe: &Probe<'_>) {
    let policy = json!({"risk": "sensitive", "acl": {"read": [probe.caller.user]}});
    probe.post("/v1/namespace", &json!({"name": "n", "default_policy": policy})).await;
}

pub(super) async fn changed_namespace(probe: &Probe<'_>) {
    probe.twins.ask(&probe.caller.put(NOWHERE, &json!({"is_active": false}))).await;
}

/// One that there is not, and one that was just made, with something in it.
pub(super) async fn deleted_namespace(probe: &Probe<'_>) {
    let all = "?delete_memories=true&remove_acl_references=true";
    probe.twins.ask(&probe.caller.delete(&format!("{NOWHERE}{all}"))).await;
    let made = probe.post("/v1/namespace", &json!({"name": "n"})).await.json();
    let Some(id) = made["data"]["objectId"].as_str() else { return };
    let shared = json!({"read": [format!("namespace:{id}")]});
    let user = &probe.caller.user;
    let body = json!({"content": "It rained.", "external_user_id": user, "namespace_id": id, "acl": shared});
    probe.post("/v1/memory", &body).await;
    probe.twins.ask(&Caller::stranger().delete(&format!("/v1/namespace/{id}{all}"))).await;
    probe.twins.ask(&probe.caller.delete(&format!("/v1/namespace/{id}{all}"))).await;
}
