//! Asking the service for an answer that may be kept.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use axum::body::Body;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use tokio::sync::oneshot;

use super::RouteCache;
use super::conditions::{CONDITIONAL, is_same_tag};
use super::entry::{Entry, Whole};
use super::flights::{Failure, Flight, Landed};
use super::gather::{Gathered, gather};
use super::generations::Place;
use super::key::Key;
use super::policy::{Terms, terms};
use crate::body::ReplyBody;
use crate::edge::Worker;
use crate::proxy::Forward;
use crate::upstream::{Upstream, UpstreamError};

/// For so long those that ask for what cannot be shared do not wait for one another.
const ALONE: Duration = Duration::from_secs(10);
/// The same, where that is likely to pass.
const ALONE_FOR_NOW: Duration = Duration::from_secs(1);

/// A question to the service.
pub(super) struct Fetch {
    pub cache: RouteCache,
    pub key: Key,
    pub place: Place,
    pub generation: u64,
    /// What is known, and may be confirmed.
    pub stale: Option<Arc<Entry>>,
}

/// What it gave.
pub(super) enum Fetched {
    Kept {
        entry: Arc<Entry>,
        /// The service said that what was known is still good.
        is_confirmed: bool,
    },
    /// An answer for the one who asked.
    Single(Response<ReplyBody>),
    Failed(UpstreamError),
}

impl Fetched {
    /// What those hear that have waited.
    fn landed(&self) -> Landed {
        match self {
            Self::Kept { entry, .. } => Landed::Kept(Arc::clone(entry)),
            Self::Single(response) if is_unwell(response.status()) => Landed::Unwell,
            Self::Single(_) => Landed::Single,
            Self::Failed(error) => Landed::Failed(Failure::of(error)),
        }
    }
}

impl Fetch {
    /// Asks for all that wait, and gives up when nobody does any longer. The first of them gets what only one can.
    pub async fn run(
        self,
        mut forward: Box<Forward>,
        worker: Rc<Worker>,
        flight: Flight,
        first: oneshot::Sender<Fetched>,
    ) {
        self.ask_for_all(forward.headers_mut());
        let fetched = tokio::select! {
            fetched = self.ask(forward, &worker) => fetched,
            () = flight.deserted() => return,
        };
        flight.land(fetched.landed());
        // Who has left does not need it any more.
        let _ = first.send(fetched);
    }

    /// Asks once, as the client did, and keeps what may be kept.
    pub async fn ask(&self, forward: Box<Forward>, worker: &Rc<Worker>) -> Fetched {
        let (asked_at, patience) = (Instant::now(), forward.route().limits.timeout);
        let (request, upstream) = (forward.headers().clone(), Arc::clone(&forward.route().upstream));
        let response = match forward.send(None, worker).await {
            Ok(response) => response,
            Err(error) => return Fetched::Failed(error),
        };
        let (head, body) = response.into_parts();
        if head.status == StatusCode::NOT_MODIFIED
            && let Some(known) = self.stale.as_ref().filter(|known| known.etag().is_some())
        {
            return self.confirm(known, &head, &request, asked_at, &upstream);
        }
        let (terms, body) = match (terms(head.status, &head.headers), body) {
            (Some(terms), ReplyBody::Upstream(body)) => (terms, body),
            (_, body) => return self.single(Response::from_parts(head, body), ALONE),
        };
        match gather(body, &self.cache.shared.budget, patience).await {
            Gathered::Whole(body) => self.keep(&head, &body, terms, &request, asked_at),
            Gathered::Parted(body) => self.single(Response::from_parts(head, body), ALONE),
            Gathered::Crowded(body) => self.single(Response::from_parts(head, body), ALONE_FOR_NOW),
            Gathered::Broken(error) => Fetched::Failed(upstream.broken(anyhow!(error))),
        }
    }

    /// Asks for a whole answer, or whether the known one is still good; what the client holds is its own business.
    fn ask_for_all(&self, headers: &mut HeaderMap) {
        for name in CONDITIONAL {
            headers.remove(name);
        }
        if let Some(tag) = self.stale.as_ref().and_then(|stale| stale.etag()) {
            headers.insert(header::IF_NONE_MATCH, tag.clone());
        }
    }

    fn keep(&self, head: &Parts, body: &Bytes, terms: Terms, request: &HeaderMap, asked_at: Instant) -> Fetched {
        let Parts { status, headers, .. } = head;
        let (body, generation) = (body.clone(), self.generation);
        let whole = Whole { status: *status, headers, body: body.clone(), terms, request, asked_at, generation };
        let Some(entry) = Entry::new(whole, &self.cache.shared.budget).map(Arc::new) else {
            return self.single(answer(head, body), ALONE_FOR_NOW);
        };
        // Of something that has changed since, it is for those who have waited and for nobody after them.
        if self.generation == self.cache.shared.generations.now(self.place) {
            self.cache.shared.store.keep(&self.key, &entry);
        }
        Fetched::Kept { entry, is_confirmed: false }
    }

    /// Keeps what is known for longer, as the service has confirmed it.
    fn confirm(
        &self,
        known: &Arc<Entry>,
        by: &Parts,
        request: &HeaderMap,
        asked_at: Instant,
        upstream: &Upstream,
    ) -> Fetched {
        let tags = (known.etag(), by.headers.get(header::ETAG));
        if let (Some(known_tag), Some(tag)) = tags
            && !is_same_tag(known_tag, tag)
        {
            self.cache.shared.store.go_alone(&self.key, ALONE_FOR_NOW, Some(known), Instant::now());
            return Fetched::Failed(upstream.broken(anyhow!("it confirms what it was not asked about")));
        }
        let head = known.confirmed(by);
        let Some(terms) = terms(head.status, &head.headers) else {
            return self.single(answer(&head, known.body().clone()), ALONE);
        };
        match self.keep(&head, known.body(), terms, request, asked_at) {
            Fetched::Kept { entry, .. } => Fetched::Kept { entry, is_confirmed: true },
            other => other,
        }
    }

    /// Has the next ones not wait for what only one can get.
    fn single(&self, response: Response<ReplyBody>, alone: Duration) -> Fetched {
        let (store, now) = (&self.cache.shared.store, Instant::now());
        if is_unwell(response.status()) {
            store.go_alone(&self.key, ALONE_FOR_NOW, None, now);
        } else if response.status() != StatusCode::NOT_MODIFIED {
            store.go_alone(&self.key, alone, self.stale.as_ref(), now);
        }
        Fetched::Single(response)
    }
}

impl Failure {
    fn of(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Unreachable { .. } => Self::Unreachable,
            UpstreamError::TimedOut { .. } => Self::TimedOut,
            UpstreamError::Overloaded { reason, .. } => Self::Overloaded(reason),
            UpstreamError::Broken { .. }
            | UpstreamError::BodyTooLarge { .. }
            | UpstreamError::BodyTooSlow
            | UpstreamError::BodyBroken => Self::Broken,
        }
    }

    /// The same for one that has waited.
    pub fn into_error(self, upstream: &Upstream) -> UpstreamError {
        let shared = || anyhow!("it was asked once for several requests");
        match self {
            Self::Unreachable => upstream.unreachable(shared()),
            Self::Broken => upstream.broken(shared()),
            Self::TimedOut => upstream.timed_out(),
            Self::Overloaded(reason) => UpstreamError::Overloaded { upstream: upstream.name.clone(), reason },
        }
    }
}

/// Whether it says more of the service than of what was asked for (RFC 5861 section 4).
pub(super) fn is_unwell(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502..=504)
}

fn answer(head: &Parts, body: Bytes) -> Response<ReplyBody> {
    Response::from_parts(head.clone(), ReplyBody::Own(Body::from(body)))
}
