//! From text to rules, with every error at once. A policy that contains a typo does not load.

mod condition;
mod globals;

use std::collections::BTreeMap;

use self::globals::GlobalsPatch;
pub use self::globals::{Globals, SpiralGlobals};
use super::compile::BUILTIN_SOURCE;
use super::condition::Condition;
use super::effect::{Effect, EffectSet, IngestState};
use super::error::{Errors, Place, nearest, shortened};
use super::yaml::{self, Key, Node, NodeKind};
use crate::limits;
use crate::object::OBJECT_PATHS;

pub(super) use self::condition::read_when;

/// The longest `policy_version` and the longest rule id, in bytes: they stand in every trace.
pub(in crate::policy) const POLICY_NAME_BYTES_MAX: usize = 128;
/// The longest `reason`, in characters: it is a sentence.
pub(in crate::policy) const POLICY_REASON_CHARS_MAX: usize = 1_000;
/// The only policy that another can extend.
pub const BUILTIN_NAME: &str = "builtin/default";

/// What only the built-in policy's version begins with.
const RESERVED_PREFIX: &str = "builtin";
const DOCUMENT_KEYS: &[&str] = &["policy_version", "extends", "defaults", "globals", "rules"];
/// What a path to redact begins with. Below `value`, `value_json` and `content.json` it goes on as the JSON does.
const REDACT_ROOTS: &[&str] = &["value", "value_json", "content", "content.text", "content.json"];
const RULE_KEYS: &[&str] = &["id", "when", "then"];

/// A rule as it was written.
#[derive(Debug, Clone)]
pub(super) struct ParsedRule {
    pub(super) id: String,
    pub(super) place: Place,
    pub(super) when: Condition,
    pub(super) then: Outcome,
}

/// A rule's `then`.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) grants: EffectSet,
    pub(super) denies: EffectSet,
    pub(super) set_state: Option<IngestState>,
    pub(super) redact: Vec<String>,
    pub(super) max_age_days: Option<u32>,
    pub(super) reason: Option<String>,
}

/// A policy as it was written.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) version: String,
    pub(super) extends_builtin: bool,
    pub(super) defaults: BTreeMap<Effect, bool>,
    pub(super) globals: GlobalsPatch,
    pub(super) rules: Vec<ParsedRule>,
}

/// Reads a document. Everything that is wrong is in `errors`; the document is usable only when nothing is.
pub(super) fn read(text: &str, errors: &mut Errors) -> Document {
    let mut document = Document::default();
    if text.len() > limits::POLICY_BYTES_MAX {
        let limit = limits::POLICY_BYTES_MAX;
        errors.push(Place::START, format!("a policy has at most {limit} bytes, this one {}", text.len()));
        return document;
    }
    let Some(root) = yaml::read(text, errors) else { return document };
    let mut has_version = false;
    for (key, node) in root.as_map("a policy", errors) {
        match key.text.as_str() {
            "policy_version" => {
                has_version = true;
                document.version = name(node, "policy_version", errors);
                if is_reserved(&document.version) && text != BUILTIN_SOURCE {
                    errors.push(
                        node.place,
                        "a policy_version that begins with builtin is the built-in policy's",
                    );
                }
            }
            "extends" => document.extends_builtin = extends(node, errors),
            "defaults" => document.defaults = defaults(node, errors),
            "globals" => document.globals = globals::read(node, errors),
            "rules" => document.rules = rules(node, errors),
            other => errors.unknown(key.place, "key", other, DOCUMENT_KEYS),
        }
    }
    if !has_version {
        errors.push(root.place, "policy_version is missing");
    }
    document
}

/// Whether a version would pass for the built-in policy's in traces and in the audit.
fn is_reserved(version: &str) -> bool {
    version.get(..RESERVED_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

/// A version or a rule's id: 1 to 128 characters of `[A-Za-z0-9._/-]`.
fn name(node: &Node, what: &str, errors: &mut Errors) -> String {
    let Some(text) = node.as_text(what, errors) else { return String::new() };
    let shaped = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b));
    if text.is_empty() || text.len() > POLICY_NAME_BYTES_MAX || !shaped {
        let limit = POLICY_NAME_BYTES_MAX;
        errors.push(node.place, format!("{what} must be 1 to {limit} characters of A-Z a-z 0-9 . _ / -"));
    }
    text.to_owned()
}

fn extends(node: &Node, errors: &mut Errors) -> bool {
    match node.as_text("extends", errors) {
        Some(BUILTIN_NAME) => true,
        Some(other) => {
            errors.unknown(node.place, "policy to extend", other, &[BUILTIN_NAME]);
            false
        }
        None => false,
    }
}

fn defaults(node: &Node, errors: &mut Errors) -> BTreeMap<Effect, bool> {
    let mut defaults = BTreeMap::new();
    for (key, node) in node.as_map("defaults", errors) {
        let Some(effect) = effect(key, Effect::default_name, errors) else { continue };
        let allowed = match &node.kind {
            NodeKind::Text(text) if text == "allow" => true,
            NodeKind::Text(text) if text == "deny" => false,
            NodeKind::Bool(flag) => {
                let meant = if *flag { "allow" } else { "deny" };
                errors.suggest(node.place, "a default must be allow or deny", Some(meant.to_owned()));
                continue;
            }
            NodeKind::Text(text) => {
                errors.unknown(node.place, "default", text, &["allow", "deny"]);
                continue;
            }
            _ => {
                errors.push(node.place, format!("a default must be allow or deny, not {}", node.kind_name()));
                continue;
            }
        };
        if defaults.insert(effect, allowed).is_some() {
            errors.push(key.place, format!("the default of {} is given twice", effect.name()));
        }
    }
    defaults
}

/// The effect of that name, or an error with the nearest one.
fn effect(key: &Key, spelling: fn(Effect) -> &'static str, errors: &mut Errors) -> Option<Effect> {
    let effect = Effect::from_name(&key.text);
    if effect.is_none() {
        errors.unknown(key.place, "effect", &key.text, &Effect::ALL.map(spelling));
    }
    effect
}

fn rules(node: &Node, errors: &mut Errors) -> Vec<ParsedRule> {
    let items = node.as_list("rules", errors);
    if items.len() > limits::POLICY_RULES_MAX {
        let limit = limits::POLICY_RULES_MAX;
        errors.push(node.place, format!("a policy has at most {limit} rules, this one {}", items.len()));
        return Vec::new();
    }
    let mut seen = BTreeMap::new();
    let mut rules = Vec::with_capacity(items.len());
    for item in items {
        let Some(rule) = rule(item, errors) else { continue };
        if let Some(line) = seen.insert(rule.id.clone(), rule.place.line) {
            errors.push(rule.place, format!("duplicate rule id `{}`, first on line {line}", rule.id));
        }
        rules.push(rule);
    }
    rules
}

fn rule(node: &Node, errors: &mut Errors) -> Option<ParsedRule> {
    let entries = node.as_map("a rule", errors);
    let (mut id, mut when, mut then) = (None, Condition::All([].into()), None);
    for (key, value) in entries {
        match key.text.as_str() {
            "id" => id = Some((name(value, "a rule's id", errors), value.place)),
            "when" => when = read_when(value, errors),
            "then" => then = Some(outcome(value, errors)),
            other => errors.unknown(key.place, "key of a rule", other, RULE_KEYS),
        }
    }
    if !matches!(node.kind, NodeKind::Map(_)) {
        return None;
    }
    if then.is_none() {
        errors.push(node.place, "a rule needs `then`");
    }
    if id.is_none() {
        errors.push(node.place, "a rule needs an `id`");
    }
    let (id, place) = id?;
    Some(ParsedRule { id, place, when, then: then? })
}

/// The keys of `then`, for suggestions.
fn outcome_keys() -> Vec<&'static str> {
    let others = ["set_state", "redact", "max_age_days", "reason"];
    Effect::ALL.into_iter().map(Effect::name).chain(others).collect()
}

fn outcome(node: &Node, errors: &mut Errors) -> Outcome {
    let mut then = Outcome::default();
    let entries = node.as_map("then", errors);
    if entries.is_empty() && matches!(node.kind, NodeKind::Map(_)) {
        errors.push(node.place, "`then` says nothing");
    }
    for (key, value) in entries {
        match key.text.as_str() {
            "set_state" => then.set_state = set_state(value, errors),
            "redact" => then.redact = redact(value, errors),
            "max_age_days" => then.max_age_days = max_age_days(value, errors),
            "reason" => then.reason = reason(value, errors),
            other => verdict(&mut then, key, other, value, errors),
        }
    }
    then
}

fn verdict(then: &mut Outcome, key: &Key, name: &str, value: &Node, errors: &mut Errors) {
    let Some(effect) = Effect::from_name(name) else {
        errors.unknown(key.place, "effect", name, &outcome_keys());
        return;
    };
    if then.grants.union(then.denies).contains(effect) {
        errors.push(key.place, format!("{} is decided twice", effect.name()));
    }
    match value.as_bool(name, errors) {
        Some(true) => then.grants.insert(effect),
        Some(false) => then.denies.insert(effect),
        None => {}
    }
}

fn set_state(node: &Node, errors: &mut Errors) -> Option<IngestState> {
    let text = node.as_text("set_state", errors)?;
    let state = IngestState::from_name(text);
    if state.is_none() {
        errors.unknown(node.place, "state to set", text, &IngestState::ALL.map(IngestState::name));
    }
    state
}

fn redact(node: &Node, errors: &mut Errors) -> Vec<String> {
    let mut paths = Vec::new();
    let items = node.as_list("redact", errors);
    if items.is_empty() && matches!(node.kind, NodeKind::List(_)) {
        errors.push(node.place, "redact lists nothing");
    }
    for item in items {
        let Some(path) = item.as_text("a path to redact", errors) else { continue };
        check_redacted(path, item.place, errors);
        paths.push(path.to_owned());
    }
    paths
}

/// A path that would remove nothing is an error: what was meant to be hidden would be shown.
fn check_redacted(path: &str, place: Place, errors: &mut Errors) {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let is_segment = |segment: &str| segment == "*" || (!segment.is_empty() && segment.bytes().all(of_name));
    if !path.split('.').all(is_segment) {
        let message = "a path to redact is dotted names, such as value.likes; `*` stands for every member";
        errors.push(place, message);
        return;
    }
    let (root, below) = path.split_once('.').map_or((path, None), |(root, below)| (root, Some(below)));
    let leads_somewhere = match root {
        "value" | "value_json" => true,
        "content" => below.is_none_or(|below| matches!(below, "text" | "json") || below.starts_with("json.")),
        _ => OBJECT_PATHS.contains(&path),
    };
    if !leads_somewhere {
        let nearest = match below {
            Some(below) if root != "content" => nearest(path, OBJECT_PATHS)
                .map(str::to_owned)
                .or_else(|| nearest(root, REDACT_ROOTS).map(|known| format!("{known}.{below}"))),
            _ => nearest(path, REDACT_ROOTS).or_else(|| nearest(path, OBJECT_PATHS)).map(str::to_owned),
        };
        let shown = shortened(path);
        let message =
            format!("unknown path to redact `{shown}`: it must begin with {}", REDACT_ROOTS.join(", "));
        errors.suggest(place, message, nearest);
    }
}

fn max_age_days(node: &Node, errors: &mut Errors) -> Option<u32> {
    let number = node.as_number("max_age_days", errors)?;
    let whole = number.fract() == 0.0 && (1.0..=limits::MAX_AGE_DAYS_MAX as f64).contains(&number);
    if !whole {
        let limit = limits::MAX_AGE_DAYS_MAX;
        errors.push(node.place, format!("max_age_days must be a whole number from 1 to {limit}"));
        return None;
    }
    Some(number as u32)
}

fn reason(node: &Node, errors: &mut Errors) -> Option<String> {
    let text = node.as_text("reason", errors)?;
    if text.chars().count() > POLICY_REASON_CHARS_MAX {
        errors.push(node.place, format!("a reason has at most {POLICY_REASON_CHARS_MAX} characters"));
    }
    Some(text.to_owned())
}
