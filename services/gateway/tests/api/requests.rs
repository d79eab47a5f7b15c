//! Forms of requests: methods, targets, hosts, upgrades.

use http::{Method, StatusCode};

use crate::helpers::Suite;

#[tokio::test]
async fn a_service_s_answer_comes_back_as_it_is() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/v1/open/teapot").await;

    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(reply.header("x-brew"), "tea");
    assert_eq!(reply.bytes, b"short and stout");
    assert_ne!(reply.header("x-request-id"), "");
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let suite = Suite::start().await;

    let head = suite.raw("HEAD /v1/open/teapot HTTP/1.1\nHost: a").await;

    assert_eq!(head.status, 418);
    assert_eq!(head.header("content-length"), ["15"]);
    assert_eq!(head.body, b"");
}

#[tokio::test]
async fn a_path_nobody_answers_is_a_problem() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/v2/anything").await;

    reply.assert_problem(404, "route_not_found");
    assert_eq!(reply.body["instance"], "/v2/anything");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn own_paths_are_only_read() {
    let suite = Suite::start().await;
    let client = suite.client();

    for path in ["/", "/healthz", "/openapi.json", "/docs/", "/problems", "/problems/internal"] {
        let reply = client.send(client.request(Method::POST, path)).await;

        reply.assert_problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), "GET, HEAD", "{path}");
    }
}

#[tokio::test]
async fn methods_and_targets_for_other_kinds_of_servers_are_refused() {
    let suite = Suite::start().await;

    for (request, status, code) in [
        ("TRACE /v1/open/echo HTTP/1.1\nHost: a", 405, "method_not_allowed"),
        ("CONNECT a:443 HTTP/1.1\nHost: a:443", 405, "method_not_allowed"),
        ("GET * HTTP/1.1\nHost: a", 400, "invalid_target"),
        ("GET ftp://a/v1/open/echo HTTP/1.1\nHost: a", 400, "invalid_request"),
        ("GET http://b/v1/open/echo HTTP/1.1\nHost: a", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nAccept: a", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nHost: a\nHost: b", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nHost: a@b", 400, "invalid_request"),
        ("GET /v1/open/echo?q=\u{fc} HTTP/1.1\nHost: a", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nHost: a\nTransfer_Encoding: chunked", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nHost: a\nContent.Length: 1", 400, "invalid_request"),
        ("GET /v1/open/echo HTTP/1.1\nHost: a\nExpect: a-lot", 417, "expectation_failed"),
        ("GET /v1/open/echo HTTP/1.2\nHost: a", 505, "version_not_supported"),
    ] {
        let reply = suite.raw(request).await;

        assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{request}");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn an_absolute_target_is_taken_by_its_path() {
    let suite = Suite::start().await;

    let reply = suite.raw("GET http://shop.example/v1/open/echo?a=b HTTP/1.1\nHost: shop.example").await;

    assert_eq!(reply.json()["target"], "/v1/open/echo?a=b");
}

#[tokio::test]
async fn options_for_the_server_as_a_whole_are_told() {
    let suite = Suite::start().await;

    let reply = suite.raw("OPTIONS * HTTP/1.1\nHost: a").await;

    assert_eq!(reply.status, 204);
    assert!(reply.header("allow")[0].contains("patch"));
}

#[tokio::test]
async fn an_old_client_without_a_host_is_served() {
    let suite = Suite::start().await;

    let reply = suite.raw("GET /v1/open/teapot HTTP/1.0").await;

    assert_eq!(reply.status, 418);
    assert_eq!(reply.body, b"short and stout");
}

#[tokio::test]
async fn upgrades_to_anything_but_a_websocket_are_ignored() {
    let suite = Suite::start().await;

    let other = suite.raw("GET /v1/open/echo HTTP/1.1\nHost: a\nUpgrade: h2c").await;

    assert_eq!(other.status, 200);
    assert!(!String::from_utf8(other.body).unwrap().to_lowercase().contains("upgrade"));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    for _ in 0..3 {
        connection.write("GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\n\r\n").await;

        let head = connection.read_head().await;
        assert!(head.starts_with("HTTP/1.1 418 "), "{head}");
        assert_eq!(connection.read(15).await, b"short and stout");
    }
    assert_eq!(suite.upstream.hits(), 3);
}
