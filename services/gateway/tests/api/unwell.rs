//! A service of several endpoints, one of which is slow, fails, or wants to be left alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use portico_testkit::Client;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Play, PlayedUpstream, ROUTES, Suite};

/// A suite whose service `shop` is at these addresses.
async fn suite_at(addresses: &[SocketAddr]) -> Suite {
    let places: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let endpoints = format!("port = 1\nendpoints = [{}]", places.join(", "));
    Suite::with_routes(&ROUTES.replacen("port = 1", &endpoints, 1)).await
}

async fn well() -> PlayedUpstream {
    PlayedUpstream::start(|_| Play::WELL).await
}

/// One that is well until it is told to answer with `unwell`.
async fn until_told(unwell: Play) -> (PlayedUpstream, Arc<AtomicBool>) {
    let is_unwell = Arc::<AtomicBool>::default();
    let told = Arc::clone(&is_unwell);
    let upstream = PlayedUpstream::start(move |_| if told.load(Ordering::SeqCst) { unwell } else { Play::WELL }).await;
    (upstream, is_unwell)
}

/// How many of so many requests were not answered with 200.
async fn failures(client: &Client, times: usize) -> usize {
    let mut failures = 0;
    for _ in 0..times {
        failures += usize::from(client.get("/v1/open/echo").await.status != 200);
    }
    failures
}

#[tokio::test]
async fn an_endpoint_that_says_when_to_come_back_is_left_alone_until_then() {
    let busy = Play { answer: "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\n", ..Play::WELL };
    let (well, (other, is_busy)) = (well().await, until_told(busy).await);
    let suite = suite_at(&[well.address, other.address]).await;
    let client = suite.client();
    assert_eq!(failures(&client, 40).await, 0);
    let before = other.hits();

    is_busy.store(true, Ordering::SeqCst);
    let until_asked = async {
        while other.hits() == before {
            assert_eq!(failures(&client, 1).await, 0);
        }
    };
    timeout(PATIENCE, until_asked).await.expect("the busy one is asked in time");
    let failed = failures(&client, 30).await;

    assert_eq!((failed, other.hits() - before), (0, 1));
}

#[tokio::test]
async fn an_endpoint_that_fails_half_of_the_time_is_hardly_noticed_and_comes_back_when_it_is_well() {
    let is_mended = Arc::<AtomicBool>::default();
    let mended = Arc::clone(&is_mended);
    let fails_at_times = move |number: usize| {
        if number.is_multiple_of(2) && !mended.load(Ordering::SeqCst) { Play::FAILS } else { Play::WELL }
    };
    let (one, two, unwell) = (well().await, well().await, PlayedUpstream::start(fails_at_times).await);
    let suite = suite_at(&[one.address, two.address, unwell.address]).await;
    let client = suite.client();

    let at_first = failures(&client, 300).await;
    let then = failures(&client, 600).await;
    is_mended.store(true, Ordering::SeqCst);
    let before = unwell.hits();
    let comes_back = async {
        while unwell.hits() < before + 20 {
            client.get("/v1/open/echo").await;
        }
    };
    timeout(Duration::from_secs(15), comes_back).await.expect("it is asked again");

    assert!(at_first <= 20 && then < 6, "{at_first} of 300, then {then} of 600 failed");
}

#[tokio::test]
async fn when_all_fail_all_are_still_asked() {
    let fails = |_| Play::FAILS;
    let (one, other) = (PlayedUpstream::start(fails).await, PlayedUpstream::start(fails).await);
    let suite = suite_at(&[one.address, other.address]).await;

    assert_eq!(failures(&suite.client(), 60).await, 60);
    assert!(one.hits() + other.hits() >= 60 && one.hits() > 0 && other.hits() > 0);
}

#[tokio::test]
async fn a_slower_endpoint_gets_few_requests() {
    let slowly = |_| Play { after: Duration::from_millis(200), ..Play::WELL };
    let (one, two, slow) = (well().await, well().await, PlayedUpstream::start(slowly).await);
    let suite = suite_at(&[one.address, two.address, slow.address]).await;

    assert_eq!(failures(&suite.client(), 300).await, 0);
    // A third if it were drawn by lot.
    assert!(slow.hits() < 30, "{} of 300", slow.hits());
}

/// Closes every third connection after an answer, and says nothing about it.
async fn closes_at_times() -> PlayedUpstream {
    PlayedUpstream::start(|number| Play { closes: number % 3 == 2, ..Play::WELL }).await
}

#[tokio::test]
async fn connections_that_services_close_at_random_are_not_noticed_by_who_reads() {
    let (one, other) = (closes_at_times().await, closes_at_times().await);
    let suite = suite_at(&[one.address, other.address]).await;
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let client = suite.client();
            tokio::spawn(async move { failures(&client, 100).await })
        })
        .collect();

    for asking in asking {
        assert_eq!(asking.await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_may_have_been_done_arrives_once_whatever_becomes_of_its_connection() {
    let (one, other) = (closes_at_times().await, closes_at_times().await);
    let suite = suite_at(&[one.address, other.address]).await;
    let client = suite.client();

    for number in 0..200 {
        client.send(client.request(Method::POST, &format!("/v1/open/{number}")).body("once")).await;
    }

    let arrived = [one.requests(), other.requests()].concat();
    let distinct: BTreeSet<_> = arrived.iter().collect();
    assert_eq!(arrived.len(), distinct.len(), "{arrived:?}");
}

#[tokio::test]
async fn a_name_is_looked_up_and_its_addresses_asked() {
    let upstream = well().await;
    let named = format!("localhost:{}", upstream.address.port());
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &named)).await;

    assert_eq!(failures(&suite.client(), 10).await, 0);
    assert_eq!(upstream.hits(), 10);
}
