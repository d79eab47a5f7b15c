//! Pages that call from a browser.

use http::Method;
use portico_testkit::{Client, Reply};

use crate::helpers::{ROUTES, Suite};

const POLICY: &str = r#"
[cors]
origins = ["https://shop.example", "http://localhost:5173"]
"#;
const ORIGIN: &str = "https://shop.example";

async fn suite() -> Suite {
    Suite::with_routes(&format!("{POLICY}{ROUTES}")).await
}

async fn preflight(client: &Client, origin: &str, path: &str) -> Reply {
    let request = client.request(Method::OPTIONS, path).header("origin", origin);
    client.send(request.header("access-control-request-method", "POST")).await
}

async fn get(client: &Client, origin: &str, path: &str) -> Reply {
    client.send(client.request(Method::GET, path).header("origin", origin)).await
}

#[tokio::test]
async fn a_page_is_told_what_it_may_send_before_it_has_a_token() {
    let suite = suite().await;

    let reply = preflight(&suite.client(), ORIGIN, "/v1/closed/echo").await;

    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(reply.header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
    assert!(reply.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(reply.header("access-control-max-age"), "600");
    assert_eq!(reply.header("vary"), "origin");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_page_reads_refusals_as_well() {
    let suite = suite().await;

    let reply = get(&suite.client(), ORIGIN, "/v1/closed/echo").await;

    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    assert!(reply.header("access-control-expose-headers").contains("www-authenticate"));
}

#[tokio::test]
async fn other_pages_are_told_nothing() {
    let suite = suite().await;
    let client = suite.client();

    for origin in [
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://evil-shop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example/",
        "HTTPS://SHOP.EXAMPLE",
        "null",
        "*",
        "https://shop.example, https://evil.example",
    ] {
        for reply in [preflight(&client, origin, "/v1/open/echo").await, get(&client, origin, "/v1/open/echo").await] {
            assert_eq!(reply.headers.get("access-control-allow-origin"), None, "{origin}");
            assert_eq!(reply.header("vary"), "origin", "{origin}");
        }
    }
}

#[tokio::test]
async fn two_origins_are_none() {
    let suite = suite().await;

    let head = "GET /v1/open/echo HTTP/1.1\nHost: a\nOrigin: https://shop.example\nOrigin: https://shop.example";
    let reply = suite.raw(&head.replace('\n', "\r\n")).await;

    assert!(!reply.head.contains("access-control-allow-origin"));
}

#[tokio::test]
async fn without_a_policy_services_answer_for_themselves() {
    let suite = Suite::start().await;

    let reply = preflight(&suite.client(), ORIGIN, "/v1/open/echo").await;

    assert_eq!((reply.status.as_u16(), suite.upstream.hits()), (200, 1));
    assert_eq!(reply.headers.get("access-control-allow-origin"), None);
}

#[tokio::test]
async fn everybody_is_everybody_but_without_credentials() {
    let suite = Suite::with_routes(&format!("[cors]\norigins = [\"*\"]\n{ROUTES}")).await;

    let reply = get(&suite.client(), "https://any.example", "/v1/open/echo").await;

    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.headers.get("access-control-allow-credentials"), None);
    assert_eq!(reply.headers.get("vary"), None);
}
