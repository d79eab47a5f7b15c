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
mod prices;
pub mod problems;
mod products;
mod routes;
mod search;
mod seed;
mod variants;
mod viewer;

use axum::Router;
use portico_service::Service;
use sqlx::migrate::Migrator;

pub use seed::seed;

/// The migrations of the schema.
static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/product");

/// The service.
pub static SERVICE: Service = Service {
    name: "product",
    package: env!("CARGO_PKG_NAME"),
    about: "The product service of Portico: the catalogue",
    schema: "product",
    migrator: &MIGRATOR,
    routes: routes::routes,
    internal: |_, _| Router::new(),
    problems: problems::ALL,
};
