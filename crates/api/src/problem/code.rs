//! The closed list of error codes. `docs/errors.md` holds the same table; a test compares them.

use axum::http::StatusCode;

/// Declares the codes, their names, statuses and meanings in one place.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:ident;)+) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All of them, in the order of their statuses.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// What it means, for the documentation.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

codes! {
    /// The request cannot be understood: a malformed query string or header.
    BadRequest = "BAD_REQUEST", BAD_REQUEST;
    /// The body is not the strict JSON that is read here; the message says what and where.
    InvalidJson = "INVALID_JSON", BAD_REQUEST;
    /// No credentials, or credentials that do not hold.
    Unauthenticated = "UNAUTHENTICATED", UNAUTHORIZED;
    /// The active policy does not allow this, for this purpose.
    PolicyDenied = "POLICY_DENIED", FORBIDDEN;
    /// The caller may not act here: another tenant, or an access list.
    Forbidden = "FORBIDDEN", FORBIDDEN;
    /// The grant was revoked.
    Revoked = "REVOKED", FORBIDDEN;
    /// The grant's time is over.
    Expired = "EXPIRED", FORBIDDEN;
    /// There is no such thing, or none that the caller may know of.
    NotFound = "NOT_FOUND", NOT_FOUND;
    /// The route does not know this method; `Allow` lists those it knows.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED;
    /// The state does not allow this, or someone else was faster.
    Conflict = "CONFLICT", CONFLICT;
    /// A memory's reconsolidation policy does not let these fields be changed.
    ReconsolidationDenied = "RECONSOLIDATION_DENIED", CONFLICT;
    /// A request with the same idempotency key is still being worked on.
    InProgress = "IN_PROGRESS", CONFLICT;
    /// The idempotency key was used before, with another body.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", CONFLICT;
    /// The body is larger than the route takes, or the request concerns more memories than one answer holds.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", PAYLOAD_TOO_LARGE;
    /// The body is not `application/json`.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", UNSUPPORTED_MEDIA_TYPE;
    /// The server does not answer to the name in `Host`.
    Misdirected = "MISDIRECTED", MISDIRECTED_REQUEST;
    /// Fields are wrong; all of them are listed.
    ValidationError = "VALIDATION_ERROR", UNPROCESSABLE_ENTITY;
    /// Blocked by a spiral until it ends.
    Blocked = "BLOCKED", LOCKED;
    /// Too many requests; `Retry-After` says when to come back.
    RateLimited = "RATE_LIMITED", TOO_MANY_REQUESTS;
    /// A bug in the server; the id finds it in the server's log.
    InternalError = "INTERNAL_ERROR", INTERNAL_SERVER_ERROR;
    /// Part of the protocol, and not built.
    NotImplemented = "NOT_IMPLEMENTED", NOT_IMPLEMENTED;
    /// The server cannot work now; `Retry-After` says when to come back.
    Unavailable = "UNAVAILABLE", SERVICE_UNAVAILABLE;
    /// The request took longer than its bound; whether it took effect is not known.
    Timeout = "TIMEOUT", SERVICE_UNAVAILABLE;
}
