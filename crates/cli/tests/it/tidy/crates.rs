//! Which crate may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::none;

/// The arrows of ARCHITECTURE.md. A crate that is not here is not part of the product.
const EDGES: [(&str, &[&str]); 8] = [
    ("memoryscope-domain", &[]),
    ("memoryscope-engine", &["memoryscope-domain"]),
    ("memoryscope-store", &["memoryscope-domain", "memoryscope-engine"]),
    ("memoryscope-api", &["memoryscope-domain", "memoryscope-engine"]),
    ("memoryscope-load", &[]),
    ("memoryscope-models", &["memoryscope-domain", "memoryscope-engine"]),
    ("memoryscope-oracle", &["memoryscope-domain"]),
    (
        "memoryscope",
        &[
            "memoryscope-api",
            "memoryscope-domain",
            "memoryscope-engine",
            "memoryscope-load",
            "memoryscope-models",
            "memoryscope-store",
        ],
    ),
];

const SQL: [&str; 11] = [
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "sqlx-core",
    "diesel",
    "sea-orm",
    "tokio-postgres",
    "postgres",
    "postgres-types",
    "deadpool-postgres",
    "bb8-postgres",
];

const HTTP: [&str; 13] = [
    "axum",
    "axum-core",
    "hyper",
    "hyper-util",
    "tower-http",
    "http",
    "http-body",
    "http-body-util",
    "h2",
    "reqwest",
    "ureq",
    "actix-web",
    "tonic",
];

const ASYNC: [&str; 9] = [
    "tokio",
    "async-trait",
    "async-std",
    "smol",
    "mio",
    "futures",
    "futures-core",
    "futures-util",
    "futures-executor",
];

/// What the default binary may be made of (architecture: a small tree is one that someone can look through).
const PACKAGES_MAX: usize = 300;

fn members() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(crate::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    metadata.workspace_packages().into_iter().cloned().collect()
}

/// Every package that `package` is built from, with its features: tests and build scripts left out.
fn tree(package: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}|{f}"])
        .current_dir(crate::root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo tree speaks UTF-8");
    let mut packages = BTreeMap::new();
    for line in text.lines() {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|').expect("{p}|{f}");
        let mut words = package.split(' ');
        let key = format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let features = features.split(',').filter(|f| !f.is_empty()).map(str::to_owned);
        packages.entry(key).or_insert_with(BTreeSet::new).extend(features);
    }
    packages
}

/// Those of `banned` that `package` is built from.
fn banned_in(package: &str, banned: &[&str]) -> Vec<String> {
    tree(package)
        .keys()
        .filter(|key| banned.iter().any(|name| key.split(' ').next() == Some(name)))
        .map(|key| format!("{package} is built from {key}"))
        .collect()
}

#[test]
fn the_crates_edges_are_exactly_the_architectures() {
    let mut found = BTreeMap::new();
    for package in members() {
        let ours: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development && dependency.path.is_some())
            .map(|dependency| dependency.name.clone())
            .collect();
        found.insert(package.name.to_string(), ours);
    }
    let expected = EDGES
        .into_iter()
        .map(|(name, edges)| (name.to_owned(), edges.iter().map(|edge| (*edge).to_owned()).collect()))
        .collect();
    assert_eq!(found, expected, "an edge more or less is a change of architecture: ARCHITECTURE.md first");
}

#[test]
fn only_the_store_speaks_sql() {
    let mut found = Vec::new();
    for package in ["memoryscope-domain", "memoryscope-engine", "memoryscope-api", "memoryscope-models"] {
        found.extend(banned_in(package, &SQL));
    }
    for package in members().iter().filter(|package| package.name.as_str() != "memoryscope-store") {
        for dependency in &package.dependencies {
            if dependency.kind != DependencyKind::Development && SQL.contains(&dependency.name.as_str()) {
                found.push(format!("{} depends on {}", package.name, dependency.name));
            }
        }
    }
    none(&found, "SQL belongs into crates/store:");
}

#[test]
fn only_the_edges_speak_http() {
    let mut found = Vec::new();
    for package in ["memoryscope-domain", "memoryscope-engine", "memoryscope-store"] {
        found.extend(banned_in(package, &HTTP));
    }
    none(&found, "HTTP belongs into crates/api (and its wiring into crates/cli):");
}

#[test]
fn the_domain_has_no_runtime() {
    none(
        &banned_in("memoryscope-domain", &ASYNC),
        "the domain cannot wait: what waits belongs into crates/engine:",
    );
}

#[test]
fn json_has_one_spelling() {
    let mut found = Vec::new();
    for (package, features) in tree("memoryscope") {
        if package.starts_with("serde_json ") {
            for feature in ["preserve_order", "arbitrary_precision"] {
                if features.contains(feature) {
                    found.push(format!("{package} has the feature {feature}"));
                }
            }
        }
    }
    none(
        &found,
        "object keys are sorted and numbers are f64, i64 or u64, or the same values give other bytes:",
    );
}

#[test]
fn only_the_oracle_asks_another_engine() {
    let mut found = Vec::new();
    for package in members().iter().filter(|package| package.name.as_str() != "memoryscope-oracle") {
        // Tests count too: whoever runs them would build it.
        for dependency in &package.dependencies {
            if dependency.name.starts_with("cedar-policy") || dependency.name == "memoryscope-oracle" {
                found.push(format!("{} depends on {}", package.name, dependency.name));
            }
        }
    }
    let script = crate::text_of("scripts/test");
    for line in script.lines().filter(|line| line.contains("--workspace")) {
        if !line.contains("--exclude memoryscope-oracle") {
            found.push(format!("scripts/test builds it: {}", line.trim()));
        }
    }
    none(&found, "Cedar is there to be compared with, by scripts/policy-oracle and nothing else:");
}

#[test]
fn nothing_is_undecided_outside_tests() {
    let mut found = Vec::new();
    for package in members() {
        for dependency in &package.dependencies {
            let undecided = dependency.features.iter().any(|feature| feature.ends_with("undecided"));
            if undecided && dependency.kind != DependencyKind::Development {
                found.push(format!("{} turns it on in {}", package.name, dependency.name));
            }
        }
        let default = package.features.get("default").cloned().unwrap_or_default();
        if default.iter().any(|feature| feature.ends_with("undecided")) {
            found.push(format!("{} has it in its default features", package.name));
        }
    }
    for (package, features) in tree("memoryscope") {
        if features.contains("undecided") {
            found.push(format!("the binary is built from {package} with it"));
        }
    }
    none(
        &found,
        "the feature `undecided` builds changes that no policy saw: it is for [dev-dependencies] only:",
    );
}

#[test]
fn the_default_binary_is_made_of_few_packages() {
    let count = tree("memoryscope").len();
    assert!(
        count < PACKAGES_MAX,
        "{count} packages; at most {PACKAGES_MAX}: turn features off, or do without"
    );
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    let lock = crate::text_of("Cargo.lock");
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let found: Vec<String> = lock
        .lines()
        .filter(|line| line.starts_with("source = ") && *line != registry)
        .map(str::to_owned)
        .collect();
    none(&found, "a clone must build with the registry that everyone has:");
}
