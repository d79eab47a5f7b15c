//! Services that are away, slow or broken, and clients that leave: each is told apart.

use std::time::{Duration, Instant};

use http::Method;
use portico_gateway::ProxyConfig;

use crate::helpers::{ROUTES, RawUpstream, Suite};

/// A suite whose service is written by the test, byte for byte.
async fn raw_suite() -> (RawUpstream, Suite) {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    (upstream, suite)
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_504() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/v1/quick/hang").await;

    reply.assert_problem(504, "upstream_timeout");
    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn an_exchange_over_its_time_is_504() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/v1/short/hang").await;

    reply.assert_problem(504, "upstream_timeout");
    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn an_answer_that_pauses_for_too_long_is_cut() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/quick/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
    // No last chunk: the client can tell that it is not the whole.
    assert_eq!(connection.read_to_end().await, b"5\r\nfirst\r\n");
    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn an_answer_over_its_time_is_cut() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/short/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(connection.read_to_end().await, b"5\r\nfirst\r\n");
    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn a_client_that_stops_within_its_body_is_told_so() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("POST /v1/quick/count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;

    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_502() {
    let routes = ROUTES.replace("UPSTREAM", &portico_testkit::closed_port().to_string());
    let suite = Suite::with_routes(&routes).await;

    let reply = suite.client().get("/v1/open/echo").await;

    reply.assert_problem(502, "upstream_unreachable");
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_502() {
    let routes = ROUTES.replace("UPSTREAM", "nowhere.invalid:80");
    let suite = Suite::with(&routes, ProxyConfig::default()).await;

    let reply = suite.client().get("/v1/open/echo").await;

    reply.assert_problem(502, "upstream_unreachable");
}

#[tokio::test]
async fn a_service_that_does_not_speak_http_is_502() {
    let (upstream, suite) = raw_suite().await;

    for nonsense in
        ["", "garbage\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"]
    {
        let (client, answering) = (suite.client(), upstream.answer(nonsense));
        let (reply, _) = tokio::join!(client.get("/v1/open/x"), answering);

        reply.assert_problem(502, "upstream_broken");
        assert!(!String::from_utf8(reply.bytes).unwrap().contains("127.0.0.1"), "no address is told");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_to_look_whole() {
    let (upstream, suite) = raw_suite().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;

    assert!(connection.read_head().await.contains("content-length: 10"));
    assert_eq!(connection.read_to_end().await, b"half");
}

#[tokio::test]
async fn a_request_is_given_up_when_its_client_leaves() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    suite.upstream.arrived().await;
    drop(connection);

    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn an_answer_is_given_up_when_its_client_leaves() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    connection.read_head().await;
    assert_eq!(connection.read(10).await, b"5\r\nfirst\r\n");
    drop(connection);

    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn a_half_sent_request_is_given_up_when_its_client_leaves() {
    let (upstream, suite) = raw_suite().await;
    let mut client = suite.connect().await;
    client.write("POST /v1/open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    let (mut service, _) = upstream.next_request().await;
    assert_eq!(service.read(4).await, b"half");

    drop(client);

    service.closed().await;
}

#[tokio::test]
async fn a_connection_the_service_has_closed_is_not_used_again() {
    let (upstream, suite) = raw_suite().await;
    let client = suite.client();

    for _ in 0..3 {
        let answering = upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let request = client.request(Method::POST, "/v1/open/x").body("b");
        let (reply, _) = tokio::join!(client.send(request), answering);

        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn a_service_is_told_how_long_it_is_waited_for_and_then_left() {
    let upstream = RawUpstream::bind().await;
    let routes = ROUTES.replace("timeout_secs = 0.3\nidle", "timeout_secs = 1\nidle");
    let suite = Suite::with_routes(&routes.replace("UPSTREAM", &upstream.address.to_string())).await;
    let began = Instant::now();
    let (client, asked) = (suite.client(), upstream.next_request());

    let (reply, (mut service, head)) = tokio::join!(client.get("/v1/quick/x"), asked);
    let took = began.elapsed();

    reply.assert_problem(504, "upstream_timeout");
    assert!((Duration::from_secs(1)..Duration::from_secs(3)).contains(&took), "{took:?}");
    let head = head.to_ascii_lowercase();
    let told = head.lines().find_map(|line| line.strip_prefix("x-portico-deadline-ms: ")).expect("the time left");
    assert!((1..=1_000).contains(&told.parse::<u64>().unwrap()), "{told}");
    service.closed().await;
}
