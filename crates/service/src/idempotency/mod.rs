//! `Idempotency-Key`: repeating a request that makes or moves something does it once.
//!
//! The key, the effect and the answer are written in one transaction, so there is no moment in which one of them exists
//! without the others, and a request that dies frees its key.

mod actions;
mod error;
mod http;
mod model;
mod store;

pub use actions::{Begun, begin, forget_expired};
pub use http::Keyed;
pub use model::KeyedRequest;
