//! Searches that go on through the graph, and what moves their scores.

use memoryscope_domain::ids::{MemoryId, NodeId};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::object::Unit;
use memoryscope_domain::retrieval::Boost;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::extract::make_given;
use memoryscope_engine::op::items::{ItemFilter, SearchItems};
use memoryscope_engine::op::query::Answer;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::replay::{Comparison, NotReplayable, Override};
use serde_json::{Value, json};

use super::items::{acting, revised, search};
use super::support::{World, tenant, user};

const DAY_MICROS: i64 = 86_400_000_000;

impl World {
    /// An item with a graph of its own.
    async fn knows(&self, whose: &str, content: &str, nodes: Value, relationships: Value) -> MemoryId {
        let policy = json!({"mode": "manual", "nodes": nodes, "relationships": relationships});
        let id = self.item(whose, json!({"content": content, "memory_policy": policy})).await;
        make_given(&self.engine, &tenant(), id).await.expect("done").expect("a graph");
        self.clock.advance_micros(1_000_000);
        id
    }

    async fn answers(&self, name: &str, op: SearchItems) -> Answer {
        self.run(acting(self, Some(name)), op).await.expect("an answer").output
    }
}

fn asks(name: &str, words: &str, change: impl Fn(Search) -> Search) -> SearchItems {
    let op = search(Scope::of_user(&user(name)), Some(words), ItemFilter::default());
    SearchItems { search: op.search.map(change), ..op }
}

fn walks(name: &str, words: &str) -> SearchItems {
    asks(name, words, |search| search.walking(true))
}

fn shown(answer: &Answer) -> (Vec<MemoryId>, Vec<NodeId>) {
    let memories = answer.items.iter().map(|item| item.memory.id).collect();
    (memories, answer.nodes.iter().map(|node| node.id).collect())
}

/// Maria, known by her name; the company of a memory that does not say her name; and who founded it.
async fn maria(world: &World, whose: &str) -> [MemoryId; 3] {
    let person = |id: &str, name: &str| json!({"id": id, "type": "Person", "properties": {"name": name}});
    let first = world.knows(whose, "We met at the fair.", json!([person("m", "Maria")]), json!([])).await;
    let her = format!("{first}");
    let company = json!([{"id": "c", "type": "Company", "properties": {"name": "Acme"}}]);
    let edges = json!([{"source": her, "target": "c", "type": "TOLD_OF"}]);
    let second = world.knows(whose, "She builds bridges there.", company, edges).await;
    let third = world.knows(whose, "It rained.", json!([person("o", "Omar")]), json!([])).await;
    [first, second, third]
}

#[tokio::test]
async fn what_a_name_leads_to_is_found_without_its_words() {
    let world = World::new();
    let [first, second, third] = maria(&world, "ann").await;
    assert_eq!(shown(&world.answers("ann", asks("ann", "Maria", |search| search)).await).0, []);
    let answer = world.answers("ann", walks("ann", "Where does Maria work?")).await;
    let node = |id, node_type: &str, called: &str| NodeId::made_by(id, node_type, called);
    let (memories, nodes) = shown(&answer);
    assert_eq!(memories, [first]);
    assert_eq!(nodes, [node(first, "Person", "m")]);
    let why = answer.items[0].why.expect("a reason");
    assert_eq!(why.graph.map(|arm| (arm.rank, arm.score, arm.adds)), Some((1, 1.0, 0.5)));
    assert_eq!((why.words, why.meaning), (None, None));
    // From Acme one step leads to the memory that told of it.
    let (memories, nodes) = shown(&world.answers("ann", walks("ann", "Acme")).await);
    assert_eq!(memories, [second, first]);
    assert_eq!(nodes, [node(second, "Company", "c"), node(first, "Person", "m")]);
    assert_eq!(shown(&world.answers("ann", walks("ann", "Omar")).await).0, [third]);
    assert_eq!(shown(&world.answers("ann", walks("ann", "nobody")).await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_may_not_be_seen_is_no_way() {
    let world = World::new();
    let [.., third] = maria(&world, "bob").await;
    let [_, second, _] = maria(&world, "ann").await;
    let before = shown(&world.answers("ann", walks("ann", "Acme")).await);
    assert_eq!(before.0.len(), 2);
    assert_eq!(shown(&world.answers("cy", walks("cy", "Acme")).await), (Vec::new(), Vec::new()));
    // What others know is nothing to her.
    world.changes(Some("bob"), third, Step::Erase).await.expect("erased");
    assert_eq!(shown(&world.answers("ann", walks("ann", "Acme")).await), before);
    world.changes(Some("ann"), second, Step::Erase).await.expect("erased");
    assert_eq!(shown(&world.answers("ann", walks("ann", "Acme")).await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_walk_is_replayed_while_its_keys_stand() {
    let world = World::new();
    let [first, second, _] = maria(&world, "ann").await;
    let done = world.run(acting(&world, Some("ann")), walks("ann", "Acme")).await.expect("an answer");
    let replayed = async || {
        let cx = acting(&world, Some("ann"));
        world.engine.replay(&cx, done.access_log, Override::default()).await.unwrap().output.comparison
    };
    assert_eq!(replayed().await, Comparison::Identical);
    world.changes(Some("ann"), first, revised("We met at the station.")).await.expect("changed");
    let comparison = replayed().await;
    let gone = Comparison::NotReplayable(NotReplayable::IndexChanged);
    assert!([Comparison::Identical, gone].contains(&comparison), "{comparison:?}");
    world.changes(Some("ann"), second, Step::Erase).await.expect("erased");
    assert_eq!(replayed().await, Comparison::InputsErased);
}

#[tokio::test]
async fn scores_are_moved_as_far_as_is_asked() {
    let world = World::new();
    let old = world.item("ann", json!({"content": "Tea, green tea, and more tea."})).await;
    world.clock.advance_micros(365 * DAY_MICROS);
    let new = world.item("ann", json!({"content": "Some tea was there on the table, and cake."})).await;
    let ids = |answer: &Answer| -> Vec<MemoryId> { answer.items.iter().map(|item| item.memory.id).collect() };
    let plain = world.answers("ann", asks("ann", "tea", |search| search)).await;
    assert_eq!(ids(&plain), [old, new]);
    let boost = Boost { recency: Unit::ONE, ..Boost::default() };
    let moved = world.answers("ann", asks("ann", "tea", |search| search.boosted(boost))).await;
    assert_eq!(ids(&moved), [new, old]);
    for (item, before) in moved.items.iter().zip(plain.items.iter().rev()) {
        let factor = item.why.expect("a reason").boost;
        assert!((0.5..=1.5).contains(&factor), "{factor}");
        assert_eq!(item.score.unwrap().get(), before.score.unwrap().get() * factor);
    }
    let strong = Boost { strength: Unit::ONE, ..Boost::default() };
    let by_strength = world.answers("ann", asks("ann", "tea", |search| search.boosted(strong))).await;
    let factors: Vec<f64> = by_strength.items.iter().map(|item| item.why.expect("a reason").boost).collect();
    assert!(factors.iter().all(|factor| (0.5..=1.5).contains(factor)), "{factors:?}");
}
