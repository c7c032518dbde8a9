//! Bridges.

use memoryscope_domain::scope::Scope;
use serde_json::{Value, json};

use super::endpoints::Probe;
use super::world::Caller;

/// Somebody who has nothing makes bridges: from what is others' to themselves, and from themselves to others.
pub(super) async fn make_bridge(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    for scope in probe.scopes.iter().chain(&[Scope { id: stranger.user.clone(), ..probe.scopes[0].clone() }])
    {
        let (of_type, id) = (scope.scope_type.name(), &scope.id);
        let body = |of_type: &str, target: Value| {
            json!({
                "tenant_id": "t_default", "scope_type": of_type, "target": target, "purposes": ["chat_response"],
                "allow_events": true, "allow_impacts": true, "allow_seeds": true,
            })
        };
        let to = body(of_type, json!({"scope_type": "user", "scope_id": "stranger-elsewhere"}));
        let path = format!("/v2/scopes/{id}/bridge");
        assert!([201, 403].contains(&probe.twins.ask(&stranger.post(&path, &to)).await.status.as_u16()));
        let from = body("user", json!({"scope_type": of_type, "scope_id": id}));
        let path = format!("/v2/scopes/{}/bridge", stranger.user);
        probe.twins.ask(&stranger.post(&path, &from)).await;
    }
}

pub(super) async fn bridges(probe: &Probe<'_>) {
    for (scope, _) in probe.placed() {
        let (of_type, id) = (scope.scope_type.name(), &scope.id);
        let path = format!("/v2/bridges?tenant_id=t_default&scope_type={of_type}&scope_id={id}");
        probe.pages(&path, |path| probe.caller.get(path)).await;
    }
}

pub(super) async fn remove_bridge(probe: &Probe<'_>) {
    let stranger = Caller::stranger();
    for id in 1..6 {
        let path = format!("/v2/bridges/brg_{id:032x}?tenant_id=t_default");
        let answer = probe.twins.ask(&stranger.delete(&path)).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}
