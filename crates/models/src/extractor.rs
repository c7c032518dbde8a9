//! Extraction by a model.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::graph::Schema;
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_engine::extract::{Extractor, Failure};
use memoryscope_engine::port::Clock;

use crate::answer::{self, Unread};
use crate::asking::{Pause, ask};
use crate::budget::Budget;
use crate::endpoint::Endpoint;
use crate::key::ApiKey;
use crate::prompt::request;

/// Which model is asked, and how.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// The protocol's base URL, such as `https://host/v1`.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// What tells the endpoint who asks.
    pub key: Option<ApiKey>,
    /// How long one answer is waited for.
    pub timeout: Duration,
    /// The tokens of a day; without a limit where it is none.
    pub tokens_per_day: Option<u64>,
}

/// An extractor that asks an endpoint of the OpenAI protocol for a chat completion.
#[derive(Debug)]
pub struct ChatExtractor {
    name: String,
    model: String,
    endpoint: Endpoint,
    budget: Budget,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
}

impl ChatExtractor {
    /// An extractor that asks nobody yet.
    #[must_use]
    pub fn new(config: &ChatConfig, clock: Arc<dyn Clock>, pause: Arc<dyn Pause>) -> Self {
        Self {
            name: format!("model:{}", config.model),
            model: config.model.clone(),
            endpoint: Endpoint::new(&config.url, "chat/completions", config.key.as_ref(), config.timeout),
            budget: Budget::new(config.tokens_per_day),
            clock,
            pause,
        }
    }
}

/// The tokens of so many bytes, where nobody says how many they were.
const fn estimate(bytes: usize) -> u64 {
    bytes as u64 / 4 + 1
}

#[async_trait]
impl Extractor for ChatExtractor {
    fn name(&self) -> &str {
        &self.name
    }

    fn sends_away(&self) -> bool {
        true
    }

    fn closed(&self) -> Option<&'static str> {
        self.budget.is_used_up(self.clock.now()).then_some("budget_exhausted")
    }

    async fn extract(&self, text: &str, schema: Option<&Schema>) -> Result<Candidates, Failure> {
        let mut wrong: Option<String> = None;
        loop {
            let request = request(&self.model, text, schema, wrong.as_deref()).to_string();
            // It has read the question, and is paid for that.
            let unread = || self.budget.spend(self.clock.now(), estimate(request.len()));
            let body = ask(&self.endpoint, &*self.pause, &request, unread).await?;
            let answer = answer::read(&body, schema);
            let tokens = answer.tokens.unwrap_or_else(|| estimate(request.len() + body.len()));
            self.budget.spend(self.clock.now(), tokens);
            match answer.found {
                Ok(found) => return Ok(found),
                // Once more, where that may still be paid for.
                Err(Unread::Malformed(why)) if wrong.is_none() && self.closed().is_none() => {
                    wrong = Some(why);
                }
                Err(unread) => return Err(unread.failure()),
            }
        }
    }
}
