//! The table a request is routed by.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Canary, Mirror, RouteEntry, RouteFile, TokenRule, covers};
use crate::cache::{Caches, RouteCache};
use crate::config::ProxyConfig;
use crate::limit::{Per, Policies, PolicySet};
use crate::metrics::{Metrics, RouteLabel};
use crate::upstream::{Site, Upstream};
use crate::validation::Enforced;

/// Where requests under a prefix go, and within which limits.
#[derive(Clone)]
pub(crate) struct Route {
    pub prefix: String,
    /// The prefix, in metrics and logs.
    pub label: RouteLabel,
    pub token: TokenRule,
    pub limits: Limits,
    pub upstream: Arc<Upstream>,
    /// Rate limits that count before it is known whose the token is.
    pub limits_of_clients: PolicySet,
    /// Rate limits that count whose token it is.
    pub limits_of_subjects: PolicySet,
    /// What keeps its public answers, if something does.
    pub cache: Option<RouteCache>,
    /// What requests are held against, if they are.
    pub enforced: Option<Arc<Enforced>>,
    /// Who answers a share of its requests instead, if somebody does.
    pub canary: Option<Canary>,
    /// Who gets a copy of a share of its requests, if somebody does.
    pub mirror: Option<Mirror>,
}

/// How long and how large an exchange may be.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// From the last movement of the request to the head of the answer.
    pub timeout: Duration,
    /// Between two pieces of the answer.
    pub idle_timeout: Duration,
    /// The whole exchange.
    pub total_timeout: Option<Duration>,
    /// Of the request's body.
    pub body_bytes: u64,
    /// Whether it counts among the requests the service has at once.
    pub concurrency: bool,
}

/// All routes, the longest prefix first.
pub(crate) struct RouteTable {
    routes: Vec<Arc<Route>>,
    upstreams: Vec<Arc<Upstream>>,
    /// By the names of upstreams, those that a route has requests held against.
    enforced: BTreeMap<String, Arc<Enforced>>,
}

impl RouteTable {
    /// Makes the table; `body_limit` counts where a route does not say.
    ///
    /// An upstream of the `known` table that is where it was goes on with all that was learned of it.
    pub fn new(
        file: &RouteFile,
        proxy: &ProxyConfig,
        body_limit: u64,
        metrics: &Metrics,
        caches: &Caches,
        known: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let mut upstreams = Upstreams { made: HashMap::new(), metrics, known };
        let keeping = file.routes.iter().filter(|entry| entry.cache);
        let targets = keeping.map(|entry| file.target_of(entry)).collect::<anyhow::Result<Vec<_>>>()?;
        let caches = caches.of(targets.into_iter());
        let validated = file.routes.iter().filter(|entry| entry.validate).map(RouteEntry::upstream_name);
        let enforced: BTreeMap<_, _> = validated.map(|name| (name.to_owned(), enforced(name, known))).collect();
        let policies = Policies::new(&file.limits)?;
        let mut routes = file
            .routes
            .iter()
            .map(|entry| {
                let upstream = upstreams.at(entry.upstream_name(), file.site_of(entry)?)?;
                let limits = entry.limits(proxy, body_limit);
                let (of_subjects, of_clients) = file.limits_of(entry);
                let route = Route {
                    prefix: entry.prefix.clone(),
                    label: metrics.route(&entry.prefix),
                    token: entry.token,
                    limits,
                    upstream,
                    limits_of_clients: policies.of_route(&entry.prefix, &of_clients)?,
                    limits_of_subjects: policies.of_route(&entry.prefix, &of_subjects)?,
                    cache: caches.get(&file.target_of(entry)?).filter(|_| entry.cache).cloned(),
                    enforced: enforced.get(entry.upstream_name()).filter(|_| entry.validate).cloned(),
                    canary: None,
                    mirror: upstreams.mirror(entry, file)?,
                };
                let canary = upstreams.canary(&route, entry, file)?;
                Ok(Arc::new(Route { canary, ..route }))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        routes.sort_by(|a, b| b.prefix.len().cmp(&a.prefix.len()).then_with(|| a.prefix.cmp(&b.prefix)));
        Ok(Self { routes, upstreams: upstreams.made.into_values().collect(), enforced })
    }

    /// The route with the longest prefix that covers `path`.
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| covers(&route.prefix, path))
    }

    /// All of them, the longest prefix first.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// All that something is routed to.
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// By the names of upstreams, what requests to them are held against.
    pub fn enforced(&self) -> &BTreeMap<String, Arc<Enforced>> {
        &self.enforced
    }

    /// The upstream of that name.
    pub fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }
}

/// What is in force already, or nothing yet.
fn enforced(name: &str, known: Option<&RouteTable>) -> Arc<Enforced> {
    known.and_then(|table| table.enforced.get(name)).cloned().unwrap_or_default()
}

/// Makes each upstream once.
struct Upstreams<'a> {
    made: HashMap<String, Arc<Upstream>>,
    metrics: &'a Metrics,
    known: Option<&'a RouteTable>,
}

impl Upstreams<'_> {
    fn at(&mut self, name: &str, site: Site) -> anyhow::Result<Arc<Upstream>> {
        if let Some(made) = self.made.get(name) {
            return Ok(Arc::clone(made));
        }
        let known = self.known.and_then(|table| table.upstream(name)).filter(|upstream| upstream.site == site);
        let upstream = match known {
            Some(upstream) => Arc::clone(upstream),
            None => Arc::new(Upstream::new(name, site, self.metrics.upstream(name))?),
        };
        self.made.insert(name.to_owned(), Arc::clone(&upstream));
        Ok(upstream)
    }

    fn canary(&mut self, route: &Route, entry: &RouteEntry, file: &RouteFile) -> anyhow::Result<Option<Canary>> {
        let Some(split) = &entry.canary else { return Ok(None) };
        let upstream = self.at(&split.upstream_name(&entry.prefix, "canary"), file.site_of_split(split)?)?;
        let route = Arc::new(Route { upstream, ..route.clone() });
        Ok(Some(Canary { share: split.share, route }))
    }

    fn mirror(&mut self, entry: &RouteEntry, file: &RouteFile) -> anyhow::Result<Option<Mirror>> {
        let Some(split) = &entry.mirror else { return Ok(None) };
        let upstream = self.at(&split.upstream_name(&entry.prefix, "mirror"), file.site_of_split(split)?)?;
        Ok(Some(Mirror { share: split.share, upstream }))
    }
}

impl RouteFile {
    /// Where a route leads: another text, another service.
    fn target_of(&self, entry: &RouteEntry) -> anyhow::Result<String> {
        let Site { url, places, health: _ } = self.site_of(entry)?;
        Ok(format!("{} to {} at {url} {places:?}", entry.prefix, entry.upstream_name()))
    }

    /// The names of a route's limits that count subjects, and those of the others.
    fn limits_of(&self, entry: &RouteEntry) -> (Vec<String>, Vec<String>) {
        let counts_subjects = |name: &String| self.limits.get(name).is_some_and(|limit| limit.per == Per::Subject);
        entry.limits.iter().cloned().partition(counts_subjects)
    }
}

impl RouteEntry {
    /// A service's name; a guest's is its prefix, which cannot be a service's name.
    pub(crate) fn upstream_name(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.prefix)
    }

    fn limits(&self, proxy: &ProxyConfig, body_limit: u64) -> Limits {
        Limits {
            timeout: self.timeout.unwrap_or(proxy.upstream_timeout),
            idle_timeout: self.idle_timeout.unwrap_or(proxy.upstream_idle_timeout),
            total_timeout: self.total_timeout,
            body_bytes: self.body_limit_bytes.unwrap_or(body_limit),
            concurrency: self.limit_concurrency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheConfig;

    const FILE: &str = r#"
        [services.shop]
        url = "http://127.0.0.1:7001"
        port = 7001
        internal_port = 7002
        [[routes]]
        prefix = "/v1/shop"
        service = "shop"
        token = "ignored"
    "#;

    fn table(text: &str, known: Option<&RouteTable>) -> RouteTable {
        let file = RouteFile::parse(text).unwrap();
        let caches = Caches::new(&CacheConfig::default());
        RouteTable::new(&file, &ProxyConfig::default(), 1, &Metrics::default(), &caches, known).unwrap()
    }

    #[test]
    fn what_is_known_of_an_upstream_outlives_a_new_table_unless_it_has_moved() {
        let first = table(FILE, None);
        let guest = "[[routes]]\nprefix = \"/v1/guest\"\nurl = \"http://127.0.0.1:7003\"\ntoken = \"ignored\"\n";

        let second = table(&format!("{FILE}{guest}"), Some(&first));
        let moved = table(&FILE.replace("127.0.0.1:7001", "127.0.0.2:7001"), Some(&second));

        let shop = |table: &RouteTable| Arc::clone(table.upstream("shop").unwrap());
        assert!(Arc::ptr_eq(&shop(&first), &shop(&second)));
        assert!(!Arc::ptr_eq(&shop(&second), &shop(&moved)));
    }
}
