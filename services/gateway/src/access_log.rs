//! One log line a request, in the words the services use for theirs.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, Request, StatusCode, Uri};
use portico_common::middleware::{RequestId, TraceContext, request_id_from, trace_context_from};
use tracing::{Level, Span};

use crate::routes::Route;

/// A path can be anything; so much of it is logged.
const LONGEST_PATH: usize = 200;

/// What names a request in logs, here and at the service.
pub(crate) struct Ids {
    pub request: RequestId,
    pub trace: TraceContext,
}

impl Ids {
    pub fn from(headers: &HeaderMap) -> Self {
        Self { request: request_id_from(headers), trace: trace_context_from(headers) }
    }

    /// What is logged inside it can be found by the request's id. Made only when there is something to log.
    pub fn span(&self) -> Span {
        tracing::error_span!(
            "request",
            service = "gateway",
            request.id = self.request.as_str(),
            trace.id = %self.trace.trace_id(),
            span.id = %self.trace.span_id(),
        )
    }
}

/// The line of one request; also written if the client leaves before the answer.
///
/// Of the requests that went well only a sample is told, of the others every one.
pub(crate) struct AccessLine {
    pub ids: Ids,
    pub place: Place,
    /// What the limits tell the client, whatever the answer is.
    pub told_by_limits: HeaderMap,
    began: Instant,
    is_sampled: bool,
    method: Method,
    uri: Uri,
    outcome: Option<Outcome>,
}

/// Who answers.
pub(crate) enum Place {
    /// Nobody yet.
    Unknown,
    /// The gateway, at this path of its own.
    Own(&'static str),
    /// The service behind a route.
    Route(Arc<Route>),
}

struct Outcome {
    status: StatusCode,
    problem: Option<&'static str>,
}

impl AccessLine {
    pub fn begin<B>(request: &Request<B>, began: Instant, is_sampled: bool) -> Self {
        Self {
            ids: Ids::from(request.headers()),
            place: Place::Unknown,
            told_by_limits: HeaderMap::new(),
            began,
            is_sampled,
            method: request.method().clone(),
            uri: request.uri().clone(),
            outcome: None,
        }
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Writes the line; `problem` is why the gateway itself refused.
    pub fn end(mut self, status: StatusCode, problem: Option<&'static str>) {
        self.outcome = Some(Outcome { status, problem });
    }

    fn is_told(&self) -> bool {
        let went_well = |outcome: &Outcome| outcome.problem.is_none() && !outcome.status.is_server_error();
        self.is_sampled || !self.outcome.as_ref().is_some_and(went_well)
    }

    fn level(&self) -> Level {
        match &self.outcome {
            _ if matches!(self.place, Place::Own("/healthz")) => Level::DEBUG,
            Some(outcome) if outcome.status.is_server_error() => Level::ERROR,
            _ => Level::INFO,
        }
    }

    fn write(&self) {
        let duration_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        let status = self.outcome.as_ref().map(|outcome| outcome.status.as_u16());
        let problem = self.outcome.as_ref().and_then(|outcome| outcome.problem);
        let path: String = self.path().chars().take(LONGEST_PATH).collect();
        let (route, upstream) = match &self.place {
            Place::Unknown => (path.as_str(), None),
            Place::Own(path) => (*path, None),
            Place::Route(route) => (route.prefix.as_str(), Some(route.upstream.name.as_str())),
        };
        macro_rules! write_line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    http.method = self.method.as_str(),
                    http.path = path,
                    http.route = route,
                    http.status = status,
                    upstream,
                    problem.code = problem,
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

impl Drop for AccessLine {
    fn drop(&mut self) {
        if self.is_told() {
            self.ids.span().in_scope(|| self.write());
        }
    }
}
