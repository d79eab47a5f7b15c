//! Asking a service until there is an answer worth giving: whom, and how often.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use tokio::time::sleep;

use crate::body::RequestBody;
use crate::edge::Worker;
use crate::metrics::{Outcome, Retry};
use crate::upstream::{Exchange, Lease, Upstream, UpstreamError};

/// Endpoints of which a request is tried, the first included.
const MOST_TRIED: usize = 3;
/// The longest pause before the same endpoint is asked again.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// A request on its way to an answer.
pub(super) struct Attempts<'a> {
    upstream: &'a Upstream,
    worker: &'a Rc<Worker>,
    /// The request again, while it may be repeated: its method allows it, and it has no body.
    again: Option<Request<RequestBody>>,
    tried: Vec<SocketAddr>,
    /// Who is being asked, for those who give up waiting.
    asked: &'a Cell<Option<SocketAddr>>,
    is_retry: bool,
    /// Kept connections have just proved to be no good.
    wants_new_connection: bool,
}

/// What became of one attempt.
enum Attempt {
    Answered(Lease, Exchange, Response<Incoming>),
    /// The service never saw it.
    Unsent(Request<RequestBody>, UpstreamError),
    /// A kept connection broke under it, as it does when the service was just closing it.
    Crossed(UpstreamError),
    Failed(UpstreamError),
}

impl<'a> Attempts<'a> {
    pub fn new(
        upstream: &'a Upstream,
        worker: &'a Rc<Worker>,
        request: &Request<RequestBody>,
        asked: &'a Cell<Option<SocketAddr>>,
    ) -> Self {
        upstream.retries.deposit();
        let again = may_repeat(request).then(|| copy(request));
        let tried = Vec::new();
        Self { upstream, worker, again, tried, asked, is_retry: false, wants_new_connection: false }
    }

    /// Asks until there is an answer to give, good or bad.
    pub async fn run(
        mut self,
        mut request: Request<RequestBody>,
    ) -> Result<(Lease, Exchange, Response<Incoming>), UpstreamError> {
        loop {
            match self.attempt(request).await {
                Attempt::Answered(lease, exchange, response) => {
                    let Some(again) = self.repeat_instead(&response) else {
                        self.count_retry(is_failure(response.status()));
                        return Ok((lease, exchange, response));
                    };
                    request = again;
                    drop((lease, exchange, response));
                    self.pause().await;
                }
                Attempt::Unsent(unsent, error) => {
                    if self.tried.len() >= MOST_TRIED.min(self.upstream.endpoints.len()) {
                        return Err(error);
                    }
                    request = unsent;
                }
                Attempt::Crossed(error) => {
                    self.wants_new_connection = true;
                    request = self.again.take().ok_or(error)?;
                }
                Attempt::Failed(error) => {
                    self.count_retry(true);
                    request = self.repeat().ok_or(error)?;
                    self.pause().await;
                }
            }
        }
    }

    async fn attempt(&mut self, mut request: Request<RequestBody>) -> Attempt {
        let Some(exchange) = self.pick() else {
            let error = self.upstream.unreachable(io::Error::other("its name has no address"));
            return Attempt::Unsent(request, error);
        };
        self.asked.set(Some(exchange.address()));
        loop {
            let kept = self.worker.pool.take(exchange.address());
            let mut lease = match kept.filter(|_| !self.wants_new_connection) {
                Some(lease) => lease,
                // Seldom needed, and larger than all the rest.
                None => match Box::pin(self.connect(exchange.address())).await {
                    Ok(lease) => lease,
                    Err(error) => {
                        self.tried.push(exchange.address());
                        self.count(Outcome::ConnectError);
                        self.note(&exchange, true);
                        return Attempt::Unsent(request, error);
                    }
                },
            };
            if !lease.is_ready() && Box::pin(lease.ready()).await.is_err() {
                continue;
            }
            match lease.send(request).await {
                Ok(response) => {
                    self.count(Outcome::Answered(response.status()));
                    self.note(&exchange, is_failure(response.status()));
                    return Attempt::Answered(lease, exchange, response);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if lease.is_reused() => request = unsent,
                    _ if lease.is_reused() => {
                        return Attempt::Crossed(self.upstream.broken(error.into_error()));
                    }
                    _ => {
                        self.tried.push(exchange.address());
                        self.count(Outcome::Broken);
                        self.note(&exchange, true);
                        return Attempt::Failed(self.upstream.broken(error.into_error()));
                    }
                },
            }
        }
    }

    fn pick(&self) -> Option<Exchange> {
        self.upstream.endpoints.pick(&self.tried, self.again.is_some(), Instant::now())
    }

    fn count_retry(&self, has_failed: bool) {
        if self.is_retry {
            let result = if has_failed { Retry::Failed } else { Retry::Succeeded };
            self.worker.recorder.retry(self.upstream.label, result);
        }
    }

    fn count(&self, outcome: Outcome) {
        self.worker.recorder.upstream(self.upstream.label, outcome);
    }

    fn note(&self, exchange: &Exchange, is_failure: bool) {
        // With one endpoint there is nothing to choose by.
        if self.upstream.endpoints.len() > 1 {
            exchange.answered(Instant::now(), is_failure, self.upstream.endpoints.may_eject());
        }
    }

    async fn connect(&self, address: SocketAddr) -> Result<Lease, UpstreamError> {
        let connected = self.worker.pool.connect(address, self.worker.gateway.proxy.connect_timeout).await;
        connected.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => self.upstream.timed_out(),
            _ => self.upstream.unreachable(error),
        })
    }

    /// The request to send again instead of giving this answer.
    fn repeat_instead(&mut self, response: &Response<Incoming>) -> Option<Request<RequestBody>> {
        let is_worth_it = matches!(response.status().as_u16(), 502..=504);
        // A service that says when to come back does not want to be asked at once.
        let asks_to_wait = response.headers().contains_key(header::RETRY_AFTER);
        let has_others = self.upstream.endpoints.len() > self.tried.len() + 1;
        (is_worth_it && (has_others || !asks_to_wait)).then(|| self.repeat())?
    }

    /// The request to send again, if it may be, once.
    fn repeat(&mut self) -> Option<Request<RequestBody>> {
        self.again.as_ref()?;
        if !self.upstream.retries.withdraw() {
            self.worker.recorder.retry(self.upstream.label, Retry::BudgetExhausted);
            return None;
        }
        self.is_retry = true;
        self.again.take()
    }

    /// Waits a little before the only endpoint is asked again; another one can be asked at once.
    async fn pause(&self) {
        if self.upstream.endpoints.len() == 1 {
            Box::pin(sleep(LONGEST_PAUSE.mul_f64(fastrand::f64()))).await;
        }
    }
}

/// What a service answers when it is not well; that something was asked of it in a wrong way is no failure.
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}

/// Whether asking twice is the same as asking once (RFC 9110 section 9.2.2), and there is nothing to keep for it.
fn may_repeat(request: &Request<RequestBody>) -> bool {
    let is_idempotent =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE);
    is_idempotent && request.body().is_end_stream() && !request.headers().contains_key(header::UPGRADE)
}

fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
