//! A stored answer, and what is made of it for a request.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::header::Entry as Field;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::budget::{Budget, Share};
use super::conditions::Conditions;
use super::policy::Terms;
use super::vary::Selection;

/// What an entry takes beside its bytes.
const ENTRY_BYTES: usize = 512;
/// What a header takes beside its bytes.
const FIELD_BYTES: usize = 96;

/// A whole answer, shared by all workers.
pub(super) struct Entry {
    pub selection: Selection,
    /// What had been changed when it was asked for.
    pub generation: u64,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    terms: Terms,
    asked_at: Instant,
    bytes: usize,
    _share: Share,
}

/// What an entry is made of; its body is paid for already.
pub(super) struct Whole<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
    pub terms: Terms,
    pub request: &'a HeaderMap,
    pub asked_at: Instant,
    pub generation: u64,
}

impl Entry {
    /// Takes an answer over; `None` if there is no room for its headers.
    pub fn new(whole: Whole<'_>, budget: &Budget) -> Option<Self> {
        let Whole { status, headers, body, terms, request, asked_at, generation } = whole;
        let headers = lasting(headers, body.len(), status);
        let selection = Selection::new(terms.vary.clone(), request);
        let head_bytes = ENTRY_BYTES + selection.bytes() + weight(&headers);
        let share = budget.take(head_bytes)?;
        let bytes = head_bytes + body.len();
        Some(Self { selection, generation, status, headers, body, terms, asked_at, bytes, _share: share })
    }

    /// Its status and headers with those that the service confirmed it by put in (RFC 9111 section 3.2).
    pub fn confirmed(&self, by: &Parts) -> Parts {
        let mut head = by.clone();
        (head.status, head.headers) = (self.status, self.headers.clone());
        for name in by.headers.keys().filter(|name| !describes_the_body(name)) {
            head.headers.remove(name);
            by.headers.get_all(name).iter().for_each(|value| {
                head.headers.append(name, value.clone());
            });
        }
        head
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the service may be asked by whether it is still good.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.headers.get(header::ETAG)
    }

    /// All it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_fresh(&self, now: Instant) -> bool {
        self.age(now) < self.terms.fresh_for
    }

    /// Whether it may be given while another one is asked for.
    pub fn covers_refresh(&self, now: Instant) -> bool {
        self.age(now) < self.terms.fresh_for.saturating_add(self.terms.stale_while_revalidate)
    }

    /// Whether it may be given when the service fails.
    pub fn covers_failure(&self, now: Instant) -> bool {
        self.age(now) < self.terms.fresh_for.saturating_add(self.terms.stale_if_error)
    }

    /// Whether it can still be of use: to be given, or to be confirmed.
    pub fn is_of_use(&self, now: Instant) -> bool {
        self.covers_refresh(now) || self.covers_failure(now) || self.etag().is_some()
    }

    /// For how many seconds more it is fresh; below zero, since when it is not.
    pub fn seconds_left(&self, now: Instant) -> i64 {
        let secs = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        secs(self.terms.fresh_for) - secs(self.age(now))
    }

    /// The answer to a request that it is for, and how many bytes of it are sent.
    pub fn answer(&self, conditions: &Conditions, is_head: bool, now: Instant) -> (Response<Body>, usize) {
        let has_it = self.status == StatusCode::OK && conditions.are_held(&self.headers);
        let mut answer = Response::new(if has_it || is_head { Body::empty() } else { Body::from(self.body.clone()) });
        *answer.status_mut() = if has_it { StatusCode::NOT_MODIFIED } else { self.status };
        *answer.headers_mut() = self.headers.clone();
        if has_it {
            answer.headers_mut().remove(header::CONTENT_LENGTH);
        }
        answer.headers_mut().insert(header::AGE, HeaderValue::from(self.age(now).as_secs()));
        (answer, if has_it || is_head { 0 } else { self.body.len() })
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked_at).saturating_add(self.terms.age)
    }
}

/// The headers that are the answer's and not those of one exchange, in memory of their own: as they came they hold
/// on to all that was read together with them.
fn lasting(headers: &HeaderMap, length: usize, status: StatusCode) -> HeaderMap {
    let mut lasting = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers.iter().filter(|(name, _)| lasts(name)) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            lasting.append(name, value);
        }
    }
    if status != StatusCode::NO_CONTENT
        && let Field::Vacant(missing) = lasting.entry(header::CONTENT_LENGTH)
    {
        missing.insert(length.into());
    }
    lasting
}

fn lasts(name: &HeaderName) -> bool {
    let is_of_one_exchange = matches!(
        name.as_str(),
        "age"
            | "cache-status"
            | "content-length"
            | "ratelimit"
            | "ratelimit-policy"
            | "server-timing"
            | "traceparent"
            | "tracestate"
            | "x-request-id"
    );
    // Who may read it in a browser depends on who asks.
    !is_of_one_exchange && !name.as_str().starts_with("access-control-")
}

/// What a confirmation says of itself, and not of the answer.
fn describes_the_body(name: &HeaderName) -> bool {
    matches!(name.as_str(), "content-encoding" | "content-length" | "content-range" | "content-type" | "trailer")
}

fn weight(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::super::policy::terms;
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn entry(budget: &Budget, status: u16, given: &HeaderMap, asked_at: Instant) -> Entry {
        let status = StatusCode::from_u16(status).unwrap();
        let whole = Whole {
            status,
            headers: given,
            body: budget.take(4).unwrap().pay(b"body".to_vec()),
            terms: terms(status, given).unwrap(),
            request: &HeaderMap::new(),
            asked_at,
            generation: 0,
        };
        Entry::new(whole, budget).unwrap()
    }

    #[test]
    fn what_belongs_to_one_exchange_is_not_kept() {
        let given = headers(&[
            ("cache-control", "max-age=9, stale-if-error=9"),
            ("x-kept", "1"),
            ("x-request-id", "a"),
            ("access-control-allow-origin", "https://a.example"),
            ("cache-status", "other; hit"),
            ("age", "3"),
        ]);
        let now = Instant::now();

        let entry = entry(&Budget::new(10_000), 200, &given, now);

        let (answer, bytes) = entry.answer(&Conditions::default(), false, now + Duration::from_secs(2));
        let mut names: Vec<&str> = answer.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["age", "cache-control", "content-length", "x-kept"]);
        assert_eq!(["age", "content-length"].map(|name| answer.headers()[name].as_bytes()), [b"5", b"4"]);
        assert_eq!((bytes, entry.seconds_left(now)), (4, 6));
    }

    #[test]
    fn it_is_fresh_then_stale_then_of_no_use() {
        let given = headers(&[("cache-control", "max-age=10, stale-while-revalidate=10, stale-if-error=20")]);
        let then = Instant::now();

        let entry = entry(&Budget::new(10_000), 404, &given, then);

        for (secs, expected) in [
            (9, [true, true, true, true]),
            (10, [false, true, true, true]),
            (20, [false, false, true, true]),
            (30, [false, false, false, false]),
        ] {
            let now = then + Duration::from_secs(secs);
            let found =
                [entry.is_fresh(now), entry.covers_refresh(now), entry.covers_failure(now), entry.is_of_use(now)];
            assert_eq!(found, expected, "after {secs} s");
        }
    }

    #[test]
    fn a_confirmation_replaces_headers_and_not_the_body() {
        let given = headers(&[("cache-control", "max-age=1"), ("content-type", "text/plain"), ("etag", "\"a\"")]);
        let entry = entry(&Budget::new(10_000), 200, &given, Instant::now());

        let mut by = Response::new(()).into_parts().0;
        by.status = StatusCode::NOT_MODIFIED;
        by.headers = headers(&[("cache-control", "max-age=7"), ("content-length", "0"), ("x-new", "1")]);
        let confirmed = entry.confirmed(&by);

        assert_eq!(confirmed.status, StatusCode::OK);
        for (name, value) in
            [("cache-control", "max-age=7"), ("content-length", "4"), ("content-type", "text/plain"), ("x-new", "1")]
        {
            assert_eq!(confirmed.headers[name], value);
        }
    }

    #[test]
    fn what_it_takes_is_given_back() {
        let budget = Budget::new(10_000);
        let entry = entry(&budget, 200, &headers(&[("cache-control", "max-age=1")]), Instant::now());
        assert_eq!(budget.taken(), entry.bytes());
        let (answer, _) = entry.answer(&Conditions::default(), false, Instant::now());

        drop(entry);

        assert_eq!(budget.taken(), 4, "the body is still being sent");
        drop(answer);
        assert_eq!(budget.taken(), 0);
    }
}
