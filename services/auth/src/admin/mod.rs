//! What admins do to accounts.

mod actions;
pub(crate) mod http;

pub(crate) use actions::apply_roles;
