//! A stand-in for auth's event feed, whose cursor is the number of items before it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

/// Any wait of a test ends by then.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Feed {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    items: Mutex<Vec<Value>>,
    length: watch::Sender<usize>,
    asked_after: watch::Sender<usize>,
    failures: watch::Sender<usize>,
    is_down: AtomicBool,
}

#[derive(Deserialize)]
struct Range {
    after: Option<usize>,
    wait: u64,
}

impl Feed {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            items: Mutex::default(),
            length: watch::Sender::new(0),
            asked_after: watch::Sender::new(0),
            failures: watch::Sender::new(0),
            is_down: AtomicBool::new(false),
        });
        let router = Router::new().route("/internal/v1/events", get(serve)).with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    pub fn url(&self) -> Url {
        format!("http://{}/internal/v1/events", self.address).parse().unwrap()
    }

    /// Puts items on the feed, all at once.
    pub fn push(&self, new: impl IntoIterator<Item = Value>) {
        let mut items = self.shared.items.lock().unwrap();
        items.extend(new);
        self.shared.length.send_replace(items.len());
    }

    /// Puts items on the feed and waits until the service has dealt with all there is.
    pub async fn deliver(&self, new: impl IntoIterator<Item = Value>) {
        self.push(new);
        self.caught_up().await;
    }

    /// Waits until the service asks for what follows the last item: it has committed all before it.
    pub async fn caught_up(&self) {
        let length = *self.shared.length.borrow();
        let mut asked_after = self.shared.asked_after.subscribe();
        timeout(SOON, asked_after.wait_for(|after| *after == length)).await.unwrap().unwrap();
    }

    /// From now on every request fails; waits until one has.
    pub async fn go_down(&self) {
        self.shared.is_down.store(true, Ordering::SeqCst);
        // Whoever waits for news is sent away.
        self.shared.length.send_modify(|_| {});
        let before = *self.shared.failures.borrow();
        let mut failures = self.shared.failures.subscribe();
        timeout(SOON, failures.wait_for(|count| *count > before)).await.unwrap().unwrap();
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.shared.is_down.store(false, Ordering::SeqCst);
    }
}

async fn serve(State(shared): State<Arc<Shared>>, Query(range): Query<Range>) -> Result<Json<Value>, StatusCode> {
    let after = range.after.unwrap_or(0);
    let is_down = || shared.is_down.load(Ordering::SeqCst);
    if !is_down() {
        shared.asked_after.send_replace(after);
        let mut length = shared.length.subscribe();
        let news = length.wait_for(|length| is_down() || *length > after);
        let _nothing_new = timeout(Duration::from_secs(range.wait), news).await;
    }
    if is_down() {
        shared.failures.send_modify(|count| *count += 1);
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let items = shared.items.lock().unwrap();
    Ok(Json(json!({ "items": &items[after..], "next": items.len().to_string() })))
}

/// An event in auth's form, of an id of its own.
pub fn event(kind: &str, subject: Uuid, version: i64, data: &Value) -> Value {
    json!({
        "id": Uuid::new_v4(),
        "type": kind,
        "subject": subject,
        "version": version,
        "occurred_at": "2026-01-02T03:04:05.678901Z",
        "data": data,
    })
}

/// The first event of an account.
pub fn created(subject: Uuid, email: &str) -> Value {
    let data = json!({
        "email": email,
        "email_verified": false,
        "display_name": "From The Event",
        "roles": ["customer"],
    });
    event("account.created", subject, 1, &data)
}

pub fn roles_changed(subject: Uuid, version: i64, roles: &[&str]) -> Value {
    event("account.roles_changed", subject, version, &json!({ "roles": roles }))
}
