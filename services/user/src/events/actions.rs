//! Applying events: effect, inbox and cursor move in one transaction, so that each event counts once.

use chrono::{DateTime, TimeDelta, Utc};
use portico_common::id::uuid_at;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use super::error::EventError;
use super::feed::Batch;
use super::model::{Change, Event};
use super::store::{self, Failure, Parked};
use crate::profiles::{self, ProfileId};

/// Tries of an event before it is left for someone to look at.
const MAX_ATTEMPTS: i32 = 5;

/// The pause before the second try; each later one is four times as long.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);

/// How many events are tried again in one transaction.
const RETRY_ROWS: i64 = 100;

/// How long the ids of applied events are kept.
const MEMORY: TimeDelta = TimeDelta::days(30);

/// Applies what was read after the cursor `after`, unless another replica has meanwhile.
///
/// # Errors
/// The database failed; nothing was applied.
pub async fn apply(db: &PgPool, after: Option<&str>, batch: &Batch, now: DateTime<Utc>) -> Result<(), EventError> {
    let mut tx = db.begin().await?;
    if store::lock_cursor(&mut tx).await?.as_deref() != after {
        return Ok(());
    }
    for item in &batch.items {
        if let Err(error) = attempt(&mut tx, item, now).await? {
            set_aside(&mut tx, item, &error, now).await?;
        }
    }
    store::forget_applied(&mut tx, now - MEMORY).await?;
    store::move_cursor(&mut tx, &batch.next, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Tries again what was set aside and is due. Order does not matter: each part of a profile knows its version.
///
/// # Errors
/// The database failed; what was set aside still is.
pub async fn retry(db: &PgPool, now: DateTime<Utc>) -> Result<(), EventError> {
    let mut tx = db.begin().await?;
    store::forget_deleted(&mut tx).await?;
    for parked in store::due(&mut tx, now, RETRY_ROWS).await? {
        let item: Value = serde_json::from_str(&parked.payload)?;
        match attempt(&mut tx, &item, now).await? {
            Ok(()) => store::unpark(&mut tx, parked.id).await?,
            Err(error) => postpone(&mut tx, &parked, &error, now).await?,
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Applies one event in a savepoint: the inner error is the event's own, and leaves no trace of it.
async fn attempt(
    db: &mut PgConnection,
    item: &Value,
    now: DateTime<Utc>,
) -> Result<Result<(), EventError>, EventError> {
    let mut savepoint = db.begin().await?;
    match apply_one(&mut savepoint, item, now).await {
        Ok(()) => {
            savepoint.commit().await?;
            Ok(Ok(()))
        }
        Err(error @ EventError::Database(_)) => Err(error),
        Err(error) => {
            savepoint.rollback().await?;
            Ok(Err(error))
        }
    }
}

async fn apply_one(db: &mut PgConnection, item: &Value, now: DateTime<Utc>) -> Result<(), EventError> {
    let event = Event::parse(item)?;
    if !store::note_applied(db, event.id, now).await? {
        return Ok(());
    }
    let (subject, version) = (event.subject, event.version);
    match event.change()? {
        Change::Create(new) => {
            profiles::insert(db, &new, now).await?;
            store::hurry(db, subject, now).await?;
            Ok(())
        }
        Change::Email { email, is_verified } => {
            let is_set = profiles::set_email(db, subject, email.as_deref(), is_verified, version, now).await?;
            known(db, subject, is_set).await
        }
        Change::Roles(roles) => {
            let is_set = profiles::set_roles(db, subject, &roles, version, now).await?;
            known(db, subject, is_set).await
        }
        Change::Bury => Ok(profiles::bury(db, subject, now).await?),
        Change::Nothing => Ok(()),
    }
}

/// A row that was not changed is newer than the event, or it is not there yet.
async fn known(db: &mut PgConnection, subject: ProfileId, is_set: bool) -> Result<(), EventError> {
    if is_set || profiles::exists(db, subject).await? {
        return Ok(());
    }
    Err(EventError::UnknownAccount)
}

async fn set_aside(
    db: &mut PgConnection,
    item: &Value,
    error: &EventError,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let failure = Failure {
        id: id_in(item, "id").unwrap_or_else(|| uuid_at(now)),
        subject: id_in(item, "subject").map(ProfileId),
        payload: &item.to_string(),
        reason: &describe(error),
        due_at: now + FIRST_PAUSE,
    };
    tracing::warn!(event.id = %failure.id, reason = %error, "event set aside");
    store::park(db, &failure, now).await
}

async fn postpone(
    db: &mut PgConnection,
    parked: &Parked,
    error: &EventError,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let due_at = pause_after(parked.attempts + 1).map(|pause| now + pause);
    if due_at.is_none() {
        tracing::error!(event.id = %parked.id, reason = %error, "event given up; see parked_events");
    }
    store::park_again(db, parked.id, &describe(error), due_at).await
}

/// How long to wait after so many attempts; never again after the last.
fn pause_after(attempts: i32) -> Option<TimeDelta> {
    (attempts < MAX_ATTEMPTS).then(|| FIRST_PAUSE * 4_i32.pow(attempts.clamp(1, MAX_ATTEMPTS).unsigned_abs() - 1))
}

fn id_in(item: &Value, member: &str) -> Option<Uuid> {
    item.get(member)?.as_str()?.parse().ok()
}

/// The whole story for whoever looks into the table; it may quote the event, so it is not logged.
fn describe(error: &EventError) -> String {
    match error {
        EventError::Malformed(cause) => format!("{error}: {cause}"),
        EventError::Refused(cause) | EventError::Database(cause) => format!("{error}: {cause}"),
        EventError::UnknownAccount => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (0..=5).map(|n| pause_after(n).map(|pause| pause.num_seconds())).collect();

        assert_eq!(pauses, [Some(10), Some(10), Some(40), Some(160), Some(640), None]);
    }
}
