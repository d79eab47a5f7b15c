//! What a request must be like at all, before its path is looked at.

use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Version, header};
use portico_common::error::{ApiError, kinds};

use crate::problems;

pub(crate) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Checks method, form of the target, host and upgrade, and tells the host that was asked.
///
/// `Upgrade: h2c` and others are ignored, as RFC 9110 section 7.8 allows; a WebSocket cannot do
/// without, so its client hears that it will not get one.
///
/// # Errors
/// The problem to answer with.
pub(crate) fn check(head: &Parts) -> Result<Option<Authority>, ApiError> {
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(ApiError::new(&kinds::METHOD_NOT_ALLOWED, format!("{} is not taken", head.method))
            .with_header(header::ALLOW, METHODS));
    }
    let is_web = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    if head.uri.scheme().is_some_and(|scheme| !is_web(scheme)) {
        return Err(refused("the target's scheme is neither http nor https"));
    }
    if asks_for_websocket(head) {
        let detail = "WebSockets are not passed on by this gateway";
        return Err(ApiError::new(&problems::UPGRADE_NOT_SUPPORTED, detail));
    }
    host(head)
}

/// `OPTIONS *`: about the server as a whole (RFC 9110 section 9.3.7).
pub(crate) fn asks_about_the_server(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.uri.path() == "*"
}

fn asks_for_websocket(head: &Parts) -> bool {
    head.headers.get_all(header::UPGRADE).iter().any(|value| {
        let protocols = value.to_str().unwrap_or_default();
        protocols.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
    })
}

/// RFC 9112 section 3.2: HTTP/1.1 has exactly one valid `Host`. Where the target names one too, they agree.
fn host(head: &Parts) -> Result<Option<Authority>, ApiError> {
    let mut values = head.headers.get_all(header::HOST).iter();
    let named = values
        .next()
        .map(|value| Authority::try_from(value.as_bytes()).map_err(|_| refused("the Host header is not a host")))
        .transpose()?;
    if values.next().is_some() {
        return Err(refused("there is more than one Host header"));
    }
    let targeted = head.uri.authority();
    if named.is_none() && head.version == Version::HTTP_11 {
        return Err(refused("the Host header is missing"));
    }
    let has_user = |host: &Authority| host.as_str().contains('@');
    if named.as_ref().is_some_and(has_user) || targeted.is_some_and(has_user) {
        return Err(refused("the host has user information"));
    }
    match (targeted, named) {
        (Some(targeted), Some(named)) if *targeted != named => {
            Err(refused("the Host header and the target name different hosts"))
        }
        (Some(targeted), _) => Ok(Some(targeted.clone())),
        (None, named) => Ok(named),
    }
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(&problems::INVALID_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(request: http::request::Builder) -> Result<Option<Authority>, &'static str> {
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
    fn only_a_websocket_hears_that_there_is_no_upgrade() {
        let asking = |protocol| checked(Request::get("/x").header("host", "a").header("upgrade", protocol));

        assert_eq!(asking("WebSocket"), Err("upgrade_not_supported"));
        assert!(asking("h2c").is_ok());
    }
}
