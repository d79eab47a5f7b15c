//! Sessions: signed-in devices, from login to logout.

mod actions;
mod error;
pub(crate) mod http;
mod live;
mod model;
mod refresh;
mod store;

pub(crate) use actions::end_all;
pub(crate) use error::SessionError;
pub(crate) use live::LiveCaller;
pub use model::SessionId;
pub(crate) use model::{EndReason, Session, SessionRules};
pub(crate) use store::sweep;
