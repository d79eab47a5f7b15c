//! The client's body on its way to the service.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{BoxError, ClientBody};
use crate::headers::is_owned;

/// The body of a request to a service: the client's, cut off where it becomes too large.
pub(crate) struct RequestBody(Option<Passing>);

struct Passing {
    inner: ClientBody,
    left: u64,
    upload: Arc<Upload>,
}

/// How far the client's body has come; tells whose fault it is when nothing moves.
pub(crate) struct Upload(Mutex<(Stage, Instant)>);

/// Where the client's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The service takes what has come so far.
    Moving,
    /// All that has come was passed on; the client owes the rest.
    WaitingForClient,
    /// It was passed on in full.
    Done,
    /// It is larger than allowed.
    TooLarge,
    /// The client broke it off, or it is malformed.
    Broken,
}

#[derive(Debug, thiserror::Error)]
#[error("the body is too large")]
struct TooLarge;

impl RequestBody {
    pub fn empty() -> Self {
        Self(None)
    }

    pub fn new(inner: ClientBody, limit: u64) -> (Self, Arc<Upload>) {
        let stage = if inner.is_end_stream() { Stage::Done } else { Stage::Moving };
        let upload = Arc::new(Upload(Mutex::new((stage, Instant::now()))));
        (Self(Some(Passing { inner, left: limit, upload: Arc::clone(&upload) })), upload)
    }
}

impl Upload {
    pub fn stage(&self) -> Stage {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// How long ago the last piece was passed on.
    pub fn quiet_for(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.elapsed()
    }

    fn is_at(&self, stage: Stage) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = stage;
    }

    fn moved_to(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
    }
}

impl Passing {
    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        if let Some(data) = frame.data_ref() {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let Some(left) = self.left.checked_sub(length) else {
                self.upload.is_at(Stage::TooLarge);
                return Err(TooLarge.into());
            };
            self.left = left;
        }
        self.upload.moved_to(if self.inner.is_end_stream() { Stage::Done } else { Stage::Moving });
        // A trailer must not say what a header may not.
        Ok(match frame.into_trailers() {
            Ok(mut trailers) => {
                remove_owned(&mut trailers);
                Frame::trailers(trailers)
            }
            Err(data) => data,
        })
    }
}

fn remove_owned(trailers: &mut HeaderMap) {
    let owned: Vec<HeaderName> = trailers.keys().filter(|name| is_owned(name.as_str())).cloned().collect();
    for name in owned {
        trailers.remove(name);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(passing) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(&mut passing.inner).poll_frame(context);
        if polled.is_pending() {
            passing.upload.is_at(Stage::WaitingForClient);
        }
        match ready!(polled) {
            Some(Ok(frame)) => Poll::Ready(Some(passing.pass(frame))),
            Some(Err(error)) => {
                passing.upload.is_at(Stage::Broken);
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                passing.upload.is_at(Stage::Done);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|passing| passing.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |passing| passing.inner.size_hint())
    }
}
