//! What ships beside the binary says nothing that the binary does not understand: image, compose file, unit, dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::memories::create;
use crate::process::{Server, binary, run};

/// `NAME=value` pairs that must be settings, and together a configuration; answers what it comes to.
#[track_caller]
fn configuration(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let output =
        binary(folder.path()).args(["config", "--json"]).envs(environment).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let settings = object["settings"].as_array().expect("settings").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let known: BTreeMap<_, _> = settings.map(|one| (text(&one["name"]), text(&one["value"]))).collect();
    for name in environment.keys() {
        assert!(known.contains_key(name), "{name} is no setting");
    }
    known
}

/// The port of an address.
#[track_caller]
fn port(address: &str) -> &str {
    address.rsplit_once(':').expect("ADDRESS:PORT").1
}

/// The path of the database.
#[track_caller]
fn database(settings: &BTreeMap<String, String>) -> &Path {
    Path::new(settings["DATABASE_URL"].strip_prefix("sqlite://").expect("a file"))
}

/// Whether the binary knows the command and its flags.
#[track_caller]
fn is_command(words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut words = words.to_vec();
    words.push("--help");
    run(folder.path(), &words).expect(0);
}

/// A Dockerfile's instructions, lines joined; those of the last stage and the ones before it.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let words = joined.lines().filter_map(|line| line.trim().split_once(' '));
    words.map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect()
}

fn of<'a>(all: &'a [(String, String)], wanted: &str) -> Vec<&'a str> {
    all.iter().filter(|(word, _)| word == wanted).map(|(_, rest)| rest.as_str()).collect()
}

fn json_words(text: &str) -> Vec<String> {
    serde_json::from_str(text).expect("a list of words")
}

#[test]
fn the_image_runs_the_server_as_nobody() {
    let text = crate::text_of("Dockerfile");
    let all = instructions(&text);
    let stages =
        all.iter().position(|(word, rest)| word == "FROM" && !rest.contains(" AS ")).expect("a stage");
    let (build, last) = all.split_at(stages);

    let environment = of(last, "ENV").join(" ");
    let environment = environment.split_whitespace().filter_map(|pair| pair.split_once('='));
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let settings = configuration(&environment);
    assert_eq!(of(last, "EXPOSE"), [port(&settings["MEMORYSCOPE_LISTEN"])]);
    assert_eq!(of(last, "VOLUME"), of(last, "WORKDIR"));
    assert!(database(&settings).starts_with(of(last, "VOLUME")[0]));

    let user = of(last, "USER");
    let [user] = user.as_slice() else { panic!("one USER: {user:?}") };
    let ids =
        user.split(':').map(|id| id.parse::<u32>().expect("a number, which is known without the image"));
    assert!(ids.into_iter().all(|id| id > 0), "{user}");

    let entry = json_words(of(last, "ENTRYPOINT")[0]);
    assert!(
        entry[0].ends_with("/memoryscope")
            && of(build, "RUN").join(" ").contains(&format!("/out{}", entry[0]))
    );
    assert_eq!(json_words(of(last, "CMD")[0]), ["serve"]);
    let (_, probe) = of(last, "HEALTHCHECK")[0].split_once("CMD ").expect("a command");
    let probe = json_words(probe);
    assert_eq!(probe[0], entry[0]);
    is_command(&probe[1..].iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_image_is_built_from_what_the_build_reads() {
    let text = crate::text_of("Dockerfile");
    let all = instructions(&text);
    let copied: BTreeSet<&str> = of(&all, "COPY")
        .into_iter()
        .filter(|rest| !rest.starts_with("--"))
        .flat_map(|rest| rest.split(' ').rev().skip(1))
        .collect();
    let ignored = crate::text_of(".dockerignore");
    let sent: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(copied, sent, "what is copied is what is sent to the builder");
    for path in &copied {
        assert!(crate::root().join(path).exists(), "{path}");
    }
    let wanted = crate::text_of("Cargo.toml");
    let wanted = wanted.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version");
    let image = of(&all, "FROM")[0].strip_prefix("rust:").expect("an image of Rust");
    let minor = |text: &str| text.split(['.', '-', '"']).filter_map(|word| word.parse::<u32>().ok()).nth(1);
    assert!(minor(image) >= minor(wanted), "{image} is older than {wanted}");
}

/// `${NAME:-value}`: the names that are read from outside, and the value without them.
fn filled(text: &str) -> (Option<&str>, &str) {
    let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    match inner.and_then(|inner| inner.split_once(":-")) {
        Some((name, value)) => (Some(name), value),
        None => (None, text),
    }
}

#[test]
fn the_compose_file_starts_the_server_on_this_machine_only() {
    let file: Value = serde_saphyr::from_str(&crate::text_of("compose.yaml")).expect("YAML");
    let (api, db) = (&file["services"]["api"], &file["services"]["db"]);
    let mut environment = BTreeMap::new();
    for (name, value) in api["environment"].as_object().expect("an environment") {
        let (outer, value) = filled(value.as_str().expect("a text"));
        assert!(outer.is_none_or(|outer| outer == name), "{name} is taken from {outer:?}");
        environment.insert(name.clone(), value.to_owned());
    }
    let settings = configuration(&environment);
    assert_eq!(api["ports"], serde_json::json!(["127.0.0.1:8000:8000"]));
    assert_eq!(port(&settings["MEMORYSCOPE_LISTEN"]), "8000");
    // The database is the other service, under the name, user and password that it is made with.
    let url = &environment["DATABASE_URL"];
    let made = |name: &str| db["environment"][name].as_str().expect("a text");
    let (user, password, name) = (made("POSTGRES_USER"), made("POSTGRES_PASSWORD"), made("POSTGRES_DB"));
    assert_eq!(*url, format!("postgresql://{user}:{password}@db:5432/{name}"));
    assert!(db["ports"].is_null(), "whoever could reach it would need no policy");
    assert_eq!(api["depends_on"]["db"]["condition"], "service_healthy");
    assert!(api["profiles"].is_null() && db["profiles"].is_null(), "one command starts both");
    // A file's place is writable, too.
    let volume = api["volumes"][0].as_str().and_then(|volume| volume.split_once(':')).expect("a volume");
    assert!(file["volumes"].as_object().expect("volumes").contains_key(volume.0));
    let text = crate::text_of("Dockerfile");
    assert_eq!(of(&instructions(&text), "VOLUME"), [volume.1]);
    is_command(&[api["command"][0].as_str().expect("a command")]);
    let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().expect("seconds");
    let grace = seconds(api["stop_grace_period"].as_str().expect("a time"));
    assert!(grace > seconds(&settings["MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS"]));
}

#[test]
fn the_distributed_compose_file_uses_what_there_is() {
    let file: Value = serde_saphyr::from_str(&crate::text_of("deploy/citus.compose.yaml")).expect("YAML");
    let services = file["services"].as_object().expect("services");
    for name in ["migrate", "api"] {
        let command = services[name]["command"].as_array().expect("words");
        is_command(&command.iter().map(|word| word.as_str().expect("a word")).collect::<Vec<_>>());
        let environment = services[name]["environment"].as_object().expect("an environment");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        configuration(&environment.iter().map(|(name, value)| (name.clone(), text(value))).collect());
    }
    let needed = services.values().filter_map(|service| service["depends_on"].as_object());
    for name in needed.flat_map(|needed| needed.keys()) {
        assert!(services.contains_key(name), "{name} is no service");
    }
    assert_eq!(services["api"]["ports"], serde_json::json!(["127.0.0.1:8000:8000"]));
}

#[test]
fn every_table_of_a_tenant_is_distributed() {
    let script = crate::text_of("deploy/citus.sql");
    let array = script.split_once("ARRAY[").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let listed: BTreeSet<&str> = array.split('\'').skip(1).step_by(2).collect();
    let mut tables = BTreeSet::new();
    let folder = crate::root().join("crates/store/migrations/postgres");
    let mut migrations = String::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        migrations.push_str(&std::fs::read_to_string(file.expect("a file").path()).expect("a text"));
    }
    for statement in migrations.split("CREATE TABLE ").skip(1) {
        let (name, columns) = statement.split_once(" (").expect("a table");
        assert!(columns.trim_start().starts_with("tenant "), "{name}: the tenant comes first");
        tables.insert(name);
    }
    assert_eq!(listed, tables);
}

#[test]
fn the_unit_starts_the_server_as_a_user_of_its_own() {
    let text = crate::text_of("deploy/memoryscope.service");
    let lines: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    let values = |name: &str| -> Vec<&str> {
        lines.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value).collect()
    };
    let environment = values("Environment");
    let environment = environment.iter().filter_map(|pair| pair.split_once('='));
    let settings =
        configuration(&environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let state = Path::new("/var/lib").join(values("StateDirectory")[0]);
    assert!(database(&settings).starts_with(&state));
    assert_eq!(values("WorkingDirectory"), [state.to_str().expect("UTF-8")]);
    assert!(settings["MEMORYSCOPE_LISTEN"].starts_with("127.0.0.1:"));
    assert!(values("User").iter().all(|user| *user != "root") && values("User").len() == 1);
    let mut start = values("ExecStart")[0].split(' ');
    assert!(start.next().expect("a program").ends_with("/memoryscope"));
    is_command(&start.collect::<Vec<_>>());
    let timeout = settings["MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS"].parse::<u64>().expect("seconds");
    assert!(values("TimeoutStopSec")[0].parse::<u64>().expect("seconds") > timeout);
}

/// Every name of a metric in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("memoryscope_")).collect()
}

#[test]
fn dashboard_and_page_know_every_metric_and_no_other() {
    let source = crate::text_of("crates/api/src/metrics.rs");
    let made: BTreeSet<&str> = metrics_in(&source)
        .into_iter()
        .filter(|name| !["memoryscope_domain", "memoryscope_engine"].contains(name))
        .collect();
    assert!(made.len() >= 10, "{made:?}");
    let page = crate::text_of("docs/operations.md");
    assert_eq!(metrics_in(&page), made, "docs/operations.md");

    let dashboard: Value =
        serde_json::from_str(&crate::text_of("deploy/grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut shown = BTreeSet::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        let query = target["expr"].as_str().expect("a query");
        for name in metrics_in(query) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = made.get(name).or_else(|| family.and_then(|family| made.get(family)));
            shown.insert(*known.unwrap_or_else(|| panic!("{name} is no metric: {query}")));
        }
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            assert_eq!(query.matches(open).count(), query.matches(close).count(), "{query}");
        }
    }
    assert_eq!(shown, made, "each metric has its panel");
}

#[test]
fn health_is_known_without_another_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    create(&mut server.client(), "ada", "tea");
    let url = format!("http://{}", server.address);
    let said = run(folder.path(), &["health", "--url", &url]).expect(0);
    assert_eq!(said.json()["status"], "ready");
    let listen = server.address.to_string();
    let output = binary(folder.path()).arg("health").env("MEMORYSCOPE_LISTEN", &listen).output();
    assert!(output.expect("it runs").status.success(), "the address of the configuration");
    assert!(server.stop().0.success());
    let said = run(folder.path(), &["health", "--url", &url]).expect(1);
    assert!(said.err.contains("does not answer"), "{said:?}");
}
