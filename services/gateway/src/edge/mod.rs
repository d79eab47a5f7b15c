//! The sockets of the clients: who is let in, which worker serves them, and how they are let go.
//!
//! One thread accepts and gives each connection to the worker with the fewest. A worker is a
//! thread with a runtime and upstream connections of its own, so that a request never changes
//! threads (docs/adr/0007).

mod conduct;
mod connection;
mod conversation;
mod frames;
pub(crate) mod framing;
mod http1;
mod refusal;
mod slots;
mod tls;
mod tunnel;
mod worker;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::FutureExt as _;
use portico_common::server::{Front, ServerConfig, pause_after};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::config::EdgeConfig;
use crate::gateway::Gateway;
use slots::{Slot, Slots};
use worker::WorkerHandle;

pub(crate) use connection::{ClientConnection, OpenRequest};
pub(crate) use http1::ClientSocket;
pub(crate) use tls::{Files, Tls};
pub(crate) use tunnel::Tunnel;
pub(crate) use worker::Worker;

/// How long workers that were told to cut their connections may take for it.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// The public listener and the workers behind it.
pub(crate) struct Edge {
    address: SocketAddr,
    listener: TcpListener,
    slots: Slots,
    workers: Vec<WorkerHandle>,
    drain_timeout: Duration,
}

/// A connection on its way to a worker.
pub(crate) struct Accepted {
    pub stream: std::net::TcpStream,
    pub peer: SocketAddr,
    pub slot: Slot,
}

impl Edge {
    /// Starts the workers.
    ///
    /// # Errors
    /// The system does not tell the listener's address, or refuses a thread.
    pub fn start(
        listener: TcpListener,
        gateway: &Arc<Gateway>,
        server: &ServerConfig,
        edge: &EdgeConfig,
    ) -> anyhow::Result<Self> {
        let count = edge.workers.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let workers = (0..count).map(|index| WorkerHandle::start(index, gateway, server)).collect::<Result<_, _>>()?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            slots: Slots::new(server.max_connections, edge.max_connections_per_client),
            workers,
            drain_timeout: server.drain_timeout,
        })
    }

    async fn accept_one(&self) {
        self.slots.has_room().await;
        match self.listener.accept().await {
            Ok((stream, peer)) => self.hand_over(stream, peer),
            Err(error) => pause_after(error).await,
        }
    }

    /// Gives a connection to the worker with the fewest. One too many of a client is closed at once.
    fn hand_over(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(slot) = self.slots.take(peer.ip()) else {
            tracing::debug!(%peer, "too many connections of one client");
            return;
        };
        match stream.into_std() {
            Ok(stream) => {
                if let Some(worker) = self.workers.iter().min_by_key(|worker| worker.connections()) {
                    worker.serve(Accepted { stream, peer, slot });
                }
            }
            Err(error) => tracing::debug!(%error, "connection lost while it was handed over"),
        }
    }
}

impl Front for Edge {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn accept(&mut self) {
        loop {
            self.accept_one().await;
        }
    }

    async fn drain(self) {
        // Who has connected already does not know that there is nobody to accept any more.
        while let Some(Ok((stream, peer))) = self.listener.accept().now_or_never() {
            self.hand_over(stream, peer);
        }
        let Self { listener, mut workers, drain_timeout, .. } = self;
        drop(listener);
        workers.iter().for_each(WorkerHandle::leave);
        let all_ended = async {
            for worker in &mut workers {
                worker.ended().await;
            }
        };
        if timeout(drain_timeout, all_ended).await.is_ok() {
            return;
        }
        let connections: usize = workers.iter().map(WorkerHandle::connections).sum();
        tracing::warn!(connections, "drain timed out, cutting connections");
        let ends = workers.into_iter().map(WorkerHandle::cut);
        let _ = timeout(CUT_WITHIN, futures_util::future::join_all(ends)).await;
    }
}
