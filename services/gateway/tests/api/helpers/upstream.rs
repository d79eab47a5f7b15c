//! An upstream that counts what reaches it and does what the last segment of the path says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use super::PATIENCE;

/// Plays the services.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

/// What happened at an upstream.
struct Seen {
    document: Mutex<Option<Value>>,
    is_well: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    arrived: Notify,
    /// One permit for each request that was given up.
    abandoned: Semaphore,
    go_on: Notify,
}

impl Upstream {
    pub async fn start() -> Self {
        let upstream = Self::start_unpublished().await;
        upstream.publish();
        upstream
    }

    /// One without an OpenAPI document, until it is [published](Self::publish).
    pub async fn start_unpublished() -> Self {
        let seen = Arc::new(Seen {
            document: Mutex::default(),
            is_well: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            arrived: Notify::new(),
            abandoned: Semaphore::new(0),
            go_on: Notify::new(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let listener = Counted { listener, seen: Arc::clone(&seen) };
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// One with an OpenAPI document of the test's own.
    pub async fn start_with(document: Value) -> Self {
        let upstream = Self::start_unpublished().await;
        upstream.publish_as(document);
        upstream
    }

    /// Begins to serve its OpenAPI document.
    pub fn publish(&self) {
        self.publish_as(document());
    }

    /// Serves another OpenAPI document from now on.
    pub fn publish_as(&self, document: Value) {
        *self.seen.document.lock().expect("a sound lock") = Some(document);
    }

    /// Says from now on at `/healthz` whether it is well; whatever it says, it answers.
    pub fn says_it_is_well(&self, is_well: bool) {
        self.seen.is_well.store(is_well, Ordering::SeqCst);
    }

    /// How many requests arrived, those for the document and its health aside.
    pub fn hits(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Waits until a request has arrived.
    pub async fn arrived(&self) {
        timeout(PATIENCE, self.seen.arrived.notified()).await.expect("a request in time");
    }

    /// Lets an answer that waits go on.
    pub fn go_on(&self) {
        self.seen.go_on.notify_one();
    }

    /// Waits until the gateway has given up a request that was being answered.
    pub async fn abandoned(&self) {
        let permit = timeout(PATIENCE, self.seen.abandoned.acquire()).await;
        permit.expect("the end of the request in time").expect("an open semaphore").forget();
    }
}

/// A listener that counts.
struct Counted {
    listener: TcpListener,
    seen: Arc<Seen>,
}

impl Listener for Counted {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = Listener::accept(&mut self.listener).await;
        self.seen.connections.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        TcpListener::local_addr(&self.listener)
    }
}

/// Tells of an answer that is dropped before it was given.
struct Unfinished(Option<Arc<Seen>>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(seen) = &self.0 {
            seen.abandoned.add_permits(1);
        }
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    if request.uri().path() == "/openapi.json" {
        let document = seen.document.lock().expect("a sound lock").clone();
        return document.map_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response(), |it| Json(it).into_response());
    }
    if request.uri().path() == "/healthz" {
        let is_well = seen.is_well.load(Ordering::SeqCst);
        return if is_well { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }.into_response();
    }
    seen.requests.fetch_add(1, Ordering::SeqCst);
    seen.arrived.notify_one();
    let path = request.uri().path().to_owned();
    match path.rsplit('/').next().unwrap_or_default() {
        "hang" => {
            let _unfinished = Unfinished(Some(seen));
            std::future::pending().await
        }
        "stream" => two_pieces(seen),
        "count" => count(request).await,
        "unwell" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "early" => StatusCode::IM_A_TEAPOT.into_response(),
        "zeros" => zeros(&path, seen),
        "teapot" => (StatusCode::IM_A_TEAPOT, [("x-brew", "tea")], "short and stout").into_response(),
        _ => echo(request).await,
    }
}

/// A first piece at once, a second one when the test says so.
fn two_pieces(seen: Arc<Seen>) -> Response {
    let pieces = futures_util::stream::unfold(0, move |piece| {
        let seen = Arc::clone(&seen);
        async move {
            match piece {
                0 => Some((Ok::<_, std::io::Error>("first"), 1)),
                1 => {
                    let unfinished = Unfinished(Some(Arc::clone(&seen)));
                    seen.go_on.notified().await;
                    unfinished.finish();
                    Some((Ok("second"), 2))
                }
                _ => None,
            }
        }
    });
    Body::from_stream(pieces).into_response()
}

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// So many bytes as the segment before says.
fn zeros(path: &str, seen: Arc<Seen>) -> Response {
    let count = path.rsplit('/').nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
    let unfinished = Unfinished(Some(seen));
    let pieces = futures_util::stream::unfold((count, unfinished), |(left, unfinished): (usize, _)| async move {
        let piece = Bytes::from_static(&ZEROS);
        if left == 0 {
            unfinished.finish();
            return None;
        }
        let rest = left.saturating_sub(piece.len());
        Some((Ok::<_, std::io::Error>(piece.slice(..left.min(piece.len()))), (rest, unfinished)))
    });
    Body::from_stream(pieces).into_response()
}

/// Counts the body without keeping it.
async fn count(request: Request) -> Response {
    let mut body = request.into_body();
    let mut total = 0;
    while let Some(Ok(frame)) = body.frame().await {
        total += frame.data_ref().map_or(0, Bytes::len);
    }
    total.to_string().into_response()
}

/// Says what arrived.
async fn echo(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let headers: Vec<[String; 2]> = head
        .headers
        .iter()
        .map(|(name, value)| [name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
        .collect();
    let Ok(body) = body.collect().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let trailers: Vec<String> =
        body.trailers().into_iter().flat_map(|trailers| trailers.keys().map(ToString::to_string)).collect();
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let seen = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "trailers": trailers,
        "body": text,
    });
    Json(seen).into_response()
}

fn document() -> Value {
    let operation = json!({ "responses": { "200": { "description": "Echo" } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "upstream", "version": "1" },
        "servers": [{ "url": "http://inside:1" }],
        "paths": { "/v1/closed/echo": { "get": operation }, "/v1/elsewhere": { "get": operation } },
        "x-problems": [{ "code": "teapot", "status": 418, "title": "It is a <teapot>" }],
    })
}
