//! The policy's filter in SQLite's words. Values are always parameters, never part of the statement.

use std::borrow::Cow;

use memoryscope_domain::memory::TagKey;
use rusqlite::types::Value;

use crate::common::filter::{self, Column, Members};

/// A condition and its parameters, in the order of their question marks.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl filter::Condition for Condition {
    const TRUE: &'static str = "1";
    const FALSE: &'static str = "0";

    fn sql(&mut self) -> &mut String {
        &mut self.sql
    }

    fn push_list(&mut self, column: Column, negated: bool, values: Vec<filter::Value>) {
        self.sql.push_str(&expression(column));
        self.sql.push_str(if negated { " NOT IN (" } else { " IN (" });
        for (at, value) in values.into_iter().enumerate() {
            self.sql.push_str(if at > 0 { ",?" } else { "?" });
            self.values.push(match value {
                filter::Value::Text(text) => Value::Text(text),
                filter::Value::Number(number) => Value::Integer(number),
                filter::Value::Key(key) => Value::Blob(key.to_vec()),
            });
        }
        self.sql.push(')');
    }

    fn push_tags(&mut self, which: Members, tags: Vec<TagKey>) {
        let test = if which.is_there() { TAG_IS_THERE } else { TAG_IS_ABSENT };
        push_tree(tags.len(), if which.needs_all() { " AND " } else { " OR " }, test, &mut self.sql);
        self.values.extend(tags.iter().map(|tag| Value::Blob(tag.as_bytes().to_vec())));
    }
}

const TAG_IS_THERE: &str = "instr(coalesce(tags, x''), ?) > 0";
const TAG_IS_ABSENT: &str = "instr(coalesce(tags, x''), ?) = 0";

/// So many tests, halved until one is left: SQLite bounds how deep an expression nests, and a plain chain of many would burst it.
fn push_tree(tests: usize, between: &str, test: &str, sql: &mut String) {
    if tests == 1 {
        sql.push_str(test);
        return;
    }
    sql.push('(');
    push_tree(tests / 2, between, test, sql);
    sql.push_str(between);
    push_tree(tests - tests / 2, between, test, sql);
    sql.push(')');
}

/// The column as an expression that is never NULL: NULL stands for the catalogue's default.
fn expression(column: Column) -> Cow<'static, str> {
    Cow::Borrowed(match column {
        Column::Type => "type",
        Column::State => "state",
        Column::Kind => "coalesce(kind, 'none')",
        Column::Domain => "coalesce(domain_key, zeroblob(16))",
        Column::Facet(facet) => {
            return Cow::Owned(format!("(coalesce(facets, 0) >> {} & {})", facet.shift, facet.mask()));
        }
    })
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::policy::{Attribute, Filter};

    use super::*;
    use crate::common::filter::{Rows, list_of, push};

    fn compiled(filter: &Filter) -> (String, usize) {
        let mut condition = Condition::default();
        push(filter, Rows::Shelf, &mut condition);
        (condition.sql, condition.values.len())
    }

    #[test]
    fn columns_become_parameters_and_the_rest_passes() {
        let (kind, kinds) = list_of(Attribute::MemoryKind, &["schedule", "x' OR 1 --"]);
        let (state, states) = list_of(Attribute::MemoryState, &["active", "no such state"]);
        let (label, labels) = list_of(Attribute::MemoryLabels, &["grief"]);
        let (level, levels) = list_of(Attribute::MemorySensitivityLevel, &["low"]);
        let filter = Filter::And(vec![
            Filter::OneOf(kind, kinds),
            Filter::Or(vec![Filter::NoneOf(state, states), Filter::Intersects(label, labels)]),
            Filter::NoneOf(level, levels),
        ]);
        let sql = "(coalesce(kind, 'none') IN (?,?) AND (state NOT IN (?) OR 1) \
                   AND (coalesce(facets, 0) >> 13 & 7) NOT IN (?))";
        assert_eq!(compiled(&filter), (sql.to_owned(), 4));
        let mut condition = Condition::default();
        push(&filter, Rows::Objects, &mut condition);
        assert!(condition.sql.contains(TAG_IS_THERE), "{}", condition.sql);
        assert_eq!(condition.values.len(), 5);
        assert_eq!(compiled(&Filter::Nothing), ("0".to_owned(), 0));
        assert_eq!(compiled(&Filter::Everything), ("1".to_owned(), 0));
        assert_eq!(compiled(&Filter::And(Vec::new())), ("(1)".to_owned(), 0));
    }
}
