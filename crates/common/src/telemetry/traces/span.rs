//! The span of a request, in the words of OpenTelemetry's conventions for HTTP servers.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::Traces;
use crate::clock::Clock;
use crate::middleware::TraceContext;

/// The span of a request that is being answered, and whose trace is exported.
pub struct OpenSpan {
    pub(super) traces: Traces,
    pub(super) trace: TraceContext,
    pub(super) caller: Option<u64>,
}

/// What is known of a request in the end. Neither queries nor headers nor bodies belong here.
pub struct EndedRequest<'a> {
    /// How it asked.
    pub method: &'a Method,
    /// What it is routed by, if by anything.
    pub route: Option<&'a str>,
    /// What it asked for, without the query.
    pub path: Option<&'a str>,
    /// How it was answered; not at all if its client left before.
    pub status: Option<StatusCode>,
    /// How long that took.
    pub took: Duration,
}

impl OpenSpan {
    /// Closes the span; `more` is what only this service knows.
    pub fn end(self, request: &EndedRequest<'_>, more: impl IntoIterator<Item = (&'static str, String)>) {
        let end_time = SystemTime::from(Clock::system().now());
        let mut attributes = attributes_of(request);
        attributes.extend(more.into_iter().map(|(key, value)| KeyValue::new(key, value)));
        let is_failed = request.status.is_none_or(|status| status.is_server_error());
        let (id, trace_id) = (SpanId::from(self.trace.span()), self.trace.trace().into());
        self.traces.send(SpanData {
            span_context: SpanContext::new(trace_id, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: self.caller.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: self.caller.is_some(),
            span_kind: SpanKind::Server,
            name: name_of(request),
            start_time: end_time.checked_sub(request.took).unwrap_or(end_time),
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if is_failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: InstrumentationScope::builder("portico").build(),
        });
    }
}

fn attributes_of(request: &EndedRequest<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("http.request.method", known_method(request.method).unwrap_or("_OTHER"))];
    let texts = [("http.route", request.route), ("url.path", request.path)];
    let texts = texts.into_iter().filter_map(|(key, text)| Some(KeyValue::new(key, text?.to_owned())));
    attributes.extend(texts);
    let error = match request.status {
        Some(status) => {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            status.is_server_error().then(|| status.as_str().to_owned())
        }
        None => Some("abandoned".to_owned()),
    };
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

/// Never from what a client made up: names are what traces are grouped by.
fn name_of(request: &EndedRequest<'_>) -> Cow<'static, str> {
    match (known_method(request.method).unwrap_or("HTTP"), request.route) {
        (method, Some(route)) => format!("{method} {route}").into(),
        (method, None) => method.into(),
    }
}

fn known_method(method: &Method) -> Option<&'static str> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|known| *known == method.as_str())
}
