//! The user service: profiles of the accounts that auth keeps, for their owners and for admins.

mod command;
mod config;
mod directory;
mod events;
pub mod problems;
mod profiles;
mod routes;

use axum::extract::FromRef;
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::middleware;
use portico_common::page::Cursors;
use portico_common::postgres;
use portico_common::server::{self, Listeners};
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use sqlx::PgPool;
use sqlx::migrate::Migrator;

pub use command::Command;
pub use config::Config;
pub use routes::api;

/// The schema the service owns, unless `DATABASE_SCHEMA` names another.
pub const SCHEMA: &str = "users";

/// The migrations of the schema.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/user");

const SERVICE: &str = "user";

#[derive(Clone, FromRef)]
struct AppState {
    db: PgPool,
    clock: Clock,
    verifier: Verifier,
    cursors: Cursors,
}

/// Runs the service until its life stops.
///
/// # Errors
/// A setting is not usable.
pub async fn serve(config: Config, listeners: Listeners, clock: Clock, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let Config { service: config, events_url } = config;
    let traces = Traces::start(&config.telemetry.traces, SERVICE)?;
    let db = postgres::pool(&config.database, SCHEMA)?;
    let verifier = Verifier::remote(&config.token, clock.clone())?;
    let cursors = config.cursors()?;
    let feed = events::Feed::new(events_url)?;
    lifecycle.spawn("verifier", verifier.clone().follow());
    lifecycle.spawn("events", events::follow(feed, db.clone(), clock.clone()));
    // Without auth's events the service is still of use, so they are not among these.
    let checks = vec![postgres::check(&db), verifier.check()];
    let public = routes::router(AppState { db: db.clone(), clock, verifier, cursors });
    let public = middleware::standard(public, SERVICE, &config.server, &traces);
    let internal = server::internal_router(&lifecycle, checks);
    let internal = middleware::internal(internal, SERVICE, &config.server, &traces);
    server::serve(listeners, public, internal, &config.server, &lifecycle).await?;
    traces.finish().await;
    db.close().await;
    Ok(())
}
