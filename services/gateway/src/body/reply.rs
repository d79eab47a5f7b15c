//! The answer's body on its way to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::BoxError;
use crate::edge::OpenRequest;
use crate::metrics::Recorder;
use crate::routes::Route;
use crate::upstream::{Exchange, Lease};

/// The body of an answer on a client's connection, which is busy until it ends.
pub(crate) struct Reply {
    body: ReplyBody,
    _open: OpenRequest,
}

/// The body of an answer: the gateway's own, or a service's.
pub(crate) enum ReplyBody {
    Own(axum::body::Body),
    Upstream(UpstreamBody),
}

/// A service's body, cut off when it pauses for too long or the exchange is over its time.
///
/// Read to its end, its connection is given back; dropped before, it is closed.
pub(crate) struct UpstreamBody {
    inner: Incoming,
    lease: Option<Lease>,
    /// The endpoint is busy with it until it ends.
    _exchange: Exchange,
    is_read: bool,
    route: Arc<Route>,
    recorder: Rc<Recorder>,
    deadline: Option<Instant>,
    /// Runs only while the body makes us wait, which a small one never does.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the service stopped in the middle of its answer")]
struct Stalled;

impl Reply {
    pub fn new(body: ReplyBody, open: OpenRequest) -> Self {
        Self { body, _open: open }
    }
}

impl UpstreamBody {
    pub fn new(
        inner: Incoming,
        lease: Lease,
        exchange: Exchange,
        route: Arc<Route>,
        recorder: Rc<Recorder>,
        deadline: Option<Instant>,
    ) -> Self {
        Self { inner, lease: Some(lease), _exchange: exchange, is_read: false, route, recorder, deadline, timer: None }
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| {
            let pause_ends = Instant::now() + self.route.limits.idle_timeout;
            Box::pin(sleep_until(self.deadline.map_or(pause_ends, |deadline| deadline.min(pause_ends))))
        });
        timer.as_mut().poll(context)
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take()
            && (self.is_read || self.inner.is_end_stream())
        {
            lease.give_back();
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            tracing::warn!(upstream = self.route.upstream.name, "answer cut: the exchange is over its time");
            return Poll::Ready(Some(Err(Stalled.into())));
        }
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(frame) => {
                self.timer = None;
                self.is_read = frame.is_none();
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    self.recorder.sent(self.route.label, data.len());
                }
                if let Some(Err(error)) = &frame {
                    tracing::warn!(upstream = self.route.upstream.name, %error, "answer cut: the service broke off");
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if self.poll_timer(context).is_ready() => {
                tracing::warn!(upstream = self.route.upstream.name, "answer cut: the service paused for too long");
                Poll::Ready(Some(Err(Stalled.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into))),
            Self::Upstream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
