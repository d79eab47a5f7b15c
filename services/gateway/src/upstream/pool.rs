//! The connections of one worker to services: kept alive, and used again by the request that comes next.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::body::RequestBody;

/// Shorter than the services' own idle timeout (75 s), so that they seldom close a connection we are about to use.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 256;
const ANSWER_HEAD_BYTES: usize = 64 * 1024;

/// Idle connections by address, the one used last on top.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>>>,
}

struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection taken for one exchange. Given back when that is over, closed when it is dropped before.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    address: SocketAddr,
    sender: SendRequest<RequestBody>,
    is_reused: bool,
}

impl Pool {
    /// An idle connection that still seems to be good.
    pub fn take(self: &Rc<Self>, address: SocketAddr) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&address)?;
        while let Some(Idle { sender, .. }) = connections.pop() {
            if !sender.is_closed() {
                return Some(Lease { pool: Rc::clone(self), address, sender, is_reused: true });
            }
        }
        None
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// It is refused, or not made within `patience` (`ErrorKind::TimedOut`).
    pub async fn connect(self: &Rc<Self>, address: SocketAddr, patience: Duration) -> std::io::Result<Lease> {
        let stream = tokio::time::timeout(patience, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        let mut settings = http1::Builder::new();
        settings.max_buf_size(ANSWER_HEAD_BYTES);
        let (sender, connection) = settings.handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        // Ends with the sender, or when the service closes it; why is told to who waits for an answer.
        tokio::task::spawn_local(connection.with_upgrades());
        Ok(Lease { pool: Rc::clone(self), address, sender, is_reused: false })
    }

    /// Closes what has been idle for too long.
    pub fn close_idle(&self, now: Instant) {
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain(|idle| now.saturating_duration_since(idle.since) < IDLE_CONNECTION);
            !connections.is_empty()
        });
    }
}

impl Lease {
    /// Whether the service may have closed it while it was idle.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Waits until the connection takes a request: when it has ended the one before.
    ///
    /// # Errors
    /// It was closed.
    pub async fn ready(&mut self) -> hyper::Result<()> {
        self.sender.ready().await
    }

    /// Whether it takes a request now.
    pub fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Sends a request, and waits for the head of the answer. Dropping the future ends the request.
    pub fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<> {
        self.sender.try_send_request(request)
    }

    /// Gives the connection back: the answer was read to its end.
    pub fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.idle.borrow_mut();
        let connections = idle.entry(self.address).or_default();
        if connections.len() < IDLE_CONNECTIONS {
            connections.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}
