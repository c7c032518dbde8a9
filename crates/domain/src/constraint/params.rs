//! What a constraint of each kind says, as values that cannot be wrong.

use serde_json::{Map, Value};

use super::{InvalidTerm, Kind, Term};

/// What a constraint says. Its variant is its [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Params {
    /// Leave something out.
    Avoid(Avoided),
    /// Choose something where there is a choice.
    Prefer {
        /// Of what it is a value: `drink`.
        attribute: Term,
        /// What is preferred: `tea`.
        value: Term,
    },
    /// Always do something.
    Require {
        /// What is done: `captions`.
        behavior: Term,
    },
    /// Speak in a tone.
    Tone {
        /// Which: `reassuring`.
        tone_profile: Term,
    },
    /// Write in a form.
    Style {
        /// Which: `bullets`.
        format: Term,
    },
    /// Do not cross a line.
    Boundary {
        /// Which: `no_contact`.
        boundary_type: Term,
    },
    /// Take care.
    Safety {
        /// How: `trauma_informed`.
        mode: Term,
        /// Whether what it protects needs consent first.
        consent_required: bool,
    },
    /// Ask what is meant before answering.
    ClarifyFirst {
        /// About what.
        topic: Term,
    },
    /// Ask whether it is welcome before going on.
    AskPermission {
        /// About what.
        topic: Term,
    },
}

/// What is to be left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Avoided {
    /// A kind of content: `judgement_language`.
    ContentClass(Term),
    /// A subject: `hospital`.
    Topic(Term),
}

/// What is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidParam {
    /// The parameter; empty for all of them.
    pub name: String,
    /// What is wrong with it.
    pub reason: InvalidParamReason,
}

/// Why a parameter is wrong; its `Display` is the message for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParamReason {
    /// It is needed.
    #[error("is missing")]
    Missing,
    /// The kind has no such parameter.
    #[error("is no parameter of this kind of constraint")]
    Unknown,
    /// It is not a text.
    #[error("must be a string")]
    NotText,
    /// It is neither true nor false.
    #[error("must be true or false")]
    NotBool,
    /// Of two alternatives there are none or both.
    #[error("must hold either content_class or topic")]
    NotOne,
    /// The text is no term.
    #[error(transparent)]
    Term(#[from] InvalidTerm),
}

impl Params {
    /// The kind that it makes a constraint.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Avoid(_) => Kind::Avoid,
            Self::Prefer { .. } => Kind::Prefer,
            Self::Require { .. } => Kind::Require,
            Self::Tone { .. } => Kind::Tone,
            Self::Style { .. } => Kind::Style,
            Self::Boundary { .. } => Kind::Boundary,
            Self::Safety { .. } => Kind::Safety,
            Self::ClarifyFirst { .. } => Kind::ClarifyFirst,
            Self::AskPermission { .. } => Kind::AskPermission,
        }
    }

    /// What it is about: the term that stands for the whole.
    #[must_use]
    pub const fn subject(&self) -> &Term {
        match self {
            Self::Avoid(Avoided::ContentClass(term) | Avoided::Topic(term)) => term,
            Self::Prefer { value, .. } => value,
            Self::Require { behavior } => behavior,
            Self::Tone { tone_profile } => tone_profile,
            Self::Style { format } => format,
            Self::Boundary { boundary_type } => boundary_type,
            Self::Safety { mode, .. } => mode,
            Self::ClarifyFirst { topic } | Self::AskPermission { topic } => topic,
        }
    }

    /// Equal for those that say the same, however their words are separated.
    pub(crate) fn key(&self) -> String {
        let detail = match self {
            Self::Avoid(Avoided::ContentClass(_)) => "content_class".to_owned(),
            Self::Prefer { attribute, .. } => attribute.spaced(),
            Self::Safety { consent_required: true, .. } => "consent_required".to_owned(),
            _ => String::new(),
        };
        // No term holds a bar.
        format!("{}|{}|{detail}", self.kind().name(), self.subject().spaced())
    }

    /// The parameters by name, as [`Params::read`] takes them.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        let text = |name: &str, term: &Term| (name.to_owned(), Value::String(term.as_str().to_owned()));
        let members = match self {
            Self::Avoid(Avoided::ContentClass(term)) => vec![text("content_class", term)],
            Self::Avoid(Avoided::Topic(topic))
            | Self::ClarifyFirst { topic }
            | Self::AskPermission { topic } => {
                vec![text("topic", topic)]
            }
            Self::Prefer { attribute, value } => vec![text("attribute", attribute), text("value", value)],
            Self::Require { behavior } => vec![text("behavior", behavior)],
            Self::Tone { tone_profile } => vec![text("tone_profile", tone_profile)],
            Self::Style { format } => vec![text("format", format)],
            Self::Boundary { boundary_type } => vec![text("boundary_type", boundary_type)],
            Self::Safety { mode, consent_required } => {
                vec![text("mode", mode), ("consent_required".to_owned(), Value::Bool(*consent_required))]
            }
        };
        members.into_iter().collect()
    }

    /// Reads the parameters of a kind. `consent_required` is false unless it is given.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the kind's parameters, unknown names last.
    pub fn read(kind: Kind, members: &Map<String, Value>) -> Result<Self, Vec<InvalidParam>> {
        let mut reader = Reader { members, known: Vec::new(), faults: Vec::new() };
        let params = reader.params(kind);
        let Reader { known, mut faults, .. } = reader;
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            faults.push(InvalidParam { name: name.clone(), reason: InvalidParamReason::Unknown });
        }
        params.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

/// Takes parameters and remembers what was asked for and what was wrong.
struct Reader<'a> {
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<InvalidParam>,
}

impl Reader<'_> {
    fn params(&mut self, kind: Kind) -> Option<Params> {
        Some(match kind {
            Kind::Avoid => Params::Avoid(self.avoided()?),
            Kind::Prefer => {
                let (attribute, value) = (self.term("attribute"), self.term("value"));
                Params::Prefer { attribute: attribute?, value: value? }
            }
            Kind::Require => Params::Require { behavior: self.term("behavior")? },
            Kind::Tone => Params::Tone { tone_profile: self.term("tone_profile")? },
            Kind::Style => Params::Style { format: self.term("format")? },
            Kind::Boundary => Params::Boundary { boundary_type: self.term("boundary_type")? },
            Kind::Safety => {
                let (mode, consent_required) = (self.term("mode"), self.flag("consent_required"));
                Params::Safety { mode: mode?, consent_required: consent_required? }
            }
            Kind::ClarifyFirst => Params::ClarifyFirst { topic: self.term("topic")? },
            Kind::AskPermission => Params::AskPermission { topic: self.term("topic")? },
        })
    }

    fn avoided(&mut self) -> Option<Avoided> {
        let has = |name: &str| self.members.contains_key(name);
        match (has("content_class"), has("topic")) {
            (true, false) => self.term("content_class").map(Avoided::ContentClass),
            (false, true) => self.term("topic").map(Avoided::Topic),
            _ => {
                self.known.extend(["content_class", "topic"]);
                self.fault("", InvalidParamReason::NotOne);
                None
            }
        }
    }

    fn term(&mut self, name: &'static str) -> Option<Term> {
        self.known.push(name);
        let parsed = match self.members.get(name) {
            None => Err(InvalidParamReason::Missing),
            Some(Value::String(text)) => Term::parse(text).map_err(InvalidParamReason::Term),
            Some(_) => Err(InvalidParamReason::NotText),
        };
        parsed.map_err(|reason| self.fault(name, reason)).ok()
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.known.push(name);
        match self.members.get(name) {
            None => Some(false),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.fault(name, InvalidParamReason::NotBool);
                None
            }
        }
    }

    fn fault(&mut self, name: &str, reason: InvalidParamReason) {
        self.faults.push(InvalidParam { name: name.to_owned(), reason });
    }
}
