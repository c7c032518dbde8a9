//! docs/policy.md is current: its table is the catalogue's, and its examples load and decide.

use memoryscope_domain::policy::{Policy, cases, catalogue};

use crate::policy_corpus::from_root;

/// The fenced blocks of that language, with the line each begins on.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_table_of_attributes_is_current() {
    let path = from_root("docs/policy.md");
    let text = std::fs::read_to_string(&path).expect("readable");
    let (begin, end) = ("<!-- catalogue -->\n", "<!-- /catalogue -->");
    let (before, rest) = text.split_once(begin).expect("the table has a place");
    let (table, after) = rest.split_once(end).expect("the table has an end");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let current = format!("{before}{begin}{}{end}{after}", catalogue::markdown());
        std::fs::write(&path, current).expect("docs/policy.md can be written");
    } else {
        assert!(table == catalogue::markdown(), "docs/policy.md is stale: UPDATE_GOLDEN=1 cargo test");
    }
}

#[test]
fn the_examples_load_and_their_cases_come_out() {
    let text = std::fs::read_to_string(from_root("docs/policy.md")).expect("readable");
    let (policies, tables) = (blocks(&text, "yaml policy"), blocks(&text, "yaml cases"));
    assert!(policies.len() >= 3 && policies.len() == tables.len(), "each policy has its cases");
    for (policy, table) in policies.into_iter().zip(tables) {
        let policy = match Policy::load(policy) {
            Ok(policy) => policy,
            Err(errors) => panic!("{policy}\n{errors:?}"),
        };
        let report = cases::run(table, &policy).expect("the cases are well formed");
        let failed = report.cases.iter().filter(|case| !case.mismatches.is_empty()).collect::<Vec<_>>();
        assert!(failed.is_empty(), "{failed:?}");
    }
}
