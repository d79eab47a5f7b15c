//! However much is asked for, no more is held than was allowed.

use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portico_gateway::CacheConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::origin::Origin;
use super::{ROUTES, metric};
use crate::helpers::{PATIENCE, Suite};

const MOST: usize = 4 << 20;
const BODY: usize = 300_000;
const WINDOW: u32 = 65_535;

async fn small_suite() -> (Origin, Suite) {
    let origin = Origin::start(|_, _| {
        ([("cache-control", "max-age=60"), ("vary", "accept-language")], vec![b'a'; BODY]).into_response()
    })
    .await;
    let routes = ROUTES.replace("ORIGIN", &origin.address.to_string());
    let suite = Suite::with_cache(&routes, CacheConfig { cache_bytes: MOST }).await;
    (origin, suite)
}

async fn held(suite: &Suite) -> usize {
    let held = metric(suite, "cache_bytes").await.expect("a gauge");
    usize::try_from(held).expect("it fits")
}

#[tokio::test]
async fn many_keys_and_variants_push_one_another_out() {
    let (origin, suite) = small_suite().await;
    let client = suite.client();
    assert_eq!(held(&suite).await, 0);

    for round in 0..20 {
        let asking = (0..5).map(|n| {
            let path = format!("/v1/public/{}", if n == 0 { 0 } else { round * 5 + n });
            let request = client.request(Method::GET, &path).header("accept-language", format!("l{round}"));
            client.send(request)
        });
        let replies = join_all(asking).await;

        assert!(replies.iter().all(|reply| reply.bytes.len() == BODY));
        let held = held(&suite).await;
        assert!(held <= MOST, "{held} bytes in round {round}");
    }

    assert_eq!(origin.asked(), 100);
    assert!(held(&suite).await > MOST / 4, "something is kept");
}

#[tokio::test]
async fn what_clients_have_not_read_counts_and_nobody_gets_less_for_it() {
    let (_origin, suite) = small_suite().await;
    let stream = TcpStream::connect(suite.gateway.public).await.expect("a connection");
    stream.set_nodelay(true).expect("an open socket");
    let mut settings = http2::Builder::new(TokioExecutor::new());
    // All streams of the connection together get so much before somebody reads.
    settings.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (mut sender, connection) = settings.handshake(TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut unread = Vec::new();

    for n in 0..60 {
        let request = Request::get(format!("http://a/v1/public/{n}")).body(Empty::<Bytes>::new()).unwrap();
        let answer = timeout(PATIENCE, sender.send_request(request)).await.expect("a head in time").unwrap();
        unread.push(answer.into_body());
        let held = held(&suite).await;
        assert!(held <= MOST, "{held} bytes with {n} clients");
    }

    assert_eq!(suite.client().get("/v1/public/last").await.bytes.len(), BODY);
    let read = timeout(PATIENCE, join_all(unread.into_iter().map(BodyExt::collect))).await.expect("the rest in time");
    assert!(read.into_iter().all(|body| body.expect("a whole body").to_bytes().len() == BODY));
}
