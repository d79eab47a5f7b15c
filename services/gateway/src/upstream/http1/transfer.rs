//! A request on its way, and its answer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhow::anyhow;
use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;

use super::Connection;
use super::answer::{self, AnswerHead, HeadScan};
use super::request::{RequestHead, length_of};
use crate::body::{BoxError, RequestBody};
use crate::http1::{BodyLength, Decoder, Outgoing, READ, Taken};

/// As much of a body is read at once.
const READ_BODY: usize = 64 * 1024;
/// Of answers that announce the answer (RFC 9110 section 15.2); they end here.
const MOST_INFORMATIONAL: u8 = 16;

/// One request and its answer on a connection, both moved on by whoever polls.
pub(crate) struct Transfer {
    connection: Connection,
    method: Method,
    outgoing: Outgoing,
    /// The request's body, as far as it has not been taken.
    body: RequestBody,
    is_body_over: bool,
    /// What was taken of the request cannot be put back any more.
    is_committed: bool,
    scan: HeadScan,
    informational: u8,
    decoder: Decoder,
    is_kept: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection was of no use: nothing of the request was written.
    Unsent(io::Error),
    /// The connection ended, and nothing of an answer had come.
    Unanswered(io::Error),
    /// The connection ended in the middle of the answer's head, or what came is no answer.
    Broken(BoxError),
}

impl Fault {
    /// What happened.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Unsent(error) | Self::Unanswered(error) => error.into(),
            Self::Broken(error) => anyhow!(error),
        }
    }
}

/// Why a request was not written to its end.
enum SendFault {
    Body(BoxError),
    Connection(io::Error),
}

impl Transfer {
    /// Begins an exchange at `now`; the head is written into `written`, which is empty.
    pub fn new(
        connection: Connection,
        head: &RequestHead,
        body: RequestBody,
        mut written: Vec<u8>,
        now: Instant,
    ) -> Self {
        let length = length_of(&body);
        head.write(length, now, &mut written);
        Self {
            connection,
            method: head.method.clone(),
            outgoing: Outgoing::new(written, length),
            body,
            is_body_over: length == BodyLength::None,
            is_committed: false,
            scan: HeadScan::default(),
            informational: 0,
            decoder: Decoder::UntilClose,
            is_kept: false,
        }
    }

    /// Sends the request, and waits for the head of the answer.
    ///
    /// # Errors
    /// There will be none.
    pub async fn head(&mut self) -> Result<AnswerHead, Fault> {
        poll_fn(|context| self.poll_head(context)).await
    }

    /// The body of a request that is [unsent](Fault::Unsent).
    pub fn into_body(self) -> RequestBody {
        self.body.put_back(self.outgoing.into_data())
    }

    /// What the head was written into, if the request was sent.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        self.outgoing.take_buffer()
    }

    /// The connection, which after 101 belongs to another protocol.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// The connection, if it can be used again: both messages are over, and nobody has said more.
    pub fn into_idle(mut self) -> Option<Connection> {
        let is_over = self.decoder.is_end() && self.is_sent();
        if !is_over || !self.is_kept || !self.connection.unread.is_empty() {
            return None;
        }
        self.connection.rest();
        Some(self.connection)
    }

    /// The next piece of the answer's body.
    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // A service may answer while it still reads; a request that fails then is as broken as its answer.
        if !self.is_sent()
            && let Poll::Ready(Err(SendFault::Body(error))) = self.poll_send(context)
        {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            match self.decoder.take(&mut self.connection.unread) {
                Ok(Taken::Frame(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::Nothing) => {}
                Err(flaw) => return Poll::Ready(Some(Err(flaw.into()))),
            }
            match ready!(self.connection.poll_fill(self.wanted(), context)) {
                Ok(0) if self.decoder.may_end_here() => self.decoder = Decoder::END,
                Ok(0) => return Poll::Ready(Some(Err("the connection ended before the answer did".into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// Whether the answer's body has no more pieces.
    pub fn is_end_stream(&self) -> bool {
        self.decoder.is_end()
    }

    /// Whether the end of the connection is what ends the answer.
    pub fn ends_with_the_connection(&self) -> bool {
        matches!(self.decoder, Decoder::UntilClose)
    }

    /// How long what is left of the answer's body is, if that is known.
    pub fn size_hint(&self) -> SizeHint {
        self.decoder.size_hint()
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<AnswerHead, Fault>> {
        let failed = match self.poll_send(context) {
            Poll::Ready(Err(SendFault::Body(error))) => return Poll::Ready(Err(Fault::Broken(error))),
            Poll::Ready(Err(SendFault::Connection(error))) if !self.is_committed => {
                return Poll::Ready(Err(Fault::Unsent(error)));
            }
            // A service that reads no more may have said why.
            Poll::Ready(Err(SendFault::Connection(error))) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        loop {
            if let Some(head) = self.take_head().map_err(|flaw| Fault::Broken(flaw.into()))? {
                return Poll::Ready(Ok(head));
            }
            let error = match ready!(self.connection.poll_fill(READ, context)) {
                Ok(0) => failed.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => continue,
                Err(error) => error,
            };
            let is_unanswered = self.connection.unread.is_empty() && self.informational == 0;
            return Poll::Ready(Err(if is_unanswered {
                Fault::Unanswered(error)
            } else {
                Fault::Broken(error.into())
            }));
        }
    }

    /// The head of the answer, if it has come.
    fn take_head(&mut self) -> Result<Option<AnswerHead>, &'static str> {
        while let Some(bytes) = self.scan.take(&mut self.connection.unread)? {
            let parsed = answer::parse(&bytes, &self.method)?;
            let status = parsed.head.status;
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                (self.decoder, self.is_kept) = (parsed.decoder, parsed.is_kept);
                return Ok(Some(parsed.head));
            }
            self.informational += 1;
            if self.informational > MOST_INFORMATIONAL {
                return Err("it is announced too often");
            }
        }
        Ok(None)
    }

    /// Whether the request was written to its end.
    fn is_sent(&self) -> bool {
        self.is_body_over && self.outgoing.is_empty()
    }

    /// Writes the request, as far as its body has come and the service takes it.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendFault>> {
        while !self.is_sent() {
            let waits = self.outgoing.has_room() && self.poll_body(context).map_err(SendFault::Body)?.is_pending();
            if waits && self.outgoing.is_empty() {
                return Poll::Pending;
            }
            if self.outgoing.is_empty() {
                continue;
            }
            match ready!(self.connection.poll_write(&mut self.outgoing, context)) {
                Ok(()) => self.is_committed = true,
                Err(error) => {
                    if self.is_committed {
                        self.give_up_sending();
                    }
                    return Poll::Ready(Err(SendFault::Connection(error)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next piece of the request's body.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.is_body_over {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => {
                self.outgoing.push(data)?;
                self.is_body_over = self.outgoing.is_complete();
            }
            Some(Err(trailers)) => {
                self.outgoing.end(trailers.trailers_ref())?;
                self.is_body_over = true;
                self.is_committed = true;
            }
            None => {
                self.outgoing.end(None)?;
                self.is_body_over = true;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The service takes no more.
    fn give_up_sending(&mut self) {
        self.outgoing.clear();
        self.is_body_over = true;
        self.is_kept = false;
    }

    /// How much to read at once.
    fn wanted(&self) -> usize {
        match self.decoder.size_hint().exact() {
            Some(left) => usize::try_from(left).map_or(READ_BODY, |left| left.clamp(READ, READ_BODY)),
            None => READ_BODY / 4,
        }
    }
}
