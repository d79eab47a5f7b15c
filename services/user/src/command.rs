//! What the binary can do.

use std::net::SocketAddr;

use portico_common::clock::Clock;
use portico_common::postgres::{self, DatabaseConfig};
use portico_common::server;
use portico_common::telemetry::service_span;
use tracing::Instrument as _;

use crate::{Config, MIGRATOR, SCHEMA};

/// The user service of Portico: profiles of the accounts that auth keeps.
#[derive(Debug, clap::Parser)]
#[command(name = "portico-user", version)]
pub enum Command {
    /// Answer requests until SIGTERM
    Serve(Box<Config>),
    /// Bring the schema up to date
    Migrate(DatabaseConfig),
    /// Check the settings of `serve` and nothing else
    Check(Box<Config>),
    /// Ask the running service whether it is ready
    Health {
        /// Its internal listener
        #[arg(long, env = "INTERNAL_LISTEN", value_name = "ADDRESS")]
        internal_listen: SocketAddr,
    },
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// It could not be done; the error names the setting at fault.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(config) => serve(*config).await,
            Self::Migrate(database) => postgres::migrate(&database, SCHEMA, &MIGRATOR).await,
            Self::Check(config) => config.check(),
            Self::Health { internal_listen } => server::probe(internal_listen).await,
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    config.check()?;
    let (listeners, lifecycle) = server::begin(&config.service.server, &config.service.telemetry).await?;
    crate::serve(config, listeners, Clock::system(), lifecycle).instrument(service_span("user")).await
}
