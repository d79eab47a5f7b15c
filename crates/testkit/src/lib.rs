//! What the HTTP tests of every service share: a schema per test, an issuer of tokens, a running
//! service on free ports, and a client that reads answers. A development dependency only.

mod app;
mod client;
mod collector;
mod database;
mod issuer;
mod port;
mod process;
mod service;
mod told;

pub use app::App;
pub use client::{Client, Reply};
pub use collector::{Collector, Mood, ToldSpan, traces_to};
pub use database::TestDb;
pub use issuer::{Issuer, User, key_pair};
pub use port::closed_port;
pub use process::RunningProcess;
pub use service::RunningService;
pub use told::told;
