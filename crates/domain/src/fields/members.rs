//! The members of one object, asked for one by one.

use serde_json::{Map, Value};

use super::{At, Fault, Notes, WarningKind};

/// How far a name may be from a known one to be taken for a slip.
const SLIP_DISTANCE_MAX: usize = 3;

/// What to do with a member that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It is a fault.
    Refuse,
    /// It is warned of and left out.
    Warn,
}

/// The members of one object. Null is absent.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    map: &'a Map<String, Value>,
    at: At<'a>,
    known: Vec<&'static str>,
}

impl<'a> Members<'a> {
    /// The members of a value that must be an object.
    pub(crate) fn open(value: &'a Value, at: &At<'a>, notes: &mut Notes) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, at: *at, known: Vec::new() }),
            _ => notes.wrong(at, Fault::WrongType, "must be a JSON object"),
        }
    }

    /// Where the object stands.
    pub(crate) const fn at(&self) -> At<'a> {
        self.at
    }

    /// Where one of its members stands.
    pub(crate) const fn place<'b>(&'b self, name: &'b str) -> At<'b> {
        At::Key(&self.at, name)
    }

    /// A member as it was sent; null is absent.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether a member was sent, and not as null.
    pub(crate) fn sends(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// A member that may be absent or null.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        notes: &mut Notes,
        read: impl FnOnce(&Value, &At<'_>, &mut Notes) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        read(value, &self.place(name), notes)
    }

    /// A member that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        notes: &mut Notes,
        read: impl FnOnce(&Value, &At<'_>, &mut Notes) -> Option<T>,
    ) -> Option<T> {
        match self.value(name) {
            Some(value) => read(value, &self.place(name), notes),
            None => notes.wrong(&self.place(name), Fault::Missing, "is required"),
        }
    }

    /// A member of former times; `successor` is what to send now.
    pub(crate) fn deprecated<T>(
        &mut self,
        name: &'static str,
        successor: &'static str,
        notes: &mut Notes,
        read: impl FnOnce(&Value, &At<'_>, &mut Notes) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        notes.deprecated_field(&self.place(name), successor);
        read(value, &self.place(name), notes)
    }

    /// A member that means nothing any more.
    pub(crate) fn removed(&mut self, name: &'static str, message: &'static str, notes: &mut Notes) {
        self.known.push(name);
        if self.map.contains_key(name) {
            notes.warn(&self.place(name), WarningKind::Removed, message);
        }
    }

    /// A member that is taken and has no effect here.
    pub(crate) fn ignored(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// Members that nobody asked for.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter().filter(|(name, _)| !self.known.contains(&name.as_str()))
    }

    /// Says what was sent and never asked for.
    pub(crate) fn close(self, unknown: Unknown, notes: &mut Notes) {
        for (name, _) in self.others() {
            let at = self.place(name);
            match (unknown, self.slip(name)) {
                (Unknown::Warn, _) => notes.warn(&at, WarningKind::Unknown, "is not known here"),
                (Unknown::Refuse, None) => {
                    notes.wrong::<()>(&at, Fault::UnknownField, "is not known here");
                }
                (Unknown::Refuse, Some(known)) => {
                    let message = format!("is not known here; did you mean {known}?");
                    notes.wrong::<()>(&at, Fault::UnknownField, message);
                }
            }
        }
    }

    /// The known name that was probably meant.
    fn slip(&self, name: &str) -> Option<&'static str> {
        if name.len() > 64 {
            return None;
        }
        let nearest = self.known.iter().map(|known| (strsim::levenshtein(known, name), *known)).min();
        nearest
            .filter(|(distance, known)| *distance <= SLIP_DISTANCE_MAX.min(known.len() / 2))
            .map(|(_, known)| known)
    }
}
