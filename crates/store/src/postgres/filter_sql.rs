//! The policy's filter in PostgreSQL's words. Lists are arrays, so that a statement's text depends on the filter's shape
//! and never on its values.

use std::borrow::Cow;

use memoryscope_domain::memory::TagKey;

use super::value::{Bytes, Value};
use crate::common::filter::{self, Column, Members};

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

    /// A few tags are tested one by one, and their number is made a power of two, so that there are few statements; many are
    /// an array.
    fn push_tags(&mut self, which: Members, mut tags: Vec<TagKey>) {
        let sign = if which.is_there() { "> 0" } else { "= 0" };
        if tags.len() > TAGS_MAX {
            // All are there where none is absent.
            let (none, sign) = match which {
                Members::Some | Members::NotAll => ("", sign),
                Members::All => ("NOT ", "= 0"),
                Members::None => ("NOT ", "> 0"),
            };
            let array: Vec<Vec<u8>> = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
            let array = self.value(Box::new(array));
            self.sql.push_str(&format!(
                "{none}EXISTS (SELECT FROM unnest({array}::bytea[]) AS t (tag) WHERE position(t.tag IN {TAGS}) {sign})"
            ));
            return;
        }
        if let Some(last) = tags.last().copied() {
            tags.resize(tags.len().next_power_of_two(), last);
        }
        self.sql.push('(');
        for (at, tag) in tags.into_iter().enumerate() {
            if at > 0 {
                self.sql.push_str(if which.needs_all() { " AND " } else { " OR " });
            }
            let tag = self.value(Box::new(tag.as_bytes().to_vec()));
            self.sql.push_str(&format!("position({tag}::bytea IN {TAGS}) {sign}"));
        }
        self.sql.push(')');
    }
}

/// Tags that are tested one by one.
const TAGS_MAX: usize = 16;

const TAGS: &str = "coalesce(tags, ''::bytea)";

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
        let (reader, readers) = list_of(Attribute::MemoryReaders, &["a", "b", "c"]);
        let mut condition = Condition::default();
        push(&Filter::Disjoint(reader, readers), Rows::Objects, &mut condition);
        assert_eq!(condition.values.len(), 4);
        assert_eq!(condition.sql.matches(" AND ").count(), 3, "{}", condition.sql);
        assert_eq!(compiled(&Filter::Nothing), ("false".to_owned(), 0));
        assert_eq!(compiled(&Filter::Or(Vec::new())), ("(false)".to_owned(), 0));
    }
}
