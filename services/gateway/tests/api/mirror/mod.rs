//! A share of a route's requests that another service gets a copy of, which no client notices.

mod trouble;

use http::{Method, Request};
use http_body_util::Full;
use portico_testkit::Client;

use crate::helpers::{Arrival, Connection, PATIENCE, StrictUpstream, Suite, until};
use crate::http2;

/// A route to `shop` at `UPSTREAM`, of which `MIRROR` gets copies of so many of a hundred requests.
fn routes(mirror: &str, percent: &str) -> String {
    format!(
        r#"
        [services.shop]
        url = "http://UPSTREAM"
        port = 1
        internal_port = 2

        [[routes]]
        prefix = "/v1/shop"
        service = "shop"
        token = "optional"
        body_limit_bytes = 100_000_000
        timeout_secs = 10
        mirror = {{ url = "http://{mirror}", percent = {percent} }}
        "#
    )
}

/// How many copies ended so.
async fn mirrored(suite: &Suite, result: &str) -> usize {
    let text = String::from_utf8(Client::new(suite.gateway.internal).get("/metrics").await.bytes).expect("text");
    let series = format!("portico_gateway_mirrored_total{{route=\"/v1/shop\",result=\"{result}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap_or_default()
}

/// Two services that read by the letter, of which the second gets copies, and what each of them gets of `request`.
async fn both_get(request: &[u8]) -> [Arrival; 2] {
    let (service, mirror) = (StrictUpstream::start().await, StrictUpstream::start().await);
    let text = routes(&mirror.address.to_string(), "100").replace("UPSTREAM", &service.address.to_string());
    let suite = Suite::with_routes(&text).await;
    let mut client = Connection::open(suite.gateway.public).await;
    client.write(request).await;
    let mut head = client.read_head().await;
    if head.starts_with("HTTP/1.1 100 ") {
        head = client.read_head().await;
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    until("an answered copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;
    assert_eq!((service.complaints(), mirror.complaints()), (vec![], vec![]));
    [service.since(0).remove(0), mirror.since(0).remove(0)]
}

/// The fields that are the same for both.
fn shared(arrival: &Arrival) -> Vec<(String, String)> {
    let own = ["host", "x-portico-deadline-ms", "content-length", "transfer-encoding"];
    let mut fields = arrival.fields.clone();
    fields.retain(|(name, _)| !own.contains(&name.as_str()));
    fields
}

#[tokio::test]
async fn a_mirror_gets_the_same_request_byte_for_byte() {
    let head = "PATCH /v1/shop/a%20b?c=%C3%A4&d HTTP/1.1\r\nHost: a\r\nX-Odd: \u{e4}\r\nX-Twice: 1\r\nX-Twice: 2\r\n\
                Cookie: a=b\r\nX-Api-Key: k\r\nX-User-Id: forged\r\nExpect: 100-continue\r\nContent-Length: 512\r\n\r\n";
    let body: Vec<u8> = (0..=255).chain(0..=255).collect();

    let [original, copy] = both_get(&[head.as_bytes(), &body].concat()).await;

    assert!(original.is_whole && copy.is_whole);
    assert_eq!((&copy.method, &copy.target), (&original.method, &original.target));
    assert_eq!(copy.target, "/v1/shop/a%20b?c=%C3%A4&d");
    assert_eq!((&copy.body, &original.body), (&body, &body));
    assert_eq!(shared(&copy), shared(&original));
    assert_eq!(copy.field("content-length"), Some("512"));
    let deadline: u64 = copy.field("x-portico-deadline-ms").unwrap().parse().unwrap();
    assert!((9_000..=10_000).contains(&deadline), "{deadline}");
}

#[tokio::test]
async fn a_mirror_gets_a_body_of_pieces_and_one_of_none_whole() {
    let head = "POST /v1/shop/x HTTP/1.1\r\nHost: a\r\n";
    let cases = [
        ("Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n yo\r\n0\r\n\r\n", "hi yo"),
        ("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n", "hi"),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        ("Content-Length: 0\r\n\r\n", ""),
    ];

    for (rest, body) in cases {
        let [original, copy] = both_get(format!("{head}{rest}").as_bytes()).await;

        assert!(original.is_whole && copy.is_whole);
        assert_eq!((&copy.body[..], &original.body[..]), (body.as_bytes(), body.as_bytes()));
        assert_eq!(shared(&copy), shared(&original));
    }
}

#[tokio::test]
async fn a_mirror_gets_what_comes_by_http2() {
    let mirror = StrictUpstream::start().await;
    let suite = Suite::with_routes(&routes(&mirror.address.to_string(), "100")).await;
    let request = Request::post("http://a/v1/shop/echo").body(Full::from("two"));

    let reply = http2::exchange(http2::connect(&suite).await, request.unwrap()).await;
    until("an answered copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;

    assert_eq!(reply.status(), 200);
    assert_eq!((mirror.complaints(), &mirror.since(0)[0].body[..]), (vec![], &b"two"[..]));
}

#[tokio::test]
async fn a_mirror_gets_its_share_of_all_methods() {
    for (percent, expected) in [("0", 0), ("100", 50)] {
        let mirror = StrictUpstream::start().await;
        let suite = Suite::with_routes(&routes(&mirror.address.to_string(), percent)).await;
        let client = suite.client();

        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            for _ in 0..10 {
                assert_eq!(client.send(client.request(method.clone(), "/v1/shop/echo")).await.status, 200);
            }
        }
        until("all copies", PATIENCE, async || mirrored(&suite, "answered").await == expected).await;

        assert_eq!((mirror.count(), suite.upstream.hits()), (expected, 50));
    }
}

#[tokio::test]
async fn web_sockets_are_not_copied() {
    let mirror = StrictUpstream::start().await;
    let suite = Suite::with_routes(&routes(&mirror.address.to_string(), "100")).await;
    let upgrade = "GET /v1/shop/echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    let mut client = suite.connect().await;
    client.write(upgrade).await;
    client.read_head().await;
    suite.client().get("/v1/shop/after").await;
    until("the one copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;

    assert_eq!((mirror.count(), mirror.since(0)[0].target.as_str()), (1, "/v1/shop/after"));
}

#[tokio::test]
async fn what_the_gateway_refuses_is_not_copied() {
    let mirror = StrictUpstream::start().await;
    let suite = Suite::with_routes(&routes(&mirror.address.to_string(), "100")).await;

    suite.client().with_token("x").get("/v1/shop/echo").await.assert_problem(401, "invalid_token");
    suite.client().get("/v1/shop/echo").await;
    until("the one copy", PATIENCE, async || mirrored(&suite, "answered").await == 1).await;

    assert_eq!(mirror.count(), 1);
}
