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

use mimalloc::MiMalloc;

pub use config::Config;
pub use precondition::OptionalIfMatch;
pub use service::Service;
pub use state::AppState;

/// What one thread gives back is there for all. The system's allocator keeps it for that thread: after 40 passwords
/// hashed one after the other it held 19 MiB once, twice or three times.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
