//! What Prometheus is told.

use portico_testkit::Client;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Suite};

async fn scrape(suite: &Suite) -> String {
    let reply = Client::new(suite.gateway.internal).get("/metrics").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    String::from_utf8(reply.bytes).expect("text")
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("portico_gateway_{series} ")));
    line.map(|value| value.parse().expect("a number"))
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_status() {
    let suite = Suite::start().await;
    let client = suite.client();

    client.get("/v1/open/echo").await;
    client.get("/v1/open/teapot").await;
    client.get("/v1/closed/echo").await;
    suite.client().with_token("x").get("/v1/closed/echo").await;
    client.get("/nowhere").await;

    let text = scrape(&suite).await;
    for (series, expected) in [
        ("requests_total{route=\"/v1/open\",method=\"GET\",status=\"200\"}", 1.0),
        ("requests_total{route=\"/v1/open\",method=\"GET\",status=\"418\"}", 1.0),
        ("requests_total{route=\"/v1/closed\",method=\"GET\",status=\"401\"}", 2.0),
        ("requests_total{route=\"none\",method=\"GET\",status=\"404\"}", 1.0),
        ("request_duration_seconds_count{route=\"/v1/open\"}", 2.0),
        ("refusals_total{code=\"invalid_token\",reason=\"jwt_malformed\"}", 1.0),
        ("refusals_total{code=\"unauthenticated\",reason=\"unauthenticated\"}", 1.0),
        ("requests_in_flight", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}");
    }
}

#[tokio::test]
async fn a_request_whose_client_leaves_is_counted() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    suite.upstream.arrived().await;
    let during = scrape(&suite).await;
    drop(connection);
    suite.upstream.abandoned().await;

    let series = "requests_total{route=\"/v1/open\",method=\"GET\",status=\"499\"}";
    assert_eq!((value(&during, "requests_in_flight"), value(&during, series)), (Some(1.0), None));
    let counted = async { while value(&scrape(&suite).await, series) != Some(1.0) {} };
    timeout(PATIENCE, counted).await.expect("its count in time");
}

#[tokio::test]
async fn what_clients_make_up_becomes_no_label() {
    let suite = Suite::start().await;
    let client = suite.client();
    let ask = async |n: u32| {
        let method = format!("M{n}").parse().expect("a method");
        client.send(client.request(method, &format!("/v1/open/echo/{n}")).header("host", format!("h{n}"))).await;
        client.get(&format!("/random-{n}")).await;
    };
    ask(1).await;
    let before = scrape(&suite).await.lines().count();

    for n in 2..200 {
        ask(n).await;
    }

    assert_eq!(scrape(&suite).await.lines().count(), before);
}

#[tokio::test]
async fn ten_thousand_paths_are_no_more_series_than_one() {
    let suite = Suite::start().await;
    let ask = async |numbers: std::ops::Range<u32>| {
        let mut connection = suite.connect().await;
        let heads = numbers.clone().map(|n| format!("GET /random-{n}?q={n} HTTP/1.1\r\nHost: h{n}\r\n\r\n"));
        let (write, last) =
            (heads.collect::<String>(), "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        connection.write(write + last).await;
        let answers = connection.read_to_end().await;
        assert_eq!(answers.windows(13).filter(|start| start == b"HTTP/1.1 404 ").count(), numbers.len() + 1);
    };
    ask(0..1).await;
    let before = scrape(&suite).await.lines().count();

    for hundred in 0..100 {
        ask(hundred * 100..(hundred + 1) * 100).await;
    }

    assert_eq!(scrape(&suite).await.lines().count(), before);
}

#[tokio::test]
async fn services_have_about_as_many_connections_as_there_are_requests_at_once() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 150;
    let suite = Suite::start().await;

    let asking = (0..CLIENTS).map(|_| async {
        let mut connection = suite.connect().await;
        for _ in 0..REQUESTS {
            connection.write("GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\n\r\n").await;
            connection.read_head().await;
            assert_eq!(connection.read(15).await, b"short and stout");
        }
    });
    futures_util::future::join_all(asking).await;

    assert_eq!(suite.upstream.hits(), CLIENTS * REQUESTS);
    // One more for the document of the service.
    let connections = suite.upstream.connections();
    assert!(connections <= CLIENTS + 4, "{connections} connections for {} requests", CLIENTS * REQUESTS);
}
