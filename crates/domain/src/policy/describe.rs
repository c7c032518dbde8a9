//! Conditions in words, for hints and explanations.

use std::fmt;

use super::condition::{Bound, Condition, Leaf, Literal, Test};

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) if text.is_empty() => f.write_str("\"\""),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Rank(rank, names) => f.write_str(names.get(*rank).copied().unwrap_or("?")),
            Self::Time(time) => write!(f, "{time}"),
            Self::FromNow { text, .. } => f.write_str(text),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives<T: fmt::Display>(items: &[T], joint: &str) -> String {
    let words = items.iter().map(T::to_string).collect::<Vec<_>>();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {joint} {last}", rest.join(", ")),
    }
}

/// The test as it is said of an attribute: `request.purpose = a or b`.
#[must_use]
pub(super) fn test_text(subject: &str, test: &Test) -> String {
    match test {
        Test::OneOf(literals) => format!("{subject} = {}", alternatives(literals, "or")),
        Test::NoneOf(literals) => format!("{subject} is none of {}", alternatives(literals, "and")),
        Test::AllOf(texts) => format!("{subject} has {}", alternatives(texts, "and")),
        Test::Compare(comparison, bound) => format!("{subject} {} {bound}", comparison.sign()),
        Test::Exists(true) => format!("{subject} is present"),
        Test::Exists(false) => format!("{subject} is absent"),
        Test::Matches(glob) => format!("{subject} matches {glob}"),
        Test::Not(inner) => format!("not ({})", test_text(subject, inner)),
        Test::Every(tests) => {
            tests.iter().map(|test| test_text(subject, test)).collect::<Vec<_>>().join(" and ")
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&test_text(&self.path.to_string(), &self.test))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Self], joint: &str| {
            parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(joint)
        };
        match self {
            Self::Leaf(leaf) => write!(f, "{leaf}"),
            Self::All(parts) if parts.is_empty() => f.write_str("always"),
            Self::Any(parts) if parts.is_empty() => f.write_str("never"),
            Self::All(parts) | Self::Any(parts) if parts.len() == 1 => write!(f, "{}", parts[0]),
            Self::All(parts) => f.write_str(&joined(parts, " and ")),
            Self::Any(parts) => f.write_str(&joined(parts, " or ")),
            Self::Not(part) => write!(f, "not ({part})"),
        }
    }
}
