//! Schemas and the graph: who makes what, who sees what, and what becomes of what waits.

use std::sync::Arc;

use memoryscope_domain::graph::fold::Node;
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_domain::graph::{ExtractionStatus, Schema};
use memoryscope_domain::ids::{MemoryId, NodeId, SchemaId};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::extract::{BuiltIn, extract_all, make_given};
use memoryscope_engine::op::extract::Settle;
use memoryscope_engine::op::graph::{Around, Found};
use memoryscope_engine::op::schema::{Amend, Create, Edit, Get, List};
use memoryscope_engine::op::step::MakeStep;
use memoryscope_engine::port::Select;
use serde_json::{Value, json};

use super::items::acting;
use super::support::{World, refused, tenant};

/// A schema of tasks and persons.
pub(crate) fn tasks() -> Schema {
    let body = json!({"name": "Tasks", "scope": "personal", "node_types": {
        "Task": {"name": "Task", "properties": {"title": {"type": "string", "required": true}}},
        "Person": {"name": "Person", "properties": {"name": {"type": "string"}, "email": {"type": "string"}}},
    }});
    Schema::read(&body, false).expect("a schema").value
}

impl World {
    /// A memory as it is now.
    pub(crate) async fn current(&self, id: MemoryId) -> Arc<Memory> {
        self.facts(Select::Memories(vec![id])).await.memories.remove(0)
    }

    pub(crate) async fn status(&self, id: MemoryId) -> (ExtractionStatus, u32) {
        let memory = self.current(id).await;
        let extraction = memory.item().and_then(|item| item.extraction.as_ref()).expect("an extraction");
        (extraction.status, extraction.attempts)
    }

    /// The nodes that a memory says something of.
    pub(crate) async fn nodes_of(&self, id: MemoryId) -> Vec<NodeId> {
        let memory = self.current(id).await;
        memory.item().expect("an item").graph.nodes.iter().map(|node| node.node).collect()
    }

    async fn around(&self, name: &str, node: NodeId, depth: usize) -> Option<Found> {
        let op = Around::new(node, depth, Purpose::ChatResponse);
        self.run(acting(self, Some(name)), op).await.expect("an answer").output
    }

    async fn node(&self, name: &str, node: NodeId) -> Option<Node> {
        self.around(name, node, 0).await.map(|found| found.nodes[0].1.clone())
    }
}

fn value(node: &Node, property: &str) -> Value {
    node.value(property).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_waits_is_extracted_once_and_seen_by_whom_the_memory_is() {
    let world = World::new();
    let said = json!({"content": "Dr. Ann Lee works at Blue Sky Ltd.", "acl": {"read": ["bob"]}});
    let one = world.item("ann", said).await;
    assert_eq!(world.status(one).await, (ExtractionStatus::Queued, 0));
    assert_eq!(extract_all(&world.engine, &BuiltIn).await.expect("done"), 1);
    assert_eq!(extract_all(&world.engine, &BuiltIn).await.expect("nothing to do"), 0);
    assert_eq!(world.status(one).await, (ExtractionStatus::Completed, 1));
    let nodes = world.nodes_of(one).await;
    assert_eq!(nodes.len(), 2);
    for reader in ["ann", "bob"] {
        let found = world.around(reader, nodes[0], 1).await.expect("a node");
        assert_eq!((found.nodes.len(), found.edges.len(), found.truncated), (2, 1, false));
    }
    assert!(world.around("cy", nodes[0], 1).await.is_none());
    let erase = MakeStep { id: one, step: Step::Erase };
    world.run(acting(&world, Some("ann")), erase).await.expect("an answer").output.expect("erased");
    assert!(world.node("ann", nodes[0]).await.is_none());
}

#[tokio::test]
async fn who_is_known_is_found_among_what_the_writer_may_see() {
    let world = World::new();
    let first = world.item("ann", json!({"content": "Ms. Zoe Stone <zoe@example.org> called."})).await;
    extract_all(&world.engine, &BuiltIn).await.expect("done");
    let zoe = world.nodes_of(first).await[0];
    world.clock.advance_micros(1_000_000);
    let again = world.item("ann", json!({"content": "Write to Zoe@example.org."})).await;
    let others = world.item("bob", json!({"content": "Write to zoe@example.org."})).await;
    extract_all(&world.engine, &BuiltIn).await.expect("done");
    assert_eq!(world.nodes_of(again).await, [zoe]);
    assert_ne!(world.nodes_of(others).await, [zoe]);
    let node = world.node("ann", zoe).await.expect("a node");
    assert_eq!((node.sources.len(), value(&node, "name")), (2, json!("Zoe Stone")));
    let erase = MakeStep { id: first, step: Step::Erase };
    world.run(acting(&world, Some("ann")), erase).await.expect("an answer").output.expect("erased");
    let node = world.node("ann", zoe).await.expect("a node still");
    assert_eq!((node.sources.len(), value(&node, "name")), (1, Value::Null));
}

#[tokio::test]
async fn of_two_servers_one_makes_the_graph() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Dr. Ann Lee called."})).await;
    let memory = world.current(id).await;
    let settle = || Settle {
        memory: Arc::clone(&memory),
        schema: None,
        found: Ok(Candidates::default()),
        extractor: "test".to_owned(),
    };
    assert!(world.run(world.system(), settle()).await.expect("an answer").output.is_some());
    assert!(world.run(world.system(), settle()).await.expect("an answer").output.is_none());
    assert_eq!(world.current(id).await.version, 2);
}

#[tokio::test]
async fn a_given_graph_is_made_as_it_is() {
    let world = World::new();
    let before = world.item("ann", json!({"content": "Before."})).await;
    world.clock.advance_micros(1_000_000);
    let request = json!({"content": "Apollo.", "memory_policy": {"mode": "manual", "nodes": [
        {"id": "a", "type": "Person", "properties": {"name": "Ann"}},
        {"id": "p", "type": "Project", "properties": {"name": "Apollo"}},
    ], "relationships": [
        {"source": "a", "target": "p", "type": "WORKS_ON"},
        {"source": "$this", "target": "$previous", "type": "FOLLOWS"},
        {"source": "$this", "target": "p", "type": "ABOUT"},
    ]}});
    let id = world.item("ann", request).await;
    let made = make_given(&world.engine, &tenant(), id).await.expect("done").expect("an extraction");
    assert_eq!(made.status, ExtractionStatus::Completed);
    assert!(make_given(&world.engine, &tenant(), id).await.expect("done").is_none());
    let ann = NodeId::made_by(id, "Person", "a");
    let near = world.around("ann", ann, 1).await.expect("a node");
    assert_eq!((near.nodes.len(), near.memories.len(), near.edges.len()), (2, 0, 1));
    let far = world.around("ann", ann, 3).await.expect("a node");
    let memories: Vec<(usize, MemoryId)> = far.memories;
    assert_eq!(memories, [(2, id), (3, before)]);
    assert_eq!(far.edges.len(), 3);
    // A memory is a node of its own.
    let around = world.around("ann", NodeId::from_uuid(before.uuid()), 0).await.expect("a memory");
    assert_eq!((around.nodes.len(), around.memories.len(), around.edges.len()), (0, 1, 1));
}

#[tokio::test]
async fn schemas_are_their_makers_and_what_was_put_away_is_gone() {
    let world = World::new();
    let (ann, bob) = (acting(&world, Some("ann")), acting(&world, Some("bob")));
    let made = world.run(ann.clone(), Create { schema: tasks() }).await.expect("made").output;
    let get = |id: SchemaId| Get { id };
    assert_eq!(world.run(ann.clone(), get(made.id)).await.expect("an answer").output, Some(made.clone()));
    assert_eq!(world.run(bob.clone(), get(made.id)).await.expect("an answer").output, None);
    let patch = |body: Value| Amend { id: made.id, edit: Edit::Patch { body, is_strict: false } };
    let none = world.run(bob.clone(), patch(json!({"status": "active"}))).await.expect("an answer").output;
    assert!(none.is_none());
    let shared = json!({"scope": "organization", "status": "active"});
    let changed = world.run(ann.clone(), patch(shared)).await.expect("an answer").output;
    assert_eq!(changed.expect("a schema").expect("a change").stored.version, 2);
    assert_eq!(refused(world.run(bob.clone(), patch(json!({"status": "draft"}))).await), "ROLE_DENIED");
    let wrong = world.run(ann.clone(), patch(json!({"node_types": {}}))).await.expect("an answer").output;
    assert!(wrong.expect("a schema").is_err());
    let listed = world.run(bob.clone(), List::default()).await.expect("an answer").output;
    assert_eq!(listed.schemas.len(), 1);
    let archive = Amend { id: made.id, edit: Edit::Archive };
    world.run(ann.clone(), archive).await.expect("an answer").output.expect("a schema").expect("a change");
    assert_eq!(world.run(ann.clone(), get(made.id)).await.expect("an answer").output, None);
    assert!(world.run(ann, List::default()).await.expect("an answer").output.schemas.is_empty());
}
