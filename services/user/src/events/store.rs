//! The SQL of the consumer: how far it is, what it has applied, what it has set aside.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::profiles::ProfileId;

/// How far the feed has been read.
pub async fn cursor(db: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT position FROM event_cursors WHERE feed = 'auth'").fetch_one(db).await
}

/// The same, keeping other replicas from applying events until the transaction ends.
pub async fn lock_cursor(db: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT position FROM event_cursors WHERE feed = 'auth' FOR UPDATE").fetch_one(db).await
}

/// Moves the cursor.
pub async fn move_cursor(db: &mut PgConnection, position: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE event_cursors SET position = $1, moved_at = $2 WHERE feed = 'auth'", position, now,)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that an event is being applied, and says whether it is for the first time.
pub async fn note_applied(db: &mut PgConnection, event: Uuid, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO applied_events (id, applied_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        event,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets events applied before `before`; should one come again, its version shows that it is old.
pub async fn forget_applied(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM applied_events WHERE applied_at < $1", before).execute(db).await?;
    Ok(())
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The event's id, or one of ours if it has none.
    pub id: Uuid,
    /// The item of the feed, as JSON text: Postgres's own JSON could not hold every text.
    pub payload: String,
    /// How often it was tried.
    pub attempts: i32,
}

/// What is noted of an event that could not be applied.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The event's id, or one of ours if it has none.
    pub id: Uuid,
    /// The account, if the event says it.
    pub subject: Option<ProfileId>,
    /// The item of the feed, as JSON text.
    pub payload: &'a str,
    /// Why it could not be applied.
    pub reason: &'a str,
    /// When to try again.
    pub due_at: DateTime<Utc>,
}

/// Sets an event aside after its first attempt; one that is there already stays as it is.
pub async fn park(db: &mut PgConnection, failure: &Failure<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let Failure { id, subject, payload, reason, due_at } = failure;
    sqlx::query!(
        "INSERT INTO parked_events (id, subject, payload, reason, attempts, due_at, parked_at)
         VALUES ($1, $2, $3, $4, 1, $5, $6)
         ON CONFLICT (id) DO NOTHING",
        id,
        subject.map(|subject| subject.0),
        payload,
        reason,
        due_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The events to be tried again by now, kept from other replicas until the transaction ends.
pub async fn due(db: &mut PgConnection, now: DateTime<Utc>, rows: i64) -> Result<Vec<Parked>, sqlx::Error> {
    sqlx::query_as!(
        Parked,
        "SELECT id, payload, attempts FROM parked_events
         WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        rows,
    )
    .fetch_all(db)
    .await
}

/// Notes another failed attempt; without `due_at` it was the last.
pub async fn park_again(
    db: &mut PgConnection,
    id: Uuid,
    reason: &str,
    due_at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE parked_events SET attempts = attempts + 1, reason = $2, due_at = $3 WHERE id = $1",
        id,
        reason,
        due_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets an event that has been applied after all.
pub async fn unpark(db: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM parked_events WHERE id = $1", id).execute(db).await?;
    Ok(())
}

/// Lets all that is set aside for an account be tried at once, also what was given up.
pub async fn hurry(db: &mut PgConnection, subject: ProfileId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE parked_events SET attempts = 0, due_at = $2 WHERE subject = $1", subject.0, now,)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets what is set aside for people who were deleted: it tells of them.
pub async fn forget_deleted(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM parked_events USING profiles
         WHERE profiles.id = parked_events.subject AND profiles.status = 'deleted'"
    )
    .execute(db)
    .await?;
    Ok(())
}
