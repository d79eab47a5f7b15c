//! Who may sign in: registration, verified addresses, roles.

mod actions;
mod email;
mod error;
pub(crate) mod http;
mod model;
mod roles;
mod store;

pub(crate) use actions::announce;
pub use email::EmailAddress;
pub(crate) use error::AccountError;
pub(crate) use http::Address;
pub use model::{Account, AccountId};
pub(crate) use model::{DisplayName, NewAccount, Registration};
pub(crate) use roles::all_scopes;
pub use roles::{Role, Roles};
pub(crate) use store::{
    find, find_by_email, hold_by_token, insert, list, lock, lock_by_email, set_locked, set_password, set_roles,
    set_verified, sweep,
};
