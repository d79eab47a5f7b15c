//! Stopping: not ready first, nothing lost after, and never for ever.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portico_common::server::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::client::{Client, SHORT, SOON, Server};

/// `/slow` says that it has begun and then waits to be released; `/` answers at once.
struct Slow {
    router: Router,
    begun: mpsc::UnboundedReceiver<()>,
    release: Arc<Notify>,
}

fn slow() -> Slow {
    let (started, begun) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = release.clone();
    let slow = move || async move {
        started.send(()).unwrap();
        released.notified().await;
        "at last"
    };
    let router = Router::new().route("/slow", get(slow)).route("/", get(|| async { "hello" }));
    Slow { router, begun, release }
}

#[tokio::test]
async fn readiness_ends_before_the_listener_closes() {
    let config = ServerConfig { drain_delay: Duration::from_hours(1), ..ServerConfig::local() };
    let server = Server::start(slow().router, config).await;
    let before = Client::get(server.internal, "/health/ready").await;

    server.lifecycle.stop();

    let after = Client::get(server.internal, "/health/ready").await;
    assert!(before.starts_with("HTTP/1.1 200"), "{before}");
    assert!(after.starts_with("HTTP/1.1 503"), "{after}");
    assert!(after.ends_with(r#"{"status":"stopping"}"#), "{after}");
    assert!(Client::get(server.public, "/").await.ends_with("hello"));
    server.served.abort();
}

#[tokio::test]
async fn a_request_in_flight_ends_and_idle_connections_are_closed() {
    let Slow { router, mut begun, release } = slow();
    let config = ServerConfig { drain_timeout: SOON, ..ServerConfig::local() };
    let server = Server::start(router, config).await;
    let (mut busy, mut idle, mut fresh) = (server.connect().await, server.connect().await, server.connect().await);
    idle.ask("/").await;
    idle.until("hello").await;
    busy.ask("/slow").await;
    begun.recv().await.unwrap();

    server.lifecycle.stop();

    assert_eq!(idle.rest().await, "");
    assert_eq!(fresh.rest().await, "");
    assert!(TcpStream::connect(server.public).await.is_err());
    release.notify_one();
    let answer = busy.rest().await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with("at last"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn an_http2_client_is_told_to_go_and_keeps_its_answer() {
    let Slow { router, mut begun, release } = slow();
    let config = ServerConfig { drain_timeout: SOON, ..ServerConfig::local() };
    let server = Server::start(router, config).await;
    let stream = TokioIo::new(server.connect().await.into_stream());
    let (mut requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = Request::get("http://test/slow").body(Empty::<Bytes>::new()).unwrap();
    let answer = tokio::spawn(requests.send_request(ask));
    begun.recv().await.unwrap();

    server.lifecycle.stop();
    release.notify_one();

    let answer = timeout(SOON, answer).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "at last");
    timeout(SOON, connection).await.unwrap().unwrap().unwrap();
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_hangs_is_cut_after_the_drain_timeout() {
    let Slow { router, mut begun, release: _held } = slow();
    let config = ServerConfig { drain_timeout: SHORT, ..ServerConfig::local() };
    let server = Server::start(router, config).await;
    let mut client = server.connect().await;
    client.ask("/slow").await;
    begun.recv().await.unwrap();

    server.lifecycle.stop();

    assert_eq!(client.rest().await, "");
    server.ended().await;
}

#[tokio::test]
async fn background_tasks_outlive_the_last_request() {
    let Slow { router, mut begun, release } = slow();
    let config = ServerConfig { drain_timeout: SOON, ..ServerConfig::local() };
    let server = Server::start(router, config).await;
    let (held, mut dropped) = mpsc::channel::<()>(1);
    server.lifecycle.spawn("relay", async move {
        let _held = held;
        pending::<()>().await;
    });
    let mut client = server.connect().await;
    client.ask("/slow").await;
    begun.recv().await.unwrap();

    server.lifecycle.stop();
    server.lifecycle.stopping().await;

    assert!(dropped.try_recv().is_err_and(|error| error == mpsc::error::TryRecvError::Empty));
    release.notify_one();
    assert!(client.rest().await.ends_with("at last"));
    server.ended().await;
    assert!(dropped.recv().await.is_none());
}
