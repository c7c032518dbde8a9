//! A database as one side of a copy. The source is locked against every writer; the target is marked.

use std::borrow::Cow;
use std::time::Duration;

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::StoreError;

use super::config::PostgresConfig;
use super::error::Failure;
use super::pool::{Connector, Use};
use super::session::{Call, Session};
use super::{load, migrate, value};
use crate::common::migration;
use crate::common::packed::VectorCache;
use crate::common::row::{self, corrupt};
use crate::common::walk::verification;
use crate::transfer::{End, Kind, PROGRESS_SQL, Row, TABLES, Table, Value};

/// What a copy's sessions are called.
const COPY: &str = "memoryscope copy";
/// How often other sessions are looked for before a database counts as in use: one that was closed just now may still
/// be seen.
const SESSIONS_TRIES: u32 = 40;
/// The pause before the next look.
const SESSIONS_PAUSE_MS: u64 = 50;

/// Sessions that may write to our tables: servers, other copies, and whoever has the same name.
const SESSIONS: &str = "
    SELECT pid, coalesce(application_name, '') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND (usename = current_user OR application_name LIKE 'memoryscope%') ORDER BY pid";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const COMMIT: &str = "COMMIT";

/// Every writer locks its tenant's row of this table first. The lock is taken before the snapshot.
const HOLD_STILL: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE audit_heads IN EXCLUSIVE MODE";

const RECORDED: &str = "SELECT tenant, seq, hash FROM transfer_progress";

const RECORD: &str = "
    INSERT INTO transfer_progress (tenant, seq, hash) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO NOTHING";

/// Whoever writes waits until the transaction ends.
const STOP_WRITERS: &str = "BEGIN; LOCK TABLE audit_heads IN EXCLUSIVE MODE";

const ENDS: &str = "SELECT tenant, seq, encode(hash, 'hex') FROM audit_heads ORDER BY tenant";

/// A database that a copy reads or writes.
pub(crate) struct Side {
    session: Session,
}

impl Side {
    /// For reading: nobody can write to it until this is dropped.
    pub(crate) async fn source(config: &PostgresConfig) -> Result<Self, StoreError> {
        let mut session = connect(config, COPY).await?;
        migrate::require_newest(&mut session).await?;
        require_unused(&mut session).await?;
        session.batch(HOLD_STILL).await?;
        Ok(Self { session })
    }

    /// For writing: a database with nothing in it, or with a part of a copy.
    pub(crate) async fn target(config: &PostgresConfig) -> Result<Self, StoreError> {
        let mut session = connect(config, COPY).await?;
        require_unused(&mut session).await?;
        if migrate::is_unfinished(&mut session).await? {
            let schema = migrate::require_newest_of_part(&mut session).await;
            schema.map_err(|why| migration::part_of_another_version(&why.into()))?;
            return Ok(Self { session });
        }
        super::backup::require_no_other_program(&mut session).await?;
        migrate::run(&mut session).await?;
        let mut side = Self { session };
        side.session.batch(STOP_WRITERS).await?;
        for table in &TABLES {
            if side.count(table).await? > 0 {
                return Err(StoreError::Unavailable(
                    "there is data in it already: name a database with nothing in it".to_owned(),
                ));
            }
        }
        side.session.batch(PROGRESS_SQL).await?;
        side.session.batch(COMMIT).await?;
        Ok(side)
    }

    /// The tenants that have rows in a table.
    pub(crate) async fn tenants(&mut self, table: &Table) -> Result<Vec<String>, Failure> {
        let call = Call::Prepared(Cow::Owned(table.tenants()), Vec::new());
        let rows = self.session.query(call).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&mut self, table: &Table) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let rows = self.session.query(Call::Prepared(Cow::Owned(sql), Vec::new())).await?;
        let row = rows.first().ok_or_else(|| corrupt("count"))?;
        Ok(row::count(row.try_get(0)?)?)
    }

    /// A tenant's rows behind a key, in the order of their keys.
    pub(crate) async fn page(
        &mut self,
        table: &Table,
        tenant: &str,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Failure> {
        let sql = table.page('$', after.is_some(), limit);
        let mut values: Vec<value::Value<'_>> = vec![Box::new(tenant.to_owned())];
        for key in after.unwrap_or_default() {
            values.push(match key {
                Value::Number(number) => Box::new(*number),
                Value::Text(text) => Box::new(text.clone()),
                Value::Bytes(bytes) => Box::new(bytes.clone()),
                Value::Null => return Err(corrupt("key").into()),
            });
        }
        self.rows(table, sql, values).await
    }

    /// A tenant's last row.
    pub(crate) async fn last(&mut self, table: &Table, tenant: &str) -> Result<Option<Row>, Failure> {
        let values: Vec<value::Value<'_>> = vec![Box::new(tenant.to_owned())];
        Ok(self.rows(table, table.last('$'), values).await?.pop())
    }

    async fn rows(
        &mut self,
        table: &Table,
        sql: String,
        values: Vec<value::Value<'_>>,
    ) -> Result<Vec<Row>, Failure> {
        let found = self.session.query(Call::Prepared(Cow::Owned(sql), values)).await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let mut values = Vec::with_capacity(table.columns.len());
            for (at, column) in table.columns.iter().enumerate() {
                let value = match column.kind {
                    Kind::Number => row.try_get::<_, Option<i64>>(at)?.map(Value::Number),
                    Kind::Text => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
                    Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
                };
                values.push(value.unwrap_or(Value::Null));
            }
            rows.push(values);
        }
        Ok(rows)
    }

    /// Whom an earlier part began with.
    pub(crate) async fn recorded(&mut self) -> Result<Vec<(String, End)>, Failure> {
        ends(&mut self.session, RECORDED).await
    }

    /// Begins with a tenant.
    pub(crate) async fn record(&mut self, tenant: &str, end: &End) -> Result<(), Failure> {
        let values: Vec<value::Value<'_>> =
            vec![Box::new(tenant.to_owned()), Box::new(end.seq), Box::new(end.hash.clone())];
        self.session.query(Call::new(RECORD, values)).await?;
        Ok(())
    }

    /// Takes all of a tenant away.
    pub(crate) async fn forget(&mut self, tenant: &str) -> Result<(), Failure> {
        let mut calls = vec![Call::Plain(BEGIN)];
        for name in TABLES.iter().map(|table| table.name).chain(["transfer_progress"]) {
            let sql = format!("DELETE FROM {name} WHERE tenant = $1");
            calls.push(Call::Prepared(Cow::Owned(sql), vec![Box::new(tenant.to_owned())]));
        }
        calls.push(Call::Plain(COMMIT));
        self.session.pipeline(&calls).await?;
        Ok(())
    }

    /// Writes a page with one statement: a column is one value of it.
    pub(crate) async fn write(&mut self, table: &Table, rows: Vec<Row>) -> Result<(), Failure> {
        let mut places = Vec::with_capacity(table.columns.len());
        let mut columns: Vec<Vec<Value>> = vec![Vec::with_capacity(rows.len()); table.columns.len()];
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let mut values: Vec<value::Value<'_>> = Vec::with_capacity(table.columns.len());
        for ((column, found), number) in table.columns.iter().zip(columns).zip(1..) {
            let (kind, value) = array(column.kind, found)?;
            places.push(format!("${number}::{kind}[]"));
            values.push(value);
        }
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({})",
            table.name,
            table.names(),
            places.join(", ")
        );
        self.session.query(Call::Prepared(Cow::Owned(sql), values)).await?;
        Ok(())
    }

    /// Walks a tenant's chain.
    pub(crate) async fn verify(&mut self, tenant: &TenantId) -> Result<Verification, StoreError> {
        let found = load::load(&mut self.session, &verification(tenant), &VectorCache::new(0))
            .await?
            .facts
            .verification;
        found.ok_or_else(|| StoreError::Corrupt("a chain was not walked".to_owned()))
    }

    /// Lets the database be used, unless a server that was open already has written to it: no change is made without
    /// a new end of a chain.
    pub(crate) async fn finish(&mut self, expected: &[(String, End)]) -> Result<(), Failure> {
        self.session.batch(STOP_WRITERS).await?;
        let found = ends(&mut self.session, ENDS).await?;
        if found != expected {
            self.session.batch("ROLLBACK").await?;
            let why = "somebody has written to it meanwhile: it is not what was copied";
            return Err(StoreError::Corrupt(why.to_owned()).into());
        }
        self.session.batch("DROP TABLE transfer_progress; COMMIT").await
    }
}

/// A column of many rows as an array.
fn array(kind: Kind, values: Vec<Value>) -> Result<(&'static str, value::Value<'static>), StoreError> {
    fn each<T>(values: Vec<Value>, take: impl Fn(Value) -> Option<T>) -> Result<Vec<Option<T>>, StoreError> {
        let one = |value| match value {
            Value::Null => Ok(None),
            value => take(value).map(Some).ok_or_else(|| corrupt("value")),
        };
        values.into_iter().map(one).collect()
    }
    Ok(match kind {
        Kind::Text => {
            let take = |value| if let Value::Text(text) = value { Some(text) } else { None };
            ("text", Box::new(each(values, take)?))
        }
        Kind::Bytes => {
            let take = |value| if let Value::Bytes(bytes) = value { Some(bytes) } else { None };
            ("bytea", Box::new(each(values, take)?))
        }
        Kind::Number => {
            let take = |value| if let Value::Number(number) = value { Some(number) } else { None };
            ("bigint", Box::new(each(values, take)?))
        }
    })
}

async fn ends(session: &mut Session, sql: &'static str) -> Result<Vec<(String, End)>, Failure> {
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    let end = |row: &tokio_postgres::Row| {
        Ok((row.try_get(0)?, End { seq: row.try_get(1)?, hash: row.try_get(2)? }))
    };
    rows.iter().map(end).collect()
}

/// A connection whose statements may take their time.
pub(super) async fn connect(config: &PostgresConfig, who: &'static str) -> Result<Session, StoreError> {
    Ok(Connector::new(config)?.connect(Use::Whole(who)).await?)
}

/// Nobody else is at the database who could write to it.
pub(super) async fn require_unused(session: &mut Session) -> Result<(), Failure> {
    let mut names = Vec::new();
    for _ in 0..SESSIONS_TRIES {
        let rows = session.query(Call::new(SESSIONS, Vec::new())).await?;
        names.clear();
        for row in &rows {
            let (pid, name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            names.push(if name.is_empty() { pid.to_string() } else { format!("{name} {pid}") });
        }
        if names.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(SESSIONS_PAUSE_MS)).await;
    }
    let others = names.join(", ");
    Err(StoreError::Unavailable(format!("it is in use ({others}): stop its servers first")).into())
}
