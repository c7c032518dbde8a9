//! Which scope serves which purpose, through HTTP, by the built-in policy; and what is read there.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::governed::{App, Ask, changed, memory, reading};

const SCOPES: [&str; 6] =
    ["preferences", "constraints", "communication", "accessibility", "schedule", "attention"];

/// Each class with texts that mean it.
const CLASSES: [(&str, &[&str]); 6] = [
    (
        "content_generation",
        &["Generate content", "write a poem", "(create)", "generated images", "suggest what to write"],
    ),
    ("recommendation", &["recommend a film", "Suggestions", "suggest a time"]),
    (
        "scheduling",
        &["scheduling", "reschedule? no: schedule it", "calendar", "what time is it", "task timeline"],
    ),
    ("ui_rendering", &["render", "show the page", "display", "UI", "the ui", "show an alert"]),
    ("notification_delivery", &["notify", "notification", "alerts", "alert about the task"]),
    ("task_execution", &["run it", "task", "execute", "take action", "re-run"]),
];

/// The table of the scopes' documentation: which classes each scope serves.
const ALLOWED: [(&str, &[&str]); 6] = [
    ("preferences", &["content_generation", "recommendation"]),
    ("constraints", &["recommendation", "scheduling", "task_execution"]),
    ("communication", &["content_generation", "notification_delivery", "ui_rendering"]),
    ("accessibility", &["ui_rendering", "content_generation", "notification_delivery"]),
    ("schedule", &["scheduling", "task_execution"]),
    ("attention", &["notification_delivery", "ui_rendering"]),
];

fn allowed(scope: &str, class: &str) -> bool {
    ALLOWED.iter().any(|(name, classes)| *name == scope && classes.contains(&class))
}

#[tokio::test]
async fn every_scope_with_every_purpose() {
    let app = App::new();
    for scope in SCOPES {
        app.post("/memory", &changed(&memory(), &[("scope", json!(scope))])).await;
    }
    let mut table = String::new();
    for scope in SCOPES {
        let _ = write!(table, "{scope:<14}");
        for (class, texts) in CLASSES {
            let base = changed(&reading(), &[("scope", json!(scope))]);
            let outright = changed(&base, &[("purpose", json!("xyzzy")), ("purpose_class", json!(class))]);
            let mut answers = vec![app.post("/memory/read", &outright).await];
            for text in texts {
                answers.push(app.post("/memory/read", &changed(&base, &[("purpose", json!(text))])).await);
            }
            let list = format!("GET /memory?user_id=user-1&scope={scope}&purpose_class={class}");
            answers.push(app.ask(Ask::new(&list)).await);
            for answer in answers {
                if allowed(scope, class) {
                    assert_eq!(answer.status, 200, "{scope} {class}: {}", answer.text);
                    let body = answer.json();
                    assert!(body["confidence"] == json!(0.6) || body["items"][0]["scope"] == scope, "{body}");
                } else {
                    assert_eq!((answer.status, answer.code().as_str()), (403, "POLICY_DENIED"));
                    let message = format!("Purpose class '{class}' not allowed for scope '{scope}'");
                    assert_eq!(answer.json()["error"]["message"], json!(message));
                    assert!(answer.header("x-access-log-id").starts_with("log_"));
                }
            }
            table.push_str(if allowed(scope, class) { " yes" } else { "  - " });
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table, @r"
    preferences    yes yes  -   -   -   - 
    constraints     -  yes yes  -   -  yes
    communication  yes  -   -  yes yes  - 
    accessibility  yes  -   -  yes yes  - 
    schedule        -   -  yes  -   -  yes
    attention       -   -   -  yes yes  - 
    ");
}

#[tokio::test]
async fn words_that_mean_nothing_are_denied_for_every_scope() {
    let app = App::new();
    let texts = [
        "",
        " ",
        "build a guide",
        "xyzzy",
        "brun",
        "sometimes",
        "prerender",
        "12run",
        "multitask",
        "ünotify",
        "提案",
    ];
    for scope in SCOPES {
        for text in texts {
            let body = changed(&reading(), &[("scope", json!(scope)), ("purpose", json!(text))]);
            let answer = app.post("/memory/read", &body).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "POLICY_DENIED"), "{text}");
            assert_eq!(
                answer.json()["error"]["details"]["purpose_classes"].as_array().map(Vec::len),
                Some(6)
            );
        }
    }
}

#[tokio::test]
async fn denied_reads_are_audited() {
    let app = App::new();
    app.post("/memory/read", &reading()).await;
    let denied = app.post("/memory/read", &changed(&reading(), &[("purpose", json!("run it"))])).await;
    let unknown = app.post("/memory/read", &changed(&reading(), &[("purpose", json!("xyzzy"))])).await;
    let list = "GET /memory?user_id=user-1&scope=attention&purpose=suggest";
    let listed = app.ask(Ask::new(list)).await;
    let roleless = app.ask(Ask::new("GET /v2/audit")).await;
    let token = app.post("/memory/revoke", &json!({"revocation_token": "rt_x"})).await;
    let items = app.get("/v2/audit").await.json()["items"].clone();
    let told: Vec<Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!([item["operation"], item["decision"], item["reason_code"], item["purpose"]]))
        .collect();
    let expected = [
        json!(["MEMORY_READ", "allowed", null, "recommendation"]),
        json!(["MEMORY_READ", "denied", "POLICY_DENIED", "task_execution"]),
        json!(["MEMORY_READ", "denied", "POLICY_DENIED", null]),
        json!(["MEMORY_LIST", "denied", "POLICY_DENIED", "recommendation"]),
        json!(["AUDIT_READ", "denied", "ROLE_DENIED", "compliance_audit"]),
        json!(["MEMORY_REVOKE", "not_found", "UNKNOWN_TOKEN", null]),
    ];
    assert_eq!(told, expected);
    for (answer, item) in
        [denied, unknown, listed, roleless, token].iter().zip(&items.as_array().unwrap()[1..])
    {
        assert_eq!(item["id"], json!(answer.header("x-access-log-id")));
    }
    // The caller's words stand in the erasable part alone.
    assert!(!items.to_string().contains("xyzzy"));
    let logs = app.get("/v2/access-logs").await.json()["items"].clone();
    assert_eq!(logs.as_array().map(Vec::len), Some(4));
    assert_eq!(logs[2]["private"]["request"]["purpose"], "xyzzy");
}

#[tokio::test]
async fn roles() {
    let app = App::new();
    app.post("/memory", &memory()).await;
    let log = app.post("/memory/read", &reading()).await.header("x-access-log-id").to_owned();
    let one = format!("/v2/access-logs/{log}");
    let targets = ["/v2/audit", "/v2/audit/verify", "/v2/access-logs", one.as_str()];
    let roles = [
        ("", 403),
        ("app", 403),
        ("agent,reader", 403),
        ("reviewer", 403),
        ("auditor", 200),
        ("app, admin", 200),
    ];
    for target in targets {
        for (role, status) in roles {
            let ask = Ask::new(&format!("GET {target}")).with("x-memoryscope-roles", role);
            assert_eq!(app.ask(ask).await.status, status, "{target} as {role:?}");
        }
        assert_eq!(app.ask(Ask::new(&format!("GET {target}"))).await.status, 403);
    }
    // Who may only read cannot write, and still reads.
    let reader = |ask: Ask| ask.with("x-memoryscope-roles", "reader");
    let answer = app.ask(reader(Ask::new("POST /memory").json(&memory()))).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "FORBIDDEN"), "{}", answer.text);
    assert_eq!(answer.json()["detail"], "The role reader may only read");
    let answer = app.ask(reader(Ask::new("POST /memory/batch").json(&json!({"memories": [memory()]})))).await;
    assert_eq!(answer.json()["results"][0]["status"], 403, "{}", answer.text);
    let answer = app.ask(reader(Ask::new("POST /memory/read").json(&reading()))).await;
    assert_eq!(answer.json()["confidence"], json!(0.6), "{}", answer.text);
    // Whatever the role, a memory is its user's alone.
    for role in ["auditor", "admin", "app"] {
        let other = changed(&reading(), &[("user_id", json!("user-2"))]);
        let ask = Ask::new("POST /memory/read").json(&other).with("x-memoryscope-roles", role);
        let answer = app.ask(ask.with("x-memoryscope-user", "user-1")).await;
        assert_eq!(answer.json()["confidence"], json!(0.0), "{}", answer.text);
    }
}

#[tokio::test]
async fn pages_of_the_chain_miss_nothing() {
    let app = App::new();
    for n in 0..7 {
        app.post("/memory", &changed(&memory(), &[("user_id", json!(format!("user-{n}")))])).await;
        app.post("/memory/read", &reading()).await;
    }
    for (path, expected) in [("/v2/audit", 14), ("/v2/access-logs", 7)] {
        let mut seqs: Vec<u64> = Vec::new();
        let mut target = format!("{path}?limit=3");
        while seqs.len() < expected {
            let page = app.get(&target).await.json();
            seqs.extend(page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            target = format!("{path}?limit=3&cursor={cursor}");
        }
        assert!(seqs.len() >= expected && seqs.is_sorted_by(|a, b| a < b), "{path}: {seqs:?}");
    }
}

#[tokio::test]
async fn pages_of_a_listing_miss_nothing() {
    let app = App::new();
    for n in 0..25 {
        app.post("/memory", &changed(&memory(), &[("value_json", json!({"n": n}))])).await;
        app.clock.advance_micros(n % 2);
    }
    let base = "/memory?user_id=user-1&scope=preferences&purpose=suggest&limit=4";
    let (mut seen, mut target) = (Vec::new(), base.to_owned());
    loop {
        let page = app.get(&target).await.json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        target = format!("{base}&cursor={cursor}");
    }
    let all = app.get("/memory?user_id=user-1&scope=preferences&purpose=suggest").await.json();
    let all: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((seen.len(), &seen), (25, &all));
    // The words for the purpose may change from page to page; its class may not, nor anything else.
    let cursor = app.get(base).await.json()["next_cursor"].as_str().unwrap().to_owned();
    let same = format!("/memory?user_id=user-1&scope=preferences&purpose=Recommend&cursor={cursor}");
    assert_eq!(app.get(&same).await.status, 200);
    for other in [
        "user_id=user-2&scope=preferences&purpose=suggest",
        "user_id=user-1&scope=constraints&purpose=suggest",
        "user_id=user-1&scope=preferences&purpose=write",
        "user_id=user-1&scope=preferences&purpose=suggest&domain=food",
    ] {
        let answer = app.get(&format!("/memory?{other}&cursor={cursor}")).await;
        assert_eq!(answer.json()["error"]["details"]["fields"][0]["field"], "query.cursor", "{other}");
    }
}

/// The same set of memories, each with its own id and time, stored in another order, on another server.
#[tokio::test]
async fn the_order_of_insertion_does_not_show() {
    let values = [
        json!({"likes": ["Jazz", "green tea"], "spice_level": 1}),
        json!({"likes": ["jazz!", "Green Teas"], "spice-level": 2}),
        json!({"dislikes": ["jazz"], "Spice Level": 3}),
        json!(["no nuts", "no pork"]),
        json!([{"day": "mon", "start": "09:00"}, {"start": "09:00", "day": "mon"}]),
        json!({"focus_mode": "ON"}),
        json!({"a": true, "b": false}),
    ];
    let orders: [[usize; 7]; 5] = [
        [0, 1, 2, 3, 4, 5, 6],
        [6, 5, 4, 3, 2, 1, 0],
        [3, 0, 6, 2, 5, 1, 4],
        [2, 4, 1, 6, 0, 5, 3],
        [1, 0, 3, 2, 5, 4, 6],
    ];
    let class = |scope: &str| ALLOWED.iter().find(|(name, _)| *name == scope).expect("known").1[0];
    for scope in SCOPES {
        let mut told: Vec<String> = Vec::new();
        for order in orders {
            let app = App::new();
            let mut at = 0;
            for place in order {
                // Two of them at the same instant: then the id decides.
                let time = i64::try_from(place / 2).expect("small") * 1_000_000;
                app.clock.advance_micros(time - at);
                at = time;
                app.seeds.set(place as u64);
                let body =
                    changed(&memory(), &[("scope", json!(scope)), ("value_json", values[place].clone())]);
                assert_eq!(app.post("/memory", &body).await.status, 201);
            }
            app.clock.advance_micros(60_000_000 - at);
            app.seeds.set(1_000);
            let body =
                changed(&reading(), &[("scope", json!(scope)), ("purpose_class", json!(class(scope)))]);
            let answer = app.post("/memory/read", &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("revocation_token");
            told.push(body.to_string());
        }
        assert!(told.iter().all(|body| *body == told[0]), "{scope}: {told:#?}");
        assert!(told[0].contains("\"confidence\":0.9"), "{}", told[0]);
    }
}
