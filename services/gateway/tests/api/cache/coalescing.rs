//! Many ask for the same at once: the service is asked once, and nobody waits in vain.

use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::origin::{Origin, numbered};
use super::{ROUTES, ask, metric, status, suite, text, until_metric};
use crate::helpers::{PATIENCE, Suite};

const IN_FLIGHT: &str = "requests_in_flight";
const PUBLIC: [(&str, &str); 1] = [("cache-control", "max-age=60")];

async fn connect(suite: &Suite) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(suite.gateway.public).await.expect("a connection");
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn get(mut sender: SendRequest<Empty<Bytes>>, path: &str) -> (StatusCode, Bytes) {
    let request = Request::get(format!("http://a{path}")).body(Empty::new()).expect("a request");
    let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
    (head.status, body.collect().await.expect("a whole body").to_bytes())
}

#[tokio::test]
async fn a_thousand_who_ask_for_the_same_at_once_are_one_to_the_service() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    origin.hold();
    let connections = join_all((0..10).map(|_| connect(&suite))).await;
    let asking = connections.iter().flat_map(|sender| (0..100).map(|_| get(sender.clone(), "/v1/public/x")));
    let asking = tokio::spawn(join_all(asking.collect::<Vec<_>>()));

    until_metric(&suite, IN_FLIGHT, 1000).await;
    origin.open();
    let answers = timeout(PATIENCE, asking).await.expect("answers in time").unwrap();

    assert_eq!(answers, vec![(StatusCode::OK, Bytes::from("1")); 1000]);
    assert_eq!(origin.asked(), 1);
    let coalesced = metric(&suite, "cache_total{route=\"/v1/public\",result=\"coalesced\"}").await;
    let hits = metric(&suite, "cache_total{route=\"/v1/public\",result=\"hit\"}").await;
    assert_eq!(coalesced.unwrap_or(0) + hits.unwrap_or(0), 999);
}

#[tokio::test]
async fn those_who_wait_are_answered_when_the_one_who_asked_first_leaves() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    origin.hold();
    let mut first = suite.connect().await;
    first.write("GET /v1/public/x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.until_asked(1).await;
    let client = suite.client();
    let second = tokio::spawn(async move { ask(&client, "/v1/public/x", &[("host", "a")]).await });
    until_metric(&suite, IN_FLIGHT, 2).await;

    drop(first);
    until_metric(&suite, IN_FLIGHT, 1).await;
    origin.open();
    let second = timeout(PATIENCE, second).await.expect("an answer in time").unwrap();

    assert_eq!((second.status.as_u16(), text(&second).as_str()), (200, "1"));
    assert_eq!((origin.asked(), status(&second)), (1, "portico; fwd=miss; collapsed"));
}

#[tokio::test]
async fn what_nobody_waits_for_any_longer_is_given_up() {
    let routes = ROUTES.replace("ORIGIN", "UPSTREAM");
    let suite = Suite::with_routes(&routes).await;
    let mut client = suite.connect().await;
    client.write("GET /v1/public/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    suite.upstream.arrived().await;

    drop(client);

    suite.upstream.abandoned().await;
}

#[tokio::test]
async fn what_cannot_be_shared_is_asked_for_by_all_at_once() {
    let origin = Origin::counting(&[("cache-control", "private, max-age=60")]).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    let ask_times = |times: usize| {
        let asking = (0..times).map(|_| {
            let client = client.clone();
            async move { client.get("/v1/public/x").await }
        });
        tokio::spawn(join_all(asking.collect::<Vec<_>>()))
    };
    origin.hold();
    let first = ask_times(20);
    until_metric(&suite, IN_FLIGHT, 20).await;
    origin.until_asked(1).await;
    assert_eq!(origin.asked(), 1);

    origin.release(1);
    // None of the others has an answer yet, and still all are there.
    origin.until_asked(20).await;
    let then = ask_times(5);
    // Nobody waits for anybody any more.
    origin.until_asked(25).await;
    origin.open();

    let mut texts: Vec<u32> = Vec::new();
    for asking in [first, then] {
        let replies = timeout(PATIENCE, asking).await.expect("answers in time").unwrap();
        texts.extend(replies.iter().map(|reply| text(reply).parse::<u32>().expect("a number")));
    }
    texts.sort_unstable();
    assert_eq!(texts, (1..=25).collect::<Vec<u32>>());
}

#[tokio::test]
async fn what_can_be_shared_again_is() {
    let origin = Origin::start(|_, number| {
        let control = if number < 3 { "no-store" } else { "max-age=60" };
        numbered(&[("cache-control", control)], number)
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let mut texts = Vec::new();
    for _ in 0..5 {
        texts.push(text(&client.get("/v1/public/x").await));
    }

    assert_eq!(texts, ["1", "2", "3", "3", "3"]);
}

#[tokio::test]
async fn all_who_wait_hear_that_the_service_took_too_long() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    origin.hold();

    let replies = join_all((0..20).map(|_| client.get("/v1/patient/x"))).await;

    for reply in replies {
        reply.assert_problem(504, "upstream_timeout");
    }
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn different_variants_of_one_key_come_to_those_they_are_for() {
    let origin = Origin::start(|head, number| {
        let language = head.headers.get("accept-language").map_or("none", |value| value.to_str().unwrap()).to_owned();
        let headers = [("cache-control", "max-age=60"), ("vary", "accept-language")];
        (headers, format!("{language} {number}")).into_response()
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();
    origin.hold();
    let languages = ["de", "en", "fr"].map(|language| [("accept-language", language)]);
    let asking = tokio::spawn(async move {
        join_all((0..30).map(|n| {
            let (client, language) = (client.clone(), languages[n % 3]);
            async move { (language[0].1, text(&ask(&client, "/v1/public/x", &language).await)) }
        }))
        .await
    });

    until_metric(&suite, IN_FLIGHT, 30).await;
    origin.open();
    let answers = timeout(PATIENCE, asking).await.expect("answers in time").unwrap();

    for (language, answer) in answers {
        assert!(answer.starts_with(language), "{answer} for {language}");
    }
    assert_eq!(origin.asked(), 3);
}
