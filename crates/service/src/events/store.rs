//! The statements on the outbox.

use chrono::{DateTime, Utc};
use portico_common::id::uuid_at;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Event, Position};

/// Writes what happened to the `subject`, in the transaction in which it happens. `data` is all that others may know of it.
///
/// # Errors
/// There is an event of that version already, or the database could not be reached.
pub async fn append(
    db: &mut PgConnection,
    kind: &str,
    subject: Uuid,
    version: i64,
    data: Value,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO events (id, type, subject, version, occurred_at, data) VALUES ($1, $2, $3, $4, $5, $6)",
        uuid_at(now),
        kind,
        subject,
        version,
        now,
        data,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Reads on from a position, as far as no transaction still running can put something in between.
///
/// # Errors
/// The database could not be reached.
pub async fn read(db: &mut PgConnection, after: Position, rows: i64) -> Result<Vec<Event>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, type AS kind, subject, version, occurred_at, data, xid::text AS "xid!", seq
         FROM events
         WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY xid, seq LIMIT $3"#,
        after.xid.to_string(),
        after.seq,
        rows,
    )
    .fetch_all(db)
    .await?;
    let events = rows.into_iter().map(|row| {
        Ok(Event {
            id: row.id,
            kind: row.kind,
            subject: row.subject,
            version: row.version,
            occurred_at: row.occurred_at,
            data: row.data,
            position: Position { xid: text_to_xid(&row.xid)?, seq: row.seq },
        })
    });
    events.collect()
}

/// The position of the last event that can be read now.
///
/// # Errors
/// The database could not be reached.
pub async fn head(db: &mut PgConnection) -> Result<Position, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT xid::text AS "xid!", seq FROM events
         WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY xid DESC, seq DESC LIMIT 1"#
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(Position::default());
    };
    Ok(Position { xid: text_to_xid(&row.xid)?, seq: row.seq })
}

fn text_to_xid(text: &str) -> Result<u64, sqlx::Error> {
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
