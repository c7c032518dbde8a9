//! Names, numbers, texts and lists as the dialect's objects hold them.

use std::collections::BTreeMap;

use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::object::number::Invalid;
use memoryscope_domain::object::{Category, Distinct, Label, Line, List, Party, Prose, ScopeFlags, Unit};
use memoryscope_domain::scope::{Scope, ScopeType};
use serde_json::Value;

use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::wire::{
    Decode, Fields, Shape, Step, USER_ID_PATTERN, boolean, choice, list_of, map_of, number, string,
};

/// What a tenant's name looks like.
const TENANT_ID_PATTERN: &str = "^t_[A-Za-z0-9_-]{1,64}$";

/// Why a field that only answers have is refused.
pub(super) const OURS: &str = "is set by the server: leave it out";

/// The way to a field: `temporal.range`.
pub(super) fn steps(dotted: &str) -> Vec<Step> {
    dotted.split('.').map(|key| Step::Key(key.to_owned().into())).collect()
}

/// One of a closed list.
pub(super) fn named<T: Copy>(all: &'static [T], name: fn(T) -> &'static str) -> impl Decode<Out = T> {
    choice(all.iter().map(move |item| (name(*item), *item)))
}

/// One of a closed list, and what stands for it where it is absent.
pub(super) fn named_or<T: Copy>(
    f: &mut Fields<'_>,
    field: &'static str,
    (all, name): (&'static [T], fn(T) -> &'static str),
    default: T,
) -> Option<T> {
    f.or_shown(field, named(all, name), default, name(default))
}

/// A number from 0 to 1.
pub(super) fn unit() -> impl Decode<Out = Unit> {
    number(0.0..=1.0).parsed(|number: &f64| Unit::new(*number))
}

/// The same, and what stands for it where it is absent.
pub(super) fn unit_or(f: &mut Fields<'_>, field: &'static str, default: Unit) -> Option<Unit> {
    f.or_shown(field, unit(), default, default.get())
}

/// The tenant of a request.
pub(in crate::core_v2) fn tenant_id() -> impl Decode<Out = TenantId> {
    let text = string().bytes(1..=limits::TENANT_ID_BYTES_MAX + 2).pattern(TENANT_ID_PATTERN);
    text.parsed(|text: &String| TenantId::parse(text))
}

/// A memory's id.
pub(in crate::core_v2) fn memory_id() -> impl Decode<Out = MemoryId> {
    string().pattern(MEMORY_ID_PATTERN).parsed(|text: &String| MemoryId::parse(text))
}

/// A person, a group, an organisation.
pub(super) fn party() -> impl Decode<Out = Party> {
    let text = string().trimmed().bytes(1..=limits::USER_ID_BYTES_MAX).pattern(USER_ID_PATTERN);
    text.parsed(|text: &String| Party::parse(text))
}

/// A name on one line.
pub(super) fn line<const MAX: usize>() -> impl Decode<Out = Line<MAX>> {
    string().trimmed().chars(1..=MAX).pattern(USER_ID_PATTERN).parsed(|text: &String| Line::parse(text))
}

/// A remark of a few sentences.
pub(super) fn prose<const MAX: usize>() -> impl Decode<Out = Prose<MAX>> {
    string().trimmed().chars(1..=MAX).parsed(|text: &String| Prose::parse(text))
}

/// An affect label.
pub(super) fn label() -> impl Decode<Out = Label> {
    string().trimmed().chars(1..=limits::LABEL_CHARS_MAX).parsed(|text: &String| Label::parse(text))
}

/// A sensitivity category.
pub(super) fn category() -> impl Decode<Out = Category> {
    string().trimmed().chars(1..=limits::LABEL_CHARS_MAX).parsed(|text: &String| Category::parse(text))
}

/// A list of at most so many members, each once.
pub(super) fn distinct<D, T, const MAX: usize>(member: D) -> impl Decode<Out = Distinct<T, MAX>>
where
    D: Decode<Out = T>,
    T: Ord + Clone,
{
    list_of(member, 0..=MAX).parsed(|members: &Vec<T>| Distinct::new(members.clone()))
}

/// A list of at most so many members.
pub(super) fn list<D, T, const MAX: usize>(member: D) -> impl Decode<Out = List<T, MAX>>
where
    D: Decode<Out = T>,
    T: Clone,
{
    list_of(member, 0..=MAX).parsed(|members: &Vec<T>| List::new(members.clone()))
}

/// An optional list that is empty where it is absent.
pub(super) fn list_or_empty<D: Decode<Out: Default>>(
    f: &mut Fields<'_>,
    field: &'static str,
    spec: D,
) -> Option<D::Out> {
    f.or_shown(field, spec, D::Out::default(), Value::Array(Vec::new()))
}

/// Where a memory belongs, and the switches of that scope that a memory brings along.
#[derive(Debug, Clone)]
pub(in crate::core_v2) struct ScopeInput {
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) flags: ScopeFlags,
}

impl Shape for ScopeInput {
    const NAME: &'static str = "ScopeInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let scope_type = f.required("scope_type", named(&ScopeType::ALL, ScopeType::name));
        let id = f.required("scope_id", party());
        let flags = map_of(boolean(), limits::SCOPE_FLAGS_MAX);
        let flags = f.optional("flags", flags.parsed(|flags: &BTreeMap<String, bool>| read_flags(flags)));
        let scope = Scope::named(scope_type?, id?.as_str()).ok()?;
        Some(Self { scope, flags: flags.unwrap_or_default() })
    }
}

fn read_flags(flags: &BTreeMap<String, bool>) -> Result<ScopeFlags, Invalid> {
    const NAMES: Invalid = Invalid::Rule("must have names of 1 to 200 characters on one line, each once");
    let named = flags.iter().map(|(name, flag)| Ok((Line::parse(name)?, *flag)));
    let named = named.collect::<Result<Vec<_>, Invalid>>().map_err(|_| NAMES)?;
    let read = ScopeFlags::new(named)?;
    if read.iter().count() == flags.len() { Ok(read) } else { Err(NAMES) }
}
