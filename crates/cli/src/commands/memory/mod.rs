//! `memoryscope remember|query|reconstruct`, steps with a memory, the gate and explanations: the core API for people and scripts. What is asked and what is answered is the
//! API's; here are only flags, JSON and tables.

mod show;

pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod query;
pub(crate) mod reconstruct;
pub(crate) mod remember;
pub(crate) mod step;

use clap::builder::PossibleValuesParser;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::ScopeType;
use memoryscope_load::http::Target;
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;
use crate::asking::{Asked, Missing, Refused};

/// Whom to ask, who asks, and about whose memories.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// Ask a running server. Default: the database that is configured, without a server.
    #[arg(long, value_name = "http://HOST:PORT", conflicts_with = "database_url", value_parser = server_url)]
    url: Option<String>,
    /// Whose data.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    /// The person that this is done for. Default: the one whose scope it is.
    #[arg(long, value_name = "USER", required_unless_present = "scope", value_parser = header_text)]
    user: Option<String>,
    /// Whose memories. Default: user:USER.
    #[arg(long, value_name = "TYPE:ID", value_parser = scope)]
    scope: Option<(String, String)>,
    /// What the caller is; may be given several times. Default: app.
    #[arg(long = "role", value_name = "ROLE", value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
    roles: Vec<String>,
    /// A scope that the caller is a member of; may be given several times.
    #[arg(long = "group", value_name = "TYPE:ID", value_parser = header_text)]
    groups: Vec<String>,
    /// Print the API's answer.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

/// What a read is for; `maintenance` is the server's own.
fn purposes() -> PossibleValuesParser {
    let stated = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance);
    PossibleValuesParser::new(stated.map(Purpose::name))
}

fn server_url(text: &str) -> Result<String, String> {
    use memoryscope_load::Failure;
    match Target::parse(text) {
        Err(Failure::Url(_)) => Err("must be http://HOST:PORT".to_owned()),
        // Whether anybody is there shows when it is asked.
        _ => Ok(text.to_owned()),
    }
}

/// A text that can stand in a header.
fn header_text(text: &str) -> Result<String, String> {
    match text.trim().is_empty() || text.chars().any(char::is_control) {
        true => Err("must not be empty, nor hold control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn scope(text: &str) -> Result<(String, String), String> {
    let names = ScopeType::ALL.map(ScopeType::name);
    match text.split_once(':') {
        Some((kind, id)) if names.contains(&kind) && !id.is_empty() => Ok((kind.to_owned(), id.to_owned())),
        _ => Err(format!("must be TYPE:ID with one of these types: {}", names.join(", "))),
    }
}

impl Whom {
    /// The scope as requests name it.
    fn scope(&self) -> Value {
        let (kind, id) = match (&self.scope, &self.user) {
            (Some((kind, id)), _) => (kind.as_str(), id.as_str()),
            (None, user) => (ScopeType::User.name(), user.as_deref().unwrap_or_default()),
        };
        json!({"scope_type": kind, "scope_id": id})
    }

    /// A request's members that every one has.
    fn about(&self) -> Value {
        json!({"tenant_id": self.tenant, "scope": self.scope()})
    }

    async fn asked(&self, missing: Missing) -> anyhow::Result<Asking<'_>> {
        let asked = match &self.url {
            Some(url) => Asked::server(url).await?,
            None => {
                let config = flags::load(CommonFlags::clone(&self.common), ServerFlags::default())?;
                Asked::store(config, missing).await?
            }
        };
        Ok(Asking { whom: self, asked, idempotency_key: None })
    }
}

/// Someone who asks.
struct Asking<'a> {
    whom: &'a Whom,
    asked: Asked,
    idempotency_key: Option<&'a str>,
}

impl Asking<'_> {
    /// Posts a request. A refusal is printed as it came where JSON is asked for, and is an error as well.
    async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (roles, groups) = (self.whom.roles.join(","), self.whom.groups.join(","));
        let mut headers = Vec::new();
        headers.extend(self.whom.user.as_deref().map(|user| ("x-memoryscope-user", user)));
        headers.extend(Some(("x-memoryscope-roles", roles.as_str())).filter(|_| !roles.is_empty()));
        headers.extend(Some(("x-memoryscope-groups", groups.as_str())).filter(|_| !groups.is_empty()));
        headers.extend(self.idempotency_key.map(|key| ("idempotency-key", key)));
        let answer = self.asked.post(path, &headers, body).await;
        if let Err(error) = &answer
            && let Some(refused) = error.downcast_ref::<Refused>()
            && self.whom.json
        {
            print(&serde_json::to_string_pretty(&refused.body)?)?;
        }
        answer
    }
}
