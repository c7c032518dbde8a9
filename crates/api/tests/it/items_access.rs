//! Who reads, finds, changes and erases an item, for every way in which it can be shared and however it is treated.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::governed::{App, Ask, changed};

/// Who asks: what the request names, and with which roles.
struct Who {
    name: &'static str,
    user: Option<&'static str>,
    roles: &'static str,
    namespace: Option<&'static str>,
}

const fn who(name: &'static str, user: Option<&'static str>) -> Who {
    Who { name, user, roles: "app", namespace: None }
}

const WHO: [Who; 10] = [
    who("owner", Some("ana")),
    who("reader", Some("ben")),
    who("writer", Some("wes")),
    who("stranger", Some("eve")),
    who("developer", None),
    Who { roles: "reader", ..who("owner, role reader", Some("ana")) },
    Who { roles: "agent", ..who("stranger, role agent", Some("eve")) },
    Who { roles: "reviewer", ..who("stranger, role reviewer", Some("eve")) },
    Who { namespace: Some("n"), ..who("stranger in namespace n", Some("eve")) },
    Who { roles: "admin", ..who("admin", Some("eve")) },
];

/// How it is shared beside ben, who reads, and wes, who writes; and how it is treated.
fn items() -> Vec<(&'static str, Value)> {
    let acl = |read: &[&str], write: &[&str]| json!({"acl": {"read": read, "write": write}});
    let with = |mut item: Value, name: &str, value: &str| {
        item[name] = json!(value);
        item
    };
    let listed = || acl(&["ben"], &["wes"]);
    vec![
        ("nobody else's", json!({})),
        ("listed", listed()),
        ("listed, sensitive", with(listed(), "risk", "sensitive")),
        ("listed, flagged", with(listed(), "risk", "flagged")),
        ("listed, without consent", with(listed(), "consent", "none")),
        ("a role reads", acl(&["role:agent"], &[])),
        ("a role writes", acl(&[], &["role:agent"])),
        ("its namespace reads", with(acl(&["namespace:n"], &[]), "namespace_id", "n")),
        ("its namespace writes", with(acl(&[], &["namespace:n"]), "namespace_id", "n")),
        ("the organization reads", acl(&["organization:default"], &[])),
        ("listed, then sealed", with(listed(), "then", "seal")),
        ("listed, then revoked", with(listed(), "then", "revoke")),
    ]
}

impl Who {
    fn ask(&self, line: &str) -> Ask {
        Ask::new(line).with("x-memoryscope-roles", self.roles)
    }

    fn query(&self) -> String {
        let user = self.user.map(|user| format!("external_user_id={user}"));
        let namespace = self.namespace.map(|namespace| format!("namespace_id={namespace}"));
        let parts: Vec<String> = user.into_iter().chain(namespace).collect();
        format!("?{}", parts.join("&"))
    }

    fn body(&self, body: &Value) -> Value {
        let named = [("external_user_id", self.user), ("namespace_id", self.namespace)];
        let named: Vec<(&str, Value)> =
            named.into_iter().filter_map(|(name, value)| Some((name, json!(value?)))).collect();
        changed(body, &named)
    }
}

/// That item of Ana's, on a server.
async fn made(app: &App, item: &Value) -> String {
    let mut body = changed(item, &[("content", json!("Ana rows.")), ("external_user_id", json!("ana"))]);
    let then = body.as_object_mut().expect("an object").remove("then");
    let stored = app.ask_unheld(&Ask::new("POST /v1/memory").json(&body)).await;
    let id = stored.json()["data"][0]["memoryId"].as_str().expect("an id").to_owned();
    if let Some(then) = then.as_ref().and_then(Value::as_str) {
        let step = Ask::new(&format!("POST /v2/memories/{id}/{then}"));
        let step = step.json(&json!({"tenant_id": "t_default"})).with("x-memoryscope-user", "ana");
        assert_eq!(app.ask_unheld(&step).await.status, 200);
    }
    id
}

/// What each gets who asks for it, searches for it, changes it, shares it, and erases it.
#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let mut table = String::new();
    for (name, item) in items() {
        let _ = writeln!(table, "{name}");
        for who in &WHO {
            let app = App::new();
            let id = made(&app, &item).await;
            let ask = async |ask: Ask| app.ask_unheld(&ask).await;
            let get = ask(who.ask(&format!("GET /v1/memory/{id}{}", who.query()))).await.status;
            let search = who.ask("POST /v1/memory/search").json(&who.body(&json!({"query": "rows"})));
            let found = ask(search).await.json()["data"]["memories"].as_array().map_or(0, Vec::len);
            let put = |body: Value| ask(who.ask(&format!("PUT /v1/memory/{id}")).json(&who.body(&body)));
            let change = put(json!({"content": "x"})).await.status;
            let share = put(json!({"acl": {"read": ["zoe"]}})).await.status;
            // Of an item that was not changed before.
            let id = made(&app, &item).await;
            let erase = ask(who.ask(&format!("DELETE /v1/memory/{id}{}", who.query()))).await.status;
            let _ = writeln!(
                table,
                "  {:<26} get {get}  found {found}  put {change}  share {share}  delete {erase}",
                who.name
            );
            // Whoever may not know of it is told of nothing else than of what never was.
            let told = [change, erase].map(|status| status != 404);
            assert_eq!(told[0], told[1], "{name} {}", who.name);
        }
    }
    insta::assert_snapshot!("items_access", table);
}

/// An update that says nothing of it leaves the access list as it is; one that states it replaces the whole of it.
#[tokio::test]
async fn access_lists_survive_what_does_not_mention_them() {
    let app = App::new();
    let id = made(&app, &json!({"acl": {"read": ["ben"], "write": ["wes"]}})).await;
    let put = async |body: Value| {
        let answer = app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let shown = app.ask(Ask::new(&format!("GET /v1/memory/{id}?external_user_id=ana"))).await.json();
        let acl = shown["data"]["memories"][0]["acl"].clone();
        acl.as_object().expect("a list").keys().cloned().collect::<Vec<String>>().join(" ")
    };
    let all = "external_user:ana external_user:ben external_user:wes";
    assert_eq!(put(json!({"content": "x"})).await, all);
    assert_eq!(put(json!({"metadata": {"topics": ["a"]}, "external_user_id": "wes"})).await, all);
    assert_eq!(put(json!({"acl": {"read": ["zoe"]}})).await, "external_user:ana external_user:zoe");
    // Who changed it in the name of the list before may not any more.
    let late = json!({"content": "y", "external_user_id": "wes"});
    assert_eq!(app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&late)).await.status, 404);
    assert_eq!(put(json!({"risk": "flagged", "external_user_id": "ana"})).await, "external_user:ana");
}
