//! The way of a request through the cache.

use std::rc::Rc;
use std::time::Instant;

use axum::body::Body;
use http::header::HeaderName;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response};
use portico_common::error::ApiError;

use super::RouteCache;
use super::conditions::Conditions;
use super::entry::Entry;
use super::generations::Place;
use super::key::Key;
use super::request::{Access, access};
use super::share::Desk;
use super::store::Found;
use crate::access_log::AccessLine;
use crate::body::ReplyBody;
use crate::edge::{ClientConnection, Worker};
use crate::headers::Forwarded;
use crate::metrics::{CacheResult, Recorder};
use crate::proxy::Forward;

/// RFC 9211: what the cache did.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A request on a route with a cache.
pub(crate) struct Passage {
    pub(super) cache: RouteCache,
    pub(super) key: Key,
    pub(super) place: Place,
    access: Access,
    is_head: bool,
    conditions: Conditions,
}

/// How an answer of the store came to be given.
#[derive(Clone, Copy)]
pub(super) enum Given {
    /// It was there, fresh or not.
    Found,
    /// It is not fresh, and the service failed.
    InNeed,
    /// Another request was already asking.
    Joined,
    Confirmed,
    Asked {
        has_known: bool,
    },
}

impl Passage {
    pub fn new(cache: &RouteCache, head: &Parts, target: &PathAndQuery, forwarded: &Forwarded, has_body: bool) -> Self {
        Self {
            cache: cache.clone(),
            key: Key::new(cache.realm, forwarded.scheme(), forwarded.host(), target),
            place: cache.shared.generations.place((cache.realm, target.path())),
            access: access(head, has_body),
            is_head: head.method == Method::HEAD,
            conditions: Conditions::of(&head.headers),
        }
    }

    /// The answer, if a fresh one is there.
    pub fn hit(&self, request: &HeaderMap, recorder: &Recorder, line: &mut AccessLine) -> Option<Response<Body>> {
        if self.access != Access::Shared {
            return None;
        }
        let now = Instant::now();
        match self.find(self.generation(), request, now) {
            Found::Fresh(entry) => Some(self.give(&entry, Given::Found, now, recorder, line)),
            Found::Stale(_) | Found::Alone | Found::Nothing => None,
        }
    }

    /// Answers as the cache can, or has the service asked.
    pub async fn answer(
        self,
        forward: Box<Forward>,
        client: &ClientConnection,
        worker: &Rc<Worker>,
        line: &mut AccessLine,
    ) -> Result<Response<ReplyBody>, ApiError> {
        line.cache = Some(CacheResult::Pass);
        let past = match self.access {
            Access::Shared if !self.is_head => return self.share(forward, Desk::new(worker, line)).await,
            Access::Shared => "miss",
            Access::Past(reason) => reason,
            Access::Change => "method",
        };
        let mut response = forward.send(Some(client), worker).await?;
        let has_changed = response.status().is_success() || response.status().is_redirection();
        if self.access == Access::Change && has_changed {
            self.cache.shared.generations.advance(self.place);
        }
        tell(response.headers_mut(), &format!("fwd={past}"));
        Ok(response)
    }

    /// The answer that is made of a stored one.
    pub(super) fn give(
        &self,
        entry: &Entry,
        given: Given,
        now: Instant,
        recorder: &Recorder,
        line: &mut AccessLine,
    ) -> Response<Body> {
        let (mut answer, bytes) = entry.answer(&self.conditions, self.is_head, now);
        // What was just asked for was counted when it came.
        if !matches!(given, Given::Asked { .. }) {
            recorder.sent(line.route, bytes);
        }
        line.cache = Some(match given {
            Given::Found if entry.is_fresh(now) => CacheResult::Hit,
            Given::Found | Given::InNeed => CacheResult::Stale,
            Given::Joined => CacheResult::Coalesced,
            Given::Confirmed => CacheResult::Revalidated,
            Given::Asked { .. } => CacheResult::Miss,
        });
        let left = entry.seconds_left(now);
        match given {
            Given::Found => tell(answer.headers_mut(), &format!("hit; ttl={left}")),
            Given::InNeed => tell(answer.headers_mut(), &format!("fwd=stale; ttl={left}")),
            Given::Joined => tell(answer.headers_mut(), "fwd=miss; collapsed"),
            Given::Confirmed => tell(answer.headers_mut(), "fwd=stale; fwd-status=304; stored"),
            Given::Asked { has_known: true } => tell(answer.headers_mut(), "fwd=stale; stored"),
            Given::Asked { has_known: false } => tell(answer.headers_mut(), "fwd=miss; stored"),
        }
        answer
    }

    pub(super) fn find(&self, generation: u64, request: &HeaderMap, now: Instant) -> Found {
        self.cache.shared.store.find(&self.key, generation, request, now)
    }

    /// What has changed at its path.
    pub(super) fn generation(&self) -> u64 {
        self.cache.shared.generations.now(self.place)
    }
}

/// Says what the cache did, after what caches before it say.
pub(super) fn tell(headers: &mut HeaderMap, what: &str) {
    let value = HeaderValue::try_from(format!("portico; {what}"));
    headers.append(CACHE_STATUS, value.expect("words, signs and numbers are visible ASCII"));
}
