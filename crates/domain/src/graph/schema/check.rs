//! Whether nodes and edges are what a schema says.
//!
//! What a caller gives must comply. What an extractor finds is made to fit where it can be, and left out where it cannot;
//! what was left out is said.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::types::Properties;
use super::{NodeType, RelationshipType, Schema};
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Notes};
use crate::graph::Name;

closed_list!(
    /// Why something that was extracted was left out.
    LossReason {
        /// The schema has no such type.
        UnknownType "unknown_type",
        /// The type has no such property.
        UnknownProperty "unknown_property",
        /// The value is none for the property.
        Misfit "misfit",
        /// A property that the type requires is not there.
        MissingProperty "missing_property",
        /// The relationship may not join such nodes.
        WrongEnds "wrong_ends",
    }
);

/// What was left out of what was extracted, and why. The message never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Which property, where it is one.
    pub property: Option<String>,
    /// Why, for programs.
    pub reason: LossReason,
    /// Why, for people.
    pub message: String,
}

/// Extracted properties after they were made to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coerced {
    /// What fits.
    pub properties: Map<String, Value>,
    /// Which of these were changed in order to fit.
    pub changed: Vec<String>,
    /// What was left out.
    pub losses: Vec<Loss>,
}

/// Why an edge is none that the schema knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdgeMisfit {
    /// No such type.
    #[error("is no relationship type of the schema")]
    UnknownType,
    /// It may not begin at such a node.
    #[error("may not begin at a node of the source's type")]
    Source,
    /// It may not end at such a node.
    #[error("may not end at a node of the target's type")]
    Target,
}

impl EdgeMisfit {
    /// The same, of an edge that was extracted and is left out.
    #[must_use]
    pub fn loss(self) -> Loss {
        let reason = match self {
            Self::UnknownType => LossReason::UnknownType,
            Self::Source | Self::Target => LossReason::WrongEnds,
        };
        Loss { property: None, reason, message: self.to_string() }
    }
}

impl Schema {
    /// The node type of that name.
    #[must_use]
    pub fn node_type(&self, name: &str) -> Option<&NodeType> {
        self.node_types.get(name)
    }

    /// The relationship type of an edge between nodes of these types.
    ///
    /// # Errors
    /// When there is none, or it may not join such nodes.
    pub fn edge_type(
        &self,
        edge_type: &str,
        source_type: &str,
        target_type: &str,
    ) -> Result<&RelationshipType, EdgeMisfit> {
        let found = self.relationship_types.get(edge_type).ok_or(EdgeMisfit::UnknownType)?;
        let allows = |types: &[Name], name: &str| types.iter().any(|allowed| allowed.as_str() == name);
        if !allows(&found.allowed_source_types, source_type) {
            return Err(EdgeMisfit::Source);
        }
        if !allows(&found.allowed_target_types, target_type) {
            return Err(EdgeMisfit::Target);
        }
        Ok(found)
    }

    /// The one type at which edges of that type may end, coming from that type (or from any); `None` where there are
    /// several.
    #[must_use]
    pub fn only_target(&self, edge_type: &str, source_type: Option<&str>) -> Option<&Name> {
        let found = self.relationship_types.get(edge_type)?;
        let may_begin = source_type
            .is_none_or(|source| found.allowed_source_types.iter().any(|allowed| allowed.as_str() == source));
        match found.allowed_target_types.as_slice() {
            [only] if may_begin => Some(only),
            _ => None,
        }
    }
}

/// Makes extracted properties fit. What is required is not asked for here: constraints may still set it.
#[must_use]
pub fn coerce(properties: &Properties, extracted: &Map<String, Value>) -> Coerced {
    let mut coerced = Coerced::default();
    for (key, value) in extracted.iter().filter(|(_, value)| !value.is_null()) {
        let mut lose = |reason, message: String| {
            coerced.losses.push(Loss { property: Some(key.clone()), reason, message });
        };
        let Some(property) = properties.get(key.as_str()) else {
            lose(LossReason::UnknownProperty, "is no property of the type".to_owned());
            continue;
        };
        match property.coerce(value) {
            Ok(fitting) => {
                if fitting != *value {
                    coerced.changed.push(key.clone());
                }
                coerced.properties.insert(key.clone(), fitting);
            }
            Err(misfit) => lose(LossReason::Misfit, misfit.message),
        }
    }
    coerced
}

/// Fills in what the schema says where nobody else did, and asks for what is required.
///
/// # Errors
/// The required properties that are still not there; the node or edge is left out then.
pub fn complete(
    properties: &Properties,
    mut values: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Loss>> {
    let mut losses = Vec::new();
    for (name, property) in properties {
        if values.get(name.as_str()).is_some_and(|value| !value.is_null()) {
            continue;
        }
        if let Some(default) = &property.default {
            values.insert(name.as_str().to_owned(), default.clone());
        } else if property.required {
            let (reason, message) = (LossReason::MissingProperty, "is required".to_owned());
            losses.push(Loss { property: Some(name.as_str().to_owned()), reason, message });
        }
    }
    if losses.is_empty() { Ok(values) } else { Err(losses) }
}

/// Takes properties as a caller gives them, with the schema's defaults filled in.
pub(crate) fn check(
    properties: &Properties,
    given: &Map<String, Value>,
    at: &At<'_>,
    notes: &mut Notes,
) -> Option<Map<String, Value>> {
    let mut checked = Map::new();
    let mut is_right = true;
    for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let at = At::Key(at, key);
        let fitting = match properties.get(key.as_str()).map(|property| property.check(value)) {
            None => notes.wrong(&at, Fault::UnknownField, "is no property of the type in the schema"),
            Some(Err(misfit)) => notes.wrong(&at, misfit.fault, misfit.message),
            Some(Ok(fitting)) => Some(fitting),
        };
        is_right &= fitting.is_some();
        checked.extend(fitting.map(|fitting| (key.clone(), fitting)));
    }
    // One that is there and wrong is not missing.
    checked.extend(
        given.iter().filter(|(key, _)| !checked.contains_key(*key)).map(clone_pair).collect::<Vec<_>>(),
    );
    match complete(properties, checked) {
        Ok(complete) if is_right => Some(complete),
        Ok(_) => None,
        Err(losses) => {
            for property in losses.iter().filter_map(|loss| loss.property.as_deref()) {
                notes.wrong::<()>(&At::Key(at, property), Fault::Missing, "is required by the schema");
            }
            None
        }
    }
}

fn clone_pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
