//! What the issuer publishes, fetched in the background: revocations as they happen, keys every minute and when the feed
//! says that they have changed.

use std::time::Duration;

use anyhow::Context as _;
use jsonwebtoken::jwk::JwkSet;
use reqwest::Client;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use url::Url;

use super::verifier::Verifier;
use super::{Revocation, TokenConfig};

const REFRESH: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_millis(250);
const LONG_POLL_SECONDS: u64 = 20;

/// The least time between two fetches for unknown key ids, however many tokens carry them.
const COOL_DOWN: Duration = Duration::from_secs(30);

pub(super) struct KeySource {
    client: Client,
    jwks_url: Url,
    revocations_url: Url,
    last_look: Mutex<Option<Instant>>,
}

/// Failures in a row. A restart of the issuer makes a few, and those are no news.
#[derive(Default)]
struct Failures(u32);

impl Failures {
    const NEWS: u32 = 8;

    fn note(&mut self, error: &anyhow::Error, what: &'static str) {
        self.0 = self.0.saturating_add(1);
        if self.0 == Self::NEWS {
            tracing::warn!(
                error = format!("{error:#}"),
                what,
                "cannot be read for some time; what is known stays in force"
            );
        }
    }

    fn end(&mut self) {
        if self.0 >= Self::NEWS {
            tracing::info!("the issuer can be read again");
        }
        self.0 = 0;
    }
}

#[derive(Deserialize)]
struct Batch {
    items: Vec<Revocation>,
    next: String,
    /// Changes with the published keys.
    keys: Option<String>,
}

impl KeySource {
    pub fn new(config: &TokenConfig) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("building the client for the issuer's feeds")?;
        Ok(Self {
            client,
            jwks_url: config.jwks_url.clone(),
            revocations_url: config.revocations_url.clone(),
            last_look: Mutex::default(),
        })
    }

    /// Fetches the keys every minute. While the issuer is away the keys already held stay good.
    pub async fn follow_keys(&self, verifier: &Verifier) {
        let mut failures = Failures::default();
        loop {
            match self.fetch_keys(verifier).await {
                Ok(()) => {
                    failures.end();
                    sleep(REFRESH).await;
                }
                Err(error) => {
                    failures.note(&error, "the issuer's keys");
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Looks once for a key id not seen before; many at a time share one look per cool-down.
    pub async fn look_for(&self, key_id: &str, verifier: &Verifier) {
        let mut last_look = self.last_look.lock().await;
        let is_cooling = last_look.is_some_and(|at| at.elapsed() < COOL_DOWN);
        if is_cooling || verifier.knows(key_id) {
            return;
        }
        *last_look = Some(Instant::now());
        if let Err(error) = self.fetch_keys(verifier).await {
            tracing::warn!(error = format!("{error:#}"), "keys could not be fetched for an unknown key id");
        }
    }

    async fn fetch_keys(&self, verifier: &Verifier) -> anyhow::Result<()> {
        let request = self.client.get(self.jwks_url.clone()).timeout(Duration::from_secs(5));
        let published: JwkSet = request.send().await?.error_for_status()?.json().await?;
        anyhow::ensure!(!published.keys.is_empty(), "the issuer publishes no key");
        verifier.replace_keys(&published);
        Ok(())
    }

    /// Reads the feed of revocations: all that still matter at first, then each as it happens.
    /// When the feed is lost, what is known stays in force and reading goes on where it stopped.
    pub async fn follow_revocations(&self, verifier: &Verifier) {
        let (mut cursor, mut keys) = (None, None);
        let mut failures = Failures::default();
        loop {
            let asked = Instant::now();
            match self.fetch_revocations(cursor.as_deref(), keys.as_deref()).await {
                Ok(batch) => {
                    verifier.revoke(&batch.items);
                    verifier.mark_revocations_known();
                    cursor = Some(batch.next);
                    if batch.keys != keys && self.fetch_keys(verifier).await.is_ok() {
                        keys = batch.keys;
                    }
                    failures.end();
                    // An issuer that is stopping answers at once with nothing new, and would be asked in a tight loop.
                    if batch.items.is_empty() && asked.elapsed() < RETRY {
                        sleep(RETRY).await;
                    }
                }
                Err(error) => {
                    failures.note(&error, "the revocation feed");
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn fetch_revocations(&self, cursor: Option<&str>, keys: Option<&str>) -> anyhow::Result<Batch> {
        let mut request = self.client.get(self.revocations_url.clone());
        // The first read must answer at once: nothing is served before it.
        if let Some(cursor) = cursor {
            request = request.query(&[("after", cursor), ("wait", &LONG_POLL_SECONDS.to_string())]);
        }
        if let Some(keys) = keys {
            request = request.query(&[("keys", keys)]);
        }
        let request = request.timeout(Duration::from_secs(LONG_POLL_SECONDS + 5));
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}
