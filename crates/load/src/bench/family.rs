//! How long it takes to take back a memory from which much was derived.

use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use super::core;
use crate::Failure;
use crate::http::{Connection, Fault, Target};
use crate::progress;
use crate::stats::Spread;

/// Descendants of each memory that is revoked.
const DESCENDANTS: usize = 1_000;
/// So many generations they are of, as many in each.
const GENERATIONS: usize = 5;

/// Revoking memories with descendants.
#[derive(Debug, Clone, Serialize)]
pub struct Families {
    /// Descendants of each memory that was revoked.
    pub descendants: usize,
    /// Generations they were of.
    pub generations: usize,
    /// How many memories were revoked.
    pub revoked: u32,
    /// How long each took, in milliseconds.
    pub revoke_ms: Option<Spread>,
}

/// Revokes so many memories, one after the other.
pub(super) async fn measure(target: &Target, run: &str, count: u32) -> Result<Families, Failure> {
    let bar = progress::bar(u64::from(count), "families revoked");
    let failed = |why: String| Failure::Preparing(format!("families: {why}"));
    let mut connection = Connection::open(target).await.map_err(|fault: Fault| failed(fault.to_string()))?;
    let mut took = Vec::new();
    for number in 0..count {
        let name = format!("{run}-family-{number}");
        let root = store(target, &mut connection, &name, &[], 1).await.map_err(failed)?;
        let mut parents = root.clone();
        for _ in 0..GENERATIONS {
            parents = store(target, &mut connection, &name, &parents, DESCENDANTS / GENERATIONS)
                .await
                .map_err(failed)?;
        }
        let path = format!("/v2/memories/{}/revoke", root.first().map_or("", String::as_str));
        let request = target.post(&path, &[], &json!({"tenant_id": core::TENANT}));
        let from = Instant::now();
        let answer = connection.exchange(&request).await.map_err(|fault| failed(fault.to_string()))?;
        took.push(from.elapsed().as_secs_f64() * 1_000.0);
        let followed = answer.json()["propagated_to"].as_array().map(Vec::len);
        if followed != Some(DESCENDANTS) {
            return Err(failed(format!("{} and {followed:?} followed: {}", answer.status, answer.message())));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Families {
        descendants: DESCENDANTS,
        generations: GENERATIONS,
        revoked: count,
        revoke_ms: Spread::of(took),
    })
}

/// Stores so many events in one batch, each said to be derived from one of these; answers their ids.
async fn store(
    target: &Target,
    connection: &mut Connection,
    name: &str,
    parents: &[String],
    count: usize,
) -> Result<Vec<String>, String> {
    let event = |number: usize| {
        let mut event = core::plain_event(name);
        if !parents.is_empty() {
            event["provenance"] = json!({"derived_from": [parents[number % parents.len()]]});
        }
        event
    };
    let memories: Vec<Value> = (0..count).map(event).collect();
    let body = json!({"tenant_id": core::TENANT, "memories": memories});
    let request = target.post("/v2/memories/batch", &[], &body);
    let answer = connection.exchange(&request).await.map_err(|fault| fault.to_string())?;
    let said = answer.json();
    let results = said["results"].as_array().ok_or_else(|| answer.message())?;
    let ids: Option<Vec<String>> =
        results.iter().map(|result| result["id"].as_str().map(str::to_owned)).collect();
    ids.ok_or_else(|| format!("something was refused: {}", said["results"][0]))
}
