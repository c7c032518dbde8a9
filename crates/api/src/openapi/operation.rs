//! What is said of one route.

use axum::routing::MethodFilter;
use memoryscope_engine::op::Info;
use serde_json::{Value, json};

use super::{schema, shared};
use crate::problem::Code;
use crate::wire::{Shape, Unknown, parameters};

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes, or asks with a body.
    Post,
    /// Changes.
    Put,
    /// Changes what it states.
    Patch,
    /// Takes away.
    Delete,
}

impl Verb {
    /// As the document writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// What a route belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `/memory`.
    Scoped,
    /// `/v2/memories`, `/v2/reconstruct`.
    Core,
    /// `/v1`.
    Items,
    /// The audit chain, for all dialects.
    Audit,
    /// `/v2/jobs`, for all dialects.
    Jobs,
    /// How the server is.
    Server,
}

impl Tag {
    /// In the order of the document.
    pub const ALL: [Self; 6] = [Self::Scoped, Self::Core, Self::Items, Self::Audit, Self::Jobs, Self::Server];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scoped => "memory",
            Self::Core => "core",
            Self::Items => "items",
            Self::Audit => "audit",
            Self::Jobs => "jobs",
            Self::Server => "server",
        }
    }

    /// What is in it.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Scoped => {
                "The scoped dialect: what people like, what must hold for them, when they are there. \
                 Each read says what for, and the policy decides."
            }
            Self::Core => {
                "The core dialect: events, the impacts and seeds that follow from them, and contexts that are put \
                 together of these and never of the events. Each read says what for, and the policy decides."
            }
            Self::Items => {
                "The items dialect, which clients of the Papr Memory API speak: memories of a user or of the developer, \
                 each with a policy of how it is treated, a list of whom it is shared with, and metadata by which it is \
                 found."
            }
            Self::Audit => "The tamper-evident audit chain, for the roles auditor and admin.",
            Self::Jobs => "What is done behind requests, for who runs the tenant.",
            Self::Server => "How the server is, and what it can do.",
        }
    }
}

/// A request that does what its route is for. Tests send each.
#[derive(Debug, Clone)]
pub struct Example {
    /// Its name among the examples of its route.
    pub name: &'static str,
    /// Parameters of any place, by name.
    pub parameters: Vec<(&'static str, Value)>,
    /// The body.
    pub body: Option<Value>,
}

impl Example {
    /// One without parameters and body.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, parameters: Vec::new(), body: None }
    }

    /// With a body.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// With a parameter in path, query or header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }
}

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) media: &'static str,
    pub(super) schema: Value,
}

/// What is said of one route.
#[derive(Debug, Clone)]
pub struct Operation {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    pub(super) does: Option<&'static str>,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Vec<Answer>,
    pub(super) refusals: Vec<Code>,
    pub(super) examples: Vec<Example>,
}

impl Operation {
    /// A route with its name for programs. Whatever it does, it can be sent too much, break and take too long.
    #[must_use]
    pub fn new(verb: Verb, path: &'static str, tag: Tag, id: &'static str) -> Self {
        Self {
            verb,
            path,
            id,
            tag,
            summary: "",
            about: "",
            does: None,
            parameters: vec![json!({"$ref": "#/components/parameters/RequestId"})],
            body: None,
            answers: Vec::new(),
            refusals: vec![Code::PayloadTooLarge, Code::InternalError, Code::Timeout],
            examples: Vec::new(),
        }
    }

    /// What it is for: a line, and more.
    #[must_use]
    pub fn says(self, summary: &'static str, about: &'static str) -> Self {
        Self { summary, about, ..self }
    }

    /// It runs an operation of the engine for the caller whom headers name, which needs the store.
    #[must_use]
    pub fn runs(mut self, info: &Info) -> Self {
        self.does = Some(info.name);
        for name in shared::CALLER {
            self.parameters.push(shared::parameter_ref(name));
        }
        self.refuses(&[Code::BadRequest, Code::Unavailable])
    }

    /// Its change may be sent again under the same key, and is done once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.parameters.push(shared::parameter_ref("IdempotencyKey"));
        self.refuses(&[Code::Conflict, Code::InProgress, Code::IdempotencyKeyReused])
    }

    /// It takes a body.
    #[must_use]
    pub fn takes<T: Shape>(mut self, unknown: Unknown) -> Self {
        self.body = Some(crate::wire::schema::<T>(unknown));
        self.refuses(&[Code::InvalidJson, Code::UnsupportedMediaType, Code::ValidationError])
    }

    /// It takes a body that something else than a shape reads; this is what it may hold.
    #[must_use]
    pub fn takes_json(mut self, schema: Value) -> Self {
        self.body = Some(schema);
        self.refuses(&[
            Code::InvalidJson,
            Code::BadRequest,
            Code::UnsupportedMediaType,
            Code::ValidationError,
        ])
    }

    /// Its purpose is stated by a header.
    #[must_use]
    pub fn states_purpose(mut self) -> Self {
        self.parameters.push(shared::parameter_ref("Purpose"));
        self.refuses(&[Code::ValidationError])
    }

    /// It takes a query string.
    #[must_use]
    pub fn asks<T: Shape>(mut self) -> Self {
        self.parameters.extend(parameters::<T>());
        self.refuses(&[Code::BadRequest, Code::ValidationError])
    }

    /// Its path names something.
    #[must_use]
    pub fn names(mut self, name: &'static str, about: &'static str, pattern: &'static str) -> Self {
        let schema = json!({"type": "string", "pattern": pattern});
        self.parameters.push(
            json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema}),
        );
        self.refuses(&[Code::BadRequest, Code::ValidationError, Code::NotFound])
    }

    /// It answers with JSON.
    #[must_use]
    pub fn answers(self, status: u16, about: &'static str, schema: Value) -> Self {
        self.answers_as(status, about, "application/json", schema)
    }

    /// It answers with something else.
    #[must_use]
    pub fn answers_as(
        mut self,
        status: u16,
        about: &'static str,
        media: &'static str,
        schema: Value,
    ) -> Self {
        self.answers.push(Answer { status, about, media, schema });
        self
    }

    /// It may refuse.
    #[must_use]
    pub fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self.refusals.sort_unstable();
        self.refusals.dedup();
        self
    }

    /// A request that works.
    #[must_use]
    pub fn example(mut self, example: Example) -> Self {
        self.examples.push(example);
        self
    }

    /// The name of the engine's operation that it runs.
    #[must_use]
    pub fn does(&self) -> Option<&'static str> {
        self.does
    }

    /// The headers of an answer.
    pub(super) fn headers(&self, status: u16, refused: bool) -> Value {
        let mut headers = schema::refs("headers", &["X-Request-ID", "X-Response-Time"]);
        if self.does.is_some() && (!refused || [403, 404, 409, 422, 423].contains(&status)) {
            headers["X-Access-Log-ID"] = schema::reference("headers", "X-Access-Log-ID");
        }
        if [423, 429, 503].contains(&status) {
            headers["Retry-After"] = schema::reference("headers", "Retry-After");
        }
        if refused && status == 409 {
            // Only while the first request under the same key is being worked on.
            let seconds = json!({"type": "integer", "minimum": 0});
            headers["Retry-After"] = json!({"description": "After how many seconds to come back.", "required": false, "schema": seconds});
        }
        headers
    }
}
