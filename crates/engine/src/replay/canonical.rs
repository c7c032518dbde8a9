//! What a read answered, as bytes that are the same each time: what the keyed digest in its audit entry is of.
//!
//! A version of a memory never changes, so it is named and not copied; beside it stands whatever else made the answer:
//! what was removed from it, to what it still refers, in what state it was called, and how strong.

use memoryscope_domain::constraint::MergeReport;
use memoryscope_domain::govern::{Evidence, Facts, Visible};
use memoryscope_domain::graph::fold::Node;
use memoryscope_domain::ids::{ConstraintId, MemoryId};
use memoryscope_domain::memory::{Body, Memory};
use memoryscope_domain::reconstruct::{Context as Told, Reconstruction};
use memoryscope_domain::words::Score;

use crate::op::page::Next;
use crate::op::query::{HeldConstraint, Item};

/// The bytes so far. Each part says first what it is or how long, so that no two answers have the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Canonical(Vec<u8>);

impl Canonical {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.0.extend_from_slice(&(count as u64).to_be_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn truth(&mut self, so: bool) -> &mut Self {
        self.0.push(u8::from(so));
        self
    }

    pub(crate) fn number(&mut self, number: f64) -> &mut Self {
        self.0.extend_from_slice(&number.to_bits().to_be_bytes());
        self
    }

    pub(crate) fn id(&mut self, id: MemoryId) -> &mut Self {
        self.0.extend_from_slice(id.uuid().as_bytes());
        self
    }

    pub(crate) fn ids(&mut self, ids: &[MemoryId]) -> &mut Self {
        self.count(ids.len());
        ids.iter().for_each(|id| {
            self.id(*id);
        });
        self
    }

    /// A version, and what it refers to as it is shown.
    pub(crate) fn memory(&mut self, memory: &Memory) -> &mut Self {
        self.id(memory.id).count(usize::try_from(memory.version).unwrap_or(usize::MAX));
        self.ids(memory.object().map_or(&[], |object| &object.provenance.derived_from));
        if let Body::Impact(impact) = &memory.body {
            self.count(impact.constraints.len());
            for constraint in impact.constraints.iter() {
                self.ids(&constraint.source_refs);
            }
        }
        self
    }

    /// A node as it is seen.
    pub(crate) fn node(&mut self, node: &Node) -> &mut Self {
        self.text(&node.id.prefixed()).text(node.node_type.as_str()).count(node.properties.len());
        for (name, seen) in &node.properties {
            self.text(name.as_str()).text(&seen.value.to_string()).id(seen.memory);
        }
        self.count(node.sources.len());
        for source in &node.sources {
            self.id(source.memory);
        }
        self
    }

    pub(crate) fn item(&mut self, seen: &Visible<Facts>, item: &Item) -> &mut Self {
        self.memory(&item.memory).text(item.state.name()).truth(item.include_in_prompt);
        self.number(item.strength.get()).truth(item.score.is_some());
        self.number(item.score.map_or(0.0, Score::get)).removed(seen, item.memory.id)
    }

    /// What the policy removed from a memory.
    pub(crate) fn removed(&mut self, seen: &Visible<Facts>, id: MemoryId) -> &mut Self {
        let removed = seen.redacted_paths(id);
        self.count(removed.len());
        removed.iter().for_each(|path| {
            self.text(path);
        });
        self
    }

    pub(crate) fn constraints(&mut self, held: &[HeldConstraint], report: &[MergeReport]) -> &mut Self {
        self.count(held.len());
        for one in held {
            self.id(one.impact).bytes(one.constraint.constraint_id.uuid().as_bytes());
        }
        self.count(report.len());
        for one in report {
            self.text(one.target.name()).text(one.slot.as_str()).text(one.why.name());
            for ids in [&one.kept, &one.dropped] {
                self.constraint_ids(ids);
            }
        }
        self
    }

    /// Where an answer goes on.
    pub(crate) fn next(&mut self, next: Option<Next>) -> &mut Self {
        match next {
            None => self.text("end"),
            Some(Next::Shown((time, id))) => {
                self.text("shown").0.extend_from_slice(&time.unix_micros().to_be_bytes());
                self.id(id)
            }
            Some(Next::Sealed(place)) => self.text("sealed").bytes(place.bytes()),
        }
    }

    pub(crate) fn reconstruction(&mut self, told: &Reconstruction) -> &mut Self {
        match &told.context {
            Told::Text(text) => {
                self.text("text").text(text);
            }
            Told::Json(value) => {
                self.text("json").text(&value.to_string());
            }
            Told::Messages(messages) => {
                self.text("messages").count(messages.len());
                for (role, content) in messages {
                    self.text(role).text(content);
                }
            }
        }
        let (sources, left) = (&told.sources, &told.left_out);
        self.number(told.confidence).count(told.token_estimate);
        self.ids(&sources.impacts).ids(&sources.seeds).ids(&sources.events);
        self.ids(&left.seeds).ids(&left.events);
        self.constraint_ids(&left.constraints).constraint_ids(&left.withheld)
    }

    fn constraint_ids(&mut self, ids: &[ConstraintId]) -> &mut Self {
        self.count(ids.len());
        ids.iter().for_each(|id| self.0.extend_from_slice(id.uuid().as_bytes()));
        self
    }

    pub(crate) fn evidence(&mut self, evidence: &[(MemoryId, Evidence)]) -> &mut Self {
        self.count(evidence.len());
        for (id, worth) in evidence {
            self.id(*id);
            match worth {
                Evidence::Admitted => {
                    self.text("admitted");
                }
                Evidence::NotAvailable => {
                    self.text("not available");
                }
                Evidence::Denied(rules) => {
                    self.text("denied").count(rules.len());
                    for rule in rules {
                        self.text(rule);
                    }
                }
            }
        }
        self
    }
}
