//! What twins are asked of sessions, and of what was said of answers.

use serde_json::{Value, json};

use super::endpoints::Probe;
use super::world::Caller;

/// The session of some of the memories.
pub(super) const SESSION: &str = "probe";

async fn each(probe: &Probe<'_>, rest: &str) {
    for purpose in probe.purposes {
        for session in [SESSION, "none"] {
            let user = &probe.caller.user;
            let mark = if rest.contains('?') { '&' } else { '?' };
            let path = format!("/v1/messages/sessions/{session}{rest}{mark}external_user_id={user}");
            probe.twins.ask(&Caller::with_purpose(probe.caller.get(&path), *purpose)).await;
        }
    }
}

pub(super) async fn history(probe: &Probe<'_>) {
    each(probe, "").await;
    each(probe, &format!("?limit={}&skip=1", probe.limit)).await;
}

pub(super) async fn status(probe: &Probe<'_>) {
    each(probe, "/status").await;
}

pub(super) async fn compress(probe: &Probe<'_>) {
    each(probe, "/compress").await;
}

pub(super) async fn process(probe: &Probe<'_>) {
    let path = format!("/v1/messages/sessions/{SESSION}/process?external_user_id={}", probe.caller.user);
    probe.post(&path, &Value::Null).await;
}

pub(super) async fn name(probe: &Probe<'_>) {
    let path = format!("/v1/messages/sessions/{SESSION}?external_user_id={}", probe.caller.user);
    let body = json!({"title": "Probes", "metadata": {"colour": "red"}});
    probe.twins.ask(&probe.caller.patch(&path, &body)).await;
}

pub(super) async fn store(probe: &Probe<'_>) {
    for processes in [true, false] {
        let body = json!({"content": "I like tea.", "role": "user", "sessionId": SESSION, "title": "Tea",
            "process_messages": processes, "external_user_id": probe.caller.user});
        probe.post("/v1/messages", &body).await;
    }
}

/// Of every memory that there is, be it hidden, and of one that there is not.
async fn said(probe: &Probe<'_>) -> Value {
    let user = &probe.caller.user;
    let search = json!({"query": "*", "external_user_id": user});
    let search = probe.post("/v1/memory/search", &search).await.json()["search_id"].clone();
    let ids: std::collections::BTreeSet<String> = probe.named().into_iter().map(|(id, _)| id).collect();
    let data = json!({"feedbackType": "thumbs_up", "feedbackSource": "inline", "citedMemoryIds": ids});
    let search = if search.is_null() { json!("none") } else { search };
    json!({"search_id": search, "external_user_id": user, "feedbackData": data})
}

pub(super) async fn give(probe: &Probe<'_>) {
    let given = probe.post("/v1/feedback", &said(probe).await).await.json();
    let id = given["feedback_id"].as_str().unwrap_or("fb_1").to_owned();
    for whose in [probe.caller.user.as_str(), "somebody"] {
        probe.get(&format!("/v1/feedback/{id}?external_user_id={whose}")).await;
    }
}

pub(super) async fn give_batch(probe: &Probe<'_>) {
    let items = json!({"feedback_items": [said(probe).await, 7, said(probe).await]});
    probe.post("/v1/feedback/batch", &items).await;
}
