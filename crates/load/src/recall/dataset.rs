//! Conversations and questions about them, in the JSON of LoCoMo.
//!
//! A list of conversations; of each `conversation.session_N` the turns of a session, `session_N_date_time` when it was, and
//! `qa` the questions, each with the turns that hold its answer. What is not of this shape is an error that names
//! its place; evidence that names no turn is no error, because there is some in the files that are around.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::evidence::{self, TurnId};

/// How a session's time is written, such as `1:56 pm on 8 May, 2023`.
const SESSION_TIME: &str = "%I:%M %p on %d %B, %Y";

/// Where a file is not what it should be, and how it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {wrong}")]
pub struct Broken {
    place: String,
    wrong: String,
}

/// A conversation and what is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// Which one of the file, from 1.
    pub number: usize,
    /// What was said, in the order in which it was.
    pub turns: Vec<Turn>,
    /// What is asked.
    pub questions: Vec<Question>,
    /// Ids that more than one turn has. Whichever of them is found counts.
    pub repeated: Vec<String>,
}

/// One thing that somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id, as the file has it.
    pub dia_id: String,
    /// In which session, by its number.
    pub session: u32,
    /// Who.
    pub speaker: String,
    /// What.
    pub text: String,
    /// What is to be seen on a picture that was shown, where the file says.
    pub caption: Option<String>,
    /// When, in RFC 3339: the time of the session, and a second for each turn before it. Files name no zone; UTC is taken.
    pub said_at: String,
}

/// A question and the turns that hold its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its place in the file.
    pub place: String,
    /// What is asked.
    pub text: String,
    /// Its kind, 1 to 5.
    pub category: u8,
    /// The turns, each once.
    pub evidence: BTreeSet<TurnId>,
    /// What stands beside them and names no turn of the conversation.
    pub unknown: Vec<String>,
    /// What stands beside them and is no id of a turn.
    pub unreadable: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// The first place where it is not what it should be.
pub fn parse(text: &str) -> Result<Vec<Conversation>, Broken> {
    let all: Value =
        serde_json::from_str(text).map_err(|why| broken("the file", format!("is no JSON: {why}")))?;
    let all = list(&all, "the file")?;
    if all.is_empty() {
        return Err(broken("the file", "holds no conversation"));
    }
    all.iter().enumerate().map(|(index, one)| conversation(one, index)).collect()
}

fn broken(place: impl Into<String>, wrong: impl Into<String>) -> Broken {
    Broken { place: place.into(), wrong: wrong.into() }
}

fn list<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], Broken> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| broken(place, "must be a list"))
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, Broken> {
    value.as_object().ok_or_else(|| broken(place, "must be an object"))
}

/// A member that is there.
fn member<'a>(of: &'a Map<String, Value>, name: &str, place: &str) -> Result<(&'a Value, String), Broken> {
    let place = format!("{place}.{name}");
    of.get(name).map(|value| (value, place.clone())).ok_or_else(|| broken(place, "is missing"))
}

/// A text that says something.
fn text(of: &Map<String, Value>, name: &str, place: &str) -> Result<String, Broken> {
    let (value, place) = member(of, name, place)?;
    match value.as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
        Some(_) => Err(broken(place, "must not be blank")),
        None => Err(broken(place, "must be a text")),
    }
}

fn conversation(value: &Value, index: usize) -> Result<Conversation, Broken> {
    let place = format!("[{index}]");
    let outer = object(value, &place)?;
    let (inner, at) = member(outer, "conversation", &place)?;
    let turns = turns(object(inner, &at)?, &at)?;
    let mut known = BTreeSet::new();
    let mut repeated = Vec::new();
    for turn in &turns {
        // Each was read as one already.
        let Some(id) = TurnId::parse(&turn.dia_id) else { continue };
        if !known.insert(id) {
            repeated.push(turn.dia_id.clone());
        }
    }
    let (qa, at) = member(outer, "qa", &place)?;
    let each = list(qa, &at)?.iter().enumerate();
    let questions = each.map(|(index, one)| question(one, format!("{at}[{index}]"), &known));
    let questions = questions.collect::<Result<_, _>>()?;
    Ok(Conversation { number: index + 1, turns, questions, repeated })
}

/// The turns of all sessions, in the order of their numbers.
fn turns(of: &Map<String, Value>, place: &str) -> Result<Vec<Turn>, Broken> {
    let mut sessions = BTreeMap::new();
    for (name, value) in of {
        // Beside the sessions stand their times, summaries and the like.
        let Some(digits) = name.strip_prefix("session_") else { continue };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let at = format!("{place}.{name}");
        let number: u32 = digits.parse().map_err(|_| broken(&at, "has too large a number"))?;
        let turns = list(value, &at)?;
        if sessions.insert(number, (name, turns)).is_some() {
            return Err(broken(at, format!("is session {number} a second time")));
        }
    }
    let mut all = Vec::new();
    for (session, (name, turns)) in sessions {
        if turns.is_empty() {
            continue;
        }
        let began = session_time(of, &format!("{name}_date_time"), place)?;
        for (index, value) in turns.iter().enumerate() {
            let at = format!("{place}.{name}[{index}]");
            let said_at = i64::try_from(index).ok().and_then(|index| began.checked_add(index.seconds()).ok());
            let said_at = said_at.ok_or_else(|| broken(&at, "is too late"))?;
            all.push(turn(object(value, &at)?, &at, session, format!("{said_at}Z"))?);
        }
    }
    match all.is_empty() {
        true => Err(broken(place, "has no session_1 with a turn in it, nor any other")),
        false => Ok(all),
    }
}

fn session_time(of: &Map<String, Value>, name: &str, place: &str) -> Result<DateTime, Broken> {
    let told = text(of, name, place)?;
    let time = DateTime::strptime(SESSION_TIME, told.trim());
    time.map_err(|_| {
        broken(format!("{place}.{name}"), "must be a time such as \"1:56 pm on 8 May, 2023\"".to_owned())
    })
}

fn turn(of: &Map<String, Value>, place: &str, session: u32, said_at: String) -> Result<Turn, Broken> {
    let dia_id = text(of, "dia_id", place)?;
    if TurnId::parse(&dia_id).is_none() {
        return Err(broken(format!("{place}.dia_id"), "must be a session and a turn in it, such as D1:3"));
    }
    let (said, at) = member(of, "text", place)?;
    // Who shows a picture may say nothing.
    let said = said.as_str().ok_or_else(|| broken(at, "must be a text"))?;
    Ok(Turn {
        dia_id,
        session,
        speaker: text(of, "speaker", place)?,
        text: said.to_owned(),
        caption: of.get("blip_caption").and_then(Value::as_str).map(str::to_owned),
        said_at,
    })
}

fn question(value: &Value, place: String, known: &BTreeSet<TurnId>) -> Result<Question, Broken> {
    let of = object(value, &place)?;
    let (category, at) = member(of, "category", &place)?;
    let category = category.as_u64().filter(|number| (1..=5).contains(number));
    let category = category.ok_or_else(|| broken(at, "must be a number from 1 to 5"))?;
    let told = match of.get("evidence") {
        None | Some(Value::Null) => &[][..],
        Some(one) => list(one, &format!("{place}.evidence"))?,
    };
    let (mut found, mut unknown, mut unreadable) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (index, one) in told.iter().enumerate() {
        let at = || format!("{place}.evidence[{index}]");
        for piece in evidence::pieces(one.as_str().ok_or_else(|| broken(at(), "must be a text"))?) {
            match TurnId::parse(piece) {
                Some(id) if known.contains(&id) => drop(found.insert(id)),
                Some(_) => unknown.push(piece.to_owned()),
                None => unreadable.push(piece.to_owned()),
            }
        }
    }
    Ok(Question {
        text: text(of, "question", &place)?,
        category: category as u8,
        evidence: found,
        unknown,
        unreadable,
        place,
    })
}

#[cfg(test)]
#[path = "dataset_tests.rs"]
mod tests;
