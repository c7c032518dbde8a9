//! What `sslmode` lets through.

use memoryscope_engine::port::StoreError;
use memoryscope_store::{PostgresConfig, PostgresStore};

use crate::cluster::{self, Encrypted};
use crate::make::{commit, set, tenant};

#[tokio::test]
async fn certificates_are_looked_at_as_the_url_asks() {
    let Some(cluster) = cluster::private(Encrypted::Yes) else { return };
    let database = cluster.empty_database().await;
    let root = |name: &str| format!("sslrootcert={}", cluster.dir().join(name).display());
    let (ca, other) = (root("ca.pem"), root("other.pem"));
    let by_number = database.url.clone();
    let by_name = by_number.replacen("@127.0.0.1", "@localhost", 1);
    for (number, (url, options, encrypted)) in [
        (&by_number, "sslmode=disable".to_owned(), Some(false)),
        (&by_number, String::new(), Some(true)),
        (&by_number, "sslmode=require".to_owned(), Some(true)),
        (&by_number, format!("sslmode=require&{ca}"), Some(true)),
        (&by_number, format!("sslmode=require&{other}"), None),
        (&by_number, format!("sslmode=verify-ca&{ca}"), Some(true)),
        (&by_number, format!("sslmode=verify-ca&{other}"), None),
        (&by_number, format!("sslmode=verify-full&{ca}"), None),
        (&by_name, format!("sslmode=verify-full&{ca}"), Some(true)),
        (&by_name, format!("sslmode=verify-full&{other}"), None),
        (&by_name, "sslmode=verify-full".to_owned(), None),
    ]
    .into_iter()
    .enumerate()
    {
        let config = PostgresConfig::url(&format!("{url}?{options}")).unwrap();
        let opened = PostgresStore::open(&config).await;
        let Some(encrypted) = encrypted else {
            assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{options}: {opened:?}");
            continue;
        };
        let store = opened.unwrap();
        commit(&store, set(&tenant("a"), number as u128, Vec::new())).await.unwrap();
        let sql =
            "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE application_name = 'memoryscope'";
        let row = database.connect().await.query_one(sql, &[]).await.unwrap();
        let (all, ssl): (i64, i64) = (row.get(0), row.get(1));
        assert!(all > 0 && ssl == if encrypted { all } else { 0 }, "{options}: {ssl} of {all}");
        drop(store);
        // The connections of this store are gone before the next one's are counted.
        loop {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'memoryscope'";
            let left: i64 = database.connect().await.query_one(sql, &[]).await.unwrap().get(0);
            if left == 0 {
                break;
            }
        }
    }
}
