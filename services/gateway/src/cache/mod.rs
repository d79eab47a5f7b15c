//! Public answers kept for those who ask next (RFC 9111), on routes that ask for it.
//!
//! `request` says who may share an answer, `policy` which answers may be shared and for how long; both are pure.
//! `store` keeps them, `flights` has the service asked once for all that wait, `fetch` asks, and `passage` and `share`
//! are the way of a request through all of it. Everything is shared by all workers, within one number of bytes.

mod budget;
mod conditions;
mod directives;
mod entry;
mod fetch;
mod flights;
mod gather;
mod generations;
mod key;
mod passage;
mod policy;
mod request;
mod share;
mod store;
mod vary;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Semaphore;

use budget::Budget;
use flights::Flights;
use generations::Generations;
use store::Store;

pub(crate) use passage::Passage;

/// Below it, the largest answers would not fit.
const LEAST_BYTES: usize = 4 << 20;
/// So many answers are asked for behind clients' backs at once; those beyond stay stale a little longer.
const MOST_REFRESHES: usize = 64;

/// How much is kept of what services answered.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Cache")]
pub struct CacheConfig {
    /// How many bytes of answers are held for routes with a cache, those on their way to clients included (at least 4 MiB).
    #[arg(long, env = "CACHE_BYTES", value_name = "BYTES", default_value_t = 64 << 20, value_parser = bytes)]
    pub cache_bytes: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

fn bytes(raw: &str) -> Result<usize, String> {
    let bytes: usize = raw.parse().map_err(|_| "must be a number of bytes".to_owned())?;
    if bytes >= LEAST_BYTES { Ok(bytes) } else { Err(format!("must be at least {LEAST_BYTES}")) }
}

/// The cache of the process, which is made when the first route asks for it.
pub(crate) struct Caches {
    bytes: usize,
    shared: OnceLock<Arc<Cache>>,
    realms: Mutex<Realms>,
}

/// Which routes have a cache now, each with a number that no other ever had.
#[derive(Default)]
struct Realms {
    in_force: HashMap<String, u64>,
    next: u64,
}

/// What all workers share.
struct Cache {
    store: Store,
    flights: Arc<Flights>,
    generations: Generations,
    budget: Budget,
    refreshes: Arc<Semaphore>,
}

/// The cache as one route has it.
#[derive(Clone)]
pub(crate) struct RouteCache {
    shared: Arc<Cache>,
    realm: u64,
}

impl Caches {
    pub fn new(config: &CacheConfig) -> Self {
        Self { bytes: config.cache_bytes, shared: OnceLock::new(), realms: Mutex::default() }
    }

    /// The caches of the routes that are to have one, by what says where they lead. A route that leads elsewhere than
    /// before, or had no cache for a while, begins with an empty one.
    pub fn of(&self, routes: impl Iterator<Item = String>) -> HashMap<String, RouteCache> {
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        let Realms { in_force, next } = &mut *realms;
        let mut number = |route: &String| {
            in_force.get(route).copied().unwrap_or_else(|| {
                *next += 1;
                *next
            })
        };
        let numbered: HashMap<String, u64> = routes.map(|route| (route.clone(), number(&route))).collect();
        in_force.clone_from(&numbered);
        let cache = |realm| RouteCache { shared: Arc::clone(self.shared.get_or_init(|| self.make())), realm };
        numbered.into_iter().map(|(route, realm)| (route, cache(realm))).collect()
    }

    /// How many bytes are held, once there is a cache.
    pub fn held_bytes(&self) -> Option<usize> {
        self.shared.get().map(|shared| shared.budget.taken())
    }

    fn make(&self) -> Arc<Cache> {
        let budget = Budget::new(self.bytes);
        // A quarter is left for what comes in and goes out.
        let store = Store::new(self.bytes / 4 * 3, budget.clone());
        let refreshes = Arc::new(Semaphore::new(MOST_REFRESHES));
        Arc::new(Cache { store, flights: Arc::default(), generations: Generations::default(), budget, refreshes })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn realms(caches: &Caches, routes: &[&str]) -> Vec<u64> {
        let of = caches.of(routes.iter().map(ToString::to_string));
        routes.iter().map(|route| of[*route].realm).collect()
    }

    #[test]
    fn a_route_keeps_its_answers_for_as_long_as_it_stays_as_it_is() {
        let caches = Caches::new(&CacheConfig::default());

        let first = realms(&caches, &["/a to x", "/b to x"]);
        let changed = realms(&caches, &["/a to x", "/b to y"]);
        let without = realms(&caches, &["/b to y"]);
        let again = realms(&caches, &["/a to x"]);

        assert_eq!(changed[0], first[0]);
        assert_eq!(without[0], changed[1]);
        let all = [first[0], first[1], changed[1], again[0]];
        assert!(all.iter().enumerate().all(|(at, realm)| !all[..at].contains(realm)), "{all:?}");
    }

    #[test]
    fn without_a_route_that_asks_for_it_there_is_none() {
        let caches = Caches::new(&CacheConfig::default());

        realms(&caches, &[]);
        assert_eq!(caches.held_bytes(), None);
        realms(&caches, &["/a"]);
        assert_eq!(caches.held_bytes(), Some(0));
    }

    #[test]
    fn its_size_has_a_default_and_a_lower_end() {
        #[derive(Debug, Parser)]
        struct Program {
            #[command(flatten)]
            cache: CacheConfig,
        }
        let parse = |args: &[&str]| Program::try_parse_from(args).map(|program| program.cache.cache_bytes);

        assert_eq!(parse(&["gateway"]).unwrap(), CacheConfig::default().cache_bytes);
        assert_eq!(parse(&["gateway", "--cache-bytes", "4194304"]).unwrap(), LEAST_BYTES);
        for bad in ["0", "4194303", "-1", "64MiB"] {
            assert!(parse(&["gateway", &format!("--cache-bytes={bad}")]).is_err(), "{bad}");
        }
    }
}
