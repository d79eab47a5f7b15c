//! The settings of the service.

use anyhow::ensure;
use url::Url;

use crate::SCHEMA;

/// What the service must be told to run.
#[derive(Debug, Clone, clap::Args)]
// The group is called after the type, and so is that of what is flattened.
#[group(skip)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub service: portico_service::Config,
    /// Auth's feed of account events, on its internal listener
    #[arg(long, env = "EVENTS_URL")]
    pub events_url: Url,
}

impl Config {
    /// Checks what the parser cannot.
    ///
    /// # Errors
    /// A setting is not usable; the error names its variable.
    pub fn check(&self) -> anyhow::Result<()> {
        let is_http = matches!(self.events_url.scheme(), "http" | "https");
        ensure!(is_http, "EVENTS_URL must be an http:// or https:// address");
        self.service.check(SCHEMA)
    }
}
