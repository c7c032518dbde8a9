//! A server of one's own to measure: a process on a free port, with a store that is gone afterwards.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::http::Target;
use crate::process::Process;

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
        Ok(Self { executable, database_url: database_url.unwrap_or_else(own), folder })
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
        let child = Command::new(&self.executable)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("DATABASE_URL", &self.database_url)
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
