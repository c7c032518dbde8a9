//! Who acts, and where.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::DeprecatedId;
use crate::fields::{At, Fault, Members, Notes, WarningKind, field_text, line};
use crate::ids::{TenantId, UserId};
use crate::items::metadata::MetadataIdentity;
use crate::limits;

/// For whom a request acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acting {
    /// For a user as the application names them.
    External(UserId),
    /// For a user by an id of the server's own. Such a user must exist.
    Internal(UserId),
}

/// What a request says of who acts and where, its metadata's copies included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// For whom; nobody means the developer.
    pub acting: Option<Acting>,
    /// In which organization.
    pub organization_id: Option<String>,
    /// In which of its namespaces.
    pub namespace_id: Option<String>,
}

/// How ids begin that applications give to their users.
const PREFIXES: [&str; 12] = [
    "user_",
    "usr_",
    "users_",
    "customer_",
    "cust_",
    "client_",
    "member_",
    "account_",
    "acct_",
    "ext_",
    "external_",
    "uid_",
];

/// Whether an id looks like one of an application's own: an email address, a UUID, anything with hyphens or separators,
/// or with a prefix such as `user_`.
#[must_use]
pub fn is_application_id(id: &str) -> bool {
    let id = id.trim();
    let lower = id.to_ascii_lowercase();
    id.contains(['@', '-', '|', ':', ' '])
        || Uuid::try_parse(id).is_ok()
        || PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

/// The tenant that an organization is, where no key names one: `t_` and its id, or the beginning of its SHA-256 where the
/// id is not made for that.
#[must_use]
pub fn tenant_of_organization(organization_id: &str) -> TenantId {
    if let Ok(tenant) = TenantId::parse(&format!("t_{organization_id}")) {
        return tenant;
    }
    let digest = Sha256::digest(organization_id.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // 32 hexadecimal digits are a tenant's name.
    TenantId::parse(&format!("t_{hex}")).unwrap_or_else(|_| TenantId::default_tenant())
}

impl Identity {
    /// What this one says, and where it is silent what the other does.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            acting: self.acting.or_else(|| other.acting.clone()),
            organization_id: self.organization_id.or_else(|| other.organization_id.clone()),
            namespace_id: self.namespace_id.or_else(|| other.namespace_id.clone()),
        }
    }

    /// Reads a request's own members, and takes its metadata's where they are silent.
    pub(super) fn read(
        members: &mut Members<'_>,
        metadata: MetadataIdentity,
        notes: &mut Notes,
        trap: &mut Option<DeprecatedId>,
    ) -> Self {
        let external = members.optional("external_user_id", notes, read_user);
        let internal = members.deprecated("user_id", "external_user_id", notes, |value, at, notes| {
            if let Some(text) = value.as_str().filter(|text| is_application_id(text)) {
                let (field, provided_value) = (field_text(&at.steps()), text.to_owned());
                trap.get_or_insert(DeprecatedId { field, provided_value });
                return None;
            }
            read_user(value, at, notes)
        });
        if external.is_some() && internal.is_some() {
            let message = "has no effect: external_user_id says otherwise";
            notes.warn(&members.place("user_id"), WarningKind::Overridden, message);
        }
        let own = external.map(Acting::External).or(internal.map(Acting::Internal));
        let copied = acting_of(&metadata);
        let place = |id| members.optional(id, notes, line(limits::USER_ID_BYTES_MAX));
        let [organization, namespace] = ["organization_id", "namespace_id"].map(place);
        let at = members.place("metadata");
        let mut lost = |own: Option<&str>, copy: Option<&str>, field: &str| {
            if let (Some(own), Some(copy)) = (own, copy)
                && own != copy
            {
                let message = "has no effect: the request's own says otherwise";
                notes.warn(&At::Key(&at, field), WarningKind::Overridden, message);
            }
        };
        let name = |acting: &Acting| match acting {
            Acting::External(user) | Acting::Internal(user) => user.as_str().to_owned(),
        };
        let own_name = own.as_ref().map(name);
        lost(own_name.as_deref(), metadata.external_user_id.as_deref(), "external_user_id");
        lost(own_name.as_deref(), metadata.user_id.as_deref(), "user_id");
        lost(organization.as_deref(), metadata.organization_id.as_deref(), "organization_id");
        lost(namespace.as_deref(), metadata.namespace_id.as_deref(), "namespace_id");
        Self {
            acting: own.or(copied),
            organization_id: organization.or(metadata.organization_id),
            namespace_id: namespace.or(metadata.namespace_id),
        }
    }
}

/// For whom a metadata says that the request acts. An application's own id that stands in `user_id` there is what it looks
/// like: that field was never the server's alone.
fn acting_of(metadata: &MetadataIdentity) -> Option<Acting> {
    let user = |text: &Option<String>| text.as_deref().and_then(|text| UserId::parse(text).ok());
    if let Some(user) = user(&metadata.external_user_id) {
        return Some(Acting::External(user));
    }
    let user = user(&metadata.user_id)?;
    Some(if is_application_id(user.as_str()) { Acting::External(user) } else { Acting::Internal(user) })
}

fn read_user(value: &serde_json::Value, at: &At<'_>, notes: &mut Notes) -> Option<UserId> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    UserId::parse(text).map_err(|error| notes.wrong::<()>(at, Fault::Invalid, error.to_string())).ok()
}
