//! A PostgreSQL of our own for tests: one that all of them share while they run, and private ones to be stopped and
//! started.
//!
//! Test runners give every test a process of its own, so nobody could stop the shared one at the end. Each process
//! that uses a cluster therefore holds a lock, and beside the cluster a small shell waits until nobody has held it
//! for a while; then it stops the cluster and removes it. That works for killed tests, too.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use memoryscope_store::{PostgresConfig, PostgresStore};

/// For so many seconds nobody uses the shared cluster before it is stopped.
const IDLE_SECONDS: u32 = 20;

/// Every database of a test is a copy of this one.
const TEMPLATE: &str = "memoryscope_template";

/// Empties every table of a database, as if nothing had been written.
pub(crate) const EMPTY: &str = "TRUNCATE memories, vectors, vector_scopes, memory_versions, memory_keys, schemas, records, links, spiral_artifacts, pending_revocations, consents, suppressions, bridges, read_grants, audit_events, audit_heads, \
    checkpoints, subject_keys, policies, active_policy, idempotency_keys";

/// Stops the cluster in `$1` when the lock `$2` is free, and was free `$3` seconds before. What follows are the words
/// that run a command as the cluster's user.
const WATCH: &str = r#"
    dir="$1"; lock="$2"; idle="$3"; bin="$4"; shift 4; exec 9<>"$lock"; free=0
    while sleep 1; do
      if flock -n -x 9; then free=$((free + 1)); else free=0; continue; fi
      if [ "$free" -ge "$idle" ]; then
        "$@" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop; "$@" rm -rf "$dir"; exit 0
      fi
      flock -u 9
    done"#;

/// A running cluster.
pub(crate) struct Cluster {
    dir: PathBuf,
    port: u16,
    password: String,
    // Held as long as the cluster is used.
    _users: File,
}

/// Whether a cluster has a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encrypted {
    No,
    /// Made for `localhost`, and signed by `ca.pem`; `other.pem` signed nothing.
    Yes,
}

impl Encrypted {
    const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::No => &[],
            Self::Yes => &["ssl=on", "ssl_cert_file=../server.pem", "ssl_key_file=../server.key"],
        }
    }
}

/// A database of one test. It is dropped with it.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) port: u16,
    name: String,
    admin: String,
}

/// The programs, or why there are none.
fn programs() -> Result<PathBuf, String> {
    if std::env::var("MEMORYSCOPE_TEST_POSTGRES").is_ok_and(|value| value == "skip") {
        return Err("MEMORYSCOPE_TEST_POSTGRES=skip".to_owned());
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let newest_first = |place: &PathBuf| {
        let number = place.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
        std::cmp::Reverse(number.unwrap_or(0_u32))
    };
    places.sort_by_key(newest_first);
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path));
    let whole = |place: &PathBuf| ["initdb", "pg_ctl"].iter().all(|name| place.join(name).is_file());
    places.into_iter().find(whole).ok_or_else(|| "it is not installed (scripts/ensure-postgres)".to_owned())
}

/// The programs; without them one line says that a test is skipped.
fn programs_or_skip() -> Option<PathBuf> {
    programs().inspect_err(|why| eprintln!("skipped on PostgreSQL: {why}")).ok()
}

/// PostgreSQL refuses to run as root.
fn as_user() -> Vec<String> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let words: &[&str] = if is_root { &["runuser", "-u", "postgres", "--"] } else { &["env"] };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs a program as the cluster's user; its output is told when it fails.
fn run(program: &Path, args: &[&str]) -> String {
    let user = as_user();
    let output = Command::new(&user[0])
        .args(&user[1..])
        .arg(program)
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {args:?}: {text}", program.display());
    text
}

fn random_name() -> String {
    let mut bytes = [0; 12];
    File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock_file(path: &Path) -> File {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).unwrap()
}

/// Where a cluster of that name lives. Checkouts don't share theirs.
fn place(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display().to_string();
    let checkout: String = crates.chars().filter(char::is_ascii_alphanumeric).collect();
    let start = checkout.len().saturating_sub(24);
    std::env::temp_dir().join(format!("memoryscope-pg-{}-{name}", &checkout[start..]))
}

/// The cluster that tests share, started if it does not run; none where there is no PostgreSQL.
pub(crate) async fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    if let Some(cluster) = SHARED.get() {
        return Some(cluster);
    }
    let bin = programs_or_skip()?;
    let dir = place("shared");
    let lock = dir.with_extension("lock");
    let starting = lock_file(&dir.with_extension("start"));
    // Whoever holds it keeps the cluster from being stopped; who starts it keeps others from starting it, too.
    let users = lock_file(&lock);
    let started = tokio::task::spawn_blocking(move || {
        users.lock_shared().unwrap();
        starting.lock().unwrap();
        let cluster = Cluster::found(&dir, &users).unwrap_or_else(|| {
            let cluster = Cluster::make(&dir, &users, &bin, &["fsync=off", "full_page_writes=off"]);
            cluster.watch(&bin, &lock, IDLE_SECONDS);
            cluster
        });
        (cluster, starting)
    });
    let (cluster, starting) = started.await.unwrap();
    if SHARED.get().is_none() {
        cluster.make_template().await;
        let _ = SHARED.set(cluster);
    }
    drop(starting);
    SHARED.get()
}

/// A cluster of one test's own that keeps what PostgreSQL promises; none where there is no PostgreSQL.
pub(crate) fn private(encrypted: Encrypted) -> Option<Cluster> {
    let bin = programs_or_skip()?;
    let dir = place(&random_name());
    let lock = dir.with_extension("lock");
    let users = lock_file(&lock);
    users.lock_shared().unwrap();
    let cluster = Cluster::make(&dir, &users, &bin, encrypted.settings());
    cluster.watch(&bin, &lock, 1);
    std::fs::remove_file(&lock).unwrap();
    Some(cluster)
}

fn make_certificates(dir: &Path) {
    let make = |name: &str, more: &str| {
        let script = format!(
            "cd \"$1\" && umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
             -keyout {name}.key -out {name}.pem -subj /CN={name} {more}"
        );
        run(Path::new("sh"), &["-c", &script, "sh", &dir.display().to_string()]);
    };
    make("ca", "");
    make("other", "");
    let leaf =
        "-CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE";
    make("server", leaf);
}

impl Cluster {
    /// One that runs already.
    fn found(dir: &Path, users: &File) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("cluster")).ok()?;
        let (port, password) = text.split_once(' ')?;
        let port = port.parse().ok()?;
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        let users = users.try_clone().unwrap();
        Some(Self { dir: dir.to_owned(), port, password: password.to_owned(), _users: users })
    }

    fn make(dir: &Path, users: &File, bin: &Path, settings: &[&str]) -> Self {
        let path = |name: &str| dir.join(name).display().to_string();
        let password = random_name();
        run(Path::new("rm"), &["-rf", &dir.display().to_string()]);
        run(Path::new("mkdir"), &["-m", "700", &dir.display().to_string()]);
        run(Path::new("sh"), &["-c", "printf %s \"$1\" > \"$2\"", "sh", &password, &path("password")]);
        let (data, pwfile) = (path("data"), format!("--pwfile={}", path("password")));
        let initdb =
            ["-U", "test", "-E", "UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", &pwfile, "-D"];
        run(&bin.join("initdb"), &[initdb.as_slice(), &[&data]].concat());
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let common = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", dir.display()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ];
        let lines = common.iter().map(String::as_str).chain(settings.iter().copied());
        let lines: String = lines.map(|line| line.replacen('=', " = '", 1) + "'\n").collect();
        run(Path::new("sh"), &["-c", "printf %s \"$1\" >> \"$2/postgresql.conf\"", "sh", &lines, &data]);
        if settings.contains(&"ssl=on") {
            make_certificates(dir);
        }
        let cluster = Self { dir: dir.to_owned(), port, password, _users: users.try_clone().unwrap() };
        cluster.start();
        let about = format!("{port} {}", cluster.password);
        run(Path::new("sh"), &["-c", "printf %s \"$1\" > \"$2\"", "sh", &about, &path("cluster")]);
        cluster
    }

    fn watch(&self, bin: &Path, lock: &Path, idle: u32) {
        let words = as_user();
        let mut shell = Command::new("setsid");
        shell
            .args(["--fork", "sh", "-c", WATCH, "sh"])
            .arg(&self.dir)
            .arg(lock)
            .arg(idle.to_string())
            .arg(bin)
            .args(words);
        shell.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // The shell itself goes on, and ends long after this process.
        assert!(shell.status().unwrap().success());
        if idle == 1 {
            // The lock's file is removed next; the shell must have opened it by then.
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn pg_ctl(&self, args: &[&str]) {
        let bin = programs().unwrap();
        let data = self.dir.join("data").display().to_string();
        run(&bin.join("pg_ctl"), &[&["-D", &data, "-w"], args].concat());
    }

    pub(crate) fn start(&self) {
        let log = self.dir.join("log").display().to_string();
        self.pg_ctl(&["-l", &log, "start"]);
    }

    /// As a crash would stop it.
    pub(crate) fn stop_at_once(&self) {
        self.pg_ctl(&["-m", "immediate", "stop"]);
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql+psycopg://test:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the database that others are copies of, unless another process did.
    async fn make_template(&self) {
        let admin = connect(&self.url("postgres")).await;
        let sql = "SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate";
        if admin.query_opt(sql, &[&TEMPLATE]).await.unwrap().is_some() {
            return;
        }
        admin.batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).await.unwrap();
        let config = PostgresConfig::url(&self.url(TEMPLATE)).unwrap();
        assert_eq!(PostgresStore::migrate(&config).await.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let mark = format!("ALTER DATABASE {TEMPLATE} WITH is_template true");
        admin.batch_execute(&mark).await.unwrap();
    }

    /// A database with the schema in it.
    pub(crate) async fn database(&self) -> Database {
        self.create(&format!("TEMPLATE {TEMPLATE}")).await
    }

    /// A database with nothing in it.
    pub(crate) async fn empty_database(&self) -> Database {
        self.create("").await
    }

    async fn create(&self, how: &str) -> Database {
        let name = format!("t_{}", random_name());
        let admin = self.url("postgres");
        // The session that made the template may not be gone yet.
        let client = connect(&admin).await;
        let mut tries = 0;
        while let Err(why) = client.batch_execute(&format!("CREATE DATABASE {name} {how}")).await {
            tries += 1;
            assert!(tries < 100, "{why:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Database { url: self.url(&name), port: self.port, name, admin }
    }
}

impl Database {
    pub(crate) fn config(&self) -> PostgresConfig {
        PostgresConfig::url(&self.url).unwrap()
    }

    /// The same database behind something that listens on another port, with some of the URL's options.
    pub(crate) fn config_behind(&self, port: u16, options: &str) -> PostgresConfig {
        let url = self.url.replacen(&format!(":{}/", self.port), &format!(":{port}/"), 1);
        PostgresConfig::url(&format!("{url}?{options}")).unwrap()
    }

    /// How many connections stores have to it, and how many of them wait for a lock.
    pub(crate) async fn connections(&self) -> (i64, i64) {
        let sql = "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock') FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'memoryscope'";
        let row = self.connect().await.query_one(sql, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.config()).await.unwrap()
    }

    /// A connection of the test's own.
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }

    /// A connection on which any bytes pass for text, so that text may be left as a damaged file would have it.
    pub(crate) async fn connect_for_damage(&self) -> tokio_postgres::Client {
        let client = self.connect().await;
        let encoding = |name: &str| {
            format!(
                "UPDATE pg_database SET encoding = pg_char_to_encoding('{name}')
                 WHERE datname = current_database()"
            )
        };
        client.batch_execute(&encoding("SQL_ASCII")).await.unwrap();
        let damaging = self.connect().await;
        client.batch_execute(&encoding("UTF8")).await.unwrap();
        damaging
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, admin) = (self.name.clone(), self.admin.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let url = admin.replacen("+psycopg", "", 1);
                // A cluster that was stopped takes its databases with it.
                if let Ok((client, driver)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
                    tokio::spawn(driver);
                    let _ = client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let url = url.replacen("+psycopg", "", 1);
    let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}
