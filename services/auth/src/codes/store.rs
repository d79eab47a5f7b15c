//! The statements on codes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::MAX_ATTEMPTS;
use super::{CodeId, Purpose};
use crate::accounts::{AccountId, Registration};

pub(super) struct NewCode<'a> {
    pub id: CodeId,
    pub account: AccountId,
    pub purpose: Purpose,
    pub hash: [u8; 32],
    pub registration: Option<&'a Registration>,
}

/// A code that may still be redeemed; one attempt at it is counted already.
pub(super) struct Candidate {
    pub account_id: AccountId,
    pub code_hash: Vec<u8>,
    pub password_hash: Option<String>,
    pub display_name: Option<String>,
}

pub(super) async fn insert(db: &mut PgConnection, code: &NewCode<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let NewCode { id, account, purpose, hash, registration } = code;
    sqlx::query!(
        "INSERT INTO codes (id, account_id, purpose, code_hash, password_hash, display_name, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id as _,
        account as _,
        purpose.name(),
        hash,
        registration.map(|registration| registration.password_hash.as_str()),
        registration.and_then(|registration| registration.display_name.as_deref()),
        now,
        now + purpose.life(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts an attempt at each code of the account that is still good, and reads them.
pub(super) async fn attempt(
    db: &mut PgConnection,
    account: Option<AccountId>,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as!(
        Candidate,
        "UPDATE codes SET attempts = attempts + 1
         WHERE account_id = $1 AND purpose = $2 AND expires_at > $3 AND attempts < $4
         RETURNING account_id, code_hash, password_hash, display_name",
        account as _,
        purpose.name(),
        now,
        MAX_ATTEMPTS,
    )
    .fetch_all(db)
    .await
}

/// Writes to the log of the database, and nowhere else, so that the commit costs what that of a counted attempt does.
pub(super) async fn feign_attempt(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_logical_emit_message(true, 'codes', ''::text) IS NULL AS ignored").fetch_one(db).await?;
    Ok(())
}

/// Voids all codes of the account for the purpose.
pub(crate) async fn delete(db: &mut PgConnection, account: AccountId, purpose: Purpose) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM codes WHERE account_id = $1 AND purpose = $2", account as _, purpose.name())
        .execute(db)
        .await?;
    Ok(())
}

/// Removes what has expired.
pub(crate) async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query!("DELETE FROM codes WHERE expires_at <= $1", now).execute(db).await?.rows_affected())
}
