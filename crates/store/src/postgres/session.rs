//! One connection: statements that are prepared once, and several of them sent without waiting between them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::{Failure, LATE};
#[cfg(feature = "faults")]
use super::fault::Faults;
use super::value::Value;

/// Prepared statements kept per connection. There are fewer, unless policies have very many shapes.
const STATEMENTS_MAX: usize = 256;

/// One statement and its values.
pub(super) enum Call<'a> {
    /// Begins or ends a transaction.
    Plain(&'static str),
    /// Anything else.
    Prepared(Cow<'a, str>, Vec<Value<'a>>),
}

impl<'a> Call<'a> {
    /// A statement whose text is always the same.
    pub(super) fn new(sql: &'static str, values: Vec<Value<'a>>) -> Self {
        Self::Prepared(Cow::Borrowed(sql), values)
    }
}

/// A connection and what was prepared on it. Dropping it closes the connection.
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    statements: BTreeMap<String, Statement>,
    within: Duration,
    is_late: bool,
    #[cfg(feature = "faults")]
    pub(super) faults: Option<Faults>,
}

impl Session {
    /// A connection whose other half `driver` drives. Answers are waited for so long.
    pub(super) fn new(client: Client, driver: JoinHandle<()>, within: Duration) -> Self {
        Self {
            client,
            driver,
            statements: BTreeMap::new(),
            within,
            is_late: false,
            #[cfg(feature = "faults")]
            faults: None,
        }
    }

    /// From now on answers are waited for so long.
    pub(super) const fn wait_for_answers(&mut self, within: Duration) {
        self.within = within;
    }

    /// Whether it is known to be gone.
    pub(super) fn is_closed(&self) -> bool {
        self.is_late || self.client.is_closed()
    }

    /// Runs statements without values and without answers.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        match tokio::time::timeout(self.within, self.client.batch_execute(sql)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => self.late(),
        }
    }

    /// Runs one statement.
    pub(super) async fn query(&mut self, call: Call<'_>) -> Result<Vec<Row>, Failure> {
        let mut answers = self.pipeline(&[call]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Sends all statements at once and gives back what each answered. Of several failures the first is told: inside
    /// a transaction the others follow from it.
    pub(super) async fn pipeline(&mut self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        match tokio::time::timeout(self.within, self.send(calls)).await {
            Ok(answer) => answer,
            Err(_) => self.late(),
        }
    }

    /// Nobody knows what becomes of what was sent: the connection is of no more use.
    fn late<T>(&mut self) -> Result<T, Failure> {
        self.is_late = true;
        Err(LATE)
    }

    async fn send(&mut self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        self.prepare(calls).await?;
        #[cfg(feature = "faults")]
        if let Some((at, fault)) = self.faults.as_ref().and_then(|faults| faults.take(calls.len())) {
            return self.pipeline_with_fault(calls, at, fault).await;
        }
        self.run(calls).await
    }

    /// Calls whose statements are prepared.
    pub(super) async fn run(&self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        let answers = join_all(calls.iter().map(|call| self.one(call))).await;
        answers.into_iter().collect()
    }

    async fn one(&self, call: &Call<'_>) -> Result<Vec<Row>, Failure> {
        match call {
            Call::Plain(sql) => {
                self.client.batch_execute(sql).await?;
                Ok(Vec::new())
            }
            Call::Prepared(sql, values) => {
                let Some(statement) = self.statements.get(sql.as_ref()) else {
                    return Err(LATE);
                };
                let values: Vec<&(dyn ToSql + Sync)> =
                    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
                Ok(self.client.query(statement, &values).await?)
            }
        }
    }

    /// Prepares what is not yet, in one round trip.
    async fn prepare(&mut self, calls: &[Call<'_>]) -> Result<(), Failure> {
        if self.statements.len() + calls.len() > STATEMENTS_MAX {
            self.statements.clear();
        }
        let mut missing = BTreeSet::new();
        for call in calls {
            if let Call::Prepared(sql, _) = call
                && !self.statements.contains_key(sql.as_ref())
            {
                missing.insert(sql.as_ref());
            }
        }
        let prepared = join_all(missing.iter().map(|sql| self.client.prepare(sql))).await;
        for (sql, statement) in missing.into_iter().zip(prepared) {
            self.statements.insert(sql.to_owned(), statement?);
        }
        Ok(())
    }

    /// Cuts the connection, as a broken line would.
    #[cfg(feature = "faults")]
    pub(super) fn cut(&self) {
        self.driver.abort();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver ends by itself after saying goodbye; a connection that hangs is not waited for.
        if self.is_late || self.client.is_closed() {
            self.driver.abort();
        }
    }
}
