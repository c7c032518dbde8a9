//! Whether a server ranks by meaning, and whether the vectors that it needs for that are made: as `GET /healthz/ready` says.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use crate::Failure;
use crate::http::Target;
use crate::progress;

/// The pause between two questions. It is also how exactly the time is known at which all were made.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What a server says of its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vectors {
    /// The id of the model that makes them, where it is told.
    pub model: Option<String>,
    /// How many memories have none yet.
    pub pending: u64,
}

impl Vectors {
    /// Reads the answer of `/healthz/ready`. None: the server searches by words only, because nobody makes vectors, or
    /// because it does not search by them.
    #[must_use]
    pub fn read(ready: &Value) -> Option<Self> {
        let embedding = &ready["embedding"];
        let pending = embedding["pending"].as_u64().filter(|_| ready["models"] != "absent")?;
        Some(Self { model: embedding["model"].as_str().map(str::to_owned), pending })
    }

    /// What a server says now.
    ///
    /// # Errors
    /// When it cannot be reached, or is not ready.
    pub async fn of(target: &Target) -> Result<Option<Self>, Failure> {
        Ok(Self::read(&target.ready().await?))
    }

    /// Waits until no vector is missing. None at once: the server searches by words only.
    ///
    /// # Errors
    /// When the server cannot be reached, or vectors are still missing after so long.
    pub async fn all_made(target: &Target, patience: Duration) -> Result<Option<Self>, Failure> {
        let began = Instant::now();
        let Some(mut told) = Self::of(target).await? else { return Ok(None) };
        let bar = progress::bar(told.pending, "vectors made");
        while told.pending > 0 {
            if began.elapsed() >= patience {
                bar.finish_and_clear();
                return Err(Failure::Vectors { pending: told.pending, seconds: patience.as_secs() });
            }
            sleep(ASK_AGAIN).await;
            let Some(now) = Self::of(target).await? else { break };
            bar.set_length(bar.length().unwrap_or_default().max(now.pending));
            bar.set_position(bar.length().unwrap_or_default() - now.pending);
            told = now;
        }
        bar.finish_and_clear();
        Ok(Some(told))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_are_counted_where_the_server_says_so() {
        #[track_caller]
        fn check(models: &str, embedding: &Value, expect: Option<(Option<&str>, u64)>) {
            let read = Vectors::read(&json!({"status": "ready", "models": models, "embedding": embedding}));
            assert_eq!(
                read,
                expect.map(|(model, pending)| Vectors { model: model.map(str::to_owned), pending })
            );
        }
        check("ok", &Value::Null, None);
        check("ok", &json!({"pending": null}), None);
        check("absent", &json!({"model": "local:small:1", "pending": 3}), None);
        check("ok", &json!({"model": "local:small:1", "pending": 0}), Some((Some("local:small:1"), 0)));
        check("degraded", &json!({"pending": 5}), Some((None, 5)));
        assert_eq!(Vectors::read(&Value::Null), None);
    }
}
