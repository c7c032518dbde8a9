//! Who makes vectors of texts, and where the built-in model is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use memoryscope_domain::limits;
use memoryscope_models::{ApiKey, RemoteConfig};

use super::setting::{self, Setting};
use super::{DatabaseUrl, Origin, Problem, Reader, Sourced, llm, values};

/// What the folder beside the database is called.
const FOLDER: &str = "models";

/// The base of the protocol's URLs. Keys have no place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbedUrl(String);

impl EmbedUrl {
    fn parse(text: &str) -> Result<Self, String> {
        values::base_url(text).map(Self)
    }
}

impl fmt::Display for EmbedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything about it.
#[derive(Debug, Clone)]
pub(crate) struct Embed {
    /// `None`: beside the database.
    pub(super) folder: Sourced<Option<PathBuf>>,
    pub(super) url: Sourced<Option<EmbedUrl>>,
    pub(super) model: Sourced<Option<String>>,
    pub(super) key: Sourced<Option<ApiKey>>,
    pub(super) timeout: Sourced<Duration>,
    /// `None`: as many as the model has.
    pub(super) dimensions: Sourced<Option<usize>>,
    /// What vectors may take in memory, in mebibytes.
    pub(super) memory: Sourced<usize>,
}

impl Embed {
    /// `None` where something is wrong.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let folder = reader.get_optional(&setting::MEMORYSCOPE_MODEL_DIR, |text| Ok(PathBuf::from(text)));
        let url = reader.get_optional(&setting::MEMORYSCOPE_EMBED_URL, EmbedUrl::parse);
        let model = reader.get_optional(&setting::MEMORYSCOPE_EMBED_MODEL, llm::model);
        let key = reader.get_optional(&setting::MEMORYSCOPE_EMBED_API_KEY, |text| {
            ApiKey::parse(text).map_err(|_| String::new())
        });
        let timeout = reader.get(&setting::MEMORYSCOPE_EMBED_TIMEOUT_SECONDS, values::seconds);
        let dimensions = reader.get_optional(&setting::MEMORYSCOPE_EMBED_DIMENSIONS, dimensions);
        let memory = reader.get(&setting::MEMORYSCOPE_VECTOR_MEMORY_MB, mebibytes);
        let read = Self {
            memory: memory?,
            folder: folder?,
            url: url?,
            model: model?,
            key: key?,
            timeout: timeout?,
            dimensions: dimensions?,
        };
        read.check(&mut reader.problems);
        Some(read)
    }

    /// Half of it would silently be nothing.
    fn check(&self, problems: &mut Vec<Problem>) {
        let mut lacks = |set: &Setting, origin: Origin, other: &Setting| {
            let reason = format!("is set and {} is not: set both of them, or neither", other.name);
            problems.push(Problem::bare(set.name, origin, &reason));
        };
        let (url, model) = (&setting::MEMORYSCOPE_EMBED_URL, &setting::MEMORYSCOPE_EMBED_MODEL);
        match (&self.url.value, &self.model.value) {
            (Some(_), None) => lacks(url, self.url.origin, model),
            (None, Some(_)) => lacks(model, self.model.origin, url),
            (None, None) if self.key.value.is_some() => {
                lacks(&setting::MEMORYSCOPE_EMBED_API_KEY, self.key.origin, url);
            }
            (None, None) if self.dimensions.value.is_some() => {
                lacks(&setting::MEMORYSCOPE_EMBED_DIMENSIONS, self.dimensions.origin, url);
            }
            _ => {}
        }
    }

    /// How an endpoint is asked; `None` where there is none, and the built-in model embeds.
    pub(crate) fn remote(&self) -> Option<RemoteConfig> {
        let (url, model) = self.url.value.as_ref().zip(self.model.value.as_ref())?;
        Some(RemoteConfig {
            url: url.to_string(),
            model: model.clone(),
            key: self.key.value.clone(),
            timeout: self.timeout.value,
            dimensions: self.dimensions.value,
        })
    }

    /// What vectors may take in memory, in bytes.
    pub(crate) const fn vector_bytes(&self) -> usize {
        self.memory.value.saturating_mul(1_024 * 1_024)
    }

    /// Where the built-in model is.
    pub(crate) fn folder(&self, database: &DatabaseUrl) -> PathBuf {
        match (&self.folder.value, database) {
            (Some(folder), _) => folder.clone(),
            (None, DatabaseUrl::Sqlite(path)) => path.parent().unwrap_or(Path::new("")).join(FOLDER),
            (None, DatabaseUrl::Postgres(_)) => PathBuf::from(FOLDER),
        }
    }

    /// The same as `memoryscope config` shows it, and what decided.
    pub(super) fn shown_folder(&self, database: &Sourced<DatabaseUrl>) -> (String, Origin) {
        let origin = match (&self.folder.value, &database.value) {
            (None, DatabaseUrl::Sqlite(_)) => Origin::Follows(setting::DATABASE_URL.name),
            _ => self.folder.origin,
        };
        (self.folder(&database.value).display().to_string(), origin)
    }
}

/// A tebibyte is more than any machine that this runs on has.
const MEBIBYTES_MAX: usize = 1_048_576;

fn mebibytes(text: &str) -> Result<usize, String> {
    text.parse::<usize>().ok().filter(|number| *number <= MEBIBYTES_MAX).ok_or_else(String::new)
}

fn dimensions(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number @ 1..=limits::EMBEDDING_DIMENSIONS_MAX) => Ok(number),
        _ => Err(String::new()),
    }
}
