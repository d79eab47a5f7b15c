//! The settings of a service.

use anyhow::Context as _;
use portico_common::config::Secret;
use portico_common::page::Cursors;
use portico_common::postgres::{self, DatabaseConfig};
use portico_common::server::ServerConfig;
use portico_common::telemetry::TelemetryConfig;
use portico_common::token::TokenConfig;

/// What a service must be told to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The two listeners.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The service's schema.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Whose tokens are accepted.
    #[command(flatten)]
    pub token: TokenConfig,

    /// What is logged, and how.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,

    /// The key that authenticates list cursors: 32 bytes in base64, the same for all replicas
    #[arg(long, env = "CURSOR_KEY", hide_env_values = true)]
    pub cursor_key: Secret,
}

impl Config {
    /// Checks what no single setting can say of itself; `schema` is the service's own.
    ///
    /// # Errors
    /// A setting cannot be used; the error names it.
    pub fn check(&self, schema: &str) -> anyhow::Result<()> {
        self.cursors()?;
        self.telemetry.traces.check()?;
        postgres::pool(&self.database, schema)?;
        Ok(())
    }

    /// What seals the cursors of lists.
    ///
    /// # Errors
    /// The key is no key.
    pub fn cursors(&self) -> anyhow::Result<Cursors> {
        Ok(Cursors::new(&self.cursor_key.key().context("CURSOR_KEY")?))
    }
}
