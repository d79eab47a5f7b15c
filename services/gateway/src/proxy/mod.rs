//! Passing a request on and its answer back, both as they come.

mod attempts;
mod gather;
mod mirrored;
mod room;

use std::cell::Cell;
use std::mem;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::body::{ClientBody, ReplyBody, RequestBody, Stage, Upload, UpstreamBody};
use crate::edge::{ClientConnection, Tunnel, Worker};
use crate::headers::upgrade_to_websocket;
use crate::metrics::{Outcome, Recorder, UpstreamLabel};
use crate::routes::{Limits, Route};
use crate::upstream::{RequestHead, Transfer, Upstream, UpstreamError};
use attempts::{Answered, Attempts};
use room::Room;

pub(crate) use mirrored::{Copies, Mirrored};

/// A request ready to be passed on. Boxed, because it goes through many hands.
pub(crate) struct Forward {
    route: Arc<Route>,
    head: RequestHead,
    body: RequestBody,
    /// How far its body is, if it has one.
    upload: Option<Rc<Upload>>,
    began: Instant,
}

impl Forward {
    /// The time of the exchange began at `began`.
    ///
    /// # Errors
    /// It says that its body is larger than the route takes.
    pub fn new(
        route: Arc<Route>,
        mut head: RequestHead,
        body: ClientBody,
        recorder: &Rc<Recorder>,
        began: Instant,
    ) -> Result<Box<Self>, UpstreamError> {
        let limit = route.limits.body_bytes;
        if body.size_hint().lower() > limit {
            return Err(UpstreamError::BodyTooLarge { limit });
        }
        let (body, upload) = RequestBody::new(body, limit, recorder, route.label);
        head.deadline = deadline(&route.limits, &head, upload.is_some(), began);
        Ok(Box::new(Self { route, head, body, upload, began }))
    }

    /// Lets its time begin now.
    pub fn begin_anew(&mut self) {
        self.began = Instant::now();
        self.head.deadline = deadline(&self.route.limits, &self.head, self.upload.is_some(), self.began);
    }

    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The headers of the client, as they came.
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers.client()
    }

    /// Sends others than the client did.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.head.headers.client_mut()
    }

    /// Passes it on, and waits for the head of the answer as long as the route allows. Without a client there is
    /// nobody who could speak another protocol afterwards.
    pub async fn send(
        mut self: Box<Self>,
        client: Option<&ClientConnection>,
        worker: &Rc<Worker>,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        let Self { route, head, body, upload, began } = &mut *self;
        let patience = Patience::new(&route.limits, upload.take(), *began);
        if route.upstream.endpoints.len() == 0 {
            Box::pin(route.upstream.resolve_first()).await;
        }
        let (since, has_body) = patience.since();
        let mut room = match Room::try_take(route, since, has_body) {
            Some(room) => room,
            None => Box::pin(Room::wait(route, has_body, worker)).await?,
        };
        if let Some(mirror) = &route.mirror {
            Mirrored::begin(mirror, route, head, body, worker);
        }
        let asked = Cell::new(None);
        let mut asking = Asking { recorder: &worker.recorder, label: route.upstream.label, has_ended: false };
        let mut attempts = Attempts::new(&route.upstream, worker, head, mem::take(body), &asked);
        let mut answer = pin!(attempts.run());
        let Answered { head: answered, transfer, exchange } = loop {
            match timeout_at(room.until(patience.until()), answer.as_mut()).await {
                Ok(answer) => {
                    asking.has_ended = true;
                    break answer.map_err(|error| patience.blame(error))?;
                }
                Err(_) => patience.check(&route.upstream, asked.get()).inspect_err(|_| {
                    asking.has_ended = true;
                    worker.recorder.upstream(route.upstream.label, Outcome::Timeout);
                })?,
            }
            room.look(patience.stage());
        };
        let now = Instant::now();
        room.answered(answered.status, patience.upload.as_ref().map(|upload| upload.moved_at()), now);

        if answered.status == StatusCode::SWITCHING_PROTOCOLS {
            let is_agreed = head.wants_websocket && answered.upgrade.is_some_and(|name| is_websocket(&name));
            return match client.filter(|_| is_agreed) {
                Some(client) => Ok(switch(answered.headers, *transfer, route, client)),
                None => Err(not_agreed(route)),
            };
        }
        worker.recorder.first_byte(route.upstream.label, now.saturating_duration_since(*began));
        let body = UpstreamBody::new(transfer, exchange, route, worker, patience.deadline());
        let mut response = Response::new(ReplyBody::Upstream(body));
        *response.status_mut() = answered.status;
        *response.headers_mut() = answered.headers;
        Ok(response)
    }
}

/// When the service is not waited for any longer, as far as that is known beforehand: a body that moves puts the end
/// of patience off.
fn deadline(limits: &Limits, head: &RequestHead, has_body: bool, began: Instant) -> Option<Instant> {
    let total = limits.total_timeout.unwrap_or(Duration::MAX);
    let patience = if has_body { total } else { limits.timeout.min(total) };
    if head.wants_websocket { None } else { began.checked_add(patience) }
}

/// The service speaks another protocol from now on; so will the client's connection when it has the answer.
fn switch(headers: HeaderMap, transfer: Transfer, route: &Route, client: &ClientConnection) -> Response<ReplyBody> {
    client.switch_to(Tunnel::new(transfer.into_connection(), route.limits.idle_timeout));
    let mut response = Response::new(ReplyBody::Own(Body::empty()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    upgrade_to_websocket(response.headers_mut());
    response
}

fn is_websocket(protocol: &HeaderValue) -> bool {
    protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
}

fn not_agreed(route: &Route) -> UpstreamError {
    route.upstream.broken(anyhow!("switched to a protocol nobody asked for"))
}

/// Counts a request as given up if it is dropped before it has ended: its client left.
struct Asking<'a> {
    recorder: &'a Recorder,
    label: UpstreamLabel,
    has_ended: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.recorder.upstream(self.label, Outcome::Abandoned);
        }
    }
}

/// How long an answer is waited for: as long as the request moves, and the route's patience more.
struct Patience<'a> {
    limits: &'a Limits,
    upload: Option<Rc<Upload>>,
    began: Instant,
}

impl<'a> Patience<'a> {
    fn new(limits: &'a Limits, upload: Option<Rc<Upload>>, began: Instant) -> Self {
        Self { limits, upload, began }
    }

    /// When the whole exchange must be over.
    fn deadline(&self) -> Option<Instant> {
        self.limits.total_timeout.map(|total| self.began + total)
    }

    /// Since when the service could answer, and whether it still has to wait for a body.
    fn since(&self) -> (Instant, bool) {
        match &self.upload {
            Some(upload) if upload.stage() == Stage::Done => (upload.moved_at(), false),
            upload => (self.began, upload.is_some()),
        }
    }

    /// When it is worth looking again.
    fn until(&self) -> Instant {
        let moved = self.upload.as_ref().map_or(self.began, |upload| upload.moved_at());
        let until = moved + self.limits.timeout;
        self.deadline().map_or(until, |deadline| deadline.min(until))
    }

    /// Whether patience is over, and whose fault that is.
    fn check(&self, upstream: &Upstream, asked: Option<SocketAddr>) -> Result<(), UpstreamError> {
        if Instant::now() < self.until() {
            return Ok(());
        }
        if self.stage() == Stage::WaitingForClient {
            return Err(UpstreamError::BodyTooSlow);
        }
        if let Some(address) = asked {
            upstream.endpoints.failed(address);
        }
        Err(upstream.timed_out())
    }

    /// A request whose body failed looks like a broken connection; the body knows better.
    fn blame(&self, error: UpstreamError) -> UpstreamError {
        match self.stage() {
            Stage::TooLarge => UpstreamError::BodyTooLarge { limit: self.limits.body_bytes },
            Stage::TooSlow => UpstreamError::BodyTooSlow,
            Stage::Broken => UpstreamError::BodyBroken,
            Stage::Moving | Stage::WaitingForClient | Stage::Done => error,
        }
    }

    fn stage(&self) -> Stage {
        self.upload.as_ref().map_or(Stage::Done, |upload| upload.stage())
    }
}
