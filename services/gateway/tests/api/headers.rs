//! Which headers reach a service and which reach the client.

use http::Method;
use portico_gateway::ProxyConfig;
use serde_json::Value;

use crate::helpers::{ROUTES, RawUpstream, Suite, start_gateway};

/// The values with which a header arrived.
fn arrived<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echo["headers"].as_array().expect("an echo");
    headers.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

#[tokio::test]
async fn no_spelling_of_an_identity_header_arrives() {
    let suite = Suite::start().await;
    let forged = [
        "X-User-Id",
        "x-user-id",
        "X_USER_ID",
        "X.User.Id",
        "x-user_id",
        "X-User.Id",
        "X-Caller-Id",
        "X_Caller_Roles",
        "X-Auth-Subject",
        "x.auth.request.email",
        "X-Authenticated-User",
        "X-Forwarded-User",
        "X_Forwarded_For",
        "X-Forwarded.Host",
        "Forwarded",
        "X-Real-IP",
        "X_Real_IP",
        "True-Client-IP",
        "X-Portico-Admin",
        "x_portico_admin",
        "Remote-User",
        "REMOTE_USER",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Consumer-Username",
        "Proxy",
        "X_Request_Id",
        "Proxy_Authorization",
    ];
    let lines: Vec<String> = forged.iter().map(|name| format!("{name}: forged")).collect();

    for route in ["open", "guest"] {
        let reply = suite.raw(&format!("GET /v1/{route}/echo HTTP/1.1\nHost: a\n{}", lines.join("\n"))).await;

        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.body).unwrap();
        assert!(!text.contains("forged"), "{route}: {text}");
    }
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_gateway() {
    let suite = Suite::start().await;
    let lines = "Keep-Alive: hop\nProxy-Connection: hop\nTE: hop\nUpgrade: hop\nHTTP2-Settings: hop\n\
                 Proxy-Authorization: hop\nProxy-Authenticate: hop\nX-Nominated: hop\nX-Other: hop\n\
                 Connection: x-nominated, X-OTHER\nX-End-To-End: kept";

    let reply = suite.raw(&format!("GET /v1/open/echo HTTP/1.1\nHost: a\n{lines}")).await;

    let echo = reply.json();
    assert_eq!(arrived(&echo, "x-end-to-end"), ["kept"]);
    assert!(arrived(&echo, "connection").is_empty());
    assert!(!echo.to_string().contains("hop"), "{echo}");
}

#[tokio::test]
async fn an_answer_s_hop_by_hop_headers_end_at_the_gateway() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let answering = upstream.answer(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, x-inside\r\nKeep-Alive: timeout=5\r\n\
         X-Inside: hop\r\nProxy-Authenticate: hop\r\nX-Request-Id: theirs\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok",
    );
    let asking = suite.raw("GET /v1/open/x HTTP/1.1\nHost: a\nX-Request-Id: mine");

    let (_, reply) = tokio::join!(answering, asking);

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, b"ok");
    assert!(!reply.head.contains("hop") && !reply.head.contains("timeout=5"), "{}", reply.head);
    assert_eq!(reply.header("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(reply.header("x-request-id"), ["mine"]);
}

#[tokio::test]
async fn the_gateway_says_where_a_request_came_from() {
    let suite = Suite::start().await;
    let forged = "X-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.test";

    let reply = suite.raw(&format!("GET /v1/open/echo HTTP/1.1\nHost: shop.example:8080\n{forged}")).await;

    let echo = reply.json();
    assert_eq!(arrived(&echo, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(arrived(&echo, "x-forwarded-proto"), ["http"]);
    assert_eq!(arrived(&echo, "x-forwarded-host"), ["shop.example:8080"]);
    assert_eq!(arrived(&echo, "host"), [suite.upstream.address.to_string()]);
}

#[tokio::test]
async fn as_much_is_believed_as_there_are_trusted_hops() {
    let suite = Suite::with(ROUTES, ProxyConfig { trusted_hops: 1, ..ProxyConfig::default() }).await;
    let lines = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\nX-Forwarded-Proto: https";

    let reply = suite.raw(&format!("GET /v1/open/echo HTTP/1.1\nHost: a\n{lines}")).await;

    let echo = reply.json();
    assert_eq!(arrived(&echo, "x-forwarded-for"), ["203.0.113.7, 127.0.0.1"]);
    assert_eq!(arrived(&echo, "x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn a_request_has_one_id_here_and_at_the_service() {
    let suite = Suite::start().await;

    let made = suite.client().get("/v1/open/echo").await;
    let given = suite.raw("GET /v1/open/echo HTTP/1.1\nHost: a\nX-Request-Id: order-42").await;
    let bad = suite.raw("GET /v1/open/echo HTTP/1.1\nHost: a\nX-Request-Id: no spaces").await;

    assert_eq!(arrived(&made.body, "x-request-id"), [made.header("x-request-id")]);
    assert_eq!(given.header("x-request-id"), ["order-42"]);
    assert_eq!(arrived(&given.json(), "x-request-id"), ["order-42"]);
    assert_eq!(arrived(&bad.json(), "x-request-id"), bad.header("x-request-id"));
    assert_ne!(bad.header("x-request-id"), ["no spaces"]);
}

#[tokio::test]
async fn a_trace_is_joined_and_an_invalid_one_started_anew() {
    let suite = Suite::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let ask = async |parent: &str| {
        let lines = format!("traceparent: {parent}\ntracestate: a=1");
        suite.raw(&format!("GET /v1/open/echo HTTP/1.1\nHost: a\n{lines}")).await.json()
    };

    let joined = ask(&format!("00-{trace}-b7ad6b7169203331-01")).await;
    let invalid = ask("00-nonsense-b7ad6b7169203331-01").await;

    let parent = arrived(&joined, "traceparent");
    assert!(parent.len() == 1 && parent[0].starts_with(&format!("00-{trace}-")), "{parent:?}");
    assert!(!parent[0].contains("b7ad6b7169203331"), "its own span");
    assert_eq!(arrived(&joined, "tracestate"), ["a=1"]);
    assert_eq!(arrived(&invalid, "traceparent")[0].len(), 55);
    assert!(arrived(&invalid, "tracestate").is_empty());
}

#[tokio::test]
async fn everything_else_arrives_as_it_was_sent() {
    let suite = Suite::start().await;
    let request = suite.client().request(Method::PATCH, "/v1/open/echo");
    let request = request.header("if-match", "\"1\"").header("idempotency-key", "k").header("x-api-key", "s");
    let request = request.header("content-type", "application/merge-patch+json").body("{}");

    let reply = suite.client().send(request).await;

    assert_eq!(reply.body["method"], "PATCH");
    assert_eq!(reply.body["body"], "{}");
    for (name, value) in [
        ("if-match", "\"1\""),
        ("idempotency-key", "k"),
        ("x-api-key", "s"),
        ("content-type", "application/merge-patch+json"),
        ("content-length", "2"),
    ] {
        assert_eq!(arrived(&reply.body, name), [value], "{name}");
    }
}

#[tokio::test]
async fn a_gateway_can_be_started_on_an_address_given_later() {
    let suite = Suite::start().await;
    let routes = ROUTES.replace("UPSTREAM", &suite.upstream.address.to_string());

    let second = start_gateway(&routes, ProxyConfig::default(), suite.issuer.config()).await;

    assert_eq!(second.client().get("/v1/open/echo").await.status, 200);
}
