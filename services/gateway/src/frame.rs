//! What a request must be like at all, before its path is looked at.

use std::net::Ipv6Addr;

use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use percent_encoding::percent_decode_str;
use portico_common::error::{ApiError, kinds};

use crate::problems;

pub(crate) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Checks method, form of the target and host, and tells the host that was asked.
///
/// # Errors
/// The problem to answer with.
pub(crate) fn check(head: &Parts) -> Result<Option<HeaderValue>, ApiError> {
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(ApiError::new(&kinds::METHOD_NOT_ALLOWED, format!("{} is not taken", head.method))
            .with_header(header::ALLOW, METHODS));
    }
    let is_web = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    if head.uri.scheme().is_some_and(|scheme| !is_web(scheme)) {
        return Err(refused("the target's scheme is neither http nor https"));
    }
    host(head)
}

/// `OPTIONS *`: about the server as a whole (RFC 9110 section 9.3.7).
pub(crate) fn asks_about_the_server(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.uri.path() == "*"
}

/// Whether it is the handshake of a WebSocket (RFC 6455 section 4.1). Any other `Upgrade` is ignored, as RFC 9110
/// section 7.8 allows.
pub(crate) fn asks_for_websocket(head: &Parts) -> bool {
    head.headers.contains_key(header::UPGRADE)
        && head.method == Method::GET
        && head.version == Version::HTTP_11
        && lists(&head.headers, &header::UPGRADE, "websocket")
        && lists(&head.headers, &header::CONNECTION, "upgrade")
}

/// Refuses a token in the query beside the one in its header: a request gives one token (RFC 6750 section 2), or the
/// service could go by another than was checked.
///
/// # Errors
/// The problem to answer with.
pub(crate) fn check_query(query: Option<&str>) -> Result<(), ApiError> {
    let Some(query) = query else { return Ok(()) };
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    if names.any(|name| percent_decode_str(name).eq(b"access_token".iter().copied())) {
        return Err(refused("there is an access_token in the query beside the one in the Authorization header"));
    }
    Ok(())
}

fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| entry.trim().eq_ignore_ascii_case(wanted))
}

/// RFC 9112 section 3.2: HTTP/1.1 has exactly one valid `Host`. Where the target names one too, they agree.
fn host(head: &Parts) -> Result<Option<HeaderValue>, ApiError> {
    let mut values = head.headers.get_all(header::HOST).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(refused("there is more than one Host header"));
    }
    if value.is_none() && head.version == Version::HTTP_11 {
        return Err(refused("the Host header is missing"));
    }
    if !value.is_none_or(|value| is_host(value.as_bytes())) {
        return Err(refused("the Host header is not a host"));
    }
    let Some(targeted) = head.uri.authority() else {
        return Ok(value.cloned());
    };
    if !is_host(targeted.as_str().as_bytes()) {
        return Err(refused("the host of the target is not a host"));
    }
    if value.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(targeted.as_str().as_bytes())) {
        return Err(refused("the Host header and the target name different hosts"));
    }
    HeaderValue::from_str(targeted.as_str()).map(Some).map_err(|_| refused("the host of the target is not a host"))
}

/// Whether it is a name or an address, perhaps with a port: RFC 9110 section 7.2 without what no host is called by.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = if host.starts_with(b"[") {
        let Some(end) = host.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let address = str::from_utf8(&host[1..end]).ok();
        if address.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
            return false;
        }
        (&b"v6"[..], &host[end + 1..])
    } else {
        host.split_at(host.iter().position(|byte| *byte == b':').unwrap_or(host.len()))
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.iter().all(is_name) && (port.is_empty() || is_port(port))
}

fn is_port(port: &[u8]) -> bool {
    let Some(digits) = port.strip_prefix(b":") else {
        return false;
    };
    digits.iter().all(u8::is_ascii_digit) && str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(&problems::INVALID_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(request: http::request::Builder) -> Result<Option<HeaderValue>, &'static str> {
        check(&request.body(()).unwrap().into_parts().0).map_err(|error| error.code())
    }

    #[test]
    fn the_host_is_taken_from_the_target_before_the_header() {
        let absolute = Request::get("http://a.example/x").header("host", "a.example");

        assert_eq!(checked(absolute).unwrap().unwrap(), "a.example");
        assert_eq!(checked(Request::get("/x").header("host", "b.example")).unwrap().unwrap(), "b.example");
    }

    #[test]
    fn a_request_without_one_clear_host_is_refused() {
        let refused = Err("invalid_request");

        assert_eq!(checked(Request::get("/x")), refused);
        assert_eq!(checked(Request::get("/x").header("host", "")), refused);
        assert_eq!(checked(Request::get("/x").header("host", "a b")), refused);
        assert_eq!(checked(Request::get("/x").header("host", "u@a.example")), refused);
        assert_eq!(checked(Request::get("/x").header("host", "a").header("host", "a")), refused);
        assert_eq!(checked(Request::get("http://a/x").header("host", "b")), refused);
        assert_eq!(checked(Request::get("ftp://a/x").header("host", "a")), refused);
    }

    #[test]
    fn methods_that_are_for_proxies_only_are_refused() {
        for method in ["CONNECT", "TRACE"] {
            let request = Request::builder().method(method).uri("/x").header("host", "a");
            assert_eq!(checked(request), Err("method_not_allowed"));
        }
    }

    #[test]
    fn only_the_whole_handshake_of_a_websocket_is_one() {
        let asks = |method: &str, upgrade, connection| {
            let request = Request::builder().method(method).uri("/x");
            let request = request.header("upgrade", upgrade).header("connection", connection);
            asks_for_websocket(&request.body(()).unwrap().into_parts().0)
        };

        assert!(asks("GET", "WebSocket", "keep-alive, Upgrade"));
        assert!(!asks("POST", "websocket", "upgrade"));
        assert!(!asks("GET", "h2c", "upgrade"));
        assert!(!asks("GET", "websocket", "keep-alive"));
    }
}
