//! The runner: the whole suite in one process for development, and the chores around it.
//!
//! The services it starts are the same code that production runs one by one. What exists only here
//! is the Postgres it manages, the demo data, and the development pages with the mailbox.

mod banner;
mod child;
pub mod cli;
pub mod demo;
mod dev;
mod guests;
pub mod openapi;
mod production;
pub mod reference;
pub mod secrets;
pub mod service;
pub mod suite;
mod up;
mod watch;
