//! The client's body as it comes in.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::BoxError;
use crate::edge::ClientSocket;

/// The body of a client's request, in whichever HTTP it came.
pub(crate) struct ClientBody(Source);

enum Source {
    None,
    Http1(Rc<ClientSocket>),
    Http2(Incoming),
}

impl ClientBody {
    /// One of which nothing is left.
    pub fn ended() -> Self {
        Self(Source::None)
    }

    /// That of the request whose head was read last.
    pub fn http1(socket: &Rc<ClientSocket>) -> Self {
        Self(if socket.is_body_over() { Source::None } else { Source::Http1(Rc::clone(socket)) })
    }

    pub fn http2(body: Incoming) -> Self {
        Self(if body.is_end_stream() { Source::None } else { Source::Http2(body) })
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let Source::Http1(socket) = &self.0
            && !socket.is_body_over()
        {
            socket.forsake_body();
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Source::None => Poll::Ready(None),
            Source::Http1(socket) => socket.poll_body(context).map(|frame| frame.map(|f| f.map_err(Into::into))),
            Source::Http2(body) => Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::None => true,
            Source::Http1(socket) => socket.is_body_over(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::None => SizeHint::with_exact(0),
            Source::Http1(socket) => socket.body_hint(),
            Source::Http2(body) => body.size_hint(),
        }
    }
}
