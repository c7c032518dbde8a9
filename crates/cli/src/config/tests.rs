use super::*;

type Pairs<'a> = &'a [(&'static str, &'a str)];

/// Their defaults follow another setting.
const FOLLOWING: [&str; 2] = ["DATABASE_URL_TEST", "MEMORYSCOPE_MODEL_DIR"];

/// What is wrong, or `NAME=VALUE (origin)` of the settings that are not defaults.
fn check(flags: Pairs<'_>, environment: Pairs<'_>, env_file: &str, expected: &str) {
    let mut problems = Vec::new();
    let mut sources = Sources::of(flags, environment);
    sources.read_env_file(env_file, &mut problems);
    let shown = match Config::read(&sources, problems) {
        Err(invalid) => invalid.to_string(),
        Ok(config) => config
            .entries()
            .iter()
            .filter(|entry| entry.origin != "default" && !FOLLOWING.contains(&entry.name))
            .map(|entry| format!("{}={} ({})", entry.name, entry.value, entry.origin))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    assert_eq!(shown, expected);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let flags = [("LOG_LEVEL", "debug")];
    let environment = [("LOG_LEVEL", "ERROR"), ("LOG_FORMAT", "json")];
    let env_file = "# one\nLOG_LEVEL=INFO\nLOG_FORMAT=human\nexport ENVIRONMENT='staging'\n\nUNRELATED=1\n";
    check(
        &flags,
        &environment,
        env_file,
        "LOG_LEVEL=DEBUG (flag --log-level)\nLOG_FORMAT=json (environment)\nENVIRONMENT=staging (.env line 4)",
    );
}

#[test]
fn an_empty_value_is_none() {
    check(&[], &[("LOG_LEVEL", "  ")], "LOG_LEVEL=ERROR\nSENTRY_DSN=\n", "LOG_LEVEL=ERROR (.env line 1)");
}

#[test]
fn critical_means_error() {
    check(&[], &[("LOG_LEVEL", "critical")], "", "LOG_LEVEL=ERROR (environment)");
}

#[test]
fn production_logs_json_unless_told_otherwise() {
    check(
        &[],
        &[("ENVIRONMENT", "production")],
        "",
        "LOG_FORMAT=json (default, from ENVIRONMENT=production)\nENVIRONMENT=production (environment)",
    );
    check(
        &[],
        &[("ENVIRONMENT", "Production"), ("LOG_FORMAT", "Human")],
        "",
        "LOG_FORMAT=human (environment)\nENVIRONMENT=production (environment)",
    );
}

#[test]
fn every_wrong_value_is_reported_at_once() {
    check(
        &[("MEMORYSCOPE_LISTEN", ":8000"), ("MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS", "0")],
        &[("LOG_LEVEL", "loud"), ("DATABASE_URL", "mysql://u:s3cret@h/d"), ("CORS_ORIGINS", "https://a/b")],
        "VALIDATE_CONFIG=maybe\n",
        "the configuration is wrong in 6 places:
  DATABASE_URL=\"mysql://u:***@h/d\" (environment): must be sqlite://PATH or \
postgresql://USER:PASSWORD@HOST:PORT/DATABASE; the scheme is neither sqlite nor postgresql
  MEMORYSCOPE_LISTEN=\":8000\" (flag --listen): must be ADDRESS:PORT, with an IP address or localhost, such as \
127.0.0.1:8000 or [::1]:8000
  MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS=\"0\" (flag --request-timeout-seconds): must be a whole number from 1 to 600
  LOG_LEVEL=\"loud\" (environment): must be DEBUG, INFO, WARNING, ERROR or CRITICAL
  CORS_ORIGINS=\"https://a/b\" (environment): must be a comma-separated list of origins such as \
https://app.example or http://localhost:3000, or null, or *; \"https://a/b\" is not an origin (an origin has a host, \
perhaps a port, and nothing else)
  VALIDATE_CONFIG=\"maybe\" (.env line 1): must be true or false",
    );
}

#[test]
fn a_star_with_credentials_is_refused_even_when_credentials_are_the_default() {
    let why = "* cannot go with CORS_ALLOW_CREDENTIALS=true";
    let then = "set CORS_ALLOW_CREDENTIALS=false, or list the origins";
    check(
        &[],
        &[("CORS_ORIGINS", "https://a.example, *")],
        "",
        &format!("the configuration is wrong:\n  CORS_ORIGINS (environment): {why} (default): {then}"),
    );
    check(
        &[],
        &[("CORS_ORIGINS", "*")],
        "CORS_ALLOW_CREDENTIALS=yes",
        &format!("the configuration is wrong:\n  CORS_ORIGINS (environment): {why} (.env line 1): {then}"),
    );
    check(
        &[],
        &[("CORS_ORIGINS", "*"), ("CORS_ALLOW_CREDENTIALS", "false")],
        "",
        "CORS_ORIGINS=* (environment)\nCORS_ALLOW_CREDENTIALS=false (environment)",
    );
}

#[test]
fn origins_are_written_as_browsers_send_them() {
    check(
        &[],
        &[("CORS_ORIGINS", " https://B.example:443/ ,null,http://localhost:3000,, https://b.example")],
        "",
        "CORS_ORIGINS=http://localhost:3000,https://b.example,null (environment)",
    );
}

#[test]
fn the_test_database_is_never_the_real_one() {
    check(
        &[],
        &[("DATABASE_URL_TEST", "sqlite://memoryscope.db")],
        "",
        "the configuration is wrong:\n  DATABASE_URL_TEST (environment): must not be DATABASE_URL (default) itself",
    );
}

#[test]
fn a_file_that_cannot_be_read_names_the_line_and_not_its_text() {
    check(
        &[],
        &[],
        "LOG_LEVEL=INFO\nDATABASE_URL=two words s3cret\nLOG_FORMAT=json\nLOG_FORMAT=human\n",
        "the configuration is wrong in 2 places:
  .env line 2 cannot be read: must be NAME=VALUE, quoted when the value has spaces
  LOG_FORMAT (.env line 3): must be set once, but lines 3 and 4 set it",
    );
}

#[test]
#[cfg(not(feature = "sentry"))]
fn a_build_without_sentry_refuses_to_start_and_says_how() {
    check(
        &[],
        &[("SENTRY_DSN", "https://s3cret@sentry.example/1")],
        "",
        "the configuration is wrong:\n  SENTRY_DSN (environment): this build cannot report to Sentry: build it with \
`cargo build --release --features sentry`, or unset it",
    );
}

#[test]
#[cfg(not(feature = "otel"))]
fn a_build_without_otel_refuses_to_start_and_says_how() {
    check(
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")],
        "",
        "the configuration is wrong:\n  OTEL_EXPORTER_OTLP_ENDPOINT (environment): this build cannot export traces: \
build it with `cargo build --release --features otel`, or unset it",
    );
}

#[test]
fn a_collector_is_a_url_without_keys() {
    for good in ["http://127.0.0.1:4318", "https://otel.example/base", "http://[::1]:4318", "http://[::1]"] {
        assert_eq!(OtlpEndpoint::parse(&format!("{good}/")).map(|url| url.to_string()), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "127.0.0.1:4318",
        "grpc://h:4317",
        "http://",
        "http://:1",
        "http://h:x",
        "http://h:99999",
        "http://h/?k",
        "http://h h",
        "http:///v1",
    ] {
        assert_eq!(OtlpEndpoint::parse(bad), Err(String::new()), "{bad}");
    }
    check(
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:s3cret@h")],
        "",
        "the configuration is wrong:\n  OTEL_EXPORTER_OTLP_ENDPOINT=\"https://u:***@h\" (environment): must be \
http://HOST:PORT or https://HOST:PORT, perhaps with a path; /v1/traces is added to it; it must not hold a user or a password",
    );
}

#[test]
fn a_wrong_sentry_dsn_is_not_shown() {
    check(
        &[],
        &[("SENTRY_DSN", "s3cret")],
        "",
        "the configuration is wrong:\n  SENTRY_DSN=\"***\" (environment): must be https://KEY@HOST/PROJECT",
    );
}

#[test]
fn a_model_has_a_url_and_a_name_or_neither() {
    let (url, model) = (("MEMORYSCOPE_LLM_URL", "https://h/v1/"), ("MEMORYSCOPE_LLM_MODEL", "small-1"));
    let key = ("MEMORYSCOPE_LLM_API_KEY", "s3cret");
    check(
        &[],
        &[url, model, key, ("MEMORYSCOPE_LLM_TOKENS_PER_DAY", "1000")],
        "MEMORYSCOPE_LLM_TIMEOUT_SECONDS=5",
        "MEMORYSCOPE_LLM_URL=https://h/v1 (environment)
MEMORYSCOPE_LLM_MODEL=small-1 (environment)
MEMORYSCOPE_LLM_API_KEY=*** (environment)
MEMORYSCOPE_LLM_TIMEOUT_SECONDS=5 (.env line 1)
MEMORYSCOPE_LLM_TOKENS_PER_DAY=1000 (environment)",
    );
    let lacks = |pairs: Pairs<'_>, set: &str, other: &str| {
        let why = format!("{set} (environment): is set and {other} is not: set both of them, or neither");
        check(&[], pairs, "", &format!("the configuration is wrong:\n  {why}"));
    };
    lacks(&[url], url.0, model.0);
    lacks(&[model, key], model.0, url.0);
    lacks(&[key], key.0, url.0);
}

#[test]
fn a_wrong_key_of_a_model_is_not_shown_and_none_stands_in_its_url() {
    check(
        &[],
        &[
            ("MEMORYSCOPE_LLM_URL", "https://u:s3cret@h/v1"),
            ("MEMORYSCOPE_LLM_MODEL", "two words"),
            ("MEMORYSCOPE_LLM_API_KEY", "s3cret s3cret"),
            ("MEMORYSCOPE_LLM_TIMEOUT_SECONDS", "0"),
            ("MEMORYSCOPE_LLM_TOKENS_PER_DAY", "-1"),
        ],
        "",
        "the configuration is wrong in 5 places:
  MEMORYSCOPE_LLM_URL=\"https://u:***@h/v1\" (environment): must be https://HOST/v1 or http://HOST:PORT/v1, without a \
user or a key; /chat/completions is added to it; it must not hold a user or a password
  MEMORYSCOPE_LLM_MODEL=\"two words\" (environment): must be the name of a model that the endpoint knows, without \
spaces, of at most 200 characters
  MEMORYSCOPE_LLM_API_KEY=\"***\" (environment): must be a key in printable ASCII without spaces
  MEMORYSCOPE_LLM_TIMEOUT_SECONDS=\"0\" (environment): must be a whole number from 1 to 600
  MEMORYSCOPE_LLM_TOKENS_PER_DAY=\"-1\" (environment): must be a whole number of tokens, or 0 for no limit",
    );
}

#[test]
fn an_embedder_has_a_url_and_a_name_or_neither() {
    let (url, model) = (("MEMORYSCOPE_EMBED_URL", "https://h/v1/"), ("MEMORYSCOPE_EMBED_MODEL", "small-1"));
    let (key, dimensions) =
        (("MEMORYSCOPE_EMBED_API_KEY", "s3cret"), ("MEMORYSCOPE_EMBED_DIMENSIONS", "256"));
    check(
        &[],
        &[url, model, key, dimensions],
        "MEMORYSCOPE_EMBED_TIMEOUT_SECONDS=5",
        "MEMORYSCOPE_EMBED_URL=https://h/v1 (environment)
MEMORYSCOPE_EMBED_MODEL=small-1 (environment)
MEMORYSCOPE_EMBED_API_KEY=*** (environment)
MEMORYSCOPE_EMBED_TIMEOUT_SECONDS=5 (.env line 1)
MEMORYSCOPE_EMBED_DIMENSIONS=256 (environment)",
    );
    let lacks = |pairs: Pairs<'_>, set: &str, other: &str| {
        let why = format!("{set} (environment): is set and {other} is not: set both of them, or neither");
        check(&[], pairs, "", &format!("the configuration is wrong:\n  {why}"));
    };
    lacks(&[url], url.0, model.0);
    lacks(&[model, key], model.0, url.0);
    lacks(&[key], key.0, url.0);
    lacks(&[dimensions], dimensions.0, url.0);
    for wrong in ["0", "4097", "many"] {
        let why = format!(
            "MEMORYSCOPE_EMBED_DIMENSIONS={wrong:?} (environment): must be a whole number from 1 to 4096"
        );
        let pairs = [url, model, ("MEMORYSCOPE_EMBED_DIMENSIONS", wrong)];
        check(&[], &pairs, "", &format!("the configuration is wrong:\n  {why}"));
    }
}

#[test]
fn the_model_is_beside_the_database_unless_told_otherwise() {
    let folder = |pairs: Pairs<'_>| {
        let config = Config::read(&Sources::of(&[], pairs), Vec::new()).expect("a good configuration");
        config.embed.folder(&config.database.value).display().to_string()
    };
    assert_eq!(folder(&[]), "models");
    assert_eq!(folder(&[("DATABASE_URL", "sqlite:///data/m.db")]), "/data/models");
    assert_eq!(folder(&[("DATABASE_URL", "postgres://u:p@h/d")]), "models");
    let told = ("MEMORYSCOPE_MODEL_DIR", "/var/lib/m");
    assert_eq!(folder(&[("DATABASE_URL", "sqlite:///data/m.db"), told]), "/var/lib/m");
}

#[test]
fn no_secret_shows_in_a_debug_print() {
    let environment = [
        ("DATABASE_URL", "postgresql+psycopg://u:s3cret@h/d"),
        ("MEMORYSCOPE_LLM_URL", "https://h/v1"),
        ("MEMORYSCOPE_LLM_MODEL", "m"),
        ("MEMORYSCOPE_LLM_API_KEY", "s3cret"),
        ("MEMORYSCOPE_EMBED_URL", "https://h/v1"),
        ("MEMORYSCOPE_EMBED_MODEL", "m"),
        ("MEMORYSCOPE_EMBED_API_KEY", "s3cret"),
    ];
    let sources = Sources::of(&[], &environment);
    let config = Config::read(&sources, Vec::new()).expect("a good configuration");
    for shown in [format!("{config:?}"), format!("{sources:?}"), format!("{:?}", config.entries())] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
