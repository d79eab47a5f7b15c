//! What the binary can do.

use std::net::SocketAddr;

use portico_common::clock::Clock;
use portico_common::server;
use portico_common::telemetry::service_span;
use tracing::Instrument as _;

use crate::edge::Files;
use crate::{Config, EdgeConfig, RoutesConfig};

/// The gateway of Portico: the one door to all services.
#[derive(Debug, clap::Parser)]
#[command(name = "portico-gateway", version)]
pub enum Command {
    /// Route requests until SIGTERM.
    Serve(Box<Config>),
    /// Read the route file, and certificate and key if there are any, and say what is wrong with them.
    Check {
        /// The list of services and routes.
        #[command(flatten)]
        routes: RoutesConfig,
        /// How clients are served.
        #[command(flatten)]
        edge: EdgeConfig,
    },
    /// Ask a running gateway whether it is ready.
    Health {
        /// Address of its internal listener.
        #[arg(long, env = "INTERNAL_LISTEN", value_name = "ADDRESS")]
        internal_listen: SocketAddr,
    },
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// It could not be done; the error names the setting or the key at fault.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(config) => serve(*config).await,
            Self::Check { routes, edge } => {
                routes.read()?;
                Files::of(&edge).map_or(Ok(()), |files| files.read().map(drop))
            }
            Self::Health { internal_listen } => server::probe(internal_listen).await,
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let routes = config.routes.read()?;
    let (listeners, lifecycle) = server::begin(&config.server, &config.telemetry).await?;
    crate::serve(config, routes, listeners, Clock::system(), lifecycle).instrument(service_span("gateway")).await
}
