//! An answer as it is written.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::response::Parts;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use hyper::body::{Body as _, Frame};

use super::super::Worker;
use super::request::Asked;
use super::socket::ClientSocket;
use crate::body::{BoxError, ReplyBody};
use crate::headers::write_field;
use crate::http1::{BodyLength, Outgoing};

/// An answer, as far as it is not written.
pub(super) struct Answer {
    outgoing: Outgoing,
    body: ReplyBody,
    is_body_over: bool,
    takes_trailers: bool,
    /// Whether the client was told that the connection lives longer.
    pub is_kept: bool,
}

impl Answer {
    /// `is_kept` says whether the connection may live longer.
    pub fn new(response: Response<ReplyBody>, asked: Asked, is_kept: bool, worker: &Worker) -> Self {
        let (head, body) = response.into_parts();
        let length = length_of(head.status, &body, asked);
        let is_kept = is_kept && length != BodyLength::UntilClose;
        let mut written = worker.buffers.take();
        write_head(&head, asked.is_http_11, &worker.date(), &mut written);
        write_framing(&head, length, &body, asked, &mut written);
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            write_connection(is_kept, asked.is_http_11, &mut written);
        }
        written.extend_from_slice(b"\r\n");
        let outgoing = Outgoing::new(written, length);
        let is_body_over = outgoing.is_complete();
        Self { outgoing, body, is_body_over, takes_trailers: asked.takes_trailers, is_kept }
    }

    /// Writes on. Ready when the client's socket has taken all of it.
    ///
    /// # Errors
    /// The client takes no more, or the body broke off; then the answer must not be made to look whole.
    pub fn poll_send(&mut self, socket: &ClientSocket, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            let waits = self.outgoing.has_room() && self.poll_body(context)?.is_pending();
            if !self.outgoing.is_empty() {
                self.outgoing.gather();
                ready!(socket.poll_write(&mut self.outgoing, context))?;
                continue;
            }
            if self.is_body_over {
                return socket.poll_flush(context).map_err(Into::into);
            }
            if waits {
                ready!(socket.poll_flush(context))?;
                return Poll::Pending;
            }
        }
    }

    /// Gives back what it was written into, once all of it is.
    pub fn finish(mut self, worker: &Worker) {
        worker.buffers.give_back(self.outgoing.take_buffer());
    }

    /// Takes the next piece of the body.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.is_body_over {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => {
                self.outgoing.push(data)?;
                self.is_body_over = self.outgoing.is_complete();
                if !self.is_body_over && self.body.is_end_stream() {
                    self.end(None)?;
                }
            }
            Some(Err(frame)) => self.end(frame.into_trailers().ok())?,
            None => self.end(None)?,
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), BoxError> {
        self.is_body_over = true;
        let trailers = trailers.filter(|_| self.takes_trailers).map(only_what_may_trail);
        Ok(self.outgoing.end(trailers.as_ref())?)
    }
}

/// Whether an answer of this status has a body at all (RFC 9112 section 6.3).
fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn length_of(status: StatusCode, body: &ReplyBody, asked: Asked) -> BodyLength {
    if asked.is_head || !has_body(status) {
        return BodyLength::None;
    }
    match body.size_hint().exact() {
        Some(length) => BodyLength::Known(length),
        None if asked.is_http_11 => BodyLength::Chunked,
        None => BodyLength::UntilClose,
    }
}

/// The status line and all fields but those about this connection and the length. `date` is the time by RFC 9110
/// section 6.6.1.
fn write_head(head: &Parts, is_http_11: bool, date: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(if is_http_11 { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut has_date = false;
    for (name, value) in &head.headers {
        match *name {
            header::CONTENT_LENGTH | header::TRANSFER_ENCODING => continue,
            header::CONNECTION if head.status != StatusCode::SWITCHING_PROTOCOLS => continue,
            header::DATE => has_date = true,
            _ => {}
        }
        write_field(name.as_str(), value.as_bytes(), out);
    }
    if !has_date {
        write_field(header::DATE.as_str(), date, out);
    }
}

fn write_framing(head: &Parts, length: BodyLength, body: &ReplyBody, asked: Asked, out: &mut Vec<u8>) {
    let length = match length {
        BodyLength::Chunked => return out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        BodyLength::UntilClose => return,
        BodyLength::Known(length) => length,
        // RFC 9110 section 8.6: what the length would be, if somebody knows.
        BodyLength::None => {
            if let Some(told) = head.headers.get(header::CONTENT_LENGTH)
                && head.status != StatusCode::NO_CONTENT
            {
                return write_field(header::CONTENT_LENGTH.as_str(), told.as_bytes(), out);
            }
            match body.size_hint().exact() {
                Some(length @ 1..) if asked.is_head && has_body(head.status) => length,
                _ => return,
            }
        }
    };
    write_field(header::CONTENT_LENGTH.as_str(), itoa::Buffer::new().format(length).as_bytes(), out);
}

fn write_connection(is_kept: bool, is_http_11: bool, out: &mut Vec<u8>) {
    match (is_kept, is_http_11) {
        (true, true) => {}
        (true, false) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
    }
}

/// Without the fields that mean something only before a body (RFC 9110 section 6.5.1).
fn only_what_may_trail(mut trailers: HeaderMap) -> HeaderMap {
    const HEAD_ONLY: [HeaderName; 12] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::HOST,
        header::MAX_FORWARDS,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
    ];
    for name in HEAD_ONLY {
        trailers.remove(name);
    }
    trailers
}
