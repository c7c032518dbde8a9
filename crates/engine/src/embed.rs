//! Vectors for texts, by which they are found by meaning: the port, and nothing of what is done with them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::embedding::Embedding;
use crate::engine::Engine;
use crate::extract::Failure;

/// Whether an embedder can embed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// As far as it knows, it can.
    Ready,
    /// Its model has not been brought.
    Absent,
    /// It could not when it was last asked to, or what it would need is damaged.
    Failing,
}

/// Makes vectors of texts. It is given a text only where its owner's consent allows that.
///
/// The same text gives the same bits whatever else is in its batch, on the same machine and by the same [`id`](Self::id).
#[async_trait]
pub trait Embedder: Send + Sync + fmt::Debug {
    /// The model and its version, which is stored with every vector: those of two ids are never compared.
    fn id(&self) -> &str;

    /// How many numbers a vector has; `None` as long as nobody knows.
    fn dimensions(&self) -> Option<usize>;

    /// Whether what it is given leaves this process.
    fn sends_away(&self) -> bool {
        false
    }

    /// Whether it can embed, without trying.
    fn readiness(&self) -> Readiness;

    /// A vector of length 1 for each text, in their order: of all of them or of none. Only the beginning of a long text counts.
    ///
    /// # Errors
    /// Why it could not. A failure of the text ([`Failure::of_text`]) is one of at least one text of the batch: each of them may be
    /// tried alone.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure>;
}

impl Engine {
    /// The same, with someone who makes vectors of texts.
    #[must_use]
    pub fn embedding_by(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedding = Some(Embedding::new(embedder));
        self
    }

    /// Who makes vectors of texts, if anyone does.
    #[must_use]
    pub fn embedder(&self) -> Option<&Arc<dyn Embedder>> {
        self.embedding.as_ref().map(|embedding| &embedding.embedder)
    }

    pub(crate) const fn embedding(&self) -> Option<&Embedding> {
        self.embedding.as_ref()
    }
}
