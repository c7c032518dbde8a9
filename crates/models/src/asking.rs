//! One question, put as often as that takes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_engine::extract::Failure;

use crate::endpoint::Endpoint;
use crate::retry::{Broken, Next, after_break, after_status};

/// What is waited with between two tries.
#[async_trait]
pub trait Pause: Send + Sync + fmt::Debug {
    /// Waits so long.
    async fn pause(&self, time: Duration);
}

/// The body of an answer. Each time that the question was read, and what came of it was not, `unread` is told so.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    pause: &dyn Pause,
    request: &str,
    unread: impl Fn() + Send + Sync,
) -> Result<Vec<u8>, Failure> {
    let mut tries = 1;
    loop {
        let next = match endpoint.post(request.to_owned()).await {
            Ok(reply) => match after_status(reply.status, reply.retry_after.as_deref(), tries) {
                Next::Read => return Ok(reply.body),
                next => {
                    tracing::debug!(status = reply.status, "the model's endpoint does not answer");
                    next
                }
            },
            Err(broken) => {
                if matches!(broken, Broken::Timeout | Broken::TooLarge) {
                    unread();
                }
                after_break(broken, tries)
            }
        };
        match next {
            Next::Again(time) => pause.pause(time).await,
            Next::Fail(failure) => return Err(failure),
            Next::Read => return Err(Failure::unclear("malformed_answer")),
        }
        tries += 1;
    }
}
