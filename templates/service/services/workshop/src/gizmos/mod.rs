//! Gizmos: each belongs to the account that made it, and to others it does not exist.

mod actions;
mod create;
mod error;
mod filter;
pub mod http;
mod model;
mod patch;
mod store;
mod view;

pub use model::{GizmoColor, GizmoId};
