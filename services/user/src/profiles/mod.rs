//! The profile of an account: what its owner sees and changes under `/v1/users/me`.

mod actions;
mod error;
pub(crate) mod http;
mod model;
mod store;

pub use error::ProfileError;
pub use http::ProfileView;
pub use model::{DisplayName, NewProfile, Profile, ProfileId, Status, search_key};

pub(crate) use store::{bury, exists, find, find_for_update, insert, set_email, set_roles, set_status};
