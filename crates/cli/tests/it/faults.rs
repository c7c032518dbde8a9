//! A disk that is full, logs that nobody takes: the server says so, loses nothing, and goes on when it is over.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use rlimit::Resource;
use serde_json::json;

use crate::http::{Answer, Client};
use crate::memories::{create, list, memory, reading};
use crate::process::{Server, binary, clean, run, until};

/// Writes that must be enough to fill the disk.
const WRITES_MAX: usize = 20_000;

/// What was done and acknowledged while the disk filled up.
struct Ada {
    client: Client,
    acknowledged: BTreeSet<String>,
    token: String,
}

impl Ada {
    fn new(server: &Server) -> Self {
        let mut client = server.client();
        create(&mut client, "ada", "before");
        let token = client.post("/memory/read", &reading("ada")).expect(200).text("revocation_token");
        Self { acknowledged: list(&mut client, "ada"), client, token }
    }

    fn write(&mut self, like: &str) -> Answer {
        let answer = self.client.post("/memory", &memory("ada", like));
        if answer.status == 201 {
            self.acknowledged.insert(answer.text("id"));
        }
        answer
    }

    /// Writes until there is no room, first for much and then for anything.
    fn fill(&mut self) {
        let padding = "x".repeat(2_000);
        let full = (0..WRITES_MAX).find(|number| self.write(&format!("{number}-{padding}")).status != 201);
        assert!(full.is_some(), "the disk was never full");
        let full = (0..WRITES_MAX).find(|number| {
            let statuses = [
                self.write(&format!("{number}")).status,
                self.client.post("/memory/read", &reading("ada")).status,
                self.client.get("/healthz/ready").status,
            ];
            statuses == [503; 3]
        });
        assert!(full.is_some(), "the disk was never quite full");
    }

    /// What cannot be audited is not answered, however often it is asked.
    fn is_refused(&mut self) {
        let grant = json!({"revocation_token": self.token});
        for number in 0..3 {
            refused(&self.write(&format!("refused {number}")));
            refused(&self.client.post("/memory/read", &reading("ada")));
            refused(&self.client.post("/memory/read/continue", &grant));
            refused(&self.client.post("/memory/revoke", &grant));
            refused(&self.client.get("/memory?user_id=ada&scope=preferences&purpose=recommend"));
        }
        let ready = self.client.get("/healthz/ready");
        assert_eq!((ready.status, ready.header("retry-after")), (503, Some("1")), "{:?}", ready.json());
        assert_eq!(self.client.get("/healthz/live").status, 200);
        assert_eq!(self.client.get("/healthz").json(), json!({"status": "degraded"}));
    }

    /// All goes on, and there is what was acknowledged and no more than that.
    fn goes_on(&mut self) {
        until("ready again, without a restart", || {
            (self.client.get("/healthz/ready").status == 200).then_some(())
        });
        assert_eq!(list(&mut self.client, "ada"), self.acknowledged);
        let grant = json!({"revocation_token": self.token});
        self.client.post("/memory/read/continue", &grant).expect(200);
        create(&mut self.client, "ada", "afterwards");
        let auditor = [("x-memoryscope-roles", "auditor")];
        let verified = self.client.send("GET", "/v2/audit/verify", &auditor, b"").expect("an answer");
        assert_eq!(verified.json()["ok"], true);
    }
}

#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
    assert!(answer.header("retry-after").is_some(), "no Retry-After: {answer:?}");
    assert_eq!(answer.code(), "UNAVAILABLE");
}

/// Files may not grow beyond a size, which needs no rights and no mount: what hits the limit is told no, as it
/// would be by a disk, in the middle of a file.
#[test]
fn a_limit_on_files_is_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    // The limit comes with a signal, which ends a program unless it is ignored; that is inherited.
    let mut shell = clean("sh", folder.path());
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" serve --listen 127.0.0.1:0"]);
    shell.arg(env!("CARGO_BIN_EXE_memoryscope"));
    let server = Server::spawn(&mut shell);
    let pid = i32::try_from(server.pid()).expect("a pid");
    let mut ada = Ada::new(&server);
    let limit = |soft: u64| {
        rlimit::prlimit(pid, Resource::FSIZE, Some((soft, rlimit::INFINITY)), None).expect("a limit");
    };
    // Not a multiple of a page, so that the last page is torn.
    limit(700_001);
    ada.fill();
    ada.is_refused();
    limit(rlimit::INFINITY);
    ada.goes_on();
    assert!(server.stop().0.success());
    run(folder.path(), &["audit", "verify"]).expect(0);
}

/// The same on a disk that really is full: a small one in memory, in a mount namespace of its own.
#[test]
fn a_full_disk_is_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = "mount -t tmpfs -o size=2m tmpfs .";
    let unshare = |script: &str| {
        let mut command = clean("unshare", folder.path());
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.arg(env!("CARGO_BIN_EXE_memoryscope"));
        command
    };
    let tried = unshare(mount).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        println!("skipped: this machine lets nobody mount; a_limit_on_files_is_survived stands in");
        return;
    }
    // `cd` goes to what is mounted, and not to what it hides.
    let script = format!("{mount} && cd \"$PWD\" && exec \"$0\" serve --listen 127.0.0.1:0");
    let server = Server::spawn(&mut unshare(&script));
    let inside = PathBuf::from(format!("/proc/{}/cwd", server.pid()));
    let mut ada = Ada::new(&server);
    let filler = inside.join("filler");
    let mut file = File::create(&filler).expect("a filler");
    file.write_all(&vec![0; 700_000]).expect("room for the filler");
    ada.fill();
    ada.is_refused();
    std::fs::remove_file(&filler).expect("the filler goes");
    drop(file);
    ada.goes_on();
    assert!(server.stop().0.success());
}

#[test]
fn a_log_that_nobody_takes_does_not_stop_the_server() {
    // A disk that is full, and a reader that has gone away.
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    let (reader, gone) = std::io::pipe().expect("a pipe");
    drop(reader);
    for log in [Stdio::from(full), Stdio::from(gone)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = binary(folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "DEBUG"]);
        let server = Server::spawn_logging_to(&mut command, log);
        let mut client = server.client();
        create(&mut client, "ada", "tea");
        client.get("/nowhere").expect(404);
        client.post("/memory", &json!({})).expect(422);
        create(&mut client, "ada", "coffee");
        assert!(server.stop().0.success());
    }
}
