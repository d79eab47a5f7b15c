//! The client's end of a connection, shared by the loop that serves it and the body of the request it is at.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use hyper::body::{Frame, SizeHint};
use tokio::io::AsyncWrite as _;
use tokio_util::io::poll_read_buf;

use super::super::conversation::ClientStream;
use super::super::framing::StrictIo;
use super::request::{self, Asked, Head};
use crate::http1::{Buffers, Decoder, Outgoing, READ, Taken};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// With less room than this, reading begins a new buffer.
const LEAST_ROOM: usize = 1024;
/// As much of a body is read at once.
const READ_BODY: usize = 64 * 1024;

/// A socket of which requests are read and to which answers are written.
pub(crate) struct ClientSocket(RefCell<State>);

/// A request whose body has not been read.
pub(super) type Begun = (Box<Parts>, Asked);

struct State {
    stream: StrictIo<ClientStream>,
    /// What was read and belongs to nothing that was handed out.
    unread: BytesMut,
    buffers: Rc<Buffers>,
    /// Where the body of the request at work stands.
    decoder: Decoder,
    /// What must be written before the body can be waited for.
    invitation: &'static [u8],
    is_forsaken: bool,
    is_broken: bool,
}

impl ClientSocket {
    /// Reads of `stream` into `buffers`.
    pub(super) fn new(stream: StrictIo<ClientStream>, buffers: Rc<Buffers>) -> Self {
        Self(RefCell::new(State {
            stream,
            unread: BytesMut::new(),
            buffers,
            decoder: Decoder::END,
            invitation: b"",
            is_forsaken: false,
            is_broken: false,
        }))
    }

    /// The stream behind the last answer.
    pub(super) fn into_stream(self) -> StrictIo<ClientStream> {
        self.0.into_inner().stream
    }

    /// Reads the head of the next request; none at the end of the connection. The body before it must be over.
    ///
    /// # Errors
    /// The connection ended in the middle of it.
    pub(super) fn poll_head(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<Begun>>> {
        let state = &mut *self.0.borrow_mut();
        loop {
            let taken =
                request::take(&mut state.unread).map_err(|flaw| io::Error::new(io::ErrorKind::InvalidData, flaw))?;
            if let Some(Head { parts, decoder, asked }) = taken {
                state.decoder = decoder;
                state.invitation = if asked.waits { CONTINUE } else { b"" };
                state.is_forsaken = false;
                return Poll::Ready(Ok(Some((parts, asked))));
            }
            // What the last request was read into is free again.
            state.buffers.rest(&mut state.unread);
            let polled = state.poll_fill(READ, context);
            if polled.is_pending() {
                state.buffers.rest(&mut state.unread);
            }
            match ready!(polled)? {
                0 if state.unread.is_empty() => return Poll::Ready(Ok(None)),
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                _ => {}
            }
        }
    }

    /// The next piece of the body.
    ///
    /// # Errors
    /// The client broke it off, or what came is no chunk.
    pub fn poll_body(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let state = &mut *self.0.borrow_mut();
        let polled = state.poll_body(context);
        state.is_broken |= matches!(polled, Poll::Ready(Some(Err(_))));
        polled
    }

    /// Whether the body of the request at work has been read to its end.
    pub fn is_body_over(&self) -> bool {
        self.0.borrow().decoder.is_end()
    }

    /// How much of the body is left.
    pub fn body_hint(&self) -> SizeHint {
        self.0.borrow().decoder.size_hint()
    }

    /// Nobody will read the rest of the body.
    pub fn forsake_body(&self) {
        self.0.borrow_mut().is_forsaken = true;
    }

    /// Whether what follows the answer can still be read as a request. One who was not told to go on may send the body
    /// or not.
    pub(super) fn can_go_on(&self) -> bool {
        let state = self.0.borrow();
        !state.is_broken && state.invitation.is_empty()
    }

    /// Reads and drops what nobody wants of the body: most clients read the answer only after they have sent all of it.
    /// Ready when it is over.
    pub(super) fn poll_drop_body(&self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.borrow_mut();
        if !state.is_forsaken || !state.invitation.is_empty() {
            return Poll::Pending;
        }
        match ready!(state.poll_body(context)) {
            Some(Ok(frame)) => Poll::Ready(Ok(frame.data_ref().map_or(0, Bytes::len))),
            Some(Err(error)) => {
                state.is_broken = true;
                Poll::Ready(Err(error))
            }
            None => Poll::Ready(Ok(0)),
        }
    }

    /// Looks whether the client is still there while its request is at work. Ready when it has left.
    pub(super) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.0.borrow_mut();
        // What is left of the body is read by whoever wants it; behind it one more read tells.
        if !state.decoder.is_end() || !state.unread.is_empty() {
            return Poll::Pending;
        }
        match ready!(state.poll_fill(READ, context)) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => Poll::Pending,
        }
    }

    pub(super) fn poll_write(&self, outgoing: &mut Outgoing, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        outgoing.poll_write(&mut self.0.borrow_mut().stream, context)
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_flush(context)
    }

    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_shutdown(context)
    }
}

impl State {
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Err(error) = ready!(self.poll_invite(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            match self.decoder.take(&mut self.unread) {
                Ok(Taken::Frame(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::Nothing) => {}
                Err(flaw) => return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, flaw)))),
            }
            match ready!(self.poll_fill(self.wanted(), context)) {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    /// Tells a client that waits for it to send its body, unless it does already.
    fn poll_invite(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.invitation.len() == CONTINUE.len() && !self.unread.is_empty() {
            self.invitation = b"";
        }
        while !self.invitation.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, self.invitation))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.invitation = &self.invitation[written..];
            if self.invitation.is_empty() {
                // What it leaves behind goes with the answer.
                let _ = Pin::new(&mut self.stream).poll_flush(context)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, most: usize, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if most <= READ {
            self.buffers.lend(&mut self.unread);
        }
        if self.unread.capacity() - self.unread.len() < LEAST_ROOM {
            self.unread.reserve(most);
        }
        poll_read_buf(Pin::new(&mut self.stream), context, &mut self.unread)
    }

    /// How much of the body to read at once.
    fn wanted(&self) -> usize {
        match self.decoder.size_hint().exact() {
            Some(left) => usize::try_from(left).map_or(READ_BODY, |left| left.clamp(READ, READ_BODY)),
            None => READ_BODY / 4,
        }
    }
}
