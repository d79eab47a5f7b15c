//! A service of several endpoints, one of which is slow, fails, or wants to be left alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
