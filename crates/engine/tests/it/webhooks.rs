//! What clients' servers are told: when, how often, by whom, and what is left of it.

use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use memoryscope_domain::job::{JobState, JobType};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::limits;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::subject::Deed;
use memoryscope_domain::webhook::{SIGNATURE_HEADER, Webhook, signature};
use memoryscope_engine::context::{Context, Tells};
use memoryscope_engine::extract::{BuiltIn, Failure, extract_all};
use memoryscope_engine::jobs;
use memoryscope_engine::notify::{Message, Notifier, Told, Undelivered, tell_all};
use memoryscope_engine::op::batch::ingest_each;
use memoryscope_engine::op::deliver::{Take, Taken};
use memoryscope_engine::op::ingest::Ingest;
use memoryscope_engine::op::job::{Deliveries, Embeddings, Job, KeptDelivery, List, Look};
use memoryscope_engine::op::order::{Changed, Order, Wish};
use memoryscope_engine::op::told::{self, Keep, Status};
use memoryscope_engine::port::{Load, RecordPage, Select, Store as _, WantedRecords};
use serde_json::{Value, json};

use super::items::{acting, item};
use super::support::World;

/// Answers as a test says, then with 200, and remembers what it was given.
struct Scripted {
    answers: Mutex<Vec<Result<u16, Undelivered>>>,
    sent: Mutex<Vec<Message>>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    fn new(mut answers: Vec<Result<u16, Undelivered>>) -> Self {
        answers.reverse();
        Self { answers: Mutex::new(answers), sent: Mutex::new(Vec::new()) }
    }

    fn sent(&self) -> Vec<Message> {
        std::mem::take(&mut self.sent.lock().expect("no panic"))
    }
}

#[async_trait]
impl Notifier for Scripted {
    async fn send(&self, message: &Message) -> Result<u16, Undelivered> {
        self.sent.lock().expect("no panic").push(message.clone());
        tokio::task::yield_now().await;
        self.answers.lock().expect("no panic").pop().unwrap_or(Ok(200))
    }
}

fn hook(secret: Option<&str>) -> Webhook {
    let secret = secret.map(str::to_owned);
    Webhook { url: "https://example.org/hook?token=CANARY-token".to_owned(), secret }
}

impl World {
    /// Adds an item of Ann's, and has somebody told of it.
    async fn told_of(&self, whose: &str, hook: Webhook) -> String {
        let cx = Context { tells: Some(Tells::Memory(hook)), ..acting(self, Some(whose)) };
        let items = vec![item(whose, &json!({"content": "Dr. Ann Lee works at Blue Sky Ltd."}), cx.now)];
        let done = self.run(cx, Ingest { items }).await.expect("an item");
        done.output.into_iter().next().expect("one").expect("stored").id.prefixed()
    }

    async fn tell(&self, notifier: &Scripted, holder: &str) -> Told {
        tell_all(&self.engine, notifier, holder).await.expect("a round")
    }

    async fn extracted(&self) {
        extract_all(&self.engine, &BuiltIn).await.expect("done");
    }

    async fn deliveries(&self) -> Vec<KeptDelivery> {
        let op = Deliveries { state: None, after: None, limit: 99 };
        self.run(self.nobody(), op).await.expect("a list").output.0
    }

    async fn records(&self, kind: RecordKind) -> Vec<Record> {
        let page = RecordPage::Listed { kind, group: None, after: None, limit: 99, counted: false };
        let records = WantedRecords { named: Vec::new(), page: Some(page) };
        let cx = self.system();
        let load = Load {
            tenant: cx.principal.tenant.clone(),
            now: cx.now,
            select: Select::Nothing,
            filter: memoryscope_domain::policy::Filter::Everything,
            subject: memoryscope_domain::memory::SubjectRef::TENANT,
            idempotency: None,
            as_of: None,
            spirals: Vec::new(),
            bridges: memoryscope_engine::port::BridgesTo::default(),
            rights: memoryscope_engine::port::Rights::default(),
            records,
        };
        self.store.load(&load).await.expect("the store answers").facts.records.page
    }

    async fn jobs(&self, of: Option<JobType>, state: Option<JobState>) -> Vec<Job> {
        let op = List { of, state, after: None, limit: 99, embeddings: Embeddings::default() };
        self.run(self.nobody(), op).await.expect("a list").output.jobs
    }

    async fn order(&self, id: &str, wish: Wish) -> Changed {
        let op = Order { id: id.to_owned(), wish };
        jobs::order(&self.engine, &self.nobody(), &op).await.expect("an order").output
    }

    fn seconds(&self, seconds: i64) {
        self.clock.advance_micros(seconds * 1_000_000);
    }
}

fn body(message: &Message) -> Value {
    serde_json::from_str(&message.body).expect("JSON")
}

#[tokio::test]
async fn a_server_is_told_once_the_work_is_over_and_no_secret_is_left() {
    let world = World::new();
    let id = world.told_of("ann", hook(Some("CANARY-secret"))).await;
    let notifier = Scripted::new(Vec::new());
    assert_eq!(world.tell(&notifier, "a").await, Told::default());
    assert_eq!(notifier.sent(), []);
    world.extracted().await;
    // It was put off: it is looked at again a little later.
    world.seconds(1);
    assert_eq!(world.tell(&notifier, "a").await, Told { delivered: 1, failed: 0, more: false });
    let sent = notifier.sent();
    let [message] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(message.url, hook(None).url);
    let said = body(message);
    assert_eq!(said["event"], "memory.completed");
    assert_eq!(said["event_id"], json!(message.event_id));
    assert_eq!(said["memories"], json!([{"memory_id": id, "status": "completed"}]));
    assert!(!message.body.contains("Blue Sky"), "{}", message.body);
    let (name, signed) = message.signature.clone().expect("signed");
    assert_eq!(name, SIGNATURE_HEADER);
    // It says when it was signed, to the second.
    let now = world.nobody().now;
    assert_eq!(signed, signature("CANARY-secret", now, &message.body));
    let kept = world.deliveries().await;
    assert_eq!((kept.len(), kept[0].delivery.progress.state), (1, JobState::Completed));
    assert_eq!(kept[0].delivery.origin, "https://example.org");
    let told = format!("{:?}", world.store);
    assert!(!told.contains("CANARY"), "{told}");
    assert!(world.verification().await.ok);
    // Nobody is told again, and after a week nothing is known of it.
    world.seconds(limits::JOB_KEPT_DAYS * 86_400 - 1);
    assert_eq!(world.tell(&notifier, "a").await, Told::default());
    assert_eq!(world.deliveries().await.len(), 1);
    world.seconds(2);
    assert_eq!(world.tell(&notifier, "a").await, Told::default());
    assert_eq!((world.deliveries().await, notifier.sent()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_fails_is_tried_again_then_given_up_and_tried_again_by_who_says_so() {
    let world = World::new();
    world.told_of("ann", hook(None)).await;
    world.extracted().await;
    let away = Err(Undelivered { reason: "timeout", is_final: false });
    let notifier = Scripted::new((0..limits::JOB_ATTEMPTS_MAX).map(|_| away).collect());
    let mut before = 0;
    for attempt in 1..=limits::JOB_ATTEMPTS_MAX {
        assert_eq!(world.tell(&notifier, "a").await, Told { delivered: 0, failed: 1, more: false });
        let [message] = notifier.sent().try_into().expect("one");
        assert!(message.signature.is_none());
        let [job] = world.jobs(Some(JobType::Webhook), None).await.try_into().expect("one");
        assert_eq!((job.attempts, job.last_error.as_deref()), (attempt, Some("timeout")));
        if attempt == limits::JOB_ATTEMPTS_MAX {
            assert_eq!((job.state, job.next), (JobState::Failed, None));
            break;
        }
        assert_eq!(job.state, JobState::Retrying);
        let pause = job.next.expect("a time").micros_since(world.nobody().now);
        assert!(pause >= before, "{pause} {before}");
        before = pause - 1_000_000;
        // Not a moment earlier.
        assert_eq!(world.tell(&notifier, "a").await, Told::default());
        world.clock.advance_micros(pause);
    }
    world.seconds(86_400);
    assert_eq!(world.tell(&notifier, "a").await, Told::default());
    let id = world.deliveries().await[0].id.clone();
    assert!(matches!(world.order(&id, Wish::Cancel).await, Changed::NotSo(_)));
    assert!(matches!(world.order(&id, Wish::Retry).await, Changed::Done(job) if job.attempts == 0));
    assert_eq!(world.tell(&notifier, "a").await, Told { delivered: 1, failed: 0, more: false });
    assert!(matches!(world.order(&id, Wish::Retry).await, Changed::NotSo(_)));
}

#[tokio::test]
async fn an_answer_decides_what_becomes_of_it() {
    let check = async |answer: Result<u16, Undelivered>, state: JobState, error: Option<&str>| {
        let world = World::new();
        world.told_of("ann", hook(Some("CANARY-secret"))).await;
        world.extracted().await;
        world.tell(&Scripted::new(vec![answer]), "a").await;
        let [kept] = world.deliveries().await.try_into().expect("one");
        let progress = kept.delivery.progress;
        assert_eq!((progress.state, progress.last_error.as_deref()), (state, error), "{answer:?}");
        assert_eq!(kept.delivery.answer, answer.ok());
    };
    check(Ok(200), JobState::Completed, None).await;
    check(Ok(204), JobState::Completed, None).await;
    check(Ok(301), JobState::Retrying, Some("status_301")).await;
    check(Ok(410), JobState::Failed, Some("status_410")).await;
    check(Ok(500), JobState::Retrying, Some("status_500")).await;
    let refused = Undelivered { reason: "address_refused", is_final: true };
    check(Err(refused), JobState::Failed, Some("address_refused")).await;
}

#[tokio::test]
async fn one_server_tells_it_and_another_one_once_its_lease_is_over() {
    let world = World::new();
    world.told_of("ann", hook(None)).await;
    world.extracted().await;
    let notifier = Scripted::new(Vec::new());
    let (a, b) = tokio::join!(world.tell(&notifier, "a"), world.tell(&notifier, "b"));
    assert_eq!((a.delivered + b.delivered, notifier.sent().len()), (1, 1));
    // One that takes it and ends.
    world.told_of("ann", hook(None)).await;
    world.extracted().await;
    let found = world.records(RecordKind::Delivery).await;
    let found = found.into_iter().find(|record| record.group == "queued").expect("a second one");
    let id = found.id.clone();
    let take = Take { found, memories: Vec::new(), awaited: 0, holder: "a".to_owned() };
    let taken = world.run(world.system(), take).await.expect("taken").output;
    let Taken::Message(first) = taken else { panic!("{taken:?}") };
    assert_eq!(world.jobs(None, Some(JobState::Running)).await[0].id, id);
    assert_eq!(world.tell(&notifier, "b").await, Told::default());
    world.seconds(limits::JOB_LEASE_SECONDS);
    assert_eq!(world.tell(&notifier, "b").await, Told { delivered: 1, failed: 0, more: false });
    let [second] = notifier.sent().try_into().expect("one");
    assert_eq!(first.event_id, second.event_id);
}

#[tokio::test]
async fn what_is_erased_or_given_up_has_failed_and_what_is_ended_is_told_to_nobody() {
    let world = World::new();
    let notifier = Scripted::new(Vec::new());
    let id = world.told_of("ann", hook(None)).await;
    let id = memoryscope_domain::ids::MemoryId::parse(&id).expect("an id");
    world.changes(Some("ann"), id, Step::Erase).await.expect("erased");
    world.tell(&notifier, "a").await;
    assert_eq!(body(&notifier.sent()[0])["event"], "memory.failed");
    world.told_of("ann", hook(None)).await;
    let waiting = world.jobs(Some(JobType::Webhook), Some(JobState::Queued)).await;
    assert!(matches!(world.order(&waiting[0].id, Wish::Cancel).await, Changed::Done(_)));
    world.extracted().await;
    world.seconds(60);
    assert_eq!(world.tell(&notifier, "a").await, Told::default());
    let unknown = Look { id: "evt_0".to_owned(), embeddings: Embeddings::default() };
    assert!(world.run(world.nobody(), unknown).await.expect("an answer").output.is_none());
    assert_eq!(world.order("evt_0", Wish::Cancel).await, Changed::Unknown);
}

#[tokio::test]
async fn nothing_waits_for_ever() {
    let world = World::new();
    world.told_of("ann", hook(Some("s"))).await;
    let notifier = Scripted::new(Vec::new());
    let mut rounds = 0;
    while world.deliveries().await[0].delivery.progress.state == JobState::Queued {
        assert_eq!(world.tell(&notifier, "a").await.delivered, 0);
        world.seconds(600);
        rounds += 1;
    }
    assert_eq!(rounds, limits::DELIVERY_WAIT_HOURS * 6 + 1);
    let kept = world.deliveries().await;
    assert_eq!(kept[0].delivery.progress.last_error.as_deref(), Some("work_unfinished"));
}

#[tokio::test]
async fn a_batch_is_told_of_as_a_whole_and_a_person_leaves_it() {
    let world = World::new();
    let cx = acting(&world, None);
    let tells = Some(Tells::Part { batch: "batch_1".to_owned(), number: 0 });
    let cx = Context { tells, ..cx };
    let one = |whose: &str, text: &str| {
        let principal = acting(&world, Some(whose)).principal;
        (principal, item(whose, &json!({"content": text}), cx.now))
    };
    let items = vec![one("ann", "One."), one("bob", "Two."), one("ann", "Three.")];
    let stored = ingest_each(&world.engine, &cx, items).await;
    let ids: Vec<_> = stored.into_iter().map(|done| done.expect("run").result.expect("stored").id).collect();
    let keep = Keep { id: "batch_1".to_owned(), sent: 4, refused: 1, hook: Some(hook(None)) };
    let keeper = Context { tells: None, id_seed: world.nobody().id_seed, ..cx.clone() };
    world.run(keeper.clone(), keep.clone()).await.expect("kept");
    // Twice is once.
    world.run(Context { id_seed: world.nobody().id_seed, ..keeper }, keep).await.expect("kept");
    let look = || told::Look { id: "batch_1".to_owned() };
    let of_all = world.run(acting(&world, None), look()).await.expect("a look").output.expect("a batch");
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!((of_all.sent, of_all.refused, of_all.memories), (4, 1, sorted));
    // Who acts for a person did not send it.
    assert!(world.run(acting(&world, Some("ann")), look()).await.expect("a look").output.is_none());
    let status = Status { ids: ids.clone(), purpose: Purpose::ChatResponse };
    let work = world.run(acting(&world, Some("ann")), status).await.expect("a look").output;
    assert_eq!(work.keys().copied().collect::<Vec<_>>(), [ids[0], ids[2]]);
    world.extracted().await;
    world.carry_out(&world.cx("ann"), "ann", Deed::Erase).await.expect("an erasure");
    let notifier = Scripted::new(Vec::new());
    assert_eq!(world.tell(&notifier, "a").await.delivered, 1);
    let said = body(&notifier.sent()[0]);
    assert_eq!((&said["event"], &said["batch_id"]), (&json!("batch.completed"), &json!("batch_1")));
    assert_eq!(said["memories"], json!([{"memory_id": ids[1].prefixed(), "status": "completed"}]));
    let left = world.run(acting(&world, None), look()).await.expect("a look").output.expect("a batch");
    assert_eq!((left.sent, left.memories), (4, vec![ids[1]]));
    world.seconds(limits::BATCH_KEPT_DAYS * 86_400 + 1);
    world.tell(&notifier, "a").await;
    assert_eq!(world.records(RecordKind::Batch).await, []);
}

#[tokio::test]
async fn what_is_told_of_a_person_goes_with_them() {
    let world = World::new();
    world.told_of("ann", hook(Some("CANARY-secret"))).await;
    let bobs = world.told_of("bob", hook(None)).await;
    assert!(format!("{:?}", world.records(RecordKind::Delivery).await).contains("CANARY-secret"));
    world.carry_out(&world.cx("ann"), "ann", Deed::Erase).await.expect("an erasure");
    let left = world.deliveries().await;
    assert_eq!((left.len(), left[0].job().memory), (1, Some(bobs)));
    assert!(!format!("{:?}", world.records(RecordKind::Delivery).await).contains("CANARY-secret"));
}

#[tokio::test]
async fn what_makes_graphs_is_a_job_that_can_be_ended_and_tried_again() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Ann knows Bob."})).await;
    let name = format!("extraction_{}", id.uuid().simple());
    let [job] = world.jobs(None, None).await.try_into().expect("one");
    assert_eq!((job.id.as_str(), job.of, job.state), (name.as_str(), JobType::Extraction, JobState::Queued));
    assert_eq!(job.memory, Some(id.prefixed()));
    assert!(matches!(world.order(&name, Wish::Retry).await, Changed::NotSo(_)));
    assert!(
        matches!(world.order(&name, Wish::Cancel).await, Changed::Done(job) if job.state == JobState::Cancelled)
    );
    assert_eq!(world.jobs(None, None).await, []);
    world.extracted().await;
    let look = Look { id: name.clone(), embeddings: Embeddings::default() };
    let found = world.run(world.nobody(), look).await.expect("an answer").output;
    assert_eq!(found.expect("a job").state, JobState::Cancelled);
    assert!(
        matches!(world.order(&name, Wish::Retry).await, Changed::Done(job) if job.state == JobState::Queued)
    );
    world.extracted().await;
    assert_eq!(world.jobs(None, None).await, []);
    assert!(
        matches!(world.order(&name, Wish::Cancel).await, Changed::NotSo(job) if job.state == JobState::Completed)
    );
    for sweep in ["propagation", "embedding", "expiry"] {
        assert_eq!(world.order(sweep, Wish::Cancel).await, Changed::Unknown, "{sweep}");
    }
    assert!(Failure::of_text("x").counts());
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_each_once() {
    let world = World::new();
    for whose in ["ann", "bob", "cy"] {
        world.told_of(whose, hook(None)).await;
    }
    for limit in 1..=7 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let op = List { of: None, state: None, after, limit, embeddings: Embeddings::default() };
            let page = world.run(world.nobody(), op).await.expect("a page").output;
            assert!(page.jobs.len() <= limit);
            found.extend(page.jobs);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let types: Vec<JobType> = found.iter().map(|job| job.of).collect();
        assert_eq!(types, [[JobType::Webhook; 3], [JobType::Extraction; 3]].concat(), "{limit}");
        found.dedup_by(|a, b| a.id == b.id);
        assert_eq!(found.len(), 6, "{limit}");
    }
}
