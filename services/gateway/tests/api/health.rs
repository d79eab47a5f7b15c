//! Endpoints that are asked whether they are well.

use std::net::SocketAddr;

use portico_testkit::Client;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, ROUTES, RawUpstream, Suite, Upstream};

/// A suite whose service `shop` is at these addresses, and says there how it is.
async fn suite_at(addresses: &[SocketAddr], health: &str) -> Suite {
    let places: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let shop = format!("http://shop.internal\"\nendpoints = [{}]\nhealth = \"/healthz\"\n{health}", places.join(", "));
    Suite::with_routes(&ROUTES.replacen("http://UPSTREAM\"", &shop, 1)).await
}

/// Waits until the endpoints of `shop` stand so.
async fn until_standing(suite: &Suite, standings: &[&str]) {
    let internal = Client::new(suite.gateway.internal);
    let stand = async {
        loop {
            let view = internal.get("/admin").await.body;
            let upstreams = view["upstreams"].as_array().into_iter().flatten();
            let shop = upstreams.filter(|upstream| upstream["name"] == "shop");
            let endpoints = shop.flat_map(|shop| shop["endpoints"].as_array().into_iter().flatten());
            let found: Vec<_> = endpoints.map(|endpoint| endpoint["standing"].clone()).collect();
            if found == standings {
                return;
            }
        }
    };
    timeout(PATIENCE, stand).await.unwrap_or_else(|_| panic!("they never stand {standings:?}"));
}

async fn ask(suite: &Suite, times: usize) {
    let client = suite.client();
    for _ in 0..times {
        assert_eq!(client.get("/v1/open/echo").await.status, 200);
    }
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_not_well_is_left_out_until_it_says_it_is() {
    let (well, other) = (Upstream::start().await, Upstream::start().await);
    let suite = suite_at(&[well.address, other.address], "").await;

    other.says_it_is_well(false);
    until_standing(&suite, &["good", "unwell"]).await;
    let before = other.hits();
    ask(&suite, 40).await;
    let metrics = String::from_utf8(Client::new(suite.gateway.internal).get("/metrics").await.bytes).unwrap();
    other.says_it_is_well(true);
    until_standing(&suite, &["good", "good"]).await;
    let meanwhile = other.hits();
    ask(&suite, 40).await;

    assert_eq!((before, meanwhile), (0, 0));
    assert!(other.hits() > 0 && well.hits() >= 40, "{} and {}", other.hits(), well.hits());
    assert!(metrics.contains("\nportico_gateway_upstream_endpoints_usable{upstream=\"shop\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_left_out() {
    let (well, silent) = (Upstream::start().await, RawUpstream::bind().await);
    let suite = suite_at(&[well.address, silent.address], "").await;

    until_standing(&suite, &["good", "unwell"]).await;

    ask(&suite, 40).await;
}

#[tokio::test]
async fn when_nobody_is_well_all_are_asked() {
    let (one, other) = (Upstream::start().await, Upstream::start().await);
    let suite = suite_at(&[one.address, other.address], "").await;

    one.says_it_is_well(false);
    other.says_it_is_well(false);
    until_standing(&suite, &["unwell", "unwell"]).await;
    ask(&suite, 60).await;

    assert!(one.hits() > 0 && other.hits() > 0, "{} and {}", one.hits(), other.hits());
}

#[tokio::test]
async fn the_only_endpoint_is_asked_whatever_it_says_at_its_other_port() {
    let (only, inside) = (Upstream::start().await, Upstream::start().await);
    let suite = suite_at(&[only.address], &format!("health_port = {}", inside.address.port())).await;

    inside.says_it_is_well(false);
    until_standing(&suite, &["unwell"]).await;
    ask(&suite, 5).await;

    assert_eq!((only.hits(), inside.hits()), (5, 0));
}

#[tokio::test]
async fn a_check_asks_for_the_path_by_the_service_s_own_host() {
    let upstream = RawUpstream::bind().await;
    let _suite = suite_at(&[upstream.address], "").await;

    let head = upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;

    assert!(head.starts_with("GET /healthz HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: shop.internal\r\n"), "{head}");
}
