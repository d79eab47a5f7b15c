//! Delivering letters, a few at a time, until they have arrived.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use portico_common::clock::Clock;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use super::compose::{Content, compose};
use super::model::{MAX_ATTEMPTS, pause_after};
use super::{Letter, LetterKind, store};
use crate::accounts::{self, Account, Registration};
use crate::codes::{self, CodeKey, Purpose};
use crate::mail::{Mail, MailError};

/// How long a letter written by another process, or put off, may lie unseen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many letters are on their way at once: one slow mail server must not hold up all others.
const CARRIERS: usize = 4;

/// Tells the post office of this process that there is mail to deliver.
#[derive(Clone, Default)]
pub(crate) struct Postman(Arc<Notify>);

impl Postman {
    /// Call it after the transaction that wrote a letter.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Delivers letters for as long as it runs. Several processes may deliver at once.
pub(crate) struct PostOffice {
    pub db: PgPool,
    pub clock: Clock,
    pub mail: Mail,
    pub code_key: CodeKey,
    pub link_base: Url,
    pub postman: Postman,
}

impl PostOffice {
    /// Has letters delivered for as long as it runs.
    pub async fn run(self) {
        let office = Arc::new(self);
        let carriers: JoinSet<()> = (0..CARRIERS).map(|_| Arc::clone(&office).carry()).collect();
        carriers.join_all().await;
    }

    /// Delivers what is due, waits for more, and so on.
    async fn carry(self: Arc<Self>) {
        loop {
            match self.deliver_next().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(error = format!("{error:#}"), "letters cannot be read"),
            }
            // An elapsed wait is the usual case: then it looks by itself.
            let _woken = timeout(LOOK_EVERY, self.postman.0.notified()).await;
        }
    }

    /// Delivers the letter that is due longest; says whether there was one.
    async fn deliver_next(&self) -> anyhow::Result<bool> {
        let now = self.clock.now();
        let claimed = {
            let mut db = self.db.acquire().await?;
            store::claim(&mut db, now).await?
        };
        let Some(letter) = claimed else {
            return Ok(false);
        };
        // Where there is one there may be more, for the next carrier.
        self.postman.wake();
        let delivered = self.deliver(&letter, now).await;
        let mut db = self.db.acquire().await?;
        match delivered {
            Ok(()) => store::delete(&mut db, letter.id).await?,
            Err(error) if letter.attempts >= MAX_ATTEMPTS || is_final(&error) => {
                tracing::error!(letter.id = %letter.id, error = format!("{error:#}"), "letter given up");
                store::delete(&mut db, letter.id).await?;
            }
            Err(error) => {
                tracing::warn!(letter.id = %letter.id, error = format!("{error:#}"), "letter not delivered, trying again");
                store::postpone(&mut db, letter.id, now + pause_after(letter.attempts)).await?;
            }
        }
        Ok(true)
    }

    /// Writes the mail and hands it over. No transaction is open meanwhile.
    async fn deliver(&self, letter: &Letter, now: DateTime<Utc>) -> anyhow::Result<()> {
        if let Some(content) = self.content(letter, now).await? {
            self.mail.send(compose(&content, &letter.recipient, &self.link_base, now)).await?;
        }
        Ok(())
    }

    /// What there is to say, if anything: an address without an account is not written to.
    async fn content(&self, letter: &Letter, now: DateTime<Utc>) -> anyhow::Result<Option<Content>> {
        let kind = LetterKind::from_name(&letter.kind);
        let kind = kind.ok_or_else(|| anyhow::anyhow!("`{}` is no kind of letter", letter.kind))?;
        let mut tx = self.db.begin().await?;
        let Some(account) = accounts::find_by_email(&mut tx, &letter.recipient).await? else {
            return Ok(None);
        };
        let content = match kind {
            LetterKind::VerifyEmail if account.is_verified() => return Ok(None),
            LetterKind::VerifyEmail => {
                let registration = registration(letter, &account);
                let issued =
                    codes::issue(&mut tx, &self.code_key, account.id, Purpose::VerifyEmail, Some(&registration), now);
                Content::VerifyEmail(issued.await?)
            }
            LetterKind::ResetPassword => {
                let issued = codes::issue(&mut tx, &self.code_key, account.id, Purpose::ResetPassword, None, now);
                Content::ResetPassword(issued.await?)
            }
            LetterKind::AlreadyRegistered => Content::AlreadyRegistered,
            LetterKind::PasswordChanged => Content::PasswordChanged,
            LetterKind::SessionEnded => Content::SessionEnded,
        };
        tx.commit().await?;
        Ok(Some(content))
    }
}

fn is_final(error: &anyhow::Error) -> bool {
    error.downcast_ref::<MailError>().is_some_and(MailError::is_final)
}

/// The registration the letter confirms: its own, or the latest one if a code was asked for again.
fn registration(letter: &Letter, account: &Account) -> Registration {
    match &letter.password_hash {
        Some(hash) => Registration { password_hash: hash.clone(), display_name: letter.display_name.clone() },
        None => {
            Registration { password_hash: account.password_hash.clone(), display_name: account.display_name.clone() }
        }
    }
}
