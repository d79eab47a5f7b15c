//! The keys that access tokens are signed with: made, staged, published, retired.

mod actions;
pub(crate) mod http;
mod keyring;
mod model;
mod store;

pub(crate) use actions::{KeyPolicy, maintain};
pub(crate) use keyring::Keyring;
pub(crate) use model::{MasterKey, SigningKey};
