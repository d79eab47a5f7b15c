//! Services that are asked for more than they can do.

use std::time::Duration;

use portico_testkit::Client;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{interval, timeout};

use crate::helpers::{Connection, PATIENCE, Play, PlayedUpstream, ROUTES, Suite, until};

/// More than a service may have at once before anything is known of it.
const MANY: usize = 200;

const LONG_POLL: &str = r#"
[[routes]]
prefix = "/v1/poll"
service = "shop"
token = "optional"
limit_concurrency = false
"#;

/// Sends heads, each on a connection of its own that stays open.
async fn open(suite: &Suite, count: usize, text: &str) -> Vec<Connection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = suite.connect().await;
        connection.write(text).await;
        connections.push(connection);
    }
    connections
}

async fn metrics(suite: &Suite) -> String {
    String::from_utf8(Client::new(suite.gateway.internal).get("/metrics").await.bytes).expect("text")
}

#[tokio::test]
async fn one_request_too_many_is_503_and_nobody_else_suffers() {
    let suite = Suite::start().await;
    let client = suite.client();

    let hanging = open(&suite, MANY, "GET /v1/open/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut served = 0;
    let is_full = async || {
        let status = client.get("/v1/open/echo").await.status;
        served += usize::from(status == 200);
        status == 503
    };
    until("full", PATIENCE, is_full).await;
    let shed = client.get("/v1/open/echo").await;
    let (guest, health) = (client.get("/v1/guest/echo").await, client.get("/healthz").await);
    let hanging_there = suite.upstream.hits() - served - 1;
    let metrics = metrics(&suite).await;
    drop(hanging);
    until("room", PATIENCE, async || client.get("/v1/open/echo").await.status == 200).await;

    shed.assert_problem(503, "overloaded");
    assert_eq!(shed.header("retry-after"), "1");
    assert_eq!((guest.status.as_u16(), health.status.as_u16()), (200, 200));
    assert_eq!(hanging_there, 128);
    for line in [
        "portico_gateway_upstream_concurrency_limit{upstream=\"shop\"} 128\n",
        "portico_gateway_upstream_requests_in_flight{upstream=\"shop\"} 128\n",
        "refusals_total{code=\"overloaded\",reason=\"no_room_in_time\"} ",
        "upstream_requests_total{upstream=\"shop\",outcome=\"shed\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn paths_that_answer_late_on_purpose_need_not_count() {
    let suite = Suite::with_routes(&format!("{ROUTES}{LONG_POLL}")).await;

    let _hanging = open(&suite, MANY, "GET /v1/poll/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;

    let all_are_asked = async || {
        yield_now().await;
        suite.upstream.hits() == MANY
    };
    until("all are asked", PATIENCE, all_are_asked).await;
    assert_eq!(suite.client().get("/v1/open/echo").await.status, 200);
}

#[tokio::test]
async fn event_streams_and_bodies_that_do_not_arrive_keep_no_room() {
    let suite = Suite::start().await;
    let client = suite.client();

    let mut streams = open(&suite, MANY, "GET /v1/open/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for stream in &mut streams {
        assert!(stream.read_head().await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(client.get("/v1/open/echo").await.status, 200);
    let half = "POST /v1/large/count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    let _uploads = open(&suite, MANY, half).await;

    // Long before their clients are found to be too slow.
    let soon = Duration::from_secs(6);
    until("room", soon, async || client.get("/v1/open/echo").await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_asked_for_twice_what_it_can_do_has_soon_no_more_than_it_can_do() {
    const SLOTS: usize = 20;
    let takes = Duration::from_millis(200);
    let service = PlayedUpstream::with_slots(SLOTS, move |_| Play { after: takes, ..Play::WELL }).await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &service.address.to_string())).await;
    let client = suite.client();
    let mut ticks = interval(takes / u32::try_from(2 * SLOTS).unwrap());
    let (mut asking, mut statuses) = (JoinSet::new(), Vec::new());

    // What nobody limits grows by a hundred a second, and stays where it is at first under a limit that does not adapt.
    let fits = async {
        loop {
            for _ in 0..200 {
                ticks.tick().await;
                let client = client.clone();
                asking.spawn(async move { client.get("/v1/open/x").await.status.as_u16() });
            }
            while let Some(status) = asking.try_join_next() {
                statuses.push(status.unwrap());
            }
            let shed = statuses.iter().filter(|status| **status == 503).count();
            if shed >= 50 && (SLOTS * 3 / 4..SLOTS * 5 / 2).contains(&service.crowd(100)) {
                return;
            }
        }
    };
    timeout(2 * PATIENCE, fits).await.unwrap_or_else(|_| panic!("{} at once", service.crowd(100)));

    statuses.extend(asking.join_all().await);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 200).count() >= 200);
}
