//! Embedding by an endpoint that speaks the OpenAI protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::limits;
use memoryscope_engine::embed::{Embedder, Readiness};
use memoryscope_engine::extract::Failure;
use serde_json::{Value, json};

use crate::asking::{Pause, ask};
use crate::endpoint::Endpoint;
use crate::key::ApiKey;
use crate::vector::unit;

/// Which model is asked, and how.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// The protocol's base URL, such as `https://host/v1`.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// What tells the endpoint who asks.
    pub key: Option<ApiKey>,
    /// How long one answer is waited for.
    pub timeout: Duration,
    /// How many dimensions are asked for; as many as the model has, where it is none.
    pub dimensions: Option<usize>,
}

/// An embedder that asks an endpoint of the OpenAI protocol.
#[derive(Debug)]
pub struct RemoteEmbedder {
    id: String,
    model: String,
    wanted: Option<usize>,
    /// 0: nobody knows yet.
    dimensions: AtomicUsize,
    is_failing: AtomicBool,
    endpoint: Endpoint,
    pause: Arc<dyn Pause>,
}

impl RemoteEmbedder {
    /// An embedder that asks nobody yet.
    #[must_use]
    pub fn new(config: &RemoteConfig, pause: Arc<dyn Pause>) -> Self {
        let id = match config.dimensions {
            Some(dimensions) => format!("model:{}:{dimensions}", config.model),
            None => format!("model:{}", config.model),
        };
        Self {
            id,
            model: config.model.clone(),
            wanted: config.dimensions,
            dimensions: AtomicUsize::new(config.dimensions.unwrap_or(0)),
            is_failing: AtomicBool::new(false),
            endpoint: Endpoint::new(&config.url, "embeddings", config.key.as_ref(), config.timeout)
                .reading(limits::EMBED_ANSWER_BYTES_MAX),
            pause,
        }
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let request = request(&self.model, texts, self.wanted).to_string();
        let body = ask(&self.endpoint, &*self.pause, &request, || {}).await?;
        let vectors = read(&body, texts.len())?;
        let found = vectors.first().map_or(0, Vec::len);
        // Of two askers at once the first one's answer is what the other's is held to.
        let known = self.dimensions.compare_exchange(0, found, Ordering::SeqCst, Ordering::SeqCst);
        match known.err().is_none_or(|known| known == found) {
            true => Ok(vectors),
            false => Err(Failure::of_extractor("other_dimensions")),
        }
    }
}

#[async_trait]
impl Embedder for RemoteEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimensions(&self) -> Option<usize> {
        Some(self.dimensions.load(Ordering::SeqCst)).filter(|dimensions| *dimensions > 0)
    }

    fn sends_away(&self) -> bool {
        true
    }

    fn readiness(&self) -> Readiness {
        match self.is_failing.load(Ordering::SeqCst) {
            true => Readiness::Failing,
            false => Readiness::Ready,
        }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let mut vectors = Vec::with_capacity(texts.len());
        for some in texts.chunks(limits::EMBED_BATCH_ITEMS) {
            let answer = self.ask(some).await;
            let is_failing = answer.as_ref().err().is_some_and(Failure::ends_the_round);
            self.is_failing.store(is_failing, Ordering::SeqCst);
            vectors.extend(answer?);
        }
        Ok(vectors)
    }
}

/// The body of a request.
fn request(model: &str, texts: &[String], dimensions: Option<usize>) -> Value {
    let input: Vec<&str> = texts.iter().map(|text| beginning(text)).collect();
    let mut request = json!({"model": model, "input": input, "encoding_format": "float"});
    if let Some(dimensions) = dimensions {
        request["dimensions"] = dimensions.into();
    }
    request
}

/// As much of a text as is sent. An empty text is a space: some endpoints refuse the whole batch for one.
fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(limits::EMBED_TEXT_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    match &text[..end] {
        "" => " ",
        text => text,
    }
}

/// The vectors of an answer, in the order of what was asked, all of one length.
fn read(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let malformed = || Failure::unclear("malformed_answer");
    let answer: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let data = answer.get("data").and_then(Value::as_array).ok_or_else(malformed)?;
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
    for (at, row) in data.iter().enumerate() {
        // Where there is no index, the order says it.
        let index = row.get("index").map_or(Some(at as u64), Value::as_u64).ok_or_else(malformed)?;
        let place = usize::try_from(index).ok().and_then(|index| vectors.get_mut(index));
        let place = place.filter(|place| place.is_none()).ok_or_else(malformed)?;
        *place = Some(row.get("embedding").and_then(vector).ok_or_else(malformed)?);
    }
    let vectors: Vec<Vec<f32>> = vectors.into_iter().collect::<Option<_>>().ok_or_else(malformed)?;
    let length = vectors.first().map_or(0, Vec::len);
    match vectors.iter().all(|vector| vector.len() == length) {
        true => Ok(vectors),
        false => Err(malformed()),
    }
}

fn vector(value: &Value) -> Option<Vec<f32>> {
    let numbers = value.as_array().filter(|numbers| numbers.len() <= limits::EMBEDDING_DIMENSIONS_MAX)?;
    #[expect(clippy::cast_possible_truncation, reason = "what an embedding has is that precise, and no more")]
    let numbers: Vec<f32> =
        numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect::<Option<_>>()?;
    unit(&numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_read_in_the_order_of_what_was_asked() {
        let check = |body: &str, expect: &str| {
            let told = match read(body.as_bytes(), 2) {
                Ok(vectors) => format!("{vectors:?}"),
                Err(failure) => failure.reason,
            };
            assert_eq!(told, expect, "{body}");
        };
        let row = |index: &str, embedding: &str| format!(r#"{{{index} "embedding": {embedding}}}"#);
        let data = |rows: &[String]| format!(r#"{{"data": [{}]}}"#, rows.join(","));
        let (first, second) = (row(r#""index": 0,"#, "[3, 4]"), row(r#""index": 1,"#, "[0, -2]"));
        check(&data(&[first.clone(), second.clone()]), "[[0.6, 0.8], [0.0, -1.0]]");
        check(&data(&[second.clone(), first.clone()]), "[[0.6, 0.8], [0.0, -1.0]]");
        check(&data(&[row("", "[3, 4]"), row("", "[0, -2]")]), "[[0.6, 0.8], [0.0, -1.0]]");
        for wrong in [
            "<html>".to_owned(),
            "{}".to_owned(),
            data(&[]),
            data(std::slice::from_ref(&first)),
            data(&[first.clone(), first.clone()]),
            data(&[first.clone(), second.clone(), row(r#""index": 2,"#, "[1, 0]")]),
            data(&[first.clone(), row(r#""index": -1,"#, "[1, 0]")]),
            data(&[first.clone(), row(r#""index": 1,"#, "[1, 0, 0]")]),
            data(&[first.clone(), row(r#""index": 1,"#, "[0, 0]")]),
            data(&[first.clone(), row(r#""index": 1,"#, "[]")]),
            data(&[first.clone(), row(r#""index": 1,"#, r#"["1", 0]"#)]),
            data(&[first.clone(), row(r#""index": 1,"#, "[1e39, 0]")]),
            data(&[first, row(r#""index": 1,"#, r#""AACAPw==""#)]),
        ] {
            check(&wrong, "malformed_answer");
        }
    }

    #[test]
    fn what_is_sent_of_a_text_has_an_end() {
        let long = "ä".repeat(limits::EMBED_TEXT_CHARS_MAX + 1);
        let texts = ["a".to_owned(), String::new(), long];
        let sent = request("m", &texts, Some(256));
        assert_eq!(sent["input"][1], " ");
        assert_eq!(
            sent["input"][2].as_str().map(|text| text.chars().count()),
            Some(limits::EMBED_TEXT_CHARS_MAX)
        );
        assert_eq!((&sent["dimensions"], &sent["encoding_format"]), (&json!(256), &json!("float")));
        assert!(request("m", &texts, None).get("dimensions").is_none());
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_read(body in proptest::collection::vec(any::<u8>(), 0..200), count in 0_usize..4) {
            let _ = read(&body, count);
        }
    }
}
