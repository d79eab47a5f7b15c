//! What a service that keeps resources in a schema of its own is made of.
//!
//! Its process from the command line to the last request, `Idempotency-Key`, the outbox of its events, and the values
//! that bodies of all services have in common. Tables it needs are made by migrations of the service:
//! `idempotency_keys` for [`idempotency`], `events` for [`events`].

mod command;
mod config;
pub mod database;
pub mod docs;
pub mod events;
pub mod idempotency;
pub mod money;
mod precondition;
pub mod problems;
mod service;
mod state;
pub mod values;

pub use config::Config;
pub use precondition::OptionalIfMatch;
pub use service::Service;
pub use state::AppState;
