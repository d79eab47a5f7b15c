//! What one worker counts.

use std::array;
use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};

use super::counter::{Counter, Histogram};
use super::labels::{METHODS, PLACES, RouteLabel, STATUSES, UpstreamLabel, method_place, status_place};

/// How an attempt at an upstream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With an answer.
    Answered(StatusCode),
    /// Without a connection.
    ConnectError,
    /// Without an answer in time.
    Timeout,
    /// With a connection that broke, or an answer that was none.
    Broken,
    /// With the client's leaving.
    Abandoned,
    /// Before it began: the upstream had all it can do.
    Shed,
}

impl Outcome {
    pub(super) const NAMES: [&str; 11] =
        ["1xx", "2xx", "3xx", "4xx", "5xx", "connect_error", "timeout", "broken", "abandoned", "other", "shed"];

    fn place(self) -> usize {
        match self {
            Self::Answered(status) => match status.as_u16() / 100 {
                class @ 1..=5 => usize::from(class) - 1,
                _ => 9,
            },
            Self::ConnectError => 5,
            Self::Timeout => 6,
            Self::Broken => 7,
            Self::Abandoned => 8,
            Self::Shed => 10,
        }
    }
}

/// What became of the wish to ask an upstream once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It was asked, and answered.
    Succeeded,
    /// It was asked, and failed again.
    Failed,
    /// It was not asked: too many retries were made of late.
    BudgetExhausted,
}

impl Retry {
    pub(super) const NAMES: [&str; 3] = ["succeeded", "failed", "budget_exhausted"];
}

/// Whether a token was known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenCache {
    /// It was, and is still good.
    Hit,
    /// It was not, and was checked in full.
    Miss,
}

impl TokenCache {
    pub(super) const NAMES: [&str; 2] = ["hit", "miss"];
}

/// What a route's cache did for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheResult {
    /// It had a fresh answer.
    Hit,
    /// It had one that was stale and good enough.
    Stale,
    /// The service was asked.
    Miss,
    /// The service was asked, and confirmed what was there.
    Revalidated,
    /// The service was being asked already.
    Coalesced,
    /// It was not for the cache, or could not be shared.
    Pass,
}

impl CacheResult {
    pub(super) const NAMES: [&str; 6] = ["hit", "stale", "miss", "revalidated", "coalesced", "pass"];

    /// Its name, in metrics and logs.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// What became of a copy of a request for a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MirrorResult {
    /// The mirror answered, whatever it said.
    Answered,
    /// It did not, or not in time.
    Failed,
    /// There was no room for it.
    Skipped,
    /// The body is larger than is copied.
    TooLarge,
    /// The body did not come to its end.
    Incomplete,
}

impl MirrorResult {
    pub(super) const NAMES: [&str; 5] = ["answered", "failed", "skipped", "too_large", "incomplete"];
}

/// What is spoken on a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Whatever it was upgraded to.
    Upgraded,
}

impl Protocol {
    pub(super) const NAMES: [&str; 3] = ["http1", "http2", "upgraded"];
}

/// The counts of one recorder, which a scrape reads while they are written.
pub(super) struct Counts {
    routes: Box<[OnceLock<Box<RouteCounts>>]>,
    upstreams: Box<[OnceLock<Box<UpstreamCounts>>]>,
    pub refusals: Refusals,
    pub token_cache: [Counter; TokenCache::NAMES.len()],
    pub accepted: Counter,
    pub connections: [Counter; Protocol::NAMES.len()],
    pub in_flight: Counter,
}

pub(super) struct RouteCounts {
    /// By method, then by status.
    pub requests: [[Counter; STATUSES.len()]; METHODS.len()],
    pub duration: Histogram,
    pub received_bytes: Counter,
    pub sent_bytes: Counter,
    pub cache: [Counter; CacheResult::NAMES.len()],
    pub mirrored: [Counter; MirrorResult::NAMES.len()],
}

#[derive(Default)]
pub(super) struct UpstreamCounts {
    pub requests: [Counter; Outcome::NAMES.len()],
    pub first_byte: Histogram,
    pub retries: [Counter; Retry::NAMES.len()],
}

impl Default for RouteCounts {
    fn default() -> Self {
        Self {
            requests: array::from_fn(|_| array::from_fn(|_| Counter::default())),
            duration: Histogram::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            cache: Default::default(),
            mirrored: Default::default(),
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            routes: (0..PLACES).map(|_| OnceLock::new()).collect(),
            upstreams: (0..PLACES).map(|_| OnceLock::new()).collect(),
            refusals: Refusals::default(),
            token_cache: Default::default(),
            accepted: Counter::default(),
            connections: Default::default(),
            in_flight: Counter::default(),
        }
    }
}

impl Counts {
    /// The counts of a route, if it had a request.
    pub fn route(&self, place: usize) -> Option<&RouteCounts> {
        self.routes.get(place)?.get().map(Box::as_ref)
    }

    /// The counts of an upstream, if it was asked.
    pub fn upstream(&self, place: usize) -> Option<&UpstreamCounts> {
        self.upstreams.get(place)?.get().map(Box::as_ref)
    }
}

/// So many kinds of refusals are told apart; there are about 40.
const REFUSALS: usize = 128;

/// Refusals by problem code and reason. Both are words of the code, so the list is short; it still has an end.
pub(super) struct Refusals {
    kinds: [OnceLock<RefusalCount>; REFUSALS],
    others: RefusalCount,
}

pub(super) struct RefusalCount {
    pub code: &'static str,
    pub reason: &'static str,
    pub count: Counter,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { kinds: array::from_fn(|_| OnceLock::new()), others: RefusalCount::new("other", "other") }
    }
}

impl RefusalCount {
    fn new(code: &'static str, reason: &'static str) -> Self {
        Self { code, reason, count: Counter::default() }
    }
}

impl Refusals {
    fn add(&self, code: &'static str, reason: &'static str) {
        let mut kinds = self.kinds.iter().map(|kind| kind.get_or_init(|| RefusalCount::new(code, reason)));
        let kind = kinds.find(|kind| kind.code == code && kind.reason == reason);
        kind.unwrap_or(&self.others).count.add(1);
    }

    /// Those that happened, and the rest.
    pub fn iter(&self) -> impl Iterator<Item = &RefusalCount> {
        self.kinds.iter().map_while(OnceLock::get).chain([&self.others])
    }
}

/// Counts for one thread at a time, which is why it can be sent but not shared.
pub(crate) struct Recorder {
    counts: Arc<Counts>,
    unshared: PhantomData<Cell<()>>,
}

impl Recorder {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, unshared: PhantomData }
    }

    /// Counts an answered request, or with `None` one whose client left before the answer.
    pub fn request(&self, route: RouteLabel, method: &Method, status: Option<StatusCode>, took: Duration) {
        let counts = self.route(route);
        counts.requests[method_place(method)][status_place(status)].add(1);
        counts.duration.observe(took);
    }

    /// Counts bytes of a request's body.
    pub fn received(&self, route: RouteLabel, bytes: usize) {
        self.route(route).received_bytes.add(bytes as u64);
    }

    /// Counts bytes of an answer's body.
    pub fn sent(&self, route: RouteLabel, bytes: usize) {
        self.route(route).sent_bytes.add(bytes as u64);
    }

    /// Counts a request on a route with a cache.
    pub fn cache(&self, route: RouteLabel, result: CacheResult) {
        self.route(route).cache[result as usize].add(1);
    }

    /// Counts a copy of a request.
    pub fn mirrored(&self, route: RouteLabel, result: MirrorResult) {
        self.route(route).mirrored[result as usize].add(1);
    }

    /// Counts an answer of the gateway's own that is a problem.
    pub fn refusal(&self, code: &'static str, reason: &'static str) {
        self.counts.refusals.add(code, reason);
    }

    /// Counts an attempt at an upstream.
    pub fn upstream(&self, upstream: UpstreamLabel, outcome: Outcome) {
        self.upstream_counts(upstream).requests[outcome.place()].add(1);
    }

    /// Notes how long an upstream took from the request to the first byte of its answer.
    pub fn first_byte(&self, upstream: UpstreamLabel, took: Duration) {
        self.upstream_counts(upstream).first_byte.observe(took);
    }

    /// Counts a retry, or that there was none.
    pub fn retry(&self, upstream: UpstreamLabel, retry: Retry) {
        self.upstream_counts(upstream).retries[retry as usize].add(1);
    }

    /// Counts a look into the cache of tokens.
    pub fn token_cache(&self, result: TokenCache) {
        self.counts.token_cache[result as usize].add(1);
    }

    /// Counts a connection that was let in.
    pub fn accepted(&self) {
        self.counts.accepted.add(1);
    }

    /// Counts a connection for as long as the value lives.
    pub fn connected(self: &Rc<Self>, protocol: Protocol) -> Connected {
        self.counts.connections[protocol as usize].add(1);
        Connected { recorder: Rc::clone(self), protocol }
    }

    /// Counts a request as in flight for as long as the value lives.
    pub fn in_flight(self: &Rc<Self>) -> InFlight {
        self.counts.in_flight.add(1);
        InFlight(Rc::clone(self))
    }

    fn route(&self, route: RouteLabel) -> &RouteCounts {
        self.counts.routes[route.place()].get_or_init(Box::default)
    }

    fn upstream_counts(&self, upstream: UpstreamLabel) -> &UpstreamCounts {
        self.counts.upstreams[upstream.place()].get_or_init(Box::default)
    }
}

/// A connection that is counted.
pub(crate) struct Connected {
    recorder: Rc<Recorder>,
    protocol: Protocol,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.recorder.counts.connections[self.protocol as usize].subtract(1);
    }
}

/// A request that is counted as in flight.
pub(crate) struct InFlight(Rc<Recorder>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.counts.in_flight.subtract(1);
    }
}
