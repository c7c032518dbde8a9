//! PostgreSQL's own programs: found, and run with what the URL says. A password goes into their environment, which
//! only we and the administrator can read, and never into their arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use memoryscope_engine::port::StoreError;
use tokio_postgres::config::{Host, SslMode};

use super::config::{PostgresConfig, Trust};

/// Where packages put them besides `PATH`: a folder for each version.
const FOLDERS: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];
/// How often a running program's progress is looked at.
const LOOK_MS: u64 = 200;
/// Lines of a program's complaint that are told, the last ones.
const LINES_TOLD: usize = 3;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) major: u32,
}

impl Program {
    /// The one for a server of that version.
    pub(super) fn find(name: &str, server: u32) -> Result<Self, StoreError> {
        choose(name, all(name), server)
    }

    /// Runs it to its end, and looks at `progress` meanwhile. If it is no longer waited for, it is ended.
    pub(super) async fn run(
        &self,
        environment: &[(&'static str, OsString)],
        arguments: Vec<OsString>,
        progress: &mut dyn FnMut(),
    ) -> Result<Output, StoreError> {
        let mut command = tokio::process::Command::new(&self.path);
        // What the environment says of another place must not be mixed with what the URL says.
        for name in ["PGSERVICE", "PGHOSTADDR", "PGOPTIONS", "PGTARGETSESSIONATTRS"] {
            command.env_remove(name);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("LC_ALL", "C").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let name = self.path.display().to_string();
        let failed = |why: &dyn std::fmt::Display| StoreError::Unavailable(format!("{name}: {why}"));
        let mut running = Box::pin(command.output());
        let output = loop {
            match tokio::time::timeout(Duration::from_millis(LOOK_MS), &mut running).await {
                Ok(ended) => break ended.map_err(|why| failed(&why))?,
                Err(_) => progress(),
            }
        };
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join("; ");
        Err(failed(&if last.is_empty() { output.status.to_string() } else { last }))
    }
}

/// Every one of that name that can be run.
fn all(name: &str) -> Vec<Program> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, begin) in FOLDERS {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    let mut found = Vec::new();
    for path in folders.iter().map(|folder| folder.join(name)).filter(|path| path.is_file()) {
        if let Some(major) = version(&path) {
            found.push(Program { path, major });
        }
    }
    found
}

/// `pg_dump (PostgreSQL) 15.14 (Debian …)` → 15.
fn version(path: &Path) -> Option<u32> {
    let said = Command::new(path).arg("--version").stdin(Stdio::null()).output().ok()?;
    major(&String::from_utf8_lossy(&said.stdout))
}

fn major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once(") ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The server's own version, or the next newer one: an older program does not know what a newer server has, and what a
/// much newer one writes, an older server may not understand.
fn choose(name: &str, found: Vec<Program>, server: u32) -> Result<Program, StoreError> {
    let versions: Vec<String> = found.iter().map(|program| program.major.to_string()).collect();
    let fits =
        found.into_iter().filter(|program| program.major >= server).min_by_key(|program| program.major);
    fits.ok_or_else(|| {
        let install = format!("install PostgreSQL's client programs of version {server} (postgresql-client)");
        StoreError::Unavailable(if versions.is_empty() {
            format!("{name} is neither in PATH nor in /usr/lib/postgresql: {install}")
        } else {
            format!(
                "the server is PostgreSQL {server}, and {name} is of version {}: {install}",
                versions.join(", ")
            )
        })
    })
}

/// What the programs are told of the database, and by whom.
pub(super) fn environment(config: &PostgresConfig, who: &str) -> Vec<(&'static str, OsString)> {
    let server = &config.server;
    let joined = |texts: Vec<String>| OsString::from(texts.join(","));
    let hosts = server.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let ports = server.get_ports().iter().map(ToString::to_string);
    let mut all = vec![
        ("PGHOST", joined(hosts.collect())),
        ("PGPORT", joined(ports.collect())),
        ("PGAPPNAME", OsString::from(who)),
        ("PGCONNECT_TIMEOUT", OsString::from(config.connect.as_secs().max(2).to_string())),
        ("PGSSLMODE", OsString::from(ssl_mode(server.get_ssl_mode(), config.trust))),
    ];
    let addresses: Vec<String> = server.get_hostaddrs().iter().map(ToString::to_string).collect();
    if !addresses.is_empty() {
        all.push(("PGHOSTADDR", joined(addresses)));
    }
    if let Some(password) = server.get_password() {
        all.push(("PGPASSWORD", OsStr::from_bytes(password).to_owned()));
    }
    let named = [("PGUSER", server.get_user()), ("PGDATABASE", server.get_dbname())];
    all.extend(named.into_iter().filter_map(|(name, value)| Some((name, OsString::from(value?)))));
    if let Some(options) = server.get_options() {
        all.push(("PGOPTIONS", OsString::from(options)));
    }
    if let Some(roots) = &config.roots {
        all.push(("PGSSLROOTCERT", roots.clone().into_os_string()));
    }
    all
}

fn ssl_mode(mode: SslMode, trust: Trust) -> &'static str {
    match (mode, trust) {
        (SslMode::Disable, _) => "disable",
        (SslMode::Require, Trust::Signed) => "verify-ca",
        (SslMode::Require, Trust::Named) => "verify-full",
        (SslMode::Require, Trust::Anyone) => "require",
        _ => "prefer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(found: &[u32], server: u32) -> Result<u32, String> {
        let program = |major: &u32| Program { path: PathBuf::from(format!("/bin/{major}")), major: *major };
        let found = found.iter().map(program).collect();
        choose("pg_dump", found, server).map(|program| program.major).map_err(|why| why.to_string())
    }

    #[test]
    fn the_servers_version_or_the_next_newer_one() {
        assert_eq!(chosen(&[17, 15, 16], 15), Ok(15));
        assert_eq!(chosen(&[14, 17, 16], 15), Ok(16));
        let older = chosen(&[13, 14], 15).unwrap_err();
        assert!(older.contains("is PostgreSQL 15") && older.contains("of version 13, 14"), "{older}");
        let none = chosen(&[], 15).unwrap_err();
        assert!(none.contains("pg_dump is neither in PATH") && none.contains("version 15"), "{none}");
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn everything_of_the_url_goes_into_the_environment() {
        let url = "postgresql+psycopg://u:p%40ss@h:5433,i:5434/d?sslmode=verify-full&sslrootcert=%2Fca.pem\
                   &options=-c%20a%3Db&connect_timeout=7";
        let all = environment(&PostgresConfig::url(url).unwrap(), "memoryscope backup");
        let mut all: Vec<String> =
            all.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        all.sort();
        assert_eq!(
            all,
            [
                "PGAPPNAME=memoryscope backup",
                "PGCONNECT_TIMEOUT=7",
                "PGDATABASE=d",
                "PGHOST=h,i",
                "PGOPTIONS=-c a=b",
                "PGPASSWORD=p@ss",
                "PGPORT=5433,5434",
                "PGSSLMODE=verify-full",
                "PGSSLROOTCERT=/ca.pem",
                "PGUSER=u",
            ]
        );
    }
}
