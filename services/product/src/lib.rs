//! The product service: the catalogue.
//!
//! Products with variants, prices in several currencies, a tree of categories, and search. Everybody reads what is
//! active; editors (`products:write`, `products:read_all`) see and change all of it. All editors share one catalogue:
//! slugs and SKUs are unique across it, and rows only note who made them.
//!
//! ```text
//! main → lib → routes → http → actions → store → model → error → common
//! ```

mod categories;
mod command;
mod config;
mod database;
mod docs;
mod idempotency;
mod precondition;
mod prices;
pub mod problems;
mod products;
mod routes;
mod search;
mod seed;
mod state;
mod text;
mod variants;
mod viewer;

use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::middleware;
use portico_common::postgres;
use portico_common::server::{self, Listeners};
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use sqlx::migrate::Migrator;

pub use command::Command;
pub use config::Config;
pub use routes::api;
pub use seed::seed;

/// The name of the service in logs.
const NAME: &str = "product";

/// The schema of the service, unless the settings say otherwise.
pub const SCHEMA: &str = "product";

/// The migrations of the schema.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/product");

/// Serves both listeners until the life stops.
///
/// # Errors
/// A setting cannot be used.
pub async fn serve(config: Config, listeners: Listeners, clock: Clock, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let traces = Traces::start(&config.telemetry.traces, NAME)?;
    let db = postgres::pool(&config.database, SCHEMA)?;
    let verifier = Verifier::remote(&config.token, clock.clone())?;
    let cursors = config.cursors()?;
    lifecycle.spawn("tokens", verifier.clone().follow());
    lifecycle.spawn("idempotency", idempotency::forget_expired(db.clone(), clock.clone()));

    let checks = vec![postgres::check(&db), verifier.check()];
    let internal = server::internal_router(&lifecycle, checks);
    let internal = middleware::internal(internal, NAME, &config.server, &traces);
    let public = routes::router(state::AppState { db, clock, verifier, cursors });
    let public = middleware::standard(public, NAME, &config.server, &traces);
    server::serve(listeners, public, internal, &config.server, &lifecycle).await?;
    traces.finish().await;
    Ok(())
}
