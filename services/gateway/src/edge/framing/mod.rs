//! A layer between a client's HTTP/1.1 socket and hyper that lets through only bytes which nobody can frame in
//! two ways.
//!
//! hyper takes heads with both `Content-Length` and `Transfer-Encoding`, lines that end in LF, equal lengths twice
//! and more (RFC 9112 allows some of it), and does not tell its service; a service behind could see another request
//! than the gateway did. Here a head passes only when it is complete and has one reading; a body is counted along
//! by the same reading, so that what hyper takes for a head was checked as one.

mod chunks;
mod class;
mod fields;
mod head;
#[cfg(test)]
mod laws;
mod line;
#[cfg(test)]
mod portions;
mod request_line;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod trailers;
mod walker;
mod wire;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use chunks::Chunks;
use walker::{Gate, Walker};
pub(crate) use wire::{Phase, Refusal, Wire};

/// The socket of a client, of which only unambiguous requests can be read.
///
/// After a head that is refused, reading waits for good and `Wire::refusal` tells why; a fault inside a body is
/// an error of kind `InvalidData`, with the reason as its text.
pub(crate) struct StrictIo<S> {
    stream: S,
    walker: Walker,
    /// Bytes read and not passed on: a head that is not complete, or what is held back.
    kept: BytesMut,
    /// How many of them may pass.
    cleared: usize,
    wire: Rc<Wire>,
}

impl<S> StrictIo<S> {
    /// Begins with a request; `already_read` comes before what the stream has.
    pub fn new(stream: S, already_read: Bytes, wire: Rc<Wire>) -> Self {
        let mut walker = Walker::new(Rc::clone(&wire));
        let kept = BytesMut::from(already_read);
        let cleared = walker.walk(&kept);
        Self { stream, walker, kept, cleared, wire }
    }

    /// The stream, and what was read from it and not passed on.
    pub fn into_inner(self) -> (S, Bytes) {
        (self.stream, self.kept.freeze())
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let length = self.cleared.min(buf.remaining());
        buf.put_slice(&self.kept[..length]);
        self.kept.advance(length);
        self.cleared -= length;
        if self.kept.is_empty() {
            // An idle connection keeps no memory for the one head that came in pieces.
            self.kept = BytesMut::new();
        }
    }
}

impl<S: AsyncRead + Unpin> StrictIo<S> {
    /// Reads once, into the caller's buffer; takes out of it again what must not pass yet. Ready with whether the
    /// caller has something to look at: bytes, or the end of the stream.
    fn poll_read_once(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.wire.note_read(&polled);
        ready!(polled)?;

        let fresh = &buf.filled()[before..];
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        if !self.kept.is_empty() {
            self.kept.extend_from_slice(fresh);
            buf.set_filled(before);
            self.cleared = self.walker.walk(&self.kept);
            return Poll::Ready(Ok(false));
        }
        let passed = self.walker.walk(fresh);
        self.kept.extend_from_slice(&fresh[passed..]);
        buf.set_filled(before + passed);
        Poll::Ready(Ok(passed > 0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.cleared == 0 && this.walker.learn_answer() {
            this.cleared = this.walker.walk(&this.kept);
        }
        loop {
            if this.cleared > 0 || buf.remaining() == 0 {
                this.hand_out(buf);
                return Poll::Ready(Ok(()));
            }
            match this.walker.gate() {
                Gate::Open => {}
                Gate::Held => {
                    this.wire.wake_on_tunnel_answer(cx);
                    // One read tells whether the client has gone; more is not gathered.
                    if !this.kept.is_empty() {
                        return Poll::Pending;
                    }
                }
                // Whoever asks for more has taken all requests before: now it is this one's turn.
                Gate::Refused(refusal) => {
                    this.wire.refuse(refusal);
                    return Poll::Pending;
                }
                Gate::Broken(flaw) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, flaw))),
            }
            if ready!(this.poll_read_once(cx, buf))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wire.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wire.note_write(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.wire.note_flush(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
