//! `memoryscope config` as a program, and the documents that say what it knows.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The binary, in a folder of its own, with nothing in its environment but `environment`.
fn memoryscope(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_memoryscope"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs")
}

fn settings(folder: &Path) -> Vec<Value> {
    let output = memoryscope(folder, &["config", "--json"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).expect("config --json prints JSON");
    object["settings"].as_array().expect("settings").clone()
}

#[test]
fn without_a_command_it_prints_help() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = memoryscope(folder.path(), &[], &[]);
    assert!(output.status.success());
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for command in ["serve", "health", "config", "migrate", "backup", "restore", "policy", "audit", "version"]
    {
        assert!(help.contains(&format!("\n  {command}")), "{command} is not in:\n{help}");
    }
}

#[test]
fn it_knows_its_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = memoryscope(folder.path(), &["version"], &[]);
    assert_eq!(plain.stdout, concat!("memoryscope ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
    let json = memoryscope(folder.path(), &["version", "--json"], &[]);
    let object: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(object["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn config_prints_a_table_with_origins() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".env"), "LOG_LEVEL=WARNING\n").expect("a .env");
    let arguments = ["config", "--listen", "[::1]:0"];
    let environment =
        [("ENVIRONMENT", "production"), ("DATABASE_URL", "postgresql+psycopg://u:s3cret@db:5432/m")];
    let output = memoryscope(folder.path(), &arguments, &environment);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r"
    SETTING                              VALUE                              FROM
    DATABASE_URL                         postgresql://u:***@db:5432/m       environment
    DATABASE_URL_TEST                    postgresql://u:***@db:5432/m_test  default, from DATABASE_URL
    MEMORYSCOPE_LISTEN                   [::1]:0                            flag --listen
    MEMORYSCOPE_POLICY                   (not set)                          default
    MEMORYSCOPE_SPIRAL_LEXICON           (not set)                          default
    MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS  30                                 default
    MEMORYSCOPE_MIGRATE                  true                               default
    MEMORYSCOPE_ITEMS_STRICT             false                              default
    MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE    false                              default
    MEMORYSCOPE_LLM_URL                  (not set)                          default
    MEMORYSCOPE_LLM_MODEL                (not set)                          default
    MEMORYSCOPE_LLM_API_KEY              (not set)                          default
    MEMORYSCOPE_LLM_TIMEOUT_SECONDS      60                                 default
    MEMORYSCOPE_LLM_TOKENS_PER_DAY       0                                  default
    MEMORYSCOPE_MODEL_DIR                models                             default
    MEMORYSCOPE_EMBED_URL                (not set)                          default
    MEMORYSCOPE_EMBED_MODEL              (not set)                          default
    MEMORYSCOPE_EMBED_API_KEY            (not set)                          default
    MEMORYSCOPE_EMBED_TIMEOUT_SECONDS    30                                 default
    MEMORYSCOPE_EMBED_DIMENSIONS         (not set)                          default
    MEMORYSCOPE_VECTOR_MEMORY_MB         512                                default
    LOG_LEVEL                            WARNING                            .env line 1
    LOG_FORMAT                           json                               default, from ENVIRONMENT=production
    CORS_ORIGINS                         (not set)                          default
    CORS_ALLOW_CREDENTIALS               true                               default
    ENVIRONMENT                          production                         environment
    VALIDATE_CONFIG                      false                              default
    SENTRY_DSN                           (not set)                          default
    OTEL_EXPORTER_OTLP_ENDPOINT          (not set)                          default
    ");
}

#[test]
fn a_wrong_configuration_is_said_on_standard_error_with_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in ["config", "serve", "migrate"] {
        let environment = [("LOG_LEVEL", "loud"), ("CORS_ORIGINS", "*")];
        let output = memoryscope(folder.path(), &[command], &environment);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(output.stdout.is_empty(), "{command}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for part in ["LOG_LEVEL=\"loud\" (environment)", "CORS_ORIGINS", "CORS_ALLOW_CREDENTIALS=false"] {
            assert!(said.contains(part), "{command}: {part} is not in: {said}");
        }
    }
}

#[test]
fn an_unreadable_env_file_is_not_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".env")).expect("a folder named .env");
    let output = memoryscope(folder.path(), &["config"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(".env cannot be read"));
}

/// `NAME=VALUE` lines, in comments or not.
fn assignments(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .filter(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

#[test]
fn the_example_names_every_setting_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = settings(folder.path());
    let example = crate::text_of("env.example");
    let expected: Vec<(&str, &str)> = plain
        .iter()
        .map(|row| (row["name"].as_str().unwrap_or_default(), row["default"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(assignments(&example), expected, "env.example against crates/cli/src/config/setting.rs");

    // As it is, and with every line turned on but the one that another setting decides.
    let on: String = assignments(&example)
        .iter()
        .filter(|(name, _)| *name != "LOG_FORMAT")
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    for text in [example, on] {
        std::fs::write(folder.path().join(".env"), text).expect("a .env");
        let values = |rows: &[Value]| rows.iter().map(|row| row["value"].clone()).collect::<Vec<_>>();
        assert_eq!(values(&settings(folder.path())), values(&plain));
    }
}

#[test]
fn the_page_about_configuration_has_every_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = crate::text_of("docs/configuration.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = settings(folder.path())
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let code = |key: &str| match text(key) {
                "" => "–".to_owned(),
                value => format!("`{value}`"),
            };
            format!("| `{}` | {} | {} | {} |", text("name"), code("flag"), code("default"), text("allowed"))
        })
        .collect();
    assert_eq!(rows.len(), expected.len(), "one row for each setting");
    for (row, start) in rows.iter().zip(&expected) {
        assert!(row.starts_with(start), "{row}\nshould begin with\n{start}");
    }
}
