//! The statements on sessions and refresh tokens.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{EndReason, Session, SessionId};
use crate::accounts::AccountId;
use crate::tokens::RefreshToken;

/// A refresh token as the database knows it.
pub(super) struct StoredToken {
    pub generation: i64,
    pub rotated_at: Option<DateTime<Utc>>,
    pub successor_sealed: Option<Vec<u8>>,
}

pub(super) async fn insert(db: &mut PgConnection, session: &Session) -> Result<(), sqlx::Error> {
    let Session { id, account_id, generation, authenticated_at, last_used_at, expires_at, ended_at: _, ip, user_agent } =
        session;
    sqlx::query!(
        "INSERT INTO sessions (id, account_id, generation, authenticated_at, last_used_at, expires_at, ip, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id as _,
        account_id as _,
        generation,
        authenticated_at,
        last_used_at,
        expires_at,
        ip.as_deref(),
        user_agent.as_deref(),
    )
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn find(db: &mut PgConnection, id: SessionId) -> Result<Option<Session>, sqlx::Error> {
    sqlx::query_as!(
        Session,
        "SELECT id, account_id, generation, authenticated_at, last_used_at, expires_at, ended_at, ip, user_agent
         FROM sessions WHERE id = $1",
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Reads the session a refresh token belongs to, and keeps others from changing it until the transaction ends.
pub(super) async fn lock_by_token(db: &mut PgConnection, token: &RefreshToken) -> Result<Option<Session>, sqlx::Error> {
    sqlx::query_as!(
        Session,
        "SELECT id, account_id, generation, authenticated_at, last_used_at, expires_at, ended_at, ip, user_agent
         FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) FOR UPDATE",
        &token.hash(),
    )
    .fetch_optional(db)
    .await
}

/// The living sessions of an account, from the newest on, those before `before` if given.
pub(super) async fn list(
    db: &mut PgConnection,
    account: AccountId,
    idle_since: DateTime<Utc>,
    now: DateTime<Utc>,
    before: Option<SessionId>,
    rows: i64,
) -> Result<Vec<Session>, sqlx::Error> {
    sqlx::query_as!(
        Session,
        "SELECT id, account_id, generation, authenticated_at, last_used_at, expires_at, ended_at, ip, user_agent
         FROM sessions
         WHERE account_id = $1 AND ended_at IS NULL AND last_used_at > $2 AND expires_at > $3
           AND ($4::uuid IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
        account as _,
        idle_since,
        now,
        before as _,
        rows,
    )
    .fetch_all(db)
    .await
}

/// Ends one session of the account; says whether it was alive.
pub(super) async fn end(
    db: &mut PgConnection,
    account: AccountId,
    id: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE account_id = $1 AND id = $2 AND ended_at IS NULL",
        account as _,
        id as _,
        now,
        reason.name(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all living sessions of the account but `kept`, and names them.
pub(super) async fn end_all(
    db: &mut PgConnection,
    account: AccountId,
    kept: Option<SessionId>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE sessions SET ended_at = $3, end_reason = $4
         WHERE account_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2
         RETURNING id",
        account as _,
        kept as _,
        now,
        reason.name(),
    )
    .fetch_all(db)
    .await
}

/// Notes that the token of `generation` is the one to be used next.
pub(super) async fn advance(
    db: &mut PgConnection,
    id: SessionId,
    generation: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE sessions SET generation = $2, last_used_at = $3 WHERE id = $1", id as _, generation, now,)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn insert_token(
    db: &mut PgConnection,
    session: SessionId,
    token: &RefreshToken,
    generation: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES ($1, $2, $3)",
        &token.hash(),
        session as _,
        generation,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn find_token(
    db: &mut PgConnection,
    token: &RefreshToken,
) -> Result<Option<StoredToken>, sqlx::Error> {
    sqlx::query_as!(
        StoredToken,
        "SELECT generation, rotated_at, successor_sealed FROM refresh_tokens WHERE token_hash = $1",
        &token.hash(),
    )
    .fetch_optional(db)
    .await
}

/// Marks a token as used, and forgets the successor of the one before it: nobody is answered with that any more.
pub(super) async fn rotate_token(
    db: &mut PgConnection,
    session: &Session,
    successor_sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE refresh_tokens
         SET rotated_at = COALESCE(rotated_at, $3),
             successor_sealed = CASE WHEN generation = $2 THEN $4::bytea END
         WHERE session_id = $1 AND generation BETWEEN $2::bigint - 1 AND $2",
        session.id as _,
        session.generation,
        now,
        successor_sealed,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes sessions that ended before `before`, and their tokens with them.
pub(crate) async fn sweep(
    db: &mut PgConnection,
    before: DateTime<Utc>,
    idle_before: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM sessions WHERE ended_at < $1 OR expires_at < $1 OR last_used_at < $2",
        before,
        idle_before,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
