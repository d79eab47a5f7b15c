//! A service behind the gateway, and how it is asked.

mod error;
mod fetch;
mod pool;

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context as _;
use http::HeaderValue;
use tokio::net::lookup_host;
use url::{Host, Url};

pub(crate) use error::UpstreamError;
pub(crate) use fetch::fetch;
pub(crate) use pool::{Lease, Pool};

/// One service, or one guest.
pub(crate) struct Upstream {
    /// A service's name, or a guest's prefix.
    pub name: String,
    /// The `Host` it is asked by.
    pub host: HeaderValue,
    address: String,
    literal: Option<SocketAddr>,
}

impl Upstream {
    pub fn new(name: &str, url: &Url) -> anyhow::Result<Self> {
        let host = url.host().with_context(|| format!("{name}: {url} names no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let literal = match host {
            Host::Ipv4(ip) => Some(SocketAddr::from((ip, port))),
            Host::Ipv6(ip) => Some(SocketAddr::from((ip, port))),
            Host::Domain(_) => None,
        };
        Ok(Self {
            name: name.to_owned(),
            host: HeaderValue::try_from(&authority).context("the host of a URL")?,
            address: format!("{host}:{port}"),
            literal,
        })
    }

    pub fn timed_out(&self) -> UpstreamError {
        UpstreamError::TimedOut { upstream: self.name.clone() }
    }

    /// A connection to the service that was kept.
    pub fn kept_connection(&self, pool: &Rc<Pool>) -> Option<Lease> {
        pool.take(self.literal?)
    }

    /// An address of the service.
    pub async fn address(&self) -> std::io::Result<SocketAddr> {
        if let Some(address) = self.literal {
            return Ok(address);
        }
        let mut found = lookup_host(&self.address).await?;
        found.next().ok_or_else(|| std::io::Error::other("the name has no address"))
    }
}
