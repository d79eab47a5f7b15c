//! One log line a request, in the words the services use for theirs.

use std::time::Instant;

use http::{Method, Request, StatusCode};
use tracing::{Level, Span};

/// A path can be anything; so much of it is logged.
const LONGEST_PATH: usize = 200;

/// The line of one request; also written if the client leaves before the answer.
pub(crate) struct AccessLine {
    began: Instant,
    span: Span,
    method: Method,
    path: String,
    outcome: Option<Outcome>,
    /// The prefix that was routed by, or the gateway's own path; what was asked, if that is neither.
    pub route: String,
    /// Who answered, if it was not the gateway.
    pub upstream: String,
}

struct Outcome {
    status: StatusCode,
    problem: Option<&'static str>,
}

impl AccessLine {
    pub fn begin<B>(request: &Request<B>, span: Span) -> Self {
        let path: String = request.uri().path().chars().take(LONGEST_PATH).collect();
        Self {
            began: Instant::now(),
            span,
            method: request.method().clone(),
            outcome: None,
            route: path.clone(),
            path,
            upstream: String::new(),
        }
    }

    /// Writes the line; `problem` is why the gateway itself refused.
    pub fn end(mut self, status: StatusCode, problem: Option<&'static str>) {
        self.outcome = Some(Outcome { status, problem });
    }

    fn level(&self) -> Level {
        let status = self.outcome.as_ref().map(|outcome| outcome.status);
        match status {
            _ if self.route == "/healthz" => Level::DEBUG,
            Some(status) if status.is_server_error() => Level::ERROR,
            _ => Level::INFO,
        }
    }
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let duration_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        let status = self.outcome.as_ref().map(|outcome| outcome.status.as_u16());
        let problem = self.outcome.as_ref().and_then(|outcome| outcome.problem);
        let upstream = Some(self.upstream.as_str()).filter(|name| !name.is_empty());
        macro_rules! write_line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    http.method = self.method.as_str(),
                    http.path = self.path,
                    http.route = self.route,
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
