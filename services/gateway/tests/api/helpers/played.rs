//! An upstream of which the test says how each request is answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::Connection;

/// Answers as it is told, and remembers what was asked.
pub struct PlayedUpstream {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

/// How a request is answered.
#[derive(Clone, Copy)]
pub struct Play {
    pub after: Duration,
    /// Status line and headers, but for the length.
    pub answer: &'static str,
    /// Whether the connection is closed afterwards, about which the answer says nothing.
    pub closes: bool,
}

impl Play {
    /// 200, at once.
    pub const WELL: Self = Self { after: Duration::ZERO, answer: "HTTP/1.1 200 OK\r\n", closes: false };
}

impl PlayedUpstream {
    /// Starts one; `play` says how to answer the request of that number.
    pub async fn start(play: impl Fn(usize) -> Play + Send + Sync + 'static) -> Self {
        Self::with_slots(Semaphore::MAX_PERMITS, play).await
    }

    /// One that works at so many requests at once, and at the others in order of arrival.
    pub async fn with_slots(slots: usize, play: impl Fn(usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let (heads, play) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(play));
        let slots = Arc::new(Semaphore::new(slots));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::of(stream), Arc::clone(&seen), Arc::clone(&play), Arc::clone(&slots)));
            }
        });
        Self { address, heads }
    }

    /// How many requests arrived, the gateway's own questions aside.
    pub fn hits(&self) -> usize {
        self.heads.lock().expect("nobody panicked").len()
    }
}

async fn serve(
    mut connection: Connection,
    seen: Arc<Mutex<Vec<String>>>,
    play: Arc<impl Fn(usize) -> Play + Send + Sync + 'static>,
    slots: Arc<Semaphore>,
) {
    while let Some(head) = connection.next_head().await {
        if head.starts_with("GET /openapi.json ") {
            return;
        }
        let number = {
            let mut seen = seen.lock().expect("nobody panicked");
            seen.push(head);
            seen.len() - 1
        };
        let Play { after, answer, closes } = play(number);
        let slot = slots.acquire().await;
        sleep(after).await;
        drop(slot);
        let written = connection.try_write(format!("{answer}Content-Length: 2\r\n\r\nok").as_bytes()).await;
        if closes || written.is_err() {
            return;
        }
    }
}
