//! The user service over HTTP: a real server, a real schema, a stand-in for auth.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop at the first surprise, like tests")]

mod bad_input;
mod contract;
mod directory;
mod events;
mod faults;
mod feed;
mod helpers;
mod me;
mod preconditions;
mod status;
