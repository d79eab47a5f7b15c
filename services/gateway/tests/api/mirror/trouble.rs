//! Mirrors that are slow, away or strange, and bodies that are not copied.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;

use super::{mirrored, routes};
use crate::helpers::{Connection, PATIENCE, Play, PlayedUpstream, RawUpstream, StrictUpstream, Suite, Upstream, until};

async fn suite(mirror: SocketAddr) -> Suite {
    Suite::with_routes(&routes(&mirror.to_string(), "100")).await
}

#[tokio::test]
async fn a_mirror_that_hangs_gets_no_more_than_it_may_have_and_no_client_waits() {
    let never = Play { after: Duration::from_hours(1), ..Play::WELL };
    let mirror = PlayedUpstream::start(move |_| never).await;
    let suite = suite(mirror.address).await;
    let client = suite.client();

    for _ in 0..400 {
        assert_eq!(client.get("/v1/shop/echo").await.status, 200);
    }

    // A worker may have 64, and there are two.
    let sent = 400 - mirrored(&suite, "skipped").await;
    assert!((64..=128).contains(&sent), "{sent} of 400");
    until("what was sent", PATIENCE, async || mirror.hits() == sent).await;
    assert_eq!(suite.upstream.hits(), 400);
}

#[tokio::test]
async fn bodies_for_a_mirror_that_hangs_are_not_gathered_without_end() {
    let never = Play { after: Duration::from_hours(1), ..Play::WELL };
    let mirror = PlayedUpstream::start(move |_| never).await;
    let suite = suite(mirror.address).await;
    let client = suite.client();

    for _ in 0..40 {
        let request = client.request(Method::POST, "/v1/shop/count").body(vec![b'x'; 1 << 20]);
        assert_eq!(client.send(request).await.bytes, (1 << 20).to_string().as_bytes());
    }

    // A worker may hold 16 MiB.
    let sent = 40 - mirrored(&suite, "skipped").await;
    assert!((16..=32).contains(&sent), "{sent} of 40");
}

#[tokio::test]
async fn a_mirror_that_has_all_it_can_do_for_its_own_clients_gets_no_copies() {
    let mirror = Upstream::start().await;
    let next = format!(
        "[services.next]\nurl = \"http://{0}\"\nport = 3\ninternal_port = 4\n\
         [[routes]]\nprefix = \"/v1/next\"\nservice = \"next\"\ntoken = \"optional\"\n",
        mirror.address
    );
    let by_url = format!("url = \"http://{}\"", mirror.address);
    let to_shop = routes(&mirror.address.to_string(), "100").replace(&by_url, "service = \"next\"");
    let suite = Suite::with_routes(&format!("{to_shop}\n{next}")).await;

    let mut clients = Vec::new();
    for _ in 0..128 {
        let mut client = suite.connect().await;
        client.write("GET /v1/next/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
    }
    until("a busy mirror", PATIENCE, async || mirror.hits() == 128).await;
    let reply = suite.client().get("/v1/shop/echo").await;

    assert_eq!(reply.status, 200);
    assert_eq!((mirrored(&suite, "skipped").await, mirror.hits()), (1, 128));
}

#[tokio::test]
async fn a_mirror_that_is_not_there_is_not_noticed() {
    let suite = suite(portico_testkit::closed_port()).await;
    let client = suite.client();

    for _ in 0..50 {
        assert_eq!(client.get("/v1/shop/echo").await.status, 200);
    }

    until("failed copies", PATIENCE, async || mirrored(&suite, "failed").await == 50).await;
}

#[tokio::test]
async fn a_mirror_that_fails_is_asked_once_for_each_request() {
    const UNWELL: Play = Play { answer: "HTTP/1.1 503 Service Unavailable\r\n", ..Play::WELL };
    let mirror = PlayedUpstream::start(|_| UNWELL).await;
    let suite = suite(mirror.address).await;
    let client = suite.client();

    for _ in 0..50 {
        assert_eq!(client.get("/v1/shop/echo").await.status, 200);
    }

    until("answered copies", PATIENCE, async || mirrored(&suite, "answered").await == 50).await;
    assert_eq!((mirror.hits(), suite.upstream.hits()), (50, 50));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let mirror = RawUpstream::bind().await;
    let suite = suite(mirror.address).await;

    let reply = suite.client().get("/v1/shop/echo").await;
    let (mut copy, _) = mirror.next_request().await;
    copy.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
    let (piece, mut written) = (vec![b'x'; 1 << 20], 0);
    while copy.try_write(&piece).await.is_ok() {
        written += piece.len();
        assert!(written < 64 << 20, "the gateway reads on");
    }

    assert_eq!(reply.status, 200);
    until("an answered copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;
}

#[tokio::test]
async fn a_large_body_arrives_whole_and_its_copy_is_given_up() {
    let mirror = StrictUpstream::start().await;
    let suite = suite(mirror.address).await;
    let large = (1 << 20) + 1;

    let says_so = suite.client().request(Method::POST, "/v1/shop/count").body(vec![b'x'; large]);
    let says_so = suite.client().send(says_so).await;
    let mut client = suite.connect().await;
    client.write("POST /v1/shop/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.write(format!("{large:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(large))).await;
    let head = client.read_head().await;

    assert_eq!(says_so.bytes, large.to_string().as_bytes());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(client.read(7).await, large.to_string().as_bytes());
    assert_eq!((mirrored(&suite, "too_large").await, mirror.count()), (2, 0));
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_copied() {
    let mirror = StrictUpstream::start().await;
    let suite = suite(mirror.address).await;

    let request = suite.client().request(Method::POST, "/v1/shop/count").body(vec![b'x'; 1 << 20]);
    suite.client().send(request).await;
    until("an answered copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;

    assert_eq!(mirror.since(0)[0].body.len(), 1 << 20);
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_ends_the_copy() {
    let mirror = StrictUpstream::start().await;
    let suite = suite(mirror.address).await;
    let mut client = Connection::open(suite.gateway.public).await;

    client.write("POST /v1/shop/count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    suite.upstream.arrived().await;
    drop(client);

    until("the end of the copy", PATIENCE, async || mirrored(&suite, "incomplete").await == 1).await;
    assert_eq!(mirror.count(), 0);
}
