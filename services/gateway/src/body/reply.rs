//! The answer's body on its way to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_http::compression::CompressionBody;

use super::{BoxError, Resumed};
use crate::edge::{OpenRequest, Worker};
use crate::routes::Route;
use crate::upstream::{Exchange, Transfer};

/// The body of an answer on a client's connection, which is busy until it ends.
pub(crate) struct Reply {
    body: ReplyBody,
    open: OpenRequest,
}

/// The body of an answer: the gateway's own, or a service's, and perhaps made smaller.
pub(crate) enum ReplyBody {
    Own(axum::body::Body),
    Upstream(UpstreamBody),
    Resumed(Box<Resumed>),
    Compressed(Box<CompressionBody<Self>>),
}

/// A service's body, cut off when it pauses for too long or the exchange is over its time.
///
/// Read to its end, its connection is given back; dropped before, it is closed.
pub(crate) struct UpstreamBody {
    /// Until it was given back.
    transfer: Option<Box<Transfer>>,
    failed: Option<BoxError>,
    /// The endpoint is busy with it until it ends.
    exchange: Exchange,
    route: Arc<Route>,
    worker: Rc<Worker>,
    deadline: Option<Instant>,
    /// Runs only while the body makes us wait, which a small one never does.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the service stopped in the middle of its answer")]
struct Stalled;

impl Reply {
    pub fn new(body: ReplyBody, mut open: OpenRequest) -> Self {
        if body.is_end_stream() {
            open.ended();
        }
        Self { body, open }
    }
}

impl ReplyBody {
    pub fn empty() -> Self {
        Self::Own(axum::body::Body::empty())
    }
}

impl UpstreamBody {
    pub fn new(
        transfer: Box<Transfer>,
        exchange: Exchange,
        route: &Arc<Route>,
        worker: &Rc<Worker>,
        deadline: Option<Instant>,
    ) -> Self {
        let (route, worker) = (Arc::clone(route), Rc::clone(worker));
        Self { transfer: Some(transfer), failed: None, exchange, route, worker, deadline, timer: None }
    }

    /// Whether it ends only where the connection does, so that half of it looks whole.
    pub fn ends_with_the_connection(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.ends_with_the_connection())
    }

    /// Polls for the next piece; what is not to go on is dropped, with its connection.
    fn poll_transfer(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(transfer) = &mut self.transfer else {
            return Poll::Ready(None);
        };
        match ready!(transfer.poll_frame(context)) {
            Some(Err(error)) => {
                // Told in the next turn: hyper drops what it has not written yet when a body fails.
                self.transfer = None;
                self.failed = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
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
        if let Some(connection) = self.transfer.take().and_then(|transfer| transfer.into_idle()) {
            self.worker.pool.give_back(self.exchange.address(), connection);
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
        match self.poll_transfer(context) {
            Poll::Ready(frame) => {
                self.timer = None;
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    self.worker.recorder.sent(self.route.label, data.len());
                }
                if let Some(Err(error)) = &frame {
                    tracing::warn!(upstream = self.route.upstream.name, %error, "answer cut: the service broke off");
                }
                Poll::Ready(frame)
            }
            Poll::Pending if self.poll_timer(context).is_ready() => {
                tracing::warn!(upstream = self.route.upstream.name, "answer cut: the service paused for too long");
                Poll::Ready(Some(Err(Stalled.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.transfer.as_ref().is_none_or(|transfer| transfer.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.transfer.as_ref().map_or_else(|| SizeHint::with_exact(0), |transfer| transfer.size_hint())
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into))),
            Self::Upstream(body) => Pin::new(body).poll_frame(context),
            Self::Resumed(body) => Pin::new(body).poll_frame(context),
            Self::Compressed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::Resumed(body) => body.is_end_stream(),
            Self::Compressed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
            Self::Resumed(body) => body.size_hint(),
            Self::Compressed(body) => body.size_hint(),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        this.open.take_back();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            this.open.hand_over();
        }
        if matches!(&polled, Poll::Ready(None | Some(Err(_)))) || this.body.is_end_stream() {
            this.open.ended();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
