//! From a memory to the object as which it leaves, and back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{EXT_ORIGIN_OWNER, EXT_REDACTED, Kept, OmoObject};
use crate::fields::{At, Fault, Faults, FieldFault, Notes, Read, Step, WarningKind};
use crate::graph::{Extraction, ExtractionStatus, Graph};
use crate::ids::UserId;
use crate::items::acl::AclId;
use crate::items::policy::{EffectivePolicy, GraphPlan, Layers, MemoryPolicy, PolicyPlace, Stated};
use crate::items::{Item, Message, RequestPolicy};
use crate::limits;
use crate::memory::{Body, Memory, State};
use crate::object::DisputeState;
use crate::time::Timestamp;

/// What an object becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Its id where it comes from.
    pub origin: String,
    /// The event that it is.
    pub body: Body,
    /// The state in which it comes.
    pub state: State,
    /// When it was made.
    pub created: Timestamp,
}

impl OmoObject {
    /// The object as which a memory leaves that is shown without what these paths name. What is no item, what is sealed or
    /// erased, and what the policy left no content of, is none.
    #[must_use]
    pub fn of(memory: &Memory, redacted: &[Arc<str>]) -> Option<Self> {
        let (object, item) = (memory.object()?, memory.item()?);
        let content = object.content.as_ref()?.as_text()?.to_owned();
        let leaves = matches!(memory.state, State::Active | State::Restricted | State::Revoked);
        let mut ext = item.ext.clone();
        if !redacted.is_empty() {
            ext.insert(EXT_REDACTED.to_owned(), redacted.iter().map(|path| Value::from(&**path)).collect());
        }
        let said = |policy: &MemoryPolicy| (!policy.is_silent()).then(|| policy.clone());
        let dispute = Some(object.ownership.dispute_state).filter(|is| *is != DisputeState::Undisputed);
        leaves.then(|| Self {
            id: memory.id.prefixed(),
            created_at: memory.created,
            omo_type: item.item_type.into(),
            content,
            consent: item.policy.consent.value,
            risk: item.policy.risk.value,
            acl: item.policy.acl.as_ref().map(|acl| acl.value.clone()),
            metadata: item.metadata.clone(),
            policy: said(&item.stated.stated),
            metadata_policy: said(&item.stated.metadata),
            effective: Some(item.policy.clone()),
            state: Some(memory.state),
            context: item.context.clone(),
            owner: Some(item.owner.clone()),
            namespace: item.namespace_id.clone(),
            unextracted: unextracted(item),
            dispute,
            message: item
                .message
                .as_ref()
                .map(|of| if of.is_held { Kept::StoredOnly } else { Kept::Processed }),
            ext,
        })
    }

    /// Leaves out what is its owner's alone: what is kept and published nowhere, and what others keep with it.
    pub fn keep_to_what_is_shared(&mut self) {
        self.metadata.internal.clear();
        self.ext.retain(|name, _| name == EXT_REDACTED);
    }

    /// What the object becomes as an item of `owner`, in an organization and a namespace that says `namespace` of its memories, as it
    /// comes in at `now`. `at` is where it stands.
    ///
    /// # Errors
    /// When it is of a type that items have not, was made in the future, or says of the graph what cannot be done.
    pub fn imported(
        self,
        owner: AclId,
        (organization_id, namespace): (Option<String>, Option<&MemoryPolicy>),
        at: &At<'_>,
        now: Timestamp,
    ) -> Result<Read<Imported>, Faults> {
        let mut notes = Notes::lenient();
        let item_type = self.omo_type.item_type();
        if item_type.is_none() {
            let message = "must be text, code or file: there are no pictures, sounds and films here";
            notes.wrong::<()>(&At::Key(at, "type"), Fault::NotAllowed, message);
        }
        if self.created_at > now.plus_micros(limits::OBSERVED_AHEAD_SECONDS_MAX * 1_000_000) {
            let message = "must be at most 5 minutes in the future";
            notes.wrong::<()>(&At::Key(at, "createdAt"), Fault::OutOfRange, message);
        }
        let treated = self.treated(namespace, at, &mut notes);
        let Some((item_type, (stated, policy))) = item_type.zip(treated) else {
            return notes.finish(None);
        };
        let mut ext = self.ext;
        if let Some(origin) = self.owner.filter(|origin| *origin != owner) {
            ext.entry(EXT_ORIGIN_OWNER).or_insert_with(|| json!(origin.to_string()));
        }
        let makes_graph = matches!(policy.graph(), GraphPlan::Given | GraphPlan::Extracted);
        let extraction = match self.unextracted.filter(|_| makes_graph) {
            Some(reason) => Extraction::skipped(&reason),
            None => Extraction::of(&policy),
        };
        let item = Item {
            item_type,
            owner,
            metadata: self.metadata,
            stated,
            policy,
            context: self.context,
            organization_id,
            namespace_id: self.namespace,
            graph: Graph::default(),
            extraction: Some(extraction),
            message: None,
            ext,
        };
        // In how many blocks it was sent is not taken along.
        let item = match self.message {
            Some(kept) => {
                item.as_message(Message { is_held: kept == Kept::StoredOnly, ..Message::default() })
            }
            None => item,
        };
        let event = item.into_event(&self.content, self.created_at).map_err(|why| {
            notes.wrong::<()>(&At::Key(at, "content"), Fault::Invalid, why.to_string());
        });
        let (origin, created, dispute) = (self.id, self.created_at, self.dispute);
        let state = self.state.unwrap_or(State::Active);
        let imported = event.ok().map(|mut event| {
            event.ownership.dispute_state = dispute.unwrap_or(DisputeState::Undisputed);
            Imported { origin, body: Body::Event(Box::new(event)), state, created }
        });
        notes.finish(imported)
    }

    /// What was stated of how it is treated, and what holds. What held where it comes from holds on, with its layers, as far as
    /// that agrees with what stands at the object's top; else that is stated, and the layers are put together anew.
    fn treated(
        &self,
        namespace: Option<&MemoryPolicy>,
        at: &At<'_>,
        notes: &mut Notes,
    ) -> Option<(RequestPolicy, EffectivePolicy)> {
        let mut stated = RequestPolicy {
            metadata: self.metadata_policy.clone().unwrap_or_default(),
            stated: self.policy.clone().unwrap_or_default(),
            ..RequestPolicy::default()
        };
        if let Some(held) = &self.effective {
            if self.agrees_with(held) {
                return Some((stated, held.clone()));
            }
            let ext = At::Key(at, "ext");
            let message = "has no effect: the object itself says otherwise";
            notes.warn(&At::Key(&ext, super::EXT_EFFECTIVE), WarningKind::Overridden, message);
        }
        stated.stated.consent = Some(self.consent);
        stated.stated.risk = Some(self.risk);
        stated.stated.acl = self.acl.clone().or(stated.stated.acl);
        let layers = Layers { namespace, schema: None, batch: None, request: &stated };
        match layers.resolve(at) {
            Ok(read) => {
                let policy = read.value.policy;
                Some((stated, policy))
            }
            Err(faults) => {
                faults.list.into_iter().for_each(|fault| notes.fault(in_ext(fault)));
                None
            }
        }
    }

    /// Whether what held says of consent, risk and access what the object does, and nothing that no request could have said.
    fn agrees_with(&self, held: &EffectivePolicy) -> bool {
        let same = held.consent.value == self.consent
            && held.risk.value == self.risk
            && held.acl.as_ref().map(|acl| &acl.value) == self.acl.as_ref();
        let values = values(held);
        let mut notes = Notes::lenient();
        let at = At::Root("ext");
        let read = MemoryPolicy::read(&values.to_json(), &at, &mut notes, PolicyPlace::Import);
        let request = RequestPolicy { stated: values, ..RequestPolicy::default() };
        let layers = Layers { namespace: None, schema: None, batch: None, request: &request };
        same && read.as_ref() == Some(&request.stated) && layers.resolve(&at).is_ok()
    }
}

/// The same fault where an object's policy stands.
fn in_ext(fault: FieldFault) -> FieldFault {
    let step = |step: Step| match step {
        Step::Key(key) if key == "memory_policy" => {
            vec![Step::Key("ext".to_owned()), Step::Key(super::EXT_POLICY.to_owned())]
        }
        other => vec![other],
    };
    FieldFault { path: fault.path.into_iter().flat_map(step).collect(), ..fault }
}

/// What holds, whoever says so.
fn values(held: &EffectivePolicy) -> MemoryPolicy {
    fn all<T: Clone>(stated: &[Stated<T>]) -> Option<Vec<T>> {
        (!stated.is_empty()).then(|| stated.iter().map(|of| of.value.clone()).collect())
    }
    fn one<T: Clone>(stated: Option<&Stated<T>>) -> Option<T> {
        stated.map(|of| of.value.clone())
    }
    MemoryPolicy {
        mode: Some(held.mode.value),
        schema_id: one(held.schema_id.as_ref()),
        nodes: one(held.nodes.as_ref()),
        relationships: one(held.relationships.as_ref()),
        node_constraints: all(&held.node_constraints),
        edge_constraints: all(&held.edge_constraints),
        consent: Some(held.consent.value),
        risk: Some(held.risk.value),
        acl: one(held.acl.as_ref()),
    }
}

/// Why whoever wrote an item wants no graph of it, where its policy would have one made.
fn unextracted(item: &Item) -> Option<String> {
    let extraction = item.extraction.as_ref()?;
    let is_wanted = matches!(item.policy.graph(), GraphPlan::Given | GraphPlan::Extracted);
    let is_skipped = extraction.status == ExtractionStatus::Skipped;
    extraction.reason.clone().filter(|_| is_wanted && is_skipped)
}

impl AclId {
    /// The user whom it names as an application does, where it names one.
    #[must_use]
    pub fn external_user(&self) -> Option<UserId> {
        let is_user = self.kind() == super::super::AclKind::ExternalUser;
        UserId::parse(self.id()).ok().filter(|_| is_user)
    }
}
