use serde_json::json;

use super::*;

/// A file of one conversation with two sessions, which `change` makes another.
fn file(change: impl FnOnce(&mut Value)) -> String {
    let mut all = json!([{
        "conversation": {
            "speaker_a": "Ida", "speaker_b": "Olu",
            "session_10_date_time": "12:05 am on 1 March, 2024",
            "session_10": [{"speaker": "Olu", "dia_id": "D10:1", "text": "The kiln cracked again."}],
            "session_2_date_time": "11:59 pm on 31 December, 2023",
            "session_2": [
                {"speaker": "Ida", "dia_id": "D2:1", "text": "I glazed a bowl.", "blip_caption": "a green bowl"},
                {"speaker": "Olu", "dia_id": "D2:2", "text": "Nice!"},
            ],
            "session_3_date_time": "1:00 pm on 5 January, 2024",
        },
        "qa": [
            {"question": "What did Ida glaze?", "answer": "a bowl", "evidence": ["D2:1"], "category": 4},
            {"question": "What broke?", "answer": 7, "evidence": ["D10:1; D2:02", "D:1:1", "D9:9", "D2:2"], "category": 1},
            {"question": "What did Ida sell?", "adversarial_answer": "a bowl", "category": 5},
        ],
    }]);
    change(&mut all);
    all.to_string()
}

#[test]
fn sessions_are_read_in_their_order_with_times_of_their_turns() {
    let all = parse(&file(|_| ())).expect("a conversation");
    assert_eq!((all.len(), all[0].number, all[0].repeated.len()), (1, 1, 0));
    let told: Vec<_> =
        all[0].turns.iter().map(|turn| (turn.dia_id.as_str(), turn.session, turn.said_at.as_str())).collect();
    let expected = [
        ("D2:1", 2, "2023-12-31T23:59:00Z"),
        ("D2:2", 2, "2023-12-31T23:59:01Z"),
        ("D10:1", 10, "2024-03-01T00:05:00Z"),
    ];
    assert_eq!(told, expected);
    assert_eq!(all[0].turns[0].caption.as_deref(), Some("a green bowl"));
    assert_eq!((all[0].turns[1].speaker.as_str(), all[0].turns[1].text.as_str()), ("Olu", "Nice!"));
}

#[test]
fn questions_keep_what_their_evidence_names_and_what_it_does_not() {
    let all = parse(&file(|_| ())).expect("a conversation");
    let ids = |ids: &[&str]| ids.iter().filter_map(|id| TurnId::parse(id)).collect::<BTreeSet<_>>();
    let [one, two, three] = &all[0].questions[..] else { panic!("{:#?}", all[0].questions) };
    assert_eq!((one.category, &one.evidence, one.place.as_str()), (4, &ids(&["D2:1"]), "[0].qa[0]"));
    assert_eq!(two.evidence, ids(&["D10:1", "D2:2"]));
    assert_eq!(
        (&two.unknown[..], &two.unreadable[..]),
        (&["D9:9".to_owned()][..], &["D:1:1".to_owned()][..])
    );
    assert_eq!((three.category, three.evidence.len()), (5, 0));
}

#[test]
fn a_second_turn_of_an_id_is_told() {
    let all = parse(&file(|all| all[0]["conversation"]["session_2"][1]["dia_id"] = json!("D2:01")));
    assert_eq!(all.expect("a conversation")[0].repeated, ["D2:01"]);
}

#[test]
fn broken_files_are_refused_by_their_place() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expect: &str) {
        assert_eq!(parse(&file(change)).expect_err("it is broken").to_string(), expect);
    }
    fn turn(all: &mut Value) -> &mut Value {
        &mut all[0]["conversation"]["session_2"][1]
    }
    check(|all| *all = json!({}), "the file: must be a list");
    check(|all| *all = json!([]), "the file: holds no conversation");
    check(|all| *all = json!([1]), "[0]: must be an object");
    check(|all| drop(all[0]["conversation"].take()), "[0].conversation: must be an object");
    check(
        |all| all[0]["conversation"] = json!({"session_1": []}),
        "[0].conversation: has no session_1 with a turn in it, nor any other",
    );
    check(
        |all| all[0]["conversation"]["session_2"] = json!("x"),
        "[0].conversation.session_2: must be a list",
    );
    check(
        |all| all[0]["conversation"]["session_02"] = json!([]),
        "[0].conversation.session_2: is session 2 a second time",
    );
    check(
        |all| all[0]["conversation"]["session_99999999999"] = json!([]),
        "[0].conversation.session_99999999999: has too large a number",
    );
    let time = "[0].conversation.session_2_date_time: must be a time such as \"1:56 pm on 8 May, 2023\"";
    for wrong in
        ["yesterday", "13:00 pm on 8 May, 2023", "1:00 pm on 31 June, 2023", "1:00 pm on 8 May, 2023 or so"]
    {
        check(|all| all[0]["conversation"]["session_2_date_time"] = json!(wrong), time);
    }
    check(
        |all| drop(all[0]["conversation"].as_object_mut().expect("an object").remove("session_2_date_time")),
        "[0].conversation.session_2_date_time: is missing",
    );
    let place = "[0].conversation.session_2[1]";
    check(|all| *turn(all) = json!("Nice!"), &format!("{place}: must be an object"));
    check(|all| turn(all)["speaker"] = json!(" "), &format!("{place}.speaker: must not be blank"));
    check(|all| turn(all)["text"] = json!(7), &format!("{place}.text: must be a text"));
    check(
        |all| turn(all)["dia_id"] = json!("2-2"),
        &format!("{place}.dia_id: must be a session and a turn in it, such as D1:3"),
    );
    check(|all| all[0]["qa"] = json!(null), "[0].qa: must be a list");
    check(|all| all[0]["qa"][1]["question"] = json!(""), "[0].qa[1].question: must not be blank");
    check(|all| all[0]["qa"][1]["category"] = json!(6), "[0].qa[1].category: must be a number from 1 to 5");
    check(|all| all[0]["qa"][1]["evidence"] = json!("D2:1"), "[0].qa[1].evidence: must be a list");
    check(|all| all[0]["qa"][1]["evidence"][1] = json!(3), "[0].qa[1].evidence[1]: must be a text");
    let said = parse("[{").expect_err("no JSON").to_string();
    assert!(said.starts_with("the file: is no JSON: ") && said.contains("line 1 column 2"), "{said}");
}
