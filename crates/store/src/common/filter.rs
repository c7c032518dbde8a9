//! What of the policy's filter a database can test.
//!
//! Exact for what has a column (`memory.type`, `memory.state`, `memory.kind`, `memory.domain`), is a facet, or, of events,
//! impacts and seeds, has tags; whatever is none of them passes here and is tested on the memory itself after it was read, so
//! that no row too many is handed on.

use std::collections::BTreeSet;

use memoryscope_domain::memory::{DomainKey, Facet, State, TAGGED, TagKey};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::preference::Domain;

use super::row::state_number;

/// A condition on the columns of `memories`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Constant(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    List { column: Column, negated: bool, values: Vec<Value> },
    Tags { which: Members, tags: Vec<TagKey> },
}

/// Which of some tags a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    /// One of them at least.
    Some,
    /// None of them.
    None,
    /// All of them.
    All,
    /// Not all of them.
    NotAll,
}

impl Members {
    /// Whether all of the tests of single tags have to hold, or one.
    pub(crate) const fn needs_all(self) -> bool {
        matches!(self, Self::None | Self::All)
    }

    /// Whether a single test is that the tag is there.
    pub(crate) const fn is_there(self) -> bool {
        matches!(self, Self::Some | Self::All)
    }
}

/// A column that a filter can test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Type,
    State,
    Kind,
    Domain,
    /// Some bits of the one column that holds all facets.
    Facet(Facet),
}

/// Which rows a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Preferences: they have no facets of their own.
    Shelf,
    /// Events, impacts and seeds: whatever is a facet is tested as one, so that the index alone can turn a row down.
    Objects,
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Key([u8; 16]),
}

/// The part that has columns.
fn test(filter: &Filter, rows: Rows) -> Test {
    match filter {
        Filter::Nothing => Test::Constant(false),
        Filter::Everything => Test::Constant(true),
        Filter::And(parts) => Test::All(parts.iter().map(|part| test(part, rows)).collect()),
        Filter::Or(parts) => Test::Any(parts.iter().map(|part| test(part, rows)).collect()),
        Filter::OneOf(field, texts) => list(*field, texts, false, rows),
        Filter::NoneOf(field, texts) => list(*field, texts, true, rows),
        Filter::Intersects(field, texts) => tags(*field, texts, Members::Some, rows),
        Filter::Disjoint(field, texts) => tags(*field, texts, Members::None, rows),
        Filter::ContainsAll(field, texts) => tags(*field, texts, Members::All, rows),
        Filter::LacksOneOf(field, texts) => tags(*field, texts, Members::NotAll, rows),
    }
}

/// A condition that is being written, and how an engine spells what it consists of.
pub(crate) trait Condition {
    const TRUE: &'static str;
    const FALSE: &'static str;

    /// What is written so far.
    fn sql(&mut self) -> &mut String;

    /// Appends whether the column's value, or the catalogue's default where it has none, is in the list (or is not).
    fn push_list(&mut self, column: Column, negated: bool, values: Vec<Value>);

    /// Appends whether the row has these tags, of which there is one at least; a row without tags has none.
    fn push_tags(&mut self, which: Members, tags: Vec<TagKey>);
}

/// Appends the filter to a statement's condition, as far as it has columns.
pub(crate) fn push<C: Condition>(filter: &Filter, rows: Rows, condition: &mut C) {
    push_test(test(filter, rows), condition);
}

fn push_test<C: Condition>(test: Test, condition: &mut C) {
    match test {
        Test::Constant(so) => condition.sql().push_str(if so { C::TRUE } else { C::FALSE }),
        Test::All(parts) => push_all(parts, C::TRUE, " AND ", condition),
        Test::Any(parts) => push_all(parts, C::FALSE, " OR ", condition),
        Test::List { column, negated, values } => condition.push_list(column, negated, values),
        Test::Tags { which, tags } => condition.push_tags(which, tags),
    }
}

fn push_all<C: Condition>(parts: Vec<Test>, of_none: &str, between: &str, condition: &mut C) {
    condition.sql().push('(');
    if parts.is_empty() {
        condition.sql().push_str(of_none);
    }
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            condition.sql().push_str(between);
        }
        push_test(part, condition);
    }
    condition.sql().push(')');
}

/// Whether [`test`] lets nothing through that the filter itself would turn down.
pub(crate) fn is_exact(filter: &Filter, rows: Rows) -> bool {
    match filter {
        Filter::Nothing | Filter::Everything => true,
        Filter::And(parts) | Filter::Or(parts) => parts.iter().all(|part| is_exact(part, rows)),
        Filter::OneOf(field, _) | Filter::NoneOf(field, _) => Column::of(*field, rows).is_some(),
        Filter::Intersects(field, _)
        | Filter::Disjoint(field, _)
        | Filter::ContainsAll(field, _)
        | Filter::LacksOneOf(field, _) => has_tags(*field, rows),
    }
}

/// Whether the set's members are tags. Preferences have none: storing one costs as little as it did.
fn has_tags(field: FilterField, rows: Rows) -> bool {
    rows == Rows::Objects && TAGGED.iter().any(|(attribute, _)| *attribute == field.attribute())
}

fn tags(field: FilterField, texts: &BTreeSet<String>, which: Members, rows: Rows) -> Test {
    if !has_tags(field, rows) {
        return Test::Constant(true);
    }
    let tags: Vec<_> = texts.iter().filter_map(|text| TagKey::of(field.attribute(), text)).collect();
    if tags.is_empty() { Test::Constant(which.needs_all()) } else { Test::Tags { which, tags } }
}

fn list(field: FilterField, texts: &BTreeSet<String>, negated: bool, rows: Rows) -> Test {
    let Some(column) = Column::of(field, rows) else { return Test::Constant(true) };
    Test::List { column, negated, values: texts.iter().filter_map(|text| column.value(text)).collect() }
}

impl Column {
    fn of(field: FilterField, rows: Rows) -> Option<Self> {
        match (field.attribute(), rows) {
            (Attribute::MemoryType, Rows::Shelf) => Some(Self::Type),
            (Attribute::MemoryState, Rows::Shelf) => Some(Self::State),
            (Attribute::MemoryKind, _) => Some(Self::Kind),
            (Attribute::MemoryDomain, _) => Some(Self::Domain),
            (attribute, _) => Facet::of(attribute).map(Self::Facet),
        }
    }

    /// The column's value where the attribute is `text`; none where no row can have it.
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Type | Self::Kind => Some(Value::Text(text.to_owned())),
            Self::State => State::from_name(text).map(|state| Value::Number(state_number(state))),
            Self::Facet(facet) => facet.code(text).map(Value::Number),
            Self::Domain if text.is_empty() => Some(Value::Key([0; 16])),
            Self::Domain => {
                let domain = Domain::parse(text).ok().flatten().filter(|domain| domain.as_str() == text)?;
                Some(Value::Key(DomainKey::of(Some(&domain)).0))
            }
        }
    }
}

/// What a filter compares, for tests.
#[cfg(test)]
pub(crate) fn list_of(attribute: Attribute, texts: &[&str]) -> (FilterField, BTreeSet<String>) {
    let field = FilterField::new(attribute).unwrap();
    (field, texts.iter().map(|text| (*text).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_compared_and_the_rest_passes() {
        let (state, states) = list_of(Attribute::MemoryState, &["active", "no such state"]);
        let (label, labels) = list_of(Attribute::MemoryLabels, &["grief"]);
        let (level, levels) = list_of(Attribute::MemorySensitivityLevel, &["medium", "no such level"]);
        let filter = Filter::And(vec![
            Filter::Or(vec![Filter::NoneOf(state, states), Filter::Intersects(label, labels)]),
            Filter::NoneOf(level, levels),
        ]);
        for rows in [Rows::Shelf, Rows::Objects] {
            let facet = |attribute| Column::Facet(Facet::of(attribute).unwrap());
            let column = if rows == Rows::Shelf { Column::State } else { facet(Attribute::MemoryState) };
            let states = Test::List { column, negated: true, values: vec![Value::Number(0)] };
            let labelled = match rows {
                Rows::Shelf => Test::Constant(true),
                Rows::Objects => {
                    let tags = vec![TagKey::of(Attribute::MemoryLabels, "grief").unwrap()];
                    Test::Tags { which: Members::Some, tags }
                }
            };
            let any = Test::Any(vec![states, labelled]);
            let column = facet(Attribute::MemorySensitivityLevel);
            let levels = Test::List { column, negated: true, values: vec![Value::Number(1)] };
            assert_eq!(test(&filter, rows), Test::All(vec![any, levels]));
        }
        assert!(!is_exact(&filter, Rows::Shelf) && is_exact(&filter, Rows::Objects));
        assert!(is_exact(&Filter::Nothing, Rows::Shelf));
    }

    #[test]
    fn a_domain_is_compared_by_its_key() {
        let (domain, domains) = list_of(Attribute::MemoryDomain, &["", "music", " not a domain "]);
        let filter = Filter::OneOf(domain, domains);
        let music = DomainKey::of(Domain::parse("music").unwrap().as_ref()).0;
        let values = vec![Value::Key([0; 16]), Value::Key(music)];
        assert_eq!(test(&filter, Rows::Shelf), Test::List { column: Column::Domain, negated: false, values });
        assert!(is_exact(&filter, Rows::Shelf));
    }
}
