//! Which headers pass, and which ones the gateway alone sets.

mod forwarded;
mod hop_by_hop;
mod owned;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use portico_common::middleware::{RequestId, TRACEPARENT, TraceContext, X_REQUEST_ID};

pub(crate) use forwarded::{Forwarded, Peer};
pub(crate) use owned::is_owned;

/// What the gateway says about a request it passes on.
pub(crate) struct Stamp<'a> {
    pub id: &'a RequestId,
    pub trace: &'a TraceContext,
    pub forwarded: &'a Forwarded,
    pub upstream_host: &'a HeaderValue,
    pub version: Version,
}

/// Turns the headers of a client's request into those of the request to the service.
///
/// The token check must have been made on the headers as they came.
pub(crate) fn prepare_request(headers: &mut HeaderMap, stamp: &Stamp<'_>) {
    let takes_trailers = hop_by_hop::takes_trailers(headers);
    hop_by_hop::remove_nominated(headers);
    // Waiting for `100 Continue` is between the client and the gateway.
    remove_all(headers, |name| hop_by_hop::ends_here(name) || owned::is_owned(name) || name == "expect");
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    if stamp.version == Version::HTTP_2 {
        join_cookies(headers);
    }
    drop_orphaned_tracestate(headers, stamp.trace);
    headers.insert(header::HOST, stamp.upstream_host.clone());
    headers.insert(X_REQUEST_ID, stamp.id.header_value());
    headers.insert(TRACEPARENT, stamp.trace.header_value());
    stamp.forwarded.write(headers);
}

/// Asks for the WebSocket that the client asked for, or tells that it is one now.
pub(crate) fn upgrade_to_websocket(headers: &mut HeaderMap) {
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
}

/// Turns the headers of a service's answer into those of the answer to the client.
pub(crate) fn prepare_response(headers: &mut HeaderMap) {
    hop_by_hop::remove_nominated(headers);
    remove_all(headers, hop_by_hop::ends_here);
}

fn remove_all(headers: &mut HeaderMap, is_unwanted: impl Fn(&str) -> bool) {
    // Nothing is allocated while there is nothing to remove.
    let unwanted: Vec<HeaderName> = headers.keys().filter(|name| is_unwanted(name.as_str())).cloned().collect();
    for name in unwanted {
        headers.remove(name);
    }
}

/// HTTP/2 may split the cookies, HTTP/1 may not (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, cookie);
    }
}

/// `tracestate` belongs to the `traceparent` it came with, and goes when that was not joined.
fn drop_orphaned_tracestate(headers: &mut HeaderMap, trace: &TraceContext) {
    if !headers.contains_key("tracestate") {
        return;
    }
    let joined = trace.trace_id().to_string();
    let came_with = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    if !came_with.is_some_and(|parent| parent.contains(&joined)) {
        headers.remove("tracestate");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crumbs_of_a_cookie_become_one_header() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2; c=3"] {
            headers.append(header::COOKIE, HeaderValue::from_static(crumb));
        }

        join_cookies(&mut headers);

        let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }
}
