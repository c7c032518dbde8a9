//! Folders whose commands work on a database of their own, SQLite's or PostgreSQL's.

use std::path::Path;

use tempfile::TempDir;

use crate::cluster::{self, Cluster, Database, Encrypted};

/// A folder, and the database that every command in it uses. Both end with it.
pub(crate) struct Place {
    folder: TempDir,
    database: Option<Database>,
}

impl Place {
    /// On SQLite: a file in the folder.
    pub(crate) fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), database: None }
    }

    /// On PostgreSQL: an empty database of the cluster that tests share; none where there is no PostgreSQL.
    pub(crate) fn postgres() -> Option<Self> {
        let database = wait(async { Some(cluster::shared().await?.empty_database().await) })?;
        Some(Self::on(database))
    }

    /// On a PostgreSQL of its own, which can be stopped and started; none where there is no PostgreSQL.
    pub(crate) fn private_postgres(encrypted: Encrypted) -> Option<(Self, Cluster)> {
        let cluster = cluster::private(encrypted)?;
        Some((Self::on(wait(cluster.empty_database())), cluster))
    }

    fn on(database: Database) -> Self {
        let place = Self { database: Some(database), ..Self::sqlite() };
        std::fs::write(place.folder().join(".env"), format!("DATABASE_URL={}\n", place.url()))
            .expect("a file");
        place
    }

    /// Does something with such a place, where there is PostgreSQL.
    pub(crate) fn with_postgres(work: impl FnOnce(&Self)) {
        if let Some(place) = Self::postgres() {
            work(&place);
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its URL, as one would set it.
    pub(crate) fn url(&self) -> &str {
        self.database.as_ref().map_or("sqlite://memoryscope.db", |database| &database.url)
    }

    /// Runs SQL on PostgreSQL.
    pub(crate) fn sql(&self, statements: &str) {
        let database = self.database.as_ref().expect("PostgreSQL");
        wait(async { database.connect().await.batch_execute(statements).await.expect("the SQL is good") });
    }
}

/// Does something that waits, on this thread.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}
