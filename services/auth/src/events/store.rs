//! The statements on the outbox.

use chrono::{DateTime, Utc};
use portico_common::id::uuid_at;
use sqlx::PgConnection;

use super::{Event, EventKind, Position};
use crate::accounts::Account;

/// Writes what happened, in the transaction in which it happens.
pub(crate) async fn append(
    db: &mut PgConnection,
    kind: EventKind,
    account: &Account,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO events (id, type, subject, version, occurred_at, data) VALUES ($1, $2, $3, $4, $5, $6)",
        uuid_at(now),
        kind.name(),
        account.id as _,
        account.version,
        now,
        account.snapshot(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Reads on from a position, as far as no transaction still running can put something in between.
pub(crate) async fn read(db: &mut PgConnection, after: Position, rows: i64) -> Result<Vec<Event>, sqlx::Error> {
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
pub(crate) async fn head(db: &mut PgConnection) -> Result<Position, sqlx::Error> {
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
