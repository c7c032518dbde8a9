//! Parses one entry of a `link_to`.

use crate::graph::given::context_count;
use crate::graph::search::threshold_default;
use crate::graph::{Direction, EdgeEnd, Match, MatchMode, Name, Search, Via};
use crate::limits;
use crate::object::Unit;

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// `Type:properties` and `Type.via(EDGE->Target:properties)`.
    Node { node_type: Name, search: Search },
    /// `Source->EDGE->Target:properties`, with parts left out.
    Edge { source_type: Option<Name>, edge_type: Name, target_type: Option<Name>, search: Vec<Match> },
    /// `$this`.
    This,
    /// `$previous` and `$context:N`.
    Before(EdgeEnd),
}

/// Where an entry cannot be read, by the character from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) character: usize,
    pub(super) expected: &'static str,
}

const ARROW: &str = "->";
const NODE_TYPE: &str = "a type: a letter, then letters, digits and _";
const EDGE_TYPE: &str = "an edge: a capital letter, then capitals, digits and _";
const PROPERTY: &str = "a property: a letter or _, then letters, digits and _";
const THRESHOLD: &str = "a threshold from 0 to 1, such as 0.9";
const VALUE: &str = "a value";
const PLACEHOLDER: &str = "$this, $previous or $context:N with N from 1 to 20";
const _: () = assert!(limits::CONTEXT_LINKS_MAX == 20, "as the message says");

/// The text, and how much of it was read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn parse(text: &str) -> Result<Entry, Stop> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    if cursor.rest().starts_with('$') {
        return cursor.placeholder();
    }
    if cursor.rest().starts_with(ARROW) {
        return cursor.edge(None);
    }
    let node_type = cursor.node_type()?;
    if cursor.eat(".via(") {
        return cursor.via(node_type);
    }
    if cursor.rest().starts_with(ARROW) {
        return cursor.edge(Some(node_type));
    }
    if !cursor.eat(":") {
        return Err(cursor.wrong(": and a property, -> and an edge, or .via("));
    }
    Ok(Entry::Node { node_type, search: Search::by(cursor.properties()?) })
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, what: &str) -> bool {
        let eaten = self.rest().starts_with(what);
        if eaten {
            self.at += what.len();
        }
        eaten
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn wrong(&self, expected: &'static str) -> Stop {
        let before = self.text.get(..self.at).unwrap_or_default();
        Stop { character: before.chars().count() + 1, expected }
    }

    fn is_at_end(&self) -> bool {
        self.rest().trim_end().is_empty()
    }

    fn placeholder(&self) -> Result<Entry, Stop> {
        match self.rest().trim_end() {
            "$this" => Ok(Entry::This),
            "$previous" => Ok(Entry::Before(EdgeEnd::Previous)),
            other => match context_count(other) {
                Some(count) => Ok(Entry::Before(EdgeEnd::Context(count))),
                None => Err(self.wrong(PLACEHOLDER)),
            },
        }
    }

    /// Reads a name; `_` may stand wherever `goes_on` may.
    fn name(
        &mut self,
        expected: &'static str,
        begins: fn(u8) -> bool,
        goes_on: fn(u8) -> bool,
    ) -> Result<Name, Stop> {
        let bytes = self.rest().as_bytes();
        if !bytes.first().is_some_and(|first| begins(*first)) {
            return Err(self.wrong(expected));
        }
        let length = bytes.iter().position(|b| !goes_on(*b) && *b != b'_').unwrap_or(bytes.len());
        if length > limits::GRAPH_NAME_CHARS_MAX {
            return Err(self.wrong("a shorter name"));
        }
        let name = self.rest().get(..length).and_then(|name| Name::parse(name).ok());
        let name = name.ok_or_else(|| self.wrong(expected))?;
        self.at += length;
        Ok(name)
    }

    /// Reads on behind `Type.via(`: what is looked for is what leads to something that is found so.
    fn via(&mut self, node_type: Name) -> Result<Entry, Stop> {
        let edge_type = self.edge_type()?;
        if !self.eat(ARROW) {
            return Err(self.wrong("-> and a type"));
        }
        let target_type = self.node_type()?;
        if !self.eat(":") {
            return Err(self.wrong(": and a property"));
        }
        // The bracket that closes it is the last one: a value may hold others.
        let Some(inner) = self.text.trim_end().strip_suffix(')').filter(|inner| inner.len() >= self.at)
        else {
            self.at = self.text.trim_end().len();
            return Err(self.wrong(") at the end"));
        };
        let mut inner = Cursor { text: inner, at: self.at };
        let target = Search::by(inner.properties()?);
        let via = Via { edge_type, target_type, target, direction: Direction::Outgoing };
        Ok(Entry::Node { node_type, search: Search { via: vec![via], ..Search::by(Vec::new()) } })
    }

    fn edge_type(&mut self) -> Result<Name, Stop> {
        let goes_on = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        self.name(EDGE_TYPE, |b| b.is_ascii_uppercase(), goes_on)
    }

    fn node_type(&mut self) -> Result<Name, Stop> {
        self.name(NODE_TYPE, |b| b.is_ascii_alphabetic(), |b| b.is_ascii_alphanumeric())
    }

    /// Reads on from the first arrow.
    fn edge(&mut self, source_type: Option<Name>) -> Result<Entry, Stop> {
        self.eat(ARROW);
        let edge_type = self.edge_type()?;
        let target_type = if self.eat(ARROW) { Some(self.node_type()?) } else { None };
        let search = if self.eat(":") {
            self.properties()?
        } else if self.is_at_end() {
            Vec::new()
        } else if target_type.is_none() {
            return Err(self.wrong("->, : or the end"));
        } else {
            return Err(self.wrong(": or the end"));
        };
        Ok(Entry::Edge { source_type, edge_type, target_type, search })
    }

    /// Reads `property`, `property=value`, `property~value`, with commas between them, up to the end.
    fn properties(&mut self) -> Result<Vec<Match>, Stop> {
        let mut properties = Vec::new();
        loop {
            if properties.len() >= limits::SEARCH_PROPERTIES_MAX {
                return Err(self.wrong("the end: there are too many properties"));
            }
            properties.push(self.property()?);
            if self.is_at_end() {
                return Ok(properties);
            }
            if !self.eat(",") {
                return Err(self.wrong("=, ~, a comma or the end"));
            }
        }
    }

    fn property(&mut self) -> Result<Match, Stop> {
        self.skip_space();
        let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_';
        let name = self.name(PROPERTY, begins, |b| b.is_ascii_alphanumeric())?;
        let found = Match { name, mode: MatchMode::Semantic, threshold: threshold_default(), value: None };
        if self.eat("=") {
            let value = Some(self.value()?.into());
            return Ok(Match { mode: MatchMode::Exact, value, ..found });
        }
        if !self.eat("~") {
            return Ok(found);
        }
        if !self.eat("@") {
            return Ok(Match { value: Some(self.value()?.into()), ..found });
        }
        let threshold = self.threshold()?;
        let value = if self.eat("~") { Some(self.value()?.into()) } else { None };
        Ok(Match { threshold, value, ..found })
    }

    fn threshold(&mut self) -> Result<Unit, Stop> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest.get(..length).and_then(|digits| digits.parse::<f64>().ok());
        let threshold = number.and_then(|number| Unit::new(number).ok());
        let threshold = threshold.ok_or_else(|| self.wrong(THRESHOLD))?;
        self.at += length;
        Ok(threshold)
    }

    /// Reads up to the next comma or the end, without the white space around it.
    fn value(&mut self) -> Result<String, Stop> {
        let rest = self.rest();
        let length = rest.find(',').unwrap_or(rest.len());
        let value = rest.get(..length).unwrap_or_default().trim().to_owned();
        if value.is_empty() {
            return Err(self.wrong(VALUE));
        }
        self.at += length;
        Ok(value)
    }
}
