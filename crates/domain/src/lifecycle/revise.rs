//! What a change of an item states, and the item's next version.

use super::step::Barred;
use crate::fields::{At, Fault, Faults, Notes};
use crate::graph::{Graph, Schema};
use crate::items::policy::{EffectivePolicy, Layers};
use crate::items::request::{ContextMessage, ItemType, UpdateRequest};
use crate::items::{Item, ItemMetadata, MemoryPolicy, RequestPolicy, Risk};
use crate::object::{Content, Object};

/// What a change of an item states; what it leaves out stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Revision {
    /// What it says from now on, in the language that it was in.
    pub content: Option<String>,
    /// What it is from now on.
    pub item_type: Option<ItemType>,
    /// What it is about: see [`ItemMetadata::changed_by`].
    pub metadata: Option<ItemMetadata>,
    /// How it is treated, as far as that is stated.
    pub policy: RequestPolicy,
    /// What was said around it.
    pub context: Option<Vec<ContextMessage>>,
    /// The schema that holds for it from now on, where there is one.
    pub schema: Option<Box<Schema>>,
    /// What its namespace says, where that says anything.
    pub namespace: Option<Box<MemoryPolicy>>,
    /// Whether a message that was only kept is to be treated like any other item from now on. Then nothing else is stated.
    pub processes: bool,
}

impl Revision {
    /// What a request states. Who asks, and where, is the pipeline's business.
    #[must_use]
    pub fn of(request: UpdateRequest, schema: Option<Box<Schema>>) -> Self {
        let UpdateRequest { content, item_type, policy, metadata, context, identity: _ } = request;
        Self { content, item_type, metadata, policy, context, schema, namespace: None, processes: false }
    }

    /// The same in a namespace that says this.
    #[must_use]
    pub fn within(self, namespace: Option<MemoryPolicy>) -> Self {
        Self { namespace: namespace.map(Box::new), ..self }
    }

    /// Nothing, but that a message that was only kept is to be treated like any other item.
    #[must_use]
    pub fn processing() -> Self {
        Self {
            content: None,
            item_type: None,
            metadata: None,
            policy: RequestPolicy::default(),
            context: None,
            schema: None,
            namespace: None,
            processes: true,
        }
    }

    /// Makes an object's item the next one. Whether there is anything to change.
    pub(super) fn apply(&self, object: &mut Object) -> Result<bool, Barred> {
        if self.processes {
            return if object.item.is_none() { Err(Barred::NoItem) } else { Ok(object.process()) };
        }
        let Some(item) = object.item.as_deref_mut() else { return Err(Barred::NoItem) };
        let wrong = |field: &'static [&'static str], message: String| Barred::Invalid(fault(field, message));
        let revised = self.item(item)?;
        if let Some(text) = &self.content {
            let language =
                object.content.as_ref().map(|content| content.language.clone()).unwrap_or_default();
            let content = Content::text(language, text);
            object.content = Some(content.map_err(|why| wrong(&["content"], why.to_string()))?);
        }
        *item = revised;
        Ok(true)
    }

    /// The item as it is from now on: what was stated before and is not stated anew holds on, and the layers of its policy are
    /// put together again.
    fn item(&self, item: &Item) -> Result<Item, Barred> {
        let metadata = match &self.metadata {
            None => item.metadata.clone(),
            Some(change) => item
                .metadata
                .changed_by(change)
                .map_err(|message| Barred::Invalid(fault(&["metadata", "category"], message)))?,
        };
        let stated = item.stated.changed_by(&self.policy);
        let (namespace, schema) = (self.namespace.as_deref(), self.schema.as_deref());
        let layers = Layers { namespace, schema, batch: None, request: &stated };
        let resolved = layers.resolve(&At::Root("body")).map_err(Barred::Invalid)?.value;
        let is_flagged = |policy: &EffectivePolicy| policy.risk.value == Risk::Flagged;
        if is_flagged(&item.policy) && !is_flagged(&resolved.policy) {
            return Err(Barred::Flagged);
        }
        // What another content, or another policy, says of the graph is found anew.
        let says_anew = self.content.is_some() || resolved.policy != item.policy;
        let (graph, extraction) = match says_anew {
            true => (Graph::default(), Some(item.extraction_anew(&resolved.policy))),
            false => (item.graph.clone(), item.extraction.clone()),
        };
        Ok(Item {
            graph,
            extraction,
            item_type: self.item_type.unwrap_or(item.item_type),
            metadata,
            policy: resolved.policy,
            stated,
            context: self.context.clone().unwrap_or_else(|| item.context.clone()),
            ..item.clone()
        })
    }
}

fn fault(field: &[&str], message: String) -> Faults {
    let root = At::Root("body");
    let mut notes = Notes::lenient();
    match field {
        [outer, inner] => notes.wrong::<()>(&At::Key(&At::Key(&root, outer), inner), Fault::Invalid, message),
        [only] => notes.wrong::<()>(&At::Key(&root, only), Fault::Invalid, message),
        _ => notes.wrong::<()>(&root, Fault::Invalid, message),
    };
    match notes.finish::<()>(None) {
        Err(faults) => faults,
        Ok(_) => Faults { list: Vec::new(), omitted_count: 0 },
    }
}
