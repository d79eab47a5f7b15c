//! What happened to accounts, for other services.

mod actions;
mod model;

pub(crate) use actions::append;
pub(crate) use model::EventKind;
