//! Everything that stands in a database, table by table, read past the store.

use std::collections::BTreeMap;
use std::path::Path;

use memoryscope_store::transfer::{Kind, TABLES, Table};

/// A table's rows, every value as text.
pub(crate) type Contents = BTreeMap<&'static str, Vec<Vec<Option<String>>>>;

fn columns(table: &Table, spell: impl Fn(Kind, &str) -> String) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| spell(column.kind, column.name)).collect();
    columns.join(", ")
}

pub(crate) fn of_sqlite(path: &Path) -> Contents {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut contents = Contents::new();
    for table in &TABLES {
        let columns = columns(table, |kind, name| match kind {
            Kind::Text => name.to_owned(),
            Kind::Number => format!("CAST({name} AS TEXT)"),
            Kind::Bytes => format!("CASE WHEN {name} IS NULL THEN NULL ELSE lower(hex({name})) END"),
        });
        let sql = format!("SELECT {columns} FROM {}", table.name);
        let mut statement = conn.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| (0..table.columns.len()).map(|at| row.get(at)).collect());
        let mut rows: Vec<Vec<Option<String>>> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        contents.insert(table.name, rows);
    }
    contents
}

pub(crate) async fn of_postgres(client: &tokio_postgres::Client) -> Contents {
    let mut contents = Contents::new();
    for table in &TABLES {
        let columns = columns(table, |kind, name| match kind {
            Kind::Text => name.to_owned(),
            Kind::Number => format!("{name}::text"),
            Kind::Bytes => format!("encode({name}, 'hex')"),
        });
        let sql = format!("SELECT {columns} FROM {}", table.name);
        let rows = client.query(&sql, &[]).await.unwrap();
        let row = |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.get(at)).collect();
        let mut rows: Vec<Vec<Option<String>>> = rows.iter().map(row).collect();
        rows.sort();
        contents.insert(table.name, rows);
    }
    contents
}
