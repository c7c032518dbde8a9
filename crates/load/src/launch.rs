//! A server of one's own to measure: a process on a free port, with a store that is gone afterwards.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::http::Target;
use crate::process::Process;
use crate::vectors::Vectors;

/// How long a server may take until it listens: a migration of a large database takes its time.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two questions whether it is ready.
const ASK_AGAIN: Duration = Duration::from_millis(1);
/// So many of its last lines are told when it does not start.
const LINES_TOLD: usize = 5;

/// How servers are started: which program, on which store.
#[derive(Debug)]
pub struct Launcher {
    executable: PathBuf,
    database_url: String,
    folder: TempDir,
    has_models: bool,
}

/// How large a database is on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DatabaseBytes {
    /// Its file, in bytes.
    pub file: u64,
    /// What was written last and is moved into the file later, in bytes. It is as long as it ever was, and used again.
    pub log: u64,
}

impl Launcher {
    /// Servers of `executable` on the given database, or else on a new SQLite file in a temporary folder (`TMPDIR`),
    /// which goes when this value does. A database that was given is left as it is afterwards.
    ///
    /// # Errors
    /// When there is no place for the folder.
    pub fn new(executable: PathBuf, database_url: Option<String>) -> Result<Self, Failure> {
        let folder =
            tempfile::Builder::new().prefix("memoryscope-bench-").tempdir().map_err(Failure::Folder)?;
        let own = || format!("sqlite://{}", folder.path().join("memoryscope.db").display());
        let database_url = database_url.unwrap_or_else(own);
        Ok(Self { executable, database_url, folder, has_models: true })
    }

    /// The same servers without anybody who makes vectors of texts, unless `.env` names an endpoint.
    #[must_use]
    pub fn without_models(self) -> Self {
        Self { has_models: false, ..self }
    }

    /// How large the file of the database and its log are now; none of a database that is no file.
    #[must_use]
    pub fn database_bytes(&self) -> Option<DatabaseBytes> {
        let path = self.database_url.strip_prefix("sqlite://").filter(|_| self.database() == "sqlite")?;
        let bytes = |path: &str| std::fs::metadata(path).map(|file| file.len());
        Some(DatabaseBytes {
            file: bytes(path).ok()?,
            log: bytes(&format!("{path}-wal")).unwrap_or_default(),
        })
    }

    /// What kind of database it is: `sqlite` or, by any of its schemes, `postgresql`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        let scheme = self.database_url.split(':').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("sqlite") { "sqlite" } else { "postgresql" }
    }

    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; what it said last is part of the message.
    pub async fn start(&self) -> Result<Server, Failure> {
        let log = self.folder.path().join("server.log");
        let failed =
            |why: String| Failure::Launch(format!("{why}\n{}", last_lines(&log)).trim_end().to_owned());
        let file = File::create(&log).map_err(Failure::Folder)?;
        let began = Instant::now();
        // The URL may hold a password: in the environment only its owner sees it.
        let mut command = Command::new(&self.executable);
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", &self.database_url);
        if !self.has_models {
            for name in ["MEMORYSCOPE_EMBED_URL", "MEMORYSCOPE_EMBED_MODEL", "MEMORYSCOPE_EMBED_DIMENSIONS"] {
                command.env_remove(name);
            }
            // A folder that is not there.
            command.env("MEMORYSCOPE_MODEL_DIR", self.folder.path().join("no-models"));
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|cause| failed(format!("{}: {cause}", self.executable.display())))?;
        let mut child = Own(child);
        let (tell, told) = oneshot::channel();
        let out = child.0.stdout.take();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out?);
            let mut line = String::new();
            out.read_line(&mut line).ok()?;
            tell.send(line).ok()?;
            // A server that cannot print would stop: its pipe is kept empty.
            out.read_to_end(&mut Vec::new()).ok()
        });
        let line = timeout(START_PATIENCE, told).await;
        let line = line.map_err(|_| failed(format!("it says nothing for {} s", START_PATIENCE.as_secs())))?;
        let line = line.unwrap_or_default();
        let url = line.trim_end().strip_prefix("listening on ");
        let target = Target::parse(url.ok_or_else(|| failed(format!("it ended {}", child.how_it_ended())))?)?;
        let mut ready = target.ready().await;
        while ready.is_err() && began.elapsed() < START_PATIENCE {
            sleep(ASK_AGAIN).await;
            ready = target.ready().await;
        }
        ready?;
        Ok(Server { target, ready_after: began.elapsed(), child })
    }
}

/// Which server is asked.
#[derive(Debug)]
pub enum Place {
    /// One that is started for it.
    Own(Launcher),
    /// One that runs.
    Running(Target),
}

impl Place {
    /// The server, started where it has to be. With `words_only` one that is started has no model.
    ///
    /// # Errors
    /// When it does not start or cannot be reached, or makes vectors though it should not.
    pub async fn open(self, words_only: bool) -> Result<Opened, Failure> {
        let opened = match self {
            Self::Own(launcher) => {
                let launcher = if words_only { launcher.without_models() } else { launcher };
                let server = launcher.start().await?;
                Opened { target: server.target.clone(), own: Some((server, launcher)) }
            }
            Self::Running(target) => Opened { target, own: None },
        };
        match Vectors::of(&opened.target).await? {
            Some(_) if words_only => Err(Failure::Embeds),
            _ => Ok(opened),
        }
    }
}

/// A server that is asked; one that was started ends with this value.
#[derive(Debug)]
pub struct Opened {
    /// Where it listens.
    pub target: Target,
    /// The server ends before its folder goes.
    own: Option<(Server, Launcher)>,
}

impl Opened {
    /// What its database is, where that is known: `sqlite` or `postgresql`.
    #[must_use]
    pub fn database(&self) -> Option<String> {
        self.own.as_ref().map(|(_, launcher)| launcher.database().to_owned())
    }

    /// [`Launcher::database_bytes`], where it was started here.
    #[must_use]
    pub fn database_bytes(&self) -> Option<DatabaseBytes> {
        self.own.as_ref().and_then(|(_, launcher)| launcher.database_bytes())
    }

    /// Its process, where it was started here.
    pub(crate) fn process(&self) -> Option<Process> {
        self.own.as_ref().map(|(server, _)| server.process())
    }
}

/// The last lines of a log.
fn last_lines(log: &std::path::Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n")
}

/// A process that ends with this value.
#[derive(Debug)]
struct Own(Child);

impl Own {
    fn how_it_ended(&mut self) -> String {
        // It has closed its output, so it ends or has ended; if it lingers, that it was killed is what is told.
        let _ = self.0.kill();
        self.0.wait().map_or_else(|cause| cause.to_string(), |status| format!("with {status}"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that was started here and ends with this value, at once (`SIGKILL`).
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub target: Target,
    /// How long it took from its start to its first answer that it is ready.
    pub ready_after: Duration,
    child: Own,
}

impl Server {
    /// Its process.
    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.0.id())
    }
}
