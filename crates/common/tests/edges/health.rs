//! What readiness says, and to whom.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Check, ServerConfig, internal_router, probe};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::client::{SOON, Server};

async fn ready(lifecycle: &Lifecycle, checks: Vec<Check>) -> (StatusCode, Value) {
    let request = Request::get("/health/ready").body(Body::empty()).unwrap();
    let answer = internal_router(lifecycle, checks).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 4096).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_process() {
    let lifecycle = Lifecycle::new();

    let starting = ready(&lifecycle, Vec::new()).await;
    lifecycle.set_started();
    let started = ready(&lifecycle, Vec::new()).await;
    lifecycle.stop();
    let stopping = ready(&lifecycle, Vec::new()).await;

    assert_eq!(starting, (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "starting" })));
    assert_eq!(started, (StatusCode::OK, json!({ "status": "ready" })));
    assert_eq!(stopping, (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "stopping" })));
}

#[tokio::test]
async fn failing_and_hanging_checks_are_named() {
    let lifecycle = Lifecycle::new();
    lifecycle.set_started();
    let checks = vec![
        Check::new("fine", || async { Ok(()) }),
        Check::new("database", || async { anyhow::bail!("refused") }),
        Check::new("keys", std::future::pending),
    ];

    let answer = ready(&lifecycle, checks).await;

    let body = json!({ "status": "failing", "failing": ["database", "keys"] });
    assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, body));
}

#[tokio::test]
async fn a_lost_background_task_makes_the_process_not_ready() {
    let lifecycle = Lifecycle::new();
    lifecycle.set_started();
    let (held, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
    lifecycle.spawn("relay", async move {
        let _held = held;
        panic!("as the test wants");
    });
    assert!(dropped.recv().await.is_none());

    lifecycle.finish().await;

    let body = json!({ "status": "failing", "failing": ["relay"] });
    assert_eq!(ready(&lifecycle, Vec::new()).await, (StatusCode::SERVICE_UNAVAILABLE, body));
}

#[tokio::test]
async fn probe_finds_a_process_that_listens_on_every_address() {
    let config = ServerConfig { drain_delay: SOON, ..ServerConfig::local() };
    let config = ServerConfig { internal_listen: (Ipv4Addr::UNSPECIFIED, 0).into(), ..config };
    let server = Server::start(Router::new(), config).await;
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, server.internal.port()));

    let before = probe(everywhere).await;
    server.lifecycle.stop();
    let after = probe(everywhere).await;

    before.unwrap();
    assert!(format!("{:#}", after.unwrap_err()).contains("stopping"));
    server.served.abort();
}

#[tokio::test]
async fn probe_says_that_nobody_is_there() {
    let address = portico_testkit::closed_port();

    let error = probe(address).await.unwrap_err();

    assert!(error.to_string().contains(&address.to_string()), "{error:#}");
}
