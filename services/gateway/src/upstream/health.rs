//! Whether the endpoints of a service say that they are well: asked of each by itself, beside the clients' requests.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use futures_util::future::join_all;
use http::uri::PathAndQuery;
use tokio::time::timeout;

use super::Upstream;
use super::endpoint::{Change, Endpoint};
use super::fetch::ask;

const PATIENCE: Duration = Duration::from_secs(1);

/// What endpoints are asked, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    pub path: PathAndQuery,
    /// That of the endpoint itself, if it does not say.
    pub port: Option<u16>,
}

impl Upstream {
    /// Asks all its endpoints at once, if they are to be asked.
    pub async fn check_health(&self) {
        let Some(check) = &self.site.health else {
            return;
        };
        let endpoints = self.endpoints.all();
        join_all(endpoints.iter().map(|endpoint| self.check_endpoint(check, endpoint))).await;
    }

    async fn check_endpoint(&self, check: &HealthCheck, endpoint: &Endpoint) {
        let asked = timeout(PATIENCE, self.is_well(check, endpoint.address)).await;
        let found = asked.unwrap_or_else(|elapsed| Err(elapsed.into()));
        match endpoint.checked(found.is_ok()) {
            Change::None => {}
            Change::CameBack => {
                tracing::info!(upstream = self.name, endpoint = %endpoint.address, "endpoint is well again");
            }
            Change::Left => {
                let error = found.err().map(|error| format!("{error:#}"));
                tracing::warn!(upstream = self.name, endpoint = %endpoint.address, error, "endpoint is not well");
            }
        }
    }

    async fn is_well(&self, check: &HealthCheck, mut address: SocketAddr) -> anyhow::Result<()> {
        address.set_port(check.port.unwrap_or(address.port()));
        ask(address, &self.host, &check.path, async |answer| {
            ensure!(answer.status().is_success(), "{} answers {}", check.path, answer.status());
            Ok(())
        })
        .await
    }
}
