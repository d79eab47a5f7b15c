//! The head of a request as it is written.

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, header};
use hyper::body::Body as _;
use tokio::time::Instant;

use crate::body::RequestBody;
use crate::headers::{RequestHeaders, write_field};
use crate::http1::BodyLength;

/// What is asked of a service. How long its body is the body says.
pub(crate) struct RequestHead {
    pub method: Method,
    pub target: PathAndQuery,
    pub headers: RequestHeaders,
    pub wants_websocket: bool,
    /// When the gateway gives up, if nothing puts that off.
    pub deadline: Option<Instant>,
}

/// How many milliseconds the gateway still waits for the answer: whoever works longer works for nobody.
const DEADLINE: &str = "x-portico-deadline-ms";

/// How long a request says that its body is.
pub(super) fn length_of(body: &RequestBody) -> BodyLength {
    if body.is_end_stream() {
        return BodyLength::None;
    }
    body.size_hint().exact().map_or(BodyLength::Chunked, BodyLength::Known)
}

impl RequestHead {
    /// The same for another service, which is waited for differently.
    pub fn for_another(&self, host: &HeaderValue) -> Self {
        Self {
            method: self.method.clone(),
            target: self.target.clone(),
            headers: self.headers.for_another(host),
            wants_websocket: self.wants_websocket,
            deadline: None,
        }
    }

    pub(super) fn write(&self, body: BodyLength, now: Instant, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.target.as_str().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.headers.write(out);
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(now).as_millis();
            write_number(DEADLINE, u64::try_from(left).unwrap_or(u64::MAX), out);
        }
        match body {
            BodyLength::Known(length) => write_number(header::CONTENT_LENGTH.as_str(), length, out),
            BodyLength::Chunked | BodyLength::UntilClose => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            BodyLength::None if self.expects_body() => write_number(header::CONTENT_LENGTH.as_str(), 0, out),
            BodyLength::None => {}
        }
        out.extend_from_slice(b"\r\n");
    }

    /// RFC 9110 section 8.6: such a method without a body says so.
    fn expects_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }
}

fn write_number(name: &str, number: u64, out: &mut Vec<u8>) {
    write_field(name, itoa::Buffer::new().format(number).as_bytes(), out);
}
