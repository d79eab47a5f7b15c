//! Which pages may call the gateway from a browser (the CORS protocol of the Fetch standard).
//!
//! Without `[cors]` nobody is let in, and what services say about it themselves passes.

use std::collections::HashSet;

use anyhow::{Context as _, bail, ensure};
use axum::body::Body;
use http::header::{self, Entry};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

const MOST_ORIGINS: usize = 100;
const LONGEST_MAX_AGE_SECS: u32 = 86_400;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const HEADERS: [&str; 9] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-request-id",
];
const EXPOSED: [&str; 9] = [
    "etag",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "traceparent",
    "www-authenticate",
    "x-request-id",
];

/// `[cors]` of `portico.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsEntry {
    /// Origins whose pages may read answers, such as `https://shop.example`; or only `*`, everybody's.
    pub origins: Vec<String>,
    /// Headers that pages may send, beside those that every page may.
    #[serde(default = "headers")]
    pub headers: Vec<String>,
    /// Headers of answers that pages may read, beside those that every page may.
    #[serde(default = "exposed_headers")]
    pub exposed_headers: Vec<String>,
    /// Whether browsers send cookies along, which the gateway and its services do not need.
    #[serde(default)]
    pub credentials: bool,
    /// How long browsers may remember what they were told.
    #[serde(default = "max_age")]
    pub max_age_secs: u32,
}

fn headers() -> Vec<String> {
    HEADERS.map(str::to_owned).to_vec()
}

fn exposed_headers() -> Vec<String> {
    EXPOSED.map(str::to_owned).to_vec()
}

fn max_age() -> u32 {
    600
}

/// The policy in force.
pub(crate) struct Cors {
    /// None: everybody.
    origins: Option<HashSet<String>>,
    headers: HeaderValue,
    exposed_headers: HeaderValue,
    has_credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// # Errors
    /// An origin is none, a header has no name, or everybody may come with credentials.
    pub fn new(entry: &CorsEntry) -> anyhow::Result<Self> {
        ensure!(!entry.origins.is_empty(), "cors.origins: there is none, so leave [cors] out");
        ensure!(entry.origins.len() <= MOST_ORIGINS, "cors.origins: more than {MOST_ORIGINS}");
        ensure!(entry.max_age_secs <= LONGEST_MAX_AGE_SECS, "cors.max_age_secs: at most {LONGEST_MAX_AGE_SECS}");
        let is_for_all = entry.origins.iter().any(|origin| origin == "*");
        ensure!(!is_for_all || entry.origins.len() == 1, "cors.origins: `*` stands alone");
        ensure!(!is_for_all || !entry.credentials, "cors.credentials: not for everybody (`*`)");
        if !is_for_all {
            entry.origins.iter().try_for_each(|origin| check_origin(origin))?;
        }
        Ok(Self {
            origins: (!is_for_all).then(|| entry.origins.iter().cloned().collect()),
            headers: list(&entry.headers).context("cors.headers")?,
            exposed_headers: list(&entry.exposed_headers).context("cors.exposed_headers")?,
            has_credentials: entry.credentials,
            max_age: HeaderValue::from(entry.max_age_secs),
        })
    }

    /// The answer to the question whether a page may send a request, if it is that question.
    pub fn preflight(&self, head: &Parts) -> Option<Response<Body>> {
        let is_preflight = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        if self.allows(&head.headers) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
        Some(answer)
    }

    /// The page that asks, as far as a browser says, if it may read the answer.
    pub fn reader(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if !self.allows(request) {
            return None;
        }
        match self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(_) => request.get(header::ORIGIN).cloned(),
        }
    }

    /// Says in an answer who may read it, whatever the service says about it.
    pub fn tell(&self, reader: Option<HeaderValue>, answer: &mut HeaderMap) {
        for name in [
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
        ] {
            if let Entry::Occupied(entry) = answer.entry(name) {
                entry.remove_entry_mult();
            }
        }
        if self.origins.is_some() {
            answer.append(header::VARY, HeaderValue::from_static("origin"));
        }
        let Some(reader) = reader else {
            return;
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed_headers.clone());
        if self.has_credentials {
            answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Whether the one origin of these headers is let in. Byte by byte: browsers write an origin in one way.
    fn allows(&self, request: &HeaderMap) -> bool {
        let mut given = request.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (given.next(), given.next()) else {
            return false;
        };
        let Some(origins) = &self.origins else {
            return true;
        };
        origin.to_str().is_ok_and(|origin| origins.contains(origin))
    }
}

fn check_origin(origin: &str) -> anyhow::Result<()> {
    ensure!(!origin.contains('*'), "cors.origins: {origin:?} has a `*`, which stands for all only alone");
    let url: Url = origin.parse().with_context(|| format!("cors.origins: {origin:?} is no origin"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("cors.origins: {origin:?} is neither http:// nor https://");
    }
    let written = url.origin().ascii_serialization();
    ensure!(written == origin, "cors.origins: browsers write {origin:?} as {written:?}");
    Ok(())
}

fn list(names: &[String]) -> anyhow::Result<HeaderValue> {
    for name in names {
        HeaderName::try_from(name).with_context(|| format!("{name:?} is no header"))?;
    }
    Ok(HeaderValue::try_from(names.join(", "))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(text: &str) -> anyhow::Result<Cors> {
        Cors::new(&toml::from_str(text)?)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in ["https://shop.example", "http://localhost:5173", "https://xn--bcher-kva.example", "http://[::1]:1"]
        {
            assert!(cors(&format!("origins = [{good:?}]")).is_ok(), "{good}");
        }
        for bad in [
            "",
            "null",
            "shop.example",
            "https://shop.example/",
            "https://shop.example:443",
            "https://Shop.example",
            "https://shop.example/a",
            "https://*.example",
            "file:///etc",
            "https://a@shop.example",
        ] {
            assert!(cors(&format!("origins = [{bad:?}]")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_policy_does_not_contradict_itself() {
        assert!(cors(r#"origins = ["*"]"#).is_ok());
        for bad in [
            "origins = []",
            r#"origins = ["*", "https://a.example"]"#,
            r#"origins = ["*"]
               credentials = true"#,
            r#"origins = ["*"]
               headers = ["a b"]"#,
            r#"origins = ["*"]
               max_age_secs = 100_000"#,
            r#"origins = ["*"]
               origin = "x""#,
        ] {
            assert!(cors(bad).is_err(), "{bad}");
        }
    }
}
