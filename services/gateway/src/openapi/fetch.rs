//! Where the documents come from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use http::uri::PathAndQuery;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::routes::{RouteFile, RouteTable};
use crate::upstream::{Upstream, fetch};
use crate::validation::{Contract, Enforced};

const SERVICE_DOCUMENT: PathAndQuery = PathAndQuery::from_static("/openapi.json");
const PATIENCE: Duration = Duration::from_secs(2);
const LARGEST_DOCUMENT: usize = 8 << 20;

/// What a service answered when it was asked for its document.
pub(super) enum Answer {
    Document(Value),
    /// There is an answer, but not one to merge; asking again soon would not change it.
    Unusable,
    /// It could not be asked.
    Away,
}

/// A service that publishes a document.
pub(super) struct Source {
    pub name: String,
    upstream: Arc<Upstream>,
    path: PathAndQuery,
    /// What is compiled of the document, if a route asks for it.
    enforced: Option<Arc<Enforced>>,
    /// So that a service that is away is told of once.
    is_lost: AtomicBool,
}

impl Source {
    /// Every service something is routed to, and every guest that says where its document is.
    pub fn all(file: &RouteFile, routes: &RouteTable) -> anyhow::Result<Vec<Self>> {
        let services = file.services.keys().map(|name| (name.as_str(), SERVICE_DOCUMENT));
        let mut named: Vec<(&str, PathAndQuery)> = services.collect();
        for entry in &file.routes {
            if let Some(path) = &entry.openapi {
                named.push((entry.upstream_name(), path.parse().context("openapi: not a path")?));
            }
        }
        let source = |(name, path): (&str, _)| {
            // One that only gets a share of what a route leads elsewhere describes nothing.
            let upstream =
                routes.routes().iter().map(|route| &route.upstream).find(|upstream| upstream.name == name)?;
            let (upstream, enforced) = (Arc::clone(upstream), routes.enforced().get(name).cloned());
            Some(Self { name: name.to_owned(), upstream, path, enforced, is_lost: AtomicBool::new(false) })
        };
        Ok(named.into_iter().filter_map(source).collect())
    }

    /// Asks for the document as it is published now, and puts it in force if it is another than `known`.
    pub async fn fetch(&self, known: Option<&Value>) -> Answer {
        let asked = timeout(PATIENCE, fetch(&self.upstream, &self.path, LARGEST_DOCUMENT)).await;
        let read = match asked.unwrap_or_else(|_| Err(anyhow!("no answer within {PATIENCE:?}"))) {
            Ok(body) => self.take_over(&body, known).await.map_err(|error| (error, Answer::Unusable)),
            Err(error) => Err((error, Answer::Away)),
        };
        match read {
            Ok(document) => {
                self.is_lost.store(false, Ordering::Relaxed);
                Answer::Document(document)
            }
            Err((error, answer)) => {
                if !self.is_lost.swap(true, Ordering::Relaxed) {
                    let error = format!("{error:#}");
                    tracing::warn!(upstream = self.name, error, "no usable OpenAPI document; trying again");
                }
                answer
            }
        }
    }

    async fn take_over(&self, body: &[u8], known: Option<&Value>) -> anyhow::Result<Value> {
        let document = read(body);
        let Some(enforced) = &self.enforced else {
            return document;
        };
        let enforce = async {
            let document = document?;
            if known == Some(&document) && enforced.contract().is_some() {
                enforced.confirm();
                return Ok(document);
            }
            let (document, compiled) = spawn_blocking(move || {
                let compiled = Contract::compile(&document);
                (document, compiled)
            })
            .await?;
            enforced.replace(compiled.context("requests cannot be held against it")?);
            Ok(document)
        };
        enforce.await.inspect_err(|_| enforced.fall_behind())
    }
}

fn read(body: &[u8]) -> anyhow::Result<Value> {
    let document: Value = serde_json::from_slice(body).context("not JSON")?;
    let version = document["openapi"].as_str().unwrap_or("none");
    ensure!(version.starts_with("3.1."), "OpenAPI 3.1 is needed, this is {version}");
    Ok(document)
}
