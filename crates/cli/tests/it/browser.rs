//! Chromium as people use it, driven over WebDriver. Where it is not installed, one line says that a test is skipped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::http::Client;
use crate::process::{clean, until};

const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--lang=en-GB",
];

/// Keys as WebDriver names them.
pub(crate) const TAB: char = '\u{E004}';
pub(crate) const ENTER: char = '\u{E007}';
const CONTROL: char = '\u{E009}';

/// More stops than any page has.
const STOPS_MAX: usize = 200;

/// Every text whose contrast with what is behind it is below what WCAG asks for (AA).
const PALE: &str = r"
const numbers = (color) => { const all = color.match(/[\d.]+/g).map(Number); return all.length > 3 ? all : [...all, 1]; };
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (node) => { for (; node; node = node.parentElement) { const color = numbers(getComputedStyle(node).backgroundColor);
    if (color[3] > 0.99) return color; } return [255, 255, 255, 1]; };
return [...document.body.querySelectorAll('*')].filter((node) => node.checkVisibility() && !node.closest('script,style')
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())).map((node) => {
    const style = getComputedStyle(node), size = parseFloat(style.fontSize);
    const [a, b] = [light(numbers(style.color)), light(behind(node))].sort((x, y) => y - x);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    return { ratio: (a + 0.05) / (b + 0.05), least, text: node.textContent.trim().slice(0, 40) };
}).filter(({ ratio, least }) => ratio < least).map(({ ratio, text }) => ratio.toFixed(2) + ' ' + text);";

/// A browser with a profile of its own, which ends with the test.
pub(crate) struct Browser {
    driver: Child,
    /// Kept open: what is said later must not end the driver.
    _said: BufReader<ChildStdout>,
    client: Client,
    session: String,
    _profile: tempfile::TempDir,
}

/// Why there is no browser, if so.
fn missing() -> Option<String> {
    if std::env::var("MEMORYSCOPE_TEST_BROWSER").is_ok_and(|value| value == "skip") {
        return Some("MEMORYSCOPE_TEST_BROWSER=skip".to_owned());
    }
    let found =
        Command::new("chromedriver").arg("--version").output().is_ok_and(|output| output.status.success());
    (!found).then(|| "chromedriver is not installed (scripts/ensure-chromium)".to_owned())
}

impl Browser {
    /// Starts one; `None` where there is none to start.
    #[expect(clippy::print_stdout, reason = "the one line that says what is skipped")]
    pub(crate) fn start_or_skip() -> Option<Self> {
        if let Some(why) = missing() {
            println!("skipped in the browser: {why}");
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = clean("chromedriver", profile.path());
        command.arg("--port=0").env("HOME", profile.path()).stdin(Stdio::null());
        let mut driver =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chromedriver starts");
        let mut said = BufReader::new(driver.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(said.read_line(&mut line).expect("a pipe") > 0, "chromedriver ended");
            if let Some((_, port)) = line.trim_end().rsplit_once("started successfully on port ") {
                break port.trim_end_matches('.').parse::<u16>().expect("a port");
            }
        };
        let client = Client::new(([127, 0, 0, 1], port).into());
        let mut browser = Self { driver, _said: said, client, session: String::new(), _profile: profile };
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", browser._profile.path().join("profile").display()));
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"}});
        let made = browser.send("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!("/session/{}", made["sessionId"].as_str().expect("a session"));
        browser.look(1280, "light");
        Some(browser)
    }

    #[track_caller]
    fn send(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("{}{path}", self.session);
        let headers = [("content-type", "application/json")];
        let answer = self.client.send(method, &path, &headers, body.to_string().as_bytes());
        answer.expect("chromedriver answers").expect(200).json()["value"].take()
    }

    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.send("POST", "/url", &json!({"url": url}));
    }

    /// What a script returns.
    #[track_caller]
    pub(crate) fn js(&mut self, script: &str) -> Value {
        self.send("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The value of an expression that is a text.
    #[track_caller]
    pub(crate) fn text(&mut self, expression: &str) -> String {
        match self.js(&format!("return String({expression})")) {
            Value::String(text) => text,
            other => panic!("{expression} is {other}"),
        }
    }

    /// The text that an element shows.
    #[track_caller]
    pub(crate) fn shown(&mut self, selector: &str) -> String {
        self.text(&format!("document.querySelector({}).innerText", json!(selector)))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str) {
        let script = format!("return Boolean({expression})");
        until(expression, || (self.js(&script) == true).then_some(()));
    }

    /// Clicks on an element as a mouse does.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let found = self.send("POST", "/element", &json!({"using": "css selector", "value": selector}));
        let (_, id) = found.as_object().and_then(|map| map.iter().next()).expect("an element");
        let id = id.as_str().expect("an id").to_owned();
        self.send("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Presses keys, one after the other.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &str) {
        let stroke = |key: char| {
            let key = key.to_string();
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        };
        let actions: Vec<Value> = keys.chars().flat_map(stroke).collect();
        self.send(
            "POST",
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
    }

    /// Writes into the field that has the focus, in the place of what is there.
    #[track_caller]
    pub(crate) fn write(&mut self, text: &str) {
        let control = CONTROL.to_string();
        let actions = json!([
            {"type": "keyDown", "value": control}, {"type": "keyDown", "value": "a"},
            {"type": "keyUp", "value": "a"}, {"type": "keyUp", "value": control},
        ]);
        self.send(
            "POST",
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
        self.press(if text.is_empty() { "\u{E017}" } else { text });
    }

    /// Goes on with the Tab key until an element has the focus. Every stop on the way must show that it has it.
    #[track_caller]
    pub(crate) fn tab_to(&mut self, id: &str) {
        for _ in 0..STOPS_MAX {
            self.press(&TAB.to_string());
            let at = self.js(
                "const it = document.activeElement; return [it.id, getComputedStyle(it).outlineStyle, it.outerHTML.slice(0, 80)]",
            );
            assert!(at[2] == "<body>" || at[1] != "none", "the focus does not show: {at}");
            if at[0] == id {
                return;
            }
        }
        panic!("the Tab key does not lead to {id}");
    }

    /// Makes the window as wide, with colours as the person prefers them and without motion.
    #[track_caller]
    pub(crate) fn look(&mut self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 860, "deviceScaleFactor": 1, "mobile": width < 600});
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        for (command, parameters) in
            [("Emulation.setDeviceMetricsOverride", metrics), ("Emulation.setEmulatedMedia", features)]
        {
            self.send("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
        }
    }

    /// Nothing is wider than the window, and every text can be read.
    #[track_caller]
    pub(crate) fn is_readable(&mut self) {
        let wide =
            self.js("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]");
        assert!(wide[0].as_u64() <= wide[1].as_u64(), "wider than the window: {wide}");
        assert_eq!(self.js(PALE), json!([]), "too pale");
    }

    /// What the console holds since the last look; answers that are errors are the server's to give and not here.
    #[track_caller]
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let log = self.send("POST", "/se/log", &json!({"type": "browser"}));
        let all = log.as_array().expect("a log").iter();
        all.filter(|entry| entry["source"] != "network").map(ToString::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The browser ends with its session; a driver that is gone has taken it along.
            let _ = self.client.send("DELETE", &self.session, &[], b"");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
