//! Search: the active products that words fit best.

pub mod http;
mod store;
