//! The small vocabulary that rules, memories and requests are drawn from, so that they meet.

use memoryscope_domain::policy::Attribute;
use memoryscope_domain::policy::catalogue::{CATALOGUE, Kind};
use serde_json::{Value as Json, json};

use crate::rng::Rng;

/// What texts and the members of sets are. Globs over a set are unrolled over
/// these, [`BUILTIN_WORDS`] and [`GLOBS`], so a set holds no others.
pub const WORDS: [&str; 8] = ["a", "b", "ab", "t_a", "trauma", "", "ada", "it's \"é\"\\"];

/// Members of sets that the built-in policy names.
pub const BUILTIN_WORDS: [&str; 2] = ["shame", "moral_injury"];

/// Globs without `?`, for which Cedar has no sign.
pub const GLOBS: [&str; 7] = ["a*", "*", "*b", "a", "t*m*", "*\"*", ""];

/// Numbers with at most four decimals: Cedar has integers only, so both sides count ten-thousandths.
pub const NUMBERS: [f64; 6] = [0.0, 1.0, 0.25, 2.5, 12.0, -3.0001];

/// Instants in whole milliseconds, which is as fine as Cedar's are. Noon is when requests are made, or near it.
pub const TIMES: [&str; 6] = [
    "2026-01-01T12:00:00Z",
    "2025-12-31T00:00:00Z",
    "2025-12-02T12:00:00Z",
    "2026-01-02T11:59:59.999Z",
    "2026-06-01T23:00:00Z",
    "1969-12-31T23:59:59Z",
];

/// Times that follow the request's.
pub const RELATIVE: [&str; 5] = ["now", "now-30d", "now+12h", "now-90m", "now-1d"];

/// What is drawn often: each kind of test, and what the combining rules look at.
const FAVOURITES: [&str; 25] = [
    "memory.type",
    "memory.state",
    "memory.state",
    "memory.state",
    "memory.sensitivity.level",
    "memory.sensitivity.categories",
    "memory.labels",
    "memory.domain",
    "memory.owned_by_principal",
    "memory.age_days",
    "memory.temporal.occurred_at_claimed",
    "memory.metadata.team",
    "memory.metadata.team",
    "memory.metadata.score",
    "memory.metadata.score",
    "memory.metadata.score",
    "memory.metadata.review.tags",
    "memory.metadata.due",
    "request.purpose",
    "request.purpose",
    "request.tool",
    "principal.roles",
    "principal.groups",
    "time.hour",
    "time.now",
];

/// Any attribute: one of the favourites, or one in five times any of the catalogue.
pub fn path(rng: &mut Rng) -> &'static str {
    if rng.chance(20) {
        let entry = rng.pick(CATALOGUE);
        if entry.attribute != Attribute::MemoryMetadata {
            return entry.path;
        }
    }
    rng.pick::<&'static str>(&FAVOURITES)
}

/// What tests the attribute takes.
///
/// # Panics
/// When there is no such attribute.
#[must_use]
pub fn kind_of(path: &str) -> Kind {
    Attribute::from_path(path).unwrap_or_else(|| panic!("{path} is in the catalogue")).entry().kind
}

/// A value that a policy may compare the attribute with; none where it has only an order.
pub fn literal(rng: &mut Rng, kind: Kind) -> Option<Json> {
    Some(match kind {
        Kind::Bool => json!(rng.chance(50)),
        Kind::Number => json!(rng.pick(&NUMBERS)),
        Kind::Enum(values) | Kind::Ordered(values) | Kind::EnumSet(values) => json!(one_of(rng, values)),
        Kind::Text | Kind::TextSet => json!(rng.pick(&WORDS)),
        Kind::Time => return None,
        Kind::Open => match rng.below(6) {
            0 => json!(rng.chance(50)),
            1 | 2 => json!(rng.pick(&NUMBERS)),
            _ => json!(rng.pick(&WORDS)),
        },
    })
}

/// One of a closed list, the first five more often.
pub fn one_of(rng: &mut Rng, values: &'static [&'static str]) -> &'static str {
    let among = if rng.chance(80) { values.len().min(5) } else { values.len() };
    values[rng.below(among)]
}
