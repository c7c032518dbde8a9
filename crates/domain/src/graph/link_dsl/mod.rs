//! `link_to`: the shorthand for constraints.
//!
//! One entry, a list of entries, or a map of entries to options. An entry is
//!
//! | entry | what it means |
//! |---|---|
//! | `Task:title` | tasks are found by the meaning of their title |
//! | `Task:id=T-1`, `Task:title~login`, `Task:title~@0.9`, `Task:title~@0.9~login` | by a value, by the meaning of one, with a threshold |
//! | `Person:email,name` | by the first property that finds one |
//! | `Task->BLOCKS->Task:title`, `->BLOCKS->Task:title` | the target of an edge is found so; from any source |
//! | `Task->BLOCKS:title` | the same, where the schema allows one type of target |
//! | `Task->BLOCKS` | as the schema's own constraint finds it |
//! | `Task.via(ASSIGNED_TO->Person:email)`, `Task.via(ASSIGNED_TO->Person:email=a@b.c)` | tasks are found by what they lead to |
//! | `$previous` | the memory follows its user's latest one |
//! | `$context:N` | it follows each of its user's latest N |

mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::constraint::read_create;
use super::set::{Set, read_set};
use super::{Condition, EdgeConstraint, EdgeEnd, EdgeFilter, GivenEdge, Miss, Name, NodeConstraint, Search};
use crate::fields::{At, Fault, Members, Notes, Step, Unknown, WarningKind};
use crate::limits;

use parse::{Entry, Stop, parse};

/// The edge that `$previous` and `$context:N` make.
const FOLLOWS: &str = "FOLLOWS";

/// An edge constraint that leaves the type of its target to the schema, which must allow exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// The edge's type.
    pub edge_type: Name,
    /// The type of its source, where it is named.
    pub source_type: Option<Name>,
    /// Where it was sent.
    pub path: Vec<Step>,
}

/// What a `link_to` stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// To be appended to the request's node constraints.
    pub node_constraints: Vec<NodeConstraint>,
    /// To be appended to its edge constraints.
    pub edge_constraints: Vec<EdgeConstraint>,
    /// To be appended to its relationships.
    pub relationships: Vec<GivenEdge>,
    /// What is still to be asked of the schema.
    pub inferred: Vec<Inferred>,
}

/// What an entry of the map form says beside its key.
#[derive(Debug, Default)]
struct Options {
    on_miss: Option<Miss>,
    set: Set,
    when: Option<Condition>,
}

impl Links {
    /// Reads a `link_to` in any of its forms.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut links = Self::default();
        let count = match value {
            Value::String(_) => 1,
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => {
                let message = "must be a string, a list of strings, or an object of strings and options";
                return notes.wrong(at, Fault::WrongType, message);
            }
        };
        if count > limits::LINKS_MAX {
            return notes.wrong(
                at,
                Fault::TooLong,
                format!("must have at most {} entries", limits::LINKS_MAX),
            );
        }
        let before = notes.faults().len();
        match value {
            Value::String(text) => links.add(text, Options::default(), at, notes),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let at = At::Index(at, index);
                    match item.as_str() {
                        Some(text) => links.add(text, Options::default(), &at, notes),
                        None => drop(notes.wrong::<()>(&at, Fault::WrongType, "must be a string")),
                    }
                }
            }
            Value::Object(map) => links.add_map(map, at, notes),
            _ => {}
        }
        (notes.faults().len() == before).then_some(links)
    }

    fn add_map(&mut self, map: &Map<String, Value>, at: &At<'_>, notes: &mut Notes) {
        for (text, value) in map {
            let at = At::Key(at, text);
            let options = match value {
                Value::Null => Some(Options::default()),
                value => Options::read(value, &at, notes),
            };
            if let Some(options) = options {
                self.add(text, options, &at, notes);
            }
        }
    }

    fn add(&mut self, text: &str, options: Options, at: &At<'_>, notes: &mut Notes) {
        if text.len() > limits::LINK_BYTES_MAX {
            let message = format!("must be at most {} bytes", limits::LINK_BYTES_MAX);
            notes.wrong::<()>(at, Fault::TooLong, message);
            return;
        }
        match parse(text) {
            Ok(entry) => self.take(entry, options, at, notes),
            Err(Stop { character, expected }) => {
                let message = format!("cannot be read at character {character}: expected {expected}");
                notes.wrong::<()>(at, Fault::Invalid, message);
            }
        }
    }

    fn take(&mut self, entry: Entry, options: Options, at: &At<'_>, notes: &mut Notes) {
        let is_placeholder = matches!(entry, Entry::This | Entry::Before(_));
        if is_placeholder && (options.on_miss.is_some() || options.when.is_some() || !options.set.is_empty())
        {
            notes.warn(
                at,
                WarningKind::NoEffect,
                "has options that have no effect: it names a memory, not a node",
            );
        }
        let Options { on_miss, set, when } = options;
        let on_miss = on_miss.unwrap_or(Miss::Create);
        match entry {
            Entry::Node { node_type, search } => {
                let search = Some(search);
                self.node_constraints.push(NodeConstraint { node_type, on_miss, search, set, when });
            }
            Entry::Edge { source_type, edge_type, target_type, search } => {
                if target_type.is_none() && !search.is_empty() {
                    let (edge_type, source_type) = (edge_type.clone(), source_type.clone());
                    self.inferred.push(Inferred { edge_type, source_type, path: at.steps() });
                }
                let search = (!search.is_empty()).then(|| Search::by(search));
                let filter = EdgeFilter { edge_type, source_type, target_type };
                let of = EdgeConstraint::of(filter);
                self.edge_constraints.push(EdgeConstraint { on_miss, search, set, when, ..of });
            }
            Entry::This => {
                notes.warn(at, WarningKind::NoEffect, "has no effect: it is the new memory itself");
            }
            Entry::Before(target) => {
                // The type is a name.
                let edges = Name::parse(FOLLOWS).ok().map(|edge_type| GivenEdge {
                    source: EdgeEnd::This,
                    target,
                    edge_type,
                    properties: Map::new(),
                });
                self.relationships.extend(edges);
            }
        }
    }
}

impl Options {
    fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let on_miss = members.optional("create", notes, read_create);
        let set = members.optional("set", notes, read_set);
        let when = members.optional("when", notes, Condition::read);
        members.close(Unknown::Refuse, notes);
        Some(Self { on_miss, set: set.unwrap_or_default(), when })
    }
}
