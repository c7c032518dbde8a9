//! One candidate for an edge: made or left out.

use serde_json::{Map, Value};

use super::node::{drop_nameless, left_out, untried};
use super::report::{EdgeReport, LeftOut, Outcome, Report};
use super::{CandidateEdge, CandidateEnd, Making, asserted, set_properties};
use crate::graph::assertion::{EdgeAssertion, End, Method};
use crate::graph::schema::{coerce, complete};
use crate::graph::{Direction, EdgeConstraint, EdgeEnd, Miss};

/// An end that is there, with its type and, where it is a candidate, what became of it and what is known of it.
struct Joined<'a> {
    end: End,
    node_type: Option<&'a str>,
    properties: Option<&'a Map<String, Value>>,
    is_new: bool,
}

impl Making<'_> {
    pub(super) fn edge(
        &self,
        candidate: &CandidateEdge,
        nodes: &Report,
        kept: &mut Vec<EdgeAssertion>,
    ) -> EdgeReport {
        let mut report = EdgeReport {
            source: spelt(&candidate.source),
            target: spelt(&candidate.target),
            edge_type: candidate.edge_type.clone(),
            outcome: Outcome::Rejected,
            by: None,
            tried: Vec::new(),
            left_out: Vec::new(),
        };
        let ends = (self.end(&candidate.source, nodes), self.end(&candidate.target, nodes));
        let (source, target) = match ends {
            (Ok(source), Ok(target)) => (source, target),
            (Err((outcome, by)), _) | (_, Err((outcome, by))) => {
                (report.outcome, report.by) = (outcome, Some(by.to_owned()));
                return report;
            }
        };
        let mut said = EdgeAssertion {
            source: source.end,
            target: target.end,
            edge_type: candidate.edge_type.clone(),
            properties: asserted(&candidate.properties, self.method),
            method: self.method,
        };
        report.outcome = Outcome::Created;
        if self.method == Method::Extracted {
            self.constrain(candidate, &source, &target, &mut said, &mut report);
        }
        if report.outcome == Outcome::Created {
            let same = |one: &&mut EdgeAssertion| {
                one.source == said.source && one.target == said.target && one.edge_type == said.edge_type
            };
            match kept.iter_mut().find(same) {
                Some(before) => {
                    report.outcome = Outcome::Merged;
                    for (name, value) in said.properties {
                        before.properties.entry(name).or_insert(value);
                    }
                }
                None => kept.push(said),
            }
        }
        report
    }

    fn end(&self, end: &CandidateEnd, nodes: &Report) -> Result<Joined<'_>, (Outcome, &'static str)> {
        let memory =
            |memory| Joined { end: End::Memory(memory), node_type: None, properties: None, is_new: false };
        match end {
            CandidateEnd::This => Ok(memory(self.setting.memory)),
            CandidateEnd::Previous => {
                let previous = self.setting.previous.first().copied();
                previous.map(memory).ok_or((Outcome::Skipped, "no_previous"))
            }
            CandidateEnd::Context(_) => Err((Outcome::Skipped, "no_previous")),
            // What whoever writes may not see is not there.
            CandidateEnd::Memory(id) => {
                let node = crate::ids::NodeId::from_uuid(id.uuid());
                let is_there = *id == self.setting.memory || self.setting.known.seen().is_memory(node);
                is_there.then(|| memory(*id)).ok_or((Outcome::Rejected, "unknown_memory"))
            }
            CandidateEnd::Node(called) => {
                let candidate = self.candidates.nodes.iter().find(|node| node.called == *called);
                let Some((candidate, (node, outcome))) = candidate.zip(self.named.get(called.as_str()))
                else {
                    let was = nodes.nodes.iter().any(|node| node.called == *called);
                    return Err(match was {
                        true => (Outcome::Skipped, "end_left_out"),
                        false => (Outcome::Rejected, "unknown_end"),
                    });
                };
                Ok(Joined {
                    end: End::Node(*node),
                    node_type: Some(candidate.node_type.as_str()),
                    properties: Some(&candidate.properties),
                    is_new: *outcome == Outcome::Created,
                })
            }
        }
    }

    /// Holds an edge between nodes to the schema, and to the constraint that is about it.
    fn constrain(
        &self,
        candidate: &CandidateEdge,
        source: &Joined<'_>,
        target: &Joined<'_>,
        said: &mut EdgeAssertion,
        report: &mut EdgeReport,
    ) {
        let (Some(source_type), Some(target_type)) = (source.node_type, target.node_type) else { return };
        let edge_type = candidate.edge_type.as_str();
        let mut properties = candidate.properties.clone();
        let in_schema =
            self.setting.schema.map(|schema| schema.edge_type(edge_type, source_type, target_type));
        let in_schema = match in_schema.transpose() {
            Ok(in_schema) => in_schema,
            Err(misfit) => {
                (report.outcome, report.by) = (Outcome::Rejected, Some("schema".to_owned()));
                report.left_out.push(left_out(misfit.loss()));
                return;
            }
        };
        if let Some(of_type) = in_schema {
            let coerced = coerce(&of_type.properties, &properties);
            report.left_out.extend(coerced.losses.into_iter().map(left_out));
            properties = coerced.properties;
        } else {
            drop_nameless(&mut properties, &mut report.left_out);
        }
        let policy = self.setting.policy;
        let constraint = policy.edge_constraint(edge_type, source_type, target_type, &properties);
        said.properties = asserted(&properties, Method::Extracted);
        if let Some(constraint) = constraint {
            said.properties.extend(set_properties(&constraint.set, &properties));
            self.look_up(&constraint, source, target, said, report);
        }
        if let Some(of_type) = in_schema {
            let values =
                said.properties.iter().map(|(name, said)| (name.as_str().to_owned(), said.value.clone()));
            match complete(&of_type.properties, values.collect()) {
                Ok(complete) => {
                    for (name, by_default) in asserted(&complete, Method::Default) {
                        said.properties.entry(name).or_insert(by_default);
                    }
                }
                Err(losses) => {
                    (report.outcome, report.by) = (Outcome::Rejected, Some("schema".to_owned()));
                    report.left_out.extend(losses.into_iter().map(|loss| -> LeftOut { left_out(loss) }));
                }
            }
        }
    }

    /// Looks for the end that the constraint is about: the target, or, where it is meant the other way, the source.
    fn look_up(
        &self,
        constraint: &EdgeConstraint,
        source: &Joined<'_>,
        target: &Joined<'_>,
        said: &mut EdgeAssertion,
        report: &mut EdgeReport,
    ) {
        let is_back = constraint.direction == Direction::Incoming;
        let sought = if is_back { source } else { target };
        let found = match (&constraint.search, sought.node_type, sought.properties) {
            (Some(search), Some(node_type), Some(properties))
                if !search.properties.is_empty() || !search.via.is_empty() =>
            {
                let found = self.setting.known.find(node_type, search, properties, &|_| Vec::new());
                report.tried = found.tried;
                found.node
            }
            (search, ..) => {
                report.tried = search.as_ref().map(untried).unwrap_or_default();
                // Without a search of its own, what the node's search found is what is meant.
                (!sought.is_new).then(|| sought.end.node())
            }
        };
        match found {
            Some(node) if is_back => said.source = End::Node(node),
            Some(node) => said.target = End::Node(node),
            None if constraint.on_miss == Miss::Create => {}
            None => {
                let is_error = constraint.on_miss == Miss::Error;
                report.outcome = if is_error { Outcome::Failed } else { Outcome::Skipped };
                report.by = Some(format!("constraint:{}", constraint.filter.edge_type.as_str()));
            }
        }
    }
}

fn spelt(end: &CandidateEnd) -> String {
    match end {
        CandidateEnd::Node(called) => called.clone(),
        CandidateEnd::This => "$this".to_owned(),
        CandidateEnd::Previous => "$previous".to_owned(),
        CandidateEnd::Context(count) => EdgeEnd::Context(*count).to_string(),
        CandidateEnd::Memory(id) => id.prefixed(),
    }
}
