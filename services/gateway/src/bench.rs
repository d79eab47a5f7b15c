//! The steps that `benches/` measures one by one; nobody else's business.

use std::net::IpAddr;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Version, header};
use portico_common::middleware::{request_id_from, trace_context_from};

use crate::cache::{CacheConfig, Caches};
use crate::config::ProxyConfig;
use crate::headers::{Forwarded, Peer, RequestHeaders, Stamp};
use crate::limit::{Limiter, Requester, StoreConfig};
use crate::metrics::Metrics;
use crate::routes::{RouteFile, RouteTable};

/// A route table with its limits, as a request meets them.
pub struct Steps {
    table: RouteTable,
    limiter: Limiter,
}

impl Steps {
    /// Those of a route file.
    ///
    /// # Errors
    /// The file is wrong.
    pub fn new(routes: &str) -> anyhow::Result<Self> {
        let file = RouteFile::parse(routes)?;
        let caches = Caches::new(&CacheConfig::default());
        let table = RouteTable::new(&file, &ProxyConfig::default(), 1 << 20, &Metrics::default(), &caches, None)?;
        Ok(Self { table, limiter: Limiter::new(&StoreConfig::default(), Instant::now())? })
    }

    /// Finds the route of a path.
    pub fn finds_route(&self, path: &str) -> bool {
        self.table.find(path).is_some()
    }

    /// Counts a request of a client on the first route; tells whether it is allowed.
    pub fn allows(&self, client: IpAddr, now: Instant) -> bool {
        let requester = Requester { client, subject: None, api_key: None };
        let limits = self.table.routes().first().map(|route| &route.limits_of_clients);
        limits.is_none_or(|limits| self.limiter.check_local(limits, &requester, now).refusal().is_none())
    }
}

/// Writes the headers of a request to a service, from those of the client.
pub fn pass_headers(client: HeaderMap, out: &mut Vec<u8>) {
    let peer = Peer::new(IpAddr::from([127, 0, 0, 1]), "http");
    let host = client.get(header::HOST).cloned();
    let forwarded = Forwarded::read(&client, &peer, host, 0);
    let stamp = Stamp {
        id: &request_id_from(&client),
        trace: &trace_context_from(&client),
        forwarded: &forwarded,
        upstream_host: &HeaderValue::from_static("product:8083"),
        version: Version::HTTP_11,
        wants_websocket: false,
    };
    RequestHeaders::new(client, &stamp).write(out);
}
