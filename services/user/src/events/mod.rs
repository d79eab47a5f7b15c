//! What auth tells of its accounts: read from its feed, applied to profiles exactly once, in any order.

mod actions;
mod error;
mod feed;
mod follow;
mod model;
mod store;

pub use feed::Feed;
pub(crate) use follow::follow;
