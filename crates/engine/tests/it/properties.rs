//! Any interleaving of operations against a naive model; twins; the same bytes every time.

use std::collections::BTreeMap;

use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::preference::{Kind, merge};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::jobs;
use memoryscope_engine::op::create::{Create, NewPreference};
use memoryscope_engine::port::Select;
use proptest::prelude::*;
use serde_json::json;

use super::support::{World, item, list_of, read_of, refused, user};

const USERS: [&str; 2] = ["ann", "bob"];
const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

/// One step; numbers pick among what is there, modulo how much there is.
#[derive(Debug, Clone)]
enum Step {
    Create { user: usize, values: Vec<(u8, i64)> },
    Read { user: usize },
    Continue { token: usize },
    Revoke { token: usize },
    Delete { user: usize, memory: usize },
    Expire,
    Wait { hours: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let values = prop::collection::vec((0u8..6, 1i64..4), 1..4);
    let step = prop_oneof![
        3 => (0usize..2, values).prop_map(|(user, values)| Step::Create { user, values }),
        2 => (0usize..2).prop_map(|user| Step::Read { user }),
        2 => (0usize..9).prop_map(|token| Step::Continue { token }),
        1 => (0usize..9).prop_map(|token| Step::Revoke { token }),
        2 => (0usize..2, 0usize..9).prop_map(|(user, memory)| Step::Delete { user, memory }),
        1 => Just(Step::Expire),
        2 => (1i64..40).prop_map(|hours| Step::Wait { hours }),
    ];
    prop::collection::vec(step, 1..24)
}

fn new(value: u8, ttl_days: i64) -> NewPreference {
    NewPreference {
        ttl_days,
        ..item(Kind::Preferences, json!({"likes": [format!("{value}{value}{value}")]}))
    }
}

/// What should be so, as simply as it can be said.
#[derive(Default)]
struct Model {
    /// Whose, from when on gone, whether deleted.
    memories: BTreeMap<MemoryId, (usize, Timestamp, bool)>,
    /// Whose, until when, whether revoked.
    tokens: Vec<(Token, usize, Timestamp, bool)>,
}

impl Model {
    fn seen(&self, user: usize, now: Timestamp) -> Vec<MemoryId> {
        let live =
            |(whose, end, deleted): &(usize, Timestamp, bool)| *whose == user && now < *end && !deleted;
        self.memories.iter().filter(|(_, memory)| live(memory)).map(|(id, _)| *id).collect()
    }

    /// Does a step on the world, says what came out, and what should have.
    async fn step(&mut self, world: &World, step: Step) -> (String, String) {
        let now = world.nobody().now;
        let show = |ids: &[MemoryId]| format!("{ids:?}");
        match step {
            Step::Create { user: at, values } => {
                let items = values.iter().map(|(value, days)| new(*value, *days)).collect();
                let ids = world.create(USERS[at], items).await;
                for (id, (_, days)) in ids.iter().zip(&values) {
                    self.memories.insert(*id, (at, now.plus_days(*days), false));
                }
                (show(&ids[..values.len()]), show(&ids))
            }
            Step::Read { user: at } => {
                let done = world.read(USERS[at]).await.unwrap().output;
                self.tokens.push((done.token.unwrap(), at, now.plus_micros(24 * HOUR_MICROS), false));
                (show(world.last().await.0.memories.listed()), show(&self.seen(at, now)))
            }
            Step::Continue { token } if !self.tokens.is_empty() => {
                let (token, at, end, revoked) = &self.tokens[token % self.tokens.len()];
                let answer = refused(world.continued(token).await);
                let expected = if *revoked {
                    "Revoked"
                } else if *end <= now {
                    "Expired"
                } else {
                    "answered"
                };
                let seen = if expected == "answered" { self.seen(*at, now) } else { Vec::new() };
                let listed = world.last().await.0.memories;
                (answer + &show(listed.listed()), expected.to_owned() + &show(&seen))
            }
            Step::Revoke { token } if !self.tokens.is_empty() => {
                let at = token % self.tokens.len();
                let (token, _, _, revoked) = &mut self.tokens[at];
                let expected = if *revoked { "hidden" } else { "answered" };
                *revoked = true;
                (refused(world.revoke(token).await), expected.to_owned())
            }
            Step::Delete { user: at, memory } if !self.memories.is_empty() => {
                let at_most = self.memories.len();
                let (id, (whose, end, deleted)) = self.memories.iter_mut().nth(memory % at_most).unwrap();
                let may = *whose == at && now < *end;
                *deleted |= may;
                let answer = refused(world.delete(USERS[at], *id).await);
                (answer, if may { "answered" } else { "hidden" }.to_owned())
            }
            Step::Expire => {
                let erased = jobs::expire_all(&world.engine).await.unwrap();
                let due = self.memories.values_mut().filter(|(_, end, deleted)| *end <= now && !deleted);
                let due = due.map(|memory| memory.2 = true).count();
                (erased.to_string(), due.to_string())
            }
            Step::Wait { hours } => {
                world.clock.advance_micros(hours * HOUR_MICROS);
                Default::default()
            }
            _ => Default::default(),
        }
    }
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_interleaving_is_as_the_model_says(steps in steps()) {
        block(async {
            let (world, mut model) = (World::new(), Model::default());
            for step in steps {
                let said = format!("{step:?}");
                let (came_out, expected) = model.step(&world, step).await;
                prop_assert_eq!(came_out, expected, "{}", said);
                let now = world.nobody().now;
                for (at, name) in USERS.iter().enumerate() {
                    let mut listed = world.list(name).await;
                    listed.sort_unstable();
                    prop_assert_eq!(listed, model.seen(at, now), "{} after {}", name, said);
                }
            }
            let found = world.verification().await;
            prop_assert!(found.ok && found.entries == world.length().await, "{:?}", found.first_broken);
            Ok(())
        })?;
    }

    #[test]
    fn what_is_created_is_what_is_merged(values in prop::collection::vec((0u8..9, 1i64..3, 0i64..30), 1..12)) {
        block(async {
            let world = World::new();
            let mut made: Vec<(Timestamp, MemoryId, NewPreference)> = Vec::new();
            for (value, days, hours) in values {
                world.clock.advance_micros(hours * HOUR_MICROS + 1_000);
                let item = new(value, days);
                let id = world.create("ann", vec![item.clone()]).await[0];
                made.push((world.nobody().now, id, item));
            }
            let now = world.nobody().now;
            let live = made.iter().filter(|(created, _, item)| now < created.plus_days(item.ttl_days));
            let expected = merge(Kind::Preferences, live.map(|(at, id, item)| (*at, *id, &item.preference)));
            prop_assert_eq!(world.read("ann").await.unwrap().output.summary, expected);
            Ok(())
        })?;
    }

    #[test]
    fn twins_answer_alike(steps in steps(), others in prop::collection::vec((0u8..6, 1i64..4), 0..9)) {
        let answers = |stranger: Option<Vec<(u8, i64)>>| block(async {
            let world = World::new();
            // Both have the same requests; only what the other person stored differs.
            let items: Vec<NewPreference> = match stranger {
                Some(values) => values.iter().map(|(value, days)| new(value + 100, *days)).collect(),
                None => others.iter().map(|(value, days)| new(*value, *days)).collect(),
            };
            world.run(world.cx("zoe"), Create { user: user("zoe"), items }).await.unwrap();
            let (mut model, mut said) = (Model::default(), Vec::new());
            for step in steps.clone() {
                if !matches!(step, Step::Expire) {
                    model.step(&world, step).await;
                }
                let read = world.read("ann").await;
                said.push(format!("{read:?}"));
                let page = world.run(world.cx("ann"), list_of("ann", 2, None)).await;
                said.push(format!("{page:?}"));
                let unknown = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
                said.push(format!("{:?}", world.delete("ann", unknown).await));
            }
            said
        });
        let one = answers(None);
        prop_assert_eq!(&one, &answers(Some(Vec::new())), "the other stored nothing");
        prop_assert_eq!(&one, &answers(Some(vec![(1, 3), (2, 1), (1, 2)])), "the other stored something else");
    }

    #[test]
    fn the_same_script_leaves_the_same_bytes(steps in steps()) {
        let texts = || block(async {
            let (world, mut model) = (World::new(), Model::default());
            for step in steps.clone() {
                model.step(&world, step).await;
            }
            let text = |stored: &memoryscope_domain::govern::StoredEntry| {
                (stored.entry.text.clone(), stored.entry.hash, stored.private.clone().unwrap().as_str().to_owned())
            };
            world.chain().await.iter().map(text).collect::<Vec<_>>()
        });
        prop_assert_eq!(texts(), texts());
    }
}

#[test]
fn another_tenants_memories_change_no_answer() {
    let answers = |busy: bool| {
        block(async {
            let world = World::new();
            for n in 0..5 {
                let mut cx = world.cx("ann");
                if busy {
                    cx.principal.tenant = memoryscope_domain::ids::TenantId::parse("t_other").unwrap();
                    world.run(cx, Create { user: user("ann"), items: vec![new(n, 9)] }).await.unwrap();
                }
            }
            // The ids and secrets that were spent differ, as they do between any two requests.
            let fresh = World::on(world.store.clone());
            let mut said = Vec::new();
            for n in 0..3 {
                let item = NewPreference { ttl_days: 1, ..new(n, 1) };
                said.push(format!(
                    "{:?}",
                    fresh.run(fresh.cx("ann"), Create { user: user("ann"), items: vec![item] }).await
                ));
                said.push(format!("{:?}", fresh.run(fresh.cx("ann"), read_of("ann")).await));
                said.push(format!("{:?}", fresh.list("ann").await));
            }
            let chain: Vec<String> =
                fresh.chain().await.into_iter().map(|stored| stored.entry.text).collect();
            (said, chain)
        })
    };
    assert_eq!(answers(false), answers(true));
}

#[test]
fn erased_memories_say_nothing() {
    block(async {
        let world = World::new();
        let id = world.create("ann", vec![new(1, 1)]).await[0];
        world.clock.advance_days(1);
        jobs::expire_all(&world.engine).await.unwrap();
        let stored = world.facts(Select::Memories(vec![id])).await.memories.remove(0);
        assert!(stored.is_tombstone() && stored.preference().is_none());
        let versions = world.store.versions(&stored.tenant, id);
        assert!(versions.iter().all(|(memory, _, _)| Memory::preference(memory).is_none()));
    });
}
