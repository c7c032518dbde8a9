//! Opening: new databases, old ones, others' ones, newer ones, and many at once.

use memoryscope_engine::port::{Store, StoreError};
use memoryscope_store::{PostgresConfig, PostgresStore};

use crate::cluster;
use crate::make::{commit, set, tenant};

async fn refusal(config: &PostgresConfig) -> String {
    match PostgresStore::open(config).await {
        Err(why @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_database_is_migrated_once() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.empty_database().await;
    let config = database.config();
    let status = PostgresStore::migration_status(&config).await.unwrap();
    assert!(status.iter().all(|step| step.applied.is_none()));
    assert!(refusal(&config.clone().migrate(false)).await.contains("memoryscope migrate"));
    assert_eq!(PostgresStore::migrate(&config).await.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert!(PostgresStore::migrate(&config).await.unwrap().is_empty());
    let status = PostgresStore::migration_status(&config).await.unwrap();
    let applied = status[0].applied.as_deref().unwrap();
    assert!(applied.len() == 20 && applied.ends_with('Z'), "{applied}");
    let store = PostgresStore::open(&config.migrate(false)).await.unwrap();
    commit(&store, set(&tenant("a"), 1, Vec::new())).await.unwrap();
    assert_eq!(store.probe().await.unwrap().schema, (12, 12));
}

#[tokio::test]
async fn newer_and_edited_schemas_are_refused() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let client = database.connect().await;
    let sql = "INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'later', '')";
    client.batch_execute(sql).await.unwrap();
    for migrate in [true, false] {
        let why = refusal(&database.config().migrate(migrate)).await;
        assert!(why.contains("99") && why.contains("newer"), "{why}");
    }
    let status = PostgresStore::migration_status(&database.config()).await.unwrap();
    assert_eq!(status.last().map(|step| (step.number, step.name.as_str())), Some((99, "later")));

    let edited =
        "DELETE FROM schema_migrations WHERE number = 99; UPDATE schema_migrations SET checksum = 'x'";
    client.batch_execute(edited).await.unwrap();
    assert!(refusal(&database.config()).await.contains("another content"));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.empty_database().await;
    let client = database.connect().await;
    client.batch_execute("CREATE TABLE policies (theirs int)").await.unwrap();
    let why = refusal(&database.config()).await;
    assert!(why.contains("42P07"), "{why}");
    let sql = "SELECT to_regclass('memories') IS NULL AND (SELECT count(*) FROM schema_migrations) = 0";
    let left: bool = client.query_one(sql, &[]).await.unwrap().get(0);
    assert!(left);
}

/// Twelve servers open one empty database at once, and each commits: one schema, one chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_an_empty_database_at_once() {
    let Some(cluster) = cluster::shared().await else { return };
    for _ in 0..4 {
        let database = cluster.empty_database().await;
        let servers = (1..=12).map(|number| {
            let config = database.config();
            tokio::spawn(async move {
                let store = PostgresStore::open(&config).await.unwrap();
                commit(&store, set(&tenant("a"), number, Vec::new())).await.unwrap().seq.0
            })
        });
        let servers: Vec<_> = servers.collect();
        let mut seqs = Vec::new();
        for server in servers {
            seqs.push(server.await.unwrap());
        }
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq(1..=12), "{seqs:?}");
    }
}

#[tokio::test]
async fn every_key_and_index_begins_with_the_tenant() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let client = database.connect().await;
    let sql = "SELECT i.indexrelid::regclass::text, a.attname FROM pg_index AS i
               JOIN pg_class AS t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
               JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
               WHERE t.relname NOT IN ('schema_lock', 'schema_migrations')";
    let rows = client.query(sql, &[]).await.unwrap();
    assert!(rows.len() >= 16, "{}", rows.len());
    for row in rows {
        assert_eq!(row.get::<_, &str>(1), "tenant", "{}", row.get::<_, &str>(0));
    }
    let sql = "SELECT count(*) FROM pg_class WHERE relkind = 'S'
               UNION ALL SELECT count(*) FROM pg_constraint WHERE contype = 'f'
               UNION ALL SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS t ON t.oid = a.attrelid
               WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND a.atttypid = 'text'::regtype
               AND a.attcollation <> '\"C\"'::regcollation";
    for row in client.query(sql, &[]).await.unwrap() {
        assert_eq!(
            row.get::<_, i64>(0),
            0,
            "no sequences, no foreign keys, no text that is not compared by bytes"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_unavailable() {
    let nowhere = PostgresConfig::url("postgres://u:s3cret@127.0.0.1:1/d").unwrap();
    let why = refusal(&nowhere).await;
    assert!(why.contains("refused") && !why.contains("s3cret"), "{why}");
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let wrong = database.url.replacen("test:", "test:s3cret", 1);
    let why = refusal(&PostgresConfig::url(&wrong).unwrap()).await;
    assert!(why.contains("28P01") && !why.contains("s3cret"), "{why}");
    let why = refusal(&PostgresConfig::url(&cluster.url("no_such")).unwrap()).await;
    assert!(why.contains("3D000"), "{why}");
    let plain = PostgresConfig::url(&format!("{}?sslmode=require", database.url)).unwrap();
    let why = refusal(&plain).await;
    assert!(why.contains("TLS"), "{why}");
}
