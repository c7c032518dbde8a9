//! Three weeks of one person's life (`story.yaml`), told to a server over HTTP, and what each purpose gets to see of them
//! (`golden/*.md`), for people to read. `UPDATE_GOLDEN=1` writes the files anew; read them as a diff.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::Client;
use crate::places::Place;
use crate::process::Server;

/// Who asks what for: the golden file, the purpose, the role, and the person who is named.
const ASKED: [(&str, &str, &str, &str); 19] = [
    ("chat_response", "chat_response", "app", "marta"),
    ("content_generation", "content_generation", "app", "marta"),
    ("recommendation", "recommendation", "app", "marta"),
    ("scheduling", "scheduling", "app", "marta"),
    ("ui_rendering", "ui_rendering", "app", "marta"),
    ("notification_delivery", "notification_delivery", "app", "marta"),
    ("task_execution", "task_execution", "agent", "marta"),
    ("safety_filtering", "safety_filtering", "app", "marta"),
    ("reflection", "reflection_requested_by_user", "app", "marta"),
    ("support_agent_review", "support_agent_review", "reviewer", "sam"),
    ("support_agent_review_by_an_app", "support_agent_review", "app", "marta"),
    ("compliance_audit", "compliance_audit", "auditor", "ines"),
    ("compliance_audit_by_an_app", "compliance_audit", "app", "marta"),
    ("debugging_replay", "debugging_replay", "auditor", "ines"),
    ("debugging_replay_by_an_admin", "debugging_replay", "admin", "olu"),
    ("subject_access", "subject_access", "app", "marta"),
    ("subject_access_by_another", "subject_access", "app", "daniel"),
    ("chat_response_by_another", "chat_response", "app", "daniel"),
    ("maintenance", "maintenance", "admin", "marta"),
];

/// Those in [`ASKED`] to whom nothing may be told, whatever the purpose.
const TOLD_NOTHING: [&str; 4] = [
    "support_agent_review_by_an_app",
    "compliance_audit_by_an_app",
    "chat_response_by_another",
    "maintenance",
];

/// One who is told what is about him: whom the subjects of an event name.
const TOLD_HIS_OWN: (&str, &str) = ("subject_access_by_another", "daniel");

/// An event of the story.
struct Told {
    request: Value,
    words: Vec<String>,
    only_for: BTreeSet<String>,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

fn story() -> Vec<Told> {
    let file: Value =
        serde_saphyr::from_str(&crate::text_of("crates/cli/tests/it/story/story.yaml")).expect("YAML");
    let events = file["events"].as_array().expect("events").iter().map(|event| {
        let mut request = event.clone();
        let members = request.as_object_mut().expect("an event");
        let mut taken = |name: &str| members.remove(name).unwrap_or_default();
        let (at, say, words, only_for) = (taken("at"), taken("say"), taken("words"), taken("only_for"));
        request["scope"] = json!({"scope_type": "user", "scope_id": file["scope"]});
        request["type"] = json!("event");
        request["content"] = json!({"format": "text", "language": "en", "text": say});
        request["temporal"] = json!({"occurred_at_observed": at});
        if request.get("truth_mode").is_none() {
            request["truth_mode"] = json!("factual_claim");
        }
        let only_for = texts(&only_for).into_iter().collect();
        Told { request, words: texts(&words), only_for }
    });
    events.collect()
}

/// What a table's row of a memory is.
fn row(item: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = match item["type"].as_str() {
        Some("impact") => {
            let constraints = item["impact_payload"]["constraints"].as_array().into_iter().flatten();
            let told = constraints.map(|one| format!("{} {}", text(&one["kind"]), text(&one["topic"])));
            told.collect::<Vec<_>>().join(", ")
        }
        Some("seed") => texts(&item["seed_payload"]["cues"]).join(", "),
        _ => text(&item["content"]["text"]),
    };
    let prompt = if item["include_in_prompt"] == true { "prompt" } else { "-" };
    format!("{:<6} {:<10} {prompt:<6} {said}", text(&item["type"]), text(&item["state"]))
}

/// The events with their times, then the impacts and seeds, whose times may be those of storing.
fn memories(answer: &Value) -> String {
    let items = answer["items"].as_array().expect("items");
    let mut told = String::new();
    for item in items.iter().filter(|item| item["type"] == "event") {
        let at = item["temporal"]["occurred_at_observed"].as_str().unwrap_or_default();
        let _ = writeln!(told, "{} {}", at.get(..16).unwrap_or_default().replace('T', " "), row(item));
    }
    let mut derived: Vec<String> = items.iter().filter(|item| item["type"] != "event").map(row).collect();
    derived.sort();
    for line in derived {
        let _ = writeln!(told, "{:<16} {line}", "");
    }
    if told.is_empty() { "nothing\n".to_owned() } else { told }
}

fn constraints(answer: &Value) -> String {
    let all = answer["impacts"].as_array().expect("impacts");
    let mut told = String::new();
    for one in all {
        let of = |name: &str| one[name].as_str().unwrap_or_default();
        let _ = writeln!(told, "- {} {} (of {}, by {})", of("kind"), of("topic"), of("target"), of("rule"));
    }
    if told.is_empty() { "nothing\n".to_owned() } else { told }
}

/// A client and what it asks.
struct Asker<'a> {
    client: &'a mut Client,
    tenant: String,
    headers: Vec<(&'static str, &'a str)>,
}

impl Asker<'_> {
    fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let answer = self.client.send("POST", path, &self.headers, body.as_bytes()).expect("an answer");
        (answer.status, answer.json())
    }

    /// The rules that decided a read, each with how often, as its audit entry says.
    fn rules(&mut self, answer: &Value) -> String {
        let id = answer["access_log_id"].as_str().expect("an entry");
        let auditor = [("x-memoryscope-roles", "auditor")];
        let path = format!("/v2/access-logs/{id}?tenant_id={}", self.tenant);
        let entry = self.client.send("GET", &path, &auditor, b"").expect("an answer").expect(200).json();
        let mut told = String::new();
        for (rule, count) in entry["rules"].as_object().into_iter().flatten() {
            let _ = writeln!(told, "- {rule}: {count}");
        }
        if told.is_empty() { "nothing\n".to_owned() } else { told }
    }
}

/// What a purpose gets to see, as a page to read.
///
/// Each page is of a tenant of its own, who was told the whole story: seeds that sprout for one purpose rest for the next.
fn page(client: &mut Client, (name, purpose, role, user): (&str, &str, &str, &str)) -> String {
    let tenant = format!("t_{name}");
    for told in story() {
        let mut request = told.request;
        request["tenant_id"] = json!(tenant);
        client.post("/v2/memories", &request).expect(201);
    }
    let headers = vec![
        ("content-type", "application/json"),
        ("x-memoryscope-user", user),
        ("x-memoryscope-roles", role),
    ];
    let about = json!({"tenant_id": tenant, "scope": {"scope_type": "user", "scope_id": "marta"}, "purpose": purpose});
    let mut asker = Asker { client, tenant, headers };
    let mut query = about.clone();
    query["limit"] = json!(1000);
    let (status, answer) = asker.post("/v2/memories/query", &query);
    let mut page = format!("# {purpose}, asked by {user} ({role})\n");
    if status != 200 {
        let error = &answer["error"];
        let _ = writeln!(page, "\n{status} {}: {}", error["code"], error["message"]);
        for field in answer["detail"].as_array().into_iter().flatten() {
            let _ = writeln!(page, "{} {}", field["loc"], field["msg"]);
        }
        if let Some(hint) = error["hint"].as_str() {
            let _ = writeln!(page, "{hint}");
        }
        return page;
    }
    assert_eq!(answer["next_cursor"], Value::Null);
    let _ = write!(page, "\n## Memories\n\n{}", memories(&answer));
    let _ = write!(page, "\n## What they ask for together\n\n{}", constraints(&answer));
    let _ = write!(page, "\n## What decided\n\n{}", asker.rules(&answer));
    let mut reconstruct = about;
    reconstruct["format"] = json!("text");
    let (status, answer) = asker.post("/v2/reconstruct", &reconstruct);
    assert_eq!(status, 200, "{answer}");
    let context = answer["reconstructed_context"].as_str().expect("a text");
    let _ = write!(page, "\n## The context\n\n{}", if context.is_empty() { "nothing\n" } else { context });
    let counted = |name: &str| answer["left_out"][name].as_array().map_or(0, Vec::len);
    if counted("withheld") > 0 {
        let _ = writeln!(page, "\n{} withheld", counted("withheld"));
    }
    page
}

fn golden(name: &str) -> PathBuf {
    crate::root().join("crates/cli/tests/it/story/golden").join(format!("{name}.md"))
}

/// Every page of the story, told to a server at this place.
fn pages(place: &Place) -> BTreeMap<&'static str, String> {
    let server = Server::start(place.folder());
    let mut client = server.client();
    let pages = ASKED.map(|asked| (asked.0, page(&mut client, asked)));
    assert!(server.stop().0.success());
    pages.into_iter().collect()
}

fn reads_as_the_golden_files(place: &Place) {
    let pages = pages(place);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for (name, page) in &pages {
            std::fs::write(golden(name), page).expect("a golden file");
        }
    }
    for (name, page) in &pages {
        let wanted = std::fs::read_to_string(golden(name)).unwrap_or_default();
        assert!(*page == wanted, "{name}: read the difference, then UPDATE_GOLDEN=1\n{page}");
    }
    for (name, page) in &pages {
        let kept = kept_secret(name, page);
        assert!(kept.is_empty(), "{name}\n{}\n{page}", kept.join("\n"));
    }
}

/// What a page tells that it may not, or does not tell that it should.
fn kept_secret(name: &str, page: &str) -> Vec<String> {
    let purpose = ASKED.iter().find(|asked| asked.0 == name).map_or("", |asked| asked.1);
    // The title names who asks.
    let page = page.split_once("\n\n").map_or("", |(_, told)| told).to_lowercase();
    let mut wrong = Vec::new();
    for told in story().iter().filter(|told| !told.words.is_empty()) {
        let is_his = || texts(&told.request["ownership"]["subjects"]).contains(&TOLD_HIS_OWN.1.to_owned());
        let may = told.only_for.contains(purpose)
            && !TOLD_NOTHING.contains(&name)
            && (name != TOLD_HIS_OWN.0 || is_his());
        let found: Vec<&String> =
            told.words.iter().filter(|word| page.contains(&word.to_lowercase())).collect();
        if may && found.is_empty() {
            wrong.push(format!("nothing of {:?}", told.words));
        }
        if !may && !found.is_empty() {
            wrong.push(format!("tells {found:?}"));
        }
    }
    wrong
}

#[test]
fn every_purpose_reads_its_own_story_on_sqlite() {
    reads_as_the_golden_files(&Place::sqlite());
}

#[test]
fn every_purpose_reads_its_own_story_on_postgres() {
    Place::with_postgres(reads_as_the_golden_files);
}

#[test]
fn the_story_is_forty_events_over_three_weeks() {
    let story = story();
    let at = |told: &Told| {
        told.request["temporal"]["occurred_at_observed"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(story.len(), 40);
    let times: Vec<String> = story.iter().map(at).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!((&times[0][..10], &times[39][..10]), ("2025-03-03", "2025-03-23"));
    // A word that stands in two events would prove nothing.
    for told in &story {
        for word in &told.words {
            let says = |told: &&Told| told.request.to_string().to_lowercase().contains(&word.to_lowercase());
            assert_eq!(story.iter().filter(says).count(), 1, "{word}");
        }
    }
    let files = std::fs::read_dir(golden("x").parent().expect("a folder")).expect("a folder");
    let files: BTreeSet<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(files, ASKED.iter().map(|asked| format!("{}.md", asked.0)).collect());
}
