//! The thread that sends spans to the collector, in batches, and bears with it when it is away.

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Exporter;
use super::config::Target;
use crate::telemetry::service_span;

/// So many spans are sent at once.
const BATCH: usize = 512;

/// How long a batch waits to fill.
const EVERY: Duration = Duration::from_secs(1);

/// How long the collector may take for a batch, repetitions included.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A collector that is away is told of so often.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Starts the thread. It has a runtime of its own, so that the collector is never waited for where requests are.
pub(super) fn start(
    target: &Target,
    service: &'static str,
    waiting: mpsc::Receiver<SpanData>,
    exporter: &Exporter,
) -> anyhow::Result<()> {
    let collector = Collector { exporter: client(target)?, lost: Arc::clone(&exporter.lost), told: 0, told_at: None };
    let runtime = Builder::new_current_thread().enable_all().build().context("a runtime for traces")?;
    let (stop, ended) = (exporter.stop.clone(), exporter.ended.clone());
    let work = move || {
        let _ended = ended.drop_guard();
        run(&runtime, collector, waiting, &stop, service);
    };
    std::thread::Builder::new().name("traces".to_owned()).spawn(work).context("a thread for traces")?;
    Ok(())
}

fn client(target: &Target) -> anyhow::Result<SpanExporter> {
    // A redirect would take the key to somebody else.
    let http = reqwest::Client::builder()
        .timeout(EXPORT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .context("building the client for traces")?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(http)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(target.url.as_str())
        .with_headers(target.headers.clone())
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .context("building the exporter of traces")?;
    exporter.set_resource(&target.resource);
    Ok(exporter)
}

fn run(
    runtime: &Runtime,
    collector: Collector,
    waiting: mpsc::Receiver<SpanData>,
    stop: &CancellationToken,
    service: &'static str,
) {
    runtime.block_on(send_all(collector, waiting, stop).instrument(service_span(service)));
}

/// Sends what is queued until it is told to stop and the queue is empty.
async fn send_all(mut collector: Collector, mut waiting: mpsc::Receiver<SpanData>, stop: &CancellationToken) {
    let mut batch = Vec::new();
    while stop.run_until_cancelled(gather(&mut waiting, &mut batch)).await.is_some() && !batch.is_empty() {
        collector.export(take(&mut batch)).await;
    }
    waiting.close();
    loop {
        waiting.recv_many(&mut batch, BATCH).await;
        if batch.is_empty() {
            return;
        }
        collector.export(take(&mut batch)).await;
    }
}

/// Waits for spans, and a moment for more of them; leaves the batch empty when there will be none.
async fn gather(waiting: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if waiting.recv_many(batch, BATCH).await == 0 {
        return;
    }
    let full = async { while batch.len() < BATCH && waiting.recv_many(batch, BATCH - batch.len()).await > 0 {} };
    tokio::select! {
        () = full => {}
        () = sleep(EVERY) => {}
    }
}

struct Collector {
    exporter: SpanExporter,
    lost: Arc<AtomicU64>,
    told: u64,
    told_at: Option<Instant>,
}

impl Collector {
    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let error = match timeout(EXPORT_TIMEOUT, self.exporter.export(batch)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it did not answer in time".to_owned()),
        };
        if error.is_some() {
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
        self.tell(error.as_deref());
    }

    /// Logs that spans were lost, now and then.
    fn tell(&mut self, error: Option<&str>) {
        let lost = self.lost.load(Ordering::Relaxed);
        let is_early = self.told_at.is_some_and(|at| at.elapsed() < TELL_EVERY);
        if lost == self.told || is_early {
            return;
        }
        (self.told, self.told_at) = (lost, Some(Instant::now()));
        tracing::warn!(spans.lost = lost, error, "the collector of traces does not take all spans");
    }
}
