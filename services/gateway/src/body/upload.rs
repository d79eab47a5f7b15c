//! The client's body on its way to the service.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::copied::Copied;
use super::{BoxError, ClientBody};
use crate::headers::is_owned;
use crate::metrics::{Recorder, RouteLabel};
use crate::proxy::Mirrored;
use crate::validation::Hold;

/// A client may be waited for so long in all, and longer by the time its bytes take at the least rate.
const GRACE: Duration = Duration::from_secs(10);
const LEAST_BYTES_PER_SECOND: u64 = 512;

/// The body of a request to a service.
///
/// Small where there is none, which is the usual case.
#[derive(Default)]
pub(crate) struct RequestBody(Option<Box<Source>>);

enum Source {
    Client(Passing),
    Copied(Copied),
}

/// The client's body, cut off where it becomes too large.
struct Passing {
    /// Taken once, and put back.
    held: Option<Bytes>,
    /// The memory it takes, if it was gathered; given back when it is dropped.
    hold: Option<Hold>,
    inner: ClientBody,
    left: u64,
    upload: Rc<Upload>,
    rate: Rate,
    recorder: Rc<Recorder>,
    route: RouteLabel,
    /// Gets all that passes.
    mirrored: Option<Box<Mirrored>>,
}

/// Whether a client sends fast enough, over all the time it was waited for.
struct Rate {
    bytes: u64,
    waited: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    /// Runs only while the client makes us wait, which one that sends all at once never does.
    timer: Pin<Box<Sleep>>,
}

/// How far the client's body has come; tells whose fault it is when nothing moves.
pub(crate) struct Upload {
    stage: Cell<Stage>,
    moved_at: Cell<Instant>,
}

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
    /// It arrives more slowly than allowed.
    TooSlow,
    /// The client broke it off, or it is malformed.
    Broken,
}

#[derive(Debug, thiserror::Error)]
#[error("the body is too large")]
struct TooLarge;

#[derive(Debug, thiserror::Error)]
#[error("the body arrives too slowly")]
struct TooSlow;

impl RequestBody {
    /// The body, and how far it has come if there is any.
    pub fn new(
        inner: ClientBody,
        limit: u64,
        recorder: &Rc<Recorder>,
        route: RouteLabel,
    ) -> (Self, Option<Rc<Upload>>) {
        if inner.is_end_stream() {
            return (Self::default(), None);
        }
        let upload = Rc::new(Upload { stage: Cell::new(Stage::Moving), moved_at: Cell::new(Instant::now()) });
        let recorder = Rc::clone(recorder);
        let passing = Passing {
            held: None,
            hold: None,
            inner,
            left: limit,
            upload: Rc::clone(&upload),
            rate: Rate::new(),
            recorder,
            route,
            mirrored: None,
        };
        (Self(Some(Box::new(Source::Client(passing)))), Some(upload))
    }

    /// A body that passed before.
    pub fn copied(data: Bytes, trailers: Option<HeaderMap>) -> Self {
        let copied = Copied { data, trailers };
        if copied.is_end_stream() { Self::default() } else { Self(Some(Box::new(Source::Copied(copied)))) }
    }

    /// Has a client's body copied as it passes, if there is any.
    pub fn copy_to(&mut self, mirrored: Box<Mirrored>) {
        match self.0.as_deref_mut() {
            Some(Source::Client(passing)) => passing.copy_to(mirrored),
            Some(Source::Copied(_)) | None => mirrored.send(),
        }
    }

    /// The body that was read to its end, and was `gathered`.
    pub fn whole(mut self, gathered: Bytes, hold: Hold) -> Self {
        if let Some(Source::Client(passing)) = self.0.as_deref_mut() {
            passing.inner = ClientBody::ended();
            passing.hold = Some(hold);
        }
        self.put_back(gathered)
    }

    /// The body before `data` was taken of it.
    pub fn put_back(mut self, data: Bytes) -> Self {
        match self.0.as_deref_mut() {
            Some(Source::Client(passing)) => passing.held = Some(data).filter(|data| !data.is_empty()),
            Some(Source::Copied(copied)) => copied.data = data,
            None => {}
        }
        self
    }
}

impl Upload {
    pub fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// When the last piece was passed on.
    pub fn moved_at(&self) -> Instant {
        self.moved_at.get()
    }

    /// All of it is here, and passed on from now on.
    pub fn has_come(&self) {
        self.moved_to(Stage::Done);
    }

    fn is_at(&self, stage: Stage) {
        self.stage.set(stage);
    }

    fn moved_to(&self, stage: Stage) {
        self.stage.set(stage);
        self.moved_at.set(Instant::now());
    }
}

impl Rate {
    fn new() -> Self {
        Self { bytes: 0, waited: Duration::ZERO, waiting: None }
    }

    fn arrived(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some(waiting) = self.waiting.take() {
            self.waited += waiting.since.elapsed();
        }
    }

    /// Ready once the client has been waited for longer than its bytes are worth.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.get_or_insert_with(|| {
            let worth = GRACE + Duration::from_secs(self.bytes / LEAST_BYTES_PER_SECOND);
            let timer = Box::pin(sleep(worth.saturating_sub(self.waited)));
            Waiting { since: Instant::now(), timer }
        });
        waiting.timer.as_mut().poll(context)
    }
}

impl Passing {
    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
        match self.inner.size_hint().exact() {
            Some(left) => SizeHint::with_exact(held + left),
            None => SizeHint::default(),
        }
    }

    /// Begins with what was gathered before, if it was.
    fn copy_to(&mut self, mirrored: Box<Mirrored>) {
        self.mirrored = match &self.held {
            Some(gathered) => mirrored.take(gathered),
            None => Some(mirrored),
        };
        if self.held.is_some() && self.has_all() {
            self.send_copy();
        }
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        if let Some(data) = frame.data_ref() {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let Some(left) = self.left.checked_sub(length) else {
                self.upload.is_at(Stage::TooLarge);
                return Err(TooLarge.into());
            };
            self.left = left;
            self.rate.arrived(length);
            self.recorder.received(self.route, data.len());
            self.mirrored = self.mirrored.take().and_then(|mirrored| mirrored.take(data));
        }
        self.upload.moved_to(if self.inner.is_end_stream() { Stage::Done } else { Stage::Moving });
        // A trailer must not say what a header may not.
        let frame = match frame.into_trailers() {
            Ok(mut trailers) => {
                remove_owned(&mut trailers);
                if let Some(mirrored) = &mut self.mirrored {
                    mirrored.end(&trailers);
                }
                Frame::trailers(trailers)
            }
            Err(data) => data,
        };
        if self.mirrored.is_some() && (frame.is_trailers() || self.has_all()) {
            self.send_copy();
        }
        Ok(frame)
    }

    /// Whether nothing can follow; who reads a body of known length does not wait to be told.
    fn has_all(&self) -> bool {
        self.inner.is_end_stream() || self.inner.size_hint().exact() == Some(0)
    }

    fn send_copy(&mut self) {
        if let Some(mirrored) = self.mirrored.take() {
            mirrored.send();
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if polled.is_pending() {
            self.upload.is_at(Stage::WaitingForClient);
            ready!(self.rate.poll_too_slow(context));
            self.upload.is_at(Stage::TooSlow);
            return Poll::Ready(Some(Err(TooSlow.into())));
        }
        match ready!(polled) {
            Some(Ok(frame)) => Poll::Ready(Some(self.pass(frame))),
            Some(Err(error)) => {
                self.upload.is_at(Stage::Broken);
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.upload.is_at(Stage::Done);
                self.send_copy();
                Poll::Ready(None)
            }
        }
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
        match self.0.as_deref_mut() {
            Some(Source::Client(passing)) => passing.poll_frame(context),
            Some(Source::Copied(copied)) => Poll::Ready(copied.next().map(Ok)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.0.as_deref() {
            Some(Source::Client(passing)) => passing.held.is_none() && passing.inner.is_end_stream(),
            Some(Source::Copied(copied)) => copied.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.as_deref() {
            Some(Source::Client(passing)) => passing.size_hint(),
            Some(Source::Copied(copied)) => copied.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
