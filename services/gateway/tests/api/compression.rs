//! Answers made smaller for clients that take them so.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http::Method;
use portico_testkit::{Reply, User};
use serde_json::Value;

use crate::helpers::{ROUTES, RawUpstream, Suite};

async fn suite() -> Suite {
    Suite::with_routes(&format!("compression = true\n{ROUTES}")).await
}

/// The echo of a body of so many bytes.
async fn echo(suite: &Suite, accepted: &str, bytes: usize) -> Reply {
    let client = suite.client();
    let request = client.request(Method::POST, "/v1/large/echo").header("accept-encoding", accepted);
    client.send(request.body("a".repeat(bytes))).await
}

#[tokio::test]
async fn a_client_gets_what_it_likes_best() {
    let suite = suite().await;

    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, br;q=0.9, zstd;q=0.1", "br"),
        ("GZIP, unknown", "gzip"),
        ("br;q=0, gzip", "gzip"),
    ] {
        let reply = echo(&suite, accepted, 20_000).await;

        assert_eq!((reply.status.as_u16(), reply.header("content-encoding")), (200, coding), "{accepted}");
        assert_eq!(reply.header("vary"), "accept-encoding", "{accepted}");
        assert!(reply.bytes.len() < 2_000, "{accepted}: {} bytes", reply.bytes.len());
    }
}

#[tokio::test]
async fn what_is_made_smaller_is_the_same() {
    let suite = suite().await;

    let reply = echo(&suite, "gzip", 20_000).await;

    let mut text = String::new();
    GzDecoder::new(&reply.bytes[..]).read_to_string(&mut text).unwrap();
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(seen["body"], "a".repeat(20_000));
}

#[tokio::test]
async fn who_does_not_ask_and_what_is_small_is_left_alone() {
    let suite = suite().await;

    for (accepted, bytes) in [("identity", 20_000), ("", 20_000), ("gzip;q=0", 20_000), ("gzip", 10)] {
        let reply = echo(&suite, accepted, bytes).await;

        assert_eq!(reply.header("content-encoding"), "", "{accepted} {bytes}");
        assert_eq!(reply.body["body"], "a".repeat(bytes));
    }
}

#[tokio::test]
async fn secrets_and_what_must_stay_as_it_is_are_left_alone() {
    let upstream = RawUpstream::bind().await;
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    let suite = Suite::with_routes(&format!("compression = true\n{routes}")).await;
    let client = suite.client().with_token(suite.issuer.token(&User::customer()));

    for (headers, coding) in [
        ("Content-Type: application/json", "gzip"),
        ("Content-Type: text/html; charset=utf-8\r\nETag: W/\"a\"", "gzip"),
        ("Content-Type: application/json\r\nCache-Control: private, no-store", ""),
        ("Content-Type: application/json\r\nCache-Control: No-Transform", ""),
        ("Content-Type: application/json\r\nSet-Cookie: a=b", ""),
        ("Content-Type: application/json\r\nETag: \"a\"", ""),
        ("Content-Type: application/json\r\nContent-Encoding: br", "br"),
        ("Content-Type: text/event-stream", ""),
        ("Content-Type: image/png", ""),
        ("X-Nothing: a", ""),
    ] {
        let body = " ".repeat(4_000);
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: 4000\r\nConnection: close\r\n\r\n{body}");
        let request = client.request(Method::GET, "/v1/open/x").header("accept-encoding", "gzip");

        let (reply, _) = tokio::join!(client.send(request), upstream.answer(&answer));

        assert_eq!(reply.header("content-encoding"), coding, "{headers}");
        assert!(coding == "gzip" || reply.bytes == body.as_bytes(), "{headers}");
    }
}
