//! Random memories and requests for a rule set: what its rules mention, worth what they compare with or its like.

use std::collections::BTreeMap;

use memoryscope_domain::policy::Attribute;
use memoryscope_domain::policy::catalogue::{Kind, STATES};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value as Json, json};

use crate::rng::Rng;
use crate::vocabulary::{NUMBERS, TIMES, WORDS, kind_of, literal, one_of};

/// What is missing, in percent, of what a rule mentions.
const MISSING: usize = 30;
/// What is of another type, in percent.
const ILL_TYPED: usize = 10;

/// The attributes that rules mention, and the values that they compare them with.
#[derive(Debug, Default)]
pub struct Mentions(BTreeMap<String, Vec<Json>>);

impl Mentions {
    /// Those of a document, whatever it extends included.
    #[must_use]
    pub fn of(document: &Json) -> Self {
        let mut mentions = Self::default();
        for rule in document["rules"].as_array().into_iter().flatten() {
            mentions.add_block(&rule["when"]);
        }
        mentions
    }

    fn add_block(&mut self, when: &Json) {
        for (key, value) in when.as_object().into_iter().flatten() {
            match key.as_str() {
                "all" | "any" | "none" => {
                    value.as_array().into_iter().flatten().for_each(|part| self.add_block(part));
                }
                path => scalars(value, self.0.entry(path.to_owned()).or_default()),
            }
        }
    }

    fn values(&self, path: &str) -> &[Json] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }
}

fn scalars(test: &Json, found: &mut Vec<Json>) {
    match test {
        Json::Array(values) => values.iter().for_each(|value| scalars(value, found)),
        Json::Object(operators) => operators.values().for_each(|value| scalars(value, found)),
        scalar => found.push(scalar.clone()),
    }
}

/// A memory: its attributes by their paths, each with its type (`{"text": "a"}`).
pub fn memory(rng: &mut Rng, mentions: &Mentions) -> Json {
    let mut memory = Map::new();
    for (path, values) in &mentions.0 {
        let Some(attribute) = Attribute::from_path(path).filter(|a| a.is_of_memory()) else { continue };
        if attribute == Attribute::MemoryState || rng.chance(MISSING) {
            continue;
        }
        let kind = attribute.entry().kind;
        let value = if rng.chance(ILL_TYPED) { ill_typed(rng, kind) } else { typed(rng, kind, values) };
        memory.insert(path.clone(), value);
    }
    if !rng.chance(MISSING) {
        memory.insert("memory.state".to_owned(), state(rng));
    }
    memory.into()
}

fn state(rng: &mut Rng) -> Json {
    match rng.below(20) {
        0..9 => json!({"text": "active"}),
        9 => ill_typed(rng, Kind::Ordered(STATES)),
        _ => json!({"text": rng.pick(STATES)}),
    }
}

/// A value of that kind: often one that a rule compares with.
fn typed(rng: &mut Rng, kind: Kind, values: &[Json]) -> Json {
    let mentioned = if !values.is_empty() && rng.chance(60) { Some(rng.pick(values).clone()) } else { None };
    let member = |rng: &mut Rng| {
        let drawn = mentioned.clone().filter(|value| value.is_string());
        drawn.or_else(|| literal(rng, kind)).unwrap_or_default()
    };
    match kind {
        Kind::Bool => json!({"flag": rng.chance(50)}),
        Kind::Number => {
            let mentioned = mentioned.as_ref().and_then(Json::as_f64);
            json!({"number": mentioned.unwrap_or(*rng.pick(&NUMBERS))})
        }
        Kind::Enum(values) | Kind::Ordered(values) => {
            let mentioned = mentioned.as_ref().and_then(Json::as_str);
            json!({"text": mentioned.unwrap_or_else(|| one_of(rng, values))})
        }
        Kind::Text => json!({"text": member(rng)}),
        Kind::TextSet => {
            let first = Some(member(rng)).filter(|_| rng.chance(85));
            let others = (0..rng.below(3)).map(|_| json!(rng.pick(&WORDS)));
            json!({"set": first.into_iter().chain(others.collect::<Vec<_>>()).collect::<Vec<_>>()})
        }
        Kind::EnumSet(values) => {
            let first = Some(member(rng)).filter(|_| rng.chance(85));
            let others = (0..rng.below(3)).map(|_| json!(one_of(rng, values)));
            json!({"set": first.into_iter().chain(others.collect::<Vec<_>>()).collect::<Vec<_>>()})
        }
        Kind::Time => json!({"time": rng.pick(&TIMES)}),
        Kind::Open => open(rng, mentioned),
    }
}

/// Metadata: whatever its writer stored.
fn open(rng: &mut Rng, mentioned: Option<Json>) -> Json {
    match mentioned {
        Some(Json::Number(number)) => json!({"number": number}),
        Some(Json::Bool(flag)) => json!({"flag": flag}),
        Some(Json::String(text)) if rng.chance(50) => json!({"text": text}),
        _ => match rng.below(10) {
            0 => json!({"flag": rng.chance(50)}),
            1..4 => json!({"number": rng.pick(&NUMBERS)}),
            4 | 5 => json!({"text": rng.pick(&WORDS)}),
            6 | 7 => json!({"text": rng.pick(&TIMES)}),
            _ => {
                let members = 0..rng.below(4);
                json!({"set": members.map(|_| *rng.pick(&WORDS)).collect::<Vec<_>>()})
            }
        },
    }
}

/// A value of another type. Of what holds one value no set is made: ours looks into it, and Cedar cannot tell.
fn ill_typed(rng: &mut Rng, kind: Kind) -> Json {
    let (flag, number) = (json!({"flag": rng.chance(50)}), json!({"number": rng.pick(&NUMBERS)}));
    let (text, time) = (json!({"text": rng.pick(&WORDS)}), json!({"text": rng.pick(&TIMES)}));
    match kind {
        Kind::Bool => rng.pick(&[number, text]).clone(),
        Kind::Number => rng.pick(&[flag, text]).clone(),
        // A text that spells a time is taken for one.
        Kind::Time => rng.pick(&[flag, number, text, time]).clone(),
        Kind::Text => rng.pick(&[flag, number]).clone(),
        // A text that is not of the list, too.
        Kind::Enum(_) | Kind::Ordered(_) | Kind::TextSet | Kind::EnumSet(_) => {
            rng.pick(&[flag, number, text]).clone()
        }
        Kind::Open => open(rng, None),
    }
}

/// A request, as `RequestFacts::parse` reads it. It is always well-typed: it is made of types, not of what was stored.
pub fn request(rng: &mut Rng, mentions: &Mentions) -> Json {
    let mut request = Map::new();
    let mut put = |key: &str, value: Json| request.insert(key.to_owned(), value);
    let text = |rng: &mut Rng, path: &str| {
        let mentioned = mentions.values(path);
        let texts = mentioned.iter().filter(|value| value.is_string()).collect::<Vec<_>>();
        if !texts.is_empty() && rng.chance(70) {
            (*rng.pick(&texts)).clone()
        } else {
            literal(rng, kind_of(path)).unwrap_or_default()
        }
    };
    let purpose = text(rng, "request.purpose");
    let known = purpose.as_str().and_then(Purpose::from_name);
    let purpose = if rng.chance(10) { Some(Purpose::ComplianceAudit) } else { known };
    put("purpose", purpose.map_or(Json::Null, |purpose| json!(purpose.name())));
    put("operation", text(rng, "request.operation"));
    put("dialect", text(rng, "request.dialect"));
    put("tool", text(rng, "request.tool"));
    put("include_events", json!(rng.chance(50)));
    put("now", json!(rng.pick(&TIMES)));
    put("principal.tenant", json!(rng.pick(&["t_a", "t_b"])));
    put("principal.client", text(rng, "principal.client"));
    put("principal.user", json!(rng.pick(&["a", "ada", "b"])));
    let (roles, groups) = (rng.below(3), rng.below(3));
    let roles = (0..roles).map(|_| text(rng, "principal.roles")).collect::<Vec<_>>();
    put("principal.roles", roles.into_iter().filter(role_exists).collect());
    put("principal.groups", (0..groups).map(|_| text(rng, "principal.groups")).collect());
    put("principal.system", json!(rng.chance(15)));
    put("spiral.active", json!(rng.chance(50)));
    put("spiral.pattern", text(rng, "spiral.pattern"));
    put("spiral.confidence", json!(rng.pick(&NUMBERS)));
    request.retain(|_, value| !value.is_null());
    request.into()
}

fn role_exists(role: &Json) -> bool {
    role.as_str().and_then(Role::from_name).is_some()
}
