//! An upstream of which the test says how each request is answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::Connection;

/// Answers as it is told, and remembers what was asked.
pub struct PlayedUpstream {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

/// What happened at one.
struct Seen {
    heads: Mutex<Vec<String>>,
    /// How many requests it had when each arrived, that one included.
    crowds: Mutex<Vec<usize>>,
    present: AtomicUsize,
    slots: Semaphore,
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
    /// 500, at once.
    pub const FAILS: Self = Self { answer: "HTTP/1.1 500 Internal Server Error\r\n", ..Self::WELL };
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
        let (heads, crowds) = (Mutex::default(), Mutex::default());
        let seen = Arc::new(Seen { heads, crowds, present: AtomicUsize::new(0), slots: Semaphore::new(slots) });
        let (serving, play) = (Arc::clone(&seen), Arc::new(play));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::of(stream), Arc::clone(&serving), Arc::clone(&play)));
            }
        });
        Self { address, seen }
    }

    /// How many requests arrived, the gateway's own questions aside.
    pub fn hits(&self) -> usize {
        self.seen.heads.lock().expect("nobody panicked").len()
    }

    /// What arrived, each as method and target.
    pub fn requests(&self) -> Vec<String> {
        let heads = self.seen.heads.lock().expect("nobody panicked");
        heads.iter().filter_map(|head| Some(head.split_once(" HTTP/")?.0.to_owned())).collect()
    }

    /// How many requests it had at once, in the median of the last `count` arrivals.
    pub fn crowd(&self, count: usize) -> usize {
        let crowds = self.seen.crowds.lock().expect("nobody panicked");
        let mut last = crowds[crowds.len().saturating_sub(count)..].to_vec();
        last.sort_unstable();
        last.get(last.len() / 2).copied().unwrap_or_default()
    }
}

impl Seen {
    /// Notes a request, and says its number.
    fn arrive(&self, head: String) -> usize {
        let crowd = self.present.fetch_add(1, Ordering::SeqCst) + 1;
        self.crowds.lock().expect("nobody panicked").push(crowd);
        let mut heads = self.heads.lock().expect("nobody panicked");
        heads.push(head);
        heads.len() - 1
    }
}

async fn serve(mut connection: Connection, seen: Arc<Seen>, play: Arc<impl Fn(usize) -> Play + Send + Sync + 'static>) {
    while let Some(head) = connection.next_head().await {
        if head.starts_with("GET /openapi.json ") {
            return;
        }
        let Play { after, answer, closes } = play(seen.arrive(head));
        let slot = seen.slots.acquire().await;
        sleep(after).await;
        drop(slot);
        seen.present.fetch_sub(1, Ordering::SeqCst);
        let written = connection.try_write(format!("{answer}Content-Length: 2\r\n\r\nok").as_bytes()).await;
        if closes || written.is_err() {
            return;
        }
    }
}
