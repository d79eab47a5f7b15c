//! What handlers use.

use axum::extract::FromRef;
use portico_common::clock::Clock;
use portico_common::page::Cursors;
use portico_common::token::Verifier;
use sqlx::PgPool;

/// Shared by all requests; cheap to clone.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The pool on the service's own schema.
    pub db: PgPool,
    /// Tells the time.
    pub clock: Clock,
    /// Checks access tokens.
    pub verifier: Verifier,
    /// Seals and opens cursors.
    pub cursors: Cursors,
}
