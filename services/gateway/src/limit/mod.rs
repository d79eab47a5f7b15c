//! Rate limits: how many requests a client, a subject, an API key or a route may make.
//!
//! A policy is named in `portico.toml` and lies on the routes that name it. They share its counts: ten logins a
//! minute on two routes are ten together. Only a policy per route counts each of its routes by itself. Where
//! several policies lie on a route, a request that one of them refuses takes nothing from the others.
//!
//! Gateways count together in a [`Store`] if they have one; without it, and while it is lost, each counts for
//! itself. What the store says is noted here too, so that a client who had used up a quota has still used it up
//! when the store is lost.
//!
//! Why not the crate `governor`: its keyed store grows without bound until someone sweeps it, it asks one policy
//! at a time, and its arithmetic cannot be that of the store's script.

mod config;
mod gcra;
mod local;
mod partition;
mod policy;
mod shared;
mod verdict;

#[cfg(test)]
mod tests;

use std::array;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

pub(crate) use config::Policies;
pub use config::{LimitEntry, OnStoreLoss, Per};
pub(crate) use partition::Requester;
pub(crate) use policy::{Policy, PolicySet};
pub(crate) use shared::Store;
pub use shared::StoreConfig;
pub(crate) use verdict::{Told, Verdict};

use local::{Ask, Table};
use partition::Partition;

/// How many policies may lie on a route.
const MAX_POLICIES: usize = 4;

/// Something for each policy of a route, in their order.
type PerPolicy<T> = [Option<T>; MAX_POLICIES];

/// What a store answers.
#[derive(Debug, Clone, Copy)]
struct Levels {
    admitted: bool,
    /// How much is taken from each bucket that was asked, this request included if it is admitted.
    used: PerPolicy<u64>,
}

/// Counts requests; one for all workers, and it outlives a reload of the policies.
pub(crate) struct Limiter {
    started: Instant,
    hasher: RandomState,
    table: Table,
    store: Option<Store>,
}

impl Limiter {
    /// Counts in the store that `config` names, once [`follow`](Self::follow) has reached it, or else only here.
    ///
    /// # Errors
    /// The address of the store is none; it is not repeated.
    pub fn new(config: &StoreConfig, now: Instant) -> anyhow::Result<Self> {
        let store = config.redis_url.as_ref().map(|url| Store::new(url, config.redis_timeout)).transpose()?;
        Ok(Self { started: now, hasher: RandomState::new(), table: Table::new(), store })
    }

    /// Keeps the connection to the store, on the runtime that polls this; ends at once without a store.
    pub async fn follow(&self) {
        if let Some(store) = &self.store {
            store.follow().await;
        }
    }

    /// The store that is shared with other gateways; without one, [`check_local`](Self::check_local) is the same
    /// as [`check`](Self::check) and never waits.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Whether the policies of a route allow one request more.
    pub async fn check<'a>(&self, limits: &'a PolicySet, requester: &Requester<'_>, now: Instant) -> Verdict<'a> {
        let Some(store) = &self.store else {
            return self.check_local(limits, requester, now);
        };
        let Some(levels) = store.charge(limits, requester).await else {
            return self.check_without_store(limits, requester, now);
        };
        let asks = self.asks(limits, requester, |_| true);
        self.table.record(&asks, &levels.used, self.micros(now));
        Verdict::new(limits, levels)
    }

    /// Whether the policies of a route allow one request more, by what this process has seen.
    pub fn check_local<'a>(&self, limits: &'a PolicySet, requester: &Requester<'_>, now: Instant) -> Verdict<'a> {
        let asks = self.asks(limits, requester, |_| true);
        Verdict::new(limits, self.table.charge(&asks, self.micros(now)))
    }

    fn check_without_store<'a>(&self, limits: &'a PolicySet, requester: &Requester<'_>, now: Instant) -> Verdict<'a> {
        if limits.policies.iter().any(|policy| policy.on_store_loss == OnStoreLoss::Closed) {
            return Verdict::unknown(limits);
        }
        let asks = self.asks(limits, requester, |policy| policy.on_store_loss == OnStoreLoss::Local);
        Verdict::new(limits, self.table.charge(&asks, self.micros(now)))
    }

    fn asks(&self, limits: &PolicySet, requester: &Requester<'_>, is_asked: fn(&Policy) -> bool) -> PerPolicy<Ask> {
        array::from_fn(|index| {
            let policy = limits.policies.get(index).filter(|policy| is_asked(policy))?;
            let partition = Partition::of(policy, limits, requester);
            Some(Ask { tag: self.hasher.hash_one((policy.id, partition)), rate: policy.rate })
        })
    }

    fn micros(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.started).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX)
    }
}
