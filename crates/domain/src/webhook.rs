//! Webhooks: where a client's own server may be, what it is told, and how it knows who says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::job::{JobState, Progress};
use crate::limits;
use crate::memory::{SubjectRef, Unreadable};
use crate::record::{Record, RecordKind};
use crate::time::Timestamp;

/// What an address looks like: `http` or `https`, a host, perhaps a port, a path and a query; no name and no password, no fragment.
pub const URL_PATTERN: &str = "^https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]{2,45}\\])(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?][!$-;=?-Z_a-z~]*)?$";

/// The header that says when a delivery was signed, and its signature: `t=<seconds>,v1=<hexadecimal digits>`.
pub const SIGNATURE_HEADER: &str = "memoryscope-signature";
/// The header that names the event. It is the same whenever one is delivered again.
pub const EVENT_HEADER: &str = "memoryscope-event-id";
/// The header that says that a request came of a webhook. A request that carries it causes none.
pub const HOP_HEADER: &str = "memoryscope-hop";

/// Whom to tell.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// What deliveries are signed with.
    pub secret: Option<String>,
}

/// Secrets are not shown, and addresses may hold some.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("origin", &origin(&self.url)).finish_non_exhaustive()
    }
}

/// Scheme, host and port of an address: what is shown of it.
#[must_use]
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

/// What is said of an address that is not written so.
pub const ADDRESS: &str = "must be an http or https address, without a name, a password and a fragment";

/// Whether an address is written as [`URL_PATTERN`] says.
#[must_use]
pub fn is_address(url: &str) -> bool {
    // It is short, and there are few.
    regex_lite::Regex::new(URL_PATTERN).is_ok_and(|pattern| pattern.is_match(url))
}

/// Whether something of the public internet is behind an address: nothing of this machine, of its networks, or of those who run it.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The special-purpose addresses of RFC 6890 and its successors, and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Of the global unicast addresses those that stand for no other address. What stands for an IPv4 address is what that is.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let octets = address.octets();
    let last = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match segments {
        // Mapped, compatible, and translated (RFC 6052, RFC 2765): the address is at the end.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => is_public_v4(last),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last),
        // 6to4: it stands behind the prefix.
        [0x2002, ..] => is_public_v4(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        // Teredo, benchmarking, ORCHID, documentation, and protocol assignments.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// The signature of a body that is sent at a time, in lower-case hexadecimal digits: HMAC-SHA256 with the secret over the seconds since
/// 1970, a dot and the body.
#[must_use]
pub fn sign(secret: &str, sent: Timestamp, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{}.{body}", seconds(sent)).as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`SIGNATURE_HEADER`] says.
#[must_use]
pub fn signature(secret: &str, sent: Timestamp, body: &str) -> String {
    format!("t={},v1={}", seconds(sent), sign(secret, sent, body))
}

fn seconds(time: Timestamp) -> i64 {
    time.unix_micros().div_euclid(1_000_000)
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A memory, by its id.
    Memory(String),
    /// A batch, by its id.
    Batch(String),
}

/// Something that a client's server is told, and how far that is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What about.
    pub topic: Topic,
    /// Where it goes, as far as that is shown.
    pub origin: String,
    /// Where it goes, as long as it may have to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it is signed with, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How often the work that it waits for was looked at.
    #[serde(default)]
    pub looks: u32,
    /// When that work was over, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// What the server answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// How far it is.
    pub progress: Progress,
}

/// As [`Webhook`].
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Delivery");
        shown.field("topic", &self.topic).field("origin", &self.origin).field("progress", &self.progress);
        shown.finish_non_exhaustive()
    }
}

impl Delivery {
    /// One that waits until the work is over.
    #[must_use]
    pub fn new(topic: Topic, hook: &Webhook, now: Timestamp) -> Self {
        Self {
            topic,
            origin: origin(&hook.url).to_owned(),
            url: Some(hook.url.clone()),
            secret: hook.secret.clone(),
            looks: 0,
            finished: None,
            answer: None,
            progress: Progress::queued(now),
        }
    }

    /// How it is kept. Once it is over, it is looked at again when it is to be forgotten; and of one that will not go anywhere any
    /// more, only where it went is kept.
    ///
    /// # Errors
    /// Never for one that this program made.
    pub fn record(
        mut self,
        id: &str,
        subject: Option<SubjectRef>,
        created: Timestamp,
        version: u64,
    ) -> Result<Record, Unreadable> {
        if matches!(self.progress.state, JobState::Completed | JobState::Cancelled) {
            (self.url, self.secret) = (None, None);
        }
        let kept = self.progress.updated.plus_days(limits::JOB_KEPT_DAYS);
        let unreadable = |why: serde_json::Error| Unreadable { what: "delivery", why: why.to_string() };
        Ok(Record {
            kind: RecordKind::Delivery,
            id: id.to_owned(),
            group: self.progress.state.name().to_owned(),
            subject,
            due: self.progress.due().or(Some(kept)),
            version,
            created,
            document: serde_json::to_string(&self).map_err(unreadable)?,
        })
    }

    /// The next version of what was kept.
    ///
    /// # Errors
    /// As [`Delivery::record`].
    pub fn next(self, held: &Record) -> Result<Record, Unreadable> {
        self.record(&held.id, held.subject, held.created, held.version + 1)
    }

    /// What was kept.
    ///
    /// # Errors
    /// When the text is not what [`Delivery::record`] writes.
    pub fn read(record: &Record) -> Result<Self, Unreadable> {
        serde_json::from_str(&record.document)
            .map_err(|why| Unreadable { what: "delivery", why: format!("{:?}", why.classify()) })
    }

    /// What is told: `id` names the event, and `memories` are those that it is about, each with how its work ended. No content ever.
    #[must_use]
    pub fn body(&self, id: &str, memories: &[(String, bool)], now: Timestamp) -> String {
        let word = |is_done: bool| if is_done { "completed" } else { "failed" };
        let all_done = memories.iter().all(|(_, is_done)| *is_done);
        let (what, batch) = match &self.topic {
            Topic::Memory(_) => ("memory", Value::Null),
            Topic::Batch(id) => ("batch", json!(id)),
        };
        let told: Vec<Value> =
            memories.iter().map(|(id, is_done)| json!({"memory_id": id, "status": word(*is_done)})).collect();
        json!({
            "event_id": id,
            "event": format!("{what}.{}", word(all_done)),
            "time": self.finished.unwrap_or(now).to_string(),
            "batch_id": batch,
            "status": word(all_done),
            "memories": told,
        })
        .to_string()
    }
}

/// A batch of memories, or the part of it that one person's are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The client that sent it.
    pub client: String,
    /// For whom it acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How many memories were sent.
    #[serde(default)]
    pub sent: usize,
    /// How many of them were refused.
    #[serde(default)]
    pub refused: usize,
    /// The memories of a part.
    #[serde(default)]
    pub memories: Vec<String>,
}

impl Batch {
    /// What a part of a batch is called.
    #[must_use]
    pub fn part_name(id: &str, number: usize) -> String {
        format!("{id}.{number}")
    }

    /// How it is kept.
    ///
    /// # Errors
    /// Never for one that this program made.
    pub fn record(
        &self,
        id: &str,
        subject: Option<SubjectRef>,
        now: Timestamp,
    ) -> Result<Record, Unreadable> {
        let unreadable = |why: serde_json::Error| Unreadable { what: "batch", why: why.to_string() };
        Ok(Record {
            kind: RecordKind::Batch,
            id: id.to_owned(),
            group: String::new(),
            subject,
            due: Some(now.plus_days(limits::BATCH_KEPT_DAYS)),
            version: 1,
            created: now,
            document: serde_json::to_string(self).map_err(unreadable)?,
        })
    }

    /// What was kept.
    ///
    /// # Errors
    /// When the text is not what [`Batch::record`] writes.
    pub fn read(record: &Record) -> Result<Self, Unreadable> {
        serde_json::from_str(&record.document)
            .map_err(|why| Unreadable { what: "batch", why: format!("{:?}", why.classify()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let check = |address: &str, expect: bool| {
            assert_eq!(is_public(address.parse().expect("an address")), expect, "{address}");
        };
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "93.184.215.14",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
        ] {
            check(public, true);
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(private, false);
            check(&format!("::ffff:{private}"), false);
            check(&format!("64:ff9b::{private}"), false);
            check(&format!("::ffff:0:{private}"), false);
            let [a, b, c, d] = private.parse::<Ipv4Addr>().expect("an address").octets();
            check(&format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"), false);
        }
    }

    #[test]
    fn addresses_of_the_next_version_are_told_apart() {
        let check = |address: &str, expect: bool| {
            assert_eq!(is_public(address.parse().expect("an address")), expect, "{address}");
        };
        for public in
            ["2606:4700::1", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
        {
            check(public, true);
        }
        for private in [
            "::",
            "::1",
            "::8.8.8.8",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "3fff::1",
            "100::1",
            "64:ff9b:1::1",
            "fd00:ec2::254",
            "4000::1",
            "5f00::1",
        ] {
            check(private, false);
        }
    }

    #[test]
    fn addresses_of_servers_are_read() {
        let check = |url: &str, expect: bool| assert_eq!(is_address(url), expect, "{url}");
        for fine in [
            "https://example.org",
            "http://example.org:8080/hook?a=b&c=%20",
            "https://a",
            "http://[::1]:80/",
            "https://127.0.0.1/x",
            "https://example.org?x",
            "https://example.org:65535/",
        ] {
            check(fine, true);
        }
        for wrong in [
            "",
            "ftp://example.org",
            "https://",
            "https://user@example.org",
            "https://u:p@example.org/",
            "https://example.org:0",
            "https://example.org:65536/",
            "https://example.org/#a",
            "https://exa mple.org",
            "https://example.org/ä",
            "//example.org",
            "https://-a.org",
            "file:///etc/passwd",
            "https://example.org\\@x",
            "https://example.org/\n",
            "HTTPS://example.org",
            "https://example.org/\"",
            "https://example.org/<a>",
        ] {
            check(wrong, false);
        }
        assert_eq!(origin("https://example.org:8080/secret?token=1"), "https://example.org:8080");
        assert_eq!(origin("https://example.org?token=1"), "https://example.org");
    }

    #[test]
    fn a_signature_is_over_time_and_body() {
        let at = Timestamp::from_unix_micros(1_700_000_000_900_000);
        // As `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret` says.
        let expect = "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163";
        assert_eq!(signature("secret", at, "{}"), expect);
        assert_ne!(sign("secret", at, "{}"), sign("secret", at, "{ }"));
        assert_ne!(sign("secret", at, "{}"), sign("other", at, "{}"));
        assert_ne!(sign("secret", at, "{}"), sign("secret", at.plus_micros(1_000_000), "{}"));
    }

    #[test]
    fn what_is_kept_comes_back_and_holds_no_secret_once_it_is_over() {
        let now = Timestamp::from_unix_micros(5);
        let hook =
            Webhook { url: "https://example.org/x?token=t0p".to_owned(), secret: Some("s3cret".to_owned()) };
        let delivery = Delivery::new(Topic::Memory("mem_1".to_owned()), &hook, now);
        assert!(!format!("{hook:?} {delivery:?}").contains("s3cret"));
        assert!(!format!("{hook:?} {delivery:?}").contains("t0p"));
        let record = delivery.clone().record("evt_1", None, now, 1).expect("a record");
        assert_eq!(Delivery::read(&record).expect("a delivery"), delivery);
        assert_eq!(record.due, Some(now));
        let cancelled = delivery.progress.step("evt_1", crate::job::Event::Cancel, now).expect("it waits");
        let over = Delivery { progress: cancelled, ..delivery }.next(&record).expect("a record");
        assert!(!over.document.contains("s3cret") && !over.document.contains("t0p"), "{}", over.document);
        assert_eq!((over.version, over.group.as_str()), (2, "cancelled"));
    }
}
