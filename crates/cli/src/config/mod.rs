//! What this server was told: read once, checked whole, and able to say where each value came from.
//!
//! Flags win over the environment, the environment over `.env`, and `.env` over the defaults. Every wrong value
//! is reported, not the first one; each names itself, what is allowed and where it came from.

mod database_url;
mod embed;
mod llm;
pub(crate) mod setting;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use database_url::DatabaseUrl;
pub(crate) use embed::Embed;
pub(crate) use llm::Llm;
use setting::Setting;
use sources::{Origin, Sources};
pub(crate) use values::{CorsOrigins, Environment, LogFormat, LogLevel, OtlpEndpoint, SentryDsn};

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) database: Sourced<DatabaseUrl>,
    pub(crate) database_test: Sourced<DatabaseUrl>,
    pub(crate) listen: Sourced<SocketAddr>,
    /// `None`: the built-in policy.
    pub(crate) policy: Sourced<Option<PathBuf>>,
    /// `None`: the built-in lexicon of spirals.
    pub(crate) spiral_lexicon: Sourced<Option<PathBuf>>,
    pub(crate) request_timeout: Sourced<Duration>,
    /// Whether `serve` brings the schema up to date before it listens.
    pub(crate) migrate: Sourced<bool>,
    /// Whether the items dialect refuses deprecated fields.
    pub(crate) items_strict: Sourced<bool>,
    /// Whether webhooks may reach addresses of this machine and of its networks.
    pub(crate) webhook_allow_private: Sourced<bool>,
    /// The model that extracts graphs.
    pub(crate) llm: Llm,
    /// Who makes vectors of texts.
    pub(crate) embed: Embed,
    pub(crate) log_level: Sourced<LogLevel>,
    pub(crate) log_format: Sourced<LogFormat>,
    pub(crate) cors_origins: Sourced<CorsOrigins>,
    pub(crate) cors_allow_credentials: Sourced<bool>,
    pub(crate) environment: Sourced<Environment>,
    /// Whether `serve` connects and checks the schema before it listens.
    pub(crate) validate_config: Sourced<bool>,
    pub(crate) sentry_dsn: Sourced<Option<SentryDsn>>,
    pub(crate) otlp_endpoint: Sourced<Option<OtlpEndpoint>>,
}

/// One line of `memoryscope config`.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// As one would set it, secrets masked; empty when it is not set.
    pub(crate) value: String,
    pub(crate) origin: String,
    pub(crate) flag: Option<&'static str>,
    pub(crate) default: &'static str,
    pub(crate) allowed: &'static str,
}

impl Config {
    /// Reads flags, the environment, and `.env` in the working directory.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn load(flags: BTreeMap<&'static str, String>) -> Result<Self, Invalid> {
        let mut problems = Vec::new();
        let sources = Sources::gather(flags, Path::new("."), &mut problems);
        Self::read(&sources, problems)
    }

    fn read(sources: &Sources, problems: Vec<Problem>) -> Result<Self, Invalid> {
        let mut reader = Reader { sources, problems };
        let database = reader.get(&setting::DATABASE_URL, DatabaseUrl::parse);
        let database_test = reader.get_optional(&setting::DATABASE_URL_TEST, DatabaseUrl::parse);
        let listen = reader.get(&setting::MEMORYSCOPE_LISTEN, values::address);
        let policy = reader.get_optional(&setting::MEMORYSCOPE_POLICY, |text| Ok(PathBuf::from(text)));
        let spiral_lexicon =
            reader.get_optional(&setting::MEMORYSCOPE_SPIRAL_LEXICON, |text| Ok(PathBuf::from(text)));
        let request_timeout = reader.get(&setting::MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS, values::seconds);
        let migrate = reader.get(&setting::MEMORYSCOPE_MIGRATE, values::boolean);
        let items_strict = reader.get(&setting::MEMORYSCOPE_ITEMS_STRICT, values::boolean);
        let private = reader.get(&setting::MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE, values::boolean);
        let llm = Llm::read(&mut reader);
        let embed = Embed::read(&mut reader);
        let log_level = reader.get(&setting::LOG_LEVEL, LogLevel::parse);
        let log_format = reader.get(&setting::LOG_FORMAT, LogFormat::parse);
        let cors_origins = reader.get(&setting::CORS_ORIGINS, CorsOrigins::parse);
        let cors_allow_credentials = reader.get(&setting::CORS_ALLOW_CREDENTIALS, values::boolean);
        let environment = reader.get(&setting::ENVIRONMENT, Environment::parse);
        let validate_config = reader.get(&setting::VALIDATE_CONFIG, values::boolean);
        let sentry_dsn = reader.get_optional(&setting::SENTRY_DSN, SentryDsn::parse);
        let otlp_endpoint = reader.get_optional(&setting::OTEL_EXPORTER_OTLP_ENDPOINT, OtlpEndpoint::parse);

        reader.check_cors(cors_origins.as_ref(), cors_allow_credentials.as_ref());
        reader.check_databases(database.as_ref(), database_test.as_ref());
        reader.check_built(&setting::SENTRY_DSN, sentry_dsn.as_ref(), SENTRY);
        reader.check_built(&setting::OTEL_EXPORTER_OTLP_ENDPOINT, otlp_endpoint.as_ref(), OTEL);

        let problems = reader.problems;
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        // Each of these is there: what could not be read has left a problem.
        (|| {
            let database = database?;
            let environment = environment?;
            Some(Self {
                database_test: tests_database(database_test?, &database),
                log_format: log_format_in(log_format?, environment.value),
                database,
                environment,
                listen: listen?,
                policy: policy?,
                spiral_lexicon: spiral_lexicon?,
                request_timeout: request_timeout?,
                migrate: migrate?,
                items_strict: items_strict?,
                webhook_allow_private: private?,
                llm: llm?,
                embed: embed?,
                log_level: log_level?,
                cors_origins: cors_origins?,
                cors_allow_credentials: cors_allow_credentials?,
                validate_config: validate_config?,
                sentry_dsn: sentry_dsn?,
                otlp_endpoint: otlp_endpoint?,
            })
        })()
        .ok_or_else(|| Invalid(vec![Problem::file("a setting was lost while it was read: a bug".to_owned())]))
    }

    /// Every setting as it is, in the order of [`setting::ALL`].
    pub(crate) fn entries(&self) -> Vec<Entry> {
        fn shown<T: ToString>(sourced: &Sourced<T>) -> (String, Origin) {
            (sourced.value.to_string(), sourced.origin)
        }
        fn optional<T>(sourced: &Sourced<Option<T>>, show: impl Fn(&T) -> String) -> (String, Origin) {
            (sourced.value.as_ref().map(show).unwrap_or_default(), sourced.origin)
        }
        let rows = [
            shown(&self.database),
            shown(&self.database_test),
            shown(&self.listen),
            optional(&self.policy, |path| path.display().to_string()),
            optional(&self.spiral_lexicon, |path| path.display().to_string()),
            (self.request_timeout.value.as_secs().to_string(), self.request_timeout.origin),
            shown(&self.migrate),
            shown(&self.items_strict),
            shown(&self.webhook_allow_private),
            optional(&self.llm.url, ToString::to_string),
            optional(&self.llm.model, String::clone),
            optional(&self.llm.key, ToString::to_string),
            (self.llm.timeout.value.as_secs().to_string(), self.llm.timeout.origin),
            shown(&self.llm.tokens_per_day),
            self.embed.shown_folder(&self.database),
            optional(&self.embed.url, ToString::to_string),
            optional(&self.embed.model, String::clone),
            optional(&self.embed.key, ToString::to_string),
            (self.embed.timeout.value.as_secs().to_string(), self.embed.timeout.origin),
            optional(&self.embed.dimensions, ToString::to_string),
            (self.embed.memory.value.to_string(), self.embed.memory.origin),
            shown(&self.log_level),
            shown(&self.log_format),
            shown(&self.cors_origins),
            shown(&self.cors_allow_credentials),
            shown(&self.environment),
            shown(&self.validate_config),
            optional(&self.sentry_dsn, ToString::to_string),
            optional(&self.otlp_endpoint, ToString::to_string),
        ];
        setting::ALL
            .into_iter()
            .zip(rows)
            .map(|(setting, (value, origin))| Entry {
                name: setting.name,
                value,
                origin: origin.to_string(),
                flag: setting.flag,
                default: setting.default,
                allowed: setting.allowed,
            })
            .collect()
    }
}

fn tests_database(
    set: Sourced<Option<DatabaseUrl>>,
    database: &Sourced<DatabaseUrl>,
) -> Sourced<DatabaseUrl> {
    match set.value {
        Some(value) => Sourced { value, origin: set.origin },
        None => {
            Sourced { value: database.value.for_tests(), origin: Origin::Follows(setting::DATABASE_URL.name) }
        }
    }
}

/// In production machines read the log, unless someone says otherwise.
fn log_format_in(format: Sourced<LogFormat>, environment: Environment) -> Sourced<LogFormat> {
    if format.origin == Origin::Default && environment == Environment::Production {
        return Sourced { value: LogFormat::Json, origin: Origin::Follows("ENVIRONMENT=production") };
    }
    format
}

/// A part of the program that a build may lack.
#[derive(Debug, Clone, Copy)]
struct Part {
    feature: &'static str,
    built: bool,
    /// Completes the sentence "this build cannot …".
    does: &'static str,
}

const SENTRY: Part = Part { feature: "sentry", built: cfg!(feature = "sentry"), does: "report to Sentry" };
const OTEL: Part = Part { feature: "otel", built: cfg!(feature = "otel"), does: "export traces" };

/// Reads settings one by one and remembers what was wrong.
struct Reader<'a> {
    sources: &'a Sources,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn get<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Sourced<T>> {
        let (text, origin) = self.sources.find(setting).unwrap_or((setting.default, Origin::Default));
        match parse(text) {
            Ok(value) => Some(Sourced { value, origin }),
            Err(detail) => {
                self.problems.push(Problem::value(setting, text, origin, &detail));
                None
            }
        }
    }

    fn get_optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Sourced<Option<T>>> {
        if self.sources.find(setting).is_none() {
            return Some(Sourced { value: None, origin: Origin::Default });
        }
        self.get(setting, parse).map(|set| Sourced { value: Some(set.value), origin: set.origin })
    }

    /// Every page of the web could then act as whoever is looking at it.
    fn check_cors(&mut self, origins: Option<&Sourced<CorsOrigins>>, credentials: Option<&Sourced<bool>>) {
        let (Some(origins), Some(credentials)) = (origins, credentials) else { return };
        if origins.value == CorsOrigins::Any && credentials.value {
            self.problems.push(Problem::bare(
                setting::CORS_ORIGINS.name,
                origins.origin,
                &format!(
                    "* cannot go with {}=true ({}): set {}=false, or list the origins",
                    setting::CORS_ALLOW_CREDENTIALS.name,
                    credentials.origin,
                    setting::CORS_ALLOW_CREDENTIALS.name
                ),
            ));
        }
    }

    /// Tests throw away what they find.
    fn check_databases(
        &mut self,
        database: Option<&Sourced<DatabaseUrl>>,
        test: Option<&Sourced<Option<DatabaseUrl>>>,
    ) {
        let (Some(database), Some(test)) = (database, test) else { return };
        if test.value.as_ref() == Some(&database.value) {
            let reason = format!("must not be {} ({}) itself", setting::DATABASE_URL.name, database.origin);
            self.problems.push(Problem::bare(setting::DATABASE_URL_TEST.name, test.origin, &reason));
        }
    }

    /// Better not to start than to report nowhere while someone relies on it.
    fn check_built<T>(&mut self, setting: &Setting, set: Option<&Sourced<Option<T>>>, part: Part) {
        if part.built {
            return;
        }
        if let Some(Sourced { value: Some(_), origin }) = set {
            let Part { feature, does, .. } = part;
            let reason = format!(
                "this build cannot {does}: build it with `cargo build --release --features {feature}`, \
                 or unset it"
            );
            self.problems.push(Problem::bare(setting.name, *origin, &reason));
        }
    }
}

/// One thing that is wrong. Its text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(String);

impl Problem {
    fn value(setting: &Setting, text: &str, origin: Origin, detail: &str) -> Self {
        let shown = if setting.is_secret() {
            "\"***\"".to_owned()
        } else {
            format!("{:?}", shorten(&database_url::mask(text)))
        };
        let detail = if detail.is_empty() { String::new() } else { format!("; {detail}") };
        Self(format!("{}={shown} ({origin}): must be {}{detail}", setting.name, setting.allowed))
    }

    fn bare(name: &str, origin: Origin, reason: &str) -> Self {
        Self(format!("{name} ({origin}): {reason}"))
    }

    fn file(reason: String) -> Self {
        Self(reason)
    }
}

/// Everything that is wrong with the configuration, at least one thing.
#[derive(Debug)]
pub(crate) struct Invalid(Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration is wrong:")?,
            count => write!(f, "the configuration is wrong in {count} places:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}", problem.0))
    }
}

impl std::error::Error for Invalid {}

/// So much of a wrong value is enough to find it by.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
