//! Counts that all gateways share, in Redis or Valkey.
//!
//! One connection, owned by a background task and used from every worker. A store that fails or is slow is not
//! asked again until that task has found it well, so that its loss delays no more requests than were under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwapOption;
use portico_common::config::Secret;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::gcra::Rate;
use super::partition::{Partition, Requester};
use super::policy::PolicySet;
use super::{Levels, MAX_POLICIES};

const SCRIPT: &str = include_str!("charge.lua");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);
const MAX_QUEUED: usize = 1024;

/// Where rate limits are counted for all gateways together.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Rate limits")]
pub struct StoreConfig {
    /// Redis or Valkey, not a cluster: `redis[s]://[USER]:PASSWORD@HOST:PORT/DATABASE`; without it, each gateway counts for itself.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<Secret>,
    /// How long an answer of it may take before its loss is assumed.
    #[arg(long = "redis-timeout-ms", env = "REDIS_TIMEOUT_MS", value_name = "MILLISECONDS", default_value = "50", value_parser = milliseconds)]
    pub redis_timeout: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { redis_url: None, redis_timeout: Duration::from_millis(50) }
    }
}

fn milliseconds(raw: &str) -> Result<Duration, String> {
    match raw.parse() {
        Ok(milliseconds @ 1..=10_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err("must be a whole number of milliseconds from 1 to 10000".to_owned()),
    }
}

/// The shared counts, while they can be reached.
pub(crate) struct Store {
    client: redis::Client,
    timeout: Duration,
    link: ArcSwapOption<Link>,
    lost: Notify,
    failures: AtomicU64,
}

/// A connection that has proved itself, and the name of the script there.
struct Link {
    connection: MultiplexedConnection,
    script: String,
}

impl Store {
    /// Without connecting, so that a gateway starts without its store.
    pub(super) fn new(url: &Secret, timeout: Duration) -> anyhow::Result<Self> {
        // The driver's own message might repeat the address, and the password with it.
        let client =
            redis::Client::open(url.expose()).ok().context("REDIS_URL is not a redis:// or rediss:// address")?;
        Ok(Self { client, timeout, link: ArcSwapOption::empty(), lost: Notify::new(), failures: AtomicU64::new(0) })
    }

    /// Whether the store is asked at present.
    pub fn is_available(&self) -> bool {
        self.link.load().is_some()
    }

    /// How often it was asked in vain, by requests and by the background task.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Takes one from each bucket, or from none if one of them is empty; `None` if the store cannot say.
    pub(super) async fn charge(&self, limits: &PolicySet, requester: &Requester<'_>) -> Option<Levels> {
        let link = self.link.load_full()?;
        let buckets = limits
            .policies
            .iter()
            .map(|policy| (format!("{}:{}", policy.scope, Partition::of(policy, limits, requester)), policy.rate));
        let buckets = buckets.collect::<Vec<_>>();
        match self.in_time(link.charge(&buckets)).await {
            Ok(levels) => Some(levels),
            Err(error) => {
                self.lose(&link, &error);
                None
            }
        }
    }

    /// Connects, and connects anew after each loss, for as long as it is polled.
    pub(super) async fn follow(&self) {
        let mut is_news = true;
        loop {
            match self.connect().await {
                Ok(link) => {
                    self.link.store(Some(Arc::new(link)));
                    tracing::info!("rate limits are counted in the shared store");
                    self.lost.notified().await;
                    is_news = false;
                }
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    if is_news {
                        report_loss(&error);
                    }
                    is_news = false;
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<Link> {
        // The timeouts are ours: the driver's would leave out the time a command waits to be sent.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MAX_QUEUED);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_TIMEOUT, connecting).await.context("no connection in time")??;
        let mut link = Link { connection, script: String::new() };
        link.script = self.in_time(link.load_script()).await?;
        // A replica, a full memory or a missing permission shows only when something is written.
        self.in_time(link.charge(&[("portico:limit:probe".to_owned(), Rate { interval: 1, capacity: 1_000 })])).await?;
        Ok(link)
    }

    async fn in_time<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        timeout(self.timeout, work).await.context("no answer in time")?
    }

    /// Stops asking. Of the many requests that may notice a loss, the first one tells.
    fn lose(&self, link: &Arc<Link>, error: &anyhow::Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let before = self.link.compare_and_swap(link, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, link)) {
            report_loss(error);
            self.lost.notify_one();
        }
    }
}

impl Link {
    async fn load_script(&self) -> anyhow::Result<String> {
        let mut connection = self.connection.clone();
        Ok(redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query_async(&mut connection).await?)
    }

    async fn charge(&self, buckets: &[(String, Rate)]) -> anyhow::Result<Levels> {
        let command = command("EVALSHA", &self.script, buckets);
        let answer: Vec<u64> = command.query_async(&mut self.connection.clone()).await?;
        levels(&answer, buckets)
    }
}

/// The script's call, as `charge.lua` expects it.
pub(super) fn command(how: &str, script: &str, buckets: &[(String, Rate)]) -> redis::Cmd {
    let mut command = redis::cmd(how);
    command.arg(script).arg(buckets.len());
    for (key, _) in buckets {
        command.arg(key);
    }
    for (_, rate) in buckets {
        command.arg(rate.interval).arg(rate.capacity);
    }
    command
}

fn levels(answer: &[u64], buckets: &[(String, Rate)]) -> anyhow::Result<Levels> {
    let (admitted, amounts) = answer.split_first().context("an empty answer")?;
    let is_whole = *admitted <= 1
        && amounts.len() == buckets.len()
        && amounts.iter().zip(buckets).all(|(amount, (_, rate))| *amount <= rate.capacity);
    ensure!(is_whole, "an answer that is not the script's");
    let mut used = [None; MAX_POLICIES];
    for (used, amount) in used.iter_mut().zip(amounts) {
        *used = Some(*amount);
    }
    Ok(Levels { admitted: *admitted == 1, used })
}

fn report_loss(error: &anyhow::Error) {
    tracing::warn!(error = format!("{error:#}"), "the shared store of rate limits cannot be asked");
}
