//! An endpoint in this process that plays a script, and what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_engine::fakes::HandClock;
use memoryscope_models::{ApiKey, ChatConfig, ChatExtractor, Pause};
use serde_json::{Value, json};

/// What no log and no debug output may show.
pub(crate) const KEY: &str = "sk-canary7f3a";

/// What an endpoint does with one connection.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// It answers with a status, further headers and a body.
    Says(u16, &'static str, String),
    /// It takes the question, and hangs up.
    HangsUp,
    /// It takes the question, and is silent until the other side has had enough.
    Silent,
}

/// An answer whose content is this, and that cost a hundred tokens.
pub(crate) fn content(content: &str) -> Reply {
    let message = json!({"role": "assistant", "content": content});
    completion(&json!({"finish_reason": "stop", "message": message}))
}

/// An answer with this choice.
pub(crate) fn completion(choice: &Value) -> Reply {
    let answer = json!({"object": "chat.completion", "choices": [choice], "usage": {"total_tokens": 100}});
    Reply::Says(200, "content-type: application/json\r\n", answer.to_string())
}

/// An answer of a status without a word.
pub(crate) fn status(status: u16) -> Reply {
    Reply::Says(status, "", r#"{"error": {"message": "not shown"}}"#.to_owned())
}

/// One question: its head, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// A pause that is over at once, and remembers how long it was to be.
#[derive(Debug, Default)]
pub(crate) struct Paused(Mutex<Vec<u64>>);

#[async_trait]
impl Pause for Paused {
    async fn pause(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(time.as_secs());
    }
}

impl Paused {
    /// The pauses between tries, in seconds.
    pub(crate) fn seconds(&self) -> Vec<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An endpoint with a script; beyond its end it hangs up.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Played {
    pub(crate) fn new(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut script = script.into_iter();
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                play(stream, &script.next().unwrap_or(Reply::HangsUp), &into);
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An extractor, its endpoint, and what became of both.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) extractor: ChatExtractor,
    pub(crate) clock: Arc<HandClock>,
    paused: Arc<Paused>,
    played: Played,
}

impl World {
    /// An endpoint with a script; beyond its end it hangs up.
    pub(crate) fn new(script: Vec<Reply>) -> Self {
        Self::with(script, |_| {})
    }

    pub(crate) fn with(script: Vec<Reply>, change: impl FnOnce(&mut ChatConfig)) -> Self {
        let played = Played::new(script);
        let mut config = ChatConfig {
            url: format!("http://{}/v1", played.address),
            model: "test-model".to_owned(),
            key: Some(ApiKey::parse(KEY).expect("a key")),
            timeout: Duration::from_secs(30),
            tokens_per_day: None,
        };
        change(&mut config);
        let (clock, paused) = (Arc::new(HandClock::new()), Arc::new(Paused::default()));
        let extractor = ChatExtractor::new(&config, Arc::clone(&clock) as _, Arc::clone(&paused) as _);
        Self { extractor, clock, paused, played }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.played.asked()
    }

    /// The pauses between tries, in seconds.
    pub(crate) fn pauses(&self) -> Vec<u64> {
        self.paused.seconds()
    }
}

fn play(stream: TcpStream, reply: &Reply, asked: &Mutex<Vec<Asked>>) {
    let mut stream = BufReader::new(stream);
    let Some(question) = take(&mut stream) else { return };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(question);
    match reply {
        Reply::Says(status, headers, body) => {
            let head = format!(
                "HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // The other side may have enough before the end.
            let _ = stream.get_mut().write_all(head.as_bytes());
            let _ = stream.get_mut().write_all(body.as_bytes());
            let _ = stream.get_mut().shutdown(Shutdown::Write);
        }
        Reply::HangsUp => drop(stream),
        // Ends when the other side closes the connection.
        Reply::Silent => drop(stream.read(&mut [0])),
    }
}

fn take(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { head, body: serde_json::from_slice(&body).expect("a question in JSON") })
}
