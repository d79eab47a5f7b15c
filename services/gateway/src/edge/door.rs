//! Where clients come in: one socket for all workers.

use std::io;
use std::net::SocketAddr;

use futures_util::FutureExt as _;
use portico_common::server::pause_after;
use tokio::net::{TcpListener, TcpStream};

use super::slots::{Place, Slot, Slots};

/// A worker's way to the socket.
pub(super) struct Door {
    listener: TcpListener,
    slots: Slots,
}

/// A connection that was let in.
pub(super) struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub slot: Slot,
}

impl Door {
    /// Watches the socket from the runtime that this is called in.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new(listener: std::net::TcpListener, slots: Slots) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::from_std(listener)?, slots })
    }

    /// The next client. One too many of a client is closed at once.
    pub async fn next(&self) -> Accepted {
        let mut place = Some(self.slots.place().await);
        loop {
            match self.listener.accept().await {
                Ok(connected) => match self.let_in(connected, place) {
                    Ok(accepted) => return accepted,
                    Err(unused) => place = unused,
                },
                Err(error) => pause_after(error).await,
            }
        }
    }

    /// Who has connected already, and does not know that nobody is let in any more.
    pub fn close(self) -> Vec<Accepted> {
        let waiting = std::iter::from_fn(|| self.listener.accept().now_or_never()?.ok());
        waiting.filter_map(|connected| self.let_in(connected, self.slots.place().now_or_never()).ok()).collect()
    }

    fn let_in(&self, (stream, peer): (TcpStream, SocketAddr), place: Option<Place>) -> Result<Accepted, Option<Place>> {
        let slot = self.slots.take(place, peer.ip());
        let slot = slot.inspect_err(|_| tracing::debug!(%peer, "too many connections of one client"))?;
        Ok(Accepted { stream, peer, slot })
    }
}
