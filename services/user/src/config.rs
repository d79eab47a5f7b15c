//! The settings of the service.

use anyhow::{Context as _, ensure};
use portico_common::config::Secret;
use portico_common::postgres::{self, DatabaseConfig};
use portico_common::server::ServerConfig;
use portico_common::telemetry::TelemetryConfig;
use portico_common::token::TokenConfig;
use url::Url;

use crate::SCHEMA;

/// What the service must be told to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Addresses and limits.
    #[command(flatten)]
    pub server: ServerConfig,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Whose tokens are accepted.
    #[command(flatten)]
    pub token: TokenConfig,
    /// What is logged, and how.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Auth's feed of account events, on its internal listener
    #[arg(long, env = "EVENTS_URL")]
    pub events_url: Url,
    /// Seals the cursors of lists: 32 bytes in base64, the same for all replicas
    #[arg(long, env = "CURSOR_KEY", hide_env_values = true)]
    pub cursor_key: Secret,
}

impl Config {
    /// Checks what the parser cannot.
    ///
    /// # Errors
    /// A setting is not usable; the error names its variable.
    pub fn check(&self) -> anyhow::Result<()> {
        let is_http = matches!(self.events_url.scheme(), "http" | "https");
        ensure!(is_http, "EVENTS_URL must be an http:// or https:// address");
        self.cursor_key()?;
        self.telemetry.traces.check()?;
        postgres::pool(&self.database, SCHEMA)?;
        Ok(())
    }

    pub(crate) fn cursor_key(&self) -> anyhow::Result<[u8; 32]> {
        self.cursor_key.key().context("CURSOR_KEY")
    }
}
