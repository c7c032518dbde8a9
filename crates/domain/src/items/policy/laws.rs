//! Laws of the merge, on random policies.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::merge::{EffectivePolicy, merge};
use super::*;
use crate::graph::{EdgeFilter, NodeId, SetValue};
use crate::items::AclId;

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![Just("A"), Just("B"), Just("C"), Just("D")]
        .prop_map(|text| Name::parse(text).expect("a name"))
}

fn node_constraint() -> impl Strategy<Value = NodeConstraint> {
    (name(), 0..9_u8).prop_map(|(node_type, n)| {
        let set = [(Name::parse("n").expect("a name"), SetValue::Exact(json!(n)))].into();
        NodeConstraint { set, ..NodeConstraint::of(node_type) }
    })
}

fn edge_constraint() -> impl Strategy<Value = EdgeConstraint> {
    let filter = (name(), proptest::option::of(name()), proptest::option::of(name()));
    (filter, 0..9_u8).prop_map(|((edge_type, source_type, target_type), n)| {
        let set = [(Name::parse("n").expect("a name"), SetValue::Exact(json!(n)))].into();
        EdgeConstraint { set, ..EdgeConstraint::of(EdgeFilter { edge_type, source_type, target_type }) }
    })
}

fn node() -> impl Strategy<Value = GivenNode> {
    name().prop_map(|node_type| GivenNode {
        id: NodeId::parse("n").expect("an id"),
        node_type,
        properties: serde_json::Map::new(),
    })
}

fn policy() -> impl Strategy<Value = MemoryPolicy> {
    let some = proptest::option::of::<BoxedStrategy<_>>;
    let modes = proptest::sample::select(Mode::ALL).boxed();
    let consents = proptest::option::of(proptest::sample::select(Consent::ALL));
    let risks = proptest::option::of(proptest::sample::select(Risk::ALL));
    let acl = proptest::option::of(proptest::sample::select(&["a", "b"][..]).prop_map(|id| AccessList {
        read: BTreeSet::from([AclId::parse(id).expect("an id")]),
        write: BTreeSet::new(),
    }));
    let nodes = proptest::option::of(proptest::collection::vec(node(), 0..2));
    let node_constraints = proptest::option::of(proptest::collection::vec(node_constraint(), 0..5));
    let edge_constraints = proptest::option::of(proptest::collection::vec(edge_constraint(), 0..5));
    let ids = proptest::option::of(name());
    (some(modes), ids, nodes, node_constraints, edge_constraints, consents, risks, acl).prop_map(
        |(mode, schema_id, nodes, node_constraints, edge_constraints, consent, risk, acl)| MemoryPolicy {
            mode,
            schema_id,
            nodes,
            relationships: None,
            node_constraints,
            edge_constraints,
            consent,
            risk,
            acl,
        },
    )
}

const LAYERS: [Layer; 5] = [Layer::Namespace, Layer::Type, Layer::Schema, Layer::Metadata, Layer::Request];

fn policies() -> impl Strategy<Value = Vec<MemoryPolicy>> {
    proptest::collection::vec(policy(), LAYERS.len())
}

fn merged(policies: &[MemoryPolicy]) -> EffectivePolicy {
    merge(&LAYERS.into_iter().zip(policies).collect::<Vec<_>>())
}

/// A merged policy without its layers, where the system's own are silence.
fn unlayered(policy: &EffectivePolicy) -> MemoryPolicy {
    fn said<T: Clone>(stated: &Stated<T>) -> Option<T> {
        (stated.layer != Layer::System).then(|| stated.value.clone())
    }
    let constraints =
        |all: &Vec<Stated<NodeConstraint>>| all.iter().map(|of| of.value.clone()).collect::<Vec<_>>();
    MemoryPolicy {
        mode: said(&policy.mode),
        schema_id: policy.schema_id.as_ref().and_then(said),
        nodes: policy.nodes.as_ref().and_then(said),
        relationships: policy.relationships.as_ref().and_then(said),
        node_constraints: Some(constraints(&policy.node_constraints)),
        edge_constraints: Some(policy.edge_constraints.iter().map(|of| of.value.clone()).collect()),
        consent: said(&policy.consent),
        risk: said(&policy.risk),
        acl: policy.acl.as_ref().and_then(said),
    }
}

proptest! {
    #[test]
    fn silent_layers_change_nothing(policies in policies(), at in 0..=5_usize, layer in 0..5_usize) {
        let mut layers: Vec<(Layer, &MemoryPolicy)> = LAYERS.into_iter().zip(&policies).collect();
        let expect = merge(&layers);
        let silent = MemoryPolicy::default();
        layers.insert(at.min(layers.len()), (LAYERS[layer], &silent));
        prop_assert_eq!(merge(&layers), expect);
    }

    #[test]
    fn pairs_may_be_put_together_in_any_order(a in policy(), b in policy(), c in policy()) {
        prop_assert_eq!(c.over(&b).over(&a), c.over(&b.over(&a)));
        prop_assert_eq!(a.over(&MemoryPolicy::default()).is_silent(), a.is_silent());
    }

    #[test]
    fn all_at_once_is_two_at_a_time(policies in policies()) {
        let folded = policies.iter().fold(MemoryPolicy::default(), |lower, higher| higher.over(&lower));
        let folded = MemoryPolicy {
            node_constraints: Some(folded.node_constraints.unwrap_or_default()),
            edge_constraints: Some(folded.edge_constraints.unwrap_or_default()),
            ..folded
        };
        prop_assert_eq!(unlayered(&merged(&policies)), folded);
    }

    #[test]
    fn a_request_wins_where_it_speaks_and_only_there(policies in policies()) {
        let request = policies.last().expect("five layers").clone();
        let mut silent = policies.clone();
        *silent.last_mut().expect("five layers") = MemoryPolicy::default();
        let (with, without) = (merged(&policies), merged(&silent));
        match request.consent {
            Some(value) => prop_assert_eq!(with.consent, Stated { value, layer: Layer::Request }),
            None => prop_assert_eq!(with.consent, without.consent),
        }
        match request.mode {
            Some(value) => prop_assert_eq!(with.mode, Stated { value, layer: Layer::Request }),
            None => prop_assert_eq!(with.mode, without.mode),
        }
        match request.acl {
            Some(value) => prop_assert_eq!(with.acl, Some(Stated { value, layer: Layer::Request })),
            None => prop_assert_eq!(with.acl, without.acl),
        }
        match request.nodes {
            Some(value) => prop_assert_eq!(with.nodes, Some(Stated { value, layer: Layer::Request })),
            None => prop_assert_eq!(with.nodes, without.nodes),
        }
    }

    #[test]
    fn of_each_type_the_highest_layer_that_names_it_is_heard(policies in policies()) {
        let merged = merged(&policies);
        let said = |policy: &MemoryPolicy| policy.node_constraints.clone().unwrap_or_default();
        let named: BTreeSet<Name> =
            policies.iter().flat_map(said).map(|constraint| constraint.node_type).collect();
        let kept: BTreeSet<Name> = merged.node_constraints.iter().map(|of| of.value.node_type.clone()).collect();
        prop_assert_eq!(&kept, &named);
        for node_type in &named {
            let of_type = |all: Vec<NodeConstraint>| -> Vec<NodeConstraint> {
                all.into_iter().filter(|constraint| constraint.node_type == *node_type).collect()
            };
            let highest = policies.iter().zip(LAYERS).rev().map(|(policy, layer)| (of_type(said(policy)), layer));
            let (expect, layer) = highest.into_iter().find(|(all, _)| !all.is_empty()).expect("it is named");
            let kept: Vec<_> =
                merged.node_constraints.iter().filter(|of| of.value.node_type == *node_type).collect();
            prop_assert!(kept.iter().all(|of| of.layer == layer));
            prop_assert_eq!(kept.into_iter().map(|of| of.value.clone()).collect::<Vec<_>>(), expect);
        }
    }

    #[test]
    fn a_policy_reads_what_it_writes(policy in policy()) {
        let mut notes = crate::fields::Notes::strict();
        let json = policy.to_json();
        let at = crate::fields::At::Root("policy");
        let graph_mode_none = policy.mode == Some(Mode::None);
        let read = MemoryPolicy::read(&json, &at, &mut notes, PolicyPlace::Request);
        prop_assert_eq!(read, (!graph_mode_none).then(|| policy.clone()));
        let text = serde_json::to_string(&policy).expect("writes");
        prop_assert_eq!(serde_json::from_str::<MemoryPolicy>(&text).expect("reads"), policy);
    }
}
