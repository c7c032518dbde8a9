//! The binary as a process: started in a folder of its own, watched, stopped and killed.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Client;

/// How long something that must happen is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The pause between two looks at something that nobody announces.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The binary, with nothing in its environment.
pub(crate) fn binary(folder: &Path) -> Command {
    clean(env!("CARGO_BIN_EXE_memoryscope"), folder)
}

/// A program, in a folder, with nothing in its environment but where programs are.
pub(crate) fn clean(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// What a command of the binary said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:#?}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command of the binary to its end.
#[track_caller]
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    binary(folder).args(arguments).output().expect("the binary runs").into()
}

/// Runs a Python program with arguments.
#[track_caller]
pub(crate) fn python(folder: &Path, arguments: &[&str]) -> Said {
    // A launcher of several Pythons may need to know whose home this is.
    let home = std::env::var_os("HOME").map(|home| ("HOME", home));
    clean("python3", folder).envs(home).args(arguments).output().expect("python3 runs").into()
}

/// Runs SQL on a database of the folder, and answers the rows, a line each.
#[track_caller]
pub(crate) fn sql(folder: &Path, database: &str, statement: &str) -> String {
    const PROGRAM: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for row in db.execute(sys.argv[2]): print(*row, sep='|')
db.close()";
    python(folder, &["-c", PROGRAM, database, statement]).expect(0).out.trim_end().to_owned()
}

/// The second verifier, on an export.
#[track_caller]
pub(crate) fn verify_with_python(folder: &Path, arguments: &[&str]) -> Said {
    let script = crate::root().join("tools/verify_audit.py");
    let mut all = vec![script.to_str().expect("a path in UTF-8")];
    all.extend(arguments);
    python(folder, &all)
}

/// Waits until something can be seen.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// A server that ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    out: Pipe,
    err: Pipe,
}

/// What comes out of a pipe, as it comes.
#[derive(Debug, Default)]
struct Pipe {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pipe {
    fn collect(pipe: impl Read + Send + 'static, lines: Option<std::sync::mpsc::Sender<String>>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if let Some(lines) = &lines {
                    // Nobody listens after the first line.
                    let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
                }
                into.lock().unwrap_or_else(PoisonError::into_inner).append(&mut line);
            }
        });
        Self { text, thread: Some(thread) }
    }

    fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a reader of a pipe");
        }
        self.so_far()
    }
}

impl Server {
    /// Starts a server on `memoryscope.db` in the folder.
    #[track_caller]
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub(crate) fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = binary(folder);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        Self::spawn(&mut command)
    }

    /// Starts a command that is, or becomes, a server.
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_logging_to(command, Stdio::piped())
    }

    /// The same, with its standard error going there.
    #[track_caller]
    pub(crate) fn spawn_logging_to(command: &mut Command, log: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the server starts");
        let (say, first) = channel();
        let out = Pipe::collect(child.stdout.take().expect("a pipe"), Some(say));
        let err = match child.stderr.take() {
            Some(pipe) => Pipe::collect(pipe, None),
            None => Pipe::default(),
        };
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: unbound, out, err };
        server.address = server.bound(&first);
        server
    }

    #[track_caller]
    fn bound(&mut self, first: &Receiver<String>) -> SocketAddr {
        let line = first.recv_timeout(DEADLINE).unwrap_or_default();
        let address = line.trim_end().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        let Some(address) = address else {
            // It ends the pipes that are read to their end next.
            let _ = self.child.kill();
            panic!("the server does not listen: {line:?}\n{}", self.err.all());
        };
        address
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server says that it is ready.
    #[track_caller]
    pub(crate) fn ready(&self) {
        let mut client = self.client();
        until("ready", || (client.get("/healthz/ready").status == 200).then_some(()));
    }

    /// Asks the process to stop, as an operator does.
    #[track_caller]
    pub(crate) fn terminate(&self) {
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid())]).status();
        assert!(status.expect("sh runs").success());
    }

    /// Asks it to stop, and waits until it has.
    #[track_caller]
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.terminate();
        self.wait()
    }

    /// Waits for the end, and answers all that was said.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = until("the end of the process", || self.child.try_wait().expect("a child"));
        let said = format!("{}{}", self.out.all(), self.err.all());
        (status, said)
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child that can be killed");
        self.child.wait().expect("a child");
    }

    /// Kibibytes of a line of the process's status, such as `VmRSS`.
    #[track_caller]
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.pid()));
        let text = std::fs::read_to_string(path).expect("a status");
        let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("a line of it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("kibibytes")
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "what a failing test shows")]
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed in another way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let err = self.err.so_far();
            let tail: Vec<&str> = err.lines().rev().take(20).collect();
            eprintln!("the server's last lines, newest first:\n{}", tail.join("\n"));
        }
    }
}
