//! The statements on letters.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::{Letter, LetterId, LetterKind};
use crate::accounts::{EmailAddress, Registration};

/// While one process delivers a letter, the others leave it alone for so long: longer than a delivery can take.
const LEASE: TimeDelta = TimeDelta::minutes(1);

/// Writes a letter down, in the transaction that causes it.
pub(crate) async fn enqueue(
    db: &mut PgConnection,
    kind: LetterKind,
    recipient: &EmailAddress,
    registration: Option<&Registration>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO letters (id, kind, recipient, password_hash, display_name, created_at, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        LetterId::new(now) as _,
        kind.name(),
        recipient.as_str(),
        registration.map(|registration| registration.password_hash.as_str()),
        registration.and_then(|registration| registration.display_name.as_deref()),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the letter that is due longest, and counts the attempt; for a while nobody else will take it.
pub(super) async fn claim(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<Letter>, sqlx::Error> {
    sqlx::query_as!(
        Letter,
        "UPDATE letters SET attempts = attempts + 1, due_at = $2
         WHERE id = (SELECT id FROM letters WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, recipient, password_hash, display_name, attempts",
        now,
        now + LEASE,
    )
    .fetch_optional(db)
    .await
}

/// Removes a letter that was delivered, or given up.
pub(super) async fn delete(db: &mut PgConnection, id: LetterId) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM letters WHERE id = $1", id as _).execute(db).await?;
    Ok(())
}

pub(super) async fn postpone(db: &mut PgConnection, id: LetterId, due_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE letters SET due_at = $2 WHERE id = $1", id as _, due_at).execute(db).await?;
    Ok(())
}
