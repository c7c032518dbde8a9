//! A rule's `when`: which attribute is asked what, checked against the catalogue.

use crate::limits;
use crate::policy::catalogue::{Attribute, CATALOGUE, Kind, METADATA_PREFIX};
use crate::policy::condition::{Bound, Comparison, Condition, Leaf, Literal, Path, Test};
use crate::policy::error::{Errors, Place};
use crate::policy::yaml::{Key, Node, NodeKind};
use crate::time::Timestamp;

const BLOCKS: &[&str] = &["all", "any", "none"];
const OPERATORS: &[&str] =
    &["any_of", "all_of", "none_of", "not", "gt", "gte", "lt", "lte", "exists", "matches"];

/// Reads `when`. What is wrong is in `errors`, and stands for a condition that never holds.
pub(in crate::policy) fn read_when(node: &Node, errors: &mut Errors) -> Condition {
    block(node, 0, errors)
}

/// What an error stands for: never held.
fn never() -> Condition {
    Condition::Any([].into())
}

/// Whether the nesting is still allowed; notes the error otherwise.
fn within_depth(place: Place, depth: usize, errors: &mut Errors) -> bool {
    if depth > limits::POLICY_DEPTH_MAX {
        errors.push(place, format!("conditions nest at most {} deep", limits::POLICY_DEPTH_MAX));
    }
    depth <= limits::POLICY_DEPTH_MAX
}

/// A map of tests and blocks, all of which must hold.
fn block(node: &Node, depth: usize, errors: &mut Errors) -> Condition {
    let mut parts = Vec::new();
    for (key, value) in node.as_map("a condition", errors) {
        parts.push(match key.text.as_str() {
            "all" => Condition::All(blocks(value, depth, errors)),
            "any" => Condition::Any(blocks(value, depth, errors)),
            "none" => Condition::Not(Box::new(Condition::Any(blocks(value, depth, errors)))),
            _ => leaf(key, value, depth, errors),
        });
    }
    Condition::All(parts.into())
}

/// The list behind `all`, `any` or `none`.
fn blocks(node: &Node, depth: usize, errors: &mut Errors) -> Box<[Condition]> {
    if !within_depth(node.place, depth + 1, errors) {
        return [never()].into();
    }
    let items = node.as_list("a block of conditions", errors);
    if items.is_empty() && matches!(node.kind, NodeKind::List(_)) {
        errors.push(node.place, "a block of conditions lists nothing");
    }
    items.iter().map(|item| block(item, depth + 1, errors)).collect()
}

fn leaf(key: &Key, value: &Node, depth: usize, errors: &mut Errors) -> Condition {
    let Some(attribute) = Attribute::from_path(&key.text) else {
        if key.text.starts_with(METADATA_PREFIX) {
            errors.push(key.place, "a metadata attribute is memory.metadata. and a dotted path");
            return never();
        }
        let known =
            CATALOGUE.iter().map(|entry| entry.path).chain(BLOCKS.iter().copied()).collect::<Vec<_>>();
        errors.unknown(key.place, "attribute", &key.text, &known);
        return never();
    };
    let metadata = match attribute {
        Attribute::MemoryMetadata => key.text.get(METADATA_PREFIX.len()..).unwrap_or_default(),
        _ => "",
    };
    if attribute == Attribute::MemoryMetadata && metadata.split('.').any(str::is_empty) {
        errors.push(key.place, "a metadata path has no empty part");
    }
    let reader = Reader { path: &key.text, kind: attribute.entry().kind };
    let Some(test) = reader.test(value, depth, errors) else { return never() };
    let path = Path { attribute, metadata: metadata.into() };
    Condition::Leaf(Leaf { path, test, line: key.place.line, column: key.place.column })
}

/// Reads the tests of one attribute.
struct Reader<'a> {
    path: &'a str,
    kind: Kind,
}

impl Reader<'_> {
    fn test(&self, node: &Node, depth: usize, errors: &mut Errors) -> Option<Test> {
        match &node.kind {
            NodeKind::Map(entries) => self.operators(node.place, entries, depth, errors),
            NodeKind::List(_) => self.literals(node, errors).map(Test::OneOf),
            _ => Some(Test::OneOf([self.literal(node, errors)?].into())),
        }
    }

    fn operators(
        &self,
        place: Place,
        entries: &[(Key, Node)],
        depth: usize,
        errors: &mut Errors,
    ) -> Option<Test> {
        if entries.is_empty() {
            errors.push(place, "a test says nothing");
        }
        let mut tests = Vec::new();
        let mut complete = !entries.is_empty();
        for (key, value) in entries {
            match self.operator(key, value, depth, errors) {
                Some(test) => tests.push(test),
                None => complete = false,
            }
        }
        if !complete {
            return None;
        }
        if tests.len() == 1 { tests.pop() } else { Some(Test::Every(tests.into())) }
    }

    fn operator(&self, key: &Key, node: &Node, depth: usize, errors: &mut Errors) -> Option<Test> {
        match key.text.as_str() {
            "any_of" => self.literals(node, errors).map(Test::OneOf),
            "none_of" => self.literals(node, errors).map(Test::NoneOf),
            "all_of" => self.all_of(key.place, node, errors),
            "not" => {
                let within = within_depth(key.place, depth + 1, errors);
                let test = within.then(|| self.test(node, depth + 1, errors))??;
                Some(Test::Not(Box::new(test)))
            }
            "gt" => self.compare(key, node, Comparison::Greater, errors),
            "gte" => self.compare(key, node, Comparison::AtLeast, errors),
            "lt" => self.compare(key, node, Comparison::Less, errors),
            "lte" => self.compare(key, node, Comparison::AtMost, errors),
            "exists" => node.as_bool("exists", errors).map(Test::Exists),
            "matches" => self.matches(key.place, node, errors),
            other => {
                errors.unknown(key.place, "test", other, OPERATORS);
                None
            }
        }
    }

    fn literals(&self, node: &Node, errors: &mut Errors) -> Option<Box<[Literal]>> {
        let items = node.as_list("a list of values", errors);
        if items.is_empty() {
            if matches!(node.kind, NodeKind::List(_)) {
                errors.push(node.place, "a list of values lists nothing");
            }
            return None;
        }
        let read = items.iter().map(|item| self.literal(item, errors)).collect::<Vec<_>>();
        read.into_iter().collect()
    }

    /// A value of the attribute's type.
    fn literal(&self, node: &Node, errors: &mut Errors) -> Option<Literal> {
        let path = self.path;
        match (self.kind, &node.kind) {
            (Kind::Bool, _) => node.as_bool(path, errors).map(Literal::Bool),
            (Kind::Number, _) => node.as_number(path, errors).map(Literal::Number),
            (Kind::Time, _) => {
                errors.push(node.place, format!("{path} is a time: test it with gt, gte, lt or lte"));
                None
            }
            (Kind::Open, NodeKind::Null) => {
                errors.push(node.place, "nothing is no value: test absence with exists: false");
                None
            }
            (Kind::Open, _) => literal_value(node, errors),
            (Kind::Text | Kind::TextSet, NodeKind::Number(_) | NodeKind::Bool(_)) => {
                errors.push(node.place, format!("{path} is a text: put the value in quotes"));
                None
            }
            (Kind::Text | Kind::TextSet, _) => {
                node.as_text(path, errors).map(|text| Literal::Text(text.into()))
            }
            (Kind::Enum(values) | Kind::Ordered(values) | Kind::EnumSet(values), _) => {
                let text = node.as_text(path, errors)?;
                if !values.contains(&text) {
                    errors.unknown(node.place, &format!("value of {path}"), text, values);
                    return None;
                }
                Some(Literal::Text(text.into()))
            }
        }
    }

    fn all_of(&self, place: Place, node: &Node, errors: &mut Errors) -> Option<Test> {
        if !self.kind.is_set() && self.kind != Kind::Open {
            let meant = Some("any_of".to_owned());
            errors.suggest(place, format!("{} holds one value: all_of is for sets", self.path), meant);
            return None;
        }
        let literals = self.literals(node, errors)?;
        let texts = literals.iter().map(|literal| match literal {
            Literal::Text(text) => Some(text.clone()),
            _ => None,
        });
        let texts = texts.collect::<Option<Vec<_>>>();
        if texts.is_none() {
            errors.push(node.place, "all_of takes texts");
        }
        texts.map(|texts| Test::AllOf(texts.into()))
    }

    fn compare(&self, key: &Key, node: &Node, comparison: Comparison, errors: &mut Errors) -> Option<Test> {
        let bound = match (self.kind, &node.kind) {
            (Kind::Number, _) => Bound::Number(node.as_number(self.path, errors)?),
            (Kind::Open, NodeKind::Number(number)) => Bound::Number(*number),
            (Kind::Time | Kind::Open, _) => time(node, errors)?,
            (Kind::Ordered(values), _) => {
                let text = node.as_text(self.path, errors)?;
                let Some(rank) = values.iter().position(|value| *value == text) else {
                    errors.unknown(node.place, &format!("value of {}", self.path), text, values);
                    return None;
                };
                Bound::Rank(rank, values)
            }
            _ => {
                let message = format!(
                    "{} has no order: {} is for numbers, times and ordered enums",
                    self.path, key.text
                );
                errors.push(key.place, message);
                return None;
            }
        };
        Some(Test::Compare(comparison, bound))
    }

    fn matches(&self, place: Place, node: &Node, errors: &mut Errors) -> Option<Test> {
        if !matches!(self.kind, Kind::Text | Kind::TextSet | Kind::Open) {
            errors.push(place, format!("{} is no text: matches is for texts", self.path));
            return None;
        }
        node.as_text("matches", errors).map(|glob| Test::Matches(glob.into()))
    }
}

/// A value of any type, as it was written.
fn literal_value(node: &Node, errors: &mut Errors) -> Option<Literal> {
    match &node.kind {
        NodeKind::Bool(flag) => Some(Literal::Bool(*flag)),
        NodeKind::Number(number) => Some(Literal::Number(*number)),
        NodeKind::Text(text) => Some(Literal::Text(text.as_str().into())),
        _ => {
            errors.push(
                node.place,
                format!("a value must be a bool, a number or a text, not {}", node.kind_name()),
            );
            None
        }
    }
}

/// An RFC 3339 time, or `now`, `now-30d`, `now+12h`, `now-90m`.
fn time(node: &Node, errors: &mut Errors) -> Option<Bound> {
    let text = node.as_text("a time", errors)?;
    if let Some(offset) = text.strip_prefix("now")
        && let Some(micros) = offset_micros(offset)
    {
        return Some(Bound::FromNow { micros, text: text.into() });
    }
    match Timestamp::parse(text) {
        Ok(time) => Some(Bound::Time(time)),
        Err(_) => {
            errors.push(node.place, "a time is written 2026-01-31T12:00:00Z, or now-30d, now+12h, now-90m");
            None
        }
    }
}

/// `-30d` and the like in microseconds; the empty text is 0.
fn offset_micros(offset: &str) -> Option<i64> {
    if offset.is_empty() {
        return Some(0);
    }
    let (sign, rest) = match offset.as_bytes().first()? {
        b'-' => (-1, offset.get(1..)?),
        b'+' => (1, offset.get(1..)?),
        _ => return None,
    };
    let minutes_each = match rest.as_bytes().last()? {
        b'd' => 24 * 60,
        b'h' => 60,
        b'm' => 1,
        _ => return None,
    };
    let digits = rest.get(..rest.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<i64>().ok()?;
    count.checked_mul(sign)?.checked_mul(minutes_each)?.checked_mul(60_000_000)
}
