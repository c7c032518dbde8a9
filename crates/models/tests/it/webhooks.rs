//! What clients' servers are sent, and what is not reached.

use memoryscope_engine::notify::{Message, Notifier as _, Undelivered};
use memoryscope_models::HttpNotifier;

use super::endpoint::{Played, Reply};

fn message(url: &str) -> Message {
    Message {
        event_id: "evt_1".to_owned(),
        url: url.to_owned(),
        signature: Some(("memoryscope-signature", "t=1,v1=00".to_owned())),
        body: "{\"event\":\"memory.completed\"}".to_owned(),
    }
}

fn says(status: u16, headers: &'static str, body: &str) -> Reply {
    Reply::Says(status, headers, body.to_owned())
}

const OPEN: HttpNotifier = HttpNotifier { allows_private: true };
const CLOSED: HttpNotifier = HttpNotifier { allows_private: false };

#[tokio::test]
async fn a_message_is_one_request_with_its_headers() {
    let played = Played::new(vec![says(204, "", "")]);
    let url = format!("http://{}/hook?a=b", played.address);
    assert_eq!(OPEN.send(&message(&url)).await, Ok(204));
    let asked = played.asked();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    let head = asked.head.to_ascii_lowercase();
    assert!(head.starts_with("post /hook?a=b http/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/json",
        "memoryscope-event-id: evt_1",
        "memoryscope-hop: 1",
        "memoryscope-signature: t=1,v1=00",
    ] {
        assert!(head.lines().any(|of| of == line), "{line} {head}");
    }
    assert_eq!(asked.body["event"], "memory.completed");
}

#[tokio::test]
async fn redirects_are_not_followed_and_answers_are_not_read() {
    let elsewhere = Played::new(vec![says(200, "", "")]);
    let headers: &'static str =
        Box::leak(format!("location: http://{}/\r\n", elsewhere.address).into_boxed_str());
    let large = "x".repeat(4 * 1_024 * 1_024);
    let played = Played::new(vec![says(302, headers, ""), says(307, headers, ""), says(500, "", &large)]);
    let url = format!("http://{}", played.address);
    for expect in [302, 307, 500] {
        assert_eq!(OPEN.send(&message(&url)).await, Ok(expect));
    }
    assert_eq!(OPEN.send(&message(&url)).await.map_err(|why| why.is_final), Err(false));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn this_machine_and_its_networks_are_not_reached_unless_that_is_allowed() {
    let played = Played::new(vec![says(200, "", "")]);
    let port = played.address.port();
    let refused = Err(Undelivered { reason: "address_refused", is_final: true });
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "0.0.0.0",
        "[::]",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
    ] {
        assert_eq!(CLOSED.send(&message(&format!("http://{host}:{port}/"))).await, refused, "{host}");
    }
    for url in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "file:///etc/passwd", ""] {
        assert_eq!(CLOSED.send(&message(url)).await, refused, "{url}");
    }
    assert!(played.asked().is_empty());
    assert_eq!(OPEN.send(&message(&format!("http://127.0.0.1:{port}/"))).await, Ok(200));
}
