//! What the two feeds of the internal listener share: their query, their answer, and the wait for news.

use std::time::Duration;

use portico_common::error::{ApiError, kinds};
use portico_common::lifecycle::Lifecycle;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

const MAX_WAIT_SECONDS: u64 = 30;

/// Where to read on, and how long to wait when there is nothing new.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedQuery {
    after: Option<String>,
    wait: Option<u64>,
}

impl FeedQuery {
    /// The reader's cursor, if it has one.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, ApiError> {
        let invalid = |_| ApiError::new(&kinds::INVALID_CURSOR, "take the cursor from `next` as it is");
        self.after.as_deref().map(str::parse).transpose().map_err(invalid)
    }

    /// The longest the reader wants to wait.
    pub fn wait(&self) -> Result<Duration, ApiError> {
        match self.wait.unwrap_or(0) {
            seconds @ 0..=MAX_WAIT_SECONDS => Ok(Duration::from_secs(seconds)),
            more => Err(ApiError::new(
                &kinds::INVALID_PARAMETER,
                format!("wait is {more} and must be from 0 to {MAX_WAIT_SECONDS}"),
            )),
        }
    }
}

/// Items in the order of the feed, and the cursor after them.
#[derive(Debug, Serialize)]
pub(crate) struct Batch<T> {
    pub items: Vec<T>,
    pub next: String,
}

/// Wakes those who wait for a feed. One task of the process looks for news, however many wait.
#[derive(Clone)]
pub(crate) struct Pulse {
    beat: watch::Receiver<()>,
    lifecycle: Lifecycle,
}

impl Pulse {
    pub fn new(lifecycle: Lifecycle) -> (watch::Sender<()>, Self) {
        let (sender, beat) = watch::channel(());
        (sender, Self { beat, lifecycle })
    }

    /// Reads until there is something, the reader has waited long enough, or the process stops.
    pub async fn poll<T, F>(mut self, wait: Duration, read: impl Fn() -> F) -> Result<Batch<T>, ApiError>
    where
        F: Future<Output = Result<Batch<T>, ApiError>>,
    {
        let deadline = Instant::now() + wait;
        loop {
            self.beat.mark_unchanged();
            let batch = read().await?;
            if !batch.items.is_empty() || Instant::now() >= deadline || self.lifecycle.is_stopping() {
                return Ok(batch);
            }
            tokio::select! {
                _ = timeout_at(deadline, self.beat.changed()) => {}
                () = self.lifecycle.stopping() => {}
            }
        }
    }
}
