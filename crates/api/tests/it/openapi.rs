//! The document tells the truth: its routes are those that are served, its examples work, and every answer that any
//! test of the whole server is given is one that it describes (see [`hold`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::Router;
use memoryscope_api::app::operations;
use memoryscope_api::openapi::document;
use memoryscope_engine::op;
use serde_json::{Value, json};

use crate::governed::{App, Ask, changed, event_of, memory, reading};
use crate::schema::{faults, resolve};
use crate::support::{Answer, bare, send};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/memoryscope.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(env!("CARGO_PKG_VERSION"), &operations()));

/// Every route of the document: its path, its method, and what is said of it.
fn described() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let methods = |item: &'static Value| item.as_object().expect("a path");
    paths.iter().flat_map(move |(path, item)| {
        methods(item).iter().map(move |(method, told)| (path.as_str(), method.as_str(), told))
    })
}

fn is_at(path: &str, target: &str) -> bool {
    let target = target.split('?').next().unwrap_or_default();
    let (here, there): (Vec<_>, Vec<_>) = (path.split('/').collect(), target.split('/').collect());
    let same = |(here, there): (&&str, &&str)| here == there || (here.starts_with('{') && !there.is_empty());
    here.len() == there.len() && here.iter().zip(&there).all(same)
}

/// Holds an answer to what the document says of its route. What has no route is not in the document.
pub(crate) fn hold(ask: &Ask, answer: &Answer) {
    let method = ask.method.to_ascii_lowercase();
    let mut found: Vec<_> = described().filter(|(path, _, _)| is_at(path, &ask.target)).collect();
    // A name is meant before a place for names.
    found.sort_by_key(|(path, _, _)| path.matches('{').count());
    let Some(nearest) = found.first().map(|(path, _, _)| *path) else { return };
    // What is not built is in no description, though its path may look like a place for names.
    if answer.status == 501 && answer.text.contains("This part of the protocol is not built") {
        return;
    }
    found.retain(|(path, _, _)| *path == nearest);
    let Some((path, _, told)) = found.iter().find(|(_, verb, _)| *verb == method) else { return };
    let status = answer.status.to_string();
    let told = told["responses"].get(&status);
    let told = told.unwrap_or_else(|| panic!("{method} {path} answers {status}: {}", answer.text));
    for (name, header) in told["headers"].as_object().expect("headers") {
        let header = resolve(&DOCUMENT, header);
        assert!(
            header["required"] == false || answer.headers.contains_key(name),
            "{path} {status} without {name}"
        );
        if header["schema"]["type"] == "string" && answer.headers.contains_key(name) {
            let wrong = faults(&DOCUMENT, &header["schema"], &json!(answer.header(name)));
            assert!(wrong.is_empty(), "{path} {status} {name}: {wrong:?}");
        }
    }
    for name in ["x-access-log-id", "retry-after"] {
        let mut said = told["headers"].as_object().into_iter().flatten();
        let said = said.any(|(header, _)| header.eq_ignore_ascii_case(name));
        assert!(said || !answer.headers.contains_key(name), "{path} {status} has {name}");
    }
    let media = answer.header("content-type").split(';').next().unwrap_or_default();
    let schema = &told["content"][media]["schema"];
    assert!(schema.is_object(), "{method} {path} {status} has {media}");
    let value = if media == "application/json" { answer.json() } else { json!(answer.text) };
    let wrong = faults(&DOCUMENT, schema, &value);
    assert!(wrong.is_empty(), "{method} {path} {status}: {wrong:#?}");
}

/// The document as the repository keeps it, so that changes of it are seen.
#[tokio::test]
async fn the_golden_document_is_this_one() {
    let answer = App::new().ask(Ask::new("GET /openapi.json")).await;
    let mut served = answer.json();
    served["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    assert_eq!(served, *DOCUMENT, "what is served is made of other routes");
    let text = format!("{served:#}\n");
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    if kept != text {
        let update = std::env::var_os("UPDATE_GOLDEN").is_some();
        assert!(
            update,
            "openapi/memoryscope.json differs: look at the change, and run again with UPDATE_GOLDEN=1"
        );
        std::fs::write(GOLDEN, text).expect("the golden document is written");
    }
}

/// References lead somewhere, names are unique, and each route says what it must.
#[test]
fn the_document_is_whole() {
    let mut ids = BTreeSet::new();
    let mut count = 0;
    for (path, method, told) in described() {
        count += 1;
        let id = told["operationId"].as_str().expect("a name for programs");
        assert!(ids.insert(id), "{id} is there twice");
        assert!(told["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id}: no summary");
        assert_eq!(told["tags"].as_array().map(Vec::len), Some(1), "{id}");
        let named = path.split(['{', '}']).skip(1).step_by(2);
        for name in named {
            let parameters = told["parameters"].as_array().expect("parameters");
            let is = |it: &Value| it["name"] == name && it["in"] == "path" && it["required"] == true;
            assert!(parameters.iter().any(is), "{path}: {name} is not described");
        }
        let success = told["responses"].as_object().expect("answers").keys().any(|s| s.starts_with('2'));
        assert!(success, "{method} {path} has no answer that is good");
        for status in ["413", "500", "503"] {
            assert!(told["responses"][status].is_object(), "{method} {path}: {status}");
        }
    }
    assert!(count >= 18, "only {count} routes");
    let mut todo = vec![&*DOCUMENT];
    while let Some(value) = todo.pop() {
        resolve(&DOCUMENT, value);
        match value {
            Value::Object(map) => todo.extend(map.values()),
            Value::Array(list) => todo.extend(list),
            _ => {}
        }
    }
}

/// Every operation of the engine can be asked for, or is listed here with its reason.
#[test]
fn every_operation_of_the_engine_is_there() {
    let without = BTreeMap::from([
        ("memory.expire", "the server's own job"),
        ("memory.propagate", "the server's own job"),
        ("memory.embed", "the server's own job"),
        ("subject.upkeep", "the server's own part of an erasure or a withdrawal"),
        ("audit.export", "memoryscope audit export"),
        ("audit.checkpoint", "memoryscope audit checkpoint"),
        ("policy.activate", "memoryscope policy activate"),
        ("graph.search", "memory.search with search_override"),
        ("graph.waiting", "the server's own job"),
        ("graph.extract", "the server's own job"),
    ]);
    let told: BTreeSet<&str> =
        described().filter_map(|(_, _, told)| told["x-memoryscope-operation"].as_str()).collect();
    for info in op::ALL {
        assert_ne!(told.contains(info.name), without.contains_key(info.name), "{}", info.name);
    }
    assert!(told.iter().all(|name| op::ALL.iter().any(|info| info.name == *name)), "{told:?}");
    for (path, method, told) in described() {
        let name = told["x-memoryscope-operation"].as_str();
        let changes = op::ALL.iter().any(|info| Some(info.name) == name && info.changes);
        let keyed = told["parameters"].to_string().contains("Idempotency");
        assert_eq!(changes, keyed, "{method} {path}: what changes takes keys");
    }
}

/// What is not described is not served: other methods of described paths, and paths beside them.
#[tokio::test]
async fn nothing_else_is_served() {
    let app = App::new();
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, method, _) in described() {
        paths.entry(path).or_default().insert(method);
    }
    for (path, methods) in paths {
        let target = path.replace("{id}", "x");
        for method in ["get", "post", "put", "patch", "delete", "trace"] {
            let answer = app.ask(Ask::new(&format!("{} {target}", method.to_uppercase()))).await;
            assert_eq!(answer.status != 405, methods.contains(method), "{method} {path}: {}", answer.status);
        }
        assert_eq!(app.ask(Ask::new(&format!("GET {target}/and/more"))).await.status, 404, "{path}");
    }
}

/// The request that an example stands for, with the names of what is there where `live` has some.
fn example(path: &str, method: &str, told: &Value, name: &str, live: &BTreeMap<&str, String>) -> Ask {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    for parameter in told["parameters"].as_array().expect("parameters") {
        let parameter = resolve(&DOCUMENT, parameter);
        let key = parameter["name"].as_str().expect("a name");
        let Some(value) = parameter["examples"].get(name) else { continue };
        let value = &value["value"];
        let fits = faults(&DOCUMENT, &parameter["schema"], value);
        assert!(fits.is_empty(), "{path} {name} {key}: {fits:?}");
        // A list is written as its members with commas.
        let text = value.as_array().map_or_else(|| value.clone(), |list| list[0].clone());
        let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        let text = live.get(key).unwrap_or(&text).clone();
        match parameter["in"].as_str() {
            Some("path") => target = target.replace(&format!("{{{key}}}"), &text),
            Some("query") => query.push(format!("{key}={}", text.replace(' ', "%20"))),
            _ => headers.push((key.to_owned(), text)),
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut ask = Ask::new(&format!("{} {target}", method.to_uppercase()));
    ask.headers = headers;
    let mut body = told["requestBody"]["content"]["application/json"]["examples"][name]["value"].clone();
    if body.is_null() {
        return ask;
    }
    let schema = &told["requestBody"]["content"]["application/json"]["schema"];
    let fits = faults(&DOCUMENT, schema, &body);
    assert!(fits.is_empty(), "{path} {name}: {fits:?}");
    for name in ["revocation_token", "access_log_id"] {
        if let (Some(value), true) = (live.get(name), body.get(name).is_some()) {
            body[name] = json!(value);
        }
    }
    ask.json(&body)
}

async fn user(app: &App) -> String {
    let told = app.post("/v1/user", &json!({"external_id": "ana"})).await;
    told.json()["user_id"].as_str().expect("an id").to_owned()
}

async fn namespace(app: &App) -> String {
    let made = app.post("/v1/namespace", &json!({"name": "n"})).await;
    made.json()["data"]["objectId"].as_str().expect("an id").to_owned()
}

/// Every example, sent as it stands and then with the names of what is there, which must then do what its route is for.
/// The names of an operation's examples; `none` where it needs none.
fn example_names<'a>(path: &str, told: &'a Value) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    let parameters = told["parameters"].as_array().expect("parameters").iter();
    let places = parameters.map(|it| &it["examples"]);
    let body = &told["requestBody"]["content"]["application/json"]["examples"];
    for examples in places.chain([body]) {
        names.extend(examples.as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
    }
    if names.is_empty() {
        assert_eq!(told["x-memoryscope-operation"], Value::Null, "{path} has no example");
        names.insert("none");
    }
    names
}

#[tokio::test]
async fn examples_work() {
    let mut count = 0;
    for (path, method, told) in described() {
        for name in example_names(path, told) {
            count += 1;
            let app = App::new();
            let ana = changed(&memory(), &[("user_id", json!("ana"))]);
            let stored = app.post("/memory", &ana).await;
            let read = app.post("/memory/read", &changed(&reading(), &[("user_id", json!("ana"))])).await;
            let text =
                |answer: &Answer, name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
            let mut live = BTreeMap::from([("revocation_token", text(&read, "revocation_token"))]);
            let event = app.post("/v2/memories", &event_of("ana")).await;
            let bridged = json!({"tenant_id": "t_default", "target": {"scope_type": "project", "scope_id": "apollo"},
                "purposes": ["chat_response"], "allow_impacts": true});
            let bridge = app.post("/v2/scopes/ana/bridge", &bridged).await;
            let item = app.post("/v1/memory", &json!({"content": "Tea.", "external_user_id": "ana"})).await;
            let id = match path.split('/').collect::<Vec<_>>()[..] {
                ["", "memory", ..] => text(&stored, "id"),
                ["", "v2", "memories", ..] => text(&event, "id"),
                ["", "v2", "bridges", ..] => text(&bridge, "id"),
                // A memory is a node of its own.
                ["", "v1", "memory" | "graph" | "review", ..] => {
                    item.json()["data"][0]["memoryId"].as_str().expect("an id").to_owned()
                }
                ["", "v2", "subjects", ..] => "ana".to_owned(),
                ["", "v1", "schemas", ..] => {
                    let types = json!({"Task": {"name": "Task"}});
                    let made = app.post("/v1/schemas", &json!({"name": "Tasks", "node_types": types})).await;
                    made.json()["data"]["id"].as_str().expect("an id").to_owned()
                }
                ["", "v1", "user", ..] => user(&app).await,
                ["", "v1", "namespace", ..] => namespace(&app).await,
                _ => read.header("x-access-log-id").to_owned(),
            };
            if path.ends_with("/release") {
                app.post(&format!("/v2/memories/{id}/seal"), &json!({"tenant_id": "t_default"})).await;
            }
            if path.starts_with("/v1/review/") {
                let flag = json!({"external_user_id": "ana", "risk": "flagged"});
                app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&flag)).await;
            }
            if path.starts_with("/v2/policies") {
                let text = "policy_version: example-1\nextends: builtin/default\nrules: []\n";
                let policy = json!({"tenant_id": "t_default", "policy": text});
                app.post("/v2/policies", &policy).await;
            }
            if path == "/v2/policies/rollback" {
                let of_tenant = json!({"tenant_id": "t_default"});
                let activated = app.post("/v2/policies/example-1/activate", &of_tenant).await;
                assert_eq!(activated.status, 200, "{}", activated.text);
            }
            live.insert("id", id);
            let scope = json!({"scope_type": "user", "scope_id": "ana"});
            let chat = json!({"tenant_id": "t_default", "scope": scope, "purpose": "chat_response"});
            let asked = app.post("/v2/memories/query", &chat).await;
            live.insert("access_log_id", asked.header("x-access-log-id").to_owned());
            let nobodys = App::new().ask(example(path, method, told, name, &BTreeMap::new())).await;
            assert!(
                nobodys.status < 300 || nobodys.status == 404,
                "{method} {path} {name}: {}",
                nobodys.text
            );
            let answer = app.ask(example(path, method, told, name, &live)).await;
            assert!(answer.status < 300, "{method} {path} {name}: {}", answer.text);
        }
    }
    assert!(count >= 24, "only {count} examples");
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere() {
    for (path, bytes_max) in [("/docs", 40_000), ("/demo", 68_000)] {
        let page = App::new().ask(Ask::new(&format!("GET {path}"))).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("connect-src 'self';"),
            "{policy}"
        );
        for elsewhere in
            ["src=\"", "@import", "url(", "//cdn", "innerHTML", "localStorage", "document.cookie"]
        {
            assert!(!page.text.contains(elsewhere), "{path} holds {elsewhere}");
        }
        // The only address is that of a server on this machine, for a page that was opened from a file.
        let addresses = page.text.matches("://").count();
        assert_eq!(addresses, page.text.matches("http://127.0.0.1:8000").count(), "{path}");
        assert!(page.text.len() < bytes_max, "{path} has {} bytes", page.text.len());
    }
}

/// The validator of these tests finds faults.
#[test]
fn the_validator_refuses() {
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "maximum": 3}}});
    let wrong = |value: Value| !faults(&DOCUMENT, &schema, &value).is_empty();
    assert!(!wrong(json!({"a": 3})));
    for value in [json!({}), json!({"a": 4}), json!({"a": "1"}), json!({"a": 1, "b": 1}), json!([])] {
        assert!(wrong(value.clone()), "{value}");
    }
    let either = json!({"anyOf": [{"type": "null"}, {"type": "string", "format": "uuid"}]});
    assert!(!faults(&DOCUMENT, &either, &json!("x")).is_empty());
    assert!(faults(&DOCUMENT, &either, &Value::Null).is_empty());
}

#[tokio::test]
async fn probes_are_as_described() {
    use memoryscope_api::health::{Health, Readiness};
    let router: Router = Health::new("1", async || Readiness::UNKNOWN).routes().into_router();
    let answer = send(router, bare("GET", "/healthz/ready")).await;
    let schema =
        &DOCUMENT["paths"]["/healthz/ready"]["get"]["responses"]["503"]["content"]["application/json"];
    assert_eq!(faults(&DOCUMENT, &schema["schema"], &answer.json()), Vec::<String>::new());
}
