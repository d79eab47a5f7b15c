//! A service that answers as the test says, and knows what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::helpers::PATIENCE;

/// More than any test asks.
const ALL: usize = 1 << 20;

pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

/// What is answered to a request of this head and number.
type Answer = dyn Fn(&Parts, usize) -> Response + Send + Sync;

struct Seen {
    answer: Box<Answer>,
    heads: Mutex<Vec<Parts>>,
    count: watch::Sender<usize>,
    is_held: AtomicBool,
    permits: Semaphore,
}

impl Origin {
    /// One that answers each request by its head and its number, the first being 1.
    pub async fn start(answer: impl Fn(&Parts, usize) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Seen {
            answer: Box::new(answer),
            heads: Mutex::default(),
            count: watch::channel(0).0,
            is_held: AtomicBool::new(false),
            permits: Semaphore::new(0),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// One that answers with its number, and these headers.
    pub async fn counting(headers: &'static [(&'static str, &'static str)]) -> Self {
        Self::start(move |_, number| numbered(headers, number)).await
    }

    /// Lets `GET`s wait from now on.
    pub fn hold(&self) {
        self.seen.is_held.store(true, Ordering::SeqCst);
    }

    /// Lets so many of those that wait, or will, go on.
    pub fn release(&self, count: usize) {
        self.seen.permits.add_permits(count);
    }

    /// Lets all go on, now and later.
    pub fn open(&self) {
        self.seen.is_held.store(false, Ordering::SeqCst);
        self.release(ALL);
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.seen.count.borrow()
    }

    /// Waits until it was asked so often.
    pub async fn until_asked(&self, times: usize) {
        let mut count = self.seen.count.subscribe();
        let reached = timeout(PATIENCE, count.wait_for(|count| *count >= times)).await;
        reached.unwrap_or_else(|_| panic!("asked {} times, not {times}", self.asked())).expect("a sender");
    }

    /// A header of the request of this number, the first being 1.
    pub fn header(&self, number: usize, name: &str) -> Option<String> {
        let heads = self.seen.heads.lock().expect("no panic");
        heads[number - 1].headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// A number as an answer.
pub fn numbered(headers: &[(&'static str, &'static str)], number: usize) -> Response {
    let mut response = number.to_string().into_response();
    for (name, value) in headers {
        response.headers_mut().append(*name, value.parse().expect("a value"));
    }
    response
}

async fn handle(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    if request.uri().path() == "/openapi.json" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let head = request.into_parts().0;
    let number = {
        let mut heads = seen.heads.lock().expect("no panic");
        heads.push(head.clone());
        seen.count.send_replace(heads.len());
        heads.len()
    };
    if head.method == Method::GET && seen.is_held.load(Ordering::SeqCst) {
        seen.permits.acquire().await.expect("an open semaphore").forget();
    }
    (seen.answer)(&head, number)
}
