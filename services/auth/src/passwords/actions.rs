//! Changing and resetting a password.

use chrono::{DateTime, Utc};
use portico_common::error::Invalid;
use sqlx::PgPool;

use super::{GivenPassword, PasswordError, PasswordGate, Verdict};
use crate::accounts::{self, Account, AccountId, EmailAddress};
use crate::codes::{self, CodeKey, Purpose};
use crate::events::EventKind;
use crate::letters::{self, LetterKind};
use crate::sessions::{self, EndReason, SessionId};
use crate::tokens::TokenIssuer;

/// A change asked for by somebody who is signed in.
pub(super) struct Change {
    pub account: AccountId,
    pub session: SessionId,
    pub current: GivenPassword,
    pub new: String,
}

/// Changes the password and ends every session but the one it was asked in.
pub(super) async fn change(
    db: &PgPool,
    gate: &PasswordGate,
    issuer: &TokenIssuer,
    change: Change,
    now: DateTime<Utc>,
) -> Result<(), PasswordError> {
    let Change { account, session, current, new } = change;
    let account = {
        let mut connection = db.acquire().await?;
        accounts::find(&mut connection, account).await?.ok_or(PasswordError::WrongCurrent)?
    };
    let is_same = current.as_bytes() == new.as_bytes();
    if gate.verify(current, Some(account.password_hash.clone())).await? == Verdict::Wrong {
        return Err(PasswordError::WrongCurrent);
    }
    if is_same {
        return Err(PasswordError::Refused(Invalid::new("unchanged", "choose another password than the current one")));
    }
    let hash = hash_new(gate, new, &account.email, account.display_name.as_deref()).await?;

    let mut tx = db.begin().await?;
    let locked = accounts::lock(&mut tx, account.id).await?;
    let is_unchanged = |locked: &Account| locked.password_hash == account.password_hash;
    if !locked.as_ref().is_some_and(is_unchanged) {
        return Err(PasswordError::WrongCurrent);
    }
    accounts::set_password(&mut tx, account.id, &hash, now).await?;
    // A code asked for before, perhaps by whoever made the change necessary, must not undo it.
    codes::void(&mut tx, account.id, Purpose::ResetPassword).await?;
    let (reason, expired_at) = (EndReason::PasswordChanged, issuer.all_expired(now));
    sessions::end_all(&mut tx, account.id, Some(session), reason, expired_at, now).await?;
    letters::enqueue(&mut tx, LetterKind::PasswordChanged, &account.email, None, now).await?;
    tx.commit().await?;
    Ok(())
}

/// A change proven by a mailed code.
pub(super) struct Reset {
    pub email: EmailAddress,
    pub code: String,
    pub new: String,
}

/// Sets the password by a mailed code, which proves the address as well, and ends all sessions.
///
/// The password is hashed whether or not the code is good: nobody can tell by the clock.
pub(super) async fn reset(
    db: &PgPool,
    gate: &PasswordGate,
    issuer: &TokenIssuer,
    key: &CodeKey,
    reset: Reset,
    now: DateTime<Utc>,
) -> Result<(), PasswordError> {
    let Reset { email, code, new } = reset;
    let hash = hash_new(gate, new, &email, None).await?;

    let mut tx = db.begin().await?;
    let account = accounts::lock_by_email(&mut tx, &email).await?;
    let redeemed = codes::redeem(&mut tx, key, account.as_ref(), Purpose::ResetPassword, &code, now).await?;
    let Some(account) = account.filter(|_| redeemed.is_some()) else {
        // The failed attempt must be remembered.
        tx.commit().await?;
        return Err(PasswordError::InvalidCode);
    };
    accounts::set_password(&mut tx, account.id, &hash, now).await?;
    if !account.is_verified() {
        codes::void(&mut tx, account.id, Purpose::VerifyEmail).await?;
        accounts::set_verified(&mut tx, account.id, now).await?;
        accounts::announce(&mut tx, account.id, EventKind::AccountCreated, now).await?;
    }
    let (reason, expired_at) = (EndReason::PasswordChanged, issuer.all_expired(now));
    sessions::end_all(&mut tx, account.id, None, reason, expired_at, now).await?;
    letters::enqueue(&mut tx, LetterKind::PasswordChanged, &email, None, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn hash_new(
    gate: &PasswordGate,
    new: String,
    email: &EmailAddress,
    display_name: Option<&str>,
) -> Result<String, PasswordError> {
    let mut context = vec![email.as_str(), email.local_part()];
    context.extend(display_name);
    gate.hash_new(new, &context).await?.map_err(PasswordError::Refused)
}
