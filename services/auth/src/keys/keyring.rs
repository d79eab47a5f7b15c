//! The keys in memory, shared by all requests.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::JwkSet;

use super::SigningKey;
use crate::crypto;

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

    /// What is published as JSON, and a tag that changes with it.
    pub fn document(&self, now: DateTime<Utc>) -> serde_json::Result<(Vec<u8>, String)> {
        let document = serde_json::to_vec(&self.published(now))?;
        let tag = URL_SAFE_NO_PAD.encode(&crypto::sha256(&document)[..16]);
        Ok((document, tag))
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
