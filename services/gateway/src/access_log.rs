//! The record of one request: counted always, written as one log line if it was drawn or is worth it.
//!
//! In the words the services use for theirs. What is not written opens no span and formats nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use portico_common::config::share;
use portico_common::error::ApiError;
use portico_common::middleware::{RequestId, TraceContext, request_id_from, trace_context_from};
use portico_common::telemetry::{Decider, EndedRequest, OpenSpan, Traces};
use smallvec::SmallVec;
use tracing::Level;

use crate::limit::Told;
use crate::metrics::{CacheResult, Recorder, RouteLabel, UpstreamLabel};

/// A path can be anything; so much of it is logged.
const LONGEST_PATH: usize = 200;

/// Requests that took longer are always written.
const SLOW: Duration = Duration::from_secs(1);

/// Of which requests a line is written.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct AccessLogConfig {
    /// Of which share of requests a line is written, 0 to 1. Refusals, 5xx and what took over a second always have one.
    #[arg(long, env = "ACCESS_LOG_SAMPLE", value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    pub access_log_sample: f64,
}

impl Default for AccessLogConfig {
    fn default() -> Self {
        Self { access_log_sample: 1.0 }
    }
}

/// What names a request in logs, here and at the service.
pub(crate) struct Ids {
    pub request: RequestId,
    pub trace: TraceContext,
}

impl Ids {
    /// Those the caller gave, or new ones.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { request: request_id_from(headers), trace: trace_context_from(headers) }
    }

    /// Gives what is logged inside the ids as fields; for the rare places that log about a request.
    pub fn scope<T>(&self, log: impl FnOnce() -> T) -> T {
        let span = tracing::error_span!(
            "request",
            request.id = self.request.as_str(),
            trace.id = %self.trace.trace_id(),
            span.id = %self.trace.span_id(),
        );
        span.in_scope(log)
    }
}

/// The record of one request, closed when dropped; so one whose client leaves before the answer has one too.
pub(crate) struct AccessLine {
    pub ids: Ids,
    /// The prefix that was routed by, or the gateway's own path.
    pub route: RouteLabel,
    /// Who answers, if it is not the gateway.
    pub upstream: UpstreamLabel,
    /// What the cache did, if the route has one.
    pub cache: Option<CacheResult>,
    /// What the limits tell the client, whatever the answer is.
    pub told_by_limits: SmallVec<[Told; 1]>,
    recorder: Rc<Recorder>,
    sample: f64,
    /// When it came in.
    pub began: Instant,
    method: Method,
    path: Option<PathAndQuery>,
    status: Option<StatusCode>,
    refusal: Option<Refusal>,
    /// Its span, if its trace is exported.
    span: Option<Box<OpenSpan>>,
}

/// Why the gateway itself refused.
struct Refusal {
    code: &'static str,
    reason: &'static str,
}

impl AccessLine {
    /// The record of a request that came in at `began`.
    pub fn begin(head: &Parts, recorder: &Rc<Recorder>, config: &AccessLogConfig, began: Instant) -> Self {
        let ids = Ids::of(&head.headers);
        let path = head.uri.path_and_query().cloned();
        Self::new(ids, head.method.clone(), path, recorder, config, began)
    }

    /// The record of bytes that were no request; its method is `-`.
    pub fn of_no_request(recorder: &Rc<Recorder>, config: &AccessLogConfig, began: Instant) -> Self {
        let method = Method::from_bytes(b"-").expect("a token");
        Self::new(Ids::of(&HeaderMap::new()), method, None, recorder, config, began)
    }

    fn new(
        ids: Ids,
        method: Method,
        path: Option<PathAndQuery>,
        recorder: &Rc<Recorder>,
        config: &AccessLogConfig,
        began: Instant,
    ) -> Self {
        Self {
            ids,
            route: RouteLabel::NONE,
            upstream: UpstreamLabel::NONE,
            cache: None,
            told_by_limits: SmallVec::new(),
            recorder: Rc::clone(recorder),
            sample: config.access_log_sample,
            began,
            method,
            path,
            status: None,
            refusal: None,
            span: None,
        }
    }

    /// Decides whether the request is traced, which the service behind goes by.
    pub fn trace(&mut self, traces: &Traces, headers: &HeaderMap, decider: Decider) {
        self.span = traces.begin(&mut self.ids.trace, headers, decider);
    }

    /// The path that was asked.
    pub fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// Notes why the gateway refuses the request.
    pub fn refuse(&mut self, error: &ApiError) {
        self.refusal = Some(Refusal { code: error.code(), reason: error.reason() });
    }

    /// Notes what is answered.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn is_written(&self, took: Duration) -> bool {
        self.refusal.is_some()
            || self.status.is_none_or(|status| status.is_server_error())
            || took > SLOW
            || self.ids.trace.draw() < self.sample
    }

    fn is_health(&self) -> bool {
        self.route.name() == "/healthz"
    }

    fn level(&self) -> Level {
        match self.status {
            _ if self.is_health() => Level::DEBUG,
            Some(status) if status.is_server_error() => Level::ERROR,
            _ => Level::INFO,
        }
    }

    fn short_path(&self) -> &str {
        self.path().char_indices().nth(LONGEST_PATH).map_or(self.path(), |(end, _)| &self.path()[..end])
    }

    fn upstream_name(&self) -> Option<&'static str> {
        (self.upstream != UpstreamLabel::NONE).then(|| self.upstream.name())
    }

    /// Says the same in a span.
    fn close(&self, span: OpenSpan, took: Duration) {
        let request = EndedRequest {
            method: &self.method,
            route: (self.route != RouteLabel::NONE).then(|| self.route.name()),
            path: self.path.is_some().then(|| self.short_path()),
            status: self.status,
            took,
        };
        let refusal = self.refusal.as_ref();
        let more = [
            ("portico.request.id", Some(self.ids.request.as_str())),
            ("portico.upstream", self.upstream_name()),
            ("portico.cache", self.cache.map(CacheResult::name)),
            ("portico.problem.code", refusal.map(|refusal| refusal.code)),
            ("portico.reason", refusal.map(|refusal| refusal.reason)),
        ];
        span.end(&request, more.into_iter().filter_map(|(key, text)| Some((key, text?.to_owned()))));
    }

    fn write(&self, took: Duration) {
        let path = self.short_path();
        let route = if self.route == RouteLabel::NONE { path } else { self.route.name() };
        let upstream = self.upstream_name();
        let message = if self.status.is_some() { "request" } else { "request abandoned by the client" };
        macro_rules! write_line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    request.id = self.ids.request.as_str(),
                    trace.id = %self.ids.trace.trace_id(),
                    span.id = %self.ids.trace.span_id(),
                    http.method = self.method.as_str(),
                    http.path = path,
                    http.route = route,
                    http.status = self.status.map(|status| status.as_u16()),
                    upstream,
                    cache = self.cache.map(CacheResult::name),
                    problem.code = self.refusal.as_ref().map(|refusal| refusal.code),
                    reason = self.refusal.as_ref().map(|refusal| refusal.reason),
                    duration_ms = took.as_secs_f64() * 1000.0,
                    "{message}",
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
        let took = self.began.elapsed();
        self.recorder.request(self.route, &self.method, self.status, took);
        if let Some(result) = self.cache {
            self.recorder.cache(self.route, result);
        }
        if let Some(refusal) = &self.refusal {
            self.recorder.refusal(refusal.code, refusal.reason);
        }
        if self.is_written(took) {
            self.write(took);
        }
        if let Some(span) = self.span.take().filter(|_| !self.is_health()) {
            self.close(*span, took);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use http::Request;
    use portico_common::error::kinds;

    use super::*;
    use crate::metrics::Metrics;

    const SHORT: Duration = Duration::from_millis(1);

    fn line(sample: f64, status: Option<u16>) -> AccessLine {
        let (head, ()) = Request::get("/v1/things?token=secret").body(()).unwrap().into_parts();
        let recorder = Rc::new(Metrics::default().recorder());
        let config = AccessLogConfig { access_log_sample: sample };
        let mut line = AccessLine::begin(&head, &recorder, &config, Instant::now());
        line.status = status.and_then(|status| StatusCode::from_u16(status).ok());
        line
    }

    fn is_written(status: u16, took: Duration) -> bool {
        line(0.0, Some(status)).is_written(took)
    }

    #[test]
    fn a_share_of_what_went_well_is_written() {
        let written = |sample| (0..1_000).filter(|_| line(sample, Some(200)).is_written(SHORT)).count();

        assert_eq!((written(0.0), written(1.0)), (0, 1_000));
        assert!((150..350).contains(&written(0.25)));
    }

    #[test]
    fn what_went_wrong_is_always_written() {
        let mut refused = line(0.0, Some(404));
        refused.refuse(&ApiError::new(&kinds::ROUTE_NOT_FOUND, ""));

        assert!(refused.is_written(SHORT));
        assert!(is_written(500, SHORT) && is_written(200, 2 * SLOW));
        assert!(!is_written(200, SHORT) && !is_written(404, SHORT));
        assert!(line(0.0, None).is_written(SHORT), "a request whose client left");
    }

    #[test]
    fn bytes_that_are_no_request_are_counted_and_written() {
        let metrics = Metrics::default();
        let recorder = Rc::new(metrics.recorder());
        let mut line = AccessLine::of_no_request(&recorder, &AccessLogConfig::default(), Instant::now());

        line.refuse(&ApiError::new(&kinds::MALFORMED_JSON, "").because("bare_lf"));
        line.answered(StatusCode::BAD_REQUEST);
        drop(line);

        let text = metrics.render();
        assert!(text.contains("requests_total{route=\"none\",method=\"OTHER\",status=\"400\"} 1\n"), "{text}");
        assert!(text.contains("refusals_total{code=\"malformed_json\",reason=\"bare_lf\"} 1\n"), "{text}");
    }

    #[test]
    fn the_path_has_no_query() {
        assert_eq!(line(1.0, None).path(), "/v1/things");
    }

    #[test]
    fn a_share_is_from_0_to_1_and_all_by_default() {
        #[derive(Debug, Parser)]
        struct Program {
            #[command(flatten)]
            log: AccessLogConfig,
        }
        let parse = |args: &[&str]| Program::try_parse_from(args).map(|program| program.log.access_log_sample);

        let default = AccessLogConfig::default().access_log_sample;
        assert_eq!(parse(&["gateway"]).unwrap().to_string(), default.to_string());
        assert_eq!(parse(&["gateway", "--access-log-sample", "0.01"]).unwrap().to_string(), "0.01");
        for bad in ["-0.1", "1.1", "NaN", "all"] {
            assert!(parse(&["gateway", &format!("--access-log-sample={bad}")]).is_err(), "{bad}");
        }
    }
}
