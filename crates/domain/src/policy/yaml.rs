//! YAML (JSON is YAML) as a tree that knows its places. Only what a policy needs: no anchors, no aliases,
//! no tags, one document, every key once, bounded depth.

use std::collections::BTreeSet;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::error::{Errors, Place, shortened};

/// How deep the YAML itself may nest: `POLICY_DEPTH_MAX` conditions take two levels each, and the document four.
const YAML_DEPTH_MAX: usize = 48;

/// A node and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) kind: NodeKind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    /// Nothing: `null`, `~` or an empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the document.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Where it begins.
    pub(crate) place: Place,
    /// Its text.
    pub(crate) text: String,
}

impl Node {
    /// What it is, in words.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "a bool",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }

    /// Its entries, or an error that names what was wanted.
    pub(crate) fn as_map(&self, what: &str, errors: &mut Errors) -> &[(Key, Self)] {
        match &self.kind {
            NodeKind::Map(entries) => entries,
            _ => {
                errors.push(self.place, format!("{what} must be a mapping, not {}", self.kind_name()));
                &[]
            }
        }
    }

    /// Its items, or an error that names what was wanted.
    pub(crate) fn as_list(&self, what: &str, errors: &mut Errors) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => {
                errors.push(self.place, format!("{what} must be a list, not {}", self.kind_name()));
                &[]
            }
        }
    }

    /// Its text, or an error that names what was wanted.
    pub(crate) fn as_text(&self, what: &str, errors: &mut Errors) -> Option<&str> {
        if let NodeKind::Text(text) = &self.kind {
            return Some(text);
        }
        errors.push(self.place, format!("{what} must be a text, not {}", self.kind_name()));
        None
    }

    /// Its truth, or an error that names what was wanted.
    pub(crate) fn as_bool(&self, what: &str, errors: &mut Errors) -> Option<bool> {
        if let NodeKind::Bool(flag) = self.kind {
            return Some(flag);
        }
        let meant = match &self.kind {
            NodeKind::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" | "allow" => Some("true".to_owned()),
                "false" | "no" | "off" | "n" | "deny" => Some("false".to_owned()),
                _ => None,
            },
            _ => None,
        };
        errors.suggest(self.place, format!("{what} must be true or false, not {}", self.kind_name()), meant);
        None
    }

    /// Its number, or an error that names what was wanted.
    pub(crate) fn as_number(&self, what: &str, errors: &mut Errors) -> Option<f64> {
        if let NodeKind::Number(number) = self.kind {
            return Some(number);
        }
        errors.push(self.place, format!("{what} must be a number, not {}", self.kind_name()));
        None
    }
}

/// A collection that is still open.
enum Open {
    List(Place, Vec<Node>),
    Map { place: Place, entries: Vec<(Key, Node)>, seen: BTreeSet<String>, key: Option<Key> },
}

/// Builds the tree from the parser's events.
struct Builder<'e> {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    errors: &'e mut Errors,
}

/// Reads one document. None when the text is no YAML, or nothing at all: the errors say why.
pub(crate) fn read(text: &str, errors: &mut Errors) -> Option<Node> {
    let options = granit_parser::options! {
        flow_nesting_limit: YAML_DEPTH_MAX,
        block_nesting_limit: YAML_DEPTH_MAX,
        disallow_directives: true,
        emit_comments: false,
    };
    let mut builder = Builder { open: Vec::new(), root: None, documents: 0, errors };
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, span)) => {
                if !builder.take(event, span) {
                    return None;
                }
            }
            Err(error) => {
                let place = Place { line: error.marker().line().max(1), column: error.marker().col() + 1 };
                builder.errors.push(place, format!("not YAML: {}", error.info()));
                return None;
            }
        }
    }
    if builder.root.is_none() {
        builder.errors.push(Place::START, "the document is empty");
    }
    builder.root
}

impl Builder<'_> {
    /// Takes one event; false to stop.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        let place = Place { line: span.start.line().max(1), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                let kind = scalar(&text, style);
                self.complete_scalar(Node { place, kind }, &text);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                self.refuse_complex_key(place);
                self.open.push(Open::List(place, Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                self.refuse_complex_key(place);
                self.open.push(Open::Map { place, entries: Vec::new(), seen: BTreeSet::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.errors.push(place, "aliases are not allowed: write the value out");
                return false;
            }
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.errors.push(place, "only one document is allowed");
                    return false;
                }
            }
            _ => {}
        }
        // A collection as a key has been reported; what follows would only confuse.
        self.open.len() <= YAML_DEPTH_MAX
    }

    fn refuse_properties(&mut self, place: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.errors.push(place, "anchors are not allowed: write the value out");
        }
        if tagged {
            self.errors.push(place, "tags are not allowed");
        }
    }

    /// A mapping's key must be a scalar. A stand-in keeps the rest in step.
    fn refuse_complex_key(&mut self, place: Place) {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            self.errors.push(place, "a key must be a text");
        }
    }

    /// A scalar is a key where one is due, and a value elsewhere.
    fn complete_scalar(&mut self, node: Node, text: &str) {
        if let Some(Open::Map { seen, key, .. }) = self.open.last_mut()
            && key.is_none()
        {
            if !seen.insert(text.to_owned()) {
                self.errors.push(node.place, format!("duplicate key `{}`", shortened(text)));
            }
            *key = Some(Key { place: node.place, text: text.to_owned() });
            return;
        }
        self.complete(node);
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                // The collection stood where a key was due: reported when it began.
                None => *key = Some(Key { place: node.place, text: String::new() }),
            },
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(place, items)) => self.complete(Node { place, kind: NodeKind::List(items) }),
            Some(Open::Map { place, entries, .. }) => {
                self.complete(Node { place, kind: NodeKind::Map(entries) });
            }
            None => {}
        }
    }
}

/// What a scalar means: YAML 1.2's core schema, without octal and hexadecimal numbers.
fn scalar(text: &str, style: ScalarStyle) -> NodeKind {
    if style != ScalarStyle::Plain {
        return NodeKind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true),
        "false" | "False" | "FALSE" => NodeKind::Bool(false),
        _ => number(text).map_or_else(|| NodeKind::Text(text.to_owned()), NodeKind::Number),
    }
}

/// A finite decimal number; `inf`, `nan` and the like are texts.
fn number(text: &str) -> Option<f64> {
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !numeric || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}
