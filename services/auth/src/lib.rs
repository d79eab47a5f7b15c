//! The auth service: accounts, sessions, and the tokens every other service trusts.

mod accounts;
mod admin;
mod background;
mod client;
mod codes;
mod command;
mod config;
mod crypto;
mod events;
mod keys;
mod letters;
pub mod mail;
mod passwords;
pub mod problems;
mod responses;
mod revocations;
mod routes;
mod seed;
mod sessions;
mod start;
mod state;
mod throttle;
mod tokens;

pub use accounts::{AccountId, Role};
pub use command::Command;
pub use config::{Config, IssuerConfig, PasswordConfig, SigningAlgorithm};
pub use routes::api;
pub use seed::{SeedAccount, seed_account};
pub use start::serve;

/// The migrations of the schema this service owns.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/auth");

/// The schema's name unless `DATABASE_SCHEMA` says otherwise.
pub const SCHEMA: &str = "auth";
