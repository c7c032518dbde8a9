//! A file as one side of a copy: nobody else may have it open meanwhile.

use std::fs;
use std::path::Path;
use std::str::from_utf8;

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::StoreError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params, params_from_iter};

use super::cache::Cache;
use super::connection::{self, Place, Use};
use super::error::Failure;
use super::load::Reader;
use super::migrate;
use crate::backup::{beside, create_private, failed};
use crate::common::failure::EngineError;
use crate::common::migration;
use crate::common::packed::VectorCache;
use crate::common::row;
use crate::transfer::{End, PROGRESS_SQL, Row, TABLES, Table, Value};

/// Pages (16 MiB) in the log from which on it is moved into the file: nobody reads meanwhile.
const LOG_PAGES: u32 = 4_096;

/// A file that is ours alone.
pub(crate) struct Side {
    reader: Reader,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Side {
    /// For reading.
    pub(crate) fn source(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Unavailable(format!("there is no database at {}", path.display())));
        }
        let conn = alone(path, false)?;
        migrate::require_newest(&conn)?;
        // One snapshot for everything, and nobody may come in between.
        conn.execute_batch("BEGIN EXCLUSIVE").map_err(|why| explained(path, why))?;
        Ok(Self::on(conn))
    }

    /// For writing: a new file, one with nothing in it, or one with a part of a copy.
    pub(crate) fn target(path: &Path) -> Result<Self, StoreError> {
        let log = beside(path, "-wal");
        if !path.exists() && log.exists() {
            return Err(failed("make", path, format!("{} is there already", log.display())));
        }
        let is_new = !path.exists();
        if is_new {
            create_private(path)?;
        }
        prepare(path).inspect_err(|_| {
            // What was made for nothing is not left to be taken for a database.
            if is_new {
                drop(fs::remove_file(path));
            }
        })
    }

    fn on(conn: Connection) -> Self {
        Self {
            reader: Reader {
                conn,
                cache: Cache::new(std::sync::Arc::default()),
                vectors: VectorCache::none(),
            },
        }
    }

    /// The tenants that have rows in a table.
    pub(crate) fn tenants(&self, table: &Table) -> Result<Vec<String>, Failure> {
        let mut statement = self.reader.conn.prepare_cached(&table.tenants())?;
        let mut rows = statement.query([])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(super::row::text(row, 0)?.to_owned());
        }
        Ok(tenants)
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &Table) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        Ok(row::count(self.reader.conn.query_row(&sql, [], |row| row.get(0))?)?)
    }

    /// A tenant's rows behind a key, in the order of their keys.
    pub(crate) fn page(
        &self,
        table: &Table,
        tenant: &str,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Failure> {
        let sql = table.page('?', after.is_some(), limit);
        let tenant = Value::Text(tenant.to_owned());
        self.rows(table, &sql, std::iter::once(&tenant).chain(after.unwrap_or_default()))
    }

    /// A tenant's last row.
    pub(crate) fn last(&self, table: &Table, tenant: &str) -> Result<Option<Row>, Failure> {
        let tenant = Value::Text(tenant.to_owned());
        Ok(self.rows(table, &table.last('?'), std::iter::once(&tenant))?.pop())
    }

    fn rows<'v>(
        &self,
        table: &Table,
        sql: &str,
        values: impl Iterator<Item = &'v Value>,
    ) -> Result<Vec<Row>, Failure> {
        let mut statement = self.reader.conn.prepare_cached(sql)?;
        let mut found = statement.query(params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let mut values = Vec::with_capacity(table.columns.len());
            for column in 0..table.columns.len() {
                values.push(value(row.get_ref(column)?, table)?);
            }
            rows.push(values);
        }
        Ok(rows)
    }

    /// Whom an earlier part began with.
    pub(crate) fn recorded(&self) -> Result<Vec<(String, End)>, Failure> {
        let mut statement = self.reader.conn.prepare("SELECT tenant, seq, hash FROM transfer_progress")?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, End { seq: row.get(1)?, hash: row.get(2)? })))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Begins with a tenant.
    pub(crate) fn record(&self, tenant: &str, end: &End) -> Result<(), Failure> {
        let sql = "INSERT INTO transfer_progress (tenant, seq, hash) VALUES (?1, ?2, ?3)
                   ON CONFLICT (tenant) DO NOTHING";
        self.reader.conn.execute(sql, params![tenant, end.seq, end.hash])?;
        Ok(())
    }

    /// Takes all of a tenant away.
    pub(crate) fn forget(&self, tenant: &str) -> Result<(), Failure> {
        let transaction = self.reader.conn.unchecked_transaction()?;
        for name in TABLES.iter().map(|table| table.name).chain(["transfer_progress"]) {
            transaction.execute(&format!("DELETE FROM {name} WHERE tenant = ?1"), [tenant])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes a page in one transaction.
    pub(crate) fn write(&self, table: &Table, rows: &[Row]) -> Result<(), Failure> {
        let places: Vec<String> = (1..=table.columns.len()).map(|number| format!("?{number}")).collect();
        let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.names(), places.join(", "));
        let transaction = self.reader.conn.unchecked_transaction()?;
        {
            let mut insert = transaction.prepare_cached(&sql)?;
            for row in rows {
                insert.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Walks a tenant's chain.
    pub(crate) fn verify(&mut self, tenant: &TenantId) -> Result<Verification, StoreError> {
        self.reader.verify(tenant)
    }

    /// Lets the database be used.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.reader.conn.execute_batch("DROP TABLE transfer_progress")?;
        Ok(())
    }
}

/// A connection that keeps everybody else out of the file.
fn alone(path: &Path, create: bool) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    let opened = Connection::open_with_flags(path, flags);
    let conn = opened.map_err(|why| failed("open", path, why))?;
    let take = || {
        conn.busy_timeout(std::time::Duration::ZERO)?;
        // Before anything is read: a log that is read under it is shared with nobody.
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection::is_ours(&conn)
    };
    match take().map_err(|why| explained(path, why))? {
        Some(true) => {}
        None if create => {}
        None => return Err(failed("copy", path, "there is nothing in it")),
        Some(false) => return Err(failed("use", path, "it is a database of another program")),
    }
    Ok(conn)
}

/// The target's schema and its mark.
fn prepare(path: &Path) -> Result<Side, StoreError> {
    let mut conn = alone(path, true)?;
    let place = Place::File(path.to_owned());
    let configured = connection::configure(&conn, &place, Use::Create)
        .and_then(|()| conn.pragma_update(None, "wal_autocheckpoint", LOG_PAGES));
    configured.map_err(|why| explained(path, why))?;
    if migrate::is_unfinished(&conn)? {
        migrate::require_newest_of_part(&conn).map_err(|why| migration::part_of_another_version(&why))?;
        return Ok(Side::on(conn));
    }
    migrate::run(&mut conn)?;
    let side = Side::on(conn);
    for table in &TABLES {
        if side.count(table)? > 0 {
            return Err(failed("copy into", path, "there is data in it already: name a new file"));
        }
    }
    side.reader.conn.execute_batch(PROGRESS_SQL).map_err(|why| explained(path, why))?;
    Ok(side)
}

fn explained(path: &Path, why: rusqlite::Error) -> StoreError {
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            failed("use", path, "it is in use: stop its server first")
        }
        Some(ErrorCode::NotADatabase) => failed("open", path, "it is not a SQLite database"),
        _ => why.describe(),
    }
}

fn value(found: ValueRef<'_>, table: &Table) -> Result<Value, Failure> {
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Text(text) => match from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => return Err(row::corrupt(&format!("text in {}", table.name)).into()),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(row::corrupt(&format!("number in {}", table.name)).into()),
    })
}
