//! Access tokens that ended before their time, published so that every process refuses them.

pub(crate) mod http;
mod model;
mod store;

pub(crate) use model::Snapshot;
pub(crate) use store::{read, revoke_sessions, revoke_subject, sweep};
