//! The workshop service: gizmos, which belong to the account that made them.
//!
//! ```text
//! main → lib → routes → http → actions → store → model → error → common
//! ```

mod gizmos;
pub mod problems;
mod routes;

use portico_service::Service;
use sqlx::migrate::Migrator;

/// The migrations of the schema.
static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/workshop");

/// The service.
pub static SERVICE: Service = Service {
    name: "workshop",
    package: env!("CARGO_PKG_NAME"),
    about: "The workshop service of Portico",
    schema: "workshop",
    migrator: &MIGRATOR,
    routes: routes::routes,
    internal: portico_service::events::feed,
    problems: problems::ALL,
};
