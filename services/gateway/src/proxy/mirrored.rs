//! Copies of requests for a mirror, whose answers are read and thrown away.
//!
//! A copy is sent when the request is whole, so that a client that is slow, or leaves, does not keep the mirror busy.
//! Nobody waits for it, and when it would take too much it is left out.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use hyper::body::Body as _;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::attempts::{Answered, Attempts};
use crate::body::RequestBody;
use crate::edge::Worker;
use crate::metrics::{MirrorResult, Outcome, RouteLabel};
use crate::routes::{Mirror, Route};
use crate::upstream::{RequestHead, Upstream};

/// Copies of a worker that are sent and not answered.
const MOST_AT_ONCE: usize = 64;
/// Bytes of bodies that the copies of a worker hold.
const MOST_HELD: usize = 16 << 20;
/// A larger body is not copied.
const LARGEST_BODY: usize = 1 << 20;
/// So much of an answer is read for its connection to be used again; behind that it is closed.
const LARGEST_ANSWER: usize = 1 << 20;

/// What the copies of one worker take.
#[derive(Default)]
pub(crate) struct Copies {
    at_once: Cell<usize>,
    held: Cell<usize>,
}

/// A copy of a request, as far as that has come.
pub(crate) struct Mirrored {
    upstream: Arc<Upstream>,
    /// How long it may take in all.
    patience: Duration,
    head: RequestHead,
    body: BytesMut,
    trailers: Option<HeaderMap>,
    stay: Stay,
}

/// What a copy takes of its worker, and what becomes of it.
struct Stay {
    worker: Rc<Worker>,
    route: RouteLabel,
    held: usize,
    is_sent: bool,
    result: MirrorResult,
}

impl Mirrored {
    /// Copies a request if it is drawn; a body is copied as it passes.
    pub fn begin(mirror: &Mirror, route: &Route, head: &RequestHead, body: &mut RequestBody, worker: &Rc<Worker>) {
        if head.wants_websocket || !mirror.share.draws() {
            return;
        }
        let mut stay = Stay {
            worker: Rc::clone(worker),
            route: route.label,
            held: 0,
            is_sent: false,
            result: MirrorResult::Incomplete,
        };
        if body.size_hint().lower() > LARGEST_BODY as u64 {
            stay.result = MirrorResult::TooLarge;
            return;
        }
        let total = route.limits.total_timeout.unwrap_or(Duration::MAX);
        body.copy_to(Box::new(Self {
            upstream: Arc::clone(&mirror.upstream),
            patience: route.limits.timeout.min(total),
            head: head.for_another(&mirror.upstream.host),
            body: BytesMut::new(),
            trailers: None,
            stay,
        }));
    }

    /// Takes a piece of the body. One for which there is no room ends the copy.
    pub fn take(mut self: Box<Self>, data: &Bytes) -> Option<Box<Self>> {
        if self.stay.try_hold(data.len()) {
            self.body.extend_from_slice(data);
            return Some(self);
        }
        None
    }

    /// Takes what follows the body.
    pub fn end(&mut self, trailers: &HeaderMap) {
        self.trailers = Some(trailers.clone());
    }

    /// Sends it, now that it is whole, if there is room for it.
    pub fn send(mut self: Box<Self>) {
        // Copies take no room from those who want an answer of the same service.
        let gate = &self.upstream.gate;
        if gate.in_flight() < gate.limit() && self.stay.try_send() {
            spawn_local(self.ask());
        } else {
            self.stay.result = MirrorResult::Skipped;
        }
    }

    async fn ask(self: Box<Self>) {
        let Self { upstream, patience, mut head, body, trailers, mut stay } = *self;
        let (worker, asked) = (Rc::clone(&stay.worker), Cell::new(None));
        if upstream.endpoints.len() == 0 {
            upstream.resolve_first().await;
        }
        let began = Instant::now();
        let until = began + patience;
        head.deadline = Some(until);
        let body = RequestBody::copied(body.freeze(), trailers);
        let mut attempts = Attempts::of_copy(&upstream, &worker, &head, body, &asked);
        match timeout_at(until, attempts.run()).await {
            Ok(Ok(answered)) => {
                stay.result = MirrorResult::Answered;
                worker.recorder.first_byte(upstream.label, began.elapsed());
                // What does not come in time is not missed.
                let _ = timeout_at(until, read(answered, &worker)).await;
            }
            Ok(Err(error)) => tracing::debug!(upstream = upstream.name, %error, "copy not answered"),
            Err(_) => {
                asked.get().into_iter().for_each(|address| upstream.endpoints.failed(address));
                worker.recorder.upstream(upstream.label, Outcome::Timeout);
            }
        }
    }
}

impl Stay {
    fn try_hold(&mut self, more: usize) -> bool {
        let held = &self.worker.copies.held;
        if self.held + more > LARGEST_BODY {
            self.result = MirrorResult::TooLarge;
            return false;
        }
        if held.get() + more > MOST_HELD {
            self.result = MirrorResult::Skipped;
            return false;
        }
        self.held += more;
        held.update(|held| held + more);
        true
    }

    fn try_send(&mut self) -> bool {
        let at_once = &self.worker.copies.at_once;
        if at_once.get() >= MOST_AT_ONCE {
            return false;
        }
        at_once.update(|at_once| at_once + 1);
        (self.is_sent, self.result) = (true, MirrorResult::Failed);
        true
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let copies = &self.worker.copies;
        copies.held.update(|held| held - self.held);
        copies.at_once.update(|at_once| at_once - usize::from(self.is_sent));
        self.worker.recorder.mirrored(self.route, self.result);
    }
}

/// Reads an answer to its end, so that its connection can be used again.
async fn read(Answered { head, mut transfer, exchange }: Answered, worker: &Worker) {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let mut read = 0;
    while read <= LARGEST_ANSWER {
        match poll_fn(|context| transfer.poll_frame(context)).await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return,
            None => break,
        }
    }
    if let Some(connection) = transfer.into_idle() {
        worker.pool.give_back(exchange.address(), connection);
    }
}
