//! One listener and the connections it has accepted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::connection::{self, HttpService};
use super::{Front, ServerConfig};

/// Pause after the system refused to accept: usually out of file descriptors, which takes a while to mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A listener that serves one service.
pub struct Endpoint<S> {
    address: SocketAddr,
    listener: TcpListener,
    service: S,
    config: ServerConfig,
    connections: JoinSet<()>,
    leaving: CancellationToken,
}

impl<S: HttpService> Endpoint<S> {
    /// Takes over a bound socket.
    ///
    /// # Errors
    /// The system does not tell its address.
    pub fn new(listener: TcpListener, service: S, config: &ServerConfig) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            service,
            config: config.clone(),
            connections: JoinSet::new(),
            leaving: CancellationToken::new(),
        })
    }
}

impl<S: HttpService> Front for Endpoint<S> {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn accept(&mut self) {
        loop {
            let has_room = self.connections.len() < self.config.max_connections;
            tokio::select! {
                Some(ended) = self.connections.join_next() => note_panic(ended),
                accepted = self.listener.accept(), if has_room => match accepted {
                    Ok((stream, peer)) => {
                        let (service, config) = (self.service.clone(), self.config.clone());
                        let served = connection::serve(stream, peer, service, config, self.leaving.clone());
                        self.connections.spawn(served.in_current_span());
                    }
                    Err(error) => pause_after(error).await,
                },
            }
        }
    }

    async fn drain(self) {
        let Self { listener, leaving, mut connections, config, .. } = self;
        drop(listener);
        leaving.cancel();
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                note_panic(ended);
            }
        };
        if timeout(config.drain_timeout, all_ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "drain timed out, cutting connections");
            connections.shutdown().await;
        }
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "connection lost to a panic");
    }
}

/// Waits after a failed accept as long as makes sense.
///
/// A client that left before it was accepted is no news; anything else would fail again at once.
pub async fn pause_after(error: io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections, trying again");
        sleep(ACCEPT_PAUSE).await;
    }
}
