//! One candidate for a node: found, made or left out.

use serde_json::{Map, Value};

use super::known::{Found, matches_value, tried};
use super::report::{LeftOut, NodeReport, Outcome};
use super::{Candidate, CandidateEnd, Making, asserted, set_properties};
use crate::graph::assertion::{Asserted, Method, NodeAssertion, Properties};
use crate::graph::schema::{Loss, LossReason, NodeType, coerce, complete};
use crate::graph::{Direction, MEMORY_TYPE, Match, MatchMode, Miss, Name, NodeConstraint, Search, Via};
use crate::ids::NodeId;
use crate::object::Unit;

/// The properties by which a node is looked for where neither a constraint nor the schema says how, with how.
const TELLING: [(&str, MatchMode); 4] = [
    ("email", MatchMode::Exact),
    ("url", MatchMode::Exact),
    ("name", MatchMode::Fuzzy),
    ("title", MatchMode::Fuzzy),
];

impl<'a> Making<'a> {
    pub(super) fn node(&mut self, candidate: &'a Candidate) -> NodeReport {
        let mut report = NodeReport {
            called: candidate.called.clone(),
            node_type: candidate.node_type.clone(),
            outcome: Outcome::Rejected,
            node: None,
            by: None,
            tried: Vec::new(),
            left_out: Vec::new(),
        };
        if self.named.contains_key(candidate.called.as_str()) || candidate.node_type.as_str() == MEMORY_TYPE {
            let by =
                if candidate.node_type.as_str() == MEMORY_TYPE { "reserved_type" } else { "duplicate_id" };
            report.by = Some(by.to_owned());
            return report;
        }
        match self.method {
            Method::Extracted => self.extracted(candidate, &mut report),
            _ => self.given(candidate, &mut report),
        }
        if let Some(node) = report.node {
            self.named.insert(&candidate.called, (node, report.outcome));
        }
        report
    }

    fn given(&mut self, candidate: &Candidate, report: &mut NodeReport) {
        let known =
            candidate.called.starts_with("node_").then(|| NodeId::parse(&candidate.called).ok()).flatten();
        let known = known.and_then(|id| self.setting.known.seen().node(id));
        let properties = asserted(&candidate.properties, Method::Given);
        match known.filter(|node| node.node_type == candidate.node_type) {
            Some(node) => {
                report.outcome = Outcome::Merged;
                self.say(node.id, candidate, properties, report);
            }
            None => self.make(candidate, properties, report),
        }
    }

    fn extracted(&mut self, candidate: &'a Candidate, report: &mut NodeReport) {
        let setting = self.setting;
        let of_type = match setting.schema.map(|schema| schema.node_type(candidate.node_type.as_str())) {
            Some(None) => {
                report.by = Some("schema".to_owned());
                let message = "is no node type of the schema".to_owned();
                report.left_out.push(LeftOut { property: None, reason: LossReason::UnknownType, message });
                return;
            }
            Some(Some(of_type)) => Some(of_type),
            None => None,
        };
        let mut properties = candidate.properties.clone();
        if let Some(of_type) = of_type {
            let coerced = coerce(&of_type.properties, &properties);
            report.left_out.extend(coerced.losses.into_iter().map(left_out));
            properties = coerced.properties;
        } else {
            drop_nameless(&mut properties, &mut report.left_out);
        }
        let constraint = setting
            .policy
            .node_constraint(candidate.node_type.as_str(), &properties)
            .unwrap_or_else(|| NodeConstraint::of(candidate.node_type.clone()));
        let search = search_of(&constraint, of_type, &properties);
        let joined = |via: &Via| self.joined(&candidate.called, via);
        let Found { node, inexact, tried } =
            setting.known.find(candidate.node_type.as_str(), &search, &properties, &joined);
        report.tried = tried;
        let set = set_properties(&constraint.set, &properties);
        let set = fitting(set, of_type, report);
        if let Some(node) = node {
            self.found(node, candidate, &constraint, (properties, inexact), set, report);
        } else if let Some(at) = self.made_before(candidate, &search, &properties) {
            report.outcome = Outcome::Merged;
            report.node = Some(self.nodes[at].node);
            let said = &mut self.nodes[at].properties;
            for (name, value) in asserted(&properties, Method::Extracted).into_iter().chain(set) {
                said.entry(name).or_insert(value);
            }
        } else {
            match constraint.on_miss {
                Miss::Create => self.create(candidate, &properties, set, of_type, report),
                Miss::Ignore | Miss::Error => {
                    let is_error = constraint.on_miss == Miss::Error;
                    report.outcome = if is_error { Outcome::Failed } else { Outcome::Skipped };
                    report.by = Some(format!("constraint:{}", candidate.node_type.as_str()));
                }
            }
        }
    }

    /// A known node: only linked to where the constraint looks nodes up, else it has from now on what was found, but for the
    /// property by which it was found, where the known value is another.
    fn found(
        &mut self,
        node: NodeId,
        candidate: &Candidate,
        constraint: &NodeConstraint,
        (mut properties, inexact): (Map<String, Value>, Option<String>),
        set: Properties,
        report: &mut NodeReport,
    ) {
        let mut said = Properties::new();
        if constraint.on_miss == Miss::Create {
            if let Some(inexact) = inexact {
                properties.remove(&inexact);
            }
            said = asserted(&properties, Method::Extracted);
        }
        said.extend(set);
        let is_link = constraint.on_miss != Miss::Create && said.is_empty();
        report.outcome = if is_link { Outcome::Linked } else { Outcome::Merged };
        self.say(node, candidate, said, report);
    }

    fn create(
        &mut self,
        candidate: &Candidate,
        properties: &Map<String, Value>,
        set: Properties,
        of_type: Option<&NodeType>,
        report: &mut NodeReport,
    ) {
        let mut said = asserted(properties, Method::Extracted);
        said.extend(set);
        if let Some(of_type) = of_type {
            let values =
                said.iter().map(|(name, said)| (name.as_str().to_owned(), said.value.clone())).collect();
            match complete(&of_type.properties, values) {
                Ok(complete) => {
                    for (name, said_by_default) in asserted(&complete, Method::Default) {
                        said.entry(name).or_insert(said_by_default);
                    }
                }
                Err(losses) => {
                    report.by = Some("schema".to_owned());
                    report.left_out.extend(losses.into_iter().map(left_out));
                    return;
                }
            }
        }
        self.make(candidate, said, report);
    }

    fn make(&mut self, candidate: &Candidate, properties: Properties, report: &mut NodeReport) {
        report.outcome = Outcome::Created;
        let called = match self.method {
            // What an extractor calls things may be a number; what tells them apart is what they are.
            Method::Extracted => telling(&properties).unwrap_or_else(|| candidate.called.clone()),
            _ => candidate.called.clone(),
        };
        let id = NodeId::made_by(self.setting.memory, candidate.node_type.as_str(), &called);
        let is_taken = self.nodes.iter().any(|made| made.node == id);
        let id = match is_taken {
            true => NodeId::made_by(
                self.setting.memory,
                candidate.node_type.as_str(),
                &format!("{called}\0{}", candidate.called),
            ),
            false => id,
        };
        self.say(id, candidate, properties, report);
    }

    fn say(&mut self, node: NodeId, candidate: &Candidate, properties: Properties, report: &mut NodeReport) {
        report.node = Some(node);
        if let Some(made) = self.nodes.iter_mut().find(|made| made.node == node) {
            for (name, value) in properties {
                made.properties.entry(name).or_insert(value);
            }
            return;
        }
        self.nodes.push(NodeAssertion {
            node,
            node_type: candidate.node_type.clone(),
            called: candidate.called.clone(),
            properties,
            method: self.method,
        });
    }

    /// A candidate before it that is the same: by the same search, among what this memory makes. Through relationships
    /// nothing is found there.
    fn made_before(&self, candidate: &Candidate, search: &Search, own: &Map<String, Value>) -> Option<usize> {
        if !search.via.is_empty() {
            return None;
        }
        search.properties.iter().find_map(|by| {
            let wanted = by.value.as_ref().or_else(|| own.get(by.name.as_str()))?;
            self.nodes.iter().position(|made| {
                let held = made.properties.get(by.name.as_str());
                made.node_type == candidate.node_type
                    && held
                        .is_some_and(|held| matches_value(&held.value, wanted, by.mode, by.threshold.get()))
            })
        })
    }

    /// The values of the candidates with which this one is joined by edges of the relationship.
    fn joined(&self, called: &str, via: &Via) -> Vec<Map<String, Value>> {
        let is_this = |end: &CandidateEnd| matches!(end, CandidateEnd::Node(name) if name == called);
        let edges = self.candidates.edges.iter().filter(|edge| edge.edge_type == via.edge_type);
        let others = edges.filter_map(|edge| {
            let out = is_this(&edge.source) && via.direction != Direction::Incoming;
            let back = is_this(&edge.target) && via.direction != Direction::Outgoing;
            if out { Some(&edge.target) } else { back.then_some(&edge.source) }
        });
        let named = others.filter_map(|end| match end {
            CandidateEnd::Node(name) => self.candidates.nodes.iter().find(|node| node.called == *name),
            _ => None,
        });
        named.filter(|node| node.node_type == via.target_type).map(|node| node.properties.clone()).collect()
    }
}

/// How a node is looked for: as the constraint says, else by what the schema says tells its nodes apart, else by what tells
/// most things apart.
pub(super) fn search_of(
    constraint: &NodeConstraint,
    of_type: Option<&NodeType>,
    properties: &Map<String, Value>,
) -> Search {
    if let Some(search) = constraint.search.as_ref().filter(|search| !is_empty(search)) {
        return search.clone();
    }
    let identifiers = of_type.map(|of_type| of_type.unique_identifiers.as_slice()).unwrap_or_default();
    if !identifiers.is_empty() {
        return Search::by(identifiers.iter().cloned().map(Match::exact).collect());
    }
    let mode = constraint.search.as_ref().map(|search| (search.mode, search.threshold));
    let telling = TELLING.into_iter().filter(|(name, _)| properties.contains_key(*name));
    let by = telling.filter_map(|(name, own_mode)| {
        let (mode, threshold) = match mode {
            Some((mode, threshold)) if own_mode == MatchMode::Fuzzy => (mode, threshold),
            _ => (own_mode, Unit::ONE),
        };
        Some(Match { mode, threshold, ..Match::exact(Name::parse(name).ok()?) })
    });
    Search::by(by.collect())
}

fn is_empty(search: &Search) -> bool {
    search.properties.is_empty() && search.via.is_empty()
}

/// What tells a node of an extractor's apart within its memory.
fn telling(properties: &Properties) -> Option<String> {
    let value = TELLING.iter().find_map(|(name, _)| properties.get(*name))?;
    crate::graph::assertion::lookup_value(&value.value)
}

/// Without a schema a property may be called anything that is a name.
pub(super) fn drop_nameless(properties: &mut Map<String, Value>, losses: &mut Vec<LeftOut>) {
    properties.retain(|name, _| {
        let is_name = Name::parse(name).is_ok();
        if !is_name {
            let message = "has a name that no property may have".to_owned();
            losses.push(LeftOut { property: None, reason: LossReason::UnknownProperty, message });
        }
        is_name
    });
}

/// Of what a constraint sets, what the schema lets be.
fn fitting(set: Properties, of_type: Option<&NodeType>, report: &mut NodeReport) -> Properties {
    let Some(of_type) = of_type else { return set };
    let mut fits = Properties::new();
    for (name, said) in set {
        match of_type.properties.get(&name).map(|property| property.coerce(&said.value)) {
            Some(Ok(value)) => _ = fits.insert(name, Asserted { value, ..said }),
            Some(Err(misfit)) => report.left_out.push(LeftOut {
                property: Some(name.as_str().to_owned()),
                reason: LossReason::Misfit,
                message: misfit.message,
            }),
            None => report.left_out.push(LeftOut {
                property: Some(name.as_str().to_owned()),
                reason: LossReason::UnknownProperty,
                message: "is no property of the type".to_owned(),
            }),
        }
    }
    fits
}

pub(super) fn left_out(loss: Loss) -> LeftOut {
    LeftOut { property: loss.property, reason: loss.reason, message: loss.message }
}

/// The searches of a constraint that could not be made: nothing to look among.
pub(super) fn untried(search: &Search) -> Vec<super::Tried> {
    search.properties.iter().map(|by| tried(by.name.clone(), by.mode, by.threshold.get())).collect()
}
