//! The built-in extractor: what can be found in a text by its form alone (docs/extraction.md).
//!
//! It understands nothing. It finds what is written plainly: e-mail addresses, addresses of pages, dates, amounts; persons and
//! companies by their titles and legal forms; what is called by the name of one of the schema's types; and relationships whose
//! names stand between two of these. The same text gives the same candidates on every machine.

mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::scan::{Kind, Token, sentences, tokens};
use super::resolve::{Candidate, CandidateEdge, CandidateEnd, Candidates};
use super::schema::{NodeType, Property, PropertyType};
use super::{Name, Schema};
use crate::limits;

/// What the built-in extractor is called in reports.
pub const BUILT_IN: &str = "built-in";

/// Legal forms behind a company's name.
const COMPANY_FORMS: [&str; 12] =
    ["Inc", "Ltd", "LLC", "GmbH", "Corp", "AG", "Corporation", "Limited", "S.A", "SE", "B.V", "PLC"];

/// What stands before a person's name.
const PERSON_TITLES: [&str; 8] = ["Mr", "Mrs", "Ms", "Dr", "Prof", "Herr", "Frau", "Sir"];

/// Relationships that are known without a schema, by what stands between their ends.
const RELATIONS: [(&str, &[&str]); 5] = [
    ("WORKS_AT", &["works at", "works for", "is employed by", "joined"]),
    ("ASSIGNED_TO", &["assigned to"]),
    ("REPORTS_TO", &["reports to"]),
    ("KNOWS", &["knows", "met"]),
    ("PART_OF", &["part of", "belongs to"]),
];

/// Something that was found, and where.
struct Entity {
    node_type: Name,
    properties: Map<String, Value>,
    start: usize,
    end: usize,
}

/// Finds candidates for nodes and edges in a text.
#[must_use]
pub fn extract(text: &str, schema: Option<&Schema>) -> Candidates {
    let mut found = Candidates::default();
    let mut called: BTreeMap<(Name, String), Option<String>> = BTreeMap::new();
    for sentence in sentences(text) {
        let tokens = tokens(sentence);
        let mut entities = entities(sentence, &tokens, schema);
        entities.sort_by_key(|entity| (entity.start, entity.end));
        let mut names = Vec::with_capacity(entities.len());
        for entity in &entities {
            names.push(name_of(entity, &mut called, &mut found));
        }
        for (at, pair) in entities.windows(2).enumerate() {
            let [one, other] = pair else { continue };
            let Some(between) = sentence.get(one.end..other.start) else { continue };
            if let (Some(edge_type), Some(source), Some(target)) =
                (relation(between, one, other, schema), &names[at], &names[at + 1])
            {
                let end = |name: &String| CandidateEnd::Node(name.clone());
                let (source, target) = (end(source), end(target));
                let edge = CandidateEdge { source, target, edge_type, properties: Map::new() };
                if found.edges.contains(&edge) {
                    continue;
                }
                match found.edges.len() < limits::GIVEN_EDGES_MAX {
                    true => found.edges.push(edge),
                    false => found.lost.edges_beyond_limit += 1,
                }
            }
        }
    }
    found
}

/// What a candidate is called: what is the same by its type and all that is known of it is one candidate. Beyond the limit none
/// is called anything.
fn name_of(
    entity: &Entity,
    called: &mut BTreeMap<(Name, String), Option<String>>,
    found: &mut Candidates,
) -> Option<String> {
    let key = (entity.node_type.clone(), Value::Object(entity.properties.clone()).to_string());
    if let Some(name) = called.get(&key) {
        return name.clone();
    }
    let name = if found.nodes.len() < limits::GIVEN_NODES_MAX {
        let name = format!("e{}", found.nodes.len() + 1);
        found.nodes.push(Candidate {
            called: name.clone(),
            node_type: entity.node_type.clone(),
            properties: entity.properties.clone(),
        });
        Some(name)
    } else {
        found.lost.nodes_beyond_limit += 1;
        None
    };
    called.insert(key, name.clone());
    name
}

fn entities(sentence: &str, tokens: &[Token<'_>], schema: Option<&Schema>) -> Vec<Entity> {
    let mut found = Vec::new();
    if let Some(schema) = schema {
        for (name, of_type) in &schema.node_types {
            found.extend(named_by_type(sentence, tokens, name, of_type));
        }
    }
    let has = |name: &str| schema.is_none_or(|schema| schema.node_type(name).is_some());
    if has("Person") {
        found.extend(persons(sentence, tokens));
    }
    if has("Company") {
        found.extend(companies(sentence, tokens));
    }
    // What lies within something that was found before is a part of it.
    let mut kept: Vec<Entity> = Vec::new();
    for entity in found {
        if kept.iter().all(|other| entity.end <= other.start || other.end <= entity.start) {
            kept.push(entity);
        }
    }
    if let Some(schema) = schema {
        for entity in &mut kept {
            if let Some(of_type) = schema.node_type(entity.node_type.as_str()) {
                fill(tokens, of_type, &mut entity.properties);
            }
        }
    }
    kept
}

/// `Type: what it is called`, or `Type "what it is called"`, by the type's name or its label.
fn named_by_type(sentence: &str, tokens: &[Token<'_>], name: &Name, of_type: &NodeType) -> Vec<Entity> {
    let Some(calls) = ["title", "name"].into_iter().find(|name| of_type.properties.contains_key(*name))
    else {
        return Vec::new();
    };
    let words = [name.as_str(), of_type.label.as_str()];
    let mut found = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Word) {
        if !words.iter().any(|word| word.eq_ignore_ascii_case(token.text)) {
            continue;
        }
        let rest = &sentence[token.end..];
        let trimmed = rest.trim_start();
        let begin = token.end + rest.len() - trimmed.len();
        let quoted = |open: char, close: char| {
            let inner = trimmed.strip_prefix(open)?;
            let length = inner.find(close)?;
            let start = begin + open.len_utf8();
            Some((start, start + length, start + length + close.len_utf8()))
        };
        let colon = || {
            let inner = trimmed.strip_prefix(':')?;
            let start = begin + 1 + inner.len() - inner.trim_start().len();
            let length = sentence[start..].find([',', ';', '(']).unwrap_or(sentence.len() - start);
            Some((start, start + length, start + length))
        };
        let span =
            quoted('"', '"').or_else(|| quoted('“', '”')).or_else(|| quoted('\'', '\'')).or_else(colon);
        let Some((start, end, behind)) = span else { continue };
        let called = sentence[start..end].trim().trim_end_matches(['.', '!', '?']);
        if !called.is_empty() && called.len() <= 200 {
            let properties = Map::from_iter([(calls.to_owned(), json!(called))]);
            found.push(Entity { node_type: name.clone(), properties, start: token.start, end: behind });
        }
    }
    found
}

/// Persons: a title and names; names before an address in angle brackets; and an address alone.
fn persons(sentence: &str, tokens: &[Token<'_>]) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let is_title = PERSON_TITLES.contains(&token.text) && token.kind == Kind::Word;
        let first = if is_title { at + 1 } else { at };
        let names = names(sentence, tokens, first, 4);
        let behind = tokens.get(first + names);
        let address = behind.filter(|next| {
            let last = tokens.get((first + names).wrapping_sub(1));
            next.kind == Kind::Email
                && last.is_some_and(|last| {
                    sentence[last.end..next.start].trim() == "<"
                        || sentence[last.end..next.start].trim() == "("
                })
        });
        if names > 0 && (is_title || address.is_some()) {
            let (start, last) = (tokens[first].start, &tokens[first + names - 1]);
            let mut properties = Map::from_iter([("name".to_owned(), json!(&sentence[start..last.end]))]);
            let mut end = last.end;
            if let Some(address) = address {
                properties.insert("email".to_owned(), json!(address.text.to_lowercase()));
                end = address.end;
            }
            found.extend(entity("Person", properties, token.start, end));
            at = first + names + usize::from(address.is_some());
            continue;
        }
        if token.kind == Kind::Email {
            let properties = Map::from_iter([("email".to_owned(), json!(token.text.to_lowercase()))]);
            found.extend(entity("Person", properties, token.start, token.end));
        }
        at += 1;
    }
    found
}

fn entity(node_type: &str, properties: Map<String, Value>, start: usize, end: usize) -> Option<Entity> {
    Some(Entity { node_type: Name::parse(node_type).ok()?, properties, start, end })
}

/// Companies: names before a legal form.
fn companies(sentence: &str, tokens: &[Token<'_>]) -> Vec<Entity> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !COMPANY_FORMS.contains(&token.text) {
            continue;
        }
        let names = (1..=4.min(at))
            .take_while(|back| {
                let word = &tokens[at - back];
                let next = &tokens[at - back + 1];
                word.is_capitalised() && joins(&sentence[word.end..next.start], true)
            })
            .count();
        if names > 0 {
            let start = tokens[at - names].start;
            let properties = Map::from_iter([("name".to_owned(), json!(&sentence[start..token.end]))]);
            found.extend(entity("Company", properties, start, token.end));
        }
    }
    found
}

/// How many capitalised words stand side by side from here on, at most so many.
fn names(sentence: &str, tokens: &[Token<'_>], first: usize, most: usize) -> usize {
    let mut count = 0;
    while count < most {
        let Some(token) = tokens.get(first + count).filter(|token| token.is_capitalised()) else { break };
        if count > 0 && !joins(&sentence[tokens[first + count - 1].end..token.start], false) {
            break;
        }
        count += 1;
    }
    count
}

/// Whether what stands between two words lets them be one name.
fn joins(between: &str, comma: bool) -> bool {
    between.trim().is_empty() || between.trim() == "." || (comma && between.trim() == ",") || between == "-"
}

/// Fills in what the sentence says plainly of a type's properties: values of its enumerations, and, where exactly one
/// property is of a kind, the first date, amount, e-mail address or page's address.
fn fill(tokens: &[Token<'_>], of_type: &NodeType, properties: &mut Map<String, Value>) {
    for (name, property) in &of_type.properties {
        if properties.contains_key(name.as_str()) {
            continue;
        }
        if let Some(value) = enumerated(tokens, property) {
            properties.insert(name.as_str().to_owned(), json!(value));
            continue;
        }
        let kind = match property.property_type {
            PropertyType::Datetime => Kind::Date,
            PropertyType::Integer | PropertyType::Float => Kind::Amount,
            PropertyType::String if name.as_str().contains("email") => Kind::Email,
            PropertyType::String if name.as_str().contains("url") => Kind::Url,
            _ => continue,
        };
        let is_only =
            of_type.properties.values().filter(|other| other.property_type == property.property_type).count()
                == 1
                || property.property_type == PropertyType::String;
        let value = tokens.iter().find(|token| token.kind == kind).filter(|_| is_only);
        if let Some(value) = value.and_then(Token::value) {
            properties.insert(name.as_str().to_owned(), value);
        }
    }
}

/// The value of an enumeration that the sentence has, where it has exactly one.
fn enumerated<'a>(tokens: &[Token<'_>], property: &'a Property) -> Option<&'a str> {
    let words: Vec<String> = tokens.iter().map(|token| token.text.to_lowercase()).collect();
    let stands = |value: &&String| {
        let parts: Vec<String> = value
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .map(str::to_lowercase)
            .collect();
        !parts.is_empty() && words.windows(parts.len()).any(|window| window == parts.as_slice())
    };
    let mut found = property.enum_values.as_deref().unwrap_or_default().iter().filter(stands);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The relationship whose name, or one of whose spellings, is all that stands between two things.
fn relation(between: &str, one: &Entity, other: &Entity, schema: Option<&Schema>) -> Option<Name> {
    let words: Vec<String> = between
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| {
            !word.is_empty() && !matches!(*word, "is" | "was" | "are" | "the" | "a" | "an" | "has")
        })
        .map(str::to_lowercase)
        .collect();
    let said = words.join(" ");
    let spelt = |name: &str| {
        RELATIONS.into_iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, said)| said)
    };
    let is_said = |name: &str| {
        let own = name.to_lowercase().replace('_', " ");
        said == own || spelt(name).iter().any(|known| said == known.trim_start_matches("is "))
    };
    match schema {
        Some(schema) => {
            let joins = |name: &&Name| {
                schema.edge_type(name.as_str(), one.node_type.as_str(), other.node_type.as_str()).is_ok()
            };
            schema.relationship_types.keys().filter(joins).find(|name| is_said(name.as_str())).cloned()
        }
        None => {
            RELATIONS.into_iter().find(|(name, _)| is_said(name)).and_then(|(name, _)| Name::parse(name).ok())
        }
    }
}
