//! A policy ready to be asked, and the policies of a route.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use http::HeaderValue;

use super::config::{LimitEntry, OnStoreLoss, Per};
use super::gcra::Rate;

/// A named rate limit. Policies of the same name and numbers are one, whichever file they were read from.
#[derive(Debug)]
pub(crate) struct Policy {
    pub name: Box<str>,
    pub quota: u32,
    pub window_secs: u32,
    pub per: Per,
    pub on_store_loss: OnStoreLoss,
    pub(super) rate: Rate,
    /// Stands for name and numbers, so that a policy whose numbers change begins anew.
    pub(super) id: u64,
    /// The same in keys of the shared store.
    pub(super) scope: Box<str>,
}

impl Policy {
    pub(super) fn new(name: &str, entry: &LimitEntry) -> Self {
        let (quota, window_secs, burst) = (entry.quota.get(), entry.window_secs.get(), entry.burst().get());
        let scope = format!("portico:limit:{name}:{quota}/{window_secs}/{burst}");
        let mut id = DefaultHasher::new();
        scope.hash(&mut id);
        Self {
            name: name.into(),
            quota,
            window_secs,
            per: entry.per,
            on_store_loss: entry.on_store_loss,
            rate: Rate::new(quota, window_secs, burst),
            id: id.finish(),
            scope: scope.into(),
        }
    }
}

/// The policies of a route, each of which must allow its requests.
#[derive(Debug, Clone)]
pub(crate) struct PolicySet {
    /// The route's prefix, which counts by itself where a policy is per route.
    pub(super) route: Box<str>,
    pub(super) policies: Box<[Arc<Policy>]>,
    /// `RateLimit-Policy`, the same on every answer.
    pub(super) description: HeaderValue,
}

impl PolicySet {
    pub(super) fn new(route: &str, policies: Vec<Arc<Policy>>) -> Self {
        let items = policies.iter().map(|policy| {
            let Policy { name, quota, window_secs, .. } = &**policy;
            format!("\"{name}\";q={quota};w={window_secs}")
        });
        let description = items.collect::<Vec<_>>().join(", ");
        let description = HeaderValue::try_from(description).expect("names are checked to be plain ASCII");
        Self { route: route.into(), policies: policies.into(), description }
    }

    /// As `RateLimit-Policy` says it.
    pub fn description(&self) -> &str {
        self.description.to_str().unwrap_or_default()
    }

    /// Whether the route has no limits at all.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }
}
