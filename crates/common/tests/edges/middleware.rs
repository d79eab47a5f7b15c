//! What the standard stack promises of every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use portico_common::extract;
use portico_common::middleware::{RequestId, TraceContext, standard};
use portico_common::server::ServerConfig;
use portico_common::telemetry::Traces;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::client::{SHORT, SOON, Server};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts what every problem has in common.
    fn assert_problem(&self, status: StatusCode, code: &str, instance: &str) {
        let body = self.json();
        assert_eq!(self.status, status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["code"], code);
        assert_eq!(body["status"], status.as_u16());
        assert_eq!(body["instance"], instance);
        assert!(!self.header("x-request-id").is_empty());
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

fn router() -> Router {
    async fn panics() {
        panic!("secret of the house");
    }
    let ids = |Extension(id): Extension<RequestId>, Extension(trace): Extension<TraceContext>| async move {
        Json(json!({
            "id": id.as_str(),
            "traceparent": trace.header_value().to_str().unwrap(),
        }))
    };
    Router::new()
        .route("/ids", get(ids))
        .route("/panic", get(panics))
        .route("/hang", get(std::future::pending::<()>))
        .route("/echo", post(|extract::Json(body): extract::Json<Value>| async { Json(body) }))
        .route("/cached", get(|| async { ([(header::CACHE_CONTROL, "public, max-age=30")], "") }))
}

async fn send(request: Request<Full<Bytes>>) -> Answer {
    let config = ServerConfig { request_timeout: Duration::from_secs(5), body_limit: 1000, ..ServerConfig::local() };
    send_with(request, config).await
}

async fn send_with(request: Request<Full<Bytes>>, config: ServerConfig) -> Answer {
    let server = Server::start(standard(router(), "test", &config, &Traces::default()), config).await;
    let stream = TokioIo::new(server.connect().await.into_stream());
    let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let answer = timeout(SOON, client.send_request(request)).await.unwrap().unwrap();
    let (parts, body) = answer.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

fn ask(path: &str) -> Request<Full<Bytes>> {
    ask_with(path, "x-test", "")
}

fn ask_with(path: &str, name: &str, value: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", "test").header(name, value).body(Full::default()).unwrap()
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let answer = send(ask("/nowhere?token=secret")).await;

    answer.assert_problem(StatusCode::NOT_FOUND, "route_not_found", "/nowhere");
    assert!(!answer.body.windows(6).any(|bytes| bytes == b"secret"));
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let mut request = ask("/ids");
    *request.method_mut() = Method::DELETE;

    let answer = send(request).await;

    answer.assert_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "/ids");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_keeps_its_reason_to_itself() {
    let answer = send(ask("/panic")).await;

    answer.assert_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "/panic");
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
}

#[tokio::test]
async fn a_handler_that_hangs_is_a_problem() {
    let config = ServerConfig { request_timeout: SHORT, ..ServerConfig::local() };

    let answer = send_with(ask("/hang"), config).await;

    answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "timeout", "/hang");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_body_that_never_ends_is_a_problem() {
    let config = ServerConfig { request_timeout: SHORT, ..ServerConfig::local() };
    let server = Server::start(standard(router(), "test", &config, &Traces::default()), config).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        .await;

    let answer = client.rest().await;

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_slow\""), "{answer}");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_problem() {
    let body = Bytes::from(format!("\"{}\"", "x".repeat(1000)));
    let request = Request::post("/echo")
        .header("host", "test")
        .header("content-type", "application/json")
        .body(Full::new(body))
        .unwrap();

    let answer = send(request).await;

    answer.assert_problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "/echo");
}

#[tokio::test]
async fn the_callers_request_id_is_kept() {
    let answer = send(ask_with("/ids", "x-request-id", "order-42_a.b")).await;

    assert_eq!(answer.header("x-request-id"), "order-42_a.b");
    assert_eq!(answer.json()["id"], "order-42_a.b");
}

#[tokio::test]
async fn a_bad_request_id_is_replaced_by_a_uuid() {
    for bad in ["", "a b", "<script>", "x\u{e9}", &"x".repeat(65)] {
        let answer = send(ask_with("/ids", "x-request-id", bad)).await;

        let id = answer.header("x-request-id");
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{bad}: {id}");
        assert_eq!(answer.json()["id"], id);
    }
}

#[tokio::test]
async fn a_trace_is_joined_and_a_bad_one_restarted() {
    let joined = send(ask_with("/ids", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).await;
    let restarted = send(ask_with("/ids", "traceparent", "00-zzz-b7ad6b7169203331-01")).await;

    let joined = joined.json()["traceparent"].as_str().unwrap().to_owned();
    assert!(joined.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{joined}");
    assert!(!joined.contains("b7ad6b7169203331"), "{joined}");
    assert_eq!(restarted.json()["traceparent"].as_str().unwrap().len(), 55);
}

#[tokio::test]
async fn answers_are_not_stored_unless_the_handler_says_so() {
    let default = send(ask("/ids")).await;
    let cached = send(ask("/cached")).await;

    assert_eq!(default.header("cache-control"), "no-store");
    assert_eq!(cached.header("cache-control"), "public, max-age=30");
    assert_eq!(default.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_handler_ends_although_its_client_has_left() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let handler = async move || {
        begun.send("begun").unwrap();
        opened.notified().await;
        begun.send("ended").unwrap();
    };
    let config = ServerConfig::local();
    let router = standard(Router::new().route("/slow", get(handler)), "test", &config, &Traces::default());
    let server = Server::start(router, config).await;
    let mut client = server.connect().await;
    client.ask("/slow").await;
    assert_eq!(seen.recv().await, Some("begun"));

    drop(client);
    gate.notify_one();

    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("ended"));
}
