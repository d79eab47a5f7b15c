//! What happened to accounts, for other services: a transactional outbox read as a feed.

pub(crate) mod http;
mod model;
mod store;

pub(crate) use model::{Event, EventKind, Position};
pub(crate) use store::{append, head};
