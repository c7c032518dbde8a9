//! How the dialect reads requests, as the server is configured, and the purpose that their header states.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use memoryscope_domain::items::request::Reading;
use memoryscope_domain::purpose::Purpose;

use crate::problem::Problem;
use crate::wire::{Fault, FieldError, Path};

/// The header that says what a request is for.
pub(super) const PURPOSE: &str = "X-Purpose";

/// What the server is told of the dialect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ItemsConfig {
    /// How requests are read.
    pub reading: Reading,
}

/// What a request is for: what its header says, else to answer in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatedPurpose(pub(super) Purpose);

/// The purposes that callers may state.
pub(super) fn purposes() -> impl Iterator<Item = Purpose> {
    Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance)
}

/// What a request about what waits for a review is for: what its header says, else to review it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReviewPurpose(pub(super) Purpose);

impl<S: Sync> FromRequestParts<S> for StatedPurpose {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        stated(parts).map(|purpose| Self(purpose.unwrap_or(Purpose::ChatResponse)))
    }
}

impl<S: Sync> FromRequestParts<S> for ReviewPurpose {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        stated(parts).map(|purpose| Self(purpose.unwrap_or(Purpose::SupportAgentReview)))
    }
}

/// What the header says, where it was sent.
fn stated(parts: &Parts) -> Result<Option<Purpose>, Problem> {
    let mut sent = parts.headers.get_all(PURPOSE).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    let named = value.to_str().ok().and_then(|text| purposes().find(|of| of.name() == text.trim()));
    match named.filter(|_| sent.next().is_none()) {
        Some(purpose) => Ok(Some(purpose)),
        None => {
            let names: Vec<&str> = purposes().map(Purpose::name).collect();
            let at = Path::Root("header");
            let message = format!("must be one of: {}", names.join(", "));
            let fault = FieldError::new(&Path::Key(&at, PURPOSE), Fault::NotAllowed, message);
            Err(Problem::invalid(vec![fault]))
        }
    }
}
