//! Turns as a user's memories.

use serde_json::{Value, json};

use super::{Conversation, Plan, Turn};
use crate::Failure;
use crate::http::{Connection, Target};
use crate::progress;

/// Memories in a batch: as many as it may have.
const BATCH: usize = 50;

/// What the memories have in common whose neighbours may say what they leave out: a session, not the whole conversation. What
/// was said weeks before is no neighbour.
fn conversation_id(user: &str, turn: &Turn) -> String {
    format!("{user}-session-{}", turn.session)
}

/// Stores the turns of all conversations, each in its order and over one connection; answers how many they were.
pub(super) async fn all(
    target: &Target,
    plan: &Plan,
    conversations: &[Conversation],
) -> Result<usize, Failure> {
    let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
    let memories = conversations.iter().map(|one| one.turns.len()).sum();
    let bar = progress::bar(memories as u64, "turns stored");
    let mut connection = Connection::open(target).await.map_err(unreachable)?;
    for conversation in conversations {
        let user = plan.user(conversation);
        for turns in conversation.turns.chunks(BATCH) {
            let items: Vec<Value> = turns.iter().map(|turn| memory(&user, turn, plan.captions)).collect();
            let body = json!({"external_user_id": user, "memories": items});
            let request = target.post("/v1/memory/batch", &[], &body);
            let answer = connection.exchange(&request).await.map_err(unreachable)?;
            if answer.status != 200 {
                let first = &turns[0].dia_id;
                return Err(Failure::Preparing(refused(
                    &format!("conversation {}, the batch from {first}", conversation.number),
                    answer.status,
                    &answer.message(),
                    &answer.json(),
                    turns,
                )));
            }
            bar.inc(turns.len() as u64);
        }
    }
    bar.finish_and_clear();
    Ok(memories)
}

/// A turn as it is stored.
fn memory(user: &str, turn: &Turn, with_caption: bool) -> Value {
    let shown = turn.caption.as_deref().filter(|_| with_caption);
    let shown = shown.map(|caption| format!(" [shows {caption}]")).unwrap_or_default();
    json!({
        "content": format!("{}: {}{shown}", turn.speaker, turn.text),
        "metadata": {
            "conversationId": conversation_id(user, turn),
            "createdAt": turn.said_at,
            "customMetadata": {"dia_id": turn.dia_id, "speaker": turn.speaker},
        },
    })
}

/// What a refusal says: of a batch of which some were stored, the first that was not.
fn refused(place: &str, status: u16, message: &str, answer: &Value, turns: &[Turn]) -> String {
    let first = answer["errors"].get(0);
    let turn = first.and_then(|first| turns.get(first["index"].as_u64()? as usize));
    match (first.and_then(|first| first["error"].as_str()), turn) {
        (Some(why), Some(turn)) => format!("{place}: {} is refused: {why}", turn.dia_id),
        _ => format!("{place} is answered {status} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(caption: Option<&str>) -> Turn {
        Turn {
            dia_id: "D2:1".to_owned(),
            session: 2,
            speaker: "Ida".to_owned(),
            text: "I glazed a bowl.".to_owned(),
            caption: caption.map(str::to_owned),
            said_at: "2024-01-05T13:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_turn_is_stored_with_who_said_it_when_and_where() {
        #[track_caller]
        fn check(caption: Option<&str>, with_caption: bool, expect: &str) {
            let stored = memory("u", &turn(caption), with_caption);
            assert_eq!(stored["content"], expect);
            assert_eq!(
                stored["metadata"],
                json!({
                    "conversationId": "u-session-2", "createdAt": "2024-01-05T13:00:00Z",
                    "customMetadata": {"dia_id": "D2:1", "speaker": "Ida"},
                })
            );
        }
        check(None, true, "Ida: I glazed a bowl.");
        check(Some("a green bowl"), true, "Ida: I glazed a bowl. [shows a green bowl]");
        check(Some("a green bowl"), false, "Ida: I glazed a bowl.");
    }

    #[test]
    fn the_first_turn_that_was_refused_is_named() {
        let answer = json!({"errors": [{"index": 1, "error": "too long"}, {"index": 3, "error": "x"}]});
        let turns = [turn(None), Turn { dia_id: "D2:2".to_owned(), ..turn(None) }];
        assert_eq!(refused("here", 207, "m", &answer, &turns), "here: D2:2 is refused: too long");
        assert_eq!(
            refused("here", 503, "BUSY: later", &Value::Null, &turns),
            "here is answered 503 BUSY: later"
        );
    }
}
