//! The tour of the README, run as it stands there.
//!
//! All ```` ```sh ```` blocks run in one bash, one after the other, against a server of their own. A comment `# 201`
//! says which status code the command must print; a ```` ```sh model ```` block needs the model that embeds texts and is left out, with
//! what follows it, where that is not; a ```` ```json ```` block after it is part of the answer, in which
//! `"…"` stands for any value, and of an ```` ```output ```` block every line is printed, in which `…` stands for any text.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Turned on by the change that makes `memoryscope serve` work.
const SERVE_WORKS: bool = true;

/// The address that the README uses.
const BASE: &str = "http://127.0.0.1:8000";
/// The binary that the README uses.
const BINARY: &str = "./target/release/memoryscope";
/// Printed between blocks.
const MARK: &str = "=== block ";

/// A block of commands and what they must print.
struct Step {
    commands: String,
    statuses: Vec<String>,
    answer: Option<Value>,
    lines: Vec<String>,
    needs_model: bool,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "sh" | "sh model" => steps.push(Step {
                statuses: text.iter().filter_map(|line| status_of(line)).collect(),
                commands: text.join("\n"),
                answer: None,
                lines: Vec::new(),
                needs_model: language == "sh model",
            }),
            "output" => {
                let step = steps.last_mut().expect("an output block follows an sh block");
                step.lines = text.into_iter().map(str::to_owned).collect();
            }
            "json" => {
                let answer = serde_json::from_str(&text.join("\n")).expect("a json block is JSON");
                steps.last_mut().expect("a json block follows an sh block").answer = Some(answer);
            }
            _ => {}
        }
    }
    steps
}

/// The status code in a comment at the end of a line.
fn status_of(line: &str) -> Option<String> {
    let (_, comment) = line.rsplit_once("# ")?;
    (comment.len() == 3 && comment.bytes().all(|b| b.is_ascii_digit())).then(|| comment.to_owned())
}

/// Whether all that is `expected` is there; `"…"` is anything.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (_, Value::String(any)) if any == "…" => true,
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|found| contains(found, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| contains(a, e))
        }
        _ => actual == expected,
    }
}

/// Whether a line is the expected one; `…` is any text.
fn matches(line: &str, expected: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return line == expected };
    let (middle, last) = rest.rsplit_once('…').unwrap_or(("", rest));
    let inner = line.strip_prefix(first).and_then(|line| line.strip_suffix(last));
    inner.is_some_and(|inner| {
        let mut parts = middle.split('…');
        parts.try_fold(inner, |rest, part| rest.find(part).map(|at| &rest[at + part.len()..])).is_some()
    })
}

/// A server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed in another way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, model: Option<&Path>) -> Server {
    let log = std::fs::File::create(folder.join("server.log")).expect("a log file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_memoryscope"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .env_clear()
        .envs(model.map(|model| ("MEMORYSCOPE_MODEL_DIR", model)))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("the server says where it listens");
    let mut server = Server { child, address: String::new() };
    match line.trim_end().strip_prefix("listening on ") {
        Some(address) => address.clone_into(&mut server.address),
        None => panic!("{line:?} {}", std::fs::read_to_string(folder.join("server.log")).unwrap_or_default()),
    }
    server
}

/// What the steps print, one piece for each.
fn run(steps: &[Step], folder: &Path, address: &str) -> Vec<String> {
    let mut script = "set -euo pipefail\n".to_owned();
    for step in steps {
        script.push_str(&format!("{}\necho\necho '{MARK}'\n", step.commands));
    }
    let script = script.replace(BASE, address).replace(BINARY, env!("CARGO_BIN_EXE_memoryscope"));
    // A server that does not answer must not hold up the suite.
    std::fs::write(folder.join(".curlrc"), "max-time = 20\n").expect("a .curlrc");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env("CURL_HOME", folder)
        .env_remove("DATABASE_URL")
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "a command of the tour failed\n{printed}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        std::fs::read_to_string(folder.join("server.log")).unwrap_or_default()
    );
    printed.split(MARK).map(str::to_owned).collect()
}

fn check(step: &Step, printed: &str) {
    let is_status = |line: &str| line.len() == 3 && line.bytes().all(|b| b.is_ascii_digit());
    let statuses: Vec<&str> = printed.lines().filter(|line| is_status(line)).collect();
    assert_eq!(statuses, step.statuses, "{}\nprinted\n{printed}", step.commands);
    for line in &step.lines {
        let found = printed.lines().any(|printed| matches(printed.trim_end(), line));
        assert!(found, "{}\nprinted\n{printed}\nand not\n{line}", step.commands);
    }
    if let Some(expected) = &step.answer {
        let mut answers = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let answer = answers.find(|value| !value.is_number()).unwrap_or_default();
        assert!(contains(&answer, expected), "{}\nprinted\n{printed}\nand not\n{expected}", step.commands);
    }
}

#[test]
fn the_tour_is_there() {
    let steps = steps(&crate::text_of("README.md"));
    let statuses: Vec<&str> = steps.iter().flat_map(|step| &step.statuses).map(String::as_str).collect();
    let made = "201 200 403 200 200 403 200 200";
    let found = "200 200 200 200 200 403";
    let agent = "201 200";
    assert_eq!(statuses.join(" "), [made, found, agent].join(" "));
}

#[test]
fn the_tour_works() {
    if !SERVE_WORKS {
        return;
    }
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = crate::model_commands::model();
    let server = serve(folder.path(), model.as_deref());
    let mut steps = steps(&crate::text_of("README.md"));
    steps.retain(|step| model.is_some() || !step.needs_model);
    let printed = run(&steps, folder.path(), &server.address);
    for (step, printed) in steps.iter().zip(&printed) {
        check(step, printed);
    }
}
