//! The scoped dialect.

use memoryscope_domain::preference::Kind;
use serde_json::{Value, json};

use super::endpoints::Probe;

pub(super) async fn list(probe: &Probe<'_>) {
    for kind in Kind::ALL {
        for class in ["recommendation", "content_generation", "task_execution"] {
            let path = format!(
                "/memory?user_id={}&scope={}&purpose_class={class}&limit={}",
                probe.caller.user,
                kind.name(),
                probe.limit
            );
            probe.pages(&path, |path| probe.caller.get(path)).await;
        }
    }
}

pub(super) async fn read(probe: &Probe<'_>) {
    for read in probe.reads() {
        probe.post("/memory/read", &read).await;
    }
}

pub(super) async fn go_on(probe: &Probe<'_>) {
    for token in probe.tokens().await {
        for max_age_days in [Value::Null, json!(0), json!(30)] {
            let body = json!({"revocation_token": token, "max_age_days": max_age_days});
            probe.post("/memory/read/continue", &body).await;
        }
    }
}

pub(super) async fn revoke(probe: &Probe<'_>) {
    for token in probe.tokens().await {
        let body = json!({"revocation_token": token});
        for path in ["/memory/revoke", "/memory/revoke", "/memory/read/continue"] {
            probe.post(path, &body).await;
        }
    }
}

fn preference_of(user: &str, domain: &str) -> Value {
    json!({
        "user_id": user, "scope": "preferences", "domain": domain, "source": "explicit_user_input",
        "ttl_days": 30, "value_json": {"likes": ["tea"]},
    })
}

pub(super) async fn create(probe: &Probe<'_>) {
    for domain in ["food", "music"] {
        probe.post("/memory", &preference_of(&probe.caller.user, domain)).await;
    }
}

pub(super) async fn batch(probe: &Probe<'_>) {
    let user = &probe.caller.user;
    // Of one person: those of several are stored side by side, and which of them comes first is chance.
    let memories = json!([preference_of(user, "food"), preference_of(user, "music"), json!(7)]);
    probe.post("/memory/batch", &json!({ "memories": memories })).await;
}

pub(super) async fn delete(probe: &Probe<'_>) {
    let user = &probe.caller.user;
    let made = probe.post("/memory", &preference_of(user, "food")).await.json();
    let ids = probe.ids.iter().map(ToString::to_string).chain(made["id"].as_str().map(str::to_owned));
    for id in ids {
        probe.twins.ask(&probe.caller.delete(&format!("/memory/{id}?user_id={user}"))).await;
    }
}
