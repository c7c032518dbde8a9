//! A tenant's schemas of graphs: made, looked at, changed, and put away.

use memoryscope_domain::audit_chain::{Code, Hash32};
use memoryscope_domain::change::{Change, IdempotencyKey, IdempotencyRecord};
use memoryscope_domain::fields::{Faults, Warning};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::graph::Schema;
use memoryscope_domain::graph::schema::{Status, StoredSchema};
use memoryscope_domain::ids::SchemaId;
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{SchemaSelect, Select};
use crate::refusal::Refusal;

const READ: Code = Code::literal("SCHEMA_READ");
const WRITTEN: Code = Code::literal("SCHEMA_WRITE");

/// A schema is made.
pub static CREATE: Info = Info { name: "schema.create", audit: WRITTEN, changes: true };
/// A tenant's schemas are looked at.
pub static LIST: Info = Info { name: "schema.list", audit: READ, changes: false };
/// One of them is.
pub static GET: Info = Info { name: "schema.get", audit: READ, changes: false };
/// One is changed.
pub static UPDATE: Info = Info { name: "schema.update", audit: WRITTEN, changes: true };
/// One is put away.
pub static DELETE: Info = Info { name: "schema.delete", audit: WRITTEN, changes: true };

/// Makes a schema, which is its caller's.
#[derive(Debug, Clone)]
pub struct Create {
    /// The schema.
    pub schema: Schema,
}

impl Operation for Create {
    type Output = StoredSchema;

    fn info(&self) -> &'static Info {
        &CREATE
    }

    fn authority(&self) -> Authority {
        Authority::ChangeSchemas
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "name": self.schema.name }))])
    }

    fn plan(
        &self,
        cx: &Context,
        _seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let stored = StoredSchema {
            id: match &cx.idempotency {
                Some(given) => named_by(&given.key),
                None => SchemaId::from_uuid(mint.ids.next_uuid()),
            },
            tenant: cx.principal.tenant.clone(),
            client: cx.principal.client.clone(),
            user: cx.principal.user.clone(),
            schema: self.schema.clone(),
            created: cx.now,
            updated: cx.now,
            version: 1,
        };
        let changes = vec![Change::InsertSchema(Box::new(stored.clone()))];
        Ok(Plan { changes, ..Plan::answer(stored) })
    }

    fn select_repeat(&self, record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Schemas(SchemaSelect::Ids(vec![named_by(&record.key)])))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let made = seen.schemas().first().filter(|stored| !is_away(stored))?;
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(made.clone()) })
    }
}

/// The id of the schema that a request with an idempotency key makes: a repeat finds it by the key.
fn named_by(key: &IdempotencyKey) -> SchemaId {
    let text = format!("memoryscope-schema-v1\0{}\0{}", key.client, key.key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Hash32::of(text.as_bytes()).0[..16]);
    SchemaId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Looks at the schemas that the caller may read; of those that were put away nothing is shown.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Only those of this status.
    pub status: Option<Status>,
}

/// Schemas, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Those that may be read.
    pub schemas: Vec<StoredSchema>,
    /// Whether there are more than are looked at.
    pub more: bool,
}

impl Operation for List {
    type Output = Listed;

    fn info(&self) -> &'static Info {
        &LIST
    }

    fn authority(&self) -> Authority {
        Authority::ReadSchemas
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Schemas(SchemaSelect::All { after: None, limit: limits::SCHEMAS_LISTED_MAX })
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let wanted = seen.schemas().iter().filter(|stored| match self.status {
            Some(status) => stored.schema.status == status && !is_away(stored),
            None => !is_away(stored),
        });
        Ok(Plan::answer(Listed { schemas: wanted.cloned().collect(), more: seen.more() }))
    }
}

fn is_away(stored: &StoredSchema) -> bool {
    stored.schema.status == Status::Archived
}

/// Looks at one schema.
#[derive(Debug, Clone, Copy)]
pub struct Get {
    /// Which.
    pub id: SchemaId,
}

impl Operation for Get {
    /// None where there is none that the caller may read.
    type Output = Option<StoredSchema>;

    fn info(&self) -> &'static Info {
        &GET
    }

    fn authority(&self) -> Authority {
        Authority::ReadSchemas
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Schemas(SchemaSelect::Ids(vec![self.id]))
    }

    fn private(&self) -> Map<String, Value> {
        named(self.id)
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found = seen.schemas().iter().find(|stored| !is_away(stored)).cloned();
        Ok(missing_or(found, |found| Plan::answer(Some(found))))
    }
}

/// What becomes of a schema.
#[derive(Debug, Clone)]
pub enum Edit {
    /// These members of it are replaced.
    Patch {
        /// The members, as they were sent.
        body: Value,
        /// Whether deprecated fields are refused.
        is_strict: bool,
    },
    /// It is put away.
    Archive,
}

/// Changes a schema that the caller may change.
#[derive(Debug, Clone)]
pub struct Amend {
    /// Which.
    pub id: SchemaId,
    /// How.
    pub edit: Edit,
}

/// A schema after it was changed, and what the request is warned of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it is now.
    pub stored: StoredSchema,
    /// Of what.
    pub warnings: Vec<Warning>,
}

impl Operation for Amend {
    /// None where there is none; the faults, where what would come of it is no schema.
    type Output = Option<Result<Changed, Faults>>;

    fn info(&self) -> &'static Info {
        match self.edit {
            Edit::Patch { .. } => &UPDATE,
            Edit::Archive => &DELETE,
        }
    }

    fn authority(&self) -> Authority {
        Authority::ChangeSchemas
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Schemas(SchemaSelect::Ids(vec![self.id]))
    }

    fn private(&self) -> Map<String, Value> {
        named(self.id)
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found = seen.schemas().iter().find(|stored| !is_away(stored)).cloned();
        Ok(missing_or(found, |stored| {
            let (schema, warnings) = match &self.edit {
                Edit::Patch { body, is_strict } => match stored.schema.patched(body, *is_strict) {
                    Ok(read) => (read.value, read.warnings),
                    Err(faults) => {
                        let reason = Some(Code::literal("INVALID"));
                        return Plan { reason, came_to_nothing: true, ..Plan::answer(Some(Err(faults))) };
                    }
                },
                Edit::Archive => (Schema { status: Status::Archived, ..stored.schema.clone() }, Vec::new()),
            };
            let next = stored.next(schema, cx.now);
            let changes = vec![Change::ReplaceSchema(Box::new(next.clone()))];
            Plan { changes, ..Plan::answer(Some(Ok(Changed { stored: next, warnings }))) }
        }))
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Schemas(SchemaSelect::Ids(vec![self.id])))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let stored = seen.schemas().first()?.clone();
        let changed = Changed { stored, warnings: Vec::new() };
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(Some(Ok(changed))) })
    }
}

fn missing_or<T>(
    found: Option<StoredSchema>,
    plan: impl FnOnce(StoredSchema) -> Plan<Option<T>>,
) -> Plan<Option<T>> {
    match found {
        Some(found) => plan(found),
        None => {
            let reason = Some(Code::literal("NOT_FOUND"));
            Plan { reason, came_to_nothing: true, ..Plan::answer(None) }
        }
    }
}

fn named(id: SchemaId) -> Map<String, Value> {
    Map::from_iter([("request".to_owned(), json!({ "schema_id": id.prefixed() }))])
}
