//! Numbers for Prometheus. Every worker counts for itself; a scrape adds up what they counted.
//!
//! Written by ourselves and not with a client library, because those count in shared memory that
//! all threads contend for, and the text format is a page long (docs/dependencies.md).

mod counter;
mod exposition;
mod labels;
mod process;
mod recorder;
mod render;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;

pub(crate) use labels::{RouteLabel, UpstreamLabel};
pub(crate) use recorder::{CacheResult, MirrorResult, Outcome, Protocol, Recorder, Retry, TokenCache};

use labels::Names;
use recorder::Counts;

/// The numbers of the whole process, and the recorders of its workers.
#[derive(Default)]
pub(crate) struct Metrics {
    routes: Names,
    upstreams: Names,
    recorders: Mutex<Vec<Arc<Counts>>>,
    gauges: Mutex<Vec<Gauge>>,
    upstream_gauges: Mutex<Vec<UpstreamGauge>>,
    reloads: Reloads,
}

/// A number that is asked for at each scrape.
struct Gauge {
    name: &'static str,
    help: &'static str,
    read: Box<dyn Fn() -> Option<f64> + Send + Sync>,
}

/// A number of each upstream that is asked for at each scrape.
struct UpstreamGauge {
    name: &'static str,
    help: &'static str,
    read: Box<dyn Fn() -> Vec<(UpstreamLabel, usize)> + Send + Sync>,
}

#[derive(Default)]
struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
    last_failed: AtomicBool,
}

impl Metrics {
    /// A recorder for one more worker. Its counts stay when it is dropped.
    pub fn recorder(&self) -> Recorder {
        let counts = Arc::<Counts>::default();
        self.recorders.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
        Recorder::new(counts)
    }

    /// The label of a configured prefix or of a path of the gateway's own; never of what a client asked for.
    pub fn route(&self, prefix: &str) -> RouteLabel {
        self.routes.route(prefix)
    }

    /// The label of a configured upstream.
    pub fn upstream(&self, name: &str) -> UpstreamLabel {
        self.upstreams.upstream(name)
    }

    /// Adds a number that is asked for at each scrape, and left out while it is `None`.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let gauge = Gauge { name, help, read: Box::new(read) };
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push(gauge);
    }

    /// Adds a number of each upstream that is asked for at each scrape; those of one label are added up.
    pub fn upstream_gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Vec<(UpstreamLabel, usize)> + Send + Sync + 'static,
    ) {
        let gauge = UpstreamGauge { name, help, read: Box::new(read) };
        self.upstream_gauges.lock().unwrap_or_else(PoisonError::into_inner).push(gauge);
    }

    /// Whether the configuration that was read last is in force.
    pub fn is_reload_good(&self) -> bool {
        !self.reloads.last_failed.load(Ordering::Relaxed)
    }

    /// Counts a configuration that was taken over.
    pub fn reload_succeeded(&self) {
        self.reloads.succeeded.fetch_add(1, Ordering::Relaxed);
        self.reloads.last_failed.store(false, Ordering::Relaxed);
    }

    /// Counts a configuration that was refused, and did not replace the one in force.
    pub fn reload_failed(&self) {
        self.reloads.failed.fetch_add(1, Ordering::Relaxed);
        self.reloads.last_failed.store(true, Ordering::Relaxed);
    }
}

/// `GET /metrics`, for the internal listener.
pub(crate) fn router(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, exposition::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
    (headers, metrics.render())
}
