//! Tenants do not meet: the tenant leads every key and every index, and no statement leaves it out.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{none, sources};

/// Tables that belong to no tenant. What a migration makes besides is a tenant's.
const NOBODYS: [(&str, &str); 2] = [
    ("schema_migrations", "which migrations were applied is the same for all"),
    ("schema_lock", "migrations take turns whoever is stored"),
];

/// Statements over tenants' tables that name no single tenant: the file, how the statement begins, and why.
const CROSS_TENANT: [(&str, &str, &str); 18] = [
    (
        "postgres/mod.rs",
        "WITH RECURSIVE marked (tenant)",
        "the job that lets what was derived follow asks whose turn it is, and nothing more",
    ),
    (
        "sqlite/pending.rs",
        "WITH RECURSIVE marked (tenant)",
        "the job that lets what was derived follow asks whose turn it is, and nothing more",
    ),
    (
        "postgres/mod.rs",
        "WITH RECURSIVE entered (tenant)",
        "the jobs that visit every tenant walk the tenants' names",
    ),
    (
        "sqlite/load.rs",
        "WITH RECURSIVE entered (tenant)",
        "the jobs that visit every tenant walk the tenants' names",
    ),
    (
        "postgres/mod.rs",
        "SELECT tenant FROM audit_heads AS h",
        "the expiry job asks whose turn it is, and nothing more",
    ),
    (
        "sqlite/load.rs",
        "SELECT tenant FROM audit_heads AS h",
        "the expiry job asks whose turn it is, and nothing more",
    ),
    (
        "postgres/mod.rs",
        "SELECT h.tenant FROM audit_heads AS h",
        "a job asks who has something that waits for it, and nothing more",
    ),
    (
        "sqlite/keyed.rs",
        "SELECT tenant FROM audit_heads AS h",
        "a job asks who has something that waits for it, and nothing more",
    ),
    (
        "postgres/records.rs",
        "SELECT h.tenant FROM audit_heads AS h",
        "a job asks who has something that is due, and nothing more",
    ),
    (
        "sqlite/records.rs",
        "SELECT tenant FROM audit_heads AS h",
        "a job asks who has something that is due, and nothing more",
    ),
    (
        "postgres/mod.rs",
        "SELECT tenant FROM audit_heads LIMIT 1",
        "the probe asks whether the database can be read",
    ),
    (
        "sqlite/mod.rs",
        "SELECT count(*) FROM audit_heads LIMIT 1",
        "the probe asks whether the database can be read",
    ),
    (
        "postgres/transfer.rs",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE audit_heads",
        "a copy holds the whole source still",
    ),
    ("postgres/transfer.rs", "BEGIN; LOCK TABLE audit_heads", "a copy keeps everybody from its target"),
    (
        "sqlite/scope_words.rs",
        "SELECT coalesce(max(rowid), 0) FROM memories",
        "nothing but the number of the last row of all, behind which a scope's new rows stand",
    ),
    ("sqlite/restore.rs", "SELECT tenant, digest FROM suppressions", "a restore replaces the whole database"),
    (
        "postgres/backup.rs",
        "SELECT tenant || ' ' || encode(digest, 'hex') FROM suppressions",
        "a restore replaces the whole database",
    ),
    (
        "postgres/transfer.rs",
        "SELECT tenant, seq, encode(hash, 'hex') FROM audit_heads",
        "a copy is done when every chain of the target ends where the source's does",
    ),
];

/// What a value of the tenant looks like: the first parameter, or one whose place is its number.
const PARAMETERS: [&str; 3] = ["$1", "?1", "?"];

/// SQL in words and single signs; a quoted text is one of them. Comments are left out.
fn words(sql: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '?');
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let bytes = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() && !rest.starts_with("--") {
            words.push(rest[..bytes].to_owned());
        }
        rest = &rest[bytes..];
    }
    words
}

/// Whether some words stand at a place.
fn stand(words: &[String], at: usize, wanted: &[&str]) -> bool {
    words.get(at..at + wanted.len()).is_some_and(|found| found.iter().zip(wanted).all(|(a, b)| a == b))
}

/// The statements of a migration.
fn statements(sql: &str) -> Vec<Vec<String>> {
    words(sql).split(|word| word == ";").filter(|words| !words.is_empty()).map(<[_]>::to_vec).collect()
}

/// The table that a statement makes.
fn table_made(words: &[String]) -> Option<&str> {
    let skip = if stand(words, 2, &["IF", "NOT", "EXISTS"]) { 5 } else { 2 };
    if stand(words, 0, &["CREATE", "TABLE"]) { words.get(skip).map(String::as_str) } else { None }
}

/// What is wrong with a migration's statement.
fn key_faults(statement: &[String]) -> Vec<String> {
    let text = statement.join(" ");
    let mut found = Vec::new();
    let is_index =
        statement.first().is_some_and(|word| word == "CREATE") && statement.iter().any(|w| w == "INDEX");
    if is_index {
        let columns = statement.iter().position(|word| word == "(").unwrap_or_default();
        if !stand(statement, columns, &["(", "tenant"]) {
            found.push(format!("an index does not begin with the tenant: {text}"));
        }
        return found;
    }
    let table = table_made(statement);
    if table.is_some_and(|table| NOBODYS.iter().any(|(name, _)| *name == table)) {
        return found;
    }
    let mut keys = 0;
    for at in 0..statement.len() {
        let after = match statement[at].as_str() {
            "PRIMARY" => at + 2,
            "UNIQUE" => at + 1,
            _ => continue,
        };
        keys += usize::from(statement[at] == "PRIMARY");
        // Either a list of columns, or a word behind the one column that it is about.
        let column =
            statement[..at].iter().rposition(|word| word == "," || word == "(").map_or(0, |start| start + 1);
        let of_column =
            statement.get(after).is_none_or(|word| word != "(") && stand(statement, column, &["tenant"]);
        if !of_column && !stand(statement, after, &["(", "tenant"]) {
            found.push(format!("a key does not begin with the tenant: {text}"));
        }
    }
    if table.is_some() && keys != 1 {
        found.push(format!("a table has {keys} primary keys: {text}"));
    }
    found
}

/// What is selected together: the words of one SELECT (or INSERT, UPDATE, DELETE) without those of others inside it.
fn scopes(words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    // Where the words go that come next, innermost last.
    let mut open = vec![0];
    for (at, word) in words.iter().enumerate() {
        let innermost = open.last().copied().unwrap_or_default();
        match word.as_str() {
            "(" if matches!(words.get(at + 1).map(String::as_str), Some("SELECT" | "WITH")) => {
                all.push(Vec::new());
                open.push(all.len() - 1);
            }
            // A parenthesis that holds no SELECT belongs to its surroundings.
            "(" => {
                all[innermost].push(word.clone());
                open.push(innermost);
            }
            ")" => {
                open.pop();
                if open.last() == Some(&innermost) {
                    all[innermost].push(word.clone());
                }
            }
            "UNION" => {
                all.push(Vec::new());
                if let Some(last) = open.last_mut() {
                    *last = all.len() - 1;
                }
            }
            _ => all[innermost].push(word.clone()),
        }
    }
    all
}

/// Whether `tenant = ` the first parameter, or another table's tenant, stands there.
fn names_the_tenant(scope: &[String]) -> bool {
    scope.windows(3).any(|three| {
        let of = |word: &str| word == "tenant" || word.ends_with(".tenant");
        of(&three[0]) && three[1] == "=" && (of(&three[2]) || PARAMETERS.contains(&three[2].as_str()))
    })
}

/// What is wrong with a statement over these tables; none where it is about others.
fn statement_faults(sql: &str, tables: &BTreeSet<String>) -> Option<Vec<String>> {
    let words = words(sql);
    let mut found = Vec::new();
    let mut is_about = false;
    for scope in scopes(&words) {
        for (at, word) in scope.iter().enumerate() {
            let table = scope.get(at + 1).filter(|table| tables.contains(*table));
            let Some(table) = table else { continue };
            let names = match word.as_str() {
                "INTO" => {
                    let first = |verb: &str, skip: usize| {
                        let value = words.iter().position(|word| word == verb).map(|at| &words[at + skip]);
                        value.is_some_and(|value| value == "tenant" || PARAMETERS.contains(&value.as_str()))
                    };
                    stand(&scope, at + 2, &["(", "tenant"]) && (first("VALUES", 2) || first("SELECT", 1))
                }
                "FROM" | "JOIN" | "UPDATE" | "TABLE" | "ONLY" => names_the_tenant(&scope),
                _ => continue,
            };
            is_about = true;
            if !names {
                found.push(format!("{table}: no tenant is named"));
            }
        }
        for at in 0..scope.len() {
            if stand(&scope, at, &["ON", "CONFLICT", "("]) && !stand(&scope, at + 3, &["tenant"]) {
                found.push("a conflict is not looked for under the tenant".to_owned());
            }
        }
    }
    is_about.then_some(found)
}

/// A string literal's text, if it is one.
fn text_of(literal: &str) -> Option<String> {
    if literal.starts_with('r') {
        let text = literal.trim_start_matches('r').trim_matches('#');
        return Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    // A line that goes on in the next one; what else is written with a backslash says nothing here.
    Some(
        text.split("\\\n")
            .map(str::trim_start)
            .collect::<String>()
            .replace("\\n", "\n")
            .replace("\\\"", "\""),
    )
}

/// Every text in a source with its line, except in what only tests see.
fn texts(stream: TokenStream, found: &mut Vec<(usize, String)>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let attribute = trees.next().map(|tree| tree.to_string().replace(' ', ""));
                if attribute.as_deref() == Some("[cfg(test)]") {
                    let ends = |tree: &TokenTree| match tree {
                        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                        TokenTree::Punct(punct) => punct.as_char() == ';',
                        _ => false,
                    };
                    trees.find(ends);
                }
            }
            TokenTree::Group(group) => texts(group.stream(), found),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                found.extend(text_of(&literal.to_string()).map(|text| (line, text)));
            }
            _ => {}
        }
    }
}

/// The migrations' texts, each with its path.
fn migrations() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for engine in ["sqlite", "postgres"] {
        let folder = crate::root().join("crates/store/migrations").join(engine);
        for file in std::fs::read_dir(&folder).expect("a folder of migrations").flatten() {
            let name = format!("{engine}/{}", file.file_name().to_string_lossy());
            all.push((name, std::fs::read_to_string(file.path()).expect("a migration is UTF-8")));
        }
    }
    all.sort();
    all
}

/// The tables of tenants.
fn tenants_tables() -> BTreeSet<String> {
    let migrations = migrations();
    let statements = migrations.iter().flat_map(|(_, sql)| statements(sql));
    let tables = statements.filter_map(|statement| table_made(&statement).map(str::to_owned));
    tables.filter(|table| !NOBODYS.iter().any(|(name, _)| name == table)).collect()
}

#[test]
fn every_key_begins_with_the_tenant() {
    let mut found = Vec::new();
    for (path, sql) in migrations() {
        for statement in statements(&sql) {
            found.extend(key_faults(&statement).into_iter().map(|fault| format!("{path}: {fault}")));
        }
    }
    none(&found, "the tenant leads every primary key, unique constraint and index:");
}

#[test]
fn every_statement_names_its_tenant() {
    let tables = tenants_tables();
    assert!(tables.len() >= 10 && tables.contains("memories"), "{tables:?}");
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut unused: BTreeSet<(&str, &str)> =
        CROSS_TENANT.iter().map(|(path, begin, _)| (*path, *begin)).collect();
    for source in sources().iter().filter(|source| source.krate() == "store" && source.is_shipped()) {
        let path = source.path.trim_start_matches("crates/store/src/");
        let mut all = Vec::new();
        let stream = source.text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        texts(stream, &mut all);
        for (line, sql) in all {
            let Some(faults) = statement_faults(&sql, &tables) else { continue };
            seen += 1;
            let exception =
                CROSS_TENANT.iter().find(|(of, begin, _)| *of == path && sql.trim_start().starts_with(begin));
            if let Some((path, begin, _)) = exception {
                unused.remove(&(*path, *begin));
            } else {
                found.extend(faults.into_iter().map(|fault| format!("{}:{line}: {fault}", source.path)));
            }
        }
    }
    assert!(seen >= 60, "only {seen} statements were found");
    found.extend(unused.iter().map(|(path, begin)| format!("{path}: no statement begins with `{begin}`")));
    none(
        &found,
        "name the tenant in every statement over a tenant's table (or say why not in CROSS_TENANT):",
    );
}

#[test]
fn what_leaves_the_tenant_out_is_seen() {
    let tables = BTreeSet::from(["memories".to_owned(), "policies".to_owned()]);
    let faults = |sql: &str| statement_faults(sql, &tables).map(|found| found.len());
    for (sql, expected) in [
        ("SELECT 1 FROM others", None),
        ("the memories FROM memories", Some(1)),
        ("SELECT id FROM memories WHERE tenant = $1 AND id = $2", Some(0)),
        ("SELECT id FROM memories WHERE id = $2", Some(1)),
        ("SELECT id FROM memories WHERE tenant = $2", Some(1)),
        ("SELECT id FROM memories AS m WHERE m.tenant = ? AND (id = ? OR x IN (?, ?))", Some(0)),
        ("SELECT (SELECT 1 FROM memories WHERE id = $2) FROM policies WHERE tenant = $1", Some(1)),
        ("SELECT 1 FROM policies WHERE tenant = $1 UNION ALL SELECT 1 FROM memories", Some(1)),
        ("SELECT 1 FROM policies AS p JOIN memories AS m ON m.tenant = p.tenant", Some(0)),
        ("INSERT INTO memories (tenant, id) VALUES (?1, ?2)", Some(0)),
        ("INSERT INTO memories (id, tenant) VALUES (?1, ?2)", Some(1)),
        ("INSERT INTO memories (tenant, id) VALUES (?2, ?1)", Some(1)),
        ("INSERT INTO memories (tenant, id) SELECT $1, w.* FROM unnest($2) AS w", Some(0)),
        ("INSERT INTO memories (tenant, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", Some(1)),
        ("UPDATE memories SET id = $2 WHERE tenant = $1", Some(0)),
        ("DELETE FROM memories", Some(1)),
        ("LOCK TABLE memories", Some(1)),
    ] {
        assert_eq!(faults(sql), expected, "{sql}");
    }
    for (sql, expected) in [
        ("CREATE TABLE a (tenant text NOT NULL PRIMARY KEY, b text);", 0),
        ("CREATE TABLE a (tenant text, b text, PRIMARY KEY (tenant, b));", 0),
        ("CREATE TABLE a (tenant text, b text, PRIMARY KEY (b, tenant));", 1),
        ("CREATE TABLE a (tenant text, b text PRIMARY KEY);", 1),
        ("CREATE TABLE a (tenant text, b text UNIQUE, PRIMARY KEY (tenant, b));", 1),
        ("CREATE TABLE a (tenant text, b text);", 1),
        ("CREATE TABLE schema_lock (id integer PRIMARY KEY);", 0),
        ("-- CREATE INDEX a ON b (c);\nCREATE UNIQUE INDEX a ON b (tenant, c) WHERE c > 0;", 0),
        ("CREATE INDEX a ON b (c, tenant);", 1),
        ("ALTER TABLE a ADD CONSTRAINT b UNIQUE (c);", 1),
        ("ALTER TABLE a ADD COLUMN b text;", 0),
    ] {
        let found: usize = statements(sql).iter().map(|statement| key_faults(statement).len()).sum();
        assert_eq!(found, expected, "{sql}");
    }
    let mut all = Vec::new();
    let source =
        "const A: &str = \"a \\\n   b\"; #[cfg(test)] mod t { \"c\" } fn f() { x(r#\"d\"#, 'e', 1) }";
    texts(source.parse().unwrap(), &mut all);
    assert_eq!(all, [(1, "a b".to_owned()), (2, "d".to_owned())]);
}
