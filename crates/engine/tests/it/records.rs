//! Users and namespaces: who may look at them and change them, and what becomes of them.

use memoryscope_domain::ids::UserId;
use memoryscope_domain::items::namespace::{Settings, SettingsChange};
use memoryscope_domain::items::request::Reading;
use memoryscope_domain::items::user::{self, Profile, ProfileChange};
use memoryscope_domain::principal::{Principal, Role};
use memoryscope_domain::subject::Deed;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::namespace;
use memoryscope_engine::op::subject::Admit;
use memoryscope_engine::op::user::{Create, Delete, Get, List, OtherName, Update, Which};
use memoryscope_engine::subjects::carry_out;
use serde_json::{Value, json};

use super::support::{World, refused, tenant, user};

pub(crate) fn profile(name: &str) -> Profile {
    let body =
        json!({"external_id": name, "email": format!("{name}@example.org"), "metadata": {"since": 2026}});
    Profile::read(&body, &Reading::default()).expect("a profile").value
}

pub(crate) fn id_of(name: &str) -> String {
    user::id_of(&UserId::parse(name).expect("a name"))
}

pub(crate) fn settings(name: &str) -> Settings {
    let body = json!({"name": name, "default_policy": {"risk": "sensitive"}});
    Settings::read(&body, &Reading::default()).expect("settings").value
}

fn change(body: &Value) -> ProfileChange {
    ProfileChange::read(body, &Reading::default()).expect("a change").value
}

/// The developer, with a role.
fn developer(world: &World, role: Role) -> Context {
    let principal = Principal { roles: [role].into(), ..Principal::local(tenant()) };
    Context { principal, ..world.nobody() }
}

fn all(which: Which) -> List {
    List { which, after: None, limit: 9 }
}

#[tokio::test]
async fn a_user_is_told_of_once_and_looked_at_by_who_manages_them() {
    let world = World::new();
    let told = world.run(world.nobody(), Create { profile: profile("ann") }).await.expect("told").output;
    assert!(told.is_new);
    world.clock.advance_micros(7);
    let other = Profile { email: None, ..profile("ann") };
    let again = world.run(world.nobody(), Create { profile: other }).await.expect("told").output;
    assert_eq!((again.user, again.is_new), (told.user.clone(), false), "who is known stays as they are");
    world.run(world.nobody(), Create { profile: profile("bob") }).await.expect("told");
    let names = async |cx: Context, which: Which| {
        let listed = world.run(cx, all(which)).await.expect("a list").output;
        let names: Vec<String> =
            listed.users.iter().map(|user| user.profile.external_id.as_str().to_owned()).collect();
        (listed.total, names.join(" "))
    };
    let both = names(world.nobody(), Which::default()).await;
    assert!(both == (2, "ann bob".to_owned()) || both == (2, "bob ann".to_owned()), "{both:?}");
    let ann = Which { external_id: Some(user("ann")), email: None };
    let mail = |mail: &str| Which { external_id: None, email: Some(mail.to_owned()) };
    assert_eq!(names(world.nobody(), ann.clone()).await, (1, "ann".to_owned()));
    assert_eq!(names(world.nobody(), mail("ANN@example.org")).await, (1, "ann".to_owned()));
    assert_eq!(names(world.nobody(), mail("eve@example.org")).await, (0, String::new()));
    let neither = Which { email: mail("bob@example.org").email, ..ann };
    assert_eq!(names(world.nobody(), neither).await, (0, String::new()));
    // Who acts for a person is shown that person, and is told of nobody else.
    assert_eq!(names(world.cx("bob"), Which::default()).await, (1, "bob".to_owned()));
    assert_eq!(names(world.cx("bob"), mail("ann@example.org")).await, (0, String::new()));
    assert_eq!(names(world.cx("eve"), Which::default()).await, (0, String::new()));
    let seen = async |cx: Context| {
        world.run(cx, Get { ids: vec![id_of("ann")] }).await.expect("a look").output.len() == 1
    };
    assert!(seen(world.nobody()).await && seen(world.cx("ann")).await && !seen(world.cx("bob")).await);
    assert!(seen(developer(&world, Role::Reader)).await);
    let update = Update { id: id_of("ann"), change: change(&json!({"email": null})) };
    assert_eq!(refused(world.run(world.cx("ann"), update.clone()).await), "ROLE_DENIED");
    assert_eq!(refused(world.run(developer(&world, Role::Reader), update.clone()).await), "ROLE_DENIED");
    assert_eq!(refused(world.run(world.cx("eve"), Delete { id: id_of("ann") }).await), "ROLE_DENIED");
    let next =
        world.run(world.nobody(), update).await.expect("changed").output.expect("a user").expect("her name");
    assert_eq!((next.version, next.profile.email, next.profile.metadata), (2, None, profile("ann").metadata));
    assert_eq!(names(world.nobody(), mail("ann@example.org")).await, (0, String::new()), "listed anew");
    let renamed = Update { id: id_of("ann"), change: change(&json!({"external_id": "anna"})) };
    assert_eq!(world.run(world.nobody(), renamed).await.expect("an answer").output, Some(Err(OtherName)));
    let gone =
        async || world.run(world.nobody(), Delete { id: id_of("ann") }).await.expect("an answer").output;
    assert_eq!((gone().await, gone().await), (Some(()), None));
    assert!(world.verification().await.ok);
}

/// However many at once: one is the first, and all are told of the same user.
#[tokio::test]
async fn users_who_are_told_of_at_once_are_one() {
    let world = World::new();
    let told = (0..8).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { world.run(world.nobody(), Create { profile: profile("ann") }).await })
    });
    let mut new = 0;
    for told in told.collect::<Vec<_>>() {
        let told = told.await.expect("no panic").expect("told").output;
        assert_eq!(told.user.version, 1);
        new += usize::from(told.is_new);
    }
    assert_eq!(new, 1);
}

/// Of somebody who is erased nothing is left of what was told of them, be it in records or beside audit entries.
#[tokio::test]
async fn an_erasure_takes_the_user_along() {
    let world = World::new();
    for name in ["ann", "bob"] {
        world.run(world.nobody(), Create { profile: profile(name) }).await.expect("told");
        world.run(world.nobody(), Get { ids: vec![id_of(name)] }).await.expect("a look");
        let update = Update { id: id_of(name), change: change(&json!({"type": "agent"})) };
        world.run(world.nobody(), update).await.expect("changed");
        let which = Which { external_id: Some(user(name)), email: None };
        world.run(world.nobody(), all(which)).await.expect("a list");
    }
    let erase = Admit { person: user("ann"), deed: Deed::Erase, reason: None };
    carry_out(&world.engine, &world.cx("ann"), &erase).await.expect("erased");
    let seen = async |name: &str| {
        world.run(world.nobody(), Get { ids: vec![id_of(name)] }).await.expect("a look").output.len() == 1
    };
    let kept = world.chain().await.into_iter().filter_map(|stored| stored.private);
    let kept: Vec<String> = kept.map(|private| private.as_str().to_owned()).collect();
    let names = |text: &str| kept.iter().filter(|private| private.contains(text)).count();
    assert_eq!((names("\"ann\""), names(&id_of("ann"))), (0, 0), "{kept:#?}");
    assert!(names("\"bob\"") >= 2 && names(&id_of("bob")) >= 3, "{kept:#?}");
    assert!(!seen("ann").await && seen("bob").await);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_namespace_is_everybodys_to_see_and_the_developers_to_change() {
    let world = World::new();
    let create = namespace::Create { settings: settings("acme") };
    assert_eq!(refused(world.run(world.cx("ann"), create.clone()).await), "ROLE_DENIED");
    let made = world.run(world.nobody(), create.clone()).await.expect("made").output;
    world.clock.advance_micros(1_000);
    let two = world.run(world.nobody(), create).await.expect("made").output;
    assert_ne!(made.id, two.id, "names are no ids");
    let listed =
        world.run(world.cx("ann"), namespace::List { after: None, limit: 1 }).await.expect("a list").output;
    assert_eq!((listed.total, listed.more, listed.namespaces), (2, true, vec![made.clone()]));
    let behind = namespace::List { after: Some(made.id.clone()), limit: 1 };
    let listed = world.run(world.cx("ann"), behind).await.expect("a list").output;
    assert_eq!((listed.more, listed.namespaces), (false, vec![two]));
    let update = namespace::Update { id: made.id.clone(), change: SettingsChange::closing() };
    assert_eq!(refused(world.run(world.cx("ann"), update.clone()).await), "ROLE_DENIED");
    let next = world.run(world.nobody(), update).await.expect("changed").output.expect("a namespace");
    assert_eq!((next.settings.is_active, next.version), (false, 2));
    let delete = namespace::Delete { id: made.id.clone() };
    assert_eq!(refused(world.run(world.cx("ann"), delete.clone()).await), "ROLE_DENIED");
    assert_eq!(world.run(world.nobody(), delete.clone()).await.expect("gone").output, Some(()));
    assert_eq!(world.run(world.nobody(), delete).await.expect("gone").output, None);
    let get = namespace::Get { ids: vec![made.id] };
    assert_eq!(world.run(world.nobody(), get).await.expect("a look").output, []);
}
