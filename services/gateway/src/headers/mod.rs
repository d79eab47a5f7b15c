//! Which headers pass, and which ones the gateway alone sets.

mod forwarded;
mod hop_by_hop;
mod owned;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use portico_common::middleware::{RequestId, TRACEPARENT, TraceContext, X_REQUEST_ID};

pub(crate) use forwarded::{Forwarded, Peer};
pub(crate) use hop_by_hop::{ends_here, nominated};
pub(crate) use owned::is_owned;

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the gateway says about a request it passes on.
pub(crate) struct Stamp<'a> {
    pub id: &'a RequestId,
    pub trace: &'a TraceContext,
    pub forwarded: &'a Forwarded,
    pub upstream_host: &'a HeaderValue,
    pub version: Version,
    pub wants_websocket: bool,
}

/// The headers of a request to a service: those of the client that pass, and those that only the gateway says.
///
/// They are never put together but where they are written. What frames the body is not among them.
pub(crate) struct RequestHeaders {
    client: HeaderMap,
    nominated: Vec<HeaderName>,
    /// Lines, each with its end, of which the first is the host.
    own: Vec<u8>,
    joins_cookies: bool,
    passes_tracestate: bool,
}

impl RequestHeaders {
    /// Takes the headers as they came, which the token check must have seen before.
    pub fn new(client: HeaderMap, stamp: &Stamp<'_>) -> Self {
        let mut own = Vec::with_capacity(512);
        write_field(header::HOST.as_str(), stamp.upstream_host.as_bytes(), &mut own);
        write_field(X_REQUEST_ID.as_str(), stamp.id.as_str().as_bytes(), &mut own);
        write_field(TRACEPARENT.as_str(), &stamp.trace.header_text(), &mut own);
        stamp.forwarded.write(&mut own);
        if stamp.wants_websocket {
            own.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        } else if hop_by_hop::takes_trailers(&client) {
            own.extend_from_slice(b"connection: te\r\nte: trailers\r\n");
        }
        let joins_cookies = stamp.version == Version::HTTP_2 && join_cookies(&client, &mut own);
        let passes_tracestate = client.contains_key(TRACESTATE) && is_joined(&client, stamp.trace);
        Self {
            nominated: nominated(values_of(&client, &header::CONNECTION)),
            client,
            own,
            joins_cookies,
            passes_tracestate,
        }
    }

    /// The same for another service.
    pub fn for_another(&self, upstream_host: &HeaderValue) -> Self {
        let mut own = Vec::with_capacity(512);
        write_field(header::HOST.as_str(), upstream_host.as_bytes(), &mut own);
        let rest = memchr::memchr(b'\n', &self.own).map_or(0, |end_of_host| end_of_host + 1);
        own.extend_from_slice(&self.own[rest..]);
        Self { own, client: self.client.clone(), nominated: self.nominated.clone(), ..*self }
    }

    /// Those of the client, as they came.
    pub fn client(&self) -> &HeaderMap {
        &self.client
    }

    /// Sends others than the client did.
    pub fn client_mut(&mut self) -> &mut HeaderMap {
        &mut self.client
    }

    /// Writes them as lines.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.own);
        for (name, value) in &self.client {
            if self.passes(name) {
                write_field(name.as_str(), value.as_bytes(), out);
            }
        }
    }

    fn passes(&self, name: &HeaderName) -> bool {
        let is_replaced = match name.as_str() {
            // Waiting for `100 Continue` is between the client and the gateway.
            "host" | "content-length" | "x-request-id" | "traceparent" | "expect" => true,
            "tracestate" => !self.passes_tracestate,
            "cookie" => self.joins_cookies,
            _ => false,
        };
        let ends_here = hop_by_hop::ends_here(name.as_str()) || owned::is_owned(name.as_str());
        !is_replaced && !ends_here && !self.nominated.contains(name)
    }
}

fn values_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// Writes a field as a line.
pub(crate) fn write_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Tells the client that its connection is a WebSocket now.
pub(crate) fn upgrade_to_websocket(headers: &mut HeaderMap) {
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
}

/// HTTP/2 may split the cookies, HTTP/1 may not (RFC 9113 section 8.2.3). Tells whether it was so.
fn join_cookies(headers: &HeaderMap, out: &mut Vec<u8>) -> bool {
    let crumbs: Vec<&[u8]> = values_of(headers, &header::COOKIE).collect();
    if crumbs.len() < 2 {
        return false;
    }
    write_field(header::COOKIE.as_str(), &crumbs.join(&b"; "[..]), out);
    true
}

/// `tracestate` belongs to the `traceparent` it came with, and goes when that was not joined.
fn is_joined(headers: &HeaderMap, trace: &TraceContext) -> bool {
    let joined = trace.trace_id().to_string();
    let came_with = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    came_with.is_some_and(|parent| parent.contains(&joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crumbs_of_a_cookie_become_one_line() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2; c=3"] {
            headers.append(header::COOKIE, HeaderValue::from_static(crumb));
        }
        let mut out = Vec::new();

        assert!(join_cookies(&headers, &mut out));

        assert_eq!(&out[..], b"cookie: a=1; b=2; c=3\r\n");
    }
}
