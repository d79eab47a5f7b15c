//! A slow or greedy client cannot hold what others need.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::routing::get;
use futures_util::stream;
use http::Request;
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portico_common::server::ServerConfig;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use crate::client::{Client, SHORT, SOON, Server};

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn impatient() -> ServerConfig {
    ServerConfig { header_timeout: SHORT, ..ServerConfig::local() }
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_cut() {
    let server = Server::start(hello(), impatient()).await;

    let answer = server.connect().await.rest().await;

    assert_eq!(answer, "");
}

#[tokio::test]
async fn a_client_that_stops_within_the_http2_preface_is_cut() {
    let server = Server::start(hello(), impatient()).await;
    let mut client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n").await;

    let answer = client.rest().await;

    assert_eq!(answer, "");
}

#[tokio::test]
async fn a_client_that_trickles_its_headers_is_cut() {
    let server = Server::start(hello(), impatient()).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nx-slow: ").await;
    let (mut reader, mut writer) = client.into_stream().into_split();
    let mut pace = interval(SHORT / 10);
    let trickle = async {
        loop {
            pace.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut writer, b"x").await.is_err() {
                return;
            }
        }
    };
    let mut answer = Vec::new();
    let mut read = pin!(tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer));

    let cut = timeout(SOON, async {
        tokio::select! { _ = &mut read => {}, () = trickle => {} }
    })
    .await;

    assert!(cut.is_ok());
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_cut() {
    let server = Server::start(hello(), impatient()).await;
    let stream = TokioIo::new(server.connect().await.into_stream());
    let (_requests, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream).await.unwrap();

    let ended = timeout(SOON, connection).await;

    assert!(ended.is_ok());
}

#[tokio::test]
async fn connections_that_fall_idle_are_closed() {
    let config = ServerConfig { header_timeout: SHORT, idle_timeout: SHORT, ..ServerConfig::local() };
    let server = Server::start(hello(), config).await;
    let mut http1 = server.connect().await;
    let stream = TokioIo::new(server.connect().await.into_stream());
    let (mut requests, http2) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let http2 = tokio::spawn(http2);
    http1.ask("/").await;
    http1.until("hello").await;
    requests.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap();

    let rest = http1.rest().await;

    assert_eq!(rest, "");
    timeout(SOON, http2).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let (held, mut dropped) = mpsc::channel::<Infallible>(1);
    let endless = move || {
        let (held, chunk) = (held.clone(), Bytes::from(vec![b'x'; 64 * 1024]));
        let chunks = stream::repeat_with(move || {
            let _held = &held;
            Ok::<_, Infallible>(chunk.clone())
        });
        async { Response::new(Body::from_stream(chunks)) }
    };
    let router = Router::new().route("/endless", get(endless));
    let config = ServerConfig { write_timeout: SHORT, drain_timeout: SOON, ..ServerConfig::local() };
    let server = Server::start(router, config).await;
    let mut client = server.connect().await;
    client.ask("/endless").await;
    client.until("HTTP/1.1 200 OK").await;

    // The router goes with the listener; then only the answer still holds the sender.
    server.lifecycle.stop();

    assert!(timeout(SOON / 2, dropped.recv()).await.unwrap().is_none());
    server.ended().await;
}

#[tokio::test]
async fn headers_beyond_the_limit_are_answered_with_431() {
    let server = Server::start(hello(), ServerConfig::local()).await;
    let mut client = server.connect().await;
    client.send(&format!("GET / HTTP/1.1\r\nhost: test\r\nx-big: {}", "x".repeat(64 * 1024))).await;

    let status = client.until("\r\n").await;

    assert!(status.starts_with("HTTP/1.1 431"), "{status}");
}

#[tokio::test]
async fn a_connection_beyond_the_cap_waits_for_another_to_end() {
    let config = ServerConfig { max_connections: 1, ..ServerConfig::local() };
    let server = Server::start(hello(), config).await;
    let mut first = server.connect().await;
    first.ask("/").await;
    first.until("hello").await;
    let mut second = server.connect().await;
    second.ask("/").await;

    let early = timeout(SHORT, second.until("hello")).await;

    assert!(early.is_err());
    drop(first);
    second.until("hello").await;
}

#[tokio::test]
async fn requests_know_their_peer() {
    let show = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let server = Server::start(Router::new().route("/", get(show)), ServerConfig::local()).await;

    let answer = Client::get(server.public, "/").await;

    assert!(answer.contains("\r\n\r\n127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn a_service_without_a_router_can_be_served() {
    let service = tower::service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(request.uri().to_string()))))
    });
    let server = Server::start(service, ServerConfig::local()).await;

    let answer = Client::get(server.public, "/as/it?came").await;

    assert!(answer.ends_with("/as/it?came"), "{answer}");
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let server = Server::start(hello(), ServerConfig::local()).await;
    let mut client = server.connect().await;
    client.ask("/").await;
    client.until("hello").await;

    server.served.abort();

    assert_eq!(client.rest().await, "");
}
