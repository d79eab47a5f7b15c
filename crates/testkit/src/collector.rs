//! A collector of traces: what is told to it by OTLP, read back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use portico_common::config::Secret;
use portico_common::telemetry::TraceConfig;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// The key it asks for.
const KEY: &str = "collector-key";

/// Where the services under test send their spans.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Received>,
}

/// How a collector takes what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It keeps it.
    Takes,
    /// It answers 500.
    Fails,
    /// It never answers.
    Hangs,
}

struct Received {
    mood: Mood,
    spans: Mutex<Vec<ToldSpan>>,
    bytes: Mutex<Vec<u8>>,
}

/// A span as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldSpan {
    /// Who told it.
    pub service: String,
    /// `METHOD route`.
    pub name: String,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits, or nothing.
    pub parent_id: String,
    /// What else is said of it, as text.
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::with_mood(Mood::Takes).await
    }

    /// One that does not, perhaps.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn with_mood(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let received = Arc::new(Received { mood, spans: Mutex::default(), bytes: Mutex::default() });
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, received }
    }

    /// The settings of a service that sends it this share of the traces that begin there.
    pub fn config(&self, traces_sample: f64) -> TraceConfig {
        TraceConfig { traces_sample, ..traces_to(self.address) }
    }

    /// What it was told.
    pub fn spans(&self) -> Vec<ToldSpan> {
        self.received.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first span that is as asked for, once it was told.
    ///
    /// # Panics
    /// It was not within 20 seconds.
    pub async fn span(&self, is_it: impl Fn(&ToldSpan) -> bool) -> ToldSpan {
        let told = async {
            loop {
                if let Some(span) = self.spans().into_iter().find(&is_it) {
                    return span;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let told = timeout(Duration::from_secs(20), told).await;
        told.unwrap_or_else(|_| panic!("no such span among {:#?}", self.spans()))
    }

    /// Whether a text is in anything it was sent.
    pub fn knows(&self, text: &str) -> bool {
        let bytes = self.received.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// The settings of a service that sends its spans to an address, whoever is there.
pub fn traces_to(address: SocketAddr) -> TraceConfig {
    TraceConfig {
        collector: Some(format!("http://{address}")),
        collector_headers: Some(Secret::new(format!("x-key={KEY}"))),
        traces_sample: 1.0,
        ..TraceConfig::default()
    }
}

async fn take(State(received): State<Arc<Received>>, headers: axum::http::HeaderMap, body: Bytes) -> StatusCode {
    match received.mood {
        Mood::Takes => {}
        Mood::Fails => return StatusCode::INTERNAL_SERVER_ERROR,
        Mood::Hangs => std::future::pending().await,
    }
    let is_known = headers.get("x-key").is_some_and(|key| key == KEY);
    let is_protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    if !is_known || !is_protobuf {
        return StatusCode::BAD_REQUEST;
    }
    let Ok(told) = ExportTraceServiceRequest::decode(body.clone()) else { return StatusCode::BAD_REQUEST };
    received.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&body);
    received.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans_of(told));
    StatusCode::OK
}

fn spans_of(told: ExportTraceServiceRequest) -> impl Iterator<Item = ToldSpan> {
    told.resource_spans.into_iter().flat_map(|of_process| {
        let about = texts(&of_process.resource.unwrap_or_default().attributes);
        let service = about.get("service.name").cloned().unwrap_or_default();
        let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |span| span_of(service.clone(), span))
    })
}

fn span_of(service: String, span: Span) -> ToldSpan {
    ToldSpan {
        service,
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        attributes: texts(&span.attributes),
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
