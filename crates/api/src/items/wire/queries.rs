//! The query strings of the routes.

use std::convert::Infallible;

use memoryscope_domain::graph::schema::Status;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::items::Risk;
use memoryscope_domain::limits;
use memoryscope_domain::webhook::{ADDRESS, URL_PATTERN, Webhook, is_address};

use crate::wire::{Decode, Fields, Shape, USER_ID_PATTERN, boolean, choice, one_of, string, whole};

pub(super) fn user_id() -> impl Decode<Out = UserId> {
    let text = string().trimmed().bytes(1..=limits::USER_ID_BYTES_MAX).pattern(USER_ID_PATTERN);
    text.parsed(|text: &String| UserId::parse(text))
}

pub(super) fn name() -> impl Decode<Out = String> {
    // Held to what a user's id is, as in bodies.
    user_id().parsed(|id: &UserId| Ok::<_, Infallible>(id.as_str().to_owned()))
}

/// For whom, and where, where a body does not say.
#[derive(Debug, Clone, Default)]
pub(in crate::items) struct Named {
    pub(in crate::items) user: Option<UserId>,
    pub(in crate::items) organization_id: Option<String>,
    pub(in crate::items) namespace_id: Option<String>,
}

impl Named {
    pub(super) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            user: f.optional("external_user_id", user_id()),
            organization_id: f.optional("organization_id", name()),
            namespace_id: f.optional("namespace_id", name()),
        }
    }
}

/// What `POST /v1/memory` and its batch are told beside their bodies.
#[derive(Debug)]
pub(in crate::items) struct AddQuery {
    /// Who is told when the work on it is over.
    pub(in crate::items) webhook: Option<Webhook>,
    /// Whether something is asked for that this server does not do.
    pub(in crate::items) unsupported: Option<&'static str>,
    /// Whether nothing is to be extracted in the background.
    pub(in crate::items) skips: bool,
    /// Whether the answer is to hold what was added as Open Memory Objects.
    pub(in crate::items) as_omo: bool,
}

impl Shape for AddQuery {
    const NAME: &'static str = "AddQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let skips = f.or("skip_background_processing", boolean(), false);
        let is_holographic = f.optional("enable_holographic", boolean());
        let format = f.optional("format", one_of(&["omo"]));
        let url = string().bytes(1..=limits::WEBHOOK_BYTES_MAX).pattern(URL_PATTERN);
        let url = url.parsed(|url: &String| if is_address(url) { Ok(url.clone()) } else { Err(ADDRESS) });
        let url = f.optional("webhook_url", url);
        let secret = f.optional("webhook_secret", string().bytes(1..=limits::WEBHOOK_BYTES_MAX));
        let unsupported =
            (is_holographic == Some(true)).then_some("holographic embeddings are not made here");
        let webhook = url.map(|url| Webhook { url, secret });
        Some(Self { webhook, unsupported, skips: skips?, as_omo: format.is_some() })
    }
}

/// `GET /v1/memory/{id}`.
#[derive(Debug)]
pub(in crate::items) struct GetQuery {
    pub(in crate::items) named: Named,
    pub(in crate::items) require_consent: bool,
    pub(in crate::items) exclude_flagged: bool,
    pub(in crate::items) max_risk: Option<Risk>,
    /// Whether how the memory is treated is asked for.
    pub(in crate::items) effective_policy: bool,
}

impl Shape for GetQuery {
    const NAME: &'static str = "GetItemQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let risks = Risk::ALL.iter().map(|risk| (risk.name(), *risk));
        let named = Named::read(f);
        let require_consent = f.or("require_consent", boolean(), false);
        let exclude_flagged = f.or("exclude_flagged", boolean(), false);
        let max_risk = f.optional("max_risk", choice(risks));
        let include = f.optional("include", one_of(&["effective_policy"]));
        Some(Self {
            named,
            require_consent: require_consent?,
            exclude_flagged: exclude_flagged?,
            max_risk,
            effective_policy: include.is_some(),
        })
    }
}

/// `PUT /v1/memory/{id}`.
#[derive(Debug)]
pub(in crate::items) struct UpdateQuery {
    pub(in crate::items) is_holographic: bool,
}

impl Shape for UpdateQuery {
    const NAME: &'static str = "UpdateItemQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let is_holographic = f.or("enable_holographic", boolean(), false);
        f.optional("frequency_schema_id", string().bytes(1..=limits::USER_ID_BYTES_MAX));
        Some(Self { is_holographic: is_holographic? })
    }
}

/// `DELETE /v1/memory/{id}` and `GET /v1/memory/status/{id}`.
#[derive(Debug)]
pub(in crate::items) struct NamedQuery {
    pub(in crate::items) named: Named,
}

impl Shape for NamedQuery {
    const NAME: &'static str = "NamedItemQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        f.optional("skip_parse", boolean());
        Some(Self { named })
    }
}

/// `DELETE /v1/memory/all`.
#[derive(Debug)]
pub(in crate::items) struct EraseAllQuery {
    pub(in crate::items) named: Named,
    /// A user by an id of the server's own.
    pub(in crate::items) user_id: Option<UserId>,
}

impl Shape for EraseAllQuery {
    const NAME: &'static str = "EraseAllQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let user_id = f.optional("user_id", user_id());
        f.optional("skip_parse", boolean());
        Some(Self { named, user_id })
    }
}

/// `GET /v1/messages/sessions/{id}`.
#[derive(Debug)]
pub(in crate::items) struct HistoryQuery {
    pub(in crate::items) named: Named,
    pub(in crate::items) limit: usize,
    pub(in crate::items) skip: usize,
}

impl Shape for HistoryQuery {
    const NAME: &'static str = "HistoryQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let (most, usual) = (limits::SESSION_PAGE_MESSAGES_MAX, limits::SESSION_PAGE_MESSAGES_DEFAULT);
        let limit = f.or("limit", whole(1..=most), usual);
        let skip = f.or("skip", whole(0..=limits::SESSION_MESSAGES_MAX as i64), 0);
        Some(Self { named, limit: usize::try_from(limit?).ok()?, skip: usize::try_from(skip?).ok()? })
    }
}

/// `GET /v1/omo/export.json`.
#[derive(Debug)]
pub(in crate::items) struct ExportQuery {
    pub(in crate::items) named: Named,
    /// Which, separated by commas.
    pub(in crate::items) ids: String,
}

impl Shape for ExportQuery {
    const NAME: &'static str = "ExportItemsQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let ids = f.required("memory_ids", string().bytes(1..=limits::URI_IDS_BYTES_MAX));
        Some(Self { named, ids: ids? })
    }
}

/// `GET /v1/schemas`.
#[derive(Debug)]
pub(in crate::items) struct ListSchemasQuery {
    pub(in crate::items) named: Named,
    /// Only those of this status.
    pub(in crate::items) status: Option<String>,
}

impl Shape for ListSchemasQuery {
    const NAME: &'static str = "ListSchemasQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        f.optional("workspace_id", name());
        let status = f.optional("status_filter", one_of(Status::NAMES));
        Some(Self { named, status: status.map(str::to_owned) })
    }
}

/// `GET /v1/graph/nodes/{id}/neighbourhood`.
#[derive(Debug)]
pub(in crate::items) struct AroundQuery {
    pub(in crate::items) named: Named,
    /// How many steps along edges.
    pub(in crate::items) depth: usize,
}

impl Shape for AroundQuery {
    const NAME: &'static str = "NeighbourhoodQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let depth = f.or("depth", whole(1..=limits::GRAPH_DEPTH_MAX as i64), 1)?;
        Some(Self { named, depth: usize::try_from(depth).unwrap_or(1) })
    }
}

/// `POST /v1/memory/search`.
#[derive(Debug)]
pub(in crate::items) struct SearchQuery {
    pub(in crate::items) max_memories: Option<i64>,
    pub(in crate::items) max_nodes: Option<i64>,
    pub(in crate::items) is_toon: bool,
}

impl Shape for SearchQuery {
    const NAME: &'static str = "SearchItemsQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let counts = || whole(1..=limits::SEARCH_RESULTS_MAX);
        let max_memories = f.or("max_memories", counts(), limits::SEARCH_ITEMS_DEFAULT);
        let max_nodes = f.or("max_nodes", counts(), limits::SEARCH_NODES_DEFAULT);
        let format = f.optional("response_format", one_of(&["json", "toon"]));
        Some(Self { max_memories, max_nodes, is_toon: format == Some("toon") })
    }
}
