//! What is peculiar to a memory of the items dialect: everything about it that events of other dialects have nothing of.
//!
//! It stands in the memory's own document, so that sealing, erasing, versions, exports and the audit chain hold for all of
//! it without knowing it. What the item says stands where it does in every event: in its content.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acl::{AccessList, AclId, AclKind};
use super::message::Message;
use super::metadata::ItemMetadata;
use super::policy::{EffectivePolicy, RequestPolicy, Risk};
use super::request::{AddRequest, ContextMessage, ItemType};
use crate::graph::{Extraction, Graph};
use crate::object::{Content, Event, Invalid, Language, Temporal, TruthMode};
use crate::principal::{Caller, Principal, Role};
use crate::time::Timestamp;

/// What an item is beside what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub item_type: ItemType,
    /// Whose it is: the person whose scope it is in, or the developer where nobody is named.
    pub owner: AclId,
    /// What it is about.
    #[serde(default)]
    pub metadata: ItemMetadata,
    /// What requests stated of how it is treated: a later change changes this, and what follows is put together anew.
    #[serde(default)]
    pub stated: RequestPolicy,
    /// How it is treated, and which layer says so of each field.
    pub policy: EffectivePolicy,
    /// What was said around it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextMessage>,
    /// The organization, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The namespace, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
    /// What it says of the graph.
    #[serde(default, skip_serializing_if = "Graph::is_unsaid")]
    pub graph: Graph,
    /// What became of the extraction of its graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction: Option<Extraction>,
    /// What it is as a message of a session, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// What others kept with it where it was imported from, given back as it came: see [`super::omo`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub ext: Map<String, Value>,
}

impl Item {
    /// The item that a request asks for. `policy` is what its layers came to.
    #[must_use]
    pub fn added(
        request: &AddRequest,
        batch: Option<&RequestPolicy>,
        owner: AclId,
        policy: EffectivePolicy,
    ) -> Self {
        let stated = match batch {
            Some(batch) => batch.changed_by(&request.policy),
            None => request.policy.clone(),
        };
        let extraction = Extraction::of(&policy);
        Self {
            item_type: request.item_type,
            owner,
            metadata: request.metadata.clone(),
            stated,
            policy,
            context: request.context.clone(),
            organization_id: request.identity.organization_id.clone(),
            namespace_id: request.identity.namespace_id.clone(),
            graph: Graph::default(),
            extraction: Some(extraction),
            message: None,
            ext: Map::new(),
        }
    }

    /// The event that it is, saying this, as it comes in at `now`.
    ///
    /// # Errors
    /// When the content is blank, too long, or holds U+0000.
    pub fn into_event(self, content: &str, now: Timestamp) -> Result<Event, Invalid> {
        let mut event = Event::new(TruthMode::FactualClaim, Temporal::observed(now));
        event.content = Some(Content::text(Language::default(), content)?);
        event.item = Some(Box::new(self));
        event.hold_if_held();
        Ok(event)
    }

    /// Whether nobody but its owner may do anything with it, whatever its access list says: it waits for a review, or is held
    /// without consent.
    #[must_use]
    pub fn is_for_its_owner_alone(&self) -> bool {
        self.policy.risk.value == Risk::Flagged || !self.policy.may_be_used()
    }

    /// Who may read and change it.
    #[must_use]
    pub fn access(&self) -> AccessList {
        let stated = self.policy.acl.as_ref().filter(|_| !self.is_for_its_owner_alone());
        AccessList::effective(stated.map(|acl| &acl.value), &self.owner, self.policy.risk.value)
    }

    /// The access list that was stated, where it counts.
    fn shared(&self) -> Option<&AccessList> {
        self.policy.acl.as_ref().filter(|_| !self.is_for_its_owner_alone()).map(|acl| &acl.value)
    }

    /// Whether the principal is its owner.
    #[must_use]
    pub fn is_owned_by(&self, principal: &Principal) -> bool {
        self.owner.is(principal)
    }

    /// Whether the principal may read it.
    #[must_use]
    pub fn is_readable_by(&self, principal: &Principal) -> bool {
        self.is_owned_by(principal)
            || self.shared().is_some_and(|acl| acl.readers().any(|entry| entry.is(principal)))
    }

    /// Whether the principal may change and erase it.
    #[must_use]
    pub fn is_writable_by(&self, principal: &Principal) -> bool {
        self.is_owned_by(principal)
            || self.shared().is_some_and(|acl| acl.write.iter().any(|entry| entry.is(principal)))
    }

    /// Who may read it, each as [`Principal::reads_as`] spells it.
    #[must_use]
    pub fn readers(&self) -> Vec<String> {
        spelt(std::iter::once(&self.owner).chain(self.shared().into_iter().flat_map(AccessList::readers)))
    }

    /// Who may change it, spelt likewise.
    #[must_use]
    pub fn writers(&self) -> Vec<String> {
        spelt(std::iter::once(&self.owner).chain(self.shared().into_iter().flat_map(|acl| &acl.write)))
    }

    /// Forgets what says what its content said: what surrounded it, what others kept with it, and the graph that requests gave
    /// for it.
    pub(crate) fn forget_what_was_said(&mut self) {
        self.context.clear();
        self.ext.clear();
        if let Some(message) = &mut self.message {
            message.blocks.clear();
        }
        self.graph = Graph::default();
        if let Some(extraction) = &mut self.extraction {
            extraction.report = None;
        }
        (self.policy.nodes, self.policy.relationships) = (None, None);
        for policy in [&mut self.stated.metadata, &mut self.stated.stated] {
            (policy.nodes, policy.relationships) = (None, None);
        }
    }
}

fn spelt<'a>(entries: impl Iterator<Item = &'a AclId>) -> Vec<String> {
    let mut spelt: Vec<String> = entries.flat_map(AclId::spellings).collect();
    spelt.sort_unstable();
    spelt.dedup();
    spelt
}

/// What a group of the members of an organization, or of a namespace, begins with.
const GROUPS: [&str; 2] = ["organization:", "namespace:"];

/// Whether a group is one that only access lists of items name. It is no scope.
pub(crate) fn is_group_of_items(group: &str) -> bool {
    GROUPS.iter().any(|prefix| group.strip_prefix(prefix).is_some_and(|id| !id.is_empty()))
}

/// As what the developer reads: the client itself, where it acts for nobody.
pub(crate) fn developer_reader(client: &str) -> String {
    format!("client:{client}")
}

impl AclId {
    /// The entry for the developer: the client itself, a user of the server's own.
    #[must_use]
    pub fn of_developer(client: &str) -> Self {
        // A client's name is checked when it is admitted.
        Self::new(AclKind::User, client).unwrap_or_else(|_| Self::developer_without_name())
    }

    /// As what the developer reads, as [`Principal::reads_as`] spells it.
    #[must_use]
    pub fn reader_of_developer(client: &str) -> String {
        developer_reader(client)
    }

    /// Whether this entry is the principal.
    #[must_use]
    pub fn is(&self, principal: &Principal) -> bool {
        let is_member = |kind: &str| {
            principal
                .groups
                .iter()
                .any(|group| group.split_once(':').is_some_and(|(of, id)| of == kind && id == self.id()))
        };
        match self.kind() {
            AclKind::ExternalUser => principal.user.as_ref().is_some_and(|user| user.as_str() == self.id()),
            AclKind::User => {
                principal.user.is_none()
                    && principal.caller == Caller::Client
                    && principal.client == self.id()
            }
            AclKind::Role => Role::from_name(self.id()).is_some_and(|role| principal.roles.contains(&role)),
            AclKind::Organization => is_member("organization") || is_member("org"),
            AclKind::Namespace => is_member("namespace"),
            AclKind::Workspace => false,
        }
    }

    /// The spellings of whoever it names among [`Principal::reads_as`].
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let id = self.id();
        match self.kind() {
            AclKind::ExternalUser => vec![format!("person:{id}")],
            AclKind::User => vec![developer_reader(id)],
            AclKind::Role => vec![format!("as:{id}")],
            AclKind::Organization => vec![format!("org:{id}"), format!("organization:{id}")],
            AclKind::Namespace => vec![format!("namespace:{id}")],
            AclKind::Workspace => Vec::new(),
        }
    }
}
