//! What the binary of a service can do.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use portico_common::clock::Clock;
use portico_common::postgres::{self, DatabaseConfig};
use portico_common::server;
use portico_common::telemetry::service_span;
use tracing::Instrument as _;

use crate::{Config, Service};

#[derive(Debug, clap::Parser)]
#[command(version)]
enum Command {
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

impl Service {
    /// The command line of its binary.
    pub fn command(&self) -> clap::Command {
        Command::command().name(self.package).about(self.about)
    }

    /// Does what the command line asks for; leaves the process when that cannot be understood.
    ///
    /// # Errors
    /// It could not be done; the error names the setting at fault.
    pub async fn run(&'static self) -> anyhow::Result<()> {
        let matches = self.command().get_matches();
        match Command::from_arg_matches(&matches).context("the command line")? {
            Command::Serve(config) => self.serve_alone(*config).await,
            Command::Migrate(database) => postgres::migrate(&database, self.schema, self.migrator).await,
            Command::Check(config) => config.check(self.schema),
            Command::Health { internal_listen } => server::probe(internal_listen).await,
        }
    }

    async fn serve_alone(&'static self, config: Config) -> anyhow::Result<()> {
        config.check(self.schema)?;
        let (listeners, lifecycle) = server::begin(&config.server, &config.telemetry).await?;
        self.serve(config, listeners, Clock::system(), lifecycle).instrument(service_span(self.name)).await
    }
}
