//! Where values come from: flags, then the environment, then `.env`, then the default.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, io};

use super::Problem;
use super::setting::{self, Setting};

/// The file that is read from the working directory. It never overrides the environment.
const ENV_FILE: &str = ".env";

/// Where one value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A command-line flag.
    Flag(&'static str),
    /// An environment variable of the setting's name.
    Environment,
    /// A line of `.env`, counted from 1.
    EnvFile(usize),
    /// Nobody set it.
    Default,
    /// Nobody set it, and another setting decides.
    Follows(&'static str),
}

impl Origin {
    /// Whether nobody set it.
    pub(crate) const fn is_default(self) -> bool {
        matches!(self, Self::Default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment => f.write_str("environment"),
            Self::EnvFile(line) => write!(f, "{ENV_FILE} line {line}"),
            Self::Default => f.write_str("default"),
            Self::Follows(other) => write!(f, "default, from {other}"),
        }
    }
}

/// Everything that was set, unread. Values may be secret, so there is no `Debug` of them.
#[derive(Default)]
pub(crate) struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<&'static str, String>,
    env_file: BTreeMap<&'static str, (String, usize)>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("flags", &self.flags.keys())
            .field("environment", &self.environment.keys())
            .field("env_file", &self.env_file.keys())
            .finish()
    }
}

impl Sources {
    /// Takes the flags that were given and reads the environment and `.env` in `directory`.
    pub(crate) fn gather(
        flags: BTreeMap<&'static str, String>,
        directory: &Path,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut sources = Self { flags, ..Self::default() };
        for setting in setting::ALL {
            match std::env::var(setting.name) {
                Ok(value) => drop(sources.environment.insert(setting.name, value)),
                Err(std::env::VarError::NotPresent) => {}
                Err(std::env::VarError::NotUnicode(_)) => {
                    problems.push(Problem::bare(setting.name, Origin::Environment, "must be UTF-8"));
                }
            }
        }
        match std::fs::read_to_string(directory.join(ENV_FILE)) {
            Ok(text) => sources.read_env_file(&text, problems),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(Problem::file(format!("{ENV_FILE} cannot be read: {error}"))),
        }
        sources
    }

    /// Reads the text of a `.env` file: only our own settings, each at most once.
    pub(crate) fn read_env_file(&mut self, text: &str, problems: &mut Vec<Problem>) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            let (key, value) = match item {
                Ok(pair) => pair,
                Err(error) => {
                    // The error's own text quotes the line, which may hold a password.
                    let place = match &error {
                        dotenvy::Error::LineParse(line, _) => line_numbers(text, |l| l.contains(line.trim())),
                        _ => Vec::new(),
                    };
                    let place = place.first().map(|line| format!(" line {line}")).unwrap_or_default();
                    problems.push(Problem::file(format!(
                        "{ENV_FILE}{place} cannot be read: must be NAME=VALUE, quoted when the value has spaces"
                    )));
                    continue;
                }
            };
            let Some(setting) = setting::ALL.into_iter().find(|setting| setting.name == key) else {
                continue;
            };
            let lines = line_numbers(text, |line| key_of(line) == Some(setting.name));
            let line = lines.first().copied().unwrap_or(1);
            if self.env_file.insert(setting.name, (value, line)).is_some() {
                problems.push(Problem::bare(
                    setting.name,
                    Origin::EnvFile(line),
                    &format!(
                        "must be set once, but lines {} set it",
                        lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
                    ),
                ));
            }
        }
        problems.dedup();
    }

    /// The value that counts. An empty variable is the same as none, so that `SENTRY_DSN=` may stand in a file.
    pub(crate) fn find(&self, setting: &Setting) -> Option<(&str, Origin)> {
        if let (Some(value), Some(flag)) = (self.flags.get(setting.name), setting.flag) {
            return Some((value, Origin::Flag(flag)));
        }
        let environment = self.environment.get(setting.name).map(|value| (value.trim(), Origin::Environment));
        let env_file =
            self.env_file.get(setting.name).map(|(value, line)| (value.trim(), Origin::EnvFile(*line)));
        [environment, env_file].into_iter().flatten().find(|(value, _)| !value.is_empty())
    }

    #[cfg(test)]
    pub(crate) fn of(flags: &[(&'static str, &str)], environment: &[(&'static str, &str)]) -> Self {
        let own = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        Self { flags: own(flags), environment: own(environment), env_file: BTreeMap::new() }
    }
}

fn line_numbers(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    text.lines().enumerate().filter(|(_, line)| wanted(line)).map(|(index, _)| index + 1).collect()
}

/// The name that a line of `.env` sets.
fn key_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim();
    Some(name.strip_prefix("export ").unwrap_or(name).trim())
}
