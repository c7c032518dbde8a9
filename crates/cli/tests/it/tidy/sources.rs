//! What stands in the sources. They are read as tokens, so that what stands in a macro counts too.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{Source, none, sources};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// The dialects: translators that do not know each other.
const DIALECTS: [&str; 4] = ["scoped", "core_v2", "items", "mcp"];

/// A token and its line.
struct Token {
    text: String,
    line: usize,
}

fn parse(source: &Source) -> TokenStream {
    source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path))
}

/// All tokens in a row; brackets are tokens too. Comments and the insides of literals are not there.
fn tokens(source: &Source) -> Vec<Token> {
    fn walk(stream: TokenStream, out: &mut Vec<Token>) {
        for tree in stream {
            let line = tree.span().start().line;
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::None => ("", ""),
                    };
                    out.push(Token { text: open.to_owned(), line });
                    walk(group.stream(), out);
                    out.push(Token { text: close.to_owned(), line: group.span_close().start().line });
                }
                TokenTree::Literal(_) => out.push(Token { text: "literal".to_owned(), line }),
                other => out.push(Token { text: other.to_string(), line }),
            }
        }
    }
    let mut out = Vec::new();
    walk(parse(source), &mut out);
    out
}

/// Where `wanted` stands, token by token.
fn places(source: &Source, wanted: &[&str]) -> Vec<String> {
    tokens(source)
        .windows(wanted.len())
        .filter(|window| window.iter().zip(wanted).all(|(token, text)| token.text == *text))
        .map(|window| format!("{}:{}: {}", source.path, window[0].line, wanted.join("")))
        .collect()
}

/// Every function with a body: its name, its line, how many lines it has.
fn functions(stream: TokenStream, out: &mut Vec<(String, usize, usize)>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => functions(group.stream(), out),
            TokenTree::Ident(word) if *word == "fn" => {
                let Some(TokenTree::Ident(name)) = trees.get(index + 1) else { continue };
                let body = trees[index..].iter().find_map(|tree| match tree {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
                    TokenTree::Punct(punct) if punct.as_char() == ';' => Some(None),
                    _ => None,
                });
                if let Some(Some(body)) = body {
                    let first = word.span().start().line;
                    out.push((name.to_string(), first, body.span_close().end().line - first + 1));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    let mut found = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", source.path));
        }
        let mut all = Vec::new();
        functions(parse(&source), &mut all);
        for (name, line, lines) in all {
            if lines > FUNCTION_LINES_MAX {
                found.push(format!(
                    "{}:{line}: fn {name}: {lines} lines, at most {FUNCTION_LINES_MAX}",
                    source.path
                ));
            }
        }
    }
    none(&found, "split by what a part is for, not by length:");
}

#[test]
fn the_domain_cannot_wait() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.krate() == "domain" && source.is_shipped()) {
        found.extend(places(source, &["async"]));
        found.extend(places(source, &[".", "await"]));
    }
    none(&found, "what waits belongs into crates/engine:");
}

#[test]
fn the_store_cannot_decide() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.krate() == "store" && source.is_shipped()) {
        found.extend(places(source, &["decide"]));
    }
    none(&found, "a store does what a Decided says and asks no policy:");
}

#[test]
fn the_cli_cannot_think() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.krate() == "cli" && source.is_shipped()) {
        for word in ["Visible", "Decided", "ChangeSet"] {
            found.extend(places(source, &[word]));
        }
    }
    none(&found, "what looks at facts or makes changes is an operation: crates/engine/src/op:");
}

#[test]
fn the_models_cannot_look() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.krate() == "models" && source.is_shipped()) {
        for word in ["Engine", "Store", "Context", "Memory", "Visible", "Decided", "ChangeSet"] {
            found.extend(places(source, &[word]));
        }
    }
    none(&found, "what is sent to a model is chosen in crates/engine/src/extract.rs:");
}

#[test]
fn no_dialect_knows_another() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.krate() == "api") {
        let path = source.path.trim_start_matches("crates/api/src/");
        let Some(own) = DIALECTS
            .into_iter()
            .find(|dialect| path.starts_with(&format!("{dialect}/")) || path == format!("{dialect}.rs"))
        else {
            continue;
        };
        found.extend(other_dialects_in(source, own));
    }
    none(&found, "a dialect translates; what two of them need belongs beside them or into the engine:");
}

/// Paths from `crate` or `super` that go through another dialect, in `use` trees and elsewhere.
fn other_dialects_in(source: &Source, own: &str) -> Vec<String> {
    let tokens = tokens(source);
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|token| token.text == text);
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if !(is(index, "crate") || is(index, "super")) || !is(index + 1, ":") {
            index += 1;
            continue;
        }
        // A path goes on through names and `::`, and in a `use` through braces, commas and stars.
        let in_use = index > 0 && is(index - 1, "use");
        index += 1;
        while let Some(token) = tokens.get(index) {
            let text = token.text.as_str();
            let name = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
            let goes_on = if in_use { text != ";" } else { text == ":" || (name && is(index - 1, ":")) };
            if !goes_on {
                break;
            }
            if text != own && DIALECTS.contains(&text) {
                found.push(format!("{}:{}: {own} uses {text}", source.path, token.line));
            }
            index += 1;
        }
    }
    found
}

#[test]
fn every_limit_is_used() {
    let all = sources();
    let limits = all
        .iter()
        .find(|source| source.path == "crates/domain/src/limits.rs")
        .expect("limits stand in crates/domain/src/limits.rs");
    let names: Vec<String> = tokens(limits)
        .windows(2)
        .filter(|pair| pair[0].text == "const")
        .map(|pair| pair[1].text.clone())
        .collect();
    let used: BTreeSet<String> = all
        .iter()
        .filter(|source| source.is_shipped() && source.path != limits.path)
        .flat_map(tokens)
        .map(|token| token.text)
        .collect();
    let mut found = Vec::new();
    for name in &names {
        if !used.contains(name) {
            found.push(format!("{name} is used nowhere"));
        }
    }
    none(&found, "a limit that nothing enforces is a promise that nothing keeps:");
}

#[test]
fn nothing_is_left_undone_or_hushed_up() {
    let mut found = Vec::new();
    for source in sources() {
        found.extend(places(&source, &["todo", "!"]));
        found.extend(places(&source, &["unimplemented", "!"]));
        found.extend(places(&source, &["#", "[", "ignore"]));
        found.extend(places(&source, &["#", "[", "allow"]));
        found.extend(places(&source, &["#", "!", "[", "allow"]));
    }
    none(&found, "finish it or leave it out; `expect` with a reason instead of `allow`:");
}

#[test]
fn the_readers_of_tokens_see_what_they_should() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let text = "use crate::{wire, items::Page};\nfn f() { super::super::core_v2::x(); scoped(items) }\n\
                m! { async fn g<T>(x: T)\n where T: A {\n } }";
    let odd = source("crates/api/src/scoped/x.rs", text);
    assert_eq!(
        other_dialects_in(&odd, "scoped"),
        [
            "crates/api/src/scoped/x.rs:1: scoped uses items",
            "crates/api/src/scoped/x.rs:2: scoped uses core_v2",
        ]
    );
    let mut all = Vec::new();
    functions(parse(&odd), &mut all);
    assert_eq!(all, [("f".to_owned(), 2, 1), ("g".to_owned(), 3, 3)]);
    assert_eq!(places(&odd, &["async"]), ["crates/api/src/scoped/x.rs:3: async"]);
    let quoted = source("crates/api/src/scoped/x.rs", "/// todo!\nconst A: &str = \"todo!\"; // todo!");
    assert!(places(&quoted, &["todo", "!"]).is_empty());
}
