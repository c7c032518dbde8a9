//! `DATABASE_URL`: which store, and where.

use std::fmt;
use std::path::PathBuf;

/// The schemes that mean PostgreSQL: its own two, and those that SQLAlchemy's drivers add.
const POSTGRES_SCHEMES: [&str; 5] =
    ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"];

/// Where memories are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// One file.
    Sqlite(PathBuf),
    /// A server; the URL begins with `postgresql://` whichever way it was spelt.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it; the text never quotes the URL, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("sqlite::memory:") || text.starts_with("sqlite://:memory:") {
            return Err("a database in memory would forget what the server has acknowledged".to_owned());
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Err(String::new()) };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "sqlite" {
            return Self::parse_sqlite(rest);
        }
        if POSTGRES_SCHEMES.contains(&scheme.as_str()) {
            return Self::parse_postgres(rest);
        }
        Err("the scheme is neither sqlite nor postgresql".to_owned())
    }

    fn parse_sqlite(path: &str) -> Result<Self, String> {
        if path.is_empty() || path.ends_with('/') {
            return Err("the path must name a file".to_owned());
        }
        if path.contains(['?', '#']) {
            return Err("a SQLite URL takes no options".to_owned());
        }
        if path.chars().any(char::is_control) {
            return Err("the path must not hold control characters".to_owned());
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    fn parse_postgres(rest: &str) -> Result<Self, String> {
        if rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("spaces and control characters must be percent-encoded".to_owned());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let database = path.split('?').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        if authority.matches('@').count() > 1 {
            return Err("an @ in the password must be written %40".to_owned());
        }
        if host.is_empty() && !path.contains("host=") {
            return Err("the host is missing".to_owned());
        }
        if database.is_empty() {
            return Err("the name of the database is missing".to_owned());
        }
        Ok(Self::Postgres(format!("postgresql://{rest}")))
    }

    /// The URL that tests use when none is set: the same place, the name followed by `_test`.
    pub(crate) fn for_tests(&self) -> Self {
        match self {
            Self::Sqlite(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = match path.extension() {
                    Some(extension) => format!("{stem}_test.{}", extension.to_string_lossy()),
                    None => format!("{stem}_test"),
                };
                Self::Sqlite(path.with_file_name(name))
            }
            Self::Postgres(url) => {
                let (base, options) = url.split_once('?').unwrap_or((url, ""));
                let mark = if options.is_empty() { "" } else { "?" };
                Self::Postgres(format!("{base}_test{mark}{options}"))
            }
        }
    }
}

/// Without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(&mask(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Hides what may be secret in a text that is, or was meant to be, a URL: all between the user's name and the
/// last `@`, and the value of every option that is not known to be harmless.
pub(crate) fn mask(text: &str) -> String {
    let start = text.find("://").map_or(0, |index| index + 3);
    let (scheme, rest) = text.split_at(start);
    let Some((credentials, place)) = rest.rsplit_once('@') else {
        // Perhaps the `@` was forgotten: what follows a colon is a port, or it is not shown.
        return match rest.split_once(':') {
            Some((user, after)) if scheme.starts_with("postgres") && !after.starts_with(is_digit) => {
                format!("{scheme}{user}:***")
            }
            _ => format!("{scheme}{}", mask_options(rest)),
        };
    };
    let user = credentials.split(':').next().unwrap_or_default();
    let plain = user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%+".contains(&b));
    match (plain, user.len() == credentials.len()) {
        (true, true) => format!("{scheme}{user}@{}", mask_options(place)),
        (true, false) => format!("{scheme}{user}:***@{}", mask_options(place)),
        (false, _) => format!("{scheme}***@{}", mask_options(place)),
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn mask_options(place: &str) -> String {
    const HARMLESS: [&str; 6] =
        ["sslmode", "host", "port", "connect_timeout", "application_name", "target_session_attrs"];
    let Some((base, options)) = place.split_once('?') else { return place.to_owned() };
    let options: Vec<String> = options
        .split('&')
        .map(|option| match option.split_once('=') {
            Some((name, _)) if HARMLESS.contains(&name) => option.to_owned(),
            Some((name, _)) => format!("{name}=***"),
            None => "***".to_owned(),
        })
        .collect();
    format!("{base}?{}", options.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        let answer = match DatabaseUrl::parse(text) {
            Ok(url) => url.to_string(),
            Err(reason) => format!("! {reason}"),
        };
        assert_eq!(answer, shown, "for {text}");
    }

    #[test]
    fn urls_are_understood_and_normalised() {
        check("sqlite://memoryscope.db", "sqlite://memoryscope.db");
        check("sqlite:///var/lib/m.db", "sqlite:///var/lib/m.db");
        check("SQLite://a b.db", "sqlite://a b.db");
        check("postgres://u:p@h/d", "postgresql://u:***@h/d");
        check(
            "postgresql+psycopg://u:p@h:5432/d?sslmode=require",
            "postgresql://u:***@h:5432/d?sslmode=require",
        );
        check("postgresql://h/d?password=p", "postgresql://h/d?password=***");
    }

    #[test]
    fn wrong_urls_say_why() {
        check("", "! ");
        check("memoryscope.db", "! ");
        check("mysql://u:p@h/d", "! the scheme is neither sqlite nor postgresql");
        check("sqlite://", "! the path must name a file");
        check("sqlite://dir/", "! the path must name a file");
        check("sqlite://m.db?mode=ro", "! a SQLite URL takes no options");
        check("sqlite::memory:", "! a database in memory would forget what the server has acknowledged");
        check("postgres://u:p@/d", "! the host is missing");
        check("postgres://u:p@h", "! the name of the database is missing");
        check("postgres://u:p@ss@h/d", "! an @ in the password must be written %40");
    }

    #[test]
    fn a_password_never_shows_however_the_url_is_misspelt() {
        for text in [
            "postgres://u:s3cret@h/d",
            "postgres:u:s3cret@h/d",
            "u:s3cret@h",
            "postgres://u:p:s3cret@h/d",
            "postgres://u:s3cret@x@h/d",
            "postgres://u:a/s3cret@h/d",
            "postgres://h/d?password=s3cret&sslmode=require",
            "postgres://h/d?s3cret",
            "postgres://u:s3?cret@h/d",
            "postgres://h/d?password=s3cret@x",
            "postgres://u:s3cret",
        ] {
            let shown = mask(text);
            assert!(!shown.contains("cret") && !shown.contains("s3"), "{shown}");
        }
    }

    #[test]
    fn tests_get_a_database_of_their_own() {
        let of = |text: &str| DatabaseUrl::parse(text).map(|url| url.for_tests().to_string());
        assert_eq!(of("sqlite://memoryscope.db").as_deref(), Ok("sqlite://memoryscope_test.db"));
        assert_eq!(of("sqlite://data/m").as_deref(), Ok("sqlite://data/m_test"));
        assert_eq!(
            of("postgres://u:p@h/d?sslmode=require").as_deref(),
            Ok("postgresql://u:***@h/d_test?sslmode=require")
        );
    }
}
