//! The statements on revocations.

use chrono::{DateTime, Utc};
use portico_common::token::Revocation;
use sqlx::PgConnection;

use super::Snapshot;
use crate::accounts::AccountId;
use crate::sessions::SessionId;

/// Ends the access tokens of sessions; the last of them would have expired at `expires_at`.
pub(crate) async fn revoke_sessions(
    db: &mut PgConnection,
    sessions: &[SessionId],
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = sessions.iter().map(|session| session.0).collect();
    sqlx::query!(
        "INSERT INTO revocations (session_id, expires_at) SELECT session, $2 FROM unnest($1::uuid[]) AS session",
        &ids,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the access tokens of an account that were issued before `not_before`.
pub(crate) async fn revoke_subject(
    db: &mut PgConnection,
    subject: AccountId,
    not_before: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO revocations (subject, not_before, expires_at) VALUES ($1, $2, $3)",
        subject as _,
        not_before,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Reads what `seen` does not contain and still matters at `now`, and what the reader will have seen then.
pub(crate) async fn read(
    db: &mut PgConnection,
    seen: Option<&Snapshot>,
    now: DateTime<Utc>,
) -> Result<(Vec<Revocation>, Snapshot), sqlx::Error> {
    // One statement, so that the rows and the snapshot are of the same moment. A cursor from the
    // future was made by another cluster and says nothing about the rows of this one.
    let rows = sqlx::query!(
        r#"SELECT pg_current_snapshot()::text AS "snapshot!", r.session_id AS "session?", r.subject AS "subject?",
                r.not_before AS "not_before?", r.expires_at AS "expires_at?"
         FROM (SELECT $1::text::pg_snapshot AS snapshot) AS seen
         LEFT JOIN revocations r ON r.expires_at > $2 AND (
             seen.snapshot IS NULL
             OR pg_snapshot_xmax(seen.snapshot) > pg_snapshot_xmax(pg_current_snapshot())
             OR (r.xid >= pg_snapshot_xmin(seen.snapshot) AND NOT pg_visible_in_snapshot(r.xid, seen.snapshot)))
         ORDER BY r.seq"#,
        seen.map(Snapshot::as_str),
        now,
    )
    .fetch_all(db)
    .await?;
    let snapshot = rows.first().map(|row| row.snapshot.clone()).ok_or(sqlx::Error::RowNotFound)?;
    let items = rows.into_iter().filter_map(|row| {
        Some(Revocation {
            session: row.session,
            subject: row.subject,
            not_before: row.not_before.map(|time| time.timestamp()),
            expires_at: row.expires_at?.timestamp(),
        })
    });
    Ok((items.collect(), Snapshot::trusted(snapshot)))
}

/// Removes what has expired.
pub(crate) async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query!("DELETE FROM revocations WHERE expires_at <= $1", now).execute(db).await?.rows_affected())
}
