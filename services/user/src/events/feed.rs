//! The client of auth's feed.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// How long the feed waits for news before it answers with none.
const WAIT_SECONDS: u64 = 20;

/// Where auth tells of its accounts.
pub struct Feed {
    client: Client,
    url: Url,
}

/// Some events, oldest first. They are read one by one, so that a bad one costs only itself.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The events.
    pub items: Vec<Value>,
    /// Where the next batch begins.
    pub next: String,
}

impl Batch {
    /// How long ago the last of its events happened; no time at all if there are none.
    pub fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        let last = self.items.iter().rev().find_map(|item| item.get("occurred_at")?.as_str()?.parse().ok());
        last.map_or(TimeDelta::zero(), |last: DateTime<Utc>| (now - last).max(TimeDelta::zero()))
    }
}

impl Feed {
    /// A client of the feed at `url`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(url: Url) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(WAIT_SECONDS + 5))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("building the client for auth's events")?;
        Ok(Self { client, url })
    }

    /// What follows `after`, or everything; waits a while for something to happen.
    ///
    /// # Errors
    /// Auth is away, or answers with something else.
    pub async fn read(&self, after: Option<&str>) -> anyhow::Result<Batch> {
        let wait = WAIT_SECONDS.to_string();
        let mut request = self.client.get(self.url.clone()).query(&[("wait", wait.as_str())]);
        if let Some(after) = after {
            request = request.query(&[("after", after)]);
        }
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_is_as_old_as_its_last_event() {
        let now = "2026-03-04T05:06:07Z".parse().unwrap();
        let age = |items: Value| {
            let items = items.as_array().unwrap().clone();
            Batch { items, next: String::new() }.age(now).num_seconds()
        };

        assert_eq!(age(json!([])), 0);
        assert_eq!(age(json!([{"occurred_at": "2026-03-04T05:00:00Z"}, {"occurred_at": "2026-03-04T05:06:00Z"}])), 7);
        assert_eq!(age(json!([{"occurred_at": "2026-03-04T05:06:00Z"}, {"poison": true}])), 7);
        assert_eq!(age(json!([{"occurred_at": "2026-03-04T05:07:00Z"}])), 0);
    }
}
