//! The statements on accounts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Account, AccountId, EmailAddress, NewAccount, Registration, Roles};
use crate::tokens::RefreshToken;

/// Makes the account, and says whether the address was still free.
pub(crate) async fn insert(db: &mut PgConnection, new: &NewAccount, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let NewAccount { id, email, registration, roles, email_verified_at } = new;
    let done = sqlx::query!(
        "INSERT INTO accounts (id, email, email_verified_at, display_name, password_hash, roles, tokens_valid_from,
                               version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $7, $7)
         ON CONFLICT (email) DO NOTHING",
        id as _,
        email.as_str(),
        *email_verified_at,
        registration.display_name,
        registration.password_hash,
        &roles.names(),
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn find(db: &mut PgConnection, id: AccountId) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await
}

pub(crate) async fn find_by_email(db: &mut PgConnection, email: &EmailAddress) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts WHERE email = $1",
        email.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// Reads the account and keeps others from changing it until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection, id: AccountId) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts WHERE id = $1 FOR UPDATE",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Like [`lock`], by address.
pub(crate) async fn lock_by_email(db: &mut PgConnection, email: &EmailAddress) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts WHERE email = $1 FOR UPDATE",
        email.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// Reads the account whose session a refresh token belongs to, and keeps others from changing it until the transaction
/// ends; several may hold it so at once.
pub(crate) async fn hold_by_token(db: &mut PgConnection, token: &RefreshToken) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts
         WHERE id = (SELECT account_id FROM refresh_tokens JOIN sessions ON sessions.id = session_id
                     WHERE token_hash = $1)
         FOR SHARE",
        &token.hash(),
    )
    .fetch_optional(db)
    .await
}

/// Lists accounts from the newest on, those before `before` if given.
pub(crate) async fn list(
    db: &mut PgConnection,
    email: Option<&EmailAddress>,
    before: Option<AccountId>,
    rows: i64,
) -> Result<Vec<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "SELECT id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from, version,
                created_at, updated_at
         FROM accounts
         WHERE ($1::text IS NULL OR email = $1) AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3",
        email.map(EmailAddress::as_str),
        before as _,
        rows,
    )
    .fetch_all(db)
    .await
}

pub(crate) async fn set_password(
    db: &mut PgConnection,
    id: AccountId,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE accounts SET password_hash = $2, updated_at = $3 WHERE id = $1", id as _, password_hash, now,)
        .execute(db)
        .await?;
    Ok(())
}

/// Puts a newer registration of an address that nobody has verified in the place of one whose codes have expired, those
/// of before `expired_before`. Until then the first one stands: a code asked for again is for it.
pub(super) async fn supersede_registration(
    db: &mut PgConnection,
    id: AccountId,
    registration: &Registration,
    expired_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE accounts SET password_hash = $2, display_name = $3, updated_at = $4
         WHERE id = $1 AND email_verified_at IS NULL AND updated_at <= $5
           AND NOT EXISTS (SELECT FROM codes WHERE account_id = $1 AND purpose = 'verify_email' AND expires_at > $4)",
        id as _,
        registration.password_hash,
        registration.display_name,
        now,
        expired_before,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives an address that nobody has verified the registration that was just proven.
pub(crate) async fn replace_registration(
    db: &mut PgConnection,
    id: AccountId,
    registration: &Registration,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE accounts SET password_hash = $2, display_name = $3, updated_at = $4
         WHERE id = $1 AND email_verified_at IS NULL",
        id as _,
        registration.password_hash,
        registration.display_name,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn set_verified(db: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE accounts SET email_verified_at = $2 WHERE id = $1", id as _, now).execute(db).await?;
    Ok(())
}

/// Sets the roles, and voids the access tokens that carry the old ones.
pub(crate) async fn set_roles(
    db: &mut PgConnection,
    id: AccountId,
    roles: &Roles,
    tokens_valid_from: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE accounts SET roles = $2, tokens_valid_from = $3 WHERE id = $1",
        id as _,
        &roles.names(),
        tokens_valid_from,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn set_locked(
    db: &mut PgConnection,
    id: AccountId,
    locked_at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE accounts SET locked_at = $2 WHERE id = $1", id as _, locked_at).execute(db).await?;
    Ok(())
}

/// Removes accounts nobody verified or touched since `before`; a code that is still good keeps one, and so does a lock.
pub(crate) async fn sweep(db: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM accounts
         WHERE email_verified_at IS NULL AND updated_at < $1 AND locked_at IS NULL
           AND NOT EXISTS (SELECT FROM codes WHERE account_id = accounts.id)",
        before,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Counts one more event of the account and reads what it is now.
pub(crate) async fn bump(db: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> Result<Account, sqlx::Error> {
    sqlx::query_as!(
        Account,
        "UPDATE accounts SET version = version + 1, updated_at = $2 WHERE id = $1
         RETURNING id, email, email_verified_at, display_name, password_hash, roles, locked_at, tokens_valid_from,
                   version, created_at, updated_at",
        id as _,
        now,
    )
    .fetch_one(db)
    .await
}
