//! What follows from one reading of the route file, in force as a whole.

use std::sync::Arc;

use crate::cache::Caches;
use crate::config::ProxyConfig;
use crate::cors::Cors;
use crate::metrics::Metrics;
use crate::openapi::Reference;
use crate::routes::{RouteFile, RouteTable};

/// Where requests go, and the description of what is there.
pub(crate) struct Routing {
    pub table: Arc<RouteTable>,
    pub reference: Arc<Reference>,
    /// Whether answers are made smaller for clients that take them so.
    pub compresses: bool,
    /// Which pages may call from a browser, if any.
    pub cors: Option<Arc<Cors>>,
}

impl Routing {
    /// Makes it of a file; `body_limit` counts where a route does not say. What is known of upstreams is kept.
    ///
    /// # Errors
    /// A route leads nowhere.
    pub fn new(
        file: &RouteFile,
        proxy: &ProxyConfig,
        body_limit: u64,
        metrics: &Metrics,
        caches: &Caches,
        known: Option<&RouteTable>,
    ) -> anyhow::Result<Self> {
        let table = Arc::new(RouteTable::new(file, proxy, body_limit, metrics, caches, known)?);
        let reference = Arc::new(Reference::new(file, Arc::clone(&table))?);
        let cors = file.cors.as_ref().map(Cors::new).transpose()?.map(Arc::new);
        Ok(Self { table, reference, compresses: file.compression, cors })
    }
}
