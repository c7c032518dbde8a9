//! The policy's filter in PostgreSQL's words. Lists are arrays, so that a statement's text depends on the filter's shape
//! and never on its values.

use std::borrow::Cow;

use super::value::{Bytes, Value};
use crate::common::filter::{self, Column};

/// A condition and its parameters, in the order of their numbers.
#[derive(Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value<'static>>,
}

impl Condition {
    /// Adds a parameter and gives back how it is written.
    pub(super) fn value(&mut self, value: Value<'static>) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

impl filter::Condition for Condition {
    const TRUE: &'static str = "true";
    const FALSE: &'static str = "false";

    fn sql(&mut self) -> &mut String {
        &mut self.sql
    }

    fn push_list(&mut self, column: Column, negated: bool, values: Vec<filter::Value>) {
        let array = self.value(array(column, values));
        let test = if negated { "<> ALL" } else { "= ANY" };
        let (expression, element) = names(column);
        self.sql.push_str(&format!("{expression} {test} ({array}::{element}[])"));
    }
}

/// The values that a row can have. PostgreSQL's text has no zero character, so no row has a text with one.
fn array(column: Column, values: Vec<filter::Value>) -> Value<'static> {
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    let mut keys = Vec::new();
    for value in values {
        match value {
            filter::Value::Text(text) if text.contains('\0') => {}
            filter::Value::Text(text) => texts.push(text),
            filter::Value::Number(number) => numbers.push(number),
            filter::Value::Key(key) => keys.push(Bytes(key)),
        }
    }
    match column {
        Column::Type | Column::Kind => Box::new(texts),
        Column::State | Column::Facet(_) => Box::new(numbers),
        Column::Domain => Box::new(keys),
    }
}

/// The column as an expression that is never NULL (NULL stands for the catalogue's default), and its type.
fn names(column: Column) -> (Cow<'static, str>, &'static str) {
    let (expression, element) = match column {
        Column::Type => ("type", "text"),
        Column::State => ("state", "bigint"),
        Column::Kind => ("coalesce(kind, 'none')", "text"),
        Column::Domain => ("coalesce(domain_key, decode(repeat('00', 16), 'hex'))", "bytea"),
        Column::Facet(facet) => {
            let bits = format!("(coalesce(facets, 0) >> {} & {})", facet.shift, facet.mask());
            return (Cow::Owned(bits), "bigint");
        }
    };
    (Cow::Borrowed(expression), element)
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
    fn lists_become_arrays_and_the_rest_passes() {
        let (kind, kinds) = list_of(Attribute::MemoryKind, &["schedule", "x' OR 1 --", "\0"]);
        let (state, states) = list_of(Attribute::MemoryState, &["active", "no such state"]);
        let (label, labels) = list_of(Attribute::MemoryLabels, &["grief"]);
        let filter = Filter::And(vec![
            Filter::OneOf(kind, kinds),
            Filter::Or(vec![Filter::NoneOf(state, states), Filter::Intersects(label, labels)]),
        ]);
        let sql = "(coalesce(kind, 'none') = ANY ($1::text[]) AND (state <> ALL ($2::bigint[]) OR true))";
        assert_eq!(compiled(&filter), (sql.to_owned(), 2));
        assert_eq!(compiled(&Filter::Nothing), ("false".to_owned(), 0));
        assert_eq!(compiled(&Filter::Or(Vec::new())), ("(false)".to_owned(), 0));
    }
}
