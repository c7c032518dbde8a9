//! What a memory says, how it feels, and its free-form payloads.

use memoryscope_domain::limits;
use memoryscope_domain::object::number::Invalid;
use memoryscope_domain::object::{
    Affect, Content, Feeling, FreeForm, Language, Log, PastFeeling, Procedural, Somatic, Unit, Valence,
};
use serde_json::{Map, Value, json};

use super::scalar::{distinct, label, list, list_or_empty, prose, unit_or};
use crate::wire::{
    Decode, Fault, Fields, Notes, Path, Shape, any, choice, list_of, number, object, object_of_any, string,
    time,
};

/// How content is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

impl Shape for Content {
    const NAME: &'static str = "ContentInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let format = f.required("format", choice([("text", Format::Text), ("json", Format::Json)]));
        let language = string().bytes(1..=limits::LANGUAGE_BYTES_MAX);
        let language = language.parsed(|text: &String| Language::parse(text));
        let language = f.or_shown("language", language, Language::default(), Language::default().as_str());
        let text = string().bytes(1..=limits::CONTENT_BYTES_MAX);
        let text = f.optional("text", text.parsed(|text: &String| Self::text(Language::default(), text)));
        let json = any(limits::CONTENT_BYTES_MAX);
        let json =
            f.optional("json", json.parsed(|json: &Value| Self::json(Language::default(), json.clone())));
        let (wanted, other) = match format? {
            Format::Text => ("text", "json"),
            Format::Json => ("json", "text"),
        };
        if !f.sends(wanted) {
            f.refuse(wanted, Fault::Missing, "is required where format is its name");
        }
        if f.sends(other) {
            f.refuse(other, Fault::NotAllowed, "must be absent unless format is its name");
        }
        let mut content = if wanted == "text" { text } else { json }?;
        content.language = language?;
        Some(content)
    }
}

/// The fields of a feeling, which stand beside others.
pub(super) fn feeling(f: &mut Fields<'_>) -> Option<Feeling> {
    let valence = number(-1.0..=1.0).parsed(|number: &f64| Valence::new(*number));
    let valence = f.or_shown("valence", valence, Valence::NEUTRAL, 0.0);
    let arousal = unit_or(f, "arousal", Unit::ZERO);
    let labels = list_or_empty(f, "labels", distinct(label()));
    let confidence = unit_or(f, "affect_confidence", Unit::ONE);
    Some(Feeling { valence: valence?, arousal: arousal?, labels: labels?, confidence: confidence? })
}

impl Shape for PastFeeling {
    const NAME: &'static str = "PastAffectInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let at = f.required("at", time());
        let feeling = feeling(f);
        Some(Self { at: at?, feeling: feeling? })
    }
}

impl Shape for Affect {
    const NAME: &'static str = "AffectInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let feeling = feeling(f);
        let history = list_of(object::<PastFeeling>(), 0..=limits::HISTORY_ENTRIES_MAX);
        let history = history.parsed(|entries: &Vec<PastFeeling>| Log::new(entries.clone()));
        let history = list_or_empty(f, "affect_history", history);
        Some(Self { feeling: feeling?, history: history? })
    }
}

/// A payload: one member that derivation reads, and whatever else was said.
struct Payload<D> {
    member: &'static str,
    spec: D,
}

impl<D: Decode<Out: Default>> Decode for Payload<D> {
    type Out = (D::Out, FreeForm);

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let mut members = object_of_any(limits::PAYLOAD_BYTES_MAX).decode(value, at, notes)?;
        let read = match members.remove(self.member) {
            None | Some(Value::Null) => Some(D::Out::default()),
            Some(value) => self.spec.decode(&value, &Path::Key(at, self.member), notes),
        };
        match FreeForm::new(members) {
            Ok(rest) => Some((read?, rest)),
            Err(why) => notes.wrong(at, Fault::Invalid, why.to_string()),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = object_of_any(limits::PAYLOAD_BYTES_MAX).schema();
        let mut properties = Map::new();
        let mut member = self.spec.schema();
        member["type"] = json!(["array", "null"]);
        properties.insert(self.member.to_owned(), member);
        schema["properties"] = Value::Object(properties);
        schema
    }
}

/// How something is done.
pub(super) fn procedural() -> impl Decode<Out = Procedural> {
    let payload = Payload { member: "steps", spec: list(prose()) };
    payload.parsed(|(steps, rest): &(_, FreeForm)| {
        Ok::<_, Invalid>(Procedural { steps: Clone::clone(steps), rest: rest.clone() })
    })
}

/// What a body remembers.
pub(super) fn somatic() -> impl Decode<Out = Somatic> {
    let payload = Payload { member: "do_not_prompt_with", spec: distinct(label()) };
    payload.parsed(|(avoided, rest): &(_, FreeForm)| {
        Ok::<_, Invalid>(Somatic { do_not_prompt_with: Clone::clone(avoided), rest: rest.clone() })
    })
}
