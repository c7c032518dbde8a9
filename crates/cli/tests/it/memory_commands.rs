//! `memoryscope remember|query|reconstruct`: on a store and through a server, with the same answers.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::places::Place;
use crate::process::{Said, Server, binary, run};

/// Without what differs from one run to the next: identifiers, and when something was stored.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match mask(rest) {
            Some(mask) => {
                out.push_str(mask);
                mask.len()
            }
            None => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// What stands for the identifier or the time that a text begins with.
fn mask(text: &str) -> Option<&'static str> {
    const MASKS: [&str; 4] = [
        "mem_00000000000000000000000000000000",
        "log_00000000000000000000000000000000",
        "con_00000000000000000000000000000000",
        "0000-00-00 00:00",
    ];
    let is_so = |mask: &&str| {
        let fits =
            |(byte, mask): (u8, u8)| if mask == b'0' { byte.is_ascii_hexdigit() } else { byte == mask };
        text.len() >= mask.len() && text.bytes().zip(mask.bytes()).all(fits)
    };
    // The time that the tests give themselves stays.
    MASKS.into_iter().find(is_so).filter(|_| !text.starts_with("2026-01-05"))
}

/// What a command says, masked, and how it ends.
fn said(said: &Said) -> (Option<i32>, String, String) {
    (said.code, masked(&said.out), masked(&said.err))
}

/// A server and its database, and the flags that reach the one or the other.
fn both_ways(place: &Place, work: impl Fn(&dyn Fn(&str, &[&str]) -> (Said, Said))) {
    let server = Server::start(place.folder());
    let url = format!("http://{}", server.address);
    work(&|verb, arguments| {
        let through = [&[verb], arguments, &["--url", &url]].concat();
        let on_store = [&[verb], arguments].concat();
        (run(place.folder(), &through), run(place.folder(), &on_store))
    });
    assert!(server.stop().0.success());
}

#[track_caller]
fn same((one, other): (Said, Said)) -> Said {
    assert_eq!(said(&one), said(&other));
    one
}

const PEANUTS: [&str; 7] =
    ["I'm allergic to peanuts.", "--user", "ana", "--language", "en", "--at", "2026-01-05T09:00:00Z"];
const SHAME: [&str; 13] = [
    "I told my mother that I wished she had never come.",
    "--user",
    "ana",
    "--truth-mode",
    "subjective_experience",
    "--category",
    "shame",
    "--category",
    "family",
    "--level",
    "high",
    "--at",
    "2026-01-05T09:00:00Z",
];

fn people_read_the_same_either_way(place: &Place) {
    both_ways(place, |ask| {
        insta::assert_snapshot!("remembered", masked(&same(ask("remember", &PEANUTS)).expect(0).out));
        insta::assert_snapshot!("sealed", masked(&same(ask("remember", &SHAME)).expect(0).out));
        let chat = ["--user", "ana", "--purpose", "chat_response"];
        let queried = same(ask("query", &chat)).expect(0).out;
        assert!(!queried.contains("mother"), "{queried}");
        insta::assert_snapshot!("queried", masked(&queried));
        // The seeds that sprout in the first context rest in the ones after it.
        let (first, _) = ask("reconstruct", &chat);
        insta::assert_snapshot!("reconstructed", masked(&first.expect(0).out));
        assert!(!same(ask("reconstruct", &chat)).expect(0).out.contains("From earlier"));
        let messages =
            [&chat[..], &["--format", "messages", "--cue", "dinner", "--max-tokens", "40"]].concat();
        insta::assert_snapshot!("messages", masked(&same(ask("reconstruct", &messages)).expect(0).out));
        let own = ["--scope", "user:ana", "--purpose", "subject_access", "--filter", "type=event"];
        insta::assert_snapshot!("own", masked(&same(ask("query", &own)).expect(0).out));
        let audit = ["--scope", "user:ana", "--purpose", "compliance_audit"];
        let denied = same(ask("query", &audit)).expect(1);
        assert_eq!(denied.out, "");
        assert!(denied.err.starts_with("error: POLICY_DENIED: "), "{denied:#?}");
        assert!(denied.err.contains("recorded as log_"), "{denied:#?}");
        let audited =
            same(ask("query", &[&audit[..], &["--role", "auditor", "--filter", "state=sealed"]].concat()));
        assert!(audited.expect(0).out.contains("sealed"));
        let none = same(ask("query", &["--user", "ben", "--purpose", "chat_response"])).expect(0);
        assert!(none.out.starts_with("no memories\n"), "{none:#?}");
    });
}

#[test]
fn people_read_the_same_on_sqlite() {
    people_read_the_same_either_way(&Place::sqlite());
}

#[test]
fn people_read_the_same_on_postgres() {
    Place::with_postgres(people_read_the_same_either_way);
}

fn a_memory_is_sealed_and_its_tools_follow(place: &Place) {
    both_ways(place, |ask| {
        let text = ["Please ask me before you book anything.", "--user", "ana", "--json"];
        let (through, on_store) = ask("remember", &text);
        let ids =
            [through, on_store].map(|said| said.expect(0).json()["id"].as_str().expect("an id").to_owned());
        let of = |verb: &str, id: &str, more: &[&str]| ask(verb, &[&[id, "--user", "ana"], more].concat());
        let gate = |code: i32| {
            let evidence = ["book", "--user", "ana", "--evidence", &ids[0], "--evidence", &ids[1]];
            masked(&same(ask("gate", &evidence)).expect(code).out)
        };
        insta::assert_snapshot!("gate_open", gate(0));
        of("reinforce", &ids[0], &["--delta", "0.2"]).0.expect(0);
        let attested = of("attest", &ids[0], &["I said so.", "--contradict"]).0.expect(0);
        assert!(attested.out.contains("contested"), "{attested:#?}");
        for id in &ids {
            let (first, again) = of("seal", id, &["--reason", "not now"]);
            assert!(first.expect(0).out.contains("followed"));
            assert!(!again.expect(0).out.contains("followed"));
        }
        insta::assert_snapshot!("gate_closed", gate(1));
        let asked =
            ask("query", &["--user", "ana", "--purpose", "subject_access", "--json"]).0.expect(0).json();
        let log = asked["access_log_id"].as_str().expect("a name").to_owned();
        let told = same(ask("explain", &[&log, "--user", "ana"])).expect(0);
        insta::assert_snapshot!("explained", masked(&told.out));
        let strangers = same(ask("explain", &[&log, "--user", "ben"]));
        assert!(strangers.expect(1).err.starts_with("error: NOT_FOUND: "));
        let released = of("release", &ids[1], &[]).0.expect(0);
        insta::assert_snapshot!("released", masked(&released.out));
        of("revoke", &ids[0], &[]).1.expect(0);
        let barred = same(of("seal", &ids[0], &[]));
        assert!(barred.expect(1).err.starts_with("error: CONFLICT: "));
        let disputed = same(of("dispute", &ids[1], &[]));
        assert_eq!(disputed.code, Some(2), "{disputed:#?}");
        let unknown = same(of("seal", "mem_00000000000070008000000000000001", &[]));
        assert!(unknown.expect(1).err.starts_with("error: NOT_FOUND: "));
        assert_eq!(same(of("seal", "../../healthz", &[])).code, Some(2));
    });
}

#[test]
fn a_memory_is_sealed_and_its_tools_follow_on_sqlite() {
    a_memory_is_sealed_and_its_tools_follow(&Place::sqlite());
}

#[test]
fn a_memory_is_sealed_and_its_tools_follow_on_postgres() {
    Place::with_postgres(a_memory_is_sealed_and_its_tools_follow);
}

/// An answer without what differs between two requests.
fn steady(mut answer: Value) -> Value {
    answer["access_log_id"] = Value::Null;
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        // It decays between the two.
        item["strength"]["effective"] = Value::Null;
    }
    answer
}

fn programs_read_the_apis_answers(place: &Place) {
    both_ways(place, |ask| {
        let (through, on_store) = ask("remember", &[&PEANUTS[..], &["--json"]].concat());
        for stored in [through.expect(0).json(), on_store.expect(0).json()] {
            assert_eq!((&stored["state"], &stored["tenant_id"]), (&json!("active"), &json!("t_default")));
            assert_eq!(stored["derived"].as_array().map(Vec::len), Some(2), "{stored}");
        }
        let chat = ["--user", "ana", "--purpose", "chat_response", "--json"];
        let (through, on_store) = ask("query", &chat);
        let (through, on_store) = (steady(through.expect(0).json()), steady(on_store.expect(0).json()));
        assert_eq!(through, on_store);
        assert_eq!(through["items"].as_array().map(Vec::len), Some(6), "{through}");
        let context = [&chat[..], &["--format", "json"]].concat();
        ask("reconstruct", &context);
        let (through, on_store) = ask("reconstruct", &context);
        assert_eq!(steady(through.expect(0).json()), steady(on_store.expect(0).json()));
        // A page a line, and all of them the whole.
        let (through, on_store) = ask("query", &[&chat[..], &["--all", "--limit", "4"]].concat());
        let pages = |said: Said| -> Vec<usize> {
            let pages = said.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            pages.map(|page| page["items"].as_array().map_or(0, Vec::len)).collect()
        };
        assert_eq!((pages(through.expect(0)), pages(on_store.expect(0))), (vec![4, 2], vec![4, 2]));
        let (through, on_store) = ask("query", &["--user", "ana", "--purpose", "compliance_audit", "--json"]);
        for denied in [through.expect(1), on_store.expect(1)] {
            assert_eq!(denied.json()["error"]["code"], "POLICY_DENIED");
        }
        let once = [&PEANUTS[..], &["--json", "--idempotency-key", "once"]].concat();
        let (through, on_store) = ask("remember", &once);
        assert_eq!(through.expect(0).json()["id"], on_store.expect(0).json()["id"]);
    });
}

#[test]
fn programs_read_the_apis_answers_on_sqlite() {
    programs_read_the_apis_answers(&Place::sqlite());
}

#[test]
fn programs_read_the_apis_answers_on_postgres() {
    Place::with_postgres(programs_read_the_apis_answers);
}

#[track_caller]
fn piped(place: &Place, arguments: &[&str], input: &str) -> Said {
    let mut child = binary(place.folder())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that refuses its flags reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn many_lines_are_each_stored_or_refused() {
    let place = Place::sqlite();
    let event = |text: &str| json!({"type": "event", "truth_mode": "factual_claim", "content": {"format": "text", "text": text}});
    let mut tenanted = event("The keys hang in the hall.");
    tenanted["tenant_id"] = json!("t_default");
    tenanted["scope"] = json!({"scope_type": "user", "scope_id": "ben"});
    let lines =
        format!("{}\n\n{}\n{}\n", event("I take the early train."), tenanted, json!({"type": "event"}));
    let told = piped(&place, &["remember", "--from", "-", "--user", "ana"], &lines).expect(1);
    insta::assert_snapshot!("many", masked(&told.out));
    let ben = ["query", "--scope", "user:ben", "--purpose", "chat_response"];
    // What is in another person's scope was refused, because a person was named.
    assert!(run(place.folder(), &ben).expect(0).out.starts_with("no memories"));
    std::fs::write(place.folder().join("lines.ndjson"), &lines).expect("a file");
    let arguments = ["remember", "--from", "lines.ndjson", "--scope", "user:ana", "--json"];
    let answer = run(place.folder(), &arguments).expect(1).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(2), &json!(1)), "{answer}");
    assert!(run(place.folder(), &ben).expect(0).out.contains("The keys hang in the hall."));
    let broken = piped(&place, &["remember", "--from", "-", "--user", "ana"], "{}\nnonsense\n").expect(2);
    assert!(broken.err.contains("-:2: must be a JSON object"), "{broken:#?}");
    let text = piped(&place, &["remember", "-", "--user", "cleo"], "I live by the river.\n").expect(0);
    assert!(text.out.contains("event"), "{text:#?}");
    let cleo = run(place.folder(), &["query", "--user", "cleo", "--purpose", "chat_response"]).expect(0);
    assert!(cleo.out.contains("I live by the river.\n"), "{cleo:#?}");
}

#[test]
fn wrong_use_is_told_before_anything_is_done() {
    let place = Place::sqlite();
    let check = |arguments: &[&str], code, expected: &str| {
        let said = run(place.folder(), arguments).expect(code);
        assert!(said.err.contains(expected), "{arguments:?} {said:#?}");
        assert_eq!(said.out, "", "{arguments:?}");
    };
    check(&["query", "--purpose", "chat_response"], 2, "--user <USER>");
    check(&["query", "--user", "ana", "--purpose", "chat"], 2, "a similar value exists: 'chat_response'");
    check(&["query", "--user", "ana", "--purpose", "maintenance"], 2, "[possible values: ");
    check(
        &["query", "--scope", "ana", "--purpose", "chat_response"],
        2,
        "must be TYPE:ID with one of these types: user,",
    );
    let filter = ["query", "--user", "ana", "--purpose", "chat_response", "--filter"];
    check(
        &[&filter[..], &["colour=red"]].concat(),
        2,
        "must be NAME=VALUE with one of these names: type, truth-mode,",
    );
    check(&[&filter[..], &["min-strength=much"]].concat(), 2, "min-strength must be a number from 0 to 1");
    check(&["query", "--user", "a\nb", "--purpose", "chat_response"], 2, "control characters");
    check(
        &["query", "--user", "ana", "--purpose", "chat_response", "--url", "https://a"],
        2,
        "must be http://HOST:PORT",
    );
    check(&["query", "--user", "ana", "--purpose", "chat_response"], 1, "there is no database at");
    check(&["remember", "--user", "ana"], 2, "<TEXT>");
    check(
        &["remember", "x", "--user", "ana", "--level", "huge"],
        2,
        "[possible values: low, medium, high, critical]",
    );
    check(&["remember", "x", "--user", "ana", "--from", "f"], 2, "cannot be used with");
    check(&["remember", "--user", "ana", "--from", "f", "--level", "low"], 2, "cannot be used with");
    check(
        &["remember", "x", "--user", "ana", "--at", "soon"],
        2,
        "body.temporal.occurred_at_observed must be an RFC 3339 time",
    );
    check(&["remember", " ", "--user", "ana", "--tenant", "acme"], 2, "body.tenant_id ");
    check(
        &["reconstruct", "--user", "ana", "--purpose", "chat_response", "--format", "xml"],
        2,
        "[possible values: text, json, messages]",
    );
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port");
    let url = format!("http://{free}");
    check(&["query", "--user", "ana", "--purpose", "chat_response", "--url", &url], 1, "cannot be reached");
}
