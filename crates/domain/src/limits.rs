//! Every limit, with its reason, and its unit in its name. `GET /v2/limits` reports them.

/// A tenant's name after `t_`: it is part of every key.
pub const TENANT_ID_BYTES_MAX: usize = 64;
/// A user's name: long enough for any directory's distinguished name.
pub const USER_ID_BYTES_MAX: usize = 1_024;
/// A request's name: long enough for any tracing header, short enough for every log line.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// A scoped memory's domain, in characters.
pub const DOMAIN_CHARS_MAX: usize = 500;
/// A purpose in free text, in characters: it is a phrase, not a document.
pub const PURPOSE_CHARS_MAX: usize = 1_000;
/// A scoped memory's value as JSON: what a settings page could hold, not a file.
pub const VALUE_JSON_BYTES_MAX: usize = 64 * 1_024;
/// The shortest life of a scoped memory.
pub const TTL_DAYS_MIN: i64 = 1;
/// The longest life of a scoped memory.
pub const TTL_DAYS_MAX: i64 = 365;
/// The largest `max_age_days` (about a century).
pub const MAX_AGE_DAYS_MAX: i64 = 36_500;
/// A merged summary's text, in characters.
pub const SUMMARY_TEXT_CHARS_MAX: usize = 240;
/// The longest string that is compared fuzzily: the comparison is quadratic.
pub const FUZZY_CHARS_MAX: usize = 200;
/// How deep a request's JSON may nest: recursion is bounded by it.
pub const JSON_DEPTH_MAX: usize = 64;
/// How many values a request's JSON may hold: memory is bounded by it, whatever the bytes.
pub const JSON_VALUES_MAX: usize = 400_000;
/// A policy document.
pub const POLICY_BYTES_MAX: usize = 256 * 1_024;
/// Rules in one policy.
pub const POLICY_RULES_MAX: usize = 1_000;
/// How deep a policy's `all`, `any`, `none` and `not` may nest.
pub const POLICY_DEPTH_MAX: usize = 16;
