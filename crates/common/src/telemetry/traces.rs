//! Traces by OTLP: what became of a request, told to a collector beside the requests. Off unless there is an address.
//!
//! A span is made when a request has ended, from what its log line says, under the ids that it was logged with.
//! So there is no tracer and nothing to carry through a request but the decision (docs/adr/0012).

mod config;
mod export;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use config::TraceConfig;
pub use span::{EndedRequest, OpenSpan};

use crate::middleware::{TraceContext, caller_span_from};

/// So many spans wait for the collector; those after them are lost.
const QUEUE: usize = 2_048;

/// How long the last spans may take to leave when a process does.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Where spans go when their requests have ended; clones share it. By default, nowhere.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Exporter>>);

struct Exporter {
    queue: mpsc::Sender<SpanData>,
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
    ended: CancellationToken,
    sample: f64,
}

/// Whose word counts on whether a trace is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The caller's, if there is one: it is one of ours.
    Caller,
    /// Ours alone: anybody may call.
    Ourselves,
}

impl Traces {
    /// Begins to export what `service` does, if the settings name a collector.
    ///
    /// # Errors
    /// A setting cannot be used; the error names its variable. Or the system refuses a thread.
    pub fn start(config: &TraceConfig, service: &'static str) -> anyhow::Result<Self> {
        let Some(target) = config.target(service)? else { return Ok(Self::default()) };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let exporter = Exporter {
            queue,
            lost: Arc::default(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
            sample: config.traces_sample,
        };
        export::start(&target, service, waiting, &exporter)?;
        Ok(Self(Some(Arc::new(exporter))))
    }

    /// Decides whether a request's trace is exported, says so in the trace, and begins the span if it is.
    pub fn begin(&self, trace: &mut TraceContext, headers: &HeaderMap, decider: Decider) -> Option<Box<OpenSpan>> {
        let exporter = self.0.as_ref()?;
        let caller = caller_span_from(headers);
        let is_sampled = match decider {
            Decider::Caller if caller.is_some() => trace.is_sampled(),
            _ => trace.draw() < exporter.sample,
        };
        trace.set_sampled(is_sampled);
        is_sampled.then(|| Box::new(OpenSpan { traces: self.clone(), trace: *trace, caller }))
    }

    /// How many spans were lost, if any are exported: the queue was full, or the collector did not take them.
    pub fn lost(&self) -> Option<u64> {
        self.0.as_ref().map(|exporter| exporter.lost.load(Ordering::Relaxed))
    }

    /// Lets what is queued leave, for two seconds at most; the last thing a service does.
    pub async fn finish(&self) {
        let Some(exporter) = &self.0 else { return };
        exporter.stop.cancel();
        if timeout(FLUSH_TIMEOUT, exporter.ended.cancelled()).await.is_err() {
            tracing::warn!("the collector of traces did not take the last spans in time");
        }
    }

    /// Never waits: a span that finds no room is lost, and counted.
    fn send(&self, span: SpanData) {
        if let Some(exporter) = &self.0
            && exporter.queue.try_send(span).is_err()
        {
            exporter.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
