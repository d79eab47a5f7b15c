//! The directory of users: what admins see of them and decide about them.

mod actions;
pub(crate) mod http;
mod model;
mod store;
