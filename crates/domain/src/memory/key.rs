//! What a memory is looked up by, wherever it stands: keys of fixed size, which stores keep beside its current version.
//!
//! A key is the first 16 bytes of SHA-256 over its kind and its parts, so that any text can be a part, whatever its length. It
//! stands for its parts: two with one key are not to be found.

use super::{Memory, REVIEW, State};
use crate::graph::Extraction;
use crate::ids::NodeId;
use crate::retrieval::name_terms;
use crate::scope::{Partition, ScopeType};
use sha2::{Digest, Sha256};

/// One thing that a memory is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

/// What sort of key it is. A number that was given is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Reader = 1,
    Node = 2,
    NodeType = 3,
    NodeValue = 4,
    EdgeType = 5,
    Waiting = 6,
    NodeTerm = 7,
    Session = 8,
}

impl Key {
    /// Of memories that are shared with a reader, as [`Memory::readers`] spells one.
    #[must_use]
    pub fn reader(reader: &str) -> Self {
        Self::of(KeyKind::Reader, &[reader.as_bytes()])
    }

    /// Of memories that say something of a node, or of an edge that begins or ends at it.
    #[must_use]
    pub fn node(node: NodeId) -> Self {
        Self::of(KeyKind::Node, &[node.uuid().as_bytes()])
    }

    /// Of memories that say something of a node of a type.
    #[must_use]
    pub fn node_type(namespace: &str, node_type: &str) -> Self {
        Self::of(KeyKind::NodeType, &[namespace.as_bytes(), node_type.as_bytes()])
    }

    /// Of memories that say that a node of a type has a property of a value, which is normalised.
    #[must_use]
    pub fn node_value(namespace: &str, node_type: &str, property: &str, value: &str) -> Self {
        let parts = [namespace, node_type, property, value].map(str::as_bytes);
        Self::of(KeyKind::NodeValue, &parts)
    }

    /// Of memories that say something of an edge of a type.
    #[must_use]
    pub fn edge_type(namespace: &str, edge_type: &str) -> Self {
        Self::of(KeyKind::EdgeType, &[namespace.as_bytes(), edge_type.as_bytes()])
    }

    /// Of memories of a scope that say something of a node with a name of which this is a term.
    #[must_use]
    pub fn node_term(scope: Partition, term: &str) -> Self {
        Self::of(KeyKind::NodeTerm, &[&scope.0, term.as_bytes()])
    }

    /// Of memories that wait for a job, or for a review.
    #[must_use]
    pub fn waiting(job: &str) -> Self {
        Self::of(KeyKind::Waiting, &[job.as_bytes()])
    }

    /// Of the messages of a session in one scope.
    #[must_use]
    pub fn session(partition: Partition, session: &str) -> Self {
        Self::of(KeyKind::Session, &[&partition.0, session.as_bytes()])
    }

    /// Of the messages of all sessions of that name, in whatever scope.
    #[must_use]
    pub fn session_anywhere(session: &str) -> Self {
        Self::of(KeyKind::Session, &[session.as_bytes()])
    }

    fn of(kind: KeyKind, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-key-v1\0");
        hasher.update([kind as u8]);
        for part in parts {
            // With its length, so that no two lists of parts have one spelling.
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize()[..16]);
        Self(key)
    }
}

impl Memory {
    /// What it is looked up by, in order and each once. Only events, impacts and seeds that were written as items, or that wait
    /// for a review, have keys, and what is erased has none.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let review = self.awaited().map(|_| Key::waiting(REVIEW));
        let Some(item) = self.item() else { return review.into_iter().collect() };
        let mut keys = item.graph.keys(&self.scope.namespace);
        // An item is a node of its own.
        keys.insert(Key::node(NodeId::from_uuid(self.id.uuid())));
        if self.has_words() {
            let values = item.graph.nodes.iter().flat_map(|node| node.properties.values());
            let terms = name_terms(values.map(|asserted| &asserted.value));
            keys.extend(terms.iter().map(|term| Key::node_term(self.partition, term)));
        }
        let own = format!("person:{}", self.scope.id);
        let is_others = |reader: &String| self.scope.scope_type != ScopeType::User || *reader != own;
        keys.extend(
            item.readers().iter().filter(|reader| is_others(reader)).map(|reader| Key::reader(reader)),
        );
        if self.state == State::Active {
            keys.extend(item.extraction.as_ref().and_then(Extraction::key));
        }
        if let Some(message) = self.message() {
            keys.extend([
                Key::session(self.partition, message.session),
                Key::session_anywhere(message.session),
            ]);
        }
        keys.extend(review);
        keys.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_kind_and_each_part_makes_another_key() {
        let node = |number| Key::node(NodeId::from_uuid(Uuid::from_u128(number)));
        let keys = [
            Key::reader("person:ann"),
            Key::waiting("person:ann"),
            Key::waiting(REVIEW),
            node(1),
            node(2),
            Key::node_type("", "Person"),
            Key::node_type("Person", ""),
            Key::node_type("n", "Person"),
            Key::edge_type("", "Person"),
            Key::node_term(Partition([0; 16]), "ann"),
            Key::node_term(Partition([1; 16]), "ann"),
            Key::node_value("", "Person", "name", "ann"),
            Key::node_value("", "Person", "nam", "eann"),
            Key::node_value("P", "erson", "name", "ann"),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        // Kept in databases: it must not change.
        let spelt: String = Key::node_type("", "Person").0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(spelt, "403911c972f6aca372693bd338d1cd0c");
        // Migration 10 writes this one.
        let spelt: String = Key::waiting(REVIEW).0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(spelt, "0387c62457ecdbef32913fa56015236a");
    }
}
