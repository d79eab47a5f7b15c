//! Services at several addresses, some of which are not well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use portico_testkit::Client;

use crate::helpers::{ROUTES, RawUpstream, Suite, Upstream};

/// A suite whose service `shop` is at these addresses.
async fn suite_at(addresses: &[SocketAddr]) -> Suite {
    let places: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let endpoints = format!("port = 1\nendpoints = [{}]", places.join(", "));
    Suite::with_routes(&ROUTES.replacen("port = 1", &endpoints, 1)).await
}

async fn statuses(client: &Client, method: Method, path: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(client.send(client.request(method.clone(), path)).await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn all_addresses_of_a_service_are_asked() {
    let (one, other) = (Upstream::start().await, Upstream::start().await);
    let suite = suite_at(&[one.address, other.address]).await;

    let statuses = statuses(&suite.client(), Method::GET, "/v1/open/echo", 60).await;

    assert_eq!(statuses, [200; 60]);
    assert_eq!(one.hits() + other.hits(), 60);
    assert!(one.hits() > 0 && other.hits() > 0, "{} and {}", one.hits(), other.hits());
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_not_noticed_by_clients() {
    let well = Upstream::start().await;
    let suite = suite_at(&[portico_testkit::closed_port(), well.address]).await;
    let client = suite.client();

    let reading = statuses(&client, Method::GET, "/v1/open/echo", 30).await;
    let writing = statuses(&client, Method::POST, "/v1/open/echo", 30).await;

    assert_eq!((reading, writing), (vec![200; 30], vec![200; 30]));
    assert_eq!(well.hits(), 60);
}

#[tokio::test]
async fn a_service_that_fails_everything_gets_at_most_a_fifth_more() {
    let (one, other) = (Upstream::start().await, Upstream::start().await);
    let suite = suite_at(&[one.address, other.address]).await;

    let statuses = statuses(&suite.client(), Method::GET, "/v1/open/unwell", 200).await;

    assert_eq!(statuses, [503; 200]);
    let asked = one.hits() + other.hits();
    assert!((210..=240).contains(&asked), "{asked} requests for 200");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    let upstream = RawUpstream::bind().await;
    let suite = suite_at(&[upstream.address]).await;
    let client = suite.client();

    // The service reads the request and breaks off: nobody can tell what it did.
    let request = client.request(Method::POST, "/v1/open/x");
    let (reply, head) = tokio::join!(client.send(request), upstream.answer(""));

    reply.assert_problem(502, "upstream_broken");
    assert!(head.starts_with("POST /v1/open/x "));
    let (reply, head) =
        tokio::join!(client.get("/v1/open/next"), upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    assert_eq!(reply.status, 200);
    assert!(head.starts_with("GET /v1/open/next "), "the first came twice: {head}");
}

#[tokio::test]
async fn a_request_that_crosses_the_closing_of_its_connection_is_sent_again() {
    let upstream = RawUpstream::bind().await;
    let suite = suite_at(&[upstream.address]).await;
    let client = suite.client();
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    let (first, (mut kept, _)) = tokio::join!(client.get("/v1/open/one"), async {
        let (mut kept, head) = upstream.next_request().await;
        kept.write(whole).await;
        (kept, head)
    });
    let (second, _) = tokio::join!(client.get("/v1/open/two"), async {
        // It arrives on the kept connection, which then breaks; so it comes once more on a new one.
        kept.read_head().await;
        drop(kept);
        upstream.answer(whole).await
    });

    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
}

#[tokio::test]
async fn an_address_that_fails_is_left_alone() {
    let (well, hanging) = (Upstream::start().await, RawUpstream::bind().await);
    let suite = suite_at(&[well.address, hanging.address]).await;
    let client = suite.client();

    // Nothing there ever answers, so each of these waits in vain for 0.3 s, until the address is left out.
    let statuses = statuses(&client, Method::GET, "/v1/quick/echo", 60).await;

    let failed = statuses.iter().filter(|status| **status != 200).count();
    assert!(failed <= 8, "{failed} of 60 failed");
}

#[tokio::test]
async fn a_request_whose_endpoint_dies_under_it_goes_to_another_one() {
    let (well, dying) = (Upstream::start().await, RawUpstream::bind().await);
    let suite = suite_at(&[well.address, dying.address]).await;
    let client = suite.client();
    let has_died = Arc::new(AtomicBool::new(false));
    let is_dead = Arc::clone(&has_died);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = dying.next_request().await;
            let is_dead = Arc::clone(&is_dead);
            tokio::spawn(async move {
                while !is_dead.load(Ordering::SeqCst) {
                    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                    connection.read_head().await;
                }
            });
        }
    });

    let before = statuses(&client, Method::GET, "/v1/open/echo", 40).await;
    has_died.store(true, Ordering::SeqCst);
    let after = statuses(&client, Method::GET, "/v1/open/echo", 40).await;

    assert_eq!((before, after), (vec![200; 40], vec![200; 40]));
}

/// How long the gateway still waits, as it tells the service.
fn deadline(head: &str) -> Option<u64> {
    head.lines().find_map(|line| line.strip_prefix("x-portico-deadline-ms: ")?.parse().ok())
}

#[tokio::test]
async fn a_service_is_told_how_long_it_is_waited_for_whatever_the_client_says() {
    let upstream = RawUpstream::bind().await;
    let suite = suite_at(&[upstream.address]).await;
    let client = suite.client();

    for (path, least, most) in [("/v1/open/x", 19_000, 20_000), ("/v1/quick/x", 100, 300)] {
        let request = client.request(Method::GET, path).header("x-portico-deadline-ms", "7");
        let (_, head) = tokio::join!(client.send(request), upstream.answer("HTTP/1.1 204 No Content\r\n\r\n"));

        assert!(deadline(&head).is_some_and(|left| (least..=most).contains(&left)), "{head}");
    }
}
