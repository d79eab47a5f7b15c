//! The client's body as it comes in, with manners when nobody wants the rest of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 << 20;

/// The body of a client's request.
///
/// Most clients read the answer only after they have sent all of their body, and lose it when the connection is
/// closed before. So what is left of a body is read and dropped for a while when this value is dropped.
pub(crate) struct ClientBody {
    inner: Option<Incoming>,
    /// Whether the client sends it: one that waits for `100 Continue` does not until the body is read.
    is_coming: bool,
}

impl ClientBody {
    pub fn new(inner: Incoming, headers: &HeaderMap) -> Self {
        Self { inner: Some(inner), is_coming: !headers.contains_key(header::EXPECT) }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let Some(rest) = self.inner.take()
            && self.is_coming
            && !rest.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(LINGER, read_and_drop(rest)));
        }
    }
}

async fn read_and_drop(mut rest: Incoming) {
    let mut read = 0;
    while read < LINGER_BYTES
        && let Some(Ok(frame)) = rest.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_coming = true;
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}
