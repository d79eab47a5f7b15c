//! The one way to hashing: off the async threads, few at a time, with a queue that ends.
//!
//! A hash takes a core for tens of milliseconds and 19 MiB. Without a bound a burst of logins would
//! take all memory and starve every other request; with it the surplus is told to come back.

use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context as _;
use portico_common::error::Invalid;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::hash::{Hasher, Verdict};
use super::{GivenPassword, NewPassword};
use crate::config::PasswordConfig;

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateError {
    #[error("too many passwords are being checked right now; try again in a moment")]
    Busy,
    #[error("hashing failed")]
    Broken(#[source] anyhow::Error),
}

/// Hashes passwords for requests. Cheap to clone; clones share the bound.
#[derive(Clone)]
pub(crate) struct PasswordGate {
    hasher: Arc<Hasher>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl PasswordGate {
    pub fn new(config: &PasswordConfig) -> anyhow::Result<Self> {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        let running = config.hash_concurrency.map_or(cores, usize::from);
        Ok(Self {
            hasher: Arc::new(Hasher::new(config)?),
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + usize::from(config.hash_queue))),
        })
    }

    /// Checks a password somebody wants to set and hashes it; the inner error says what is wrong with it.
    pub async fn hash_new(&self, raw: String, context: &[&str]) -> Result<Result<String, Invalid>, GateError> {
        let context: Vec<String> = context.iter().map(|&word| word.to_owned()).collect();
        self.run(move |hasher| {
            let context: Vec<&str> = context.iter().map(String::as_str).collect();
            match NewPassword::parse(raw, &context) {
                Ok(password) => hasher.hash(password.as_bytes()).map(Ok),
                Err(invalid) => Ok(Err(invalid)),
            }
        })
        .await
    }

    /// Like [`hash_new`](Self::hash_new) without hashing: only says what is wrong with the password.
    pub async fn check_new(&self, raw: String, context: &[&str]) -> Result<Result<(), Invalid>, GateError> {
        let context: Vec<String> = context.iter().map(|&word| word.to_owned()).collect();
        self.run(move |_| {
            let context: Vec<&str> = context.iter().map(String::as_str).collect();
            Ok(NewPassword::parse(raw, &context).map(drop))
        })
        .await
    }

    /// Compares a password with a stored hash, or with none at the same cost.
    pub async fn verify(&self, password: GivenPassword, stored: Option<String>) -> Result<Verdict, GateError> {
        self.run(move |hasher| hasher.verify(password.as_bytes(), stored.as_deref())).await
    }

    /// Like [`verify`](Self::verify); a right password whose hash is outdated comes with a new hash.
    pub async fn verify_and_renew(
        &self,
        password: GivenPassword,
        stored: Option<String>,
    ) -> Result<(Verdict, Option<String>), GateError> {
        self.run(move |hasher| {
            let verdict = hasher.verify(password.as_bytes(), stored.as_deref())?;
            let is_outdated = verdict == Verdict::RightButOutdated;
            Ok((verdict, is_outdated.then(|| hasher.hash(password.as_bytes())).transpose()?))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, GateError> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| GateError::Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|error| GateError::Broken(error.into()))?;
        let hasher = Arc::clone(&self.hasher);
        // The permits go along: a request that was given up still takes its core until the hash is done.
        let done = spawn_blocking(move || {
            let result = work(&hasher);
            drop((turn, place));
            result
        });
        done.await.context("the hashing thread").flatten().map_err(GateError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use portico_common::config::Secret;

    use super::*;

    #[tokio::test]
    async fn what_neither_runs_nor_waits_is_turned_away() {
        let pepper = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let config = PasswordConfig { hash_concurrency: Some(1), hash_queue: 1, ..PasswordConfig::with_pepper(pepper) };
        let gate = PasswordGate::new(&config).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let running = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(move |_| Ok(held.recv()?)).await }
        });
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(|_| Ok(())).await }
        });
        while gate.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        let refused = gate.run(|_| Ok(())).await;

        assert!(matches!(refused, Err(GateError::Busy)));
        release.send(()).unwrap();
        assert!(running.await.unwrap().is_ok());
        assert!(waiting.await.unwrap().is_ok());
        assert!(gate.run(|_| Ok(())).await.is_ok());
    }
}
