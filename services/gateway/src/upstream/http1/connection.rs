//! A connection to a service, between exchanges and during one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use crate::http1::{Buffers, Outgoing, READ};

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read and belongs to nothing that was handed out.
    pub(super) unread: BytesMut,
    buffers: Rc<Buffers>,
}

impl Connection {
    /// Opens one, of which is read into `buffers`.
    ///
    /// # Errors
    /// It is refused, or not made within `patience` (`ErrorKind::TimedOut`).
    pub async fn open(address: SocketAddr, patience: Duration, buffers: &Rc<Buffers>) -> io::Result<Self> {
        let stream = timeout(patience, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: BytesMut::new(), buffers: Rc::clone(buffers) })
    }

    /// Whether it can be used again: the service has neither closed it nor said what nobody asked for.
    ///
    /// Costs a system call only if something has arrived.
    pub fn is_quiet(&self) -> bool {
        match self.stream.poll_read_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => true,
            Poll::Ready(_) => {
                matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }

    /// The socket, and what was read of it already.
    pub fn into_inner(self) -> (TcpStream, Bytes) {
        (self.stream, self.unread.freeze())
    }

    /// Reads at most `most` bytes; tells how many, none at the end of the stream.
    pub(super) fn poll_fill(&mut self, most: usize, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if most <= READ {
            self.buffers.lend(&mut self.unread);
        }
        self.unread.reserve(most);
        let polled = poll_read_buf(Pin::new(&mut self.stream), context, &mut self.unread);
        if polled.is_pending() {
            self.rest();
        }
        polled
    }

    /// Keeps no memory for an answer that is not awaited.
    pub(super) fn rest(&mut self) {
        self.buffers.rest(&mut self.unread);
    }

    /// Writes some of what waits to be written.
    pub(super) fn poll_write(&mut self, outgoing: &mut Outgoing, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        outgoing.poll_write(&mut self.stream, context)
    }
}
