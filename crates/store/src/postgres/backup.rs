//! Backups by PostgreSQL's own programs, of one snapshot whose chains were walked.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::lifecycle::Ancestry;
use memoryscope_engine::port::StoreError;

use super::TENANTS;
use super::config::PostgresConfig;
use super::error::Failure;
use super::load::View;
use super::migrate;
use super::programs::{Program, environment};
use super::session::{Call, Session};
use super::transfer::{connect, require_unused};
use crate::backup::{Checked, Progress, brings_back, create_private, digest, failed, sync};
use crate::common::packed::VectorCache;
use crate::common::row::{self, corrupt};
use crate::common::walk::verification;
use crate::transfer::{PROGRESS_TABLE, TABLES};

/// What the sessions are called, ours and the programs'.
const BACKUP: &str = "memoryscope backup";
const RESTORE: &str = "memoryscope restore";

/// How an archive of `pg_dump --format=custom` begins.
const ARCHIVE: &[u8] = b"PGDMP";
/// How a SQLite file begins.
const SQLITE: &[u8] = b"SQLite format 3";
/// What the runner of migrations keeps; it goes with the data.
const SCHEMA_TABLES: [&str; 2] = ["schema_lock", "schema_migrations"];

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What somebody has made in our schema, extensions' things aside.
const THINGS: &str = "
    SELECT c.relname::text FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (SELECT 1 FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// What a file is, as far as it can be known without a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// How large it is.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The schema that its tables are in.
    schema: String,
    tables: BTreeSet<String>,
}

/// Dumps the database into the new file `to`, which only its owner may read. Others may read and write meanwhile: it
/// is one snapshot, and the chains that are walked are those of the same snapshot. When a chain does not hold, which
/// is in the answer, nothing is dumped.
///
/// # Errors
/// When the database or the file cannot be used, when `pg_dump` or `pg_restore` is missing, too old or fails.
pub async fn dump(
    config: &PostgresConfig,
    to: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, StoreError> {
    let mut session = connect(config, BACKUP).await?;
    let server = server_version(&mut session).await?;
    let (program, reader) = (Program::find("pg_dump", server)?, Program::find("pg_restore", server)?);
    migrate::require_known(&mut session).await?;
    session.batch(SNAPSHOT).await?;
    let snapshot = text(&mut session, "SELECT pg_export_snapshot()").await?;
    let (schema, chains) = look_through(&mut session, progress).await?;
    let mut checked = Checked { bytes: 0, sha256: String::new(), schema, chains };
    if checked.broken().is_some() {
        return Ok(checked);
    }
    let within = text(&mut session, "SELECT quote_ident(current_schema())").await?;
    drop(create_private(to)?);
    let mut arguments: Vec<OsString> =
        ["--format=custom", "--no-owner", "--no-privileges", "--no-password", "--strict-names"]
            .map(OsString::from)
            .to_vec();
    arguments.push(format!("--snapshot={snapshot}").into());
    for name in SCHEMA_TABLES.into_iter().chain(TABLES.iter().map(|table| table.name)) {
        if exists(&mut session, name).await? {
            arguments.push(format!("--table={within}.{name}").into());
        }
    }
    arguments.extend(["--file".into(), to.as_os_str().to_owned()]);
    let mut look = || progress(Progress::Written(std::fs::metadata(to).map_or(0, |file| file.len())));
    program.run(&environment(config, BACKUP), arguments, &mut look).await?;
    // The snapshot lives as long as this transaction.
    session.batch("COMMIT").await?;
    sync(to)?;
    let archive = read(&reader, to, progress).await?;
    (checked.bytes, checked.sha256) = (archive.bytes, archive.sha256);
    Ok(checked)
}

/// Reads all of an archive: its bytes, its list, and every row.
///
/// # Errors
/// When it is no backup of ours, damaged, or there is no program that reads it.
pub async fn check(
    config: &PostgresConfig,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Archive, StoreError> {
    let mut begin = [0; 16];
    let mut file = File::open(path).map_err(|why| failed("read", path, why))?;
    let count = file.read(&mut begin).map_err(|why| failed("read", path, why))?;
    if begin[..count].starts_with(SQLITE) {
        return Err(StoreError::Unavailable(
            "it is the backup of a SQLite database: restore it to a file, and `memoryscope copy` that"
                .to_owned(),
        ));
    }
    if !begin[..count].starts_with(ARCHIVE) {
        return Err(StoreError::Unavailable("it is no archive of pg_dump's custom format".to_owned()));
    }
    let server = server_version(&mut connect(config, RESTORE).await?).await?;
    read(&Program::find("pg_restore", server)?, path, progress).await
}

async fn read(
    program: &Program,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Archive, StoreError> {
    let (bytes, sha256) = digest(path, progress)?;
    progress(Progress::Structure);
    let file = path.as_os_str().to_owned();
    let listed = program.run(&[], vec!["--list".into(), file.clone()], &mut || {}).await?;
    let (schema, tables) = listed_tables(&String::from_utf8_lossy(&listed.stdout));
    let missing = SCHEMA_TABLES.into_iter().chain(["audit_events", "audit_heads"]);
    if let Some(missing) = missing.into_iter().find(|name| !tables.contains(*name)) {
        return Err(StoreError::Unavailable(format!(
            "it is no backup of this program: {missing} is not in it"
        )));
    }
    // As SQL to nowhere: everything is decompressed, and what was cut off or changed is found.
    program.run(&[], vec!["--file=/dev/null".into(), file], &mut || {}).await?;
    Ok(Archive { bytes, sha256, schema, tables })
}

/// The tables whose data an archive's list names, and their schema: `215; 0 16390 TABLE DATA public memories owner`.
fn listed_tables(list: &str) -> (String, BTreeSet<String>) {
    let (mut schema, mut tables) = (String::new(), BTreeSet::new());
    for line in list.lines().filter(|line| !line.starts_with(';')) {
        let Some((_, entry)) = line.split_once(" TABLE DATA ") else { continue };
        let mut words = entry.split(' ');
        if let (Some(within), Some(name)) = (words.next(), words.next()) {
            within.clone_into(&mut schema);
            tables.insert(name.to_owned());
        }
    }
    (schema, tables)
}

/// Puts an archive that was [`check`]ed into a database that nobody uses, in one transaction, and walks the chains that
/// arrived. With `replace`, what stood there of ours is gone; without it there must be nothing.
///
/// # Errors
/// When there is something and `replace` is false, when somebody uses it, when it is another program's or newer, or when
/// `pg_restore` is missing, too old or fails; the database is then as it was. A chain that does not hold is in the answer.
pub async fn restore(
    config: &PostgresConfig,
    path: &Path,
    archive: &Archive,
    replace: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, StoreError> {
    let mut session = connect(config, RESTORE).await?;
    let program = Program::find("pg_restore", server_version(&mut session).await?)?;
    let has_ours = require_place(&mut session, archive, replace).await?;
    require_unused(&mut session).await?;
    if has_ours && exists(&mut session, "suppressions").await? {
        require_erasures(&mut session, &program, path, archive).await?;
    }
    let database = text(&mut session, "SELECT current_database()::text").await?;
    let database = database.replace('\\', "\\\\").replace('\'', "\\'");
    let mut arguments: Vec<OsString> =
        ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]
            .map(OsString::from)
            .to_vec();
    if has_ours {
        arguments.extend(["--clean".into(), "--if-exists".into()]);
    }
    arguments.extend([format!("--dbname=dbname='{database}'").into(), path.as_os_str().to_owned()]);
    let mut look = || progress(Progress::Bytes(0, archive.bytes));
    program.run(&environment(config, RESTORE), arguments, &mut look).await?;
    if has_ours {
        // What a newer schema had besides, and the mark of a copy: neither is in the archive to be replaced.
        for name in TABLES.iter().map(|table| table.name).chain([PROGRESS_TABLE]) {
            if !archive.tables.contains(name) {
                session.batch(&format!("DROP TABLE IF EXISTS {name}")).await?;
            }
        }
    }
    session.batch(SNAPSHOT).await?;
    let (schema, chains) = look_through(&mut session, progress).await?;
    session.batch("COMMIT").await?;
    Ok(Checked { bytes: archive.bytes, sha256: archive.sha256.clone(), schema, chains })
}

/// The archive knows of every value that was erased from what it is to replace: else it would bring some back.
async fn require_erasures(
    session: &mut Session,
    program: &Program,
    path: &Path,
    archive: &Archive,
) -> Result<(), StoreError> {
    // Of all tenants: the whole database is replaced.
    let sql = "SELECT tenant || ' ' || encode(digest, 'hex') FROM suppressions";
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    let known = rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<String>, _>>();
    let mut known = known.map_err(Failure::from)?;
    if known.is_empty() {
        return Ok(());
    }
    if archive.tables.contains("suppressions") {
        let arguments = ["--data-only", "--table=suppressions", "--file=-"].map(OsString::from);
        let arguments = arguments.into_iter().chain([path.as_os_str().to_owned()]).collect();
        let told = program.run(&[], arguments, &mut || {}).await?;
        // `t_default`, a tab, `\\x` and the digits.
        for line in String::from_utf8_lossy(&told.stdout).lines() {
            let Some((tenant, digest)) = line.split_once('\t') else { continue };
            known.remove(&format!("{tenant} {}", digest.trim_start_matches(['\\', 'x'])));
        }
    }
    if known.is_empty() { Ok(()) } else { Err(brings_back(known.len())) }
}

/// Whether a schema of ours is there; another program's is refused.
pub(super) async fn require_no_other_program(session: &mut Session) -> Result<bool, StoreError> {
    let rows = session.query(Call::new(THINGS, Vec::new())).await?;
    let names = rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<String>, _>>();
    let names = names.map_err(Failure::from)?;
    if names.is_empty() {
        return Ok(false);
    }
    if !SCHEMA_TABLES.iter().all(|name| names.contains(*name)) {
        return Err(StoreError::Unavailable(
            "it is a database of another program: name an empty one".to_owned(),
        ));
    }
    Ok(true)
}

/// Whether a schema of ours is there that may be replaced; anything else that is there is refused.
async fn require_place(session: &mut Session, archive: &Archive, replace: bool) -> Result<bool, StoreError> {
    let refused = |why: String| Err(StoreError::Unavailable(why));
    let within = text(session, "SELECT coalesce(current_schema(), '')::text").await?;
    if within != archive.schema {
        return refused(format!(
            "the backup's tables are in the schema {}, and the search path of this database begins with {}",
            archive.schema,
            if within.is_empty() { "none that exists" } else { &within }
        ));
    }
    if !require_no_other_program(session).await? {
        return Ok(false);
    }
    // One that a newer program has written to is not ours to replace.
    migrate::require_known_of_part(session).await?;
    if !replace {
        return refused(
            "there is a database of this program: stop its servers and give --force to replace it".to_owned(),
        );
    }
    Ok(true)
}

/// The schema's number, and what a walk of every chain found, in the transaction that is open.
async fn look_through(
    session: &mut Session,
    progress: &mut dyn FnMut(Progress),
) -> Result<(u32, Vec<(TenantId, Verification)>), StoreError> {
    let schema = migrate::require_known(session).await?;
    let everybody = Call::new(TENANTS, vec![Box::new(""), Box::new(i64::MAX)]);
    let rows = session.query(everybody).await?;
    let mut chains = Vec::with_capacity(rows.len());
    for (at, found) in rows.iter().enumerate() {
        progress(Progress::Chain(at + 1, rows.len()));
        let tenant = row::tenant(found.try_get(0).map_err(Failure::from)?)?;
        let load = verification(&tenant);
        let mut facts = Facts::default();
        View { session, load: &load, vectors: &VectorCache::new(0), ancestry: Ancestry::default() }
            .verify(&mut facts)
            .await?;
        let found = facts.verification.ok_or_else(|| corrupt("chain"))?;
        chains.push((tenant, found));
    }
    Ok((schema, chains))
}

async fn text(session: &mut Session, sql: &'static str) -> Result<String, StoreError> {
    let rows = session.query(Call::new(sql, Vec::new())).await?;
    let row = rows.first().ok_or_else(|| corrupt("answer"))?;
    Ok(row.try_get(0).map_err(Failure::from)?)
}

async fn exists(session: &mut Session, name: &'static str) -> Result<bool, StoreError> {
    let rows = session.query(Call::new("SELECT to_regclass($1) IS NOT NULL", vec![Box::new(name)])).await?;
    let row = rows.first().ok_or_else(|| corrupt("answer"))?;
    Ok(row.try_get(0).map_err(Failure::from)?)
}

/// The server's major version.
async fn server_version(session: &mut Session) -> Result<u32, StoreError> {
    let number = text(session, "SELECT current_setting('server_version_num')").await?;
    let number: u32 = number.parse().map_err(|_| corrupt("version"))?;
    Ok(number / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archives_list_names_its_tables() {
        let list = ";\n; Archive created at 2026-11-25\n;     TABLE DATA public no\n\
                    215; 1259 16390 TABLE public memories test\n\
                    3370; 0 16390 TABLE DATA public memories test\n\
                    3371; 0 16400 TABLE DATA public audit_heads test\n";
        let tables = ["audit_heads", "memories"].map(str::to_owned).into();
        assert_eq!(listed_tables(list), ("public".to_owned(), tables));
    }
}
