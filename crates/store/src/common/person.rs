//! What of a person a database can look for in what it does not read: texts that stand in what names them.

use memoryscope_domain::audit_chain::Private;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::subject::tags_of;

/// What stands in the document of a grant that was given for the person, and may stand in another.
pub(crate) fn mark_in_grant(person: &UserId) -> String {
    // A text can always be written.
    format!("\"user\":{}", serde_json::to_string(person.as_str()).unwrap_or_default())
}

/// What stands beside an audit entry about the person, and may stand beside another.
pub(crate) fn mark_in_private(person: &UserId) -> String {
    Private::marks_of(person).into_iter().next().unwrap_or_default()
}

/// What stands in the document of a memory that is in the namespace, and may stand in another.
pub(crate) fn mark_of_namespace(namespace: &str) -> String {
    // A text can always be written.
    format!("\"namespace\":{}", serde_json::to_string(namespace).unwrap_or_default())
}

/// The tags of what is about the person outside of their scope: as owner, and as subject.
pub(crate) fn tags(person: &UserId) -> [Vec<u8>; 2] {
    let mut tags = tags_of(person).into_iter().map(|tag| tag.as_bytes().to_vec());
    [tags.next(), tags.next()].map(Option::unwrap_or_default)
}
