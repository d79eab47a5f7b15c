//! Gizmos: each belongs to the account that made it, and to others it does not exist.

mod actions;
mod body;
mod error;
mod filter;
pub mod http;
mod model;
mod store;

pub use model::{GizmoColor, GizmoId};
