//! The whole suite through its gateway: real tokens, real Postgres, real sockets.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bad_input;
mod demo;
mod documents;
mod guests;
mod helpers;
mod idempotency;
mod isolation;
mod journey;
mod permissions;
mod process;
mod sessions;
mod traces;
mod validation;
