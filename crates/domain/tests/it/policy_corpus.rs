//! Policies that once were, or could be, read wrongly: each file of the corpus, and the errors it must give.
//!
//! Each `*.yaml` has an `*.expected` beside it; `UPDATE_GOLDEN=1` writes them anew.

use std::path::{Path, PathBuf};

use memoryscope_domain::policy::Policy;
use memoryscope_domain::policy::lint::lint;

/// What loading a text gives: its errors, or its warnings.
fn answer(text: &str) -> String {
    let lines = match Policy::load(text) {
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        Ok(policy) => {
            let warnings = lint(&policy);
            let shown = warnings.iter().map(|w| format!("warning {:?} {}: {}", w.code, w.rule, w.message));
            std::iter::once(format!("loads: {} rules", policy.rules().len())).chain(shown).collect()
        }
    };
    lines.join("\n") + "\n"
}

/// Checks a text against a golden file, or writes it.
pub(crate) fn check_golden(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, actual).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(expected == actual, "{} differs (UPDATE_GOLDEN=1 writes it):\n{actual}", path.display());
}

/// A path from the root of the repository.
pub(crate) fn from_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn every_case_of_the_corpus_gives_its_errors() {
    let folder = from_root("crates/domain/tests/corpus/policy");
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut files = entries.map(|entry| entry.expect("readable").path()).collect::<Vec<_>>();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 20, "the corpus has {} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("readable");
        check_golden(&path.with_extension("expected"), &answer(&text));
    }
}
