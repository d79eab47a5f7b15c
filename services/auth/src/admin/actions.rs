//! Changing what an account may do, with effect on the tokens it already has.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use portico_common::clock::Clock;
use portico_common::error::ApiError;
use portico_common::etag::IfMatch;
use sqlx::{PgConnection, PgPool};

use crate::accounts::{self, Account, AccountError, AccountId, Roles};
use crate::events::EventKind;
use crate::revocations;
use crate::sessions::{self, EndReason};
use crate::tokens::TokenIssuer;

/// Sets the roles of an account the admin has seen in its present version.
pub(super) async fn set_roles(
    db: &PgPool,
    issuer: &TokenIssuer,
    id: AccountId,
    roles: &Roles,
    condition: &IfMatch,
    clock: &Clock,
) -> Result<Account, ApiError> {
    let mut tx = db.begin().await?;
    let account = accounts::lock(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    // Read after the lock: whoever was let in with the old roles while this waited is to be covered.
    let now = clock.now();
    condition.check(account.version)?;
    let account = apply_roles(&mut tx, account, roles, issuer.all_expired(now), now).await?;
    tx.commit().await?;
    Ok(account)
}

/// Sets the roles and voids the tokens that carry others; the caller holds the account's lock.
pub(crate) async fn apply_roles(
    db: &mut PgConnection,
    account: Account,
    roles: &Roles,
    tokens_expired_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Account, sqlx::Error> {
    if account.roles == *roles {
        return Ok(account);
    }
    // Tokens name the second they were issued in, and those made since the last change name `tokens_valid_from`
    // although that may lie ahead: only the second after both tells the new roles from all others.
    let valid_from = now.trunc_subsecs(0).max(account.tokens_valid_from) + TimeDelta::seconds(1);
    accounts::set_roles(db, account.id, roles, valid_from).await?;
    revocations::revoke_subject(db, account.id, valid_from, tokens_expired_at).await?;
    accounts::announce(db, account.id, EventKind::RolesChanged, now).await
}

/// Locks the account and ends its sessions; locking a locked one changes nothing.
pub(super) async fn lock(
    db: &PgPool,
    issuer: &TokenIssuer,
    id: AccountId,
    now: DateTime<Utc>,
) -> Result<Account, AccountError> {
    let mut tx = db.begin().await?;
    let account = accounts::lock(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    if account.is_locked() {
        return Ok(account);
    }
    accounts::set_locked(&mut tx, id, Some(now)).await?;
    sessions::end_all(&mut tx, id, None, EndReason::AccountLocked, issuer.all_expired(now), now).await?;
    let account = accounts::announce(&mut tx, id, EventKind::Locked, now).await?;
    tx.commit().await?;
    Ok(account)
}

/// Lets the account sign in again; unlocking an open one changes nothing.
pub(super) async fn unlock(db: &PgPool, id: AccountId, now: DateTime<Utc>) -> Result<Account, AccountError> {
    let mut tx = db.begin().await?;
    let account = accounts::lock(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    if !account.is_locked() {
        return Ok(account);
    }
    accounts::set_locked(&mut tx, id, None).await?;
    let account = accounts::announce(&mut tx, id, EventKind::Unlocked, now).await?;
    tx.commit().await?;
    Ok(account)
}
