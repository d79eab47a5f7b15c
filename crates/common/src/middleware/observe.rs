//! What makes a request findable: its id, its span and its one log line.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, Level, Span};
use uuid::Uuid;

use super::trace::trace_context_from;
use crate::telemetry::{Decider, EndedRequest, OpenSpan, Traces};

/// The header that carries the request id, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST_ID: usize = 64;
/// A path that is no route of ours can be anything; so much of it is logged.
const LONGEST_PATH: usize = 200;

/// Names a request in logs and problems: the caller's own name for it, or a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of `X-Request-Id`.
    pub fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Takes the caller's `X-Request-Id` if it is 1 to 64 of `A-Z a-z 0-9 . _ -`, else makes a UUID.
///
/// # Panics
/// Never: a UUID is visible ASCII.
pub fn request_id_from(headers: &HeaderMap) -> RequestId {
    let given = headers.get(X_REQUEST_ID).filter(|value| is_request_id(value.as_bytes()));
    RequestId(given.cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).expect("a UUID is visible ASCII")
    }))
}

fn is_request_id(bytes: &[u8]) -> bool {
    (1..=LONGEST_ID).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

/// Gives the request its id, trace and span, tells the caller the id, and logs the outcome.
pub(super) async fn observe(
    State((service, traces)): State<(&'static str, Traces)>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id_from(request.headers());
    let mut trace = trace_context_from(request.headers());
    let open = traces.begin(&mut trace, request.headers(), Decider::Caller);
    // At the level of errors, so that whatever is logged can be found by request id.
    let span = tracing::error_span!(
        "request", service, request.id = id.as_str(), trace.id = %trace.trace_id(), span.id = %trace.span_id(),
    );
    let line = LogLine::begin(&request, span.clone(), open);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(trace);

    let mut response = next.run(request).instrument(span).await;

    response.headers_mut().insert(X_REQUEST_ID, id.header_value());
    line.end(response.status());
    response
}

/// The one log line of a request; also written if the client leaves before the answer.
struct LogLine {
    began: Instant,
    span: Span,
    method: Method,
    route: String,
    is_matched: bool,
    status: Option<StatusCode>,
    /// Its span, if its trace is exported.
    traced: Option<Box<OpenSpan>>,
}

impl LogLine {
    fn begin(request: &Request, span: Span, traced: Option<Box<OpenSpan>>) -> Self {
        let matched = request.extensions().get::<MatchedPath>();
        let route = match matched {
            Some(route) => route.as_str().to_owned(),
            None => request.uri().path().chars().take(LONGEST_PATH).collect(),
        };
        let (is_matched, method) = (matched.is_some(), request.method().clone());
        Self { began: Instant::now(), span, method, route, is_matched, status: None, traced }
    }

    fn end(mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn level(&self) -> Level {
        match self.status {
            Some(status) if status.is_server_error() && !self.is_health() => Level::ERROR,
            _ if self.is_health() => Level::DEBUG,
            _ => Level::INFO,
        }
    }

    fn is_health(&self) -> bool {
        self.route.starts_with("/health/")
    }

    /// Closes the span, but for health checks, of which there are many and no traces.
    fn trace(&mut self, took: Duration) {
        let Some(span) = self.traced.take().filter(|_| !self.is_health()) else { return };
        let route = self.is_matched.then_some(self.route.as_str());
        let path = if self.is_matched { None } else { Some(self.route.as_str()) };
        span.end(&EndedRequest { method: &self.method, route, path, status: self.status, took }, []);
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.trace(took);
        let _entered = self.span.enter();
        let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        let status = self.status.map(|status| status.as_u16());
        macro_rules! write_line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    http.method = self.method.as_str(),
                    http.route = self.route,
                    http.status = status,
                    duration_ms,
                    "{}",
                    if status.is_some() { "request" } else { "request abandoned by the client" },
                )
            };
        }
        match self.level() {
            Level::ERROR => write_line!(Level::ERROR),
            Level::DEBUG => write_line!(Level::DEBUG),
            _ => write_line!(Level::INFO),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use crate::middleware::standard;
    use crate::server::ServerConfig;
    use crate::telemetry::Traces;
    use crate::telemetry::capture::Log;

    fn router() -> Router {
        let router = Router::new()
            .route("/things/{id}", get(|| async { tracing::info!("in the handler") }))
            .route("/hang", get(std::future::pending::<()>))
            .route("/health/ready", get(|| async {}));
        standard(router, "things", &ServerConfig::local(), &Traces::default())
    }

    async fn logged(path: &str) -> Vec<Value> {
        let (log, _guard) = Log::begin();
        let request = axum::http::Request::get(path)
            .header("x-request-id", "r-1")
            .header("authorization", "Bearer secret")
            .body(Body::empty());
        router().oneshot(request.unwrap()).await.unwrap();
        log.lines()
    }

    #[tokio::test]
    async fn a_request_is_one_line_without_secrets_and_its_ids_are_on_every_line() {
        let lines = logged("/things/7?token=secret").await;

        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["request.id"] == "r-1" && line["service"] == "things"));
        assert_eq!(lines[0]["message"], "in the handler");
        assert_eq!(lines[1]["http.method"], "GET");
        assert_eq!(lines[1]["http.route"], "/things/{id}");
        assert_eq!(lines[1]["http.status"], 200);
        assert!(lines[1]["duration_ms"].is_f64());
        assert_eq!(lines[1]["trace.id"].as_str().unwrap().len(), 32);
        assert!(lines.iter().all(|line| !line.to_string().contains("secret")));
    }

    #[tokio::test]
    async fn an_unknown_path_is_logged_cut_short() {
        let lines = logged(&format!("/{}?token=secret", "x".repeat(1000))).await;

        assert_eq!(lines[0]["http.route"].as_str().unwrap().len(), super::LONGEST_PATH);
        assert_eq!(lines[0]["http.status"], 404);
    }

    #[tokio::test]
    async fn probes_are_not_logged() {
        assert!(logged("/health/ready").await.is_empty());
    }

    #[tokio::test]
    async fn a_request_the_client_abandons_is_logged() {
        let (log, _guard) = Log::begin();
        let request = axum::http::Request::get("/hang").body(Body::empty()).unwrap();
        let mut answer = Box::pin(router().oneshot(request));
        assert!(futures_util::poll!(&mut answer).is_pending());

        drop(answer);

        let lines = log.lines();
        assert_eq!(lines[0]["message"], "request abandoned by the client");
        assert_eq!(lines[0]["http.route"], "/hang");
        assert!(lines[0]["http.status"].is_null());
    }
}
