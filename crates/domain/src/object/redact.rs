//! Objects as a policy obliges them to be shown.

use super::{Affect, Content, Distinct, History, Impact, List, Object, ReconsolidationTrace, Seed};
use crate::items::ItemMetadata;
use crate::memory::Body;
use crate::preference::remove_path;

/// What a policy can redact of events, impacts and seeds beside their content. Preferences have nothing of it.
pub(crate) const OBJECT_PATHS: &[&str] = &[
    "affect",
    "history",
    "impact_payload",
    "item.context",
    "item.metadata",
    "ownership.claimant",
    "ownership.owners",
    "ownership.subjects",
    "procedural_payload",
    "provenance.conversation_id",
    "provenance.derived_from",
    "provenance.surface",
    "reconsolidation_trace",
    "seed_payload",
    "somatic_payload",
];

impl Body {
    /// The same body without what these paths name: what a policy redacts. A path that is unknown, which no policy
    /// that loads has, leaves nothing of what is said.
    #[must_use]
    pub fn without<T: AsRef<str>>(&self, paths: &[T]) -> Self {
        let mut shown = self.clone();
        match &mut shown {
            Self::Preference(preference) => {
                let of_values = paths.iter().map(AsRef::as_ref).filter(|path| !OBJECT_PATHS.contains(path));
                *preference = preference.without(&of_values.collect::<Vec<_>>());
            }
            Self::Event(event) => paths.iter().for_each(|path| event.remove(path.as_ref())),
            Self::Impact(impact) => paths.iter().for_each(|path| impact.remove(path.as_ref())),
            Self::Seed(seed) => paths.iter().for_each(|path| seed.remove(path.as_ref())),
            Self::Erased { .. } => {}
        }
        shown
    }
}

impl Impact {
    fn remove(&mut self, path: &str) {
        if path == "impact_payload" {
            self.constraints = List::default();
        } else {
            self.object.remove(path);
        }
    }
}

impl Seed {
    fn remove(&mut self, path: &str) {
        if path == "seed_payload" {
            self.cues = Distinct::default();
        } else {
            self.object.remove(path);
        }
    }
}

impl Object {
    fn remove(&mut self, path: &str) {
        match path {
            "affect" => self.affect = None::<Affect>,
            "history" => self.history = History::default(),
            "impact_payload" | "seed_payload" => {}
            "item.context" => self.item.iter_mut().for_each(|item| item.context.clear()),
            "item.metadata" => self.item.iter_mut().for_each(|item| {
                item.metadata = ItemMetadata::default();
                item.ext.clear();
            }),
            "ownership.claimant" => self.ownership.claimant = None,
            "ownership.owners" => self.ownership.owners = Distinct::default(),
            "ownership.subjects" => self.ownership.subjects = Distinct::default(),
            "procedural_payload" => self.procedural = None,
            "provenance.conversation_id" => self.provenance.conversation_id = None,
            "provenance.derived_from" => {
                (self.provenance.derived_from, self.provenance.approved_without) =
                    (Distinct::default(), Distinct::default());
            }
            "provenance.surface" => self.provenance.surface = None,
            "reconsolidation_trace" => self.trace = ReconsolidationTrace::default(),
            "somatic_payload" => self.somatic = None,
            other => self.remove_content(other),
        }
    }

    /// Removes content by its paths; of `value` an object has nothing.
    fn remove_content(&mut self, path: &str) {
        let segments = path.split('.').collect::<Vec<_>>();
        let said = self.content.is_some();
        self.remove_segments(&segments);
        if said && self.content.is_none() {
            self.item.iter_mut().for_each(|item| item.forget_what_was_said());
        }
    }

    fn remove_segments(&mut self, segments: &[&str]) {
        let is_json = self.content.as_ref().is_some_and(|content| content.as_json().is_some());
        match segments {
            ["value" | "value_json", ..] => {}
            ["content", "text"] => {
                if !is_json {
                    self.content = None;
                }
            }
            ["content", "json", below @ ..] if !is_json || !below.is_empty() => {
                if let Some(json) = self.content.as_mut().and_then(Content::json_mut) {
                    remove_path(json, below);
                }
            }
            _ => self.content = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::{Activation, Cue, Language, Name, Temporal, TruthMode, Unit};
    use crate::policy::Policy;
    use crate::preference::{Kind, Preference, Source};
    use crate::time::Timestamp;

    fn event(content: Content) -> Object {
        let mut event =
            Object::new(TruthMode::FactualClaim, Temporal::observed(Timestamp::from_unix_micros(0)));
        event.content = Some(content);
        event.affect = Some(Affect::default());
        event.provenance.surface = Name::parse("web").ok();
        event
    }

    fn text() -> Object {
        event(Content::text(Language::default(), "hello").expect("good"))
    }

    fn json() -> Object {
        event(
            Content::json(Language::default(), json!({"who": {"name": "Ada", "age": 36}, "at": [1]}))
                .expect("good"),
        )
    }

    #[test]
    fn what_is_named_is_removed_and_nothing_else() {
        let check = |event: Object, path: &str, expect: &dyn Fn(&mut Object)| {
            let mut expected = event.clone();
            expect(&mut expected);
            let shown = Body::Event(Box::new(event)).without(&[path]);
            assert_eq!(shown, Body::Event(Box::new(expected)), "{path}");
        };
        let nothing = |_: &mut Object| {};
        let content = |event: &mut Object| event.content = None;
        for path in [
            "value",
            "value.likes",
            "value_json",
            "impact_payload",
            "seed_payload",
            "content.json",
            "content.json.a",
        ] {
            check(text(), path, &nothing);
        }
        for path in ["content", "content.text", "no.such.path", "content.nope"] {
            check(text(), path, &content);
        }
        check(json(), "content.text", &nothing);
        check(json(), "content", &content);
        check(json(), "content.json", &content);
        let left = |value: Value| {
            move |event: &mut Object| event.content = Content::json(Language::default(), value.clone()).ok()
        };
        check(json(), "content.json.who.name", &left(json!({"who": {"age": 36}, "at": [1]})));
        check(json(), "content.json.*.age", &left(json!({"who": {"name": "Ada"}, "at": [1]})));
        check(json(), "content.json.*", &left(json!({})));
        check(text(), "affect", &|event| event.affect = None);
        check(text(), "provenance.surface", &|event| event.provenance.surface = None);
    }

    #[test]
    fn payloads_are_removed() {
        let seed = Seed {
            object: text(),
            cues: Distinct::new(vec![Cue::parse("rain").expect("good")]).expect("few"),
            activation: Activation::new(Unit::ONE, 0).expect("good"),
        };
        let Body::Seed(shown) = Body::Seed(Box::new(seed.clone())).without(&["seed_payload"]) else {
            unreachable!("it stays a seed")
        };
        assert!(shown.cues.is_empty() && shown.object == seed.object);
    }

    #[test]
    fn a_preference_loses_nothing_to_an_objects_path() {
        let value = json!({"likes": ["tea"]});
        let preference = Preference::new(Kind::Preferences, None, Source::UserSetting, value).expect("good");
        let body = Body::Preference(preference);
        assert_eq!(body.without(OBJECT_PATHS), body);
        assert_ne!(body.without(&["affect", "content"]), body);
    }

    #[test]
    fn every_path_loads() {
        for path in OBJECT_PATHS {
            let text = format!(
                "policy_version: p\nrules: [{{id: r, then: {{allow_read: true, redact: [{path}]}}}}]"
            );
            assert!(Policy::load(&text).is_ok(), "{path}");
        }
    }
}
