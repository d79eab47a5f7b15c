//! A share of a route's requests that another service answers.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use http::Method;
use portico_testkit::{Client, Issuer};
use tokio::time::timeout;

use crate::helpers::{PATIENCE, ROUTES, Suite, Upstream, start_gateway_with_file};
use crate::logs::line_of;

/// A route to `shop` at `UPSTREAM`, of which a canary at `CANARY` answers so many of a hundred requests.
fn routes(canary: &str, percent: &str) -> String {
    format!(
        r#"
        [services.shop]
        url = "http://UPSTREAM"
        port = 1
        internal_port = 2

        [services.shop_next]
        url = "http://{canary}"
        port = 3
        internal_port = 4

        [[routes]]
        prefix = "/v1/shop"
        service = "shop"
        token = "optional"
        body_limit_bytes = 1000
        canary = {{ service = "shop_next", percent = {percent} }}

        [[routes]]
        prefix = "/v1/shop/closed"
        service = "shop"
        token = "required"
        canary = {{ url = "http://{canary}", percent = {percent} }}
        "#
    )
}

async fn start(percent: &str) -> (Upstream, Suite) {
    let canary = Upstream::start().await;
    let suite = Suite::with_routes(&routes(&canary.address.to_string(), percent)).await;
    (canary, suite)
}

async fn statuses(client: &Client, path: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(client.get(path).await.status.as_u16());
    }
    statuses
}

/// Whether so many of `of` are drawn with a share of so many of a hundred, but for what happens once in 500 million.
fn is_likely(drawn: usize, of: u32, percent: f64) -> bool {
    let (of, share) = (f64::from(of), percent / 100.0);
    let drawn = f64::from(u32::try_from(drawn).expect("few"));
    (drawn - of * share).abs() <= 6.0 * (of * share * (1.0 - share)).sqrt()
}

#[tokio::test]
async fn a_canary_answers_its_share_however_few_clients_ask() {
    let (canary, suite) = start("7.5").await;

    let statuses = statuses(&suite.client(), "/v1/shop/echo", 2000).await;

    assert_eq!(statuses, [200; 2000]);
    assert_eq!(canary.hits() + suite.upstream.hits(), 2000);
    assert!(is_likely(canary.hits(), 2000, 7.5), "{} of 2000", canary.hits());
}

#[tokio::test]
async fn a_canary_of_nothing_answers_nothing_and_one_of_all_everything() {
    for (percent, expected) in [("0", 0), ("100", 200)] {
        let (canary, suite) = start(percent).await;

        statuses(&suite.client(), "/v1/shop/echo", 200).await;

        assert_eq!((canary.hits(), suite.upstream.hits()), (expected, 200 - expected));
    }
}

#[tokio::test]
async fn a_canary_that_is_away_is_502_for_its_share_and_nobody_else_is_asked_for_it() {
    let canary = portico_testkit::closed_port();
    let suite = Suite::with_routes(&routes(&canary.to_string(), "50")).await;

    let statuses = statuses(&suite.client(), "/v1/shop/echo", 400).await;

    let failed = statuses.iter().filter(|status| **status == 502).count();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 502)), "{statuses:?}");
    assert!(is_likely(failed, 400, 50.0), "{failed} of 400");
    assert_eq!(suite.upstream.hits(), 400 - failed);
}

#[tokio::test]
async fn retries_stay_with_the_canary() {
    let (canary, suite) = start("100").await;

    let statuses = statuses(&suite.client(), "/v1/shop/unwell", 20).await;

    assert_eq!(statuses, [503; 20]);
    assert!(canary.hits() > 20, "{} requests for 20", canary.hits());
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn the_token_and_the_limits_of_the_route_are_the_canary_s() {
    let (canary, suite) = start("100").await;
    let large = suite.client().request(Method::POST, "/v1/shop/echo").body(vec![b'x'; 1001]);

    suite.client().get("/v1/shop/closed/echo").await.assert_problem(401, "unauthenticated");
    suite.client().with_token("x").get("/v1/shop/echo").await.assert_problem(401, "invalid_token");
    suite.client().send(large).await.assert_problem(413, "body_too_large");
    assert_eq!(canary.hits(), 0);
    let known = suite.customer().get("/v1/shop/closed/echo").await;

    assert_eq!((known.status.as_u16(), canary.hits()), (200, 1));
    let host = serde_json::json!(["host", canary.address.to_string()]);
    assert!(known.body["headers"].as_array().unwrap().contains(&host), "{}", known.body);
}

#[tokio::test]
async fn logs_metrics_and_the_view_say_who_answered() {
    let (_canary, suite) = start("100").await;
    let (client, internal) = (suite.customer(), Client::new(suite.gateway.internal));
    let ask = async |path: &str, id: &str| {
        client.send(client.request(Method::GET, path).header("x-request-id", id)).await;
        line_of(id).await["upstream"].clone()
    };

    let service = ask("/v1/shop/echo", "canary-service").await;
    let guest = ask("/v1/shop/closed/echo", "canary-guest").await;
    let metrics = String::from_utf8(internal.get("/metrics").await.bytes).unwrap();
    let view = internal.get("/admin").await.body;
    let page = internal.send(internal.request(Method::GET, "/admin").header("accept", "text/html")).await;

    assert_eq!((service, guest), ("shop_next".into(), "/v1/shop/closed:canary".into()));
    assert!(metrics.contains("upstream_requests_total{upstream=\"shop_next\",outcome=\"2xx\"} 1\n"), "{metrics}");
    let routes = view["routes"].as_array().unwrap();
    let shop = routes.iter().find(|route| route["prefix"] == "/v1/shop").unwrap();
    assert_eq!(shop["canary"], serde_json::json!({ "upstream": "shop_next", "percent": 100.0 }));
    assert_eq!((&shop["upstream"], &shop["mirror"]), (&"shop".into(), &serde_json::Value::Null));
    assert!(String::from_utf8(page.bytes).unwrap().contains("<td>shop_next, 100 %</td>"));
}

#[tokio::test]
async fn a_service_that_is_only_a_canary_describes_nothing() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let suite = Suite::with_routes(&routes(&canary.local_addr().unwrap().to_string(), "100")).await;

    let document = suite.client().get("/openapi.json").await;

    // All that are asked for theirs are asked before there is an answer.
    assert_eq!(document.status, 200);
    assert_eq!(canary.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_share_changes_while_the_gateway_runs() {
    let (issuer, upstream, canary) = (Issuer::start().await, Upstream::start().await, Upstream::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let put = |text: &str| fs::write(&path, text.replace("UPSTREAM", &upstream.address.to_string())).unwrap();
    put(ROUTES);
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let client = gateway.client();
    let until = async |is_so: &dyn Fn() -> bool| {
        let asked = async {
            while !is_so() {
                client.get("/v1/shop/echo").await;
            }
        };
        timeout(PATIENCE, asked).await.expect("the new share in time");
    };

    put(&routes(&canary.address.to_string(), "100"));
    until(&|| canary.hits() > 0).await;
    let before = upstream.hits();
    put(&routes(&canary.address.to_string(), "0"));
    until(&|| upstream.hits() > before).await;
    let hits = canary.hits();

    assert_eq!(statuses(&client, "/v1/shop/echo", 50).await, [200; 50]);
    assert_eq!((before, canary.hits()), (0, hits));
}
