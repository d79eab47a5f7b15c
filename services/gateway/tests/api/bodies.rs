//! Bodies pass as they come, both ways, as far as they are allowed to.

use std::time::Duration;

use http::Method;
use tokio::time::timeout;

use crate::helpers::{ROUTES, RawUpstream, Suite};

#[tokio::test]
async fn the_first_piece_of_an_answer_arrives_before_the_last_is_made() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;

    let head = connection.read_head().await;
    assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(connection.read(10).await, b"5\r\nfirst\r\n");
    suite.upstream.go_on();
    assert_eq!(connection.read(11).await, b"6\r\nsecond\r\n");
    assert_eq!(connection.read(5).await, b"0\r\n\r\n");
}

#[tokio::test]
async fn the_first_piece_of_a_body_arrives_before_the_last_is_sent() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut client = suite.connect().await;

    client.write("POST /v1/open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst").await;
    let (mut service, head) = upstream.next_request().await;
    assert!(head.to_ascii_lowercase().contains("content-length: 10"), "{head}");
    assert_eq!(service.read(5).await, b"first");
    client.write("last.").await;
    assert_eq!(service.read(5).await, b"last.");
    service.write("HTTP/1.1 204 No Content\r\n\r\n").await;

    assert!(client.read_head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_large_body_passes() {
    let suite = Suite::start().await;
    let request = suite.client().request(Method::POST, "/v1/large/count").body(vec![b'x'; 32 << 20]);

    let reply = suite.client().send(request).await;

    assert_eq!(reply.bytes, (32 << 20).to_string().as_bytes());
}

#[tokio::test]
async fn a_body_waits_for_its_reader_and_is_not_gathered() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut client = suite.connect().await;
    client.write("POST /v1/large/x HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n").await;
    let (_service_that_does_not_read, _) = upstream.next_request().await;

    let mut written = 0;
    let chunk = vec![b'x'; 1 << 20];
    while timeout(Duration::from_secs(1), client.write(&chunk)).await.is_ok() {
        written += chunk.len();
        assert!(written < 64 << 20, "the gateway takes what nobody reads");
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_forwarded() {
    let suite = Suite::start().await;
    let post = |size: usize| suite.client().request(Method::POST, "/v1/small/echo").body("x".repeat(size));

    let too_large = suite.client().send(post(1001)).await;
    assert_eq!(suite.upstream.hits(), 0);
    let largest = suite.client().send(post(1000)).await;

    too_large.assert_problem(413, "body_too_large");
    assert_eq!(largest.status, 200);
    assert_eq!(largest.body["body"].as_str().map(str::len), Some(1000));
}

#[tokio::test]
async fn a_client_that_reads_only_after_its_large_body_hears_the_refusal() {
    let suite = Suite::start().await;
    let body = vec![b'x'; 16 << 20];

    for (path, status) in [("/v1/small/x", 413), ("/v1/closed/x", 401), ("/nowhere", 404)] {
        let mut connection = suite.connect().await;
        connection.write(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())).await;
        connection.write(&body).await;

        assert!(connection.read_head().await.starts_with(&format!("HTTP/1.1 {status} ")), "{path}");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_cut_off() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    connection.write("POST /v1/small/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));

    connection.write(format!("{chunk}{chunk}1\r\nx\r\n")).await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_chunked_body_of_the_largest_size_passes() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    connection.write("POST /v1/small/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));

    connection.write(format!("{chunk}{chunk}0\r\n\r\n")).await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(connection.read(4).await, b"1000");
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    let head = "POST /v1/small/count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";

    connection.write(format!("{head}Content-Length: 4\r\n\r\n")).await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.write("body").await;
    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(connection.read(1).await, b"4");
}

#[tokio::test]
async fn a_client_that_waits_for_100_hears_a_refusal_instead() {
    let suite = Suite::start().await;
    let head = "Host: a\r\nExpect: 100-continue\r\n";

    let mut unauthenticated = suite.connect().await;
    unauthenticated.write(format!("POST /v1/closed/count HTTP/1.1\r\n{head}Content-Length: 4\r\n\r\n")).await;
    let mut too_large = suite.connect().await;
    too_large.write(format!("POST /v1/small/count HTTP/1.1\r\n{head}Content-Length: 1001\r\n\r\n")).await;

    assert!(unauthenticated.read_head().await.starts_with("HTTP/1.1 401 "));
    assert!(too_large.read_head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_service_may_answer_before_it_has_read_the_body() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("POST /v1/open/early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome").await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 418 "));
}

#[tokio::test]
async fn a_body_that_is_not_well_formed_is_the_client_s_fault() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    connection.write("POST /v1/open/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;

    connection.write("5\r\nhello\r\nnonsense\r\n").await;

    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

#[tokio::test]
async fn trailers_pass_but_for_those_that_name_a_caller() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    let head = "POST /v1/open/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Sum, X-User-Id\r\n";

    connection.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    connection.write("2\r\nhi\r\n0\r\nX-Sum: 7\r\nX-User-Id: forged\r\n\r\n").await;

    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let echo: serde_json::Value = serde_json::from_slice(&connection.read_to_end().await).unwrap();
    assert_eq!(echo["body"], "hi");
    assert_eq!(echo["trailers"], serde_json::json!(["x-sum"]));
}

#[tokio::test]
async fn an_answer_s_trailers_reach_a_client_that_takes_them() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/x HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te, close\r\n\r\n").await;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    let asked = upstream.answer(&format!("{head}2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")).await;

    assert!(asked.to_ascii_lowercase().contains("\r\nte: trailers\r\n"), "{asked}");
    assert!(connection.read_head().await.to_ascii_lowercase().contains("trailer: x-sum"));
    let body = String::from_utf8(connection.read_to_end().await).unwrap().to_ascii_lowercase();
    assert_eq!(body, "2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n");
}

#[tokio::test]
async fn an_event_arrives_while_the_service_holds_the_stream_open() {
    let upstream = RawUpstream::bind().await;
    let routes = format!("compression = true\n{ROUTES}").replace("UPSTREAM", &upstream.address.to_string());
    let suite = Suite::with_routes(&routes).await;
    let mut client = suite.connect().await;

    client
        .write("GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip, br\r\n\r\n")
        .await;
    let (mut service, _) = upstream.next_request().await;
    service.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let head = client.read_head().await.to_ascii_lowercase();

    assert!(head.contains("content-type: text/event-stream") && !head.contains("content-encoding"), "{head}");
    for number in 0..3 {
        let event = format!("9\r\ndata: {number}\n\n\r\n");
        service.write(&event).await;
        assert_eq!(client.read(event.len()).await, event.as_bytes());
    }
}
