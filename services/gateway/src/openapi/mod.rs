//! The reference: the documents of all services, fetched beside the requests and merged into one.
//!
//! What was fetched last is kept while a service is away.

mod fetch;
mod merge;
mod problems;
mod rename;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderValue;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::own;
use crate::routes::{RouteFile, RouteTable};
use fetch::{Answer, Source};
use merge::Part;

pub(crate) use problems::KnownProblem;

const REFRESH: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_millis(500);

/// Keeps the merged description of everything behind the gateway.
pub(crate) struct Reference {
    sources: Vec<Source>,
    routes: Arc<RouteTable>,
    own: Value,
    fetched: Mutex<Fetched>,
    published: ArcSwap<Published>,
}

/// The last good document of each source.
#[derive(Default)]
struct Fetched {
    documents: Vec<Option<Value>>,
    at: Option<Instant>,
}

/// What readers get.
pub(crate) struct Published {
    pub json: Bytes,
    pub etag: HeaderValue,
    pub problems: BTreeMap<String, KnownProblem>,
    is_complete: bool,
}

impl Reference {
    /// A reference that knows the gateway's own paths only, until it is [refreshed](Self::refresh_in_turn) or asked.
    pub fn new(file: &RouteFile, routes: Arc<RouteTable>) -> anyhow::Result<Self> {
        let own = serde_json::to_value(own::api())?;
        let sources = Source::all(file, &routes)?;
        let published = publish(&own, &[], sources.is_empty(), &routes);
        Ok(Self {
            fetched: Mutex::new(Fetched { documents: vec![None; sources.len()], at: None }),
            sources,
            routes,
            own,
            published: ArcSwap::from_pointee(published),
        })
    }

    /// Asks all services, and says when to ask again.
    pub async fn refresh_in_turn(&self) -> Duration {
        self.refresh().await;
        if self.published.load().is_complete { REFRESH } else { RETRY }
    }

    /// What is known now; while a service has never been heard of, it is asked first.
    pub async fn current(&self) -> Arc<Published> {
        let published = self.published.load_full();
        if published.is_complete {
            return published;
        }
        self.refresh().await;
        self.published.load_full()
    }

    async fn refresh(&self) {
        let asked_at = Instant::now();
        let mut fetched = self.fetched.lock().await;
        // Another one did the work while this one waited for its turn.
        if fetched.at.is_some_and(|at| at >= asked_at) {
            return;
        }
        let asking = self.sources.iter().zip(&fetched.documents);
        let answers = join_all(asking.map(|(source, known)| source.fetch(known.as_ref()))).await;
        let mut is_complete = true;
        for (kept, answer) in fetched.documents.iter_mut().zip(answers) {
            match answer {
                Answer::Document(document) => *kept = Some(document),
                Answer::Unusable => {}
                Answer::Away => is_complete &= kept.is_some(),
            }
        }
        fetched.at = Some(Instant::now());
        let parts: Vec<Part<'_>> = self
            .sources
            .iter()
            .zip(&fetched.documents)
            .filter_map(|(source, document)| Some(Part { name: &source.name, document: document.as_ref()? }))
            .collect();
        self.published.store(Arc::new(publish(&self.own, &parts, is_complete, &self.routes)));
    }
}

fn publish(own: &Value, parts: &[Part<'_>], is_complete: bool, routes: &RouteTable) -> Published {
    let problems = problems::known(parts);
    let is_routed_to = |name: &str, path: &str| routes.find(path).is_some_and(|route| route.upstream.name == name);
    let mut document = merge::merge(own, parts, is_routed_to);
    document["x-problems"] = problems.values().map(KnownProblem::to_value).collect();
    let json = Bytes::from(document.to_string());
    let name = URL_SAFE_NO_PAD.encode(digest(&SHA256, &json));
    let etag = HeaderValue::try_from(format!("\"{name}\"")).expect("base64 in quotes is a header value");
    Published { json, etag, problems, is_complete }
}
