//! The connections of one worker to services: kept alive, and used again by the request that comes next.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::http1::Connection;

/// Shorter than the services' own idle timeout (75 s), so that they seldom close a connection we are about to use.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 256;

/// Idle connections by address, the one used last on top. There are too few addresses to hash them.
pub(crate) struct Pool {
    idle: RefCell<Vec<(SocketAddr, Vec<Idle>)>>,
    /// When it was looked through last: near enough for telling how long a connection has been idle.
    looked_at: Cell<Instant>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub fn new() -> Self {
        Self { idle: RefCell::default(), looked_at: Cell::new(Instant::now()) }
    }

    /// An idle connection that still seems to be good.
    pub fn take(&self, address: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let (_, connections) = idle.iter_mut().find(|(at, _)| *at == address)?;
        while let Some(Idle { connection, .. }) = connections.pop() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection that can be used again.
    pub fn give_back(&self, address: SocketAddr, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let kept = Idle { connection, since: self.looked_at.get() };
        match idle.iter_mut().find(|(at, _)| *at == address) {
            Some((_, connections)) if connections.len() < IDLE_CONNECTIONS => connections.push(kept),
            Some(_) => {}
            None => idle.push((address, vec![kept])),
        }
    }

    /// Closes what has been idle for too long, or was closed by the service. To be done several times a second.
    pub fn close_idle(&self, now: Instant) {
        self.looked_at.set(now);
        let is_good =
            |idle: &Idle| now.saturating_duration_since(idle.since) < IDLE_CONNECTION && idle.connection.is_quiet();
        self.idle.borrow_mut().retain_mut(|(_, connections)| {
            connections.retain(is_good);
            !connections.is_empty()
        });
    }
}
