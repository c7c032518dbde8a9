//! The binary on PostgreSQL: what its commands say there, and that the store is the one that was named.

use serde_json::json;

use crate::memories::{create, list, reading};
use crate::places::Place;
use crate::process::{Server, python, run};

#[test]
fn every_command_works_on_postgresql() {
    let Some(place) = Place::postgres() else { return };
    let folder = place.folder();
    let said = run(folder, &["migrate", "--status"]).expect(1);
    assert!(said.out.contains("0001") && said.out.contains(" no"), "{}", said.out);
    let said = run(folder, &["audit", "verify"]).expect(1);
    assert!(said.err.contains("its schema is"), "{said:#?}");
    assert_eq!(
        run(folder, &["migrate"]).expect(0).out,
        "applied 0001\napplied 0002\napplied 0003\napplied 0004\napplied 0005\napplied 0006\napplied 0007\napplied 0008\napplied 0009\napplied 0010\napplied 0011\napplied 0012\n"
    );
    assert_eq!(run(folder, &["migrate"]).expect(0).out, "the schema is up to date\n");
    run(folder, &["migrate", "--status"]).expect(0);

    let server = Server::start_with(folder, &["--validate-config", "--no-migrate"]);
    let mut client = server.client();
    client.get("/healthz/ready").expect(200);
    let id = create(&mut client, "ada", "trains");
    assert!(list(&mut client, "ada").contains(&id));
    let token = client.post("/memory/read", &reading("ada")).expect(200).text("revocation_token");
    let grant = json!({"revocation_token": token});
    client.post("/memory/read/continue", &grant).expect(200);
    client.post("/memory/revoke", &grant).expect(200);
    assert_eq!(client.post("/memory/read/continue", &grant).expect(403).code(), "REVOKED");
    let page = String::from_utf8(client.get("/metrics").expect(200).body).expect("UTF-8");
    for series in ["memoryscope_store_up 1", "memoryscope_store_connections{state=\"busy\"} 0"] {
        assert!(page.contains(series), "{series} is not in\n{page}");
    }
    assert!(page.contains("memoryscope_commit_batch_size_count"), "{page}");
    drop(client);

    let policy = crate::root().join("policies/default.yaml");
    run(folder, &["policy", "activate", policy.to_str().expect("UTF-8")]).expect(0);
    let verified = run(folder, &["audit", "verify", "--json"]).expect(0);
    assert_eq!(verified.json()["ok"], true, "{}", verified.out);
    assert!(server.stop().0.success());
    assert!(!folder.join("memoryscope.db").exists(), "it was PostgreSQL that was named");
}

#[test]
fn a_password_is_in_no_message() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nothing listens on a port that was just let go.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("postgresql://ada:s3cret@{}/m", free.local_addr().expect("an address"));
    drop(free);
    for command in ["serve", "migrate", "audit verify", "config", "bench"] {
        let words: Vec<&str> = command.split(' ').chain(["--database-url", &url]).collect();
        let said = run(folder.path(), &words);
        assert!(!format!("{said:?}").contains("s3cret"), "{said:#?}");
        if command != "config" {
            assert_eq!(said.code, Some(1), "{said:#?}");
            assert!(said.err.contains("postgresql://ada:***@127.0.0.1"), "{said:#?}");
        }
    }
}

#[test]
fn a_changed_row_is_found_on_postgresql() {
    let Some(place) = Place::postgres() else { return };
    let server = Server::start(place.folder());
    for number in 0..3 {
        create(&mut server.client(), "ada", &format!("thing {number}"));
    }
    assert!(server.stop().0.success());
    run(place.folder(), &["audit", "export", "--out", "export.jsonl"]).expect(0);
    let script = crate::root().join("tools/verify_audit.py");
    python(place.folder(), &[script.to_str().expect("UTF-8"), "export.jsonl"]).expect(0);
    place.sql("UPDATE audit_events SET text = replace(text, 'MEMORY_WRITE', 'MEMORY_READ') WHERE seq = 2");
    let said = run(place.folder(), &["audit", "verify"]).expect(1);
    assert!(said.out.contains("BROKEN at 2"), "{said:#?}");
}
