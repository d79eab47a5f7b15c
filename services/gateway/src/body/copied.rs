//! A body that is there as a whole, because it passed before.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Frame, SizeHint};

pub(super) struct Copied {
    pub data: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Copied {
    /// Takes the next piece.
    pub fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.data.is_empty() {
            return self.trailers.take().map(Frame::trailers);
        }
        Some(Frame::data(std::mem::take(&mut self.data)))
    }

    pub fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    /// Trailers can follow only what does not say its length.
    pub fn size_hint(&self) -> SizeHint {
        if self.trailers.is_some() { SizeHint::default() } else { SizeHint::with_exact(self.data.len() as u64) }
    }
}
