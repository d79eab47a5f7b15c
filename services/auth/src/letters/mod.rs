//! Letters: mail that must arrive, kept in the database from the cause to the delivery.

mod actions;
mod compose;
mod model;
mod store;

pub(crate) use actions::{PostOffice, Postman};
pub(crate) use model::{Letter, LetterId, LetterKind};
pub(crate) use store::enqueue;
