//! The SQL of keys.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Key, expiry};

/// An answer that was given under a key.
pub struct Stored {
    /// What told its request from others.
    pub fingerprint: Vec<u8>,
    /// The status.
    pub status: Option<i16>,
    /// The headers that belong to the answer, by name.
    pub headers: Option<Value>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// Makes statements of this transaction that wait for a lock give up soon: another request holds the key.
///
/// # Errors
/// The database could not be reached.
pub async fn wait_briefly(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SET LOCAL lock_timeout = '50ms'").execute(db).await?;
    Ok(())
}

/// Ends [`wait_briefly`], and marks the point to which a failed effect is undone.
///
/// # Errors
/// The database could not be reached.
pub async fn mark(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SET LOCAL lock_timeout = DEFAULT").execute(&mut *db).await?;
    sqlx::query!("SAVEPOINT effect").execute(db).await?;
    Ok(())
}

/// Undoes what was done since [`mark`], and keeps the key.
///
/// # Errors
/// The database could not be reached.
pub async fn undo(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("ROLLBACK TO SAVEPOINT effect").execute(db).await?;
    Ok(())
}

/// Takes a key that is free or expired, and says whether it was.
///
/// # Errors
/// Another transaction holds the key, or the database could not be reached.
pub async fn take(
    db: &mut PgConnection,
    subject: Uuid,
    key: &Key,
    fingerprint: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "INSERT INTO idempotency_keys AS stored (subject, key, fingerprint, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (subject, key) DO UPDATE
         SET fingerprint = excluded.fingerprint, status = NULL, headers = NULL, body = NULL,
             created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE stored.expires_at <= excluded.created_at",
        subject,
        key.as_str(),
        fingerprint,
        now,
        expiry(now),
    )
    .execute(db)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// The answer that was given under a key.
///
/// # Errors
/// The database could not be reached.
pub async fn find(db: &mut PgConnection, subject: Uuid, key: &Key) -> Result<Option<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE subject = $1 AND key = $2",
        subject,
        key.as_str(),
    )
    .fetch_optional(db)
    .await
}

/// Writes the answer under its key.
///
/// # Errors
/// The database could not be reached.
pub async fn answer(
    db: &mut PgConnection,
    subject: Uuid,
    key: &Key,
    status: i16,
    headers: Value,
    body: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE subject = $1 AND key = $2",
        subject,
        key.as_str(),
        status,
        headers,
        body,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes what has expired, and says how much it was.
///
/// # Errors
/// The database could not be reached.
pub async fn remove_expired(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query!("DELETE FROM idempotency_keys WHERE expires_at <= $1", now).execute(db).await?;
    Ok(removed.rows_affected())
}
