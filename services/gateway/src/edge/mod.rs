//! The sockets of the clients: who is let in, which worker serves them, and how they are let go.
//!
//! A worker is a thread with a runtime and upstream connections of its own, so that a request never
//! changes threads (docs/adr/0007). All of them accept from one socket, and whoever has clearly more
//! connections than another hands a new one over.

mod conduct;
mod connection;
mod conversation;
mod door;
mod frames;
pub(crate) mod framing;
mod http1;
mod refusal;
mod slots;
mod team;
mod tls;
mod tunnel;
mod worker;

use std::future::pending;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use portico_common::server::{Front, ServerConfig};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::config::EdgeConfig;
use crate::gateway::Gateway;
use slots::Slots;
use team::Team;
use worker::WorkerHandle;

pub(crate) use connection::{ClientConnection, OpenRequest};
pub(crate) use http1::ClientSocket;
pub(crate) use tls::{Files, Tls};
pub(crate) use tunnel::Tunnel;
pub(crate) use worker::Worker;

/// How long workers that were told to cut their connections may take for it.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// The workers at the public listener.
pub(crate) struct Edge {
    address: SocketAddr,
    workers: Vec<WorkerHandle>,
    drain_timeout: Duration,
}

impl Edge {
    /// Starts the workers; they accept from now on.
    ///
    /// # Errors
    /// The system does not tell the listener's address, or refuses a thread or a handle.
    pub fn start(
        listener: TcpListener,
        gateway: &Arc<Gateway>,
        server: &ServerConfig,
        edge: &EdgeConfig,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let listener = listener.into_std()?;
        let slots = Slots::new(server.max_connections, edge.max_connections_per_client);
        let count = edge.workers.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let workers = Team::of(count).into_iter().map(|member| {
            let (listener, slots) = (listener.try_clone()?, slots.clone());
            WorkerHandle::start(member, listener, slots, gateway, server)
        });
        Ok(Self { address, workers: workers.collect::<Result<_, _>>()?, drain_timeout: server.drain_timeout })
    }
}

impl Front for Edge {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn accept(&mut self) {
        pending::<()>().await;
    }

    async fn drain(self) {
        let Self { mut workers, drain_timeout, .. } = self;
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
