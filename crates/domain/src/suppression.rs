//! What is left of an erased value: a digest by which it is known again, and nothing by which it can be read.
//!
//! The key is the tenant's own ([`SubjectRef::TENANT`](crate::memory::SubjectRef::TENANT)), which no person's erasure destroys. The
//! digest is of a value in its scope: what one person had erased says nothing about the same words of another.

use serde_json::{Map, Number, Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::audit_chain::{AuditKey, KeyedDigest};
use crate::memory::{Body, Memory};
use crate::object::{Content, Derivation};

impl Memory {
    /// By what its value is known again once it was erased; none where it says nothing, or only what was computed.
    ///
    /// Values are equal whose texts differ in case, in white space or in how Unicode spells them, and whose JSON differs in
    /// the order of members: of a preference its kind, its domain and its value; of an event, an impact or a seed its content,
    /// and where it has none, an impact's constraints and a seed's cues.
    #[must_use]
    pub fn digest_under(&self, key: &AuditKey) -> Option<KeyedDigest> {
        let value = self.normal_value()?;
        let mut bytes = self.partition.0.to_vec();
        bytes.extend_from_slice(value.to_string().as_bytes());
        Some(key.erased_value(&bytes))
    }

    fn normal_value(&self) -> Option<Value> {
        if let Body::Preference(preference) = &self.body {
            let domain = preference.domain().map(|domain| normal_text(domain.as_str()));
            return Some(json!(["preference", preference.kind().name(), domain, normal(preference.value())]));
        }
        let object = self.object()?;
        if object.provenance.derivation == Derivation::Computed {
            return None;
        }
        if let Some(content) = &object.content {
            return Some(json!(["content", normal_content(content)]));
        }
        match &self.body {
            Body::Impact(impact) if !impact.constraints.is_empty() => {
                let constraints = impact.constraints.iter().map(|one| {
                    let mut value = serde_json::to_value(one).unwrap_or_default();
                    // When and from what it was made, and what it is called, is no part of what it says.
                    if let Some(members) = value.as_object_mut() {
                        members
                            .retain(|name, _| ["topic", "target", "kind", "params"].contains(&name.as_str()));
                    }
                    normal(&value)
                });
                Some(json!(["constraints", constraints.collect::<Vec<_>>()]))
            }
            Body::Seed(seed) if !seed.cues.is_empty() => {
                let mut cues: Vec<String> = seed.cues.iter().map(|cue| normal_text(cue.as_str())).collect();
                cues.sort_unstable();
                Some(json!(["cues", cues]))
            }
            _ => None,
        }
    }
}

fn normal_content(content: &Content) -> Value {
    match (content.as_text(), content.as_json()) {
        (Some(text), _) => Value::String(normal_text(text)),
        (None, Some(json)) => normal(json),
        (None, None) => Value::Null,
    }
}

/// Without differences of case, of white space, and of how Unicode spells a character.
fn normal_text(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same in every text of a JSON value; a whole number has one spelling.
fn normal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(normal_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), normal(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Number(number) => Value::Number(whole(number).unwrap_or_else(|| number.clone())),
        other => other.clone(),
    }
}

/// The whole number that a floating-point one is, where it is one that both can tell.
fn whole(number: &Number) -> Option<Number> {
    const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
    let float = number.as_f64().filter(|float| number.is_f64() && float.abs() <= EXACT_MAX)?;
    let text = format!("{float:.0}");
    let whole: i64 = text.parse().ok()?;
    (whole as f64 == float).then(|| whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MemoryId, TenantId, UserId};
    use crate::object::{Event, Language, Object, Temporal, TruthMode, generate};
    use crate::preference::{Domain, Kind, Preference, Source};
    use crate::scope::Scope;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn memory(person: &str, body: Body) -> Memory {
        let scope = Scope::of_user(&UserId::parse(person).expect("a name"));
        let (id, now) = (MemoryId::from_uuid(uuid::Uuid::nil()), Timestamp::from_unix_micros(0));
        Memory::new(id, TenantId::default_tenant(), scope, body, now, None)
    }

    fn event(content: Content) -> Body {
        let mut object =
            Object::new(TruthMode::FactualClaim, Temporal::observed(Timestamp::from_unix_micros(0)));
        object.content = Some(content);
        Body::Event(Box::<Event>::new(object))
    }

    fn text(text: &str) -> Body {
        event(Content::text(Language::default(), text).expect("a text"))
    }

    fn preference(kind: Kind, domain: &str, value: Value) -> Body {
        let domain = Domain::parse(domain).expect("a domain");
        Body::Preference(Preference::new(kind, domain, Source::UserSetting, value).expect("a preference"))
    }

    fn digest(person: &str, body: Body) -> Option<KeyedDigest> {
        memory(person, body).digest_under(&AuditKey::from_bytes([7; 32]))
    }

    #[test]
    fn what_says_the_same_is_known_again() {
        let check = |one: Body, other: Body, same: bool| {
            assert_eq!(digest("ann", one.clone()) == digest("ann", other.clone()), same, "{one:?} {other:?}");
        };
        check(text("I like tea."), text("  i LIKE\n\ttea. "), true);
        check(text("caf\u{e9}"), text("cafe\u{301}"), true);
        check(text("I like tea."), text("I like tea"), false);
        let kind = Kind::Preferences;
        let likes = |what: &str| json!({"likes": [what], "dislikes": ["rain"]});
        check(preference(kind, "food", likes("Tea")), preference(kind, " food ", likes("tea ")), true);
        check(preference(kind, "food", likes("tea")), preference(kind, "drinks", likes("tea")), false);
        check(preference(kind, "food", likes("tea")), preference(kind, "food", likes("milk")), false);
        let of = |value: &str| {
            event(
                Content::json(Language::default(), serde_json::from_str(value).expect("JSON"))
                    .expect("content"),
            )
        };
        check(of(r#"{"a": 1.0, "b": "X y"}"#), of(r#"{"b": "x  Y", "a": 1}"#), true);
        check(of(r#"{"a": 1.5}"#), of(r#"{"a": 1}"#), false);
    }

    #[test]
    fn it_is_known_in_its_scope_and_under_its_key_alone() {
        assert_ne!(digest("ann", text("I like tea.")), digest("bob", text("I like tea.")));
        let ann = memory("ann", text("I like tea."));
        let under = |byte| ann.digest_under(&AuditKey::from_bytes([byte; 32]));
        assert_ne!(under(1), under(2));
        assert_eq!(ann.tombstone().digest_under(&AuditKey::from_bytes([1; 32])), None);
    }

    proptest! {
        #[test]
        fn a_value_is_known_again_whatever_else_changes(body in generate::object_body(), state in any::<bool>()) {
            let memory = memory("ann", body);
            let mut other = memory.clone();
            other.version += 1;
            if state {
                other.state = crate::memory::State::Sealed;
            }
            if let Body::Impact(impact) = &mut other.body {
                impact.name_constraints(MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
            }
            let key = AuditKey::from_bytes([3; 32]);
            prop_assert_eq!(memory.digest_under(&key), other.digest_under(&key));
        }
    }
}
