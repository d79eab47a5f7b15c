//! Keeping the right keys: one from the start, the next one published before its time, the old one until its tokens are gone.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::task::spawn_blocking;

use super::model::StoredKey;
use super::{MasterKey, SigningKey, store};
use crate::config::SigningAlgorithm;

/// How long a key is published before it signs: longer than `max-age` of the JWKS and the minute verifiers take to look.
const PUBLISH_LEAD: TimeDelta = TimeDelta::minutes(10);

/// Clocks differ, and verifiers allow for it.
const LEEWAY: TimeDelta = TimeDelta::minutes(2);

/// Which key there should be.
#[derive(Clone)]
pub(crate) struct KeyPolicy {
    pub algorithm: SigningAlgorithm,
    pub rotation: TimeDelta,
    pub token_life: TimeDelta,
    pub master: MasterKey,
}

impl KeyPolicy {
    /// When a new key must become active, if one is due.
    fn next_from(&self, keys: &[StoredKey], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Some(newest) = keys.last() else {
            return Some(now);
        };
        let is_old = newest.active_from + self.rotation <= now + PUBLISH_LEAD;
        let is_other = newest.algorithm != self.algorithm.name();
        // One that waits for its turn is waited for; two changes at once would retire a key nobody has seen.
        let is_waiting = newest.active_from > now;
        ((is_old || is_other) && !is_waiting).then(|| now + PUBLISH_LEAD)
    }
}

/// Makes the key that is due, removes those that are gone, and returns the rest ready for use. Replicas take turns.
pub(crate) async fn maintain(db: &PgPool, policy: &KeyPolicy, now: DateTime<Utc>) -> anyhow::Result<Vec<SigningKey>> {
    let mut connection = db.acquire().await?;
    let mut keys = store::list(&mut connection).await?;
    let is_stale = keys.iter().any(|key| key.gone_from.is_some_and(|gone| gone <= now));
    drop(connection);
    if is_stale || policy.next_from(&keys, now).is_some() {
        keys = renew(db, policy, now).await?;
    }
    keys.into_iter().map(|key| SigningKey::open(key, &policy.master)).collect()
}

async fn renew(db: &PgPool, policy: &KeyPolicy, now: DateTime<Utc>) -> anyhow::Result<Vec<StoredKey>> {
    let mut tx = db.begin().await?;
    store::lock(&mut tx).await?;
    store::delete_gone(&mut tx, now).await?;
    // Another replica may have been here first.
    let keys = store::list(&mut tx).await?;
    if let Some(active_from) = policy.next_from(&keys, now) {
        let (algorithm, master) = (policy.algorithm, policy.master.clone());
        let key = spawn_blocking(move || StoredKey::generate(algorithm, &master, active_from)).await??;
        store::retire(&mut tx, active_from, active_from + policy.token_life + LEEWAY).await?;
        store::insert(&mut tx, &key, now).await?;
        tracing::info!(key.id = key.kid, key.algorithm, key.active_from = %active_from, "signing key made");
    }
    let keys = store::list(&mut tx).await?;
    tx.commit().await?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> KeyPolicy {
        KeyPolicy {
            algorithm: SigningAlgorithm::Es256,
            rotation: TimeDelta::days(90),
            token_life: TimeDelta::minutes(10),
            master: MasterKey::new(&[7; 32]),
        }
    }

    fn key(active_from: DateTime<Utc>) -> StoredKey {
        StoredKey::generate(SigningAlgorithm::Es256, &policy().master, active_from).unwrap()
    }

    #[test]
    fn the_first_key_is_active_at_once_and_the_next_is_published_first() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let later = start + TimeDelta::days(90);

        assert_eq!(policy().next_from(&[], start), Some(start));
        assert_eq!(policy().next_from(&[key(start)], start + TimeDelta::days(1)), None);
        assert_eq!(policy().next_from(&[key(start)], later), Some(later + PUBLISH_LEAD));
        assert_eq!(policy().next_from(&[key(start), key(later + PUBLISH_LEAD)], later), None);
    }

    #[test]
    fn another_algorithm_brings_another_key() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let policy = KeyPolicy { algorithm: SigningAlgorithm::EdDsa, ..policy() };

        assert_eq!(policy.next_from(&[key(start)], start), Some(start + PUBLISH_LEAD));
    }
}
