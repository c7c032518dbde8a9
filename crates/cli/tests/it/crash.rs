//! `kill -9` under load: nothing acknowledged is lost, nothing is there by halves, and the chain verifies.
//!
//! Eight clients write, read, revoke and delete, and keep a journal of what was acknowledged. After the k-th
//! acknowledgement the server is killed. What had no answer may have been done or not, but only whole.
//! `scripts/kill-campaign 50` does the same more often.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Answer, Client};
use crate::memories::{Export, create, list, memory};
use crate::places::Place;
use crate::process::{Server, run, sql, verify_with_python};

const WRITERS: usize = 8;
/// In the suite; `MEMORYSCOPE_KILLS` asks for more.
const KILLS: u32 = 5;

/// What one client was told, and what it was not told.
#[derive(Debug, Default)]
struct Journal {
    user: String,
    created: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// Of this round only: the tokens of earlier rounds were looked at then.
    granted: BTreeSet<String>,
    revoked: BTreeSet<String>,
    unanswered_creates: usize,
    unanswered_deletes: BTreeSet<String>,
    step: u64,
}

/// Counts what was acknowledged, and wakes whoever waits for a number.
#[derive(Debug, Default)]
struct Acknowledged {
    count: Mutex<u64>,
    more: Condvar,
}

impl Acknowledged {
    fn one_more(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_all();
    }

    fn wait_for(&self, wanted: u64) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = crate::process::DEADLINE;
        let (count, _) = self
            .more
            .wait_timeout_while(count, patience, |count| *count < wanted)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(*count >= wanted, "only {count} of {wanted} acknowledgements in {patience:?}");
    }

    fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// One request after the other, until none is answered any more.
    fn work(&mut self, client: &mut Client, acknowledged: &Acknowledged) {
        while self.next(client).is_ok() {
            acknowledged.one_more();
        }
    }

    fn next(&mut self, client: &mut Client) -> io::Result<()> {
        self.step += 1;
        match self.step % 8 {
            3 | 6 => self.read(client),
            4 => self.revoke(client),
            7 => self.delete(client),
            _ => self.create(client),
        }
    }

    fn create(&mut self, client: &mut Client) -> io::Result<()> {
        let like = format!("{}-{}", self.user, self.step);
        match client.try_post("/memory", &memory(&self.user, &like)) {
            Ok(answer) => {
                self.created.insert(answer.expect(201).text("id"));
                Ok(())
            }
            Err(why) => {
                self.unanswered_creates += 1;
                Err(why)
            }
        }
    }

    fn read(&mut self, client: &mut Client) -> io::Result<()> {
        let body = json!({"user_id": self.user, "scope": "constraints", "purpose": "schedule"});
        let answer = client.try_post("/memory/read", &body)?.expect(200);
        self.granted.insert(answer.text("revocation_token"));
        Ok(())
    }

    fn revoke(&mut self, client: &mut Client) -> io::Result<()> {
        let Some(token) = self.granted.pop_first() else { return self.read(client) };
        // Taken out of `granted` first: if no answer comes, nothing is expected of it.
        client.try_post("/memory/revoke", &json!({"revocation_token": token}))?.expect(200);
        self.revoked.insert(token);
        Ok(())
    }

    fn delete(&mut self, client: &mut Client) -> io::Result<()> {
        let live = self.created.iter().find(|id| !self.deleted.contains(*id));
        let Some(id) = live.cloned() else { return self.create(client) };
        match client.send("DELETE", &format!("/memory/{id}?user_id={}", self.user), &[], b"") {
            Ok(answer) => {
                answer.expect(200);
                self.deleted.insert(id);
                Ok(())
            }
            Err(why) => {
                self.unanswered_deletes.insert(id);
                Err(why)
            }
        }
    }

    /// Compares what was acknowledged with what is there, which it answers.
    fn check(&mut self, client: &mut Client) -> BTreeSet<String> {
        let there = list(client, &self.user);
        let must: BTreeSet<String> = self.created.difference(&self.deleted).cloned().collect();
        let lost: Vec<_> =
            must.difference(&there).filter(|id| !self.unanswered_deletes.contains(*id)).collect();
        assert!(lost.is_empty(), "{}: acknowledged and lost: {lost:?}", self.user);
        let undead: Vec<_> = self.deleted.intersection(&there).collect();
        assert!(undead.is_empty(), "{}: deleted and there: {undead:?}", self.user);
        let unexpected = there.difference(&self.created).count();
        assert!(unexpected <= self.unanswered_creates, "{}: {unexpected} that nobody made", self.user);
        for token in std::mem::take(&mut self.revoked) {
            let answer = go_on(client, &token).expect(403);
            assert_eq!(answer.code(), "REVOKED", "{}: a revocation was lost", self.user);
        }
        for token in std::mem::take(&mut self.granted) {
            go_on(client, &token).expect(200);
        }
        there
    }
}

fn go_on(client: &mut Client, token: &str) -> Answer {
    client.post("/memory/read/continue", &json!({"revocation_token": token}))
}

/// What one kill showed.
#[derive(Debug)]
struct Round {
    acknowledged: u64,
    restart: Duration,
    memories: usize,
    /// Of them, those whose answer the kill cut off.
    unanswered: usize,
    entries: usize,
}

/// Loads the server, ends it after so many acknowledgements, starts it again and looks.
fn round(
    folder: &Path,
    server: Server,
    journals: &mut [Journal],
    end_after: u64,
    end: impl FnOnce(Server),
) -> (Server, Round) {
    let acknowledged = Acknowledged::default();
    std::thread::scope(|scope| {
        for journal in journals.iter_mut() {
            let (mut client, acknowledged) = (server.client(), &acknowledged);
            scope.spawn(move || journal.work(&mut client, acknowledged));
        }
        acknowledged.wait_for(end_after);
        end(server);
    });
    let started = Instant::now();
    let server = Server::start(folder);
    server.ready();
    let restart = started.elapsed();
    let mut client = server.client();
    let there: BTreeSet<String> = journals.iter_mut().flat_map(|it| it.check(&mut client)).collect();
    let entries = check_chain(folder, journals, &there);
    let answered = |id: &&String| journals.iter().any(|it| it.created.contains(*id));
    let unanswered = there.iter().filter(|id| !answered(id)).count();
    let acknowledged = acknowledged.count();
    (server, Round { acknowledged, restart, memories: there.len(), unanswered, entries })
}

/// The chain holds, for both verifiers, and tells of the same memories as the listings do.
fn check_chain(folder: &Path, journals: &[Journal], there: &BTreeSet<String>) -> usize {
    let verified = run(folder, &["audit", "verify", "--json"]).expect(0);
    assert_eq!(verified.json()["ok"], true, "{}", verified.out);
    run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(0);
    let second = verify_with_python(folder, &["export.jsonl"]).expect(0);
    assert!(second.out.contains(": ok "), "{}", second.out);

    let export = Export::read(&std::fs::read_to_string(folder.join("export.jsonl")).expect("an export"));
    let places = export.places();
    assert!(places.iter().copied().eq(1..=places.len() as u64), "the places of the chain have gaps");
    let written = export.memories("MEMORY_WRITE");
    let without_entry: Vec<_> = there.difference(&written).collect();
    assert!(without_entry.is_empty(), "memories without an audit entry: {without_entry:?}");
    let gone = |id: &&String| {
        journals.iter().any(|it| it.deleted.contains(*id) || it.unanswered_deletes.contains(*id))
    };
    let without_memory: Vec<_> = written.difference(there).filter(|id| !gone(id)).collect();
    assert!(without_memory.is_empty(), "audit entries without their memory: {without_memory:?}");
    places.len()
}

fn journals() -> Vec<Journal> {
    (0..WRITERS).map(|i| Journal { user: format!("writer-{i}"), ..Journal::default() }).collect()
}

#[expect(clippy::print_stdout, reason = "what a campaign shows")]
fn kill_again_and_again(place: &Place) {
    let asked = std::env::var("MEMORYSCOPE_KILLS").ok();
    let kills = asked.map_or(KILLS, |text| text.parse().expect("MEMORYSCOPE_KILLS is a number"));
    let mut server = Server::start(place.folder());
    let mut journals = journals();
    println!("kill  acknowledged  restart ms  memories  unanswered  entries");
    let mut restarts = Vec::new();
    for kill in 0..kills {
        // At the first acknowledgement, in the middle of work, late: always at the same counts.
        let kill_after = 1 + u64::from(kill) * 149 % 601;
        let found;
        (server, found) = round(place.folder(), server, &mut journals, kill_after, Server::kill);
        let Round { acknowledged, restart, memories, unanswered, entries } = found;
        let restart_ms = restart.as_millis();
        println!(
            "{:>4}  {acknowledged:>12}  {restart_ms:>10}  {memories:>8}  {unanswered:>10}  {entries:>7}",
            kill + 1
        );
        restarts.push(restart);
    }
    let (status, _) = server.stop();
    assert!(status.success(), "{status}");
    restarts.sort();
    let (median, longest) = (restarts.get(restarts.len() / 2), restarts.last());
    println!("restart to ready: median {median:?}, longest {longest:?}; lost: 0; chain broken: 0");
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let place = Place::sqlite();
    kill_again_and_again(&place);
    assert_eq!(sql(place.folder(), "memoryscope.db", "PRAGMA integrity_check"), "ok");
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_on_postgresql() {
    Place::with_postgres(kill_again_and_again);
}

fn end_in_order(place: &Place) {
    let server = Server::start(place.folder());
    let stop = |server: Server| {
        let (status, said) = server.stop();
        assert_eq!(status.code(), Some(0), "{said}");
    };
    let (server, found) = round(place.folder(), server, &mut journals(), 300, stop);
    assert_eq!(found.unanswered, 0, "done, and nobody was told");
    stop(server);
}

#[test]
fn an_orderly_end_under_load_answers_whatever_it_does() {
    end_in_order(&Place::sqlite());
}

#[test]
fn an_orderly_end_under_load_answers_whatever_it_does_on_postgresql() {
    Place::with_postgres(end_in_order);
}

/// How many memories of the person who is erased there are: many steps.
const THEIRS: usize = 3_000;
/// Memories that are erased in one commit.
const STEP: usize = 100;

/// A number that the database of a running or dead server tells.
fn number(folder: &Path, statement: &str) -> usize {
    sql(folder, "memoryscope.db", statement).trim().parse().expect("a number")
}

/// Killed in the middle of it, an erasure leaves every step whole or undone, and goes on when it is asked for again.
#[test]
fn an_erasure_that_is_killed_is_whole_in_every_step_and_goes_on() {
    let place = Place::sqlite();
    let folder = place.folder();
    let server = Server::start(folder);
    let mut client = server.client();
    let mut at = 0;
    while at < THEIRS {
        let items: Vec<_> = (at..at + 1_000).map(|one| memory("ada", &format!("thing {one}"))).collect();
        client.post("/memory/batch", &json!({"memories": items})).expect(200);
        at += items.len();
    }
    create(&mut client, "bob", "his own");
    let erase = "/v2/subjects/ada/erase";
    let own = [("x-memoryscope-user", "ada"), ("content-type", "application/json")];
    let body = json!({"tenant_id": "t_default"}).to_string();
    let gone = "SELECT count(*) FROM memories WHERE state = 4";
    let mut asking = server.client();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| asking.send("POST", erase, &own, body.as_bytes()));
        crate::process::until("the first step", || (number(folder, gone) > 0).then_some(()));
        server.kill();
        // It had no answer, or all of it was done already.
        if let Ok(answer) = asked.join().expect("no panic") {
            answer.expect(200);
        }
    });
    let erased = number(folder, gone);
    assert!(erased > 0 && erased.is_multiple_of(STEP), "{erased} of {THEIRS}: a step was made by halves");
    assert_eq!(number(folder, "SELECT count(*) FROM suppressions"), erased, "its digests came with it");
    run(folder, &["audit", "verify"]).expect(0);

    let server = Server::start(folder);
    let mut client = server.client();
    let mut again =
        || client.send("POST", erase, &own, body.as_bytes()).expect("an answer").expect(200).json();
    let receipt = again();
    assert_eq!(receipt["counts"]["preferences"], THEIRS - erased, "{receipt}");
    assert_eq!(again()["counts"]["preferences"], 0);
    assert_eq!(list(&mut client, "bob").len(), 1);
    assert!(list(&mut client, "ada").is_empty());
    assert!(server.stop().0.success());
    assert_eq!(number(folder, gone), THEIRS);
    run(folder, &["audit", "verify"]).expect(0);
}
