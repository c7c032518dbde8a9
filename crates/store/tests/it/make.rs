//! Small values for tests: a number says which one.

use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::{
    AuditKey, Code, Draft, Hash32, Head, KeyedDigest, MemoryRefs, PolicyRef, Private, Seq, Verdict,
};
use memoryscope_domain::bridge::{Bridge, Carries};
use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_domain::consent::{Consents, Purposes};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::graph::{self, Asserted, Extraction, Graph, Method, NodeAssertion, Schema};
use memoryscope_domain::ids::{
    AuditId, BridgeId, GrantId, MemoryId, NodeId, SchemaId, SpiralId, TenantId, UserId,
};
use memoryscope_domain::items::policy::merge;
use memoryscope_domain::items::request::ItemType;
use memoryscope_domain::items::{
    AccessList, AclId, Item, ItemMetadata, Layer, MemoryPolicy, RequestPolicy, Risk,
};
use memoryscope_domain::memory::{Body, Memory, SubjectRef};
use memoryscope_domain::object::{
    Affect, Category, Content, Derivation, Distinct, Feeling, Handling, Impact, Label, Language, List, Name,
    Object, Temporal, TransformStep, TruthMode, Unit,
};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::preference::{Domain, Kind, Preference, Source};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::spiral::{Finding, Pattern, ThoughtPatternArtifact};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{
    Around, BridgesTo, Load, ObjectSelect, PreferenceSelect, Receipt, Rights, Select, Snapshot, Store,
    StoreError, WantedRecords,
};
use serde_json::json;
use uuid::Uuid;

/// The time of every test's request.
pub(crate) const NOW: i64 = 1_000_000;

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros)
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(&format!("t_{name}")).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn memory_id(number: u128) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn domain(text: &str) -> Option<Domain> {
    Domain::parse(text).unwrap()
}

/// A live music preference of the user `ann`, created at 1,000 and its number.
pub(crate) fn memory(tenant: &TenantId, number: u128) -> Memory {
    memory_of(tenant, number, "ann", Kind::Preferences, "music", &format!("like {number}"))
}

pub(crate) fn memory_of(
    tenant: &TenantId,
    number: u128,
    owner: &str,
    kind: Kind,
    about: &str,
    text: &str,
) -> Memory {
    let value = json!({ "likes": [text] });
    let preference = Preference::new(kind, domain(about), Source::UserSetting, value).unwrap();
    let created = time(1_000 + i64::try_from(number).unwrap());
    let scope = Scope::of_user(&user(owner));
    Memory::new(memory_id(number), tenant.clone(), scope, Body::Preference(preference), created, None)
}

/// An event of `ann`'s that happened at that time and was stored at 1,000 and its number.
pub(crate) fn event(tenant: &TenantId, number: u128, occurred: i64) -> Memory {
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(time(occurred)));
    object.content = Content::text(Language::default(), &format!("event {number}")).ok();
    object_of(tenant, number, Body::Event(Box::new(object)))
}

/// The same, with words and sets by the bits of a number: two for the text, then a label, a category, another owner, and
/// whether it may be searched for.
pub(crate) fn looking(memory: Memory, look: u8) -> Memory {
    let mut made = memory;
    let Some(object) = made.body.object_mut() else { return made };
    let text = ["tea", "rain and tea", "Tea, tea; the rain in Lisbon", "nothing"][usize::from(look & 3)];
    object.content = Content::text(Language::default(), text).ok();
    if look & 4 > 0 {
        let feeling = Feeling {
            labels: Distinct::new(vec![label("grief"), label("joy")]).unwrap(),
            ..Feeling::default()
        };
        object.affect = Some(Affect { feeling, ..Affect::default() });
    }
    if look & 8 > 0 {
        object.sensitivity.categories = Distinct::new(vec![Category::parse("trauma").unwrap()]).unwrap();
    }
    if look & 16 > 0 {
        object.ownership.owners = Distinct::new(vec![user("bob"), user("ann")]).unwrap();
    }
    if look & 32 > 0 {
        object.sensitivity.handling = Handling::NoSearch;
    }
    made
}

/// The event of that number as an item that says that it knows some persons, and is shared with others; and that waits for its
/// extraction, or does not.
pub(crate) fn flagged(tenant: &TenantId, number: u128) -> Memory {
    let mut made = item(tenant, number, &["Ann"], &["bob"], false);
    if let Some(item) = made.body.object_mut().and_then(|object| object.item.as_deref_mut()) {
        let policy = MemoryPolicy { risk: Some(Risk::Flagged), ..MemoryPolicy::default() };
        item.policy.risk = merge(&[(Layer::Request, &policy)]).risk;
    }
    made
}

pub(crate) fn item(
    tenant: &TenantId,
    number: u128,
    persons: &[&str],
    shared: &[&str],
    waits: bool,
) -> Memory {
    let mut made = event(tenant, number, i64::try_from(number).unwrap());
    let acl = AccessList {
        read: shared.iter().map(|reader| AclId::parse(reader).unwrap()).collect(),
        ..AccessList::default()
    };
    let policy = MemoryPolicy { acl: Some(acl), ..MemoryPolicy::default() };
    let person = |called: &&str| NodeAssertion {
        node: person(called),
        node_type: graph::Name::parse("Person").unwrap(),
        called: (*called).to_owned(),
        properties: BTreeMap::from([(
            graph::Name::parse("name").unwrap(),
            Asserted::new(json!(called), Method::Extracted),
        )]),
        method: Method::Extracted,
    };
    let item = Item {
        item_type: ItemType::Text,
        owner: AclId::of_external_user(&user("ann")),
        metadata: ItemMetadata::default(),
        stated: RequestPolicy::default(),
        policy: merge(&[(Layer::Request, &policy)]),
        context: Vec::new(),
        organization_id: None,
        namespace_id: None,
        graph: Graph {
            asserted: Some(made.created),
            nodes: persons.iter().map(person).collect(),
            edges: Vec::new(),
        },
        extraction: waits.then(Extraction::queued),
        message: None,
        ext: serde_json::Map::new(),
    };
    if let Some(object) = made.body.object_mut() {
        object.item = Some(Box::new(item));
    }
    made
}

/// The node of a person.
pub(crate) fn person(called: &str) -> NodeId {
    NodeId::made_by(memory_id(0), "Person", called)
}

/// A schema of a version.
pub(crate) fn schema(tenant: &TenantId, number: u128, version: u64) -> StoredSchema {
    let body = json!({"name": format!("schema {number} zażółć"), "node_types": {"Task": {"name": "Task"}}});
    StoredSchema {
        id: SchemaId::from_uuid(Uuid::from_u128(number)),
        tenant: tenant.clone(),
        client: "client".to_owned(),
        user: Some(user("ann")),
        schema: Schema::read(&body, false).unwrap().value,
        created: time(1_000),
        updated: time(1_000 + i64::try_from(version).unwrap()),
        version,
    }
}

/// A record of a version, listed under `group`, whose it is by the number of a subject, and when it is due.
pub(crate) fn record(
    (kind, id, version): (RecordKind, &str, u64),
    group: &str,
    subject: Option<u8>,
    due: Option<i64>,
) -> Record {
    Record {
        kind,
        id: id.to_owned(),
        group: group.to_owned(),
        subject: subject.map(|subject| SubjectRef([subject; 16])),
        due: due.map(time),
        version,
        created: time(7),
        document: format!("{{\"says\":\"zażółć {id} {version}\"}}"),
    }
}

/// Keeps it.
pub(crate) fn keep_record(
    named: (RecordKind, &str, u64),
    group: &str,
    subject: Option<u8>,
    due: Option<i64>,
) -> Change {
    Change::KeepRecord(Box::new(record(named, group, subject, due)))
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// An impact of `ann`'s that was derived from memories of these numbers, and happened at its number.
pub(crate) fn child(tenant: &TenantId, number: u128, parents: &[u128], derivation: Derivation) -> Memory {
    let occurred = time(i64::try_from(number).unwrap());
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(occurred));
    let parents = parents.iter().copied().map(memory_id).collect();
    object.provenance.derived_from = Distinct::new(parents).unwrap();
    object.provenance.derivation = derivation;
    let name = |text| Name::parse(text).unwrap();
    let step = TransformStep { transform_id: name("builtin"), version: name("1") };
    object.provenance.transform_chain = List::new(vec![step]).unwrap();
    object_of(tenant, number, Body::Impact(Box::new(Impact { object, constraints: List::default() })))
}

fn object_of(tenant: &TenantId, number: u128, body: Body) -> Memory {
    let created = time(1_000 + i64::try_from(number).unwrap());
    Memory::new(memory_id(number), tenant.clone(), Scope::of_user(&user("ann")), body, created, None)
}

/// `ann`'s events, impacts and seeds, at most a thousand.
pub(crate) fn objects() -> ObjectSelect {
    ObjectSelect {
        partition: Scope::of_user(&user("ann")).partition(),
        among: Filter::Everything,
        wanted: Filter::Everything,
        since: None,
        until: None,
        after: None,
        scan: None,
        words: None,
        near: None,
        around: Around::nothing(),
        limit: 1_000,
    }
}

/// A grant for `ann`'s music preferences that lives until 2,000,000.
pub(crate) fn grant(tenant: &TenantId, number: u8) -> ReadGrant {
    ReadGrant {
        id: GrantId::from_uuid(Uuid::from_u128(u128::from(number))),
        tenant: tenant.clone(),
        token_hash: TokenHash([number; 32]),
        client: "client".to_owned(),
        user: user("ann"),
        kind: Kind::Preferences,
        domain: domain("music"),
        purpose: Purpose::ContentGeneration,
        max_age_days: None,
        created: time(1_000),
        expires: time(2_000_000),
        revoked: None,
        version: 1,
    }
}

/// The person whom every change set of a test is about, and their audit key.
fn keeper() -> (SubjectRef, AuditKey) {
    (SubjectRef::of_user(&user("keeper")), AuditKey::from_bytes([8; 32]))
}

fn private(number: u128) -> Private {
    let private = json!({ "note": format!("private {number}"), "user_id": "keeper" });
    Private::of(private.as_object().unwrap())
}

/// A change set with an audit entry of that number.
pub(crate) fn set(tenant: &TenantId, number: u128, changes: Vec<Change>) -> ChangeSet {
    ChangeSet {
        tenant: tenant.clone(),
        expects: Vec::new(),
        changes,
        entry: draft(tenant, number, Code::MEMORY_WRITE),
        private: private(number),
    }
}

pub(crate) fn draft(tenant: &TenantId, number: u128, operation: Code) -> Draft {
    Draft {
        id: AuditId::from_uuid(Uuid::from_u128(number)),
        tenant: tenant.clone(),
        time: time(NOW),
        operation,
        actor: None,
        subject: None,
        purpose: None,
        scope_type: None,
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::new(),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v1".into(), hash: Hash32::of(b"policy") },
        memories: MemoryRefs::none(),
        grant: None,
        private_digest: Some(keeper().1.private(&private(number))),
        value_digest: None,
    }
}

/// A tenant's first change set: with the key that the digests of its entries are under.
pub(crate) fn first(set: ChangeSet) -> ChangeSet {
    let (subject, key) = keeper();
    let mut first = set;
    first.changes.push(Change::InsertSubjectKey { subject, key });
    first
}

/// Commits a change set as it is. Nothing is asked before, so of several that are sent at once the first comes first.
pub(crate) async fn send(store: &dyn Store, set: ChangeSet) -> Result<Receipt, StoreError> {
    store.commit(Decided::without_policy(set)).await
}

/// Commits a change set, whether or not it is its tenant's first.
pub(crate) async fn commit(store: &dyn Store, set: ChangeSet) -> Result<Receipt, StoreError> {
    let load = Load { subject: keeper().0, ..load_of(&set.tenant, Select::Nothing) };
    if store.load(&load).await.is_ok_and(|snapshot| snapshot.subject_key.is_none()) {
        match send(store, first(set.clone())).await {
            Err(StoreError::Conflict("a subject's key")) => {}
            committed => return committed,
        }
    }
    send(store, set).await
}

pub(crate) async fn commit_all(store: &dyn Store, tenant: &TenantId, changes: Vec<Change>) {
    for (change, number) in changes.into_iter().zip(10_000..) {
        commit(store, set(tenant, number, vec![change])).await.unwrap();
    }
}

/// A scope's spiral until a time.
pub(crate) fn spiral(tenant: &TenantId, scope: u8, expires: i64) -> ThoughtPatternArtifact {
    ThoughtPatternArtifact {
        id: SpiralId::from_uuid(Uuid::from_u128(expires.unsigned_abs().into())),
        tenant: tenant.clone(),
        partition: Partition([scope; 16]),
        finding: Finding {
            pattern: Pattern::Rumination,
            confidence: Unit::clamped(0.75),
            signals: vec!["dwelling".to_owned(), "repetition".to_owned()],
            window_events: 3,
            window_minutes: 40,
            references: vec![memory_id(1), memory_id(2), memory_id(3)],
        },
        created: time(0),
        expires: time(expires),
    }
}

/// A bridge between two persons' scopes.
pub(crate) fn bridge(tenant: &TenantId, id: u8, source: &str, target: &str, expires: Option<i64>) -> Bridge {
    let scope = |id: &str| Scope { id: id.to_owned(), ..Scope::of_user(&user("nobody")) };
    Bridge {
        id: BridgeId::from_uuid(Uuid::from_u128(id.into())),
        tenant: tenant.clone(),
        source: scope(source),
        target: scope(target),
        purposes: [Purpose::ChatResponse].into(),
        carries: Carries { impacts: true, ..Carries::default() },
        created: time(0),
        expires: expires.map(time),
        removed: None,
    }
}

/// What a person says of purposes, in that version.
pub(crate) fn consent(tenant: &TenantId, subject: u8, version: u64, purposes: &[Purpose]) -> Change {
    let everywhere = Purposes::of(purposes.iter().copied());
    let unsaid = Consents::unsaid(tenant.clone(), SubjectRef([subject; 16]));
    Change::KeepConsent(Consents { version, everywhere, ..unsaid })
}

/// A digest that is told by its number.
pub(crate) fn digest(number: u8) -> KeyedDigest {
    KeyedDigest::from_hash(Hash32([number; 32]))
}

/// Keeps these.
pub(crate) fn suppress(digests: &[u8]) -> Change {
    Change::Suppress(digests.iter().map(|number| digest(*number)).collect())
}

pub(crate) fn load_of(tenant: &TenantId, select: Select) -> Load {
    Load {
        tenant: tenant.clone(),
        now: time(NOW),
        select,
        filter: Filter::Everything,
        subject: SubjectRef::TENANT,
        idempotency: None,
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    }
}

pub(crate) async fn load(store: &dyn Store, tenant: &TenantId, select: Select) -> Snapshot {
    store.load(&load_of(tenant, select)).await.unwrap()
}

pub(crate) async fn head(store: &dyn Store, tenant: &TenantId) -> Head {
    load(store, tenant, Select::Nothing).await.head
}

/// `ann`'s preferences about music, at most a thousand.
pub(crate) fn shelf() -> PreferenceSelect {
    PreferenceSelect {
        partition: Scope::of_user(&user("ann")).partition(),
        kind: Kind::Preferences,
        domain: Some(memoryscope_domain::memory::DomainKey::of(domain("music").as_ref())),
        created_from: None,
        after: None,
        scan: None,
        limit: 1_000,
    }
}

/// The numbers of the memories in a snapshot.
pub(crate) fn numbers(snapshot: &Snapshot) -> Vec<u128> {
    snapshot.facts.memories.iter().map(|memory| memory.id.uuid().as_u128()).collect()
}

/// Everything that an answer says, secrets and private texts included.
pub(crate) fn whole(snapshot: &Snapshot) -> String {
    let key = snapshot.subject_key.as_ref().map(|key| *key.expose());
    let private: Vec<_> =
        snapshot.facts.entries.iter().map(|e| e.private.as_ref().map(Private::as_str)).collect();
    let tenant_key = snapshot.facts.suppressed.key.as_ref().map(|key| *key.expose());
    format!("{snapshot:#?} {key:?} {tenant_key:?} {private:?}")
}

/// What a change is about: no operation changes one thing twice in one change set, so neither does this test.
pub(crate) fn about(change: &Change) -> String {
    match change {
        Change::InsertMemory(memory) | Change::ReplaceMemory(memory) | Change::EraseMemory(memory) => {
            format!("memory {}", memory.id)
        }
        Change::InsertGrant(grant) | Change::ReplaceGrant(grant) => format!("grant {}", grant.id),
        Change::InsertSubjectKey { subject, .. } => format!("subject {subject:?}"),
        Change::InsertIdempotency(record) => format!("key {:?}", record.key),
        Change::InsertSpiral(ThoughtPatternArtifact { partition, .. }) | Change::ForgetSpiral(partition) => {
            format!("spiral {partition:?}")
        }
        Change::InsertBridge(bridge) | Change::RemoveBridge(bridge) => format!("bridge {:?}", bridge.id),
        Change::KeepConsent(consents) => format!("consent {:?}", consents.subject),
        Change::InsertSchema(schema) | Change::ReplaceSchema(schema) => format!("schema {}", schema.id),
        Change::KeepRecord(record) => format!("record {:?} {}", record.kind, record.id),
        Change::ForgetRecord { kind, id } => format!("record {kind:?} {id}"),
        Change::InsertCheckpoint(_) => "checkpoint".to_owned(),
        other => format!("{other:?}"),
    }
}
