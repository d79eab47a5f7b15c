//! A service running for one test.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Listeners, ServerConfig};
use tokio::task::JoinHandle;

use crate::Client;

/// A service on two free ports, stopped with the value.
pub struct RunningService {
    /// Its public listener.
    pub public: SocketAddr,
    /// Its internal listener.
    pub internal: SocketAddr,
    /// What stops it.
    pub lifecycle: Lifecycle,
    /// Its end, for tests that wait for it.
    pub task: JoinHandle<()>,
}

impl RunningService {
    /// Starts what `serve` makes of the listeners, and waits until it says it is ready.
    ///
    /// # Panics
    /// It fails, or is not ready within 20 seconds.
    pub async fn start<S>(serve: impl FnOnce(ServerConfig, Listeners, Lifecycle) -> S) -> Self
    where
        S: Future<Output: std::fmt::Debug> + Send + 'static,
    {
        let config = ServerConfig::local();
        let listeners = Listeners::bind(&config).await.expect("free ports");
        let (public, internal) = (listeners.public_addr(), listeners.internal_addr());
        let lifecycle = Lifecycle::new();
        let serving = serve(config, listeners, lifecycle.clone());
        let task = tokio::spawn(async move {
            let ended = serving.await;
            let text = format!("{ended:?}");
            assert!(!text.starts_with("Err"), "the service failed: {text}");
        });
        let service = Self { public, internal, lifecycle, task };
        service.until_ready().await;
        service
    }

    async fn until_ready(&self) {
        let client = Client::new(self.internal);
        let ready = async {
            while client.get("/health/ready").await.status != 200 {
                assert!(!self.task.is_finished(), "the service ended before it was ready");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready).await.expect("ready within 20 seconds");
    }

    /// A client of its public listener.
    pub fn client(&self) -> Client {
        Client::new(self.public)
    }
}

impl Drop for RunningService {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}
