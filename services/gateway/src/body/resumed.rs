//! A service's body of which some was read already, for a cache that could not keep it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{BoxError, UpstreamBody};

/// What was read, and then the rest.
pub(crate) struct Resumed {
    read: VecDeque<Frame<Bytes>>,
    rest: UpstreamBody,
}

impl Resumed {
    pub fn new(read: impl IntoIterator<Item = Frame<Bytes>>, rest: UpstreamBody) -> Self {
        Self { read: read.into_iter().collect(), rest }
    }
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: usize = self.read.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        match self.rest.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest + read as u64),
            None => SizeHint::default(),
        }
    }
}
