//! What runs beside the requests.

use std::time::Duration;

use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;
use portico_common::clock::Clock;
use portico_common::token::Verifier;
use portico_service::events::{self, Position};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::keys::{KeyPolicy, Keyring};
use crate::revocations::Snapshot;
use crate::sessions::SessionRules;
use crate::{accounts, codes, keys, revocations, sessions};

/// How long news of another replica, or of this one, may go unnoticed. Revocations must be known everywhere within a second.
const LOOK_FOR_NEWS: Duration = Duration::from_millis(150);
/// A key that an operator has deleted must be refused everywhere within a second.
const LOOK_AFTER_KEYS: Duration = Duration::from_millis(400);
const SWEEP_EVERY: Duration = Duration::from_mins(10);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long ended sessions are kept, so that their tokens are still recognised when they come back.
const KEEP_ENDED_SESSIONS: TimeDelta = TimeDelta::days(7);

/// How long an address may stay unverified before its registration is forgotten.
const KEEP_UNVERIFIED: TimeDelta = TimeDelta::days(7);

/// Looks for news in both feeds: applies revocations to this process and wakes those who wait.
pub(crate) struct NewsDesk {
    pub db: PgPool,
    pub clock: Clock,
    pub verifier: Verifier,
    pub beat: watch::Sender<()>,
    seen: Option<Snapshot>,
    head: Position,
}

impl NewsDesk {
    pub fn new(db: PgPool, clock: Clock, verifier: Verifier, beat: watch::Sender<()>) -> Self {
        Self { db, clock, verifier, beat, seen: None, head: Position::default() }
    }

    /// Looks once. The first look takes in every revocation that still matters.
    pub async fn look(&mut self) -> Result<(), sqlx::Error> {
        let mut db = self.db.acquire().await?;
        let (items, seen) = revocations::read(&mut db, self.seen.as_ref(), self.clock.now()).await?;
        let head = events::head(&mut db).await?;
        self.verifier.revoke(&items);
        if !items.is_empty() || head != self.head {
            self.beat.send_replace(());
        }
        (self.seen, self.head) = (Some(seen), head);
        Ok(())
    }

    /// Keeps looking.
    pub async fn run(mut self) {
        let mut was_fine = true;
        loop {
            sleep(if was_fine { LOOK_FOR_NEWS } else { PAUSE_AFTER_FAILURE }).await;
            let looked = self.look().await;
            if let Err(error) = &looked
                && was_fine
            {
                tracing::error!(%error, "the feeds cannot be read; trying again");
            }
            was_fine = looked.is_ok();
        }
    }
}

/// Keeps the signing keys: makes the next one in time, and takes in what other replicas made.
#[derive(Clone)]
pub(crate) struct KeyKeeper {
    pub db: PgPool,
    pub clock: Clock,
    pub policy: KeyPolicy,
    pub keyring: Keyring,
    pub verifier: Verifier,
    pub beat: watch::Sender<()>,
}

impl KeyKeeper {
    /// Looks once; afterwards there is an active key.
    pub async fn look(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        self.keyring.replace(keys::maintain(&self.db, &self.policy, now).await?);
        let published: JwkSet = self.keyring.published(now);
        if self.verifier.replace_keys(&published) {
            self.beat.send_replace(());
        }
        Ok(())
    }

    /// Keeps looking.
    pub async fn run(self) {
        loop {
            sleep(LOOK_AFTER_KEYS).await;
            if let Err(error) = self.look().await {
                tracing::error!(error = format!("{error:#}"), "the signing keys cannot be looked after; trying again");
            }
        }
    }
}

/// Removes what has expired, for as long as it runs.
pub(crate) async fn sweep(db: PgPool, clock: Clock, rules: SessionRules) {
    loop {
        match sweep_once(&db, &clock, &rules).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired rows removed"),
            Err(error) => tracing::error!(%error, "expired rows cannot be removed; trying again"),
        }
        sleep(SWEEP_EVERY).await;
    }
}

async fn sweep_once(db: &PgPool, clock: &Clock, rules: &SessionRules) -> Result<u64, sqlx::Error> {
    let now = clock.now();
    let ended_before = now - KEEP_ENDED_SESSIONS;
    let mut db = db.acquire().await?;
    let rows = codes::sweep(&mut db, now).await?
        + revocations::sweep(&mut db, now).await?
        + accounts::sweep(&mut db, now - KEEP_UNVERIFIED).await?
        + sessions::sweep(&mut db, ended_before, ended_before - rules.idle).await?;
    Ok(rows)
}
