//! The API's answers as people read them. An answer that lacks something is shown without it.

use serde_json::Value;

use crate::commands::table;

/// How much of a memory's text fits a row.
const TEXT_CHARS: usize = 80;

/// A memory that was stored, and what was derived from it.
pub(super) fn stored(answer: &Value) -> String {
    let row =
        |memory: &Value, kind: &str, state: &str| [text(&memory["id"]), kind.to_owned(), state.to_owned()];
    let derived = list(&answer["derived"]).iter().map(|one| row(one, &text(&one["type"]), "derived"));
    let own = row(answer, "event", &text(&answer["state"]));
    let rows = std::iter::once(own).chain(derived);
    format!("{}\n\n{}", table(["ID", "TYPE", "STATE"], rows), decision(answer))
}

/// What a step with a memory came to.
pub(super) fn stepped(answer: &Value) -> String {
    let row = |id: String, what: String| [id, what];
    let mut said = text(&answer["state"]);
    if let Some(strength) = answer["strength"].as_f64() {
        said += &format!(", strength {strength:.2}, {}", text(&answer["dispute_state"]));
    }
    let own = row(text(&answer["id"]), format!("{said}, version {}", answer["version"]));
    let following = list(&answer["propagated_to"]).iter().map(|id| row(text(id), "followed".to_owned()));
    let rows = std::iter::once(own).chain(following);
    format!("{}\n\n{}", table(["ID", "STATE"], rows), decision(answer))
}

/// What a tool's gate says.
pub(super) fn gated(answer: &Value) -> String {
    let mut told = match answer["reason"].as_str() {
        Some(reason) => format!("closed: {}", reason.replace('_', " ")),
        None => "open".to_owned(),
    };
    let admitted = list(&answer["evidence_ids"]).iter().map(|id| [text(id), "admitted".to_owned()]);
    let denied = list(&answer["denied_evidence"]).iter().map(|one| {
        let rules: Vec<String> = list(&one["rules"]).iter().map(text).collect();
        let why = [text(&one["reason"]).replace('_', " "), rules.join(", ")].join(" ");
        [text(&one["memory_id"]), why.trim().to_owned()]
    });
    let evidence: Vec<[String; 2]> = admitted.chain(denied).collect();
    if !evidence.is_empty() {
        told += &format!("\n\n{}", table(["EVIDENCE", "WORTH"], evidence));
    }
    let constraints = list(&answer["constraints"]).iter();
    let constraints: Vec<[String; 2]> =
        constraints.map(|one| [text(&one["kind"]), text(&one["topic"])]).collect();
    if !constraints.is_empty() {
        told += &format!("\n\n{}", table(["CONSTRAINT", "TOPIC"], constraints));
    }
    format!("{told}\n\n{}", decision(answer))
}

/// Why a decision came out as it did.
pub(super) fn explained(answer: &Value) -> String {
    let mut told = text(&answer["explanation"]);
    let log = &answer["access_log"];
    if !log.is_null() {
        let again = match (&log["matches"], log["reason"].as_str()) {
            (Value::Bool(true), _) => "It comes out the same again.".to_owned(),
            (Value::Bool(false), _) => "It would come out OTHERWISE.".to_owned(),
            (_, Some(reason)) => format!("It cannot be made again: {}.", reason.replace('_', " ")),
            (_, None) => String::new(),
        };
        told += &format!("\n{again}");
    }
    let row = |one: &Value, shown: String| {
        let rules: Vec<String> = list(&one["matched_rules"]).iter().map(text).collect();
        [text(&one["memory_id"]), text(&one["type"]), shown, rules.join(", ")]
    };
    let returned = list(&answer["decisions"]).iter().map(|one| row(one, format!("rank {}", one["rank"])));
    let withheld =
        list(&answer["denials"]).iter().map(|one| row(one, text(&one["withheld"]).replace('_', " ")));
    let rows: Vec<[String; 4]> = returned.chain(withheld).collect();
    if !rows.is_empty() {
        told += &format!("\n\n{}", table(["MEMORY", "TYPE", "SHOWN", "RULES"], rows));
    }
    let spiral = &answer["spiral_state"];
    if !spiral.is_null() {
        let pattern = text(&spiral["pattern"]).replace('_', " ");
        told += &format!("\n\nA spiral held: {pattern}, until {}.", text(&spiral["expires_at"]));
    }
    told
}

/// What became of each line of a file.
pub(super) fn batch(results: &[(usize, Value)]) -> String {
    let rows = results.iter().map(|(line, result)| {
        let error = &result["error"];
        let fields = list(&error["details"]["fields"]).iter();
        let fields: Vec<String> =
            fields.map(|field| format!("{} {}", of_line(&field["field"]), text(&field["message"]))).collect();
        let said = if error.is_null() {
            let derived: Vec<String> =
                list(&result["derived"]).iter().map(|one| text(&one["type"])).collect();
            if derived.is_empty() { String::new() } else { format!("derived: {}", derived.join(", ")) }
        } else if fields.is_empty() {
            format!("{}: {}", text(&error["code"]), text(&error["message"]))
        } else {
            format!("{}: {}", text(&error["code"]), fields.join("; "))
        };
        let state = if error.is_null() { text(&result["state"]) } else { "refused".to_owned() };
        [line.to_string(), state, text(&result["id"]), line_of(&said, usize::MAX)]
    });
    let refused = results.iter().filter(|(_, result)| !result["error"].is_null()).count();
    let told = table(["LINE", "STATE", "ID", "WHAT"], rows);
    format!("{told}\n\n{} stored, {refused} refused", results.len() - refused)
}

/// A field's place within its line, not within the batch that the line was sent in.
fn of_line(field: &Value) -> String {
    let field = text(field);
    let inner = field.strip_prefix("body.memories[").and_then(|rest| rest.split_once("]."));
    inner.map(|(_, place)| place.to_owned()).unwrap_or(field)
}

/// The memories of some pages, what their impacts ask for, and why.
pub(super) fn queried(pages: &[Value]) -> String {
    let items: Vec<&Value> = pages.iter().flat_map(|page| list(&page["items"])).collect();
    let rows = items.iter().map(|item| {
        [
            when(item),
            text(&item["type"]),
            text(&item["state"]),
            if item["include_in_prompt"] == true { "yes" } else { "no" }.to_owned(),
            item["strength"]["effective"].as_f64().map_or_else(String::new, |now| format!("{now:.2}")),
            what(item),
        ]
    });
    let header = ["WHEN", "TYPE", "STATE", "PROMPT", "STRENGTH", "WHAT"];
    let mut told = if items.is_empty() { "no memories".to_owned() } else { table(header, rows) };
    let constraints: Vec<&Value> = pages.iter().flat_map(|page| list(&page["impacts"])).collect();
    if !constraints.is_empty() {
        let rows = constraints.iter().map(|one| {
            [
                text(&one["kind"]),
                text(&one["topic"]),
                text(&one["target"]),
                line_of(&text(&one["rule"]), TEXT_CHARS),
            ]
        });
        told += &format!("\n\n{}", table(["CONSTRAINT", "TOPIC", "OF", "RULE"], rows));
    }
    if pages.last().is_some_and(|page| !page["next_cursor"].is_null()) {
        told += "\n\nthere are more: --all shows them";
    }
    for page in pages {
        told += &format!("\n\n{}", decision(page));
    }
    told
}

/// A context, and what it was made of.
pub(super) fn reconstructed(answer: &Value) -> anyhow::Result<String> {
    let context = match &answer["reconstructed_context"] {
        Value::String(text) => printable(text.trim_end(), &['\n']),
        Value::Array(messages) => {
            let told = messages.iter().map(|one| {
                let content = text(&one["content"]);
                format!("{}:\n{}", text(&one["role"]), printable(content.trim_end(), &['\n']))
            });
            told.collect::<Vec<_>>().join("\n\n")
        }
        json => serde_json::to_string_pretty(json)?,
    };
    let context = if context.is_empty() { "nothing to say".to_owned() } else { context };
    let of = |name: &str| match list(&answer["sources"][name]).len() {
        1 => format!("1 {}", name.trim_end_matches('s')),
        count => format!("{count} {name}"),
    };
    Ok(format!(
        "{context}\n\n{} tokens, confidence {}, from {}, {} and {}\n{}",
        answer["token_estimate"],
        answer["confidence"],
        of("impacts"),
        of("seeds"),
        of("events"),
        decision(answer)
    ))
}

/// Which policy decided, what came of each effect and by which rules, and where it is written down: in one line.
fn decision(answer: &Value) -> String {
    let trace = &answer["policy_trace"];
    let effects = trace["effects"].as_object().into_iter().flatten().map(|(name, verdict)| {
        let allowed = if verdict["allowed"] == true { "allowed" } else { "denied" };
        let rules: Vec<String> = list(&verdict["rules"]).iter().map(text).collect();
        let by = if rules.is_empty() { text(&verdict["by"]) } else { rules.join(", ") };
        format!("{name} {allowed} by {by}")
    });
    let mut parts: Vec<String> = effects.collect();
    let rules: Vec<String> = list(&trace["matched_rules"]).iter().map(text).collect();
    if parts.is_empty() && !rules.is_empty() {
        parts.push(format!("rules {}", rules.join(", ")));
    }
    parts.push(format!("recorded as {}", text(&answer["access_log_id"])));
    match trace["policy_version"].as_str() {
        Some(version) => format!("policy {version}: {}", parts.join("; ")),
        None => parts.join("; "),
    }
}

/// When it happened, to the minute, or else when it was stored.
fn when(item: &Value) -> String {
    let observed = item["temporal"]["occurred_at_observed"].as_str();
    let time = observed.or(item["created_at"].as_str()).unwrap_or_default();
    time.get(..16).unwrap_or(time).replace('T', " ")
}

/// What a memory says, in a row.
fn what(item: &Value) -> String {
    let constraints = list(&item["impact_payload"]["constraints"]).iter();
    let constraints: Vec<String> =
        constraints.map(|one| format!("{} {}", text(&one["kind"]), text(&one["topic"]))).collect();
    let cues: Vec<String> = list(&item["seed_payload"]["cues"]).iter().map(text).collect();
    let content = &item["content"];
    let said = match content["text"].as_str() {
        Some(text) => text.to_owned(),
        None if !constraints.is_empty() => constraints.join(", "),
        None if !cues.is_empty() => format!("met by: {}", cues.join(", ")),
        None if content["json"].is_null() => String::new(),
        None => content["json"].to_string(),
    };
    line_of(&said, TEXT_CHARS)
}

/// One line, without what would move a terminal's cursor.
fn line_of(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = printable(&words.join(" "), &[]);
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A text without control characters, but for some.
fn printable(text: &str, but: &[char]) -> String {
    text.chars().map(|c| if c.is_control() && !but.contains(&c) { '\u{fffd}' } else { c }).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
