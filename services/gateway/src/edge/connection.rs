//! What is known of a client's connection, and how long it may take for what.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use portico_common::server::ServerConfig;
use portico_common::token::{GoodToken, Verifier};
use uuid::Uuid;

use super::Tunnel;
use super::conduct::{Conduct, Turn};
use super::framing::{Phase, Wire};
use crate::headers::Peer;

/// How long a connection may stay silent once it should go.
///
/// Closed at once, it could cross a request that is on its way.
const SILENCE_BEFORE_LEAVING: Duration = Duration::from_secs(1);

/// What is known of a client's connection; shared by its requests and by who watches its time.
pub(crate) struct ClientConnection {
    pub peer: Peer,
    /// The token of the last request, and as it came once it comes again: most connections send the same one again and
    /// again, and then it need not even be digested.
    credentials: RefCell<Option<(GoodToken, Option<HeaderValue>)>>,
    pub(super) wire: Rc<Wire>,
    pub(super) is_http2: Cell<bool>,
    conduct: Conduct,
    /// Requests begun, and those of them whose answers have not ended.
    begun: Cell<u64>,
    open: Cell<usize>,
    wait: Cell<(Wait, Instant)>,
    ending: Cell<Option<Ending>>,
    /// Where its bytes go once the answer that says so is written.
    pub(super) tunnel: RefCell<Option<Tunnel>>,
    waker: RefCell<Option<Waker>>,
}

/// A request that has not ended; counted until it is dropped.
pub(crate) struct OpenRequest {
    client: Rc<ClientConnection>,
    is_answered: bool,
    /// Since when its answer is the client's to take, if it is.
    handed: Option<Turn>,
}

/// Why a connection should not go on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// It may end what it is at.
    Leave,
    /// It was too slow.
    Cut(&'static str),
}

/// How a connection ended.
pub(super) type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What a connection waits for. Two of the same kind are one long wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Its first request.
    First,
    /// The rest of the head of the request of this number.
    Head(u64),
    /// Another request after so many.
    Next(u64),
    /// The client to read more than so many bytes.
    Reader(u64),
    /// The gateway or a service.
    Us,
}

impl ClientConnection {
    pub(super) fn new(peer: SocketAddr, speaks_tls: bool) -> Self {
        let now = Instant::now();
        Self {
            peer: Peer::new(peer.ip(), if speaks_tls { "https" } else { "http" }),
            credentials: RefCell::default(),
            wire: Rc::default(),
            is_http2: Cell::new(false),
            conduct: Conduct::new(now),
            begun: Cell::new(0),
            open: Cell::new(0),
            wait: Cell::new((Wait::First, now)),
            ending: Cell::new(None),
            tunnel: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    /// Whose token these credentials are, if it was found good on this connection or another and still is.
    pub fn recall_subject(&self, headers: &HeaderMap, verifier: &Verifier) -> Option<Uuid> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (given.next()?, given.next());
        let mut known = self.credentials.borrow_mut();
        if let Some((good, Some(text))) = &*known
            && second.is_none()
            && text == first
            && verifier.is_still_good(good)
        {
            return Some(good.claims().sub);
        }
        let good = verifier.recall(headers)?;
        let comes_again = known.as_ref().is_some_and(|(last, _)| last.is(&good));
        // A copy: what came points into all that was read with it.
        let text = if comes_again { HeaderValue::from_bytes(first.as_bytes()).ok() } else { None };
        let subject = good.claims().sub;
        *known = Some((good, text));
        Some(subject)
    }

    /// Has its bytes passed through `tunnel` when the answer is written.
    pub fn switch_to(&self, tunnel: Tunnel) {
        self.tunnel.replace(Some(tunnel));
    }

    pub(super) fn begin(self: &Rc<Self>) -> OpenRequest {
        self.begun.set(self.begun.get() + 1);
        self.open.set(self.open.get() + 1);
        OpenRequest { client: Rc::clone(self), is_answered: false, handed: None }
    }

    /// Counts a frame that carries nothing; tells whether it is one too many.
    pub(super) fn sent_nothing(&self) -> bool {
        self.conduct.sent_nothing(self.wire.written())
    }

    /// Lets it go soon. One of HTTP/2 is told; one of HTTP/1 hears it with its next answer.
    pub(super) fn leave(&self) {
        if self.is_http2.get() {
            self.end(Ending::Leave);
        }
    }

    /// Ends the connection if it has waited for too long.
    pub(super) fn look(&self, now: Instant, settings: &ServerConfig, is_leaving: bool) {
        if self.is_http2.get() && self.conduct.look(now, settings.write_timeout) {
            self.end(Ending::Cut("the client leaves an answer lying"));
            return;
        }
        let (before, since) = self.wait.get();
        let wait = self.waits_for();
        if wait != before {
            self.wait.set((wait, now));
            return;
        }
        let (limit, ending) = match wait {
            Wait::Us => return,
            Wait::Reader(_) => (settings.write_timeout, Ending::Cut("the client reads nothing")),
            Wait::Head(_) => (settings.header_timeout, Ending::Cut("no whole head in time")),
            Wait::First | Wait::Next(_) if is_leaving => (SILENCE_BEFORE_LEAVING, Ending::Leave),
            Wait::First => (settings.header_timeout, Ending::Cut("no request in time")),
            Wait::Next(_) => (settings.idle_timeout, Ending::Leave),
        };
        let waited = now.saturating_duration_since(since);
        if waited >= limit + settings.write_timeout {
            // An answer that ended for us can still wait for the client to take its last piece.
            self.end(Ending::Cut("the client does not take the end of an answer"));
        } else if waited >= limit {
            self.end(ending);
        }
    }

    fn waits_for(&self) -> Wait {
        if self.wire.is_write_pending() {
            return Wait::Reader(self.wire.written());
        }
        match self.wire.phase() {
            // While a request is at work nobody reads on, and the rest of a next head is not late.
            Phase::Head if self.open.get() == 0 && self.wire.is_read_pending() => Wait::Head(self.wire.requests()),
            Phase::Idle | Phase::Tunnel if self.open.get() == 0 => match self.begun.get() {
                0 => Wait::First,
                begun => Wait::Next(begun),
            },
            Phase::Idle | Phase::Head | Phase::Body | Phase::Tunnel => Wait::Us,
        }
    }

    fn end(&self, ending: Ending) {
        self.ending.set(Some(ending));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Does something before the first request; nothing comes of it if the client should leave.
    pub(super) async fn unless_ended<T>(&self, doing: impl Future<Output = io::Result<T>>) -> io::Result<Option<T>> {
        let mut doing = pin!(doing);
        poll_fn(|context| match self.poll_ending(context) {
            Poll::Ready(Ending::Leave) => Poll::Ready(Ok(None)),
            Poll::Ready(Ending::Cut(reason)) => Poll::Ready(Err(io::Error::other(reason))),
            Poll::Pending => doing.as_mut().poll(context).map_ok(Some),
        })
        .await
    }

    /// Does something that has no place to stop at, so that letting the connection go means nothing to it.
    pub(super) async fn unless_cut(&self, doing: impl Future<Output = Ended>) -> Ended {
        let mut doing = pin!(doing);
        poll_fn(|context| match self.poll_cut(context) {
            Poll::Ready(reason) => Poll::Ready(Err(reason.into())),
            Poll::Pending => doing.as_mut().poll(context),
        })
        .await
    }

    /// Ready with the reason when the connection must not go on, whatever it is at.
    pub(super) fn poll_cut(&self, context: &Context<'_>) -> Poll<&'static str> {
        while let Poll::Ready(ending) = self.poll_ending(context) {
            if let Ending::Cut(reason) = ending {
                return Poll::Ready(reason);
            }
        }
        Poll::Pending
    }

    pub(super) fn poll_ending(&self, context: &Context<'_>) -> Poll<Ending> {
        if let Some(ending) = self.ending.take() {
            return Poll::Ready(ending);
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl OpenRequest {
    /// A piece of the answer is the client's to take.
    pub fn hand_over(&mut self) {
        // In HTTP/1 a client without room shows by what cannot be written.
        if self.client.is_http2.get() {
            self.handed = Some(self.client.conduct.hand_over());
        }
    }

    /// The client had room for it.
    pub fn take_back(&mut self) {
        if let Some(turn) = self.handed.take() {
            self.client.conduct.take_back(turn);
        }
    }

    /// The answer has ended; a request dropped before was given up by its client.
    pub fn ended(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.take_back();
        let client = &self.client;
        client.open.set(client.open.get() - 1);
        if self.is_answered {
            client.conduct.took();
        } else if client.is_http2.get() && client.conduct.gave_up() {
            client.end(Ending::Cut("the client gives up too many requests"));
        }
    }
}
