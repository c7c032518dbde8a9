//! What a request says of how its memory is treated, wherever in the request it says so.
//!
//! `acl`, `consent` and `risk` stand at the request's own level; the same inside `memory_policy`, or inside the nested
//! `policy`, holds where the request is silent, and the answer names what lost. `graph_generation` counts only where
//! there is no policy.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::legacy::{read_graph_generation, read_relationships};
use super::read::{read_any_mode, read_graph_parts};
use super::{MemoryPolicy, PolicyPlace, Risk, read_consent, read_risk};
use crate::fields::{At, Fault, Members, Notes, Unknown, WarningKind, any_case};
use crate::graph::link_dsl::{Inferred, Links};
use crate::graph::name;
use crate::items::acl::AccessList;

/// Where in a request its nodes and edges stand, for the places of faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GraphField {
    /// `memory_policy`.
    #[default]
    MemoryPolicy,
    /// `policy.graph`.
    Nested,
    /// `graph_generation.manual`.
    Legacy,
}

/// What one request, or one batch for all of its items, says. What is kept of it with an item is what a later change of
/// that item changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestPolicy {
    /// What its metadata says, copied up: one layer lower.
    pub metadata: MemoryPolicy,
    /// What it says itself.
    pub stated: MemoryPolicy,
    /// Of an item: how risky a review found it, until a request says so again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Risk>,
    /// Where its nodes stand.
    #[serde(skip)]
    pub graph_field: GraphField,
    /// What the schema still has to be asked about its links.
    #[serde(skip)]
    pub inferred: Vec<Inferred>,
}

impl RequestPolicy {
    /// What holds of an item after a change: what the change states, in its metadata too, and for the rest what was
    /// stated before.
    #[must_use]
    pub fn changed_by(&self, change: &Self) -> Self {
        let mut stated = self.stated.clone();
        // A copy from the metadata lies below the request's own word, but above an older one.
        stated.consent = stated.consent.filter(|_| change.metadata.consent.is_none());
        stated.risk = stated.risk.filter(|_| change.metadata.risk.is_none());
        stated.acl = stated.acl.filter(|_| change.metadata.acl.is_none());
        let states_risk = change.stated.risk.or(change.metadata.risk).is_some();
        Self {
            metadata: change.metadata.over(&self.metadata),
            stated: change.stated.over(&stated),
            reviewed: self.reviewed.filter(|_| !states_risk),
            graph_field: change.graph_field,
            inferred: change.inferred.clone(),
        }
    }

    /// Reads all the members of a request that say how its memory is treated.
    pub(crate) fn read(members: &mut Members<'_>, notes: &mut Notes) -> Self {
        let memory_policy = members.optional("memory_policy", notes, |value, at, notes| {
            MemoryPolicy::read(value, at, notes, PolicyPlace::Request)
        });
        let nested = members.optional("policy", notes, read_nested);
        let mut graph_field = GraphField::MemoryPolicy;
        let has_policy = members.sends("memory_policy") || members.sends("policy");
        let mut stated = memory_policy.unwrap_or_default();
        let mut links = Links::default();
        if let Some((policy, nested_links)) = nested {
            if stated.nodes.is_none() && stated.relationships.is_none() {
                graph_field = GraphField::Nested;
            }
            let losers = fill(&mut stated, policy);
            for field in losers {
                let place = if matches!(field, "acl" | "consent" | "risk") {
                    &["policy"][..]
                } else {
                    &["policy", "graph"]
                };
                warn_overridden(members, place, field, "memory_policy", notes);
            }
            append(&mut links, nested_links);
        }
        read_legacy(members, has_policy, &mut stated, &mut graph_field, notes);
        read_request_level(members, &mut stated, notes);
        if let Some(own) = members.optional("link_to", notes, Links::read) {
            append(&mut links, own);
        }
        let inferred = take_links(&mut stated, links);
        Self { metadata: MemoryPolicy::default(), stated, reviewed: None, graph_field, inferred }
    }
}

fn append(all: &mut Links, more: Links) {
    all.node_constraints.extend(more.node_constraints);
    all.edge_constraints.extend(more.edge_constraints);
    all.relationships.extend(more.relationships);
    all.inferred.extend(more.inferred);
}

/// Appends what links stand for to what is said in full.
fn take_links(stated: &mut MemoryPolicy, links: Links) -> Vec<Inferred> {
    fn extend<T>(all: &mut Option<Vec<T>>, more: Vec<T>) {
        if !more.is_empty() {
            all.get_or_insert_default().extend(more);
        }
    }
    extend(&mut stated.node_constraints, links.node_constraints);
    extend(&mut stated.edge_constraints, links.edge_constraints);
    extend(&mut stated.relationships, links.relationships);
    links.inferred
}

/// Takes from `other` what `policy` does not state; returns the fields in which they contradict.
fn fill(policy: &mut MemoryPolicy, other: MemoryPolicy) -> Vec<&'static str> {
    fn one<T: PartialEq>(
        mine: &mut Option<T>,
        theirs: Option<T>,
        field: &'static str,
        losers: &mut Vec<&'static str>,
    ) {
        match (mine.as_ref(), theirs) {
            (None, theirs) => *mine = theirs,
            (Some(mine), Some(theirs)) if *mine != theirs => losers.push(field),
            _ => {}
        }
    }
    let mut losers = Vec::new();
    one(&mut policy.mode, other.mode, "mode", &mut losers);
    one(&mut policy.schema_id, other.schema_id, "schema_id", &mut losers);
    one(&mut policy.nodes, other.nodes, "nodes", &mut losers);
    one(&mut policy.relationships, other.relationships, "relationships", &mut losers);
    one(&mut policy.node_constraints, other.node_constraints, "node_constraints", &mut losers);
    one(&mut policy.edge_constraints, other.edge_constraints, "edge_constraints", &mut losers);
    one(&mut policy.consent, other.consent, "consent", &mut losers);
    one(&mut policy.risk, other.risk, "risk", &mut losers);
    one(&mut policy.acl, other.acl, "acl", &mut losers);
    losers
}

fn warn_overridden(members: &Members<'_>, place: &[&str], field: &str, winner: &str, notes: &mut Notes) {
    let root = members.at();
    let message = format!("has no effect: {winner} says otherwise");
    match place {
        [one] => notes.warn(&At::Key(&At::Key(&root, one), field), WarningKind::Overridden, message),
        [one, two] => {
            let at = At::Key(&root, one);
            notes.warn(&At::Key(&At::Key(&at, two), field), WarningKind::Overridden, message);
        }
        _ => notes.warn(&At::Key(&root, field), WarningKind::Overridden, message),
    }
}

fn read_legacy(
    members: &mut Members<'_>,
    has_policy: bool,
    stated: &mut MemoryPolicy,
    graph_field: &mut GraphField,
    notes: &mut Notes,
) {
    if has_policy && members.sends("graph_generation") {
        members.ignored("graph_generation");
        notes.deprecated_field(&members.place("graph_generation"), "memory_policy");
        warn_overridden(members, &[], "graph_generation", "the policy", notes);
    } else if let Some(policy) =
        members.deprecated("graph_generation", "memory_policy", notes, read_graph_generation)
    {
        *graph_field = GraphField::Legacy;
        *stated = policy;
    } else {
        members.ignored("graph_generation");
    }
    let successor = "memory_policy.relationships";
    let edges = members.deprecated("relationships_json", successor, notes, read_relationships);
    match edges {
        Some(_) if stated.relationships.is_some() => {
            warn_overridden(members, &[], "relationships_json", successor, notes);
        }
        Some(edges) => stated.relationships = Some(edges),
        None => {}
    }
}

/// The request's own `acl`, `consent` and `risk` beat the policy's.
fn read_request_level(members: &mut Members<'_>, stated: &mut MemoryPolicy, notes: &mut Notes) {
    fn win<T: PartialEq>(
        own: Option<T>,
        stated: &mut Option<T>,
        field: &'static str,
        members: &mut Members<'_>,
        notes: &mut Notes,
    ) {
        let Some(own) = own else { return };
        if stated.as_ref().is_some_and(|stated| *stated != own) {
            let in_policy = members.value("memory_policy").and_then(|policy| policy.get(field));
            let place =
                if in_policy.is_some_and(|value| !value.is_null()) { "memory_policy" } else { "policy" };
            warn_overridden(members, &[place], field, "the request's own", notes);
        }
        *stated = Some(own);
    }
    let acl = members.optional("acl", notes, AccessList::read_json);
    win(acl, &mut stated.acl, "acl", members, notes);
    let consent = members.optional("consent", notes, read_consent);
    win(consent, &mut stated.consent, "consent", members, notes);
    let risk = members.optional("risk", notes, read_risk);
    win(risk, &mut stated.risk, "risk", members, notes);
}

/// Reads the nested form: `{consent, risk, acl, graph: {mode none|auto|manual, …, link_to}, transform_embedding}`.
fn read_nested(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<(MemoryPolicy, Links)> {
    let mut members = Members::open(value, at, notes)?;
    let graph = members.optional("graph", notes, read_graph);
    let consent = members.optional("consent", notes, read_consent);
    let risk = members.optional("risk", notes, read_risk);
    let acl = members.optional("acl", notes, AccessList::read_json);
    members.optional("transform_embedding", notes, refuse_transform);
    let is_clean = notes.is_clean_at(&members.at());
    members.close(Unknown::Refuse, notes);
    let (mut policy, links) = graph.unwrap_or_default();
    (policy.consent, policy.risk, policy.acl) = (consent, risk, acl);
    is_clean.then_some((policy, links))
}

fn read_graph(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<(MemoryPolicy, Links)> {
    let mut members = Members::open(value, at, notes)?;
    let mode = members.optional("mode", notes, read_any_mode);
    let schema_id = members.optional("schema_id", notes, name);
    let policy = MemoryPolicy { mode, schema_id, ..read_graph_parts(&mut members, notes) };
    let links = members.optional("link_to", notes, Links::read);
    members.close(Unknown::Refuse, notes);
    Some((policy, links.unwrap_or_default()))
}

/// Embeddings are not transformed here: only the mode that asks for nothing is taken.
fn refuse_transform(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<()> {
    let mut members = Members::open(value, at, notes)?;
    let mode = members.optional(
        "mode",
        notes,
        any_case(&["none", "auto", "manual"], |name| {
            ["none", "auto", "manual"].into_iter().find(|known| *known == name)
        }),
    );
    members.ignored("domain_id");
    members.ignored("signals");
    if mode.is_some_and(|mode| mode != "none") {
        let message = "embeddings are not transformed here: only none is supported";
        notes.wrong::<()>(&members.place("mode"), Fault::Unsupported, message);
    }
    members.close(Unknown::Refuse, notes);
    Some(())
}
