//! Asking a service until there is an answer worth giving: whom, and how often.

use std::cell::Cell;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use hyper::body::Body as _;
use tokio::time::{Instant, sleep};

use crate::body::RequestBody;
use crate::edge::Worker;
use crate::metrics::{Outcome, Retry};
use crate::upstream::{AnswerHead, Connection, Exchange, Fault, RequestHead, Transfer, Upstream, UpstreamError};

/// Endpoints of which a request is tried, the first included.
const MOST_TRIED: usize = 3;
/// The longest pause before the same endpoint is asked again.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// A request on its way to an answer.
pub(super) struct Attempts<'a> {
    upstream: &'a Upstream,
    worker: &'a Rc<Worker>,
    head: &'a RequestHead,
    /// The body, until it was taken.
    body: RequestBody,
    repeat: Repeat,
    tried: Vec<SocketAddr>,
    /// Who is being asked, for those who give up waiting.
    asked: &'a Cell<Option<SocketAddr>>,
    is_retry: bool,
    /// Kept connections have just proved to be no good.
    wants_new_connection: bool,
}

/// Whether a failure leads to another try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    No,
    /// Asking twice is the same as asking once, and the request was not repeated yet.
    Once,
    /// No, but nobody waits for the answer either.
    Copy,
}

/// An answer whose body has not been read.
pub(super) struct Answered {
    pub head: AnswerHead,
    pub transfer: Box<Transfer>,
    pub exchange: Exchange,
}

/// What became of one attempt.
enum Attempt {
    Answered(Answered),
    /// The service never saw it.
    Unsent(UpstreamError),
    /// A kept connection ended under it, as it does when the service was just closing it.
    Crossed(UpstreamError),
    Failed(UpstreamError),
}

impl<'a> Attempts<'a> {
    pub fn new(
        upstream: &'a Upstream,
        worker: &'a Rc<Worker>,
        head: &'a RequestHead,
        body: RequestBody,
        asked: &'a Cell<Option<SocketAddr>>,
    ) -> Self {
        upstream.retries.deposit();
        let repeat = if is_repeatable(head, &body) { Repeat::Once } else { Repeat::No };
        Self::with(upstream, worker, head, body, asked, repeat)
    }

    /// A copy of a request that is on its way elsewhere. It is sent once.
    pub fn of_copy(
        upstream: &'a Upstream,
        worker: &'a Rc<Worker>,
        head: &'a RequestHead,
        body: RequestBody,
        asked: &'a Cell<Option<SocketAddr>>,
    ) -> Self {
        Self::with(upstream, worker, head, body, asked, Repeat::Copy)
    }

    fn with(
        upstream: &'a Upstream,
        worker: &'a Rc<Worker>,
        head: &'a RequestHead,
        body: RequestBody,
        asked: &'a Cell<Option<SocketAddr>>,
        repeat: Repeat,
    ) -> Self {
        Self {
            upstream,
            worker,
            head,
            body,
            repeat,
            tried: Vec::new(),
            asked,
            is_retry: false,
            wants_new_connection: false,
        }
    }

    /// Asks until there is an answer to give, good or bad.
    pub async fn run(&mut self) -> Result<Answered, UpstreamError> {
        loop {
            match self.attempt().await {
                Attempt::Answered(answered) => {
                    if !self.repeats_instead_of(&answered) {
                        self.count_retry(is_failure(answered.head.status));
                        return Ok(answered);
                    }
                    self.tried.push(answered.exchange.address());
                    drop(answered);
                    self.pause().await;
                }
                Attempt::Unsent(error) => {
                    if self.tried.len() >= MOST_TRIED.min(self.upstream.endpoints.len()) {
                        return Err(error);
                    }
                }
                Attempt::Crossed(error) => {
                    self.wants_new_connection = true;
                    if !self.take_repeat() {
                        return Err(error);
                    }
                }
                Attempt::Failed(error) => {
                    self.count_retry(true);
                    if !self.repeats() {
                        return Err(error);
                    }
                    self.pause().await;
                }
            }
        }
    }

    async fn attempt(&mut self) -> Attempt {
        let mut now = Instant::now();
        let Some(exchange) = self.pick(now) else {
            return Attempt::Unsent(self.upstream.unreachable(io::Error::other("its name has no address")));
        };
        let address = exchange.address();
        self.asked.set(Some(address));
        loop {
            let kept = if self.wants_new_connection { None } else { self.worker.pool.take(address) };
            let is_reused = kept.is_some();
            let connection = match kept {
                Some(connection) => connection,
                // Seldom needed, and larger than all the rest.
                None => match Box::pin(self.connect(address)).await {
                    Ok(connection) => {
                        now = Instant::now();
                        connection
                    }
                    Err(error) => {
                        self.count(Outcome::ConnectError);
                        self.note_failure(&exchange);
                        return Attempt::Unsent(error);
                    }
                },
            };
            let body = mem::take(&mut self.body);
            let buffer = self.worker.buffers.take();
            let mut transfer = Box::new(Transfer::new(connection, self.head, body, buffer, now));
            match transfer.head().await {
                Ok(head) => {
                    self.worker.buffers.give_back(transfer.take_buffer());
                    self.count(Outcome::Answered(head.status));
                    self.note(&exchange, is_failure(head.status));
                    self.heed(&exchange, &head);
                    return Attempt::Answered(Answered { head, transfer, exchange });
                }
                Err(Fault::Unsent(_)) if is_reused => self.body = transfer.into_body(),
                Err(Fault::Unanswered(error)) if is_reused => {
                    // It was only closing this one connection, or it is gone: another endpoint is the better choice.
                    self.tried.push(address);
                    return Attempt::Crossed(self.upstream.broken(error));
                }
                Err(fault) => {
                    self.count(Outcome::Broken);
                    self.note_failure(&exchange);
                    return Attempt::Failed(self.upstream.broken(fault.into_error()));
                }
            }
        }
    }

    fn pick(&self, now: Instant) -> Option<Exchange> {
        // Whether an endpoint is well again is shown by those whom it does no harm.
        self.upstream.endpoints.pick(&self.tried, self.repeat != Repeat::No, now.into_std())
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
            let now = Instant::now();
            exchange.answered(now.into_std(), is_failure, self.upstream.endpoints.may_eject(now.into_std()));
        }
    }

    /// Leaves an endpoint alone that says when to come back, while at least half of them are left.
    fn heed(&self, exchange: &Exchange, answer: &AnswerHead) {
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return;
        }
        let now = Instant::now();
        if let Some(wish) = wish_to_wait(&answer.headers)
            && self.upstream.endpoints.may_eject(now.into_std())
        {
            exchange.asked_to_wait(wish, now.into_std());
        }
    }

    fn note_failure(&mut self, exchange: &Exchange) {
        self.tried.push(exchange.address());
        self.note(exchange, true);
    }

    async fn connect(&self, address: SocketAddr) -> Result<Connection, UpstreamError> {
        let connected =
            Connection::open(address, self.worker.gateway.proxy.connect_timeout, &self.worker.buffers).await;
        connected.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => self.upstream.timed_out(),
            _ => self.upstream.unreachable(error),
        })
    }

    /// Whether the request is sent again instead of giving this answer.
    fn repeats_instead_of(&mut self, Answered { head: answer, exchange, .. }: &Answered) -> bool {
        // Whose request shows that an endpoint is still not well should not have to bear it.
        let has_failed_trial = exchange.is_trial && is_failure(answer.status);
        let is_worth_it = has_failed_trial || matches!(answer.status.as_u16(), 502..=504);
        if !is_worth_it {
            return false;
        }
        // A service that says when to come back does not want to be asked at once.
        let asks_to_wait = answer.headers.contains_key(header::RETRY_AFTER);
        let has_others = self.upstream.endpoints.len() > self.tried.len() + 1;
        (has_others || !asks_to_wait) && self.repeats()
    }

    fn take_repeat(&mut self) -> bool {
        let may_repeat = self.repeat == Repeat::Once;
        if may_repeat {
            self.repeat = Repeat::No;
        }
        may_repeat
    }

    /// Whether the request is sent again, which it is once.
    fn repeats(&mut self) -> bool {
        if !self.take_repeat() {
            return false;
        }
        self.is_retry = self.upstream.retries.withdraw();
        if !self.is_retry {
            self.worker.recorder.retry(self.upstream.label, Retry::BudgetExhausted);
        }
        self.is_retry
    }

    /// Waits a little before the only endpoint is asked again; another one can be asked at once.
    async fn pause(&self) {
        if self.upstream.endpoints.len() == 1 {
            Box::pin(sleep(LONGEST_PAUSE.mul_f64(fastrand::f64()))).await;
        }
    }
}

/// For how long an answer asks to be left alone. One that names a date (RFC 9110 section 10.2.3) is not heeded: it
/// needs two clocks to agree.
fn wish_to_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What a service answers when it is not well; that something was asked of it in a wrong way is no failure.
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}

/// Whether asking twice is the same as asking once (RFC 9110 section 9.2.2), and there is nothing to keep for it.
fn is_repeatable(head: &RequestHead, body: &RequestBody) -> bool {
    let is_idempotent =
        matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE);
    is_idempotent && body.is_end_stream() && !head.wants_websocket
}
