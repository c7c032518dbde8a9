//! Operations that go beyond what was decided: nothing of it is written, and it is called a bug.

use memoryscope_domain::change::Change;
use memoryscope_domain::feedback::opinion_id;
use memoryscope_domain::govern::{Authority, Facts, Proposed, Visible};
use memoryscope_domain::ids::{GrantId, IdSource, MemoryId};
use memoryscope_domain::memory::{Body, Memory, State, SubjectRef};
use memoryscope_domain::policy::{Effect, Policy};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::scope::Scope;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::{Info, Mint, Operation, Plan, create, list};
use memoryscope_engine::port::Select;
use memoryscope_engine::refusal::Refusal;

use super::support::{World, likes, list_of, read_of, refused, user};

type Planned = dyn Fn(&Context, &Visible<Facts>) -> Vec<Change> + Send + Sync;

/// By a right, loads something, proposes a memory of Ann's if it likes, and plans whatever it is told to.
struct Rogue {
    authority: Authority,
    select: Select,
    proposes: bool,
    plan: Box<Planned>,
}

impl Operation for Rogue {
    type Output = ();

    fn info(&self) -> &'static Info {
        if self.proposes { &create::INFO } else { &list::INFO }
    }

    fn authority(&self) -> Authority {
        self.authority
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Recommendation)
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select.clone()
    }

    fn propose(&self, cx: &Context, ids: &mut IdSource) -> Vec<Memory> {
        let id = MemoryId::from_uuid(ids.next_uuid());
        let body = Body::Preference(likes("tea").preference);
        let scope = Scope::of_user(&user("ann"));
        let memory = Memory::new(id, cx.principal.tenant.clone(), scope, body, cx.now, None);
        if self.proposes { vec![memory] } else { Vec::new() }
    }

    fn plan(&self, cx: &Context, seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<()>, Refusal> {
        Ok(Plan { changes: (self.plan)(cx, seen), ..Plan::answer(()) })
    }
}

fn first(seen: &Visible<Facts>) -> Memory {
    Memory::clone(&seen.memories()[0])
}

fn proposal(seen: &Visible<Facts>) -> Memory {
    seen.proposals().next().and_then(Result::ok).expect("a proposal").clone()
}

const READ: Authority = Authority::Policy(Effect::Read);
const WRITE: Authority = Authority::Policy(Effect::Write);

/// Runs it as Ann, who has one memory; says how it was refused. Nothing may have been written.
async fn check(
    authority: Authority,
    proposes: bool,
    plan: impl Fn(&Context, &Visible<Facts>) -> Vec<Change> + Send + Sync + 'static,
) -> String {
    let world = World::new();
    let memory = world.create("ann", vec![likes("tea")]).await[0];
    let select = match authority {
        READ => list_of("ann", 9, None).select(&world.cx("ann")),
        Authority::Continue => {
            let token_hash = world.token("ann").await.hash();
            let bounds = memoryscope_engine::port::GrantMemories { max_age_days: None, limit: 9 };
            Select::Grant { token_hash, memories: Some(bounds) }
        }
        Authority::GiveFeedback => {
            let query = super::objects::query_in(Scope::of_user(&user("ann")), Purpose::ChatResponse);
            let entry = world.run(world.core("ann"), query).await.unwrap().access_log;
            Select::Logged { entry, ids: vec![memory] }
        }
        _ => Select::Memories(vec![memory]),
    };
    let length = world.length().await;
    let mut cx = world.cx("ann");
    cx.principal.roles = Role::ALL.into();
    let rogue = Rogue { authority, select, proposes, plan: Box::new(plan) };
    let said = refused(world.run(cx, rogue).await);
    if said != "answered" {
        assert_eq!(world.length().await, length, "nothing was written");
        assert_eq!(world.list("ann").await, [memory]);
    }
    said
}

const BEYOND: &str = "bug: the plan went beyond the decision: it changes what was not decided";

#[tokio::test]
async fn each_right_covers_its_own_changes() {
    let erase = |_: &Context, seen: &Visible<Facts>| vec![Change::EraseMemory(first(seen).tombstone())];
    assert_eq!(check(Authority::Owner, false, erase).await, "answered");
    for authority in [READ, WRITE, Authority::Continue, Authority::Roles(&[Role::Admin])] {
        assert_eq!(check(authority, false, erase).await, BEYOND, "{authority:?}");
    }
    let insert = |_: &Context, seen: &Visible<Facts>| vec![Change::InsertMemory(proposal(seen))];
    assert_eq!(check(WRITE, true, insert).await, "answered");
    for authority in [READ, Authority::Owner, Authority::Continue, Authority::Roles(&[Role::Admin])] {
        assert_eq!(check(authority, true, insert).await, BEYOND, "{authority:?}");
    }
    let activate = |_: &Context, _: &Visible<Facts>| {
        vec![Change::ActivatePolicy { hash: Policy::builtin().hash().to_string() }]
    };
    for authority in [READ, WRITE, Authority::Owner, Authority::Roles(&[Role::Admin])] {
        assert_eq!(check(authority, false, activate).await, BEYOND, "{authority:?}");
    }
}

#[tokio::test]
async fn what_is_written_is_what_was_decided() {
    for change in [
        |memory: &mut Memory| memory.body = Body::Preference(likes("jazz").preference),
        |memory: &mut Memory| memory.state = State::Sealed,
        |memory: &mut Memory| memory.id = MemoryId::from_uuid(uuid::Uuid::from_u128(7)),
    ] {
        let insert = move |_: &Context, seen: &Visible<Facts>| {
            let mut memory = proposal(seen);
            change(&mut memory);
            vec![Change::InsertMemory(memory)]
        };
        assert_eq!(check(WRITE, true, insert).await, BEYOND);
    }
    let keeps_its_body = |_: &Context, seen: &Visible<Facts>| {
        let (was, erased) = (first(seen), first(seen).tombstone());
        vec![Change::EraseMemory(Memory { body: was.body, ..erased })]
    };
    assert_eq!(check(Authority::Owner, false, keeps_its_body).await, BEYOND);
}

/// Proposes an event, and stores what it likes of it and of what follows from it.
struct Deriving(Choice);

/// What is stored of an event and of what follows from it.
type Choice = fn(Memory, Vec<Memory>) -> Vec<Memory>;

impl Operation for Deriving {
    type Output = ();

    fn info(&self) -> &'static Info {
        &memoryscope_engine::op::ingest::INFO
    }

    fn authority(&self) -> Authority {
        WRITE
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn propose(&self, cx: &Context, ids: &mut IdSource) -> Vec<Memory> {
        let made = super::objects::event("ann", "Please use bullet points in Lisbon.");
        let id = MemoryId::from_uuid(ids.next_uuid());
        vec![Memory::new(id, cx.principal.tenant.clone(), made.scope, made.body, cx.now, None)]
    }

    fn plan(&self, _cx: &Context, seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<()>, Refusal> {
        let Some(Proposed::Accepted { memory, derived, .. }) = seen.proposed().next() else {
            panic!("it is accepted")
        };
        assert_eq!(derived.len(), 2);
        let made = (self.0)(memory.clone(), derived.to_vec());
        Ok(Plan { changes: made.into_iter().map(Change::InsertMemory).collect(), ..Plan::answer(()) })
    }
}

#[tokio::test]
async fn no_child_comes_without_its_parent_or_is_another_than_was_derived() {
    let cases: [(Choice, &str); 6] = [
        (|event, _| vec![event], "answered"),
        (|event, mut children| vec![event, children.remove(1)], "answered"),
        (|event, children| children.into_iter().chain([event]).collect(), "answered"),
        (|_, children| children, BEYOND),
        (|event, mut children| vec![event, Memory { state: State::Sealed, ..children.remove(0) }], BEYOND),
        (|event, children| vec![Memory { state: State::Sealed, ..event }, children[0].clone()], BEYOND),
    ];
    for (at, (make, expected)) in cases.into_iter().enumerate() {
        let world = World::new();
        assert_eq!(refused(world.run(world.cx("ann"), Deriving(make)).await), expected, "{at}");
        assert_eq!(world.length().await, u64::from(expected == "answered"));
    }
}

#[tokio::test]
async fn nobody_is_given_anothers_grant() {
    for (whose, client, expected) in
        [("ann", "local", "answered"), ("bob", "local", BEYOND), ("ann", "x", BEYOND)]
    {
        let give = move |cx: &Context, _: &Visible<Facts>| {
            let read = read_of(whose);
            vec![Change::InsertGrant(memoryscope_domain::grant::ReadGrant {
                id: GrantId::from_uuid(uuid::Uuid::from_u128(7)),
                tenant: cx.principal.tenant.clone(),
                token_hash: memoryscope_domain::grant::Token::from_bytes([7; 32]).hash(),
                client: client.to_owned(),
                user: read.user,
                kind: read.kind,
                domain: None,
                purpose: Purpose::Recommendation,
                max_age_days: None,
                created: cx.now,
                expires: cx.now.plus_days(1),
                revoked: None,
                version: 1,
            })]
        };
        assert_eq!(check(READ, false, give).await, expected, "{whose} {client}");
    }
    let lengthen = |_: &Context, seen: &Visible<Facts>| {
        let held = seen.grant().expect("a grant");
        vec![Change::ReplaceGrant(memoryscope_domain::grant::ReadGrant {
            expires: held.expires.plus_days(1),
            version: held.version + 1,
            ..held.clone()
        })]
    };
    assert_eq!(check(Authority::Continue, false, lengthen).await, BEYOND);
}

#[tokio::test]
async fn nobody_says_anything_for_another_or_of_what_they_do_not_see() {
    let keep = |kind: RecordKind, whose: &'static str, version: u64| {
        move |cx: &Context, seen: &Visible<Facts>| {
            // A preference is no memory that anybody has opinions of.
            assert!(seen.memories().is_empty() && !seen.entries().is_empty());
            let memory = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
            vec![Change::KeepRecord(Box::new(Record {
                kind,
                id: opinion_id(memory, &cx.principal.client, cx.principal.user.as_ref()),
                group: memory.prefixed(),
                subject: Some(SubjectRef::of_user(&user(whose))),
                due: None,
                version,
                created: cx.now,
                document: "{}".to_owned(),
            }))]
        }
    };
    let cases = [
        (RecordKind::Feedback, "ann", 1, "answered"),
        (RecordKind::Feedback, "bob", 1, BEYOND),
        (RecordKind::Feedback, "ann", 2, BEYOND),
        (RecordKind::Opinion, "ann", 1, BEYOND),
        (RecordKind::Session, "ann", 1, BEYOND),
        (RecordKind::Job, "ann", 1, BEYOND),
    ];
    for (kind, whose, version, expected) in cases {
        let said = check(Authority::GiveFeedback, false, keep(kind, whose, version)).await;
        assert_eq!(said, expected, "{kind:?} {whose}");
    }
}
