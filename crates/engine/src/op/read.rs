//! `memory.read`: one person's preferences, merged, for a purpose (api-scoped.md, "Read").

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::grant::{ReadGrant, Token};
use memoryscope_domain::ids::{GrantId, MemoryId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::DomainKey;
use memoryscope_domain::policy::Effect;
use memoryscope_domain::preference::{Domain, Kind, Summary, merge};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{PreferenceSelect, Select};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.read", audit: Code::MEMORY_READ, changes: false };

/// Microseconds in an hour.
const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

/// Reads a shelf of the person that the caller acts for.
#[derive(Debug, Clone)]
pub struct Read {
    /// Whose.
    pub user: UserId,
    /// Which kind.
    pub kind: Kind,
    /// Which domain; none means those without one.
    pub domain: Option<Domain>,
    /// What for; none where the caller's words name no purpose that is known, which no policy grants.
    pub purpose: Option<Purpose>,
    /// The caller's words for the purpose.
    pub purpose_text: Option<String>,
    /// How old they may be.
    pub max_age_days: Option<i64>,
}

/// What a read answers with.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The merged memories.
    pub summary: Summary,
    /// The token to continue or revoke with; `None` when continuing, where the caller has it, and where the policy let
    /// somebody read what is another's: continuing is reading as the person the grant is for.
    pub token: Option<Token>,
    /// When the grant ends.
    pub expires: Timestamp,
}

/// Merges what is visible, and says which memories that was.
pub(super) fn merged(kind: Kind, seen: &Visible<Facts>) -> Result<(Summary, Vec<MemoryId>), Refusal> {
    if seen.more() {
        return Err(Refusal::TooLarge {
            limit: "memories in one read",
            max: limits::MERGE_MEMORIES_MAX as u64,
        });
    }
    let memories = seen.memories();
    let items = memories.iter().filter_map(|memory| Some((memory.created, memory.id, memory.preference()?)));
    Ok((merge(kind, items), memories.iter().map(|memory| memory.id).collect()))
}

impl Operation for Read {
    type Output = Merged;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    fn kind(&self) -> Option<Kind> {
        Some(self.kind)
    }

    fn gives_token(&self) -> bool {
        true
    }

    fn select(&self, cx: &Context) -> Select {
        Select::Preferences(PreferenceSelect {
            partition: Scope::of_user(&self.user).partition(),
            kind: self.kind,
            domain: Some(DomainKey::of(self.domain.as_ref())),
            created_from: self.max_age_days.map(|days| cx.now.plus_days(-days)),
            after: None,
            scan: None,
            limit: limits::MERGE_MEMORIES_MAX,
        })
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({
            "scope": self.kind.name(),
            "domain": self.domain,
            "purpose": self.purpose_text,
            "max_age_days": self.max_age_days,
        });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let (summary, memory_ids) = merged(self.kind, seen)?;
        let expires = cx.now.plus_micros(limits::GRANT_HOURS * HOUR_MICROS);
        if cx.principal.user.as_ref() != Some(&self.user) {
            return Ok(Plan { memory_ids, ..Plan::answer(Merged { summary, token: None, expires }) });
        }
        let bug = |what: &str| Refusal::Bug(what.to_owned());
        let token = mint.token.take().ok_or_else(|| bug("a read was given no token"))?;
        let purpose = self.purpose.ok_or_else(|| bug("a read without a purpose was allowed"))?;
        let grant = ReadGrant {
            id: GrantId::from_uuid(mint.ids.next_uuid()),
            tenant: cx.principal.tenant.clone(),
            token_hash: token.hash(),
            client: cx.principal.client.clone(),
            user: self.user.clone(),
            kind: self.kind,
            domain: self.domain.clone(),
            purpose,
            max_age_days: self.max_age_days,
            created: cx.now,
            expires,
            revoked: None,
            version: 1,
        };
        let output = Merged { summary, token: Some(token), expires };
        let grant_id = grant.id;
        Ok(Plan {
            changes: vec![Change::InsertGrant(grant)],
            memory_ids,
            grant: Some(grant_id),
            ..Plan::answer(output)
        })
    }
}
