use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::{Code, Draft, Hash32, MemoryRefs, PolicyRef, Private, Seq, Verdict};
use memoryscope_domain::change::{Change, ChangeSet, PolicyDocument};
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::NoMeter;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::common::packed::VectorCache;

/// A change set that keeps a policy of so many bytes.
fn set(number: u128, bytes: usize) -> Prepared {
    let tenant = TenantId::default_tenant();
    let document =
        PolicyDocument { version: "v".to_owned(), hash: number.to_string(), text: "x".repeat(bytes) };
    let entry = Draft {
        id: AuditId::from_uuid(Uuid::from_u128(number)),
        tenant: tenant.clone(),
        time: Timestamp::from_unix_micros(0),
        operation: Code::MEMORY_WRITE,
        actor: None,
        subject: None,
        purpose: None,
        scope_type: None,
        kind: None,
        decision: Verdict::Allowed,
        reason_code: None,
        rules: BTreeMap::new(),
        as_of: Seq::ZERO,
        policy: PolicyRef { version: "v".into(), hash: Hash32::ZERO },
        memories: MemoryRefs::none(),
        grant: None,
        private_digest: None,
        value_digest: None,
    };
    let private = Private::from_stored("{}".to_owned());
    let changes = vec![Change::KeepPolicy(document)];
    Prepared::new(ChangeSet { tenant, expects: Vec::new(), changes, entry, private }).unwrap()
}

fn writer() -> (Writer, Connection, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::File(dir.path().join("writer.db"));
    let mut conn = connection::open(&place, Use::Create).unwrap();
    super::super::migrate::run(&mut conn).unwrap();
    let forgetting = Forgetting { erasures: Arc::default(), vectors: VectorCache::none() };
    (Writer::start(place, forgetting, None, Arc::new(NoMeter)).unwrap(), conn, dir)
}

async fn run(writer: &Writer, run: fn(&Connection)) -> Result<(), StoreError> {
    writer.ask(|reply| Job::Run(run, reply)).await
}

fn policies(conn: &Connection) -> i64 {
    conn.query_row("SELECT count(*) FROM policies", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_panic_is_answered_and_the_writer_goes_on() {
    let (writer, conn, _dir) = writer();
    for number in 1..=3 {
        let half_written = |conn: &Connection| {
            conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO policies VALUES ('t_a', 'h', 'v', 'half')")
                .unwrap();
            panic!("asked to");
        };
        assert!(matches!(run(&writer, half_written).await, Err(StoreError::Corrupt(_))));
        assert_eq!(writer.commit(set(number, 1)).await.unwrap().seq.0, u64::try_from(number).unwrap());
        writer.probe().await.unwrap();
    }
    assert_eq!(policies(&conn), 3);
}

/// `max_page_count` makes SQLite say what it says when the disk is full.
#[tokio::test]
async fn a_full_disk_is_survived() {
    let (writer, conn, _dir) = writer();
    run(&writer, |conn| conn.pragma_update(None, "max_page_count", 100).unwrap()).await.unwrap();
    let mut stored = 0_u128;
    let why = loop {
        match writer.commit(set(stored + 1, 20_000)).await {
            Ok(_) => stored += 1,
            Err(why) => break why,
        }
    };
    assert!(matches!(&why, StoreError::Unavailable(why) if why.contains("full")), "{why}");
    assert!(stored > 3);

    // One that does not fit takes its batch with it, and nothing of the batch is written.
    let fits = writer.commit(set(1_000, 1));
    let does_not = writer.commit(set(1_001, 500_000));
    let (fits, does_not) = tokio::join!(fits, does_not);
    assert!(matches!(does_not, Err(StoreError::Unavailable(_))), "{does_not:?}");
    stored += u128::from(fits.is_ok());
    assert_eq!(u128::try_from(policies(&conn)).unwrap(), stored);

    // Room again: it goes on, without being opened anew.
    run(&writer, |conn| conn.pragma_update(None, "max_page_count", 1_000_000).unwrap()).await.unwrap();
    writer.probe().await.unwrap();
    let receipt = writer.commit(set(2_000, 20_000)).await.unwrap();
    assert_eq!(u128::from(receipt.seq.0), stored + 1);
    let rows: i64 = conn.query_row("SELECT count(*) FROM audit_events", [], |row| row.get(0)).unwrap();
    assert_eq!(u64::try_from(rows).unwrap(), receipt.seq.0);
}

/// A file that can no longer be written to.
#[tokio::test]
async fn a_read_only_file_is_unavailable_until_it_is_not() {
    let (writer, conn, _dir) = writer();
    writer.commit(set(1, 1)).await.unwrap();
    run(&writer, |conn| conn.pragma_update(None, "query_only", true).unwrap()).await.unwrap();
    let result = writer.commit(set(2, 1)).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    // The connection was given up, and the next one may write.
    assert_eq!(writer.commit(set(3, 1)).await.unwrap().seq.0, 2);
    assert_eq!(policies(&conn), 2);
}
