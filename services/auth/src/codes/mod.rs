//! One-time codes that prove a mail was received.

mod actions;
mod model;
mod store;

pub(crate) use actions::{issue, redeem};
pub(crate) use model::{Code, CodeId, CodeKey, Purpose, Redeemed};
pub(crate) use store::{delete as void, sweep};
