//! The gateway: the one door to all services.
//!
//! A request is taken through these phases, each a module: `frame` (is it one request to one
//! host?), `path` (one view of the path), `routes` (who answers), the token check of
//! `portico_common`, `headers` (what passes and what only the gateway says), `proxy` and
//! `body` (both ways, nothing gathered). `own` answers what the gateway answers itself, with
//! `openapi` for the merged description of all services.
//!
//! No web framework and no general HTTP client is on the way of a proxied request.

mod access_log;
mod body;
mod command;
mod config;
mod frame;
mod gateway;
mod headers;
mod openapi;
mod own;
mod path;
pub mod problems;
mod proxy;
mod routes;
mod upstream;

use std::convert::Infallible;
use std::sync::Arc;

use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{Listeners, internal_router};
use portico_common::token::Verifier;
use portico_common::{middleware, server};

pub use command::Command;
pub use config::{Config, ProxyConfig, RoutesConfig};
pub use own::api;
pub use routes::{RouteEntry, RouteFile, ServiceEntry, TokenRule};

use gateway::Gateway;
use openapi::Reference;
use routes::RouteTable;

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
    let verifier = Verifier::remote(&config.tokens, clock)?;
    lifecycle.spawn("tokens", verifier.clone().follow());

    let client = upstream::client(&config.proxy);
    let body_limit = u64::try_from(config.server.body_limit)?;
    let table = Arc::new(RouteTable::new(&routes, &config.proxy, body_limit, &client)?);
    let reference = Arc::new(Reference::new(&routes, Arc::clone(&table))?);
    lifecycle.spawn("reference", Arc::clone(&reference).follow());

    let internal = internal_router(&lifecycle, vec![verifier.check()]);
    let internal = middleware::internal(internal, "gateway", &config.server);
    let gateway = Arc::new(Gateway {
        routes: table,
        verifier,
        reference,
        lifecycle: lifecycle.clone(),
        trusted_hops: config.proxy.trusted_hops,
    });
    let public = tower::service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    server::serve(listeners, public, internal, &config.server, &lifecycle).await
}
