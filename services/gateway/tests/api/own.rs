//! Health, the first page, and the pages of problems.

use http::Method;
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Listeners, ServerConfig};
use portico_gateway::{ProxyConfig, RouteFile, serve};
use portico_testkit::{Client, Issuer};

use crate::helpers::{ROUTES, Suite, config};

#[tokio::test]
async fn a_gateway_that_can_check_tokens_is_well() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/healthz").await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["status"], "ok");
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_gateway_that_cannot_check_tokens_says_so_and_lets_none_through() {
    let (mut tokens, suite) = (Issuer::start().await.config(), Suite::start().await);
    let nowhere = format!("http://{}/", portico_testkit::closed_port()).parse().unwrap();
    tokens.jwks_url = nowhere;
    let listeners = Listeners::bind(&ServerConfig::local()).await.unwrap();
    let (client, lifecycle) = (Client::new(listeners.public_addr()), Lifecycle::new());
    let routes = RouteFile::parse(&ROUTES.replace("UPSTREAM", &suite.upstream.address.to_string())).unwrap();
    let config = config(ServerConfig::local(), ProxyConfig::default(), tokens);
    crate::logs::capture();
    let serving = tokio::spawn(serve(config, routes, listeners, Clock::system(), lifecycle.clone()));

    client.get("/healthz").await.assert_problem(503, "not_ready");
    client.with_token("any").get("/v1/closed/echo").await.assert_problem(503, "not_ready");
    client.get("/v1/closed/echo").await.assert_problem(401, "unauthenticated");
    assert_eq!(suite.upstream.hits(), 0);
    assert_eq!(client.get("/v1/open/echo").await.status, 200);
    lifecycle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_first_page_says_where_to_go() {
    let suite = Suite::start().await;

    let links = suite.client().get("/").await.body;

    for name in ["docs", "openapi", "health", "problems"] {
        let reply = suite.client().get(links[name].as_str().unwrap()).await;
        assert_eq!(reply.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_problem_is_explained_to_programs_and_to_people() {
    let suite = Suite::start().await;
    let problem = suite.client().get("/v1/closed/echo").await;
    let kind = problem.body["type"].as_str().unwrap();
    let in_browser = suite.client().request(Method::GET, "/problems/teapot").header("accept", "text/html,*/*");

    let page = suite.client().get(kind).await;
    let html = suite.client().send(in_browser).await;
    let declared = suite.client().get("/problems/teapot").await;

    assert_eq!(page.body["code"], "unauthenticated");
    assert_eq!(page.body["status"], 401);
    assert_eq!(declared.body["services"], serde_json::json!(["shop"]));
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    let html = String::from_utf8(html.bytes).unwrap();
    assert!(html.contains("It is a &lt;teapot&gt;"), "{html}");
}

#[tokio::test]
async fn a_problem_nobody_has_is_not_explained() {
    let suite = Suite::start().await;

    suite.client().get("/problems/no_such_code").await.assert_problem(404, "not_found");
    suite.client().get("/problems/a/b").await.assert_problem(404, "not_found");
    suite.client().get("/healthz/x").await.assert_problem(404, "route_not_found");
}

#[tokio::test]
async fn all_problems_are_listed() {
    let suite = Suite::start().await;
    let in_browser = suite.client().request(Method::GET, "/problems").header("accept", "text/html");

    let list = suite.client().get("/problems").await.body;
    let html = suite.client().send(in_browser).await;

    let codes: Vec<&str> = list["items"].as_array().unwrap().iter().filter_map(|item| item["code"].as_str()).collect();
    assert!(codes.is_sorted());
    for code in ["teapot", "invalid_token", "upstream_unreachable", "validation_failed"] {
        assert!(codes.contains(&code), "{code}");
        assert!(String::from_utf8_lossy(&html.bytes).contains(&format!("href=\"/problems/{code}\"")));
    }
}
