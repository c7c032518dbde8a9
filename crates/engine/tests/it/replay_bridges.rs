//! Decisions that went behind bridges, made again: as the bridges stood then, and shown by those that stand now.

use memoryscope_domain::ids::{BridgeId, MemoryId};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::subject::Deed;
use memoryscope_domain::words::QueryText;
use memoryscope_engine::op::bridge::{End, Make};
use memoryscope_engine::op::explain::ExplainMemories;
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::get::{Get, History};
use memoryscope_engine::op::query::Query;
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::op::subject::Admit;
use memoryscope_engine::replay::{Comparison, NotReplayable};
use memoryscope_engine::subjects;

use super::bridges::{ALL, CHAT, apollo, to_apollo};
use super::objects::{event, filters};
use super::support::{World, refused, user};

const TEXT: &str = "Please use bullet points when you explain Lisbon.";

fn query(limit: usize, words: Option<&str>) -> Query {
    let search = words.map(|words| Search::new(QueryText::parse(words).unwrap(), None));
    Query { scope: apollo(), purpose: CHAT, filters: filters(), after: None, search, limit, max_tokens: None }
}

impl World {
    /// Asks everything that a member can be answered about the project, and about these.
    pub(crate) async fn ask_behind_bridges(&self, ids: &[MemoryId]) {
        for (limit, words) in [(1, None), (50, None), (2, Some("Lisbon paragraphs work"))] {
            let _ = self.run(self.member("bob"), query(limit, words)).await;
        }
        for id in ids {
            let _ = self.run(self.member("bob"), Get { id: *id, purpose: CHAT }).await;
            let history = History { id: *id, purpose: CHAT, after: 0, limit: 100 };
            let _ = self.run(self.member("bob"), history).await;
        }
        let context = Reconstruct {
            scope: apollo(),
            purpose: CHAT,
            format: Format::Json,
            max_tokens: Some(60),
            include_events: true,
            cues: vec!["lisbon".to_owned()],
            search: None,
        };
        let _ = self.run(self.member("bob"), context).await;
        let (tool, purpose) = ("order".to_owned(), Purpose::TaskExecution);
        let gate = AskGate { scope: apollo(), tool, purpose, evidence: ids.to_vec() };
        let _ = self.run(self.member("bob"), gate).await;
    }

    /// Makes the bridge that is not there, or removes the one that is.
    pub(crate) async fn make_or_end(&self, bridge: Option<BridgeId>, make: Make) -> Option<BridgeId> {
        match bridge {
            None => Some(self.bridge(make).await.id),
            Some(id) => {
                self.run(self.core("ann"), End { id }).await.expect("its owner removes it");
                None
            }
        }
    }
}

#[tokio::test]
async fn a_read_behind_a_bridge_is_made_again_as_it_was() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXT)).await;
    let ids = [made.id, made.derived[0].0, made.derived[1].0];
    let mut bridge = None;
    for round in 0..4 {
        bridge = world.make_or_end(bridge, to_apollo(ALL)).await;
        world.ask_behind_bridges(&ids).await;
        assert_eq!(world.crosses(made.id).await, round % 2 == 0);
    }
    let expires = Some(world.core("ann").now.plus_days(1));
    world.bridge(Make { expires, ..to_apollo(ALL) }).await;
    world.ask_behind_bridges(&ids).await;
    world.clock.advance_days(2);
    assert!(!world.crosses(made.id).await);
    let all = world.recorded().await;
    assert!(all.len() > 40, "{}", all.len());
    for stored in all {
        let comparison = world.engine.check(&stored).await.unwrap();
        assert_eq!(comparison, Comparison::Identical, "{}", stored.entry.text);
    }
}

#[tokio::test]
async fn what_no_bridge_leads_to_now_is_not_shown_again() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXT)).await;
    let bridge = world.bridge(to_apollo(ALL)).await.id;
    let log = world.run(world.member("bob"), query(50, None)).await.unwrap().access_log;
    let member = world.member("bob");
    let would_be = async || {
        let ask = ExplainMemories {
            ids: vec![made.id],
            purpose: CHAT,
            operation: "memory.query",
            tool: None,
            include_events: false,
        };
        let told = world.run(member.clone(), ask).await.unwrap().output;
        told.iter().map(|one| (one.memory, one.withheld.is_none())).collect::<Vec<_>>()
    };
    let before = world.replayed(&member, log).await.unwrap().output;
    assert_eq!(before.comparison, Comparison::Identical);
    let items = before.result.unwrap().items;
    assert_eq!(items.iter().map(|item| item.bridge).collect::<Vec<_>>(), [Some(bridge); 3]);
    let told = world.told_why(&member, log).await;
    assert_eq!((told.memory_ids.len(), told.decisions.len(), told.denials.len()), (3, 3, 0));
    assert!(told.decisions.iter().all(|one| one.rank.is_some() && one.explained.withheld.is_none()));
    assert_eq!(would_be().await, [(made.id, true)]);

    world.run(world.core("ann"), End { id: bridge }).await.unwrap();
    let after = world.replayed(&member, log).await.unwrap().output;
    assert_eq!(after.comparison, Comparison::Identical);
    let result = after.result.unwrap();
    assert!(result.items.is_empty() && result.memory_ids.is_empty());
    let told = world.told_why(&member, log).await;
    assert_eq!((told.memory_ids.len(), told.decisions.len(), told.denials.len()), (0, 0, 0));
    assert_eq!(would_be().await, []);
    // Whose it is was shown nothing of this decision, and is not now.
    assert_eq!(refused(world.replayed(&world.core("ann"), log).await), "hidden");
}

#[tokio::test]
async fn a_read_behind_a_bridge_is_erased_with_whose_memories_it_showed() {
    let world = World::new();
    world.ingest("ann", event("ann", TEXT)).await;
    world.bridge(to_apollo(ALL)).await;
    let log = world.run(world.member("bob"), query(50, None)).await.unwrap().access_log;
    let admit = Admit { person: user("ann"), deed: Deed::Erase, reason: None };
    subjects::carry_out(&world.engine, &world.core("ann"), &admit).await.expect("an erasure");
    assert_eq!(refused(world.replayed(&world.member("bob"), log).await), "hidden");
    let stored = world.chain().await.into_iter().find(|stored| stored.entry.id == log).unwrap();
    let lost = Comparison::NotReplayable(NotReplayable::RequestErased);
    assert_eq!(world.engine.check(&stored).await.unwrap(), lost);
}
