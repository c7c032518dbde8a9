//! The policy's filter in SQLite's words. Values are always parameters, never part of the statement.

use memoryscope_domain::policy::Filter;
use rusqlite::types::Value;

use crate::common::filter::{self, Column, Test};

/// A condition and its parameters, in the order of their question marks.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// Appends the filter to a statement's condition.
pub(super) fn push(filter: &Filter, condition: &mut Condition) {
    push_test(filter::test(filter), condition);
}

fn push_test(test: Test, condition: &mut Condition) {
    match test {
        Test::Constant(so) => condition.sql.push(if so { '1' } else { '0' }),
        Test::All(parts) => push_all(parts, "1", " AND ", condition),
        Test::Any(parts) => push_all(parts, "0", " OR ", condition),
        Test::List { column, negated, values } => {
            condition.sql.push_str(expression(column));
            condition.sql.push_str(if negated { " NOT IN (" } else { " IN (" });
            for (at, value) in values.into_iter().enumerate() {
                condition.sql.push_str(if at > 0 { ",?" } else { "?" });
                condition.values.push(match value {
                    filter::Value::Text(text) => Value::Text(text),
                    filter::Value::Number(number) => Value::Integer(number),
                    filter::Value::Key(key) => Value::Blob(key.to_vec()),
                });
            }
            condition.sql.push(')');
        }
    }
}

fn push_all(parts: Vec<Test>, of_none: &str, between: &str, condition: &mut Condition) {
    condition.sql.push('(');
    if parts.is_empty() {
        condition.sql.push_str(of_none);
    }
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            condition.sql.push_str(between);
        }
        push_test(part, condition);
    }
    condition.sql.push(')');
}

/// The column as an expression that is never NULL: NULL stands for the catalogue's default.
const fn expression(column: Column) -> &'static str {
    match column {
        Column::Type => "type",
        Column::State => "state",
        Column::Kind => "coalesce(kind, 'none')",
        Column::Domain => "coalesce(domain_key, zeroblob(16))",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use memoryscope_domain::policy::{Attribute, FilterField};

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
        assert_eq!(compiled(&Filter::And(Vec::new())), ("(1)".to_owned(), 0));
    }
}
