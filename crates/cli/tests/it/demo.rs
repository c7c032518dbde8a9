//! The pages that people see, in a browser: the demo from the server and from a file, and the API's page.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, ENTER, TAB};
use crate::process::{Server, binary, clean, run, sql};

/// What the steps of the story come to.
const MARKS: [&str; 7] = ["201 ✓", "200 ✓", "403 denied", "200 ✓", "200 ✓", "403 denied", "200 ✓"];
/// A folder, a server in it, and a browser.
pub(crate) fn all(allow_files: bool) -> Option<(tempfile::TempDir, Server, Browser)> {
    let browser = Browser::start_or_skip()?;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    if allow_files {
        command.env("CORS_ORIGINS", "null");
    }
    let server = Server::spawn(&mut command);
    server.ready();
    Some((folder, server, browser))
}

pub(crate) fn demo(server: &Server) -> String {
    format!("http://{}/demo", server.address)
}

/// Waits for what comes of a step, and answers what it shows.
#[track_caller]
pub(crate) fn outcome(browser: &mut Browser, number: usize) -> String {
    browser.until(&format!("!busy && document.querySelector('#out{number} .verdict')"));
    browser.shown(&format!("#out{number}"))
}

#[track_caller]
fn marks(browser: &mut Browser) -> Value {
    browser.js("return [...document.querySelectorAll('#story .step .mark')].map((it) => it.textContent)")
}

/// The entries of the trail that are not looks at it: what they say at their head, and whether they fit.
#[track_caller]
pub(crate) fn trail(browser: &mut Browser) -> Value {
    browser.js(
        "return [...document.querySelectorAll('.chain > li:not(.looked)')].map((it) => \
         [...it.querySelectorAll('.pass b, .pass .code')].map((part) => part.textContent).join(' ') + ' ' + it.dataset.fits)",
    )
}

#[test]
fn the_story_by_keyboard_from_the_server() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    assert!(!browser.shown("main").contains("null"));
    assert!(browser.shown("#memory").ends_with("Nothing written yet."));
    let mut told = Vec::new();
    for number in 1..=7 {
        browser.tab_to(&format!("go{number}"));
        browser.press(&ENTER.to_string());
        told.push(outcome(&mut browser, number));
        if number < 7 {
            browser.tab_to(&format!("next{number}"));
            browser.press(&ENTER.to_string());
            browser.until(&format!("document.activeElement.id === 'go{}'", number + 1));
            // One back, so that the way with the Tab key leads here.
            browser.js("document.activeElement.closest('.step').querySelector('h2 button').focus()");
        }
    }
    assert_eq!(marks(&mut browser), json!(MARKS));
    for (number, words) in [
        (1, "Remembered until"),
        (2, "“recommend a café for Saturday” was understood as “recommendation”."),
        (2, "likes: espresso, trains"),
        (2, "Rule preferences_for_suggestions of policy builtin-1 decided."),
        (3, "Purpose class 'scheduling' not allowed for scope 'preferences'"),
        (3, "None of its rules grants it, and what no rule allows stays closed."),
        (3, "preferences_for_suggestions. It tests request.purpose = content_generation or recommendation."),
        (4, "It tests request.purpose = content_generation or recommendation."),
        (5, "From here on its token opens nothing."),
        (6, "The grant was revoked"),
        (7, "The chain holds"),
    ] {
        assert!(
            told[number - 1].contains(words),
            "step {number} does not say {words:?}: {}",
            told[number - 1]
        );
    }
    let expected = [
        "write preferences allowed true",
        "recommendation preferences allowed true",
        "scheduling preferences denied true",
        "recommendation preferences allowed true",
        "revoke preferences allowed true",
        "recommendation preferences denied true",
    ];
    assert_eq!(trail(&mut browser), json!(expected));
    let lanes =
        browser.js("return [...lanes].map(([name, lane]) => name + ' ' + lane.dataset.state).slice(0, 3)");
    assert_eq!(lanes, json!(["recommendation open", "content_generation unknown", "scheduling shut"]));
    let kept = "[localStorage.length, document.cookie, Object.keys(sessionStorage)].join('|')";
    assert_eq!(browser.text(kept), "0||memoryscope-demo");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_story_from_a_file() {
    let Some((_folder, server, mut browser)) = all(true) else { return };
    browser.open(&format!("file://{}", crate::root().join("demo/index.html").display()));
    browser.tab_to("server");
    browser.write(&format!("http://{}/", server.address));
    browser.press(&TAB.to_string());
    browser.until("document.querySelector('.dot.up')");
    browser.click("#play");
    browser.until("!busy && document.querySelector('.chain li')");
    assert_eq!(marks(&mut browser), json!(MARKS));
    assert!(browser.shown("#out7").contains("The chain holds"));

    // Whoever edits an entry is found out, here by the page's own computing.
    browser
        .js("[...document.querySelectorAll('.chain .denied details')].forEach((it) => { it.open = true; })");
    browser.click(".chain .denied details button");
    browser.until("document.querySelector('.chain [data-fits=false]')");
    assert_eq!(browser.text("document.querySelectorAll('.chain [data-fits=false]').length"), "1");
    assert!(browser.shown("#out7").contains("was changed, and it shows"));
    browser.click("#mend");
    browser.until("!document.querySelector('.chain [data-fits=false]')");

    // The trail begins where the person of this page does; what was before is not claimed to be checked.
    browser.click("#again");
    browser.click("#play");
    browser.until("!busy && document.querySelector('.chain li')");
    assert!(
        browser.shown(".chain .sum").contains("of entry 15, not shown"),
        "{}",
        browser.shown(".chain .sum")
    );
    assert_eq!(browser.text("document.querySelectorAll('.chain > li:not(.looked)').length"), "6");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_gate_is_a_way_to_ask() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    // What is remembered is text, whatever it looks like.
    let hostile = r#"<img src=x onerror="hacked = 1">"#;
    browser.js(&format!(
        "document.getElementById('value').value = {}",
        json!(json!({"likes": [hostile]}).to_string())
    ));
    browser.click("#go1");
    outcome(&mut browser, 1);
    for number in 1..=6 {
        browser.click(&format!("#lanes button:nth-child({number})"));
        browser.until(&format!("!busy && lanes.get(CLASSES[{number} - 1]).dataset.state !== 'unknown'"));
    }
    let states = browser.js("return [...lanes.values()].map((lane) => lane.dataset.state)");
    assert_eq!(states, json!(["open", "open", "shut", "shut", "shut", "shut"]));
    assert_eq!(browser.shown("#say"), "“notification delivery” may not read preferences.");
    browser.click("#lanes button:nth-child(1)");
    browser.until("!busy && document.querySelector('#memory[data-state=open]')");
    assert!(browser.shown("#memory").contains(hostile));
    assert_eq!(browser.text("document.images.length + ' ' + typeof hacked"), "0 undefined");
    assert_eq!(browser.text("document.querySelectorAll('#trace li').length"), "8");
    // It is all there after a reload, and "null" is nowhere, which is how an absent part would show.
    browser.open(&demo(&server));
    assert_eq!(browser.js("return [...lanes.values()].map((lane) => lane.dataset.state)"), states);
    assert!(!browser.shown("main").contains("null"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn every_scope_has_an_example_of_each_kind() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    for number in 1..=3 {
        browser.js(&format!("open({number}, true)"));
    }
    let scopes = browser.js("return Object.keys(SCOPES)");
    for scope in scopes.as_array().expect("scopes") {
        browser.js(&format!(
            "const it = document.getElementById('scope'); it.value = {scope}; it.dispatchEvent(new Event('change'))"
        ));
        let mut seen = Vec::new();
        for number in 1..=3 {
            browser.click(&format!("#go{number}"));
            outcome(&mut browser, number);
            seen.push(browser.text(&format!("steps.get({number}).mark.textContent")));
        }
        assert_eq!(seen, MARKS[..3], "{scope}");
        assert!(browser.shown("#memory").contains(scope.as_str().expect("a name")));
    }
}

#[test]
fn the_commands_do_what_the_page_did() {
    let Some((folder, server, mut browser)) = all(false) else { return };
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl is not installed");
        return;
    }
    browser.open(&demo(&server));
    browser.tab_to("user");
    browser.write("O'Hara \\ \"é\"");
    browser.press(&TAB.to_string());
    browser.click("#play");
    browser.until("!busy && document.querySelector('.chain li')");
    browser.click("#play-events");
    browser.until("!busy && document.querySelector('#decisions li')");
    let first = [(1, 201), (2, 200), (3, 403), (5, 404), (6, 403), (7, 200)];
    let second = [(8, 201), (9, 201), (10, 200), (11, 200), (12, 200), (13, 200), (14, 200), (15, 200)];
    for (number, status) in first.into_iter().chain(second) {
        let all = format!("[...steps.get({number}).after.querySelectorAll('pre[aria-label=Request]')]");
        let commands = browser.js(&format!("return {all}.map((it) => it.textContent)"));
        let commands = commands.as_array().expect("commands");
        assert!(!commands.is_empty(), "step {number}");
        for command in commands.iter().filter_map(Value::as_str) {
            let said = clean("bash", folder.path()).args(["-c", command]).output().expect("bash runs");
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            // The auditor's looks at the log are commands, too.
            let status = if command.contains("/v2/access-logs/") { 200 } else { status };
            assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{command}\n{said}");
            assert!(
                !command.contains("/v2/replay") || said.contains("\"matches\":true"),
                "{command}\n{said}"
            );
        }
    }
}

#[test]
fn a_forged_entry_breaks_the_chain() {
    let Some((folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    browser.click("#play");
    browser.until("!busy && document.querySelector('.chain li')");
    let forged = browser.text("document.querySelector('.chain .denied').dataset.seq");
    let edit =
        format!("UPDATE audit_events SET text = replace(text, 'denied', 'allowed') WHERE seq = {forged}");
    sql(folder.path(), "memoryscope.db", &edit);
    browser.click("#go7");
    browser.until("!busy && document.querySelector('#out7 .fault')");
    let told = browser.shown("#out7 .fault");
    assert!(told.contains(&format!("First broken entry: {forged} (edited)")), "{told}");
    assert_eq!(browser.text("steps.get(7).mark.textContent"), "broken");
    let broken = "[...document.querySelectorAll('.chain [data-fits=false]')].map((it) => it.dataset.seq)";
    assert_eq!(browser.text(broken), forged);
}

#[test]
fn what_goes_wrong_is_said() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    browser.tab_to("user");
    browser.write("");
    browser.tab_to("days");
    browser.write("soon");
    browser.press(&ENTER.to_string());
    let told = outcome(&mut browser, 1);
    for words in ["422", "body.user_id must not be empty", "body.ttl_days must be a whole number"] {
        assert!(told.contains(words), "{told}");
    }
    let wrong = "[...document.querySelectorAll('[aria-invalid]')].map((it) => it.id).sort()";
    assert_eq!(browser.text(wrong), "days,user");
    browser.js("document.getElementById('value').value = 'trains'");
    browser.click("#go1");
    assert!(outcome(&mut browser, 1).contains("is not JSON"));
    browser.click("#head5");
    browser.click("#go5");
    assert!(outcome(&mut browser, 5).contains("There is no grant yet"));
    server.kill();
    browser.click("#lanes button");
    let told = outcome(&mut browser, 2);
    assert!(
        told.contains("No answer from http://127.0.0.1:") && told.contains("Is the server running?"),
        "{told}"
    );
    assert_eq!(browser.shown("#say"), told.lines().next().unwrap_or_default());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A server whose active policy is damaged: it cannot decide, and says 503.
fn damaged(folder: &Path) -> Server {
    let policy = "policy_version: own\ndefaults: {write: allow, read: deny}\nrules: []\n";
    std::fs::write(folder.join("own.yaml"), policy).expect("a file");
    run(folder, &["migrate"]).expect(0);
    run(folder, &["policy", "activate", "own.yaml"]).expect(0);
    sql(folder, "memoryscope.db", "UPDATE policies SET text = 'rules: 3' WHERE version = 'own'");
    Server::start(folder)
}

#[test]
fn a_server_that_cannot_work_is_told_from_a_denial() {
    let Some(mut browser) = Browser::start_or_skip() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = damaged(folder.path());
    browser.open(&demo(&server));
    browser.click("#head2");
    browser.click("#go2");
    let told = outcome(&mut browser, 2);
    assert!(told.contains("503: the server cannot"), "{told}");
    assert!(told.contains("No answer leaves without its audit entry"), "{told}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_demo_can_be_read_in_both_schemes_and_on_a_phone() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    browser.click("#play");
    browser.until("!busy && document.querySelector('.chain li')");
    browser.click("#play-events");
    browser.until("!busy && document.querySelector('#decisions li')");
    browser.js("for (const number of steps.keys()) open(number, true); \
         for (const it of document.querySelectorAll('details')) it.open = true");
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        for width in [1280, 700, 390] {
            browser.look(width, scheme);
            browser.is_readable();
        }
        grounds.push(browser.text("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1]);
    browser.click("#theme");
    assert_eq!(browser.text("getComputedStyle(document.body).backgroundColor"), grounds[0]);
    browser.is_readable();
    // On a phone, too, the stage comes before the story, and its buttons are large enough for a thumb.
    let small =
        browser.js("return [...lanes.values()].some((lane) => lane.getBoundingClientRect().height < 40)");
    assert_eq!(small, false);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_page_of_the_api_is_drawn() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&format!("http://{}/docs#readMemories", server.address));
    browser.until("document.querySelector('#readMemories[open]')");
    let routes = "Object.values(doc.paths).flatMap((item) => Object.keys(item)).length";
    let drawn = "document.querySelectorAll('details.op[id]').length";
    assert_eq!(browser.text(routes), browser.text(drawn));
    browser.click("#readMemories .go");
    browser.until("document.querySelector('#readMemories strong')");
    assert!(browser.shown("#readMemories [aria-live]").contains("No memories found."));
    browser.js("for (const it of document.querySelectorAll('details')) it.open = true");
    for scheme in ["light", "dark"] {
        for width in [1280, 390] {
            browser.look(width, scheme);
            browser.is_readable();
        }
    }
    browser.click("#filter");
    browser.press("memory/revoke");
    browser.until("document.querySelectorAll('details.op[id]:not([hidden])').length === 1");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    // A page that asks elsewhere is stopped, and these tests would see it.
    browser.js("fetch('http://127.0.0.1:1/').catch(() => {})");
    let complaints = browser.complaints();
    assert!(complaints.iter().any(|it| it.contains("Content Security Policy")), "{complaints:?}");
}
