//! Open Memory Objects: who may take what along, and what comes back.

use memoryscope_domain::change::IdempotencyKey;
use memoryscope_domain::fields::At;
use memoryscope_domain::govern::Hindered;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::items::AclId;
use memoryscope_domain::items::omo::{Imported, OmoObject};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::State;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::engine::Done;
use memoryscope_engine::op::batch::{ImportedObject, import_each};
use memoryscope_engine::op::omo::{Export, Import, NotImported};
use memoryscope_engine::op::step::MakeStep;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::items::{acting, revised};
use super::support::{World, policy_with, refused, user};

type Results = Vec<Result<MemoryId, NotImported>>;

/// What an object becomes in the scope of a person.
pub(crate) fn incoming(world: &World, whose: &str, object: &Value) -> (Scope, Imported) {
    let read = OmoObject::read(object).expect("an object").value;
    let (whose, now) = (user(whose), world.nobody().now);
    let scope = Scope { namespace: read.namespace.clone().unwrap_or_default(), ..Scope::of_user(&whose) };
    let owner = AclId::of_external_user(&whose);
    (scope, read.imported(owner, (None, None), &At::Root("body"), now).expect("it comes in").value)
}

/// An object of another server.
fn foreign(id: &str, content: &str) -> Value {
    json!({
        "id": id, "createdAt": "2020-01-02T03:04:05.000000Z", "type": "text", "content": content,
        "consent": "terms", "risk": "none",
    })
}

fn auditor(world: &World, name: &str) -> Context {
    let mut cx = acting(world, Some(name));
    cx.principal.roles.insert(Role::Auditor);
    cx
}

impl World {
    async fn exports_as(&self, cx: Context, ids: &[MemoryId], purpose: Purpose) -> Vec<Value> {
        let export = Export { ids: ids.to_vec(), purpose };
        let done = self.run(cx, export).await.expect("an export");
        done.output.iter().map(OmoObject::to_json).collect()
    }

    async fn exports(&self, name: Option<&str>, ids: &[MemoryId]) -> Vec<Value> {
        self.exports_as(acting(self, name), ids, Purpose::ChatResponse).await
    }

    /// All of somebody's, whatever its state.
    async fn exports_all(&self, name: &str, ids: &[MemoryId]) -> Vec<Value> {
        self.exports_as(auditor(self, name), ids, Purpose::ComplianceAudit).await
    }

    async fn imports_with(&self, cx: Context, whose: &str, objects: &[Value]) -> Results {
        let objects = objects.iter().map(|object| incoming(self, whose, object)).collect();
        self.run(cx, Import { objects }).await.expect("an import").output
    }

    async fn imports(&self, whose: &str, objects: &[Value]) -> Results {
        self.imports_with(acting(self, Some(whose)), whose, objects).await
    }

    async fn imports_one(&self, whose: &str, object: &Value) -> MemoryId {
        self.imports(whose, std::slice::from_ref(object)).await.remove(0).expect("it comes in")
    }

    async fn steps(&self, whose: &str, id: MemoryId, step: Step) {
        let done = self.run(acting(self, Some(whose)), MakeStep { id, step }).await.expect("a step");
        done.output.expect("it is done");
    }
}

fn known(id: MemoryId) -> Result<MemoryId, NotImported> {
    Err(NotImported::Hindered(Hindered::Known(id)))
}

fn erased() -> Result<MemoryId, NotImported> {
    Err(NotImported::Hindered(Hindered::Erased))
}

#[tokio::test]
async fn an_object_is_what_its_reader_may_read() {
    let world = World::new();
    let own = world.item("ann", json!({"content": "Ann likes tea.", "acl": {"read": ["bob"]}})).await;
    let flagged =
        world.item("ann", json!({"content": "x", "risk": "flagged", "acl": {"read": ["bob"]}})).await;
    let unconsented =
        world.item("ann", json!({"content": "y", "consent": "none", "acl": {"read": ["bob"]}})).await;
    let sealed = world.item("ann", json!({"content": "z"})).await;
    world.steps("ann", sealed, Step::Seal { reason: None }).await;
    let gone = world.item("ann", json!({"content": "g"})).await;
    world.steps("ann", gone, Step::Erase).await;
    let event = world.ingest("ann", super::objects::event("ann", "No item.")).await.id;
    let unknown = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
    let all = [unknown, own, sealed, flagged, gone, unconsented, event, own];
    let ids = |objects: &[Value]| objects.iter().map(|object| object["id"].clone()).collect::<Vec<_>>();
    let of = |ids: &[MemoryId]| ids.iter().map(|id| json!(id.prefixed())).collect::<Vec<_>>();
    assert_eq!(ids(&world.exports(Some("ann"), &all).await), of(&[own, flagged, unconsented]));
    assert_eq!(world.said().await, "OMO_EXPORT allowed - 3");
    assert_eq!(ids(&world.exports(Some("bob"), &all).await), of(&[own]));
    assert_eq!(ids(&world.exports(Some("eve"), &all).await), of(&[]));
    // What is published nowhere, and what others keep with it, is its owner's alone.
    let mut object = foreign("kept", "Kept.");
    object["acl"] = json!({"read": ["bob"]});
    object["ext"] = json!({"memoryscope:internal": {"sessionId": "s"}, "vendor:note": "n"});
    let kept = world.imports_one("ann", &object).await;
    let of_kept = async |name: Option<&str>| {
        let ext = world.exports(name, &[kept]).await.remove(0)["ext"].clone();
        [ext.get("memoryscope:internal").is_some(), ext.get("vendor:note").is_some()]
    };
    assert_eq!((of_kept(Some("ann")).await, of_kept(None).await), ([true; 2], [true; 2]));
    assert_eq!(of_kept(Some("bob")).await, [false; 2]);
    // The bare key acts as the developer: what waits for review is its owner's alone.
    assert_eq!(ids(&world.exports(None, &all).await), of(&[own, unconsented]));
    // What is sealed stays, whoever asks for whatever.
    let access = world.exports_as(acting(&world, Some("ann")), &[sealed], Purpose::SubjectAccess).await;
    assert_eq!((access, world.exports_all("ann", &[sealed]).await), (Vec::new(), Vec::new()));
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_policy_decides_what_leaves_and_what_comes() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Ann likes tea.", "metadata": {"topics": ["tea"]}})).await;
    world
        .activate(policy_with("r", "when: {request.operation: omo.export}, then: {redact: [item.metadata]}"))
        .await;
    let shown = world.exports(Some("ann"), &[id]).await.remove(0);
    assert_eq!(
        (shown.get("topics"), &shown["ext"]["memoryscope:redacted"]),
        (None, &json!(["item.metadata"]))
    );
    let closed =
        "when: {request.operation: [omo.export, omo.import]}, then: {allow_read: false, allow_write: false}";
    world.activate(policy_with("c", closed)).await;
    assert_eq!(world.exports(Some("ann"), &[id]).await, Vec::<Value>::new());
    let objects = vec![incoming(&world, "ann", &foreign("a", "It rained."))];
    let length = world.length().await;
    assert_eq!(refused(world.run(acting(&world, Some("ann")), Import { objects }).await), "POLICY_DENIED");
    assert_eq!(world.length().await, length + 1);
    // Nobody writes into another's scope.
    world.activate(policy_with("o", "when: {request.operation: other}, then: {allow_read: false}")).await;
    let objects = vec![incoming(&world, "ann", &foreign("a", "It rained."))];
    assert_eq!(refused(world.run(acting(&world, Some("bob")), Import { objects }).await), "POLICY_DENIED");
}

#[tokio::test]
async fn states_come_back_as_they_were() {
    let (world, other) = (World::new(), World::new());
    let restricted = world.item("ann", json!({"content": "r"})).await;
    world.steps("ann", restricted, Step::Seal { reason: None }).await;
    let mut admin = acting(&world, Some("ann"));
    admin.principal.roles.insert(Role::Admin);
    let release = MakeStep { id: restricted, step: Step::Release { reason: None } };
    world.run(admin, release).await.expect("a step").output.expect("released");
    let revoked = world.item("ann", json!({"content": "Please use bullet points."})).await;
    world.steps("ann", revoked, Step::Revoke { reason: None }).await;
    let ids = [restricted, revoked];
    let objects = world.exports_all("ann", &ids).await;
    let states: Vec<&Value> = objects.iter().map(|object| &object["ext"]["memoryscope:state"]).collect();
    assert_eq!(states, ["restricted", "revoked"]);
    assert_eq!(other.imports("ann", &objects).await, ids.map(Ok));
    assert_eq!(other.exports_all("ann", &ids).await, objects);
    assert_eq!(other.exports(Some("ann"), &ids).await, Vec::<Value>::new());
    assert_eq!(other.said().await, "OMO_EXPORT allowed - 0");
    // An object that says that it is active makes nothing active.
    let mut active = objects.clone();
    active.iter_mut().for_each(|object| object["ext"]["memoryscope:state"] = json!("active"));
    assert_eq!(other.imports("ann", &active).await, ids.map(known));
    assert_eq!(other.exports_all("ann", &ids).await, objects);
    // What is sealed elsewhere comes in sealed, and does not leave again.
    let mut sealed = foreign("s", "A secret.");
    sealed["ext"] = json!({"memoryscope:state": "sealed"});
    let sealed = other.imports_one("ann", &sealed).await;
    assert_eq!(other.current(sealed).await.state, State::Sealed);
    assert_eq!(other.exports_all("ann", &[sealed]).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_there_is_known_again_and_does_not_change() {
    let world = World::new();
    let object = foreign("elsewhere/1", "It rained.");
    let id = world.imports_one("ann", &object).await;
    assert_eq!(world.said().await, format!("OMO_IMPORT allowed - {}", world.last().await.0.memories.count()));
    let mut other = foreign("elsewhere/1", "It snowed.");
    other["risk"] = json!("sensitive");
    assert_eq!(
        world.imports("ann", &[other, object.clone(), foreign("2", "Two.")]).await[..2],
        [known(id), known(id)]
    );
    let shown = world.exports(Some("ann"), &[id]).await.remove(0);
    assert_eq!((&shown["content"], &shown["risk"]), (&json!("It rained."), &json!("none")));
    assert_eq!(shown["ext"]["memoryscope:origin_id"], json!("elsewhere/1"));
    // Within one import, too; and somebody else's is another one.
    let twice = world.imports("ann", &[foreign("3", "Three."), foreign("3", "Four.")]).await;
    assert_eq!(twice[1], known(*twice[0].as_ref().expect("it comes in")));
    assert_ne!(world.imports_one("bob", &object).await, id);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn an_id_is_kept_where_it_is_free() {
    let (world, other) = (World::new(), World::new());
    let id = world.item("ann", json!({"content": "Ann likes tea."})).await;
    let object = world.exports(Some("ann"), &[id]).await.remove(0);
    assert_eq!(other.imports_one("ann", &object).await, id);
    // Bob may not know of Ann's, and takes one that follows from it; always the same.
    let bobs = world.imports_one("bob", &object).await;
    assert_ne!(bobs, id);
    assert_eq!(world.imports("bob", std::slice::from_ref(&object)).await, [known(bobs)]);
    let shown = world.exports(Some("bob"), &[bobs]).await.remove(0);
    assert_eq!(shown["ext"]["memoryscope:origin_id"], object["id"]);
    assert_eq!(shown["ext"]["memoryscope:origin_owner"], json!("external_user:ann"));
    assert_eq!(shown["ext"]["memoryscope:owner"], json!("external_user:bob"));
    // Whom it is shared with knows it again.
    let shared = world.item("ann", json!({"content": "Ann likes rain.", "acl": {"read": ["bob"]}})).await;
    let object = world.exports(Some("bob"), &[shared]).await.remove(0);
    assert_eq!(world.imports("bob", &[object]).await, [known(shared)]);
    // What is no id of a memory's is not taken for one.
    let node = foreign("mem_019b76daa80080018a80bdd0f8d83629", "x");
    let minted = world.imports_one("ann", &node).await;
    assert_ne!(json!(minted.prefixed()), node["id"]);
    // An id that follows from one that is taken can be taken itself.
    let third = foreign(&minted.prefixed(), "Bob was first.");
    let of_bob = world.imports_one("bob", &third).await;
    assert!(of_bob != minted && world.current(minted).await.version == 1);
}

#[tokio::test]
async fn what_was_erased_does_not_come_back() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Ann likes tea."})).await;
    let object = world.exports(Some("ann"), &[id]).await.remove(0);
    let minted = world.imports_one("ann", &foreign("f", "It rained.")).await;
    world.steps("ann", id, Step::Erase).await;
    world.steps("ann", minted, Step::Erase).await;
    let mut reworded = object.clone();
    reworded["content"] = json!("Something else.");
    // By its id, whatever it says by now; by what it says, under whatever id.
    let words = foreign("g", "  it RAINED. ");
    let all = [object.clone(), reworded, foreign("f", "It snowed."), words, foreign("h", "New.")];
    let results = world.imports("ann", &all).await;
    assert_eq!(results[..4], [erased(), erased(), erased(), erased()]);
    assert!(results[4].is_ok());
    assert_eq!(world.exports(Some("ann"), &[id, minted]).await, Vec::<Value>::new());
    // Equal words of somebody else are theirs; the erased memory's id is nobody's.
    let bobs = world.imports("bob", &[foreign("g", "It rained."), object.clone()]).await;
    assert!(bobs[0].is_ok() && bobs[1] == erased(), "{bobs:?}");
    // All that is about a person.
    let later = world.imports_one("ann", &foreign("i", "Ann sings.")).await;
    world.erased("ann").await;
    assert_eq!(
        world.imports("ann", &[foreign("i", "x"), foreign("j", "Ann sings.")]).await,
        [erased(), erased()]
    );
    assert_eq!(world.current(later).await.state, State::Tombstoned);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_repeat_tells_what_was_made() {
    let world = World::new();
    let gone = world.imports_one("ann", &foreign("gone", "Gone.")).await;
    world.steps("ann", gone, Step::Erase).await;
    let there = world.imports_one("ann", &foreign("there", "There.")).await;
    let mut revoked = foreign("revoked", "Revoked.");
    revoked["ext"] = json!({"memoryscope:state": "revoked"});
    let objects = [
        foreign("new", "New."),
        foreign("there", "x"),
        revoked,
        foreign("gone", "x"),
        foreign("w", "gone."),
        foreign("new", "x"),
    ];
    let import = |world: &World| {
        let key = IdempotencyKey { client: "local".to_owned(), key: "k".to_owned() };
        let idempotency = Some(Idempotency { key, request_digest: [1; 32] });
        Context { idempotency, ..acting(world, Some("ann")) }
    };
    let first = world.imports_with(import(&world), "ann", &objects).await;
    assert!(first[0].is_ok() && first[2].is_ok(), "{first:?}");
    let expected = [known(there), erased(), erased(), known(*first[0].as_ref().unwrap())];
    assert_eq!([&first[1], &first[3], &first[4], &first[5]], expected.each_ref());
    let length = world.length().await;
    assert_eq!(world.imports_with(import(&world), "ann", &objects).await, first);
    assert_eq!(world.said().await.split(' ').nth(2), Some("IDEMPOTENT_REPEAT"));
    assert_eq!(world.length().await, length + 1);
    // Without a key nothing is made a second time either.
    assert!(world.imports("ann", &objects).await.iter().all(Result::is_err));
}

#[tokio::test]
async fn many_writers_come_in_one_after_the_other() {
    let world = World::new();
    let of = |whose: &str, object: &Value| {
        (acting(&world, Some(whose)).principal, incoming(&world, whose, object))
    };
    let (one, two) = (foreign("1", "One."), foreign("2", "Two."));
    let all = vec![of("ann", &one), of("bob", &one), of("ann", &two)];
    let cx = acting(&world, None);
    let results = import_each(&world.engine, &cx, all.clone()).await;
    let ids: Vec<MemoryId> =
        results.iter().map(|of| *of.as_ref().unwrap().result.as_ref().unwrap()).collect();
    assert!(ids[0] != ids[1]);
    assert_eq!(world.exports(Some("ann"), &ids).await.len(), 2);
    let again = import_each(&world.engine, &cx, all).await;
    let again: Results = again.into_iter().map(|of: Result<ImportedObject, _>| of.unwrap().result).collect();
    assert_eq!(again, ids.into_iter().map(known).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_follows_and_what_is_kept_follow_the_same_rules() {
    let (world, other) = (World::new(), World::new());
    let id = world
        .item("ann", json!({"content": "Please use bullet points.", "metadata": {"topics": ["a"]}}))
        .await;
    let object = world.exports(Some("ann"), &[id]).await.remove(0);
    other.imports_one("ann", &object).await;
    let family = memoryscope_engine::port::Select::Family { id, limit: 10 };
    let (one, two) = (world.facts(family.clone()).await, other.facts(family).await);
    let types = |facts: &memoryscope_domain::govern::Facts| {
        facts.family.descendants.iter().map(|child| child.body.memory_type()).collect::<Vec<_>>()
    };
    assert!(!types(&two).is_empty() && types(&one) == types(&two));
    let current = other.current(id).await;
    assert_eq!((current.created, current.placed), (world.current(id).await.created, Some(current.created)));
    // It is an item like any other.
    other.steps("ann", id, revised("Please use tables.")).await;
    let Done { output, .. } = other
        .run(acting(&other, Some("ann")), Export { ids: vec![id], purpose: Purpose::ChatResponse })
        .await
        .unwrap();
    assert_eq!(output[0].content, "Please use tables.");
}

fn request() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["tea", "Zürich", "2 + 2", "✈", "line\nline"]);
    let maybe = |values: Vec<Value>| prop::option::of(prop::sample::select(values));
    let graph = vec![
        json!({"mode": "auto", "node_constraints": [{"node_type": "Task", "create": "lookup"}]}),
        json!({"mode": "manual", "nodes": [{"id": "n", "type": "Task", "properties": {"a": 1.5}}],
            "relationships": [{"source": "$this", "target": "n", "type": "HAS"}]}),
        json!({"acl": {"write": ["eve"]}, "risk": "sensitive"}),
    ];
    let fields = vec![
        ("consent", maybe(["explicit", "implicit", "terms", "none"].map(Value::from).to_vec()).boxed()),
        ("risk", maybe(["none", "sensitive", "flagged"].map(Value::from).to_vec()).boxed()),
        ("type", maybe(["text", "code_snippet", "document"].map(Value::from).to_vec()).boxed()),
        ("acl", maybe(vec![json!({"read": ["bob"]}), json!({"read": ["organization:default"], "write": ["eve"]})]).boxed()),
        ("memory_policy", maybe(graph).boxed()),
        ("namespace_id", maybe(vec![json!("n")]).boxed()),
        ("context", maybe(vec![json!([{"role": "assistant", "content": "Where?"}])]).boxed()),
        ("metadata", maybe(vec![
            json!({"topics": ["a", "b"], "role": "user", "category": "fact", "sourceUrl": "https://example.org"}),
            json!({"consent": "terms", "risk": "sensitive", "acl": {"read": ["zoe"]}, "sessionId": "s", "colour": "red"}),
            json!({"customMetadata": {"n": 1, "f": 1.5, "b": true, "t": ["x"]}, "createdAt": "2021-01-01T00:00:00Z"}),
        ]).boxed()),
    ];
    let (names, values): (Vec<&str>, Vec<_>) = fields.into_iter().unzip();
    (word(), values).prop_map(move |(content, values)| {
        let mut request = json!({"content": content});
        for (name, value) in names.iter().zip(values) {
            request[*name] = value.unwrap_or_default();
        }
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_leaves_comes_back_the_same(requests in prop::collection::vec(request(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (world, other) = (World::new(), World::new());
            let mut ids = Vec::new();
            for request in &requests {
                world.clock.advance_micros(1_000_000);
                ids.push(world.item("ann", request.clone()).await);
            }
            other.clock.advance_micros(60_000_000_000);
            let objects = world.exports(Some("ann"), &ids).await;
            assert_eq!(objects.len(), ids.len());
            let results = other.imports("ann", &objects).await;
            assert_eq!(results, ids.iter().map(|id| Ok(*id)).collect::<Vec<_>>());
            let again = other.exports(Some("ann"), &ids).await;
            assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&objects).unwrap());
            for id in &ids {
                let (mut one, mut two) = (world.current(*id).await.item().unwrap().clone(), other.current(*id).await.item().unwrap().clone());
                (one.graph, two.graph) = Default::default();
                (one.extraction, two.extraction) = Default::default();
                assert_eq!(one, two);
            }
            assert_eq!(other.imports("ann", &objects).await, ids.iter().map(|id| known(*id)).collect::<Vec<_>>());
        });
    }
}
