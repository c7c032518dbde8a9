//! Reads JSON into types that cannot hold a wrong value, and finds *all* that is wrong with it, each with its place.
//!
//! A reader is a function from a value and its place to what it stands for; what is wrong, and what the answer should
//! warn of, it writes into [`Notes`]. So ask for all members first, and use `?` only when building the result.
//! Messages never repeat a value; a place may repeat a key.

mod members;
mod notes;
mod read;

pub(crate) use members::{Members, Unknown};
pub(crate) use notes::field_text;
pub use notes::{FAULTS_MAX, Fault, Faults, FieldFault, Notes, Read, Step, Warning, WarningKind};
pub(crate) use read::{
    any_case, each, flag, integer, line, list_of, name_list, number, object_within, one_of, prose, text,
    time, unit,
};

/// Where a reader stands: a chain on the stack that costs nothing until something is wrong.
#[derive(Debug, Clone, Copy)]
pub enum At<'a> {
    /// The part of the request: `body`.
    Root(&'static str),
    /// A member of an object.
    Key(&'a At<'a>, &'a str),
    /// An element of an array.
    Index(&'a At<'a>, usize),
}

impl At<'_> {
    /// The way from the root.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = self;
        loop {
            match here {
                At::Root(name) => {
                    steps.push(Step::Key((*name).to_owned()));
                    steps.reverse();
                    return steps;
                }
                At::Key(up, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    here = up;
                }
                At::Index(up, index) => {
                    steps.push(Step::Index(*index));
                    here = up;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_is_wrong_is_found_with_its_place() {
        let sent = json!({"name": 7, "tags": ["a", 1, ""], "extra": 1, "old": true});
        let mut notes = Notes::lenient();
        let root = At::Root("body");
        let mut members = Members::open(&sent, &root, &mut notes).expect("an object");
        assert_eq!(members.required("name", &mut notes, line(10)), None);
        assert_eq!(members.required("gone", &mut notes, line(10)), None);
        assert_eq!(members.optional("tags", &mut notes, list_of(5, line(10))), None);
        assert_eq!(members.deprecated("old", "new", &mut notes, flag), Some(true));
        members.close(Unknown::Refuse, &mut notes);
        let found: Vec<String> =
            notes.faults().iter().map(|f| format!("{}: {}", f.field(), f.message)).collect();
        assert_eq!(
            found,
            [
                "body.name: must be a string",
                "body.gone: is required",
                "body.tags[1]: must be a string",
                "body.tags[2]: must not be empty or blank",
                "body.extra: is not known here",
            ]
        );
        assert_eq!(notes.warnings().len(), 1);
    }

    #[test]
    fn where_deprecated_fields_are_removed_they_are_refused() {
        let sent = json!({"old": true});
        let mut notes = Notes::strict();
        let root = At::Root("body");
        let mut members = Members::open(&sent, &root, &mut notes).expect("an object");
        members.deprecated("old", "new", &mut notes, flag);
        assert_eq!(notes.faults().first().map(|f| f.message.as_str()), Some("was removed: send new"));
    }
}
