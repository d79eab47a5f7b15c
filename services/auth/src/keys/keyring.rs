//! The keys in memory, shared by all requests.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::JwkSet;

use super::SigningKey;

/// The keys as they were read last. Cheap to clone; clones see the same keys.
#[derive(Clone, Default)]
pub(crate) struct Keyring(Arc<ArcSwap<Vec<SigningKey>>>);

impl Keyring {
    /// Takes over the keys, ordered by the time they become active.
    pub fn replace(&self, keys: Vec<SigningKey>) {
        self.0.store(Arc::new(keys));
    }

    /// What is published: every key that has signed a token still alive, or will sign one.
    pub fn published(&self, now: DateTime<Utc>) -> JwkSet {
        let keys = self.0.load();
        let published = keys.iter().filter(|key| key.gone_from.is_none_or(|gone| gone > now));
        JwkSet { keys: published.map(|key| key.public.clone()).collect() }
    }

    /// Hands the key that signs now to `sign`: the newest whose time has come.
    pub fn with_active<T>(
        &self,
        now: DateTime<Utc>,
        sign: impl FnOnce(&SigningKey) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let keys = self.0.load();
        let active = keys.iter().rfind(|key| key.active_from <= now);
        sign(active.ok_or_else(|| anyhow::anyhow!("there is no active signing key"))?)
    }
}
