//! The gateway: the one door to all services.
//!
//! A request is taken through these phases, each a module: `frame` (is it one request to one
//! host?), `path` (one view of the path), `routes` (who answers), the token check of
//! `portico_common`, `validation` (where a route asks: is it what the service describes?),
//! `cache` (is there an answer that others got?), `headers` (what passes and what only the
//! gateway says), `proxy` and `body` (both ways, nothing gathered but what is validated). `own`
//! answers what the gateway answers itself, with `openapi` for the merged description of all
//! services.
//!
//! No web framework and no general HTTP client is on the way of a proxied request.

mod access_log;
mod admin;
#[doc(hidden)]
pub mod bench;
mod body;
mod cache;
mod command;
mod compression;
mod config;
mod cors;
mod documents;
mod edge;
mod frame;
mod gateway;
mod gauges;
mod headers;
mod http1;
mod limit;
mod metrics;
mod openapi;
mod own;
mod path;
pub mod problems;
mod proxy;
mod reload;
mod routes;
mod routing;
mod upstream;
mod validation;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use arc_swap::ArcSwap;
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Listeners, internal_router};
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use portico_common::{middleware, server};

pub use access_log::AccessLogConfig;
pub use cache::CacheConfig;
pub use command::Command;
pub use config::{Config, EdgeConfig, ProxyConfig, RoutesConfig};
pub use cors::CorsEntry;
pub use limit::{LimitEntry, OnStoreLoss, Per, StoreConfig};
pub use own::api;
pub use routes::{NoShare, RouteEntry, RouteFile, ServiceEntry, Share, SplitEntry, TokenRule};

use cache::Caches;
use edge::{Edge, Files, Tls};
use gateway::Gateway;
use limit::Limiter;
use metrics::Metrics;
use routing::Routing;
use tokio::sync::Notify;
use validation::Checker;

/// Serves until the life stops: `routes` on the public listener, health on the internal one.
///
/// Ready once it can check tokens; until then requests with a token are answered with 503.
///
/// # Errors
/// A route leads nowhere, or a listener is broken.
pub async fn serve(
    config: Config,
    routes: RouteFile,
    listeners: Listeners,
    clock: Clock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let traces = Traces::start(&config.telemetry.traces, "gateway")?;
    let verifier = Verifier::remote(&config.tokens, clock)?;
    lifecycle.spawn("tokens", verifier.clone().follow());

    let body_limit = u64::try_from(config.server.body_limit)?;
    let metrics = Arc::<Metrics>::default();
    let keys = verifier.check();
    let limiter = Arc::new(Limiter::new(&config.store, Instant::now())?);
    let caches = Caches::new(&config.cache);
    let gateway = Arc::new(Gateway {
        routing: ArcSwap::from_pointee(Routing::new(&routes, &config.proxy, body_limit, &metrics, &caches, None)?),
        caches,
        verifier,
        limiter: Arc::clone(&limiter),
        lifecycle: lifecycle.clone(),
        proxy: config.proxy.clone(),
        body_limit,
        access_log: config.access_log.clone(),
        traces: traces.clone(),
        metrics: Arc::clone(&metrics),
        tls: Files::of(&config.edge).map(Tls::new).transpose()?.map(Arc::new),
        checker: Checker::default(),
        rerouted: Notify::new(),
        has_asked: AtomicBool::new(false),
    });
    let checks = vec![keys, gateway.check_documents()];
    let internal =
        internal_router(&lifecycle, checks).merge(metrics::router(metrics)).merge(admin::router(Arc::clone(&gateway)));
    let internal = middleware::internal(internal, "gateway", &config.server, &Traces::default());
    gateway.publish_gauges();
    gateway.publish_upstream_gauges();
    gateway.publish_document_gauge();
    gateway.publish_trace_gauges();
    if let Some(tls) = gateway.tls.clone() {
        lifecycle.spawn("certificate", tls.follow());
    }
    lifecycle.spawn("limits", async move { limiter.follow().await });
    lifecycle.spawn("names", Arc::clone(&gateway).follow_names());
    lifecycle.spawn("health", Arc::clone(&gateway).follow_health());
    lifecycle.spawn("reference", Arc::clone(&gateway).follow_reference());
    lifecycle.spawn("routes", reload::follow(Arc::clone(&gateway), config.routes));
    let edge = Edge::start(listeners.public, &gateway, &config.server, &config.edge)?;
    server::serve_behind(edge, listeners.internal, internal, &config.server, &lifecycle).await?;
    traces.finish().await;
    Ok(())
}
