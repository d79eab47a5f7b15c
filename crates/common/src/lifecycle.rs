//! The life of a process: started, ready, stopping, and the tasks that run beside its requests.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// How long [`Lifecycle::finish`] waits for tasks that do not yield.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// Supervisors send a signal to a process and to its group: what comes this close together is one request.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Where a process is in its life, and the background tasks that end with it; clones share it.
#[derive(Clone, Default)]
pub struct Lifecycle(Arc<State>);

#[derive(Default)]
struct State {
    started: AtomicBool,
    stop: CancellationToken,
    end_tasks: CancellationToken,
    tasks: TaskTracker,
    lost_tasks: Mutex<Vec<&'static str>>,
}

impl Lifecycle {
    /// A life that has not started yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The life of one service among several in a process: it ends with this one, or earlier by itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(State {
            stop: self.0.stop.child_token(),
            end_tasks: self.0.end_tasks.child_token(),
            ..State::default()
        }))
    }

    /// Says that requests are answered from now on; [`serve`](crate::server::serve) calls it.
    pub fn set_started(&self) {
        self.0.started.store(true, Ordering::Release);
    }

    /// Whether requests are being answered, be it the last ones.
    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }

    /// Whether new requests are welcome: started and not stopping.
    pub fn is_ready(&self) -> bool {
        self.is_started() && !self.is_stopping()
    }

    /// Begins to stop. The process is not ready from this moment.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Whether stopping has begun.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Waits until stopping has begun.
    pub async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    /// Begins to stop on SIGTERM or SIGINT; a second signal leaves at once with exit code 130.
    ///
    /// # Errors
    /// The system refused a signal handler.
    pub fn stop_on_signal(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        tokio::spawn(async move {
            let name = next_signal(&mut terminate, &mut interrupt).await;
            tracing::info!(signal = name, "asked to stop");
            lifecycle.stop();
            let asked = Instant::now();
            let mut name = next_signal(&mut terminate, &mut interrupt).await;
            while asked.elapsed() < SAME_SIGNAL {
                name = next_signal(&mut terminate, &mut interrupt).await;
            }
            tracing::warn!(signal = name, "asked to stop again, leaving at once");
            std::process::exit(130);
        });
        Ok(())
    }

    /// Runs `task` beside the requests until it ends or [`finish`](Self::finish) drops it at an await point.
    ///
    /// A task that panics is logged and makes the process not ready for good: what it kept fresh no longer is.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let lifecycle = self.clone();
        let run = async move {
            let task = AssertUnwindSafe(task).catch_unwind();
            let ended = lifecycle.0.end_tasks.run_until_cancelled(task).await;
            if let Some(Err(_)) = ended {
                tracing::error!("background task lost");
                lifecycle.lost_tasks(|lost| lost.push(name));
            }
        };
        self.0.tasks.spawn(run.instrument(tracing::error_span!("task", task = name)));
    }

    /// The background tasks that panicked.
    pub(crate) fn lost(&self) -> Vec<&'static str> {
        self.lost_tasks(|lost| lost.clone())
    }

    /// Ends the background tasks and waits for them for a moment; the last step of stopping.
    pub async fn finish(&self) {
        self.0.end_tasks.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(FINISH_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.0.tasks.len(), "background tasks did not end in time");
        }
    }

    fn lost_tasks<T>(&self, with: impl FnOnce(&mut Vec<&'static str>) -> T) -> T {
        with(&mut self.0.lost_tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn next_signal(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn ready_is_between_started_and_stopping() {
        let lifecycle = Lifecycle::new();

        assert!(!lifecycle.is_ready());
        lifecycle.set_started();
        assert!(lifecycle.is_ready());
        lifecycle.stop();
        assert!(!lifecycle.is_ready());
    }

    #[tokio::test]
    async fn a_child_ends_with_its_parent_and_not_the_other_way_round() {
        let suite = Lifecycle::new();
        let (first, second) = (suite.child(), suite.child());

        first.stop();

        assert!(first.is_stopping());
        assert!(!suite.is_stopping());
        suite.stop();
        timeout(SOON, second.stopping()).await.unwrap();
    }

    #[tokio::test]
    async fn finish_drops_background_tasks() {
        let lifecycle = Lifecycle::new();
        let (held, dropped) = oneshot::channel::<()>();
        lifecycle.spawn("waits", async move {
            let _held = held;
            pending::<()>().await;
        });

        lifecycle.finish().await;

        assert!(timeout(SOON, dropped).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_panicked_task_is_remembered() {
        let lifecycle = Lifecycle::new();

        lifecycle.spawn("feeds", async { panic!("as the test wants") });

        lifecycle.0.tasks.close();
        timeout(SOON, lifecycle.0.tasks.wait()).await.unwrap();
        assert_eq!(lifecycle.lost(), ["feeds"]);
    }

    #[tokio::test]
    async fn sigterm_begins_to_stop() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop_on_signal().unwrap();

        let kill = format!("kill -TERM {}", std::process::id());
        tokio::process::Command::new("sh").args(["-c", &kill]).status().await.unwrap();

        timeout(SOON, lifecycle.stopping()).await.unwrap();
    }
}
