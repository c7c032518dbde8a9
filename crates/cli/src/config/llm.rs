//! Which model extracts graphs, if one does.

use std::fmt;
use std::time::Duration;

use memoryscope_models::{ApiKey, ChatConfig};

use super::setting::{self, Setting};
use super::{Origin, Problem, Reader, Sourced, values};

/// What a model's name is at most: longer than any.
const MODEL_CHARS_MAX: usize = 200;

/// The base of the protocol's URLs. Keys have no place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LlmUrl(String);

impl LlmUrl {
    fn parse(text: &str) -> Result<Self, String> {
        values::base_url(text).map(Self)
    }
}

impl fmt::Display for LlmUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything about it.
#[derive(Debug, Clone)]
pub(crate) struct Llm {
    pub(super) url: Sourced<Option<LlmUrl>>,
    pub(super) model: Sourced<Option<String>>,
    pub(super) key: Sourced<Option<ApiKey>>,
    pub(super) timeout: Sourced<Duration>,
    /// 0: no limit.
    pub(super) tokens_per_day: Sourced<u64>,
}

impl Llm {
    /// `None` where something is wrong.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.get_optional(&setting::MEMORYSCOPE_LLM_URL, LlmUrl::parse);
        let model = reader.get_optional(&setting::MEMORYSCOPE_LLM_MODEL, model);
        let key = reader.get_optional(&setting::MEMORYSCOPE_LLM_API_KEY, |text| {
            ApiKey::parse(text).map_err(|_| String::new())
        });
        let timeout = reader.get(&setting::MEMORYSCOPE_LLM_TIMEOUT_SECONDS, values::seconds);
        let tokens = |text: &str| text.parse::<u64>().map_err(|_| String::new());
        let tokens_per_day = reader.get(&setting::MEMORYSCOPE_LLM_TOKENS_PER_DAY, tokens);
        let read =
            Self { url: url?, model: model?, key: key?, timeout: timeout?, tokens_per_day: tokens_per_day? };
        read.check(&mut reader.problems);
        Some(read)
    }

    /// Half of it would silently be nothing.
    fn check(&self, problems: &mut Vec<Problem>) {
        let mut lacks = |set: &Setting, origin: Origin, other: &Setting| {
            let reason = format!("is set and {} is not: set both of them, or neither", other.name);
            problems.push(Problem::bare(set.name, origin, &reason));
        };
        let (url, model) = (&setting::MEMORYSCOPE_LLM_URL, &setting::MEMORYSCOPE_LLM_MODEL);
        match (&self.url.value, &self.model.value, &self.key.value) {
            (Some(_), None, _) => lacks(url, self.url.origin, model),
            (None, Some(_), _) => lacks(model, self.model.origin, url),
            (None, None, Some(_)) => lacks(&setting::MEMORYSCOPE_LLM_API_KEY, self.key.origin, url),
            _ => {}
        }
    }

    /// How it is asked; `None` where there is none.
    pub(crate) fn chat(&self) -> Option<ChatConfig> {
        let (url, model) = self.url.value.as_ref().zip(self.model.value.as_ref())?;
        Some(ChatConfig {
            url: url.to_string(),
            model: model.clone(),
            key: self.key.value.clone(),
            timeout: self.timeout.value,
            tokens_per_day: Some(self.tokens_per_day.value).filter(|tokens| *tokens > 0),
        })
    }
}

/// The name of a model, of an endpoint's own.
pub(super) fn model(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    match is_plain && text.chars().count() <= MODEL_CHARS_MAX {
        true => Ok(text.to_owned()),
        false => Err(String::new()),
    }
}
