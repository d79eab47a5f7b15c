//! The auth service over HTTP, on a real Postgres, at a time the tests set.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop at the first surprise, like tests")]

mod accounts;
mod admin;
mod contract;
mod feeds;
mod helpers;
mod input;
mod keys;
mod mail;
mod memory;
mod passwords;
mod refresh;
mod seed;
mod sessions;
