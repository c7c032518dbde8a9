//! The rules of ARCHITECTURE.md that a machine can check. Each message says what to do.

mod crates;
mod documents;
mod sources;
mod tenants;

use std::path::Path;

/// One Rust file of the workspace.
struct Source {
    /// Its path from the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The crate's folder, such as `domain`.
    fn krate(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it is part of a crate proper and not of its tests, examples or benches.
    fn is_shipped(&self) -> bool {
        self.path.split('/').nth(2) == Some("src") && !self.path.ends_with("/tests.rs")
    }
}

/// Every Rust file under `crates/`, in the order of their paths.
fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder that can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = super::root();
    let mut found = Vec::new();
    walk(&root.join("crates"), &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| Source {
            text: std::fs::read_to_string(&path).expect("a source is UTF-8"),
            path: path.strip_prefix(&root).expect("under the root").to_string_lossy().replace('\\', "/"),
        })
        .collect()
}

/// Fails with everything that was found, one a line, after a sentence that says what to do.
#[track_caller]
fn none(found: &[String], what_to_do: &str) {
    assert!(found.is_empty(), "{what_to_do}\n  {}", found.join("\n  "));
}
