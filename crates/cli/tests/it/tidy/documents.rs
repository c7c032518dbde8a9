//! Documents and other files that must agree with the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::{none, sources};

/// The pieces of a text between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn the_architecture_names_every_crate_and_its_tests() {
    let text = crate::text_of("ARCHITECTURE.md");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(crate::root().join("crates")).expect("crates/").flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        if folder.path().join("Cargo.toml").exists() && !text.contains(&format!("crates/{name}")) {
            found.push(format!("crates/{name} is not named"));
        }
    }
    let all = sources();
    let mut enforced = 0;
    for line in text.lines().filter(|line| line.contains("Enforced by")) {
        enforced += 1;
        for name in quoted(line) {
            let exists = if name.contains(['/', '.']) {
                crate::root().join(name).exists()
            } else {
                let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
                all.iter().any(|source| source.text.contains(&function))
            };
            if !exists {
                found.push(format!("`{name}` enforces an invariant and does not exist"));
            }
        }
        if quoted(line).count() == 0 {
            found.push(format!("no test is named in: {line}"));
        }
    }
    if enforced < 5 {
        found.push(format!("{enforced} invariants name what enforces them; each crate has one"));
    }
    none(&found, "ARCHITECTURE.md is wrong:");
}

/// The migrations of one engine: number → name.
fn migrations(folder: &Path) -> (BTreeMap<u32, String>, Vec<String>) {
    let mut numbered = BTreeMap::new();
    let mut found = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("a folder of migrations").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let number = name.get(..4).filter(|_| name.ends_with(".sql") && name.get(4..5) == Some("_"));
        match number.and_then(|digits| digits.parse::<u32>().ok()) {
            None => found.push(format!("{}: not like 0001_name.sql", file.path().display())),
            Some(number) => {
                if let Some(other) = numbered.insert(number, name.clone()) {
                    found.push(format!("{other} and {name} have one number"));
                }
            }
        }
    }
    for (expected, number) in (1..).zip(numbered.keys()) {
        if expected != *number {
            found.push(format!("{}: {expected:04} is missing", folder.display()));
            break;
        }
    }
    (numbered, found)
}

#[test]
fn migrations_are_numbered_and_paired() {
    let folder = crate::root().join("crates/store/migrations");
    let engines: Vec<_> = ["sqlite", "postgres"].map(|engine| folder.join(engine)).into_iter().collect();
    let mut found = Vec::new();
    let mut numbers: Vec<BTreeSet<u32>> = Vec::new();
    for engine in engines.iter().filter(|engine| engine.exists()) {
        let (numbered, wrong) = migrations(engine);
        found.extend(wrong);
        numbers.push(numbered.into_keys().collect());
    }
    if let [sqlite, postgres] = numbers.as_slice() {
        let odd = sqlite.symmetric_difference(postgres);
        found.extend(odd.map(|number| format!("{number:04} is there for one engine only")));
    }
    none(&found, "a schema version means the same on every engine:");
}

/// The files that git keeps; none outside a checkout.
fn tracked() -> Vec<String> {
    match Command::new("git").args(["ls-files", "-z"]).current_dir(crate::root()).output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn no_file_knows_one_machine() {
    // In two halves, or this file would be one of them.
    let homes = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let local = [".cargo/config.toml", ".cargo/config", ".npmrc", "pip.conf", ".env"];
    let mut found = Vec::new();
    for path in tracked() {
        if local.iter().any(|name| path == *name || path.ends_with(&format!("/{name}"))) {
            found.push(format!("{path} is somebody's own"));
        }
        let Ok(bytes) = std::fs::read(crate::root().join(&path)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for (index, line) in text.lines().enumerate() {
            for home in homes.iter().filter(|home| line.contains(**home)) {
                found.push(format!("{path}:{}: {home}", index + 1));
            }
        }
    }
    none(&found, "what only one machine has must not be in the repository:");
}
