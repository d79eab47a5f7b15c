mod answers;
mod fake_store;
mod real_store;
mod store_loss;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Policies;
use super::{LimitEntry, Limiter, PolicySet, Requester, StoreConfig};

const NOBODY: Requester<'_> = client(1);

/// Someone at the address 203.0.113.`last`.
const fn client(last: u8) -> Requester<'static> {
    Requester { client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)), subject: None, api_key: None }
}

/// The policies of a file, on the route `prefix`, in the order of their names.
fn limits_on(prefix: &str, file: &str) -> PolicySet {
    let entries: BTreeMap<String, LimitEntry> = toml::from_str(file).unwrap();
    let names: Vec<_> = entries.keys().cloned().collect();
    Policies::new(&entries).unwrap().of_route(prefix, &names).unwrap()
}

fn limits(file: &str) -> PolicySet {
    limits_on("/v1/a", file)
}

/// A limiter without a store.
fn alone() -> (Limiter, Instant) {
    let now = Instant::now();
    let config = StoreConfig { redis_url: None, redis_timeout: Duration::from_millis(50) };
    (Limiter::new(&config, now).unwrap(), now)
}

/// Waits until the limiter's store is, or is not, asked.
async fn until_store_is(limiter: &Arc<Limiter>, available: bool) {
    let wait = async {
        while limiter.store().unwrap().is_available() != available {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("the store never became so");
}
