//! The policy's filter as SQL.
//!
//! Exact for what has a column (`memory.type`, `memory.state`, `memory.kind`, `memory.domain`); whatever has none passes
//! here and is tested on the memory itself after it was read, so that no row too many is handed on. Values are
//! always parameters, never part of the statement.

use std::collections::BTreeSet;

use memoryscope_domain::memory::{DomainKey, State};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::preference::Domain;
use rusqlite::types::Value;

use super::row::state_number;

/// A condition and its parameters, in the order of their question marks.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// A column that a filter can test, as an expression that is never NULL.
#[derive(Clone, Copy)]
enum Column {
    Type,
    State,
    Kind,
    Domain,
}

impl Column {
    const fn of(field: FilterField) -> Option<Self> {
        match field.attribute() {
            Attribute::MemoryType => Some(Self::Type),
            Attribute::MemoryState => Some(Self::State),
            Attribute::MemoryKind => Some(Self::Kind),
            Attribute::MemoryDomain => Some(Self::Domain),
            _ => None,
        }
    }

    /// NULL stands for the catalogue's default.
    const fn expression(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::State => "state",
            Self::Kind => "coalesce(kind, 'none')",
            Self::Domain => "coalesce(domain_key, zeroblob(16))",
        }
    }

    /// The column's value where the attribute is `text`; none where no row can have it.
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Type | Self::Kind => Some(Value::Text(text.to_owned())),
            Self::State => State::from_name(text).map(|state| Value::Integer(state_number(state))),
            Self::Domain if text.is_empty() => Some(Value::Blob(vec![0; 16])),
            Self::Domain => {
                let domain = Domain::parse(text).ok().flatten().filter(|domain| domain.as_str() == text)?;
                Some(Value::Blob(DomainKey::of(Some(&domain)).0.to_vec()))
            }
        }
    }
}

/// Appends the filter to a statement's condition.
pub(super) fn push(filter: &Filter, condition: &mut Condition) {
    match filter {
        Filter::Nothing => condition.sql.push('0'),
        Filter::Everything => condition.sql.push('1'),
        Filter::And(parts) => push_all(parts, " AND ", condition),
        Filter::Or(parts) => push_all(parts, " OR ", condition),
        Filter::OneOf(field, texts) => push_list(*field, texts, " IN (", condition),
        Filter::NoneOf(field, texts) => push_list(*field, texts, " NOT IN (", condition),
        // Sets have no column.
        Filter::Intersects(..) | Filter::Disjoint(..) | Filter::ContainsAll(..) | Filter::LacksOneOf(..) => {
            condition.sql.push('1');
        }
    }
}

fn push_all(parts: &[Filter], between: &str, condition: &mut Condition) {
    condition.sql.push('(');
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            condition.sql.push_str(between);
        }
        push(part, condition);
    }
    condition.sql.push(')');
}

fn push_list(field: FilterField, texts: &BTreeSet<String>, test: &str, condition: &mut Condition) {
    let Some(column) = Column::of(field) else {
        condition.sql.push('1');
        return;
    };
    condition.sql.push_str(column.expression());
    condition.sql.push_str(test);
    for (at, value) in texts.iter().filter_map(|text| column.value(text)).enumerate() {
        condition.sql.push_str(if at > 0 { ",?" } else { "?" });
        condition.values.push(value);
    }
    condition.sql.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(attribute: Attribute, texts: &[&str]) -> (FilterField, BTreeSet<String>) {
        let field = FilterField::new(attribute).unwrap();
        (field, texts.iter().map(|text| (*text).to_owned()).collect())
    }

    fn compiled(filter: &Filter) -> (String, usize) {
        let mut condition = Condition::default();
        push(filter, &mut condition);
        (condition.sql, condition.values.len())
    }

    #[test]
    fn columns_become_parameters_and_the_rest_passes() {
        let (kind, kinds) = list(Attribute::MemoryKind, &["schedule", "x' OR 1 --"]);
        let (state, states) = list(Attribute::MemoryState, &["active", "no such state"]);
        let (label, labels) = list(Attribute::MemoryLabels, &["grief"]);
        let (level, levels) = list(Attribute::MemorySensitivityLevel, &["low"]);
        let filter = Filter::And(vec![
            Filter::OneOf(kind, kinds),
            Filter::Or(vec![Filter::NoneOf(state, states), Filter::Intersects(label, labels)]),
            Filter::NoneOf(level, levels),
        ]);
        let sql = "(coalesce(kind, 'none') IN (?,?) AND (state NOT IN (?) OR 1) AND 1)";
        assert_eq!(compiled(&filter), (sql.to_owned(), 3));
        assert_eq!(compiled(&Filter::Nothing), ("0".to_owned(), 0));
        assert_eq!(compiled(&Filter::Everything), ("1".to_owned(), 0));
    }

    #[test]
    fn a_domain_is_compared_by_its_key() {
        let (domain, domains) = list(Attribute::MemoryDomain, &["", "music", " not a domain "]);
        let mut condition = Condition::default();
        push(&Filter::OneOf(domain, domains), &mut condition);
        let music = DomainKey::of(Domain::parse("music").unwrap().as_ref()).0.to_vec();
        assert_eq!(condition.values, [Value::Blob(vec![0; 16]), Value::Blob(music)]);
    }
}
