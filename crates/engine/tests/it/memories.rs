//! Create, read, list, delete: right, wrong and repeated input, and what each leaves in the chain.

use memoryscope_domain::audit_chain::{Draft, Verdict};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Body, State};
use memoryscope_domain::preference::{Kind, Preference, Source, merge};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::batch::create_batch;
use memoryscope_engine::op::create::{Create, NewPreference};
use memoryscope_engine::op::read::Read;
use memoryscope_engine::port::Select;
use memoryscope_engine::refusal::Refusal;
use serde_json::json;

use super::support::{World, domain, item, liked, likes, list_of, policy_with, read_of, refused, user};

#[tokio::test]
async fn what_is_created_is_read_merged() {
    let world = World::new();
    let ids = world.create("ann", vec![likes("tea"), likes("jazz"), likes("TEA")]).await;
    assert_eq!(world.said().await, "MEMORY_WRITE allowed - 3");
    assert!(ids.is_sorted(), "ids of one request are in the order of its items");
    let answer = world.read("ann").await.unwrap();
    assert_eq!(liked(&answer), json!(["jazz", "tea"]));
    assert_eq!(answer.output.summary.confidence_tenths, 8);
    assert_eq!(world.said().await, "MEMORY_READ allowed - 3");
    let (entry, private) = world.last().await;
    assert_eq!(entry.memories.listed(), ids);
    assert_eq!(entry.id, answer.access_log);
    assert_eq!(entry.purpose, Some(Purpose::Recommendation));
    assert_eq!(entry.kind.unwrap().as_str(), "preferences");
    assert_eq!(
        entry.rules.iter().map(|(rule, n)| (&**rule, *n)).collect::<Vec<_>>(),
        [("preferences_for_suggestions", 3)]
    );
    assert_eq!(private["user_id"], json!("ann"));
    assert_eq!(private["request"]["purpose"], json!("recommend"));
    assert!(entry.grant.is_some() && entry.subject.is_some() && entry.private_digest.is_some());
    assert_eq!(liked(&world.read("bob").await.unwrap()), json!(null), "nobody else sees them");
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_thousand_at_once_are_one_entry() {
    let world = World::new();
    let items: Vec<NewPreference> =
        (0..1_000).map(|n| item(Kind::Constraints, json!({format!("k{n}"): n}))).collect();
    assert_eq!(world.create("ann", items).await.len(), 1_000);
    assert_eq!((world.length().await, world.said().await), (1, "MEMORY_WRITE allowed - 1000".to_owned()));
}

#[tokio::test]
async fn a_create_may_be_refused_in_part_or_whole() {
    let world = World::new();
    let policy = policy_with("p2", "when: {memory.kind: schedule}, then: {allow_write: false}");
    world.activate(policy).await;
    let schedule = || item(Kind::Schedule, json!({"windows": [{"day": "monday"}]}));
    let create = Create { user: user("ann"), items: vec![likes("tea"), schedule(), likes("jazz")] };
    let results = world.run(world.cx("ann"), create).await.unwrap().output;
    let stored: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true]);
    assert_eq!(world.said().await, "MEMORY_WRITE allowed PARTLY_DENIED 2");
    let before = world.length().await;
    let all = Create { user: user("ann"), items: vec![schedule()] };
    assert_eq!(refused(world.run(world.cx("ann"), all).await), "POLICY_DENIED");
    assert_eq!(world.said().await, "MEMORY_WRITE denied POLICY_DENIED 0");
    assert_eq!(world.length().await, before + 1);
    assert_eq!(world.list("ann").await.len(), 2);
}

#[tokio::test]
async fn a_denial_names_the_rule_in_the_chain() {
    let world = World::new();
    let policy =
        policy_with("p2", "when: {memory.kind: schedule}, then: {allow_write: false, allow_read: false}");
    world.activate(policy).await;
    let schedule = || item(Kind::Schedule, json!({"windows": [{"day": "monday"}]}));
    let rules =
        |entry: &Draft| entry.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect::<Vec<_>>();

    let all = Create { user: user("ann"), items: vec![schedule(), schedule()] };
    assert_eq!(refused(world.run(world.cx("ann"), all).await), "POLICY_DENIED");
    assert_eq!(rules(&world.last().await.0), ["more 2"]);
    let read = Read { kind: Kind::Schedule, purpose: Some(Purpose::Scheduling), ..read_of("ann") };
    assert_eq!(refused(world.run(world.cx("ann"), read).await), "POLICY_DENIED");
    assert_eq!(rules(&world.last().await.0), ["more 1"]);

    // In a batch, what is denied has an entry of its own.
    let batch = vec![(user("ann"), likes("tea")), (user("ann"), schedule())];
    let results = create_batch(&world.engine, &world.cx("ann"), batch).await;
    let [Ok(stored), Ok(denied)] = &results[..] else { panic!("{results:?}") };
    assert!(stored.result.is_ok() && denied.result.is_err());
    let (entry, _) = world.last().await;
    assert_eq!((entry.id, entry.decision, entry.memories.count()), (denied.access_log, Verdict::Denied, 0));
    assert_eq!(rules(&entry), ["more 1"]);
    assert_ne!(stored.access_log, denied.access_log);
}

#[tokio::test]
async fn nobody_writes_for_another() {
    let world = World::new();
    let create = Create { user: user("ann"), items: vec![likes("tea")] };
    assert_eq!(refused(world.run(world.cx("bob"), create.clone()).await), "POLICY_DENIED");
    assert_eq!(refused(world.run(world.nobody(), create).await), "POLICY_DENIED");
    assert!(world.list("ann").await.is_empty());
}

#[tokio::test]
async fn a_purpose_that_is_not_granted_is_denied_and_written_down() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    for purpose in Purpose::ALL.into_iter().map(Some).chain([None]) {
        let read = Read { purpose, ..read_of("ann") };
        let answer = world.run(world.cx("ann"), read).await;
        let granted = [Purpose::ContentGeneration, Purpose::Recommendation];
        if purpose.is_some_and(|purpose| granted.contains(&purpose)) {
            assert_eq!(liked(&answer.unwrap()), json!(["tea"]), "{purpose:?}");
            continue;
        }
        assert!(
            matches!(&answer, Err(Refusal::Denied { denied, .. }) if denied.purpose == purpose),
            "{purpose:?}"
        );
        let (entry, _) = world.last().await;
        assert_eq!((entry.purpose, entry.grant, entry.memories.count()), (purpose, None, 0));
        assert_eq!(world.said().await, "MEMORY_READ denied POLICY_DENIED 0");
    }
}

#[tokio::test]
async fn a_denial_shows_in_the_chain_and_nowhere_else() {
    let (world, twin) = (World::new(), World::new());
    for world in [&world, &twin] {
        world.create("ann", vec![likes("tea")]).await;
    }
    let denied = Read { purpose: None, ..read_of("ann") };
    assert_eq!(refused(world.run(world.cx("ann"), denied).await), "POLICY_DENIED");
    assert_eq!(world.length().await, twin.length().await + 1);
    let all = |world: &World| {
        let world = world.clone();
        async move { format!("{:?}", world.facts(Select::Expired { limit: 9 }).await) }
    };
    for world in [&world, &twin] {
        world.clock.advance_days(400);
    }
    assert_eq!(all(&world).await, all(&twin).await);
}

#[tokio::test]
async fn age_is_bounded_to_the_instant() {
    let world = World::new();
    world.create("ann", vec![likes("old")]).await;
    world.clock.advance_days(10);
    world.create("ann", vec![likes("new")]).await;
    let aged = |days| Read { max_age_days: Some(days), ..read_of("ann") };
    let seen = |days| {
        let world = world.clone();
        async move { liked(&world.run(world.cx("ann"), aged(days)).await.unwrap()) }
    };
    assert_eq!(seen(10).await, json!(["new", "old"]));
    assert_eq!(seen(9).await, json!(["new"]));
    world.clock.advance_micros(1);
    assert_eq!(seen(10).await, json!(["new"]));
}

#[tokio::test]
async fn no_domain_is_a_domain_of_its_own() {
    let world = World::new();
    let value = json!({"likes": ["jazz"]});
    let preference = Preference::new(Kind::Preferences, domain("music"), Source::UserSetting, value).unwrap();
    world.create("ann", vec![likes("tea"), NewPreference { preference, ttl_days: 1 }]).await;
    assert_eq!(liked(&world.read("ann").await.unwrap()), json!(["tea"]));
    let music = Read { domain: domain("music"), ..read_of("ann") };
    assert_eq!(liked(&world.run(world.cx("ann"), music).await.unwrap()), json!(["jazz"]));
    let other = Read { domain: domain("Music"), ..read_of("ann") };
    assert_eq!(liked(&world.run(world.cx("ann"), other).await.unwrap()), json!(null));
    assert_eq!(world.list("ann").await.len(), 2, "a listing without a domain is of all of them");
}

#[tokio::test]
async fn what_has_expired_is_gone_at_that_instant() {
    let world = World::new();
    let id = world.create("ann", vec![likes("tea")]).await[0];
    world.clock.advance_days(30);
    world.clock.advance_micros(-1);
    assert_eq!(world.list("ann").await, [id]);
    world.clock.advance_micros(1);
    assert!(world.list("ann").await.is_empty());
    let read = world.read("ann").await.unwrap();
    assert_eq!(read.output.summary.summary_text, "No memories found.");
    assert_eq!(refused(world.delete("ann", id).await), "hidden");
}

#[tokio::test]
async fn pages_are_exact() {
    let world = World::new();
    let ids = world.create("ann", (0..25).map(|n| likes(&format!("like {n}"))).collect()).await;
    world.create("bob", vec![likes("tea")]).await;
    for limit in [1, 4, 5, 24, 25, 26] {
        let (mut seen, mut after, mut pages): (Vec<MemoryId>, Option<(Timestamp, MemoryId)>, usize) =
            Default::default();
        loop {
            let page = world.run(world.cx("ann"), list_of("ann", limit, after)).await.unwrap().output;
            seen.extend(page.items.iter().map(|memory| memory.id));
            (after, pages) = (world.place(&world.cx("ann"), page.next).await, pages + 1);
            assert!(
                after.is_none_or(|(_, last)| seen.last() == Some(&last)),
                "a cursor names what was shown"
            );
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (ids.clone(), 25usize.div_ceil(limit)), "{limit} a page");
    }
    let denied = memoryscope_engine::op::list::List { purpose: None, ..list_of("ann", 5, None) };
    assert_eq!(refused(world.run(world.cx("ann"), denied).await), "POLICY_DENIED");
    assert_eq!(world.said().await, "MEMORY_LIST denied POLICY_DENIED 0");
}

#[tokio::test]
async fn what_is_deleted_is_erased_in_every_version() {
    let world = World::new();
    let ids = world.create("ann", vec![likes("tea"), likes("jazz")]).await;
    assert_eq!(world.delete("ann", ids[0]).await.unwrap().output, ids[0]);
    assert_eq!(world.said().await, "MEMORY_DELETE allowed - 1");
    assert_eq!(world.list("ann").await, [ids[1]]);
    let stored = world.facts(Select::Memories(vec![ids[0]])).await.memories.remove(0);
    assert_eq!((stored.state, stored.version, stored.scope.id.as_str()), (State::Tombstoned, 2, ""));
    let versions = world.store.versions(&stored.tenant, ids[0]);
    assert_eq!(versions.len(), 1);
    assert!(matches!(versions[0].0.body, Body::Erased { .. }) && versions[0].0.scope.id.is_empty());
    assert_eq!((versions[0].1.0, versions[0].2.0), (1, 2));

    assert_eq!(world.delete("ann", ids[0]).await.unwrap().output, ids[0], "once more does no harm");
    assert_eq!(world.said().await, "MEMORY_DELETE allowed ALREADY_DELETED 1");
    assert_eq!(world.store.versions(&stored.tenant, ids[0]).len(), 1);
}

#[tokio::test]
async fn what_is_not_ones_own_is_hidden_as_if_it_were_not_there() {
    let world = World::new();
    let ids = world.create("ann", vec![likes("tea"), likes("jazz")]).await;
    world.delete("ann", ids[1]).await.unwrap();
    let unknown = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
    for (who, id) in [("bob", ids[0]), ("bob", ids[1]), ("bob", unknown), ("ann", unknown)] {
        assert_eq!(refused(world.delete(who, id).await), "hidden");
        let (entry, private) = world.last().await;
        assert_eq!(world.said().await, "MEMORY_DELETE not_found NOT_FOUND 0");
        assert!(entry.rules.is_empty(), "nothing of it shows in the chain");
        assert_eq!(private["request"]["memory_id"], json!(id.prefixed()));
        assert_eq!(private["user_id"], json!(who));
    }
    assert_eq!(
        refused(world.run(world.nobody(), memoryscope_engine::op::delete::Delete { id: ids[0] }).await),
        "hidden"
    );
    assert_eq!(world.list("ann").await, [ids[0]]);
}

#[tokio::test]
async fn the_policy_may_keep_a_memory_from_being_deleted() {
    let world = World::new();
    let id = world.create("ann", vec![likes("tea")]).await[0];
    world
        .activate(policy_with("p2", "when: {request.operation: memory.delete}, then: {allow_write: false}"))
        .await;
    assert_eq!(refused(world.delete("ann", id).await), "POLICY_DENIED");
    assert_eq!(refused(world.delete("bob", id).await), "hidden", "not denied: that would tell bob of it");
    assert_eq!(world.list("ann").await, [id]);
}

#[tokio::test]
async fn redactions_are_made_before_anything_is_seen() {
    let world = World::new();
    world.create("ann", vec![item(Kind::Preferences, json!({"likes": ["tea"], "secret": "x"}))]).await;
    let policy = policy_with("p2", "when: {memory.type: preference}, then: {redact: [value.secret]}");
    world.activate(policy).await;
    let listed = world.run(world.cx("ann"), list_of("ann", 9, None)).await.unwrap().output.items;
    let shown = listed[0].preference().unwrap();
    let stored = world.facts(Select::Memories(vec![listed[0].id])).await.memories.remove(0);
    assert_ne!(shown.value(), stored.preference().unwrap().value(), "{:?}", shown.value());
    let expected = merge(Kind::Preferences, [(listed[0].created, listed[0].id, shown)]);
    assert_eq!(world.read("ann").await.unwrap().output.summary, expected);
}
