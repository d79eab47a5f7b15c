//! What feeds of the internal listener share: how they are asked, and the wait for news.

use std::time::Duration;

use portico_common::error::{ApiError, kinds};
use portico_common::lifecycle::Lifecycle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

const MAX_WAIT_SECONDS: u64 = 30;

/// Reads the cursor a reader came with, if it has one.
///
/// # Errors
/// `invalid_cursor`: it is not one of ours.
pub fn cursor<T: std::str::FromStr>(after: Option<&str>) -> Result<Option<T>, ApiError> {
    let invalid = |_| ApiError::new(&kinds::INVALID_CURSOR, "take the cursor from `next` as it is");
    after.map(str::parse).transpose().map_err(invalid)
}

/// The longest a reader wants to wait, in seconds, when there is nothing new.
///
/// # Errors
/// `invalid_parameter`: it is more than half a minute.
pub fn patience(wait: Option<u64>) -> Result<Duration, ApiError> {
    match wait.unwrap_or(0) {
        seconds @ 0..=MAX_WAIT_SECONDS => Ok(Duration::from_secs(seconds)),
        more => Err(ApiError::new(
            &kinds::INVALID_PARAMETER,
            format!("wait is {more} and must be from 0 to {MAX_WAIT_SECONDS}"),
        )),
    }
}

/// Wakes those who wait for a feed. One task of the process looks for news, however many wait.
#[derive(Clone)]
pub struct Pulse {
    beat: watch::Receiver<()>,
    lifecycle: Lifecycle,
}

impl Pulse {
    /// A pulse, and what makes it beat.
    pub fn new(lifecycle: Lifecycle) -> (watch::Sender<()>, Self) {
        let (sender, beat) = watch::channel(());
        (sender, Self { beat, lifecycle })
    }

    /// Reads until there is something, the reader has waited long enough, or the process stops.
    ///
    /// # Errors
    /// What the reading failed with.
    pub async fn poll<T, F>(
        mut self,
        wait: Duration,
        read: impl Fn() -> F,
        is_news: impl Fn(&T) -> bool,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let deadline = Instant::now() + wait;
        loop {
            self.beat.mark_unchanged();
            let batch = read().await?;
            if is_news(&batch) || Instant::now() >= deadline || self.lifecycle.is_stopping() {
                return Ok(batch);
            }
            tokio::select! {
                _ = timeout_at(deadline, self.beat.changed()) => {}
                () = self.lifecycle.stopping() => {}
            }
        }
    }
}
