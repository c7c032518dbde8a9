//! The closed list of settings: one row each, from which the messages, `memoryscope config` and the
//! tests of `env.example` and `docs/configuration.md` are made.

/// One thing that can be set.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The environment variable, which is also its name everywhere else.
    pub(crate) name: &'static str,
    /// The flag that sets it, when there is one.
    pub(crate) flag: Option<&'static str>,
    /// What it is when nobody sets it, in the words one would set it with; empty for "not set".
    pub(crate) default: &'static str,
    /// What may stand there: completes the sentence "must be …".
    pub(crate) allowed: &'static str,
}

impl Setting {
    /// Whether a wrong value of it is not shown either.
    pub(crate) fn is_secret(&self) -> bool {
        [SENTRY_DSN.name, MEMORYSCOPE_LLM_API_KEY.name, MEMORYSCOPE_EMBED_API_KEY.name].contains(&self.name)
    }
}

pub(crate) const DATABASE_URL: Setting = Setting {
    name: "DATABASE_URL",
    flag: Some("--database-url"),
    default: "sqlite://memoryscope.db",
    allowed: "sqlite://PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
};
pub(crate) const DATABASE_URL_TEST: Setting = Setting {
    name: "DATABASE_URL_TEST",
    flag: None,
    default: "",
    allowed: "a database URL other than DATABASE_URL: sqlite://PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
};
pub(crate) const MEMORYSCOPE_LISTEN: Setting = Setting {
    name: "MEMORYSCOPE_LISTEN",
    flag: Some("--listen"),
    default: "127.0.0.1:8000",
    allowed: "ADDRESS:PORT, with an IP address or localhost, such as 127.0.0.1:8000 or [::1]:8000",
};
pub(crate) const MEMORYSCOPE_POLICY: Setting = Setting {
    name: "MEMORYSCOPE_POLICY",
    flag: Some("--policy"),
    default: "",
    allowed: "the path of a policy file",
};
pub(crate) const MEMORYSCOPE_SPIRAL_LEXICON: Setting = Setting {
    name: "MEMORYSCOPE_SPIRAL_LEXICON",
    flag: None,
    default: "",
    allowed: "the path of a lexicon file",
};
pub(crate) const MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS: Setting = Setting {
    name: "MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS",
    flag: Some("--request-timeout-seconds"),
    default: "30",
    allowed: "a whole number from 1 to 600",
};
pub(crate) const MEMORYSCOPE_MIGRATE: Setting = Setting {
    name: "MEMORYSCOPE_MIGRATE",
    flag: Some("--no-migrate"),
    default: "true",
    allowed: "true or false",
};
pub(crate) const MEMORYSCOPE_ITEMS_STRICT: Setting =
    Setting { name: "MEMORYSCOPE_ITEMS_STRICT", flag: None, default: "false", allowed: "true or false" };
pub(crate) const MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE: Setting = Setting {
    name: "MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE",
    flag: None,
    default: "false",
    allowed: "true or false",
};
pub(crate) const MEMORYSCOPE_LLM_URL: Setting = Setting {
    name: "MEMORYSCOPE_LLM_URL",
    flag: None,
    default: "",
    allowed: "https://HOST/v1 or http://HOST:PORT/v1, without a user or a key; /chat/completions is added to it",
};
pub(crate) const MEMORYSCOPE_LLM_MODEL: Setting = Setting {
    name: "MEMORYSCOPE_LLM_MODEL",
    flag: None,
    default: "",
    allowed: "the name of a model that the endpoint knows, without spaces, of at most 200 characters",
};
pub(crate) const MEMORYSCOPE_LLM_API_KEY: Setting = Setting {
    name: "MEMORYSCOPE_LLM_API_KEY",
    flag: None,
    default: "",
    allowed: "a key in printable ASCII without spaces",
};
pub(crate) const MEMORYSCOPE_LLM_TIMEOUT_SECONDS: Setting = Setting {
    name: "MEMORYSCOPE_LLM_TIMEOUT_SECONDS",
    flag: None,
    default: "60",
    allowed: "a whole number from 1 to 600",
};
pub(crate) const MEMORYSCOPE_LLM_TOKENS_PER_DAY: Setting = Setting {
    name: "MEMORYSCOPE_LLM_TOKENS_PER_DAY",
    flag: None,
    default: "0",
    allowed: "a whole number of tokens, or 0 for no limit",
};
pub(crate) const MEMORYSCOPE_MODEL_DIR: Setting =
    Setting { name: "MEMORYSCOPE_MODEL_DIR", flag: None, default: "", allowed: "the path of a folder" };
pub(crate) const MEMORYSCOPE_EMBED_URL: Setting = Setting {
    name: "MEMORYSCOPE_EMBED_URL",
    flag: None,
    default: "",
    allowed: "https://HOST/v1 or http://HOST:PORT/v1, without a user or a key; /embeddings is added to it",
};
pub(crate) const MEMORYSCOPE_EMBED_MODEL: Setting = Setting {
    name: "MEMORYSCOPE_EMBED_MODEL",
    flag: None,
    default: "",
    allowed: "the name of a model that the endpoint knows, without spaces, of at most 200 characters",
};
pub(crate) const MEMORYSCOPE_EMBED_API_KEY: Setting = Setting {
    name: "MEMORYSCOPE_EMBED_API_KEY",
    flag: None,
    default: "",
    allowed: "a key in printable ASCII without spaces",
};
pub(crate) const MEMORYSCOPE_EMBED_TIMEOUT_SECONDS: Setting = Setting {
    name: "MEMORYSCOPE_EMBED_TIMEOUT_SECONDS",
    flag: None,
    default: "30",
    allowed: "a whole number from 1 to 600",
};
pub(crate) const MEMORYSCOPE_EMBED_DIMENSIONS: Setting = Setting {
    name: "MEMORYSCOPE_EMBED_DIMENSIONS",
    flag: None,
    default: "",
    allowed: "a whole number from 1 to 4096",
};
pub(crate) const MEMORYSCOPE_VECTOR_MEMORY_MB: Setting = Setting {
    name: "MEMORYSCOPE_VECTOR_MEMORY_MB",
    flag: None,
    default: "512",
    allowed: "a whole number of mebibytes from 0 to 1048576",
};
pub(crate) const LOG_LEVEL: Setting = Setting {
    name: "LOG_LEVEL",
    flag: Some("--log-level"),
    default: "INFO",
    allowed: "DEBUG, INFO, WARNING, ERROR or CRITICAL",
};
pub(crate) const LOG_FORMAT: Setting =
    Setting { name: "LOG_FORMAT", flag: Some("--log-format"), default: "human", allowed: "json or human" };
pub(crate) const CORS_ORIGINS: Setting = Setting {
    name: "CORS_ORIGINS",
    flag: None,
    default: "",
    allowed: "a comma-separated list of origins such as https://app.example or http://localhost:3000, or null, or *",
};
pub(crate) const CORS_ALLOW_CREDENTIALS: Setting =
    Setting { name: "CORS_ALLOW_CREDENTIALS", flag: None, default: "true", allowed: "true or false" };
pub(crate) const ENVIRONMENT: Setting = Setting {
    name: "ENVIRONMENT",
    flag: None,
    default: "development",
    allowed: "development, staging or production",
};
pub(crate) const VALIDATE_CONFIG: Setting = Setting {
    name: "VALIDATE_CONFIG",
    flag: Some("--validate-config"),
    default: "false",
    allowed: "true or false",
};
pub(crate) const SENTRY_DSN: Setting =
    Setting { name: "SENTRY_DSN", flag: None, default: "", allowed: "https://KEY@HOST/PROJECT" };
pub(crate) const OTEL_EXPORTER_OTLP_ENDPOINT: Setting = Setting {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    flag: None,
    default: "",
    allowed: "http://HOST:PORT or https://HOST:PORT, perhaps with a path; /v1/traces is added to it",
};

/// Every setting, in the order in which they are shown.
pub(crate) const ALL: [&Setting; 29] = [
    &DATABASE_URL,
    &DATABASE_URL_TEST,
    &MEMORYSCOPE_LISTEN,
    &MEMORYSCOPE_POLICY,
    &MEMORYSCOPE_SPIRAL_LEXICON,
    &MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS,
    &MEMORYSCOPE_MIGRATE,
    &MEMORYSCOPE_ITEMS_STRICT,
    &MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE,
    &MEMORYSCOPE_LLM_URL,
    &MEMORYSCOPE_LLM_MODEL,
    &MEMORYSCOPE_LLM_API_KEY,
    &MEMORYSCOPE_LLM_TIMEOUT_SECONDS,
    &MEMORYSCOPE_LLM_TOKENS_PER_DAY,
    &MEMORYSCOPE_MODEL_DIR,
    &MEMORYSCOPE_EMBED_URL,
    &MEMORYSCOPE_EMBED_MODEL,
    &MEMORYSCOPE_EMBED_API_KEY,
    &MEMORYSCOPE_EMBED_TIMEOUT_SECONDS,
    &MEMORYSCOPE_EMBED_DIMENSIONS,
    &MEMORYSCOPE_VECTOR_MEMORY_MB,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &CORS_ORIGINS,
    &CORS_ALLOW_CREDENTIALS,
    &ENVIRONMENT,
    &VALIDATE_CONFIG,
    &SENTRY_DSN,
    &OTEL_EXPORTER_OTLP_ENDPOINT,
];
