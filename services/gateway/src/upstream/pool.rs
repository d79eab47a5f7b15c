//! The connections of one worker to services: kept alive, and used again by the request that comes next.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::http1::Connection;

/// Shorter than the services' own idle timeout (75 s), so that they seldom close a connection we are about to use.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 256;

/// Idle connections by address, the one used last on top.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// An idle connection that still seems to be good.
    pub fn take(&self, address: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&address)?;
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
        let connections = idle.entry(address).or_default();
        if connections.len() < IDLE_CONNECTIONS {
            connections.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Closes what has been idle for too long, or was closed by the service.
    pub fn close_idle(&self, now: Instant) {
        let is_good =
            |idle: &Idle| now.saturating_duration_since(idle.since) < IDLE_CONNECTION && idle.connection.is_quiet();
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain(is_good);
            !connections.is_empty()
        });
    }
}
