//! Which requests may share an answer: those that say nothing of who asks.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::directives::Directives;
use crate::headers::{ends_here, nominated};

/// By any of these an answer may be for one caller, or of another request than it seems.
const PERSONAL: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::IF_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

/// What a request is to the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    /// It neither gets what others got nor the other way round; for the reason that `Cache-Status` gives.
    Past(&'static str),
    /// It may change what is stored.
    Change,
}

/// Tells by the head of a request.
///
/// Of `Cache-Control` only `no-store` counts: by `no-cache` and `max-age=0` everybody could have the service asked as
/// often as they like, and they are advice (RFC 9111 section 5.2.1).
pub(super) fn access(head: &Parts, has_body: bool) -> Access {
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Access::Past("method"),
        _ => return Access::Change,
    }
    if has_body || is_personal(&head.headers) || is_odd(&head.headers) {
        return Access::Past("bypass");
    }
    if Directives::read(&head.headers).no_store { Access::Past("request") } else { Access::Shared }
}

fn is_personal(headers: &HeaderMap) -> bool {
    PERSONAL.iter().any(|name| headers.contains_key(name))
}

/// Whether a service may see other headers than the gateway compares: names with marks are read by some as those they
/// look like, and what `Connection` nominates does not arrive.
fn is_odd(headers: &HeaderMap) -> bool {
    let is_plain = |name: &HeaderName| name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let connection = headers.get_all(header::CONNECTION).iter().map(HeaderValue::as_bytes);
    !headers.keys().all(is_plain) || nominated(connection).iter().any(|name| !ends_here(name.as_str()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(method: &str, fields: &[(&str, &str)]) -> Access {
        let request = fields
            .iter()
            .fold(Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
        access(&request.body(()).unwrap().into_parts().0, false)
    }

    #[test]
    fn only_who_says_nothing_of_himself_shares() {
        assert_eq!(
            of("GET", &[("accept", "*/*"), ("x-custom", "1"), ("connection", "keep-alive, TE")]),
            Access::Shared
        );
        assert_eq!(of("HEAD", &[("if-none-match", "*"), ("origin", "https://a.example")]), Access::Shared);
        for (name, value) in [
            ("authorization", ""),
            ("cookie", "a=b"),
            ("x-api-key", "k"),
            ("range", "bytes=0-1"),
            ("if-range", "\"a\""),
            ("if-match", "*"),
            ("x-http-method-override", "DELETE"),
            ("accept_language", "de"),
            ("connection", "Accept-Language"),
            ("connection", "close, x-custom"),
        ] {
            assert_eq!(of("GET", &[(name, value)]), Access::Past("bypass"), "{name}: {value}");
        }
    }

    #[test]
    fn a_client_may_have_nothing_stored_but_not_everything_asked_for_anew() {
        assert_eq!(of("GET", &[("cache-control", "max-age=60, No-Store")]), Access::Past("request"));
        for (name, value) in [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")] {
            assert_eq!(of("GET", &[(name, value)]), Access::Shared, "{value}");
        }
    }

    #[test]
    fn whatever_is_not_known_to_be_safe_may_change_something() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            assert_eq!(of(method, &[("authorization", "Bearer x")]), Access::Change, "{method}");
        }
        assert_eq!(of("OPTIONS", &[]), Access::Past("method"));
    }
}
