//! A service behind the gateway: where it is, and who of it is asked.

mod budget;
mod endpoint;
mod endpoints;
mod error;
mod fetch;
mod gate;
mod health;
mod http1;
mod pool;
mod record;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::join_all;
use http::HeaderValue;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::{Host, Url};

pub(crate) use endpoint::{EndpointView, Exchange};
pub(crate) use error::UpstreamError;
pub(crate) use fetch::fetch;
pub(crate) use gate::Pass;
pub(crate) use health::HealthCheck;
pub(crate) use http1::{AnswerHead, Connection, Fault, RequestHead, Transfer};
pub(crate) use pool::Pool;

use crate::metrics::UpstreamLabel;
use budget::RetryBudget;
use endpoints::Endpoints;
use gate::{Full, Gate};

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// A name that has no address is not looked up for every request.
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);

/// Where a service is, as the route file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Whom it is asked as, and where it is if there are no `places`.
    pub url: Url,
    /// `host:port` of each place it is at.
    pub places: Vec<String>,
    pub health: Option<HealthCheck>,
}

/// One service, or one guest.
pub(crate) struct Upstream {
    /// A service's name, or a guest's prefix.
    pub name: String,
    /// The name, in metrics and logs.
    pub label: UpstreamLabel,
    /// The `Host` it is asked by.
    pub host: HeaderValue,
    pub endpoints: Endpoints,
    pub retries: RetryBudget,
    /// How many requests it has at once.
    pub gate: Gate,
    pub site: Site,
    /// `host:port` of each place it is at, where one is a name.
    names: Vec<String>,
    /// When that was done for a request.
    looked_up_at: tokio::sync::Mutex<Option<Instant>>,
}

impl Upstream {
    /// # Errors
    /// The URL of the site names no host.
    pub fn new(name: &str, site: Site, label: UpstreamLabel) -> anyhow::Result<Self> {
        let url = &site.url;
        let host = url.host().with_context(|| format!("{name}: {url} names no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let names = if site.places.is_empty() {
            vec![format!("{host}:{}", url.port_or_known_default().unwrap_or(80))]
        } else {
            site.places.clone()
        };
        let literals: Option<Vec<SocketAddr>> = names.iter().map(|place| place.parse().ok()).collect();
        Ok(Self {
            name: name.to_owned(),
            label,
            host: HeaderValue::try_from(&authority).context("the host of a URL")?,
            retries: RetryBudget::default(),
            gate: Gate::new(Instant::now()),
            site,
            names: if literals.is_some() { Vec::new() } else { names },
            endpoints: Endpoints::new(literals.unwrap_or_default()),
            looked_up_at: tokio::sync::Mutex::default(),
        })
    }

    /// Looks its names up for the first time, for a request that needs an address: all that come meanwhile wait for
    /// the one lookup, and while there is no address it is not repeated for each of them.
    pub async fn resolve_first(&self) {
        self.resolve_first_by(look_up).await;
    }

    async fn resolve_first_by(&self, look_up: impl AsyncFn(&str) -> anyhow::Result<Vec<SocketAddr>>) {
        let mut looked_up_at = self.looked_up_at.lock().await;
        let is_recent = looked_up_at.is_some_and(|at| at.elapsed() < LOOKUP_PAUSE);
        if self.endpoints.len() == 0 && !is_recent {
            self.resolve_by(look_up).await;
            *looked_up_at = Some(Instant::now());
        }
    }

    /// Looks its names up again. What is known stays in force while one of them cannot be looked up.
    pub async fn resolve(&self) {
        self.resolve_by(look_up).await;
    }

    async fn resolve_by(&self, look_up: impl AsyncFn(&str) -> anyhow::Result<Vec<SocketAddr>>) {
        if self.names.is_empty() {
            return;
        }
        let found = join_all(self.names.iter().map(|name| look_up(name))).await;
        match found.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(addresses) => self.endpoints.replace(addresses.into_iter().flatten()),
            Err(error) => tracing::debug!(upstream = self.name, error = format!("{error:#}"), "not looked up"),
        }
    }

    /// Waits for room for one more request, if there is none.
    ///
    /// # Errors
    /// There is none soon.
    pub async fn wait_for_room(&self) -> Result<Pass<'_>, UpstreamError> {
        let pass = self.gate.enter(self.endpoints.len()).await;
        pass.map_err(|full| {
            let reason = match full {
                Full::Line => "line_full",
                Full::Wait => "no_room_in_time",
            };
            UpstreamError::Overloaded { upstream: self.name.clone(), reason }
        })
    }

    pub fn timed_out(&self) -> UpstreamError {
        UpstreamError::TimedOut { upstream: self.name.clone() }
    }

    pub fn broken(&self, source: impl Into<anyhow::Error>) -> UpstreamError {
        UpstreamError::Broken { upstream: self.name.clone(), source: source.into() }
    }

    pub fn unreachable(&self, source: impl Into<anyhow::Error>) -> UpstreamError {
        UpstreamError::Unreachable { upstream: self.name.clone(), source: source.into() }
    }
}

async fn look_up(name: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = match name.parse() {
        Ok(address) => vec![address],
        Err(_) => timeout(LOOKUP_TIMEOUT, lookup_host(name)).await??.collect(),
    };
    anyhow::ensure!(!found.is_empty(), "{name} has no address");
    Ok(found)
}

/// Whether a `host:port` can be looked up at all.
pub(crate) fn check_place(place: &str) -> anyhow::Result<()> {
    let (host, port) = place.rsplit_once(':').with_context(|| format!("{place:?} is not host:port"))?;
    Host::parse(host).with_context(|| format!("{place:?} has no host"))?;
    let port: u16 = port.parse().with_context(|| format!("{place:?} has no port"))?;
    anyhow::ensure!(port != 0, "{place:?} has no port");
    Ok(())
}
